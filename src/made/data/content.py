"""The bytes of a text file, or of standard input, decompressed."""

from __future__ import annotations

import gzip
import importlib
import io
import logging
import os
import stat
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from made.data.suffixes import STANDARD_INPUT
from made.support.errors import InputError

__all__ = ["GZIP", "ZSTANDARD", "check_file", "from_home", "opened", "read_content", "unreadable"]

_log = logging.getLogger(__name__)

GZIP, ZSTANDARD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


def read_content(path: Path) -> bytes:
    """Return what a file holds; ``-`` is standard input. gzip and Zstandard show in their first bytes.

    Raises
    ------
    InputError
        If it cannot be read, is cut short, or there is nothing to decompress it with.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "rows.csv.gz"
    >>> _ = path.write_bytes(gzip.compress(b"0,1"))
    >>> read_content(path)
    b'0,1'
    """
    if str(path) == STANDARD_INPUT:
        if sys.stdin is None:
            raise InputError("standard input is closed; name a file, or pipe a table in")
        if sys.stdin.isatty():  # a warning, as --quiet is about what is done, and nothing is
            _log.warning("waiting for rows on standard input: type or paste a table, then Ctrl-D")
        content = sys.stdin.buffer.read()
    else:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise unreadable(path, error) from error
    if content.startswith(GZIP):
        try:
            return gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"{path}: a damaged gzip file ({error}); compress it again") from error
    if content.startswith(ZSTANDARD):
        return _of_zstandard(path, content)
    return content


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file to be read piece by piece, decompressed; one of Zstandard is in memory as a whole.

    Raises
    ------
    InputError
        As `read_content`, also while it is read.
    """
    try:
        with path.open("rb") as file:
            start = file.read(4)
            file.seek(0)
            if start.startswith(GZIP):
                with gzip.open(file) as unpacked:
                    yield cast("BinaryIO", unpacked)
            elif start.startswith(ZSTANDARD):
                yield io.BytesIO(read_content(path))
            else:
                yield file
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path}: a damaged gzip file ({error}); compress it again") from error
    except OSError as error:
        raise unreadable(path, error) from error


def check_file(path: Path) -> None:
    """Raise an `InputError` that says why, where a file cannot be read: pipes and devices may have no end."""
    if str(path) == STANDARD_INPUT:
        return
    try:
        kind = path.stat().st_mode
        if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
            raise InputError(
                f"{path}: a pipe, device or terminal; name a file, or {STANDARD_INPUT} for input from a pipe"
            )
        with path.open("rb"):
            pass
    except IsADirectoryError as error:
        raise InputError(f"{path}: a directory; give a file in it, or a pattern in quotes") from error
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; check the path") from error
    except OSError as error:
        raise unreadable(path, error) from error
    except InputError:
        raise
    except ValueError as error:  # a null byte in the name
        raise InputError(f"{str(path)!r}: not a path") from error


def from_home(path: str | os.PathLike[str]) -> Path:
    """Return a path whose ``~`` is a home folder; as it is, where there is no such user.

    Examples
    --------
    >>> from_home("~nobody-of-this-name/rows.csv").name
    'rows.csv'
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def unreadable(path: Path, error: OSError) -> InputError:
    """Return an error about a file that the system does not let us read."""
    return InputError(f"{path}: cannot be read ({error.strerror or type(error).__name__})")


def _of_zstandard(path: Path, content: bytes) -> bytes:
    """Decompress with the standard library, with zstandard, or with polars: what is there first."""
    import polars

    for name in ("compression.zstd", "zstandard"):
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        try:
            if name == "zstandard":
                return bytes(module.ZstdDecompressor().decompressobj().decompress(content))
            return bytes(module.decompress(content))
        except Exception as error:  # each has an error of its own
            raise InputError(f"{path}: a damaged Zstandard file ({error}); compress it again") from error
    if not hasattr(polars, "read_lines"):
        raise InputError(f"{path}: Zstandard needs a reader: pip install zstandard, or compress with gzip")
    try:
        lines = polars.read_lines(content)["line"].to_list()
    except (polars.exceptions.PolarsError, OSError) as error:
        raise InputError(f"{path}: a damaged Zstandard file ({error}); compress it again") from error
    return "\n".join(lines).encode()
