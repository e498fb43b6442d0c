"""Parquet files of one table, in which rows are found by their number: each process reads its share."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from made.data import addresses
from made.data.content import check_file, from_home
from made.data.named import known
from made.data.several import check_same_names, expanded
from made.data.suffixes import name_of
from made.data.tables import damage_errors, scan_parquet
from made.support.errors import InputError, reason_of
from made.variables import frames

if TYPE_CHECKING:
    import polars

__all__ = ["Block", "ParquetFiles", "are_parquet", "open_parquet"]

# Entries and rows of a block: what is read and encoded at once.
_ENTRIES, _ROWS = 2**21, 2**16
_LEAST_ROWS = 1024
_SUFFIX = ".parquet"


class Block(NamedTuple):
    """Neighbouring rows of one file; `first` counts over all files."""

    file: int
    first: int
    n: int


class _File(NamedTuple):
    path: str
    n: int
    about: str
    kinds: dict[str, str]


@dataclass(frozen=True)
class ParquetFiles:
    """Rows of Parquet files, one file after the other; `open_parquet` makes it.

    Attributes
    ----------
    paths : tuple of str
    counts : tuple of int
        Rows of each file.
    columns : tuple of str
        Names, in the order of the first file.
    identity : str
        A SHA-256 of the names, sizes, times and columns of all files.
    """

    paths: tuple[str, ...]
    counts: tuple[int, ...]
    columns: tuple[str, ...]
    identity: str

    @property
    def n(self) -> int:
        """How many rows there are."""
        return sum(self.counts)

    @property
    def starts(self) -> NDArray[np.int64]:
        """The number of the first row of each file, and n."""
        return np.cumsum([0, *self.counts])

    @property
    def title(self) -> str:
        """What the files are called together."""
        first, n = name_of(Path(self.paths[0])), len(self.paths)
        return first if n == 1 else f"{first} and {'another' if n == 2 else f'{n - 1} others'}"

    def blocks(self, first: int, stop: int) -> list[Block]:
        """Return rows first..stop in blocks, each of one file."""
        size = min(_ROWS, max(_ENTRIES // len(self.columns), _LEAST_ROWS))
        found = []
        starts = self.starts.tolist()
        for file, (begin, end) in enumerate(pairwise(starts)):
            low, high = max(first, begin), min(stop, end)
            n_blocks = -(-max(high - low, 0) // size)  # all about as large
            edges = [low + (high - low) * i // n_blocks for i in range(n_blocks + 1)] if n_blocks else []
            found += [Block(file, a, b - a) for a, b in pairwise(edges)]
        return found

    def read(self, block: Block, columns: Sequence[str] | None = None) -> polars.DataFrame:
        """Read the rows of a block; polars decodes the pages of the row groups that hold them.

        Raises
        ------
        InputError
            If the file changed, or is damaged there.
        """
        path = self.paths[block.file]
        own = list(self.columns if columns is None else columns)
        first = block.first - int(self.starts[block.file])
        try:
            frame = scan_parquet(_local(path), in_place=True)[0].slice(first, block.n).select(own).collect()
        except InputError:
            raise
        except damage_errors() as error:
            reason = reason_of(error)
            raise InputError(
                f"{path}: damaged between rows {first:,} and {first + block.n:,} ({reason}); write it again"
            ) from error
        if len(frame) < block.n:
            raise InputError(f"{path}: changed since it was opened: begin again")
        return frame

    def place(self, row: int) -> str:
        """Return where a row stands, for messages."""
        file = int(np.searchsorted(self.starts, row, side="right")) - 1
        return f"{self.paths[file]}, row {row - int(self.starts[file]):,} (counted from 0)"


def are_parquet(names: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> bool:
    """Return whether data are named that `open_parquet` opens: Parquet files, folders and patterns of them.

    Examples
    --------
    >>> are_parquet(["rows/*.parquet"]), are_parquet("digits")
    (True, False)
    """
    given = [names] if isinstance(names, (str, os.PathLike)) else names
    own = [os.fspath(name) for name in given]
    return bool(own) and all(map(_is_parquet, own))


def open_parquet(
    names: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    each: Callable[[Sequence[str], Callable[[str], Any]], list[Any]] | None = None,
) -> ParquetFiles:
    """Open Parquet files of the same columns: of each, only its footer is read.

    Parameters
    ----------
    names : str or path-like, or several
        Files; patterns; folders, which stand for all Parquet files below them; or addresses of any of these.
    each : callable, optional
        Maps a function over addresses, whose files are fetched for it; by default one after the other.

    Raises
    ------
    InputError
        If there are none, one of them has no rows, or their columns differ in names or kinds.

    Examples
    --------
    >>> import tempfile
    >>> import polars
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in "ab":
    ...     polars.DataFrame({"x": [1, 2, 3]}).write_parquet(folder / f"{name}.parquet")
    >>> files = open_parquet(folder)
    >>> files.n, files.blocks(2, 5)
    (6, [Block(file=0, first=2, n=1), Block(file=1, first=3, n=2)])
    """
    given = [names] if isinstance(names, (str, os.PathLike)) else names
    paths = [path for name in given for path in _paths_of(os.fspath(name))]
    are_far = each is not None and all(map(addresses.is_address, paths))
    found = each(paths, _looked_at) if each and are_far else [_looked_at(path) for path in paths]
    first = found[0]
    for file in found:
        _check_alike(file, first)
    about = [(Path(file.path).name, file.n, file.about, sorted(file.kinds.items())) for file in found]
    return ParquetFiles(
        tuple(paths),
        tuple(file.n for file in found),
        tuple(first.kinds),
        hashlib.sha256(repr(about).encode()).hexdigest(),
    )


def _is_parquet(name: str) -> bool:
    is_file = name.lower().endswith(_SUFFIX) or addresses.is_address(name)
    return is_file or (known(name) is None and from_home(name).is_dir())


def _local(name: str) -> Path:
    return addresses.fetched(name) if addresses.is_address(name) else Path(name)


def _paths_of(name: str) -> list[str]:
    if addresses.is_address(name):
        return addresses.addresses_in(name, _SUFFIX)
    folder = from_home(name)
    if folder.is_dir():
        paths = sorted(str(path) for path in folder.rglob(f"*{_SUFFIX}") if path.is_file())
        if not paths:
            raise InputError(f"{name}: a folder without {_SUFFIX} files")
        return paths
    return [str(from_home(path)) for path in expanded([name])]


def _looked_at(name: str) -> _File:
    """Return what the footer of a file says."""
    path = _local(name)
    check_file(path)
    if path.stat().st_size == 0:
        raise InputError(f"{name}: empty, no Parquet file: leave it out, or write it again")
    try:
        _, schema, n = scan_parquet(path, in_place=True)
    except InputError as error:
        raise InputError(str(error).replace(str(path), name)) from error
    if n == 0:
        raise InputError(f"{name}: no rows: leave it out")
    if not schema:
        raise InputError(f"{name}: no columns; a row needs at least one variable")
    status = path.stat()
    is_far = addresses.is_address(name)
    about = addresses.about(name) if is_far else f"{status.st_size} {status.st_mtime_ns}"
    names = frames.told_apart(list(schema))
    return _File(name, n, about, dict(zip(names, map(_kind, schema.values()), strict=True)))


def _kind(own: Any) -> str:
    """Return what columns of files that are read as one have in common: numbers of any width are numbers."""
    import polars

    if own.is_numeric() or own == polars.Boolean or own == polars.Null:
        return "numbers"
    return "text" if own in (polars.String, polars.Categorical, polars.Enum) else str(own)


def _check_alike(file: _File, first: _File) -> None:
    here, there = file.path, Path(first.path).name
    check_same_names(here, file.kinds, there, first.kinds)
    for name, kind in first.kinds.items():
        if file.kinds[name] != kind:
            raise InputError(
                f"{here}: column {name!r} holds {file.kinds[name]}, and {kind} in {there}: files that are "
                "read as one hold the same"
            )
