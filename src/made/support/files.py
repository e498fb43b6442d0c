"""Model files: safetensors with a JSON header that says how to build the model. Nothing in them is run.

The same container holds checkpoints.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from made.support.errors import InputError
from made.support.writing import write_aside

__all__ = ["FORMAT_VERSION", "read_tensors", "write_tensors"]

#: Raised by one whenever an older version of made could not read the new files.
FORMAT_VERSION = 1

_KEY = "made"


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
        "digest": _digest(kind, settings, plain),
    }
    write_aside(path, safetensors.torch.save(plain, metadata={_KEY: json.dumps(header)}))


def read_tensors(path: str | Path) -> tuple[str, dict[str, Any], dict[str, Tensor]]:
    """Read what `write_tensors` wrote.

    Returns
    -------
    kind, settings, tensors

    Raises
    ------
    InputError
        If the file is missing, truncated, altered, written by a newer version, or no file of made's.
    """
    import safetensors

    path = Path(path)
    if not path.is_file():
        raise InputError(f"there is no model file {path}")
    tensors: dict[str, Tensor] = {}
    try:
        with safetensors.safe_open(str(path), framework="pt", device="cpu") as file:
            metadata = file.metadata() or {}
            for name in file.keys():  # noqa: SIM118 (safe_open is no mapping)
                tensors[name] = file.get_tensor(name)
        header = json.loads(metadata.get(_KEY, "null"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except (safetensors.SafetensorError, ValueError) as error:
        raise InputError(f"{path} is truncated or no model file of made: {error}") from error
    if not isinstance(header, dict) or header.get("format") != _KEY:
        raise InputError(
            f"{path} is a safetensors file, but none that made wrote (it has no header of made's)"
        )
    version, kind, settings = (header.get(key) for key in ("version", "kind", "settings"))
    if not (isinstance(version, int) and isinstance(kind, str) and isinstance(settings, dict)):
        raise InputError(f"{path} is damaged: its header is incomplete")
    if version > FORMAT_VERSION:
        raise InputError(
            f"{path} has format version {version}, this made reads {FORMAT_VERSION}: update made"
        )
    if header.get("digest") != _digest(kind, settings, tensors):
        raise InputError(f"{path} is damaged: its digest does not match its content")
    return kind, settings, tensors


def _digest(kind: str, settings: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> str:
    """Return a SHA-256 over settings, names, shapes, types and bytes."""
    digest = hashlib.sha256(json.dumps([kind, settings], sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b"")
    return digest.hexdigest()
