"""Files written aside and then renamed: a full disk or a crash leaves the earlier file as it was."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from made.support.errors import CannotWriteError

try:
    import fcntl
except ImportError:  # Windows has no such locks: left-overs stay
    fcntl = None  # type: ignore[assignment]

__all__ = [
    "folder_aside",
    "forget_file",
    "forget_left_overs",
    "make_folder",
    "path_aside",
    "write_aside",
    "writing_aside",
]

# In a folder aside: who works in it holds a lock on this file.
_LOCK = "lock"


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
    CannotWriteError
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
    aside = locked = None
    try:
        if path.is_dir():  # said now, not after the last portion
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        forget_left_overs(path.parent, path.name)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=_prefix(path))
        aside = Path(name)
        locked = _lock(handle)
        yield aside
        with aside.open("rb+") as file:
            os.fsync(file.fileno())
        aside.chmod(0o666 & ~_umask())
        os.replace(aside, path)
        _sync_folder(path.parent)
    except BaseException as error:
        if aside is not None:
            aside.unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        reason = error.strerror or str(error)
        raise CannotWriteError(
            f"cannot write {path}: {reason}; what was there before is unchanged"
        ) from error
    finally:
        _close(locked)


@contextmanager
def folder_aside(path: str | Path) -> Iterator[Path]:
    """Make a folder beside a place, for what is kept until that is written; it is gone after the block.

    Yields
    ------
    Path
        Of the folder. What a killed process left of one is deleted with the next file that is written there.
    """
    path = Path(path)
    with tempfile.TemporaryDirectory(
        dir=path.parent, prefix=_prefix(path), ignore_cleanup_errors=True
    ) as name:
        locked = _lock(os.open(Path(name, _LOCK), os.O_CREAT | os.O_RDWR))
        try:
            yield Path(name)
        finally:
            _close(locked)


def write_aside(path: str | Path, content: bytes) -> None:
    """Write a file in full beside its place, then move it there; see `writing_aside`."""
    with writing_aside(path) as file:
        file.write(content)


def forget_file(path: Path) -> None:
    """Delete a file, if it is there; raise a `CannotWriteError` where that is not possible."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise CannotWriteError(f"cannot delete {path}: {error.strerror}") from error


def make_folder(folder: Path) -> None:
    """Make a folder and those that it is in, unless they are there.

    Raises
    ------
    InputError
        If that is not possible.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWriteError(f"cannot make the folder {folder}: {error.strerror}") from error


def forget_left_overs(folder: str | Path, name: str | None = None) -> None:
    """Delete what processes that were killed left beside the files that they were writing.

    Whoever writes holds a lock on its file, which ends with it; its number is in the name of the file.

    Parameters
    ----------
    folder : path
        Need not exist.
    name : str, optional
        Of the file that was being written; by default any.
    """
    if fcntl is None:
        return
    known = r".+" if name is None else re.escape(name)
    with contextlib.suppress(OSError):
        for entry in list(os.scandir(folder)):
            found = re.fullmatch(rf"\.{known}\.(\d+)\.[a-z0-9_]{{8}}", entry.name)
            if found and not _is_alive(int(found[1])):
                _delete_unlocked(entry.path)


def _prefix(path: Path) -> str:
    return f".{path.name}.{os.getpid()}."


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # there is one, of another user
        return True
    return True


def _delete_unlocked(path: str) -> None:
    """Delete a file or folder unless it is in use: on another machine numbers of processes mean others."""
    assert fcntl is not None
    is_folder = Path(path).is_dir()
    with contextlib.suppress(OSError), Path(path, _LOCK if is_folder else "").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if is_folder:
            shutil.rmtree(path, ignore_errors=True)
        else:
            Path(path).unlink()


def _lock(handle: int) -> int | None:
    """Lock a file that is being written, and return its handle; close it where there are no such locks."""
    if fcntl is None:
        os.close(handle)
        return None
    with contextlib.suppress(OSError):  # a file system without locks
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return handle


def _close(handle: int | None) -> None:
    """Give a lock back; what was written is on the disk by then, whatever the system says to this."""
    if handle is not None:
        with contextlib.suppress(OSError):
            os.close(handle)


def _sync_folder(folder: Path) -> None:
    """Have the new name of a file reach the disk, where the system can do that."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _umask() -> int:
    """Return the umask: mkstemp makes private files, a model should be as readable as any other file."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
