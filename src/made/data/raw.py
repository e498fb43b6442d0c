"""What a file holds before any splitting or coding: arrays, names, and where each entry stands in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from made.data.faults import Fault
from made.data.one_column import split_name
from made.data.text import TextFile
from made.support.errors import EntryError, InputError
from made.variables.column_types import ColumnType

__all__ = ["LinesOf", "Raw"]


class LinesOf(NamedTuple):
    """The lines of a file that hold its rows.

    Attributes
    ----------
    path : Path
    find : callable
        Returns the number of the line that each row begins in, unreadable ones included; counted from 1.
    """

    path: Path
    find: Callable[[], NDArray[np.int64]]


@dataclass(frozen=True, eq=False)
class Raw:
    """The arrays of a file, as they are.

    Attributes
    ----------
    source : str
        The file or name they come from, for messages.
    splits : dict of str to ndarray of shape (n, D)
        ``"all"`` alone for a file with one array, else ``"train"``, ``"test"`` and mostly ``"valid"``. Empty
        for a joint table, which has no rows.
    table : ndarray of shape (K1, K2), float64, or None
        The joint table, where the file holds one or is an image.
    columns : tuple of D str, or None
        Column names, where a text file has a header, and of tables; all different.
    image_shape : tuple of two ints, or None
        Height and width, where the array has three dimensions; rows are flattened row by row.
    notes : tuple of str
        What was decided in reading.
    lines : dict of str to LinesOf
        Of each split that was read from lines of text.
    text_files : dict of str to TextFile
        The text file of each split whose fields are words, for what is written in it.
    faults : tuple of Fault
        Rows that could not be read and are in no array, where that is allowed; of a file of one array.
    parts : tuple of Raw
        The files that were read one after the other as one, where there are several.
    dtypes : tuple of D str, mapping or None
        The type of each column in a table, see `made.variables.column_types`; empty for arrays.
    first : int
        Number of the first row, where this is a portion of a file.
    """

    source: str
    splits: Mapping[str, np.ndarray[Any, Any]]
    table: np.ndarray[Any, Any] | None = field(default=None, repr=False)
    columns: tuple[str, ...] | None = None
    image_shape: tuple[int, int] | None = None
    notes: tuple[str, ...] = ()
    lines: Mapping[str, LinesOf] = field(default_factory=dict, repr=False)
    text_files: Mapping[str, TextFile] = field(default_factory=dict, repr=False)
    faults: tuple[Fault, ...] = ()
    parts: tuple[Raw, ...] = field(default=(), repr=False)
    dtypes: tuple[ColumnType, ...] = field(default=(), repr=False)
    first: int = 0

    @property
    def n_rows(self) -> int:
        """How many rows the file has, unreadable ones included."""
        return sum(map(len, self.splits.values())) + len(self.faults)

    @property
    def kept(self) -> NDArray[np.int64]:
        """The number of each row of `rows` among all rows of the file, counted from 0."""
        return np.delete(np.arange(self.n_rows), [fault.row for fault in self.faults])

    def number(self, row: int) -> int:
        """Return the line of a row of the file, unreadable ones included; without lines its number."""
        return int(self.lines["all"].find()[row]) if self.lines else self.first + row

    def place(self, row: int, column: int, split: str = "all") -> str:
        """Return where an entry stands, for messages; row and column are counted from 0 in the array.

        Text files have lines, counted from 1 like their columns; all else has rows, counted from 0.

        Examples
        --------
        >>> Raw("rows.npy", {}, columns=("age", "job")).place(3, 1)
        'row 3, column 1 (job) (counted from 0)'
        """
        name = f" ({self.columns[column]})" if self.columns is not None else ""
        if split in self.lines:
            row = int(self.kept[row]) if self.faults else row
            return f"line {self.lines[split].find()[row]}, column {column + 1}{name}"
        return f"row {self.first + row}, column {column}{name} (counted from 0)"

    def located(self, error: EntryError, split: str | None = None) -> InputError:
        """Return an error about an entry of an array as one about the file that the array was read from.

        Parameters
        ----------
        error : EntryError
            Its column is counted in the file, its row in the split.
        split : str, optional
            Without one, its row is counted in `rows`.
        """
        row = error.row
        for part in self.parts:
            if row < len(part.rows):
                names = part.columns
                column = error.column
                if names is not None and self.columns is not None:
                    column = names.index(self.columns[column])
                return part.located(EntryError(row, column, error.complaint))
            row -= len(part.rows)
        if split is None:
            split, row = self._split_of(row)
        lines = self.lines.get(split)
        source = split_name(self.source, split) if lines is None or split == "all" else str(lines.path)
        return InputError(f"{source}: {self.place(row, error.column, split)} {error.complaint}")

    def _split_of(self, row: int) -> tuple[str, int]:
        """Return the split that a row of `rows` belongs to, and its number in that split."""
        for split, rows in self.splits.items():
            if row < len(rows):
                return split, row
            row -= len(rows)
        raise IndexError(row)

    @property
    def rows(self) -> np.ndarray[Any, Any]:
        """All rows of the file, shape (n, D): the splits one after the other. A single one is not copied.

        Raises
        ------
        InputError
            If the file holds a joint table.
        """
        if not self.splits:
            raise InputError(f"{self.source}: a joint table, which holds no rows; give a file of rows")
        parts = list(self.splits.values())
        return parts[0] if len(parts) == 1 else np.concatenate(parts)
