"""Model files: safetensors with a JSON header that says how to build the model. Nothing in them is run.

The same container holds checkpoints. Every file is written aside and then renamed, so that a full disk or a
crash leaves the earlier file as it was.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from made.support.errors import InputError

__all__ = ["FORMAT_VERSION", "path_aside", "read_tensors", "write_aside", "write_tensors", "writing_aside"]

#: Raised by one whenever an older version of made could not read the new files.
FORMAT_VERSION = 1

_KEY = "made"


@contextmanager
def writing_aside(path: str | Path) -> Iterator[BinaryIO]:
    r"""Write a file beside its place, portion by portion, and move it there at the end of the block.

    Whatever ends the block early, Ctrl-C too, leaves an earlier file at `path` as it was, and no other.

    Parameters
    ----------
    path : path
        Where the file is to be.

    Yields
    ------
    binary file
        To write to.

    Raises
    ------
    InputError
        If the folder is missing or not writable, or the disk is full.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with writing_aside(Path(folder, "rows.csv")) as file:
    ...         _ = file.write(b"x0,x1\n")
    ...         _ = file.write(b"0,1\n")
    ...     Path(folder, "rows.csv").read_text()
    'x0,x1\n0,1\n'
    """
    with path_aside(path) as aside, aside.open("wb") as file:
        yield file


@contextmanager
def path_aside(path: str | Path) -> Iterator[Path]:
    """Make an empty file beside a place, for others to write to, and move it there at the end of the block.

    Yields
    ------
    Path
        Of the file to write; otherwise as `writing_aside`.
    """
    path = Path(path)
    aside = None
    try:
        if path.is_dir():  # said now, not after the last portion
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        aside = Path(name)
        os.close(handle)
        yield aside
        with aside.open("rb+") as file:
            os.fsync(file.fileno())
        aside.chmod(0o666 & ~_umask())
        os.replace(aside, path)
    except BaseException as error:
        if aside is not None:
            aside.unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        reason = error.strerror or str(error)
        raise InputError(f"cannot write {path}: {reason}; what was there before is unchanged") from error


def write_aside(path: str | Path, content: bytes) -> None:
    """Write a file in full beside its place, then move it there; see `writing_aside`."""
    with writing_aside(path) as file:
        file.write(content)


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


def _umask() -> int:
    """Return the umask: mkstemp makes private files, a model should be as readable as any other file."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
