"""Locks between processes: only one writes into a folder; another is told which process that is."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from made.support.errors import InputError
from made.support.writing import make_folder

try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None  # type: ignore[assignment]

__all__ = ["locked"]

_HELD = (errno.EWOULDBLOCK, errno.EACCES)


@contextmanager
def locked(folder: Path, name: str = ".lock", what: Path | None = None) -> Iterator[None]:
    """Keep a folder, which is made if need be, for this process until the end of the block.

    The lock ends with the process, however that ends. Where the file system has none, nothing is kept.

    Parameters
    ----------
    folder : Path
        Where the file that is locked lies.
    name : str
        Of that file.
    what : Path, optional
        What is kept, for the message; by default the folder.

    Raises
    ------
    InputError
        If another process has it; the message says which.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place, locked(Path(place, "run")):
    ...     with locked(Path(place, "run")):
    ...         pass
    Traceback (most recent call last):
        ...
    made.support.errors.InputError: ... is in use by process ...
    """
    make_folder(folder)
    file = folder / name
    handle = _held(file, folder if what is None else what)
    try:
        yield
    finally:
        if handle is not None:
            with contextlib.suppress(OSError):
                file.unlink()
            with contextlib.suppress(OSError):
                os.close(handle)


def _held(file: Path, what: Path) -> int | None:
    """Lock a file, and return its handle; None where that is not possible here."""
    if fcntl is None:
        return None
    while True:
        try:
            handle = os.open(file, os.O_CREAT | os.O_RDWR, 0o666)
        except OSError:  # whoever writes there will say why that cannot be done
            return None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.read(handle, 200).decode(errors="replace").strip()
            os.close(handle)
            if error.errno not in _HELD:
                return None
            raise InputError(
                f"{what} is in use by {owner or 'another process'}: wait, or take another folder"
            ) from None
        if _is_still(file, handle):  # else its owner has just deleted it
            os.ftruncate(handle, 0)
            os.write(handle, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
            return handle
        os.close(handle)


def _is_still(file: Path, handle: int) -> bool:
    try:
        return os.path.samestat(os.stat(file), os.fstat(handle))
    except OSError:
        return False
