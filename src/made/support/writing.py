"""Files written aside and then renamed: a full disk or a crash leaves the earlier file as it was."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from made.support.errors import InputError

__all__ = ["path_aside", "write_aside", "writing_aside"]


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


def _umask() -> int:
    """Return the umask: mkstemp makes private files, a model should be as readable as any other file."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
