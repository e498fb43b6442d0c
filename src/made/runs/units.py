"""Rows cut into units of work: each writes one file, named by it, and what is finished is not done again."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from made import data
from made.data.portions import rows_of_portion
from made.data.readers import of_frame
from made.data.row_groups import read_row_groups
from made.data.several import check_same_names, expanded
from made.data.tables import damage_errors, scan_parquet
from made.support.errors import InputError, reason_of
from made.support.writing import forget_left_overs, make_folder

__all__ = [
    "ROWS",
    "ROWS_OF_SLOW",
    "Unit",
    "UnitFolder",
    "digest_of",
    "drawn_units",
    "find_units",
    "parquet_files",
    "portions_of",
]

#: The most rows of a unit; and where a row may take a while.
ROWS, ROWS_OF_SLOW = 2**18, 2**13
_DIGITS_OF_DIGEST = 12


@dataclass(frozen=True)
class Unit:
    """Rows that are worked on at one go.

    Attributes
    ----------
    path : str
        Of the file that has them; empty where rows are drawn.
    file : str
        What the file is called in what is written: its path below the folder that all files have in common.
    group : int
        The row group that they begin in.
    first, n : int
        Number of the first row in the file, and how many there are.
    name : str
        Of the file that the unit writes.
    """

    path: str
    file: str
    group: int
    first: int
    n: int
    name: str


def parquet_files(names: Iterable[str]) -> list[Path]:
    """Return the Parquet files that a user names: by path, by pattern, or the folder that they are in.

    Raises
    ------
    InputError
        If there is none, one is named twice, or one is no Parquet file by its name.
    """
    found: list[Path] = []
    for name in expanded(list(names)):
        path = Path(name)
        if path.is_dir():
            inside = sorted(own for own in path.rglob("*.parquet") if own.is_file())
            if not inside:
                raise InputError(f"{path}: there is no .parquet file in this folder")
            found += inside
        elif path.suffix.lower() != ".parquet":
            raise InputError(
                f"{path}: into a folder go the rows of .parquet files alone; write it as one, or name it "
                "alone, with a file for -o"
            )
        else:
            found.append(path)
    seen: dict[Path, Path] = {}
    for path in found:
        if seen.setdefault(path.resolve(), path) is not path:
            raise InputError(f"{path} is given twice: name each file once")
    return found


def find_units(paths: Sequence[Path], job: str, most: int) -> list[Unit]:
    """Cut the rows of Parquet files into units, of whole row groups where these are not too large.

    Where a file is cut follows from the file alone.

    Parameters
    ----------
    paths : sequence of Path
        Files of the same columns.
    job : str
        A digest of what is done with the rows; it enters the names of what is written.
    most : int
        Rows of a unit.

    Raises
    ------
    InputError
        If a file cannot be read, or its columns are not those of the first.
    """
    common = os.path.commonpath([path.resolve().parent for path in paths])
    columns: list[str] = []
    units: list[Unit] = []
    for path in paths:
        groups = read_row_groups(path)
        own = list(scan_parquet(path, in_place=True)[1])
        columns = columns or own
        check_same_names(path, own, paths[0], columns)
        file = Path(os.path.relpath(path.resolve(), common)).as_posix()
        mark = digest_of({"job": job, "file": file, "content": groups.digest})
        title = file.removesuffix(path.suffix).replace("/", "--")
        for group, first, n in _cut(groups.sizes, most):
            name = f"{title}-{group:05}-{first:012}.{mark}.parquet"
            units.append(Unit(str(path.resolve()), file, group, first, n, name))
    return units


def drawn_units(n: int, job: str, most: int) -> list[Unit]:
    """Cut n rows that are to be drawn into units.

    Examples
    --------
    >>> [unit.name for unit in drawn_units(5, "0123456789ab", most=3)]
    ['rows-000000000000.0123456789ab.parquet', 'rows-000000000003.0123456789ab.parquet']
    """
    return [
        Unit("", "", 0, first, min(most, n - first), f"rows-{first:012}.{job}.parquet")
        for first in range(0, n, most)
    ]


def portions_of(unit: Unit) -> Iterator[data.Raw]:
    """Read the rows of a unit, portion by portion.

    Raises
    ------
    InputError
        If the file is damaged there, or has become another.
    """
    path = Path(unit.path)
    where = f"{path}: row group {unit.group}, rows {unit.first:,} to {unit.first + unit.n - 1:,}"
    table, schema, _ = scan_parquet(path, in_place=True)
    size = rows_of_portion(len(schema))
    for first in range(unit.first, unit.first + unit.n, size):
        n = min(size, unit.first + unit.n - first)
        try:
            frame = table.slice(first, n).collect()
        except damage_errors() as error:
            reason = reason_of(error)
            raise InputError(f"{where}: damaged ({reason}); write the file again") from error
        if frame.height != n:
            raise InputError(f"{where}: the file became shorter while it was read")
        yield replace(of_frame(path, frame), first=first)


class UnitFolder:
    """A folder with a file for each unit that is finished.

    Parameters
    ----------
    path : Path
        Is made, if need be.
    units : sequence of Unit
        All that belong into it.

    Raises
    ------
    InputError
        If it holds Parquet files of something else.
    """

    def __init__(self, path: Path, units: Sequence[Unit]) -> None:
        if path.exists() and not path.is_dir():
            raise InputError(f"{path} is a file: what is found out of these rows goes into a folder")
        make_folder(path)
        forget_left_overs(path)
        self.path, self.units = path, units
        there = {own.name for own in path.glob("*.parquet")}
        foreign = sorted(there - {unit.name for unit in units})
        if foreign:
            raise InputError(
                f"{path} holds {foreign[0]}, which belongs to other rows, another model or other options: "
                "take another folder, or delete what is in it"
            )
        self._finished = there

    @property
    def missing(self) -> list[Unit]:
        """The units that were not finished before."""
        return [unit for unit in self.units if unit.name not in self._finished]

    @property
    def files(self) -> list[Path]:
        """The files of all units, in the order of the rows."""
        return [self.path / unit.name for unit in self.units]


def digest_of(content: Mapping[str, Any]) -> str:
    """Return a short digest of something JSON-ready."""
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS_OF_DIGEST]


def _cut(sizes: Sequence[int], most: int) -> Iterator[tuple[int, int, int]]:
    """Yield (row group, first row, rows): small groups together, large ones cut.

    Examples
    --------
    >>> list(_cut([3, 2, 9, 0, 1], most=5))
    [(0, 0, 5), (2, 5, 5), (2, 10, 5)]
    """
    first = begun = held = 0
    for group, size in enumerate(sizes):
        if held and held + size > most:
            yield begun, first, held
            first, held = first + held, 0
        begun = begun if held else group
        held += size
        while held > most:
            yield group, first, most
            first, held = first + most, held - most
    if held:
        yield begun, first, held
