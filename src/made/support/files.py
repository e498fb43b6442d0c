"""Model files: safetensors with a JSON header that says how to build the model. Nothing in them is run.

The same container holds checkpoints.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from made.support.errors import InputError
from made.support.headers import Place, read_header, read_json
from made.support.writing import write_aside

__all__ = ["FORMAT_VERSION", "read_tensors", "write_tensors"]

#: Raised by one whenever an older version of made could not read the new files. Version 1 has format and
#: version outside its digest; there is no other value that they could have, so nothing is let in.
FORMAT_VERSION = 2

_KEY = "made"
_FIELDS = {"format", "version", "kind", "settings", "digest"}


def write_tensors(
    path: str | Path, kind: str, settings: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> None:
    """Write tensors with a header.

    Parameters
    ----------
    path : path
        Where to.
    kind : str
        What the file holds: ``"MADE"``, ``"mixture"``, ``"Autoencoder"`` or ``"checkpoint"``.
    settings : mapping
        JSON-ready; for a model, the arguments that build it.
    tensors : mapping of str to Tensor
        By name.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    import safetensors.torch

    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    header = {
        "format": _KEY,
        "version": FORMAT_VERSION,
        "kind": kind,
        "settings": dict(settings),
    }
    header["digest"] = _digest(header, plain)
    write_aside(path, safetensors.torch.save(plain, metadata={_KEY: json.dumps(header)}))


def read_tensors(path: str | Path) -> tuple[str, dict[str, Any], dict[str, Tensor]]:
    """Read what `write_tensors` wrote.

    Nothing is believed: the header is read with bounds, see `made.support.headers`, and all of it is under
    the digest.

    Returns
    -------
    kind, settings, tensors

    Raises
    ------
    InputError
        If the file is missing, truncated, altered, written by a newer version, or no file of made's.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"there is no model file {path}")
    try:
        with path.open("rb") as file:
            own = read_header(file, path.stat().st_size)
            text = own.metadata.pop(_KEY, "null")
            header = read_json(text.encode("ascii"))
            tensors = {name: _read_tensor(file, place) for name, place in own.places.items()}
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except InputError as error:
        raise InputError(f"{path} {error}") from None
    except MemoryError:
        raise InputError(f"{path} needs more memory to be read than there is") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is truncated or no model file of made: {error}") from error
    if not isinstance(header, dict) or header.get("format") != _KEY:
        raise InputError(
            f"{path} is a safetensors file, but none that made wrote (it has no header of made's)"
        )
    version: Any
    version, kind, settings = (header.get(key) for key in ("version", "kind", "settings"))
    if type(version) is int and version > FORMAT_VERSION:
        raise InputError(
            f"{path} has format version {version}, this made reads {FORMAT_VERSION}: update made"
        )
    is_whole = type(version) is int and header.keys() == _FIELDS and not own.metadata
    if not (is_whole and isinstance(kind, str) and isinstance(settings, dict)):
        raise InputError(f"{path} is damaged: its header is incomplete, or says more than made does")
    if version < 1:
        raise InputError(f"{path} is damaged: there is no format version {version}")
    if header.pop("digest") != _digest(header, tensors):
        raise InputError(f"{path} is damaged: its digest does not match its content")
    return kind, settings, tensors


def _read_tensor(file: BinaryIO, place: Place) -> Tensor:
    tensor = torch.empty(place.shape, dtype=place.dtype)
    file.seek(place.offset)
    if tensor.numel() and file.readinto(_bytes_of(tensor)) != place.size:  # type: ignore[attr-defined]
        raise ValueError("it became shorter while it was read")
    return tensor


def _bytes_of(tensor: Tensor) -> memoryview:
    return tensor.reshape(-1).view(torch.uint8).numpy().data


def _digest(header: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> str:
    """Return a SHA-256 over the header, digest apart, and names, shapes, types and bytes of the tensors."""
    own = dict(header) if header["version"] > 1 else [header["kind"], header["settings"]]
    digest = hashlib.sha256(json.dumps(own, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(_bytes_of(tensor) if tensor.numel() else b"")
    return digest.hexdigest()
