"""Rows of a file that could not be read: which, why, and the side file that says so."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from made.support.listing import counted
from made.support.writing import write_aside

__all__ = ["Rejected", "RejectedEntry", "forget_side_file", "side_file"]

_COLUMNS = ("column", "value", "reason")


class RejectedEntry(NamedTuple):
    """One reason why a row was not read.

    Attributes
    ----------
    number : int
        Of the line, counted from 1; in files without lines of the row, counted from 0.
    column : str
        Its name, or its number; empty where the row as a whole is no row.
    value : str
        What the file holds there.
    reason : str
        What is wrong with it, to stand after its place.
    place : str
        Where it stands, in words.
    """

    number: int
    column: str
    value: str
    reason: str
    place: str


@dataclass(frozen=True)
class Rejected:
    """The rows of a file that could not be read.

    Attributes
    ----------
    n_rows : int
        How many rows the file has.
    kept : (n,) int array
        The numbers of those that were read, counted from 0.
    unit : str
        What `RejectedEntry.number` counts: ``"line"`` or ``"row"``.
    entries : sequence of RejectedEntry
        At least one for each row that was not read, in their order.
    """

    n_rows: int
    kept: NDArray[np.int64]
    unit: str
    entries: Sequence[RejectedEntry]

    def __len__(self) -> int:
        """Return how many rows could not be read."""
        return self.n_rows - len(self.kept)

    def describe(self) -> str:
        """Return in words how many rows could not be read, and the first reason.

        Examples
        --------
        >>> reason = "holds 'old', which is not a number"
        >>> entry = RejectedEntry(7, "age", "old", reason, "line 7, column 2 (age)")
        >>> Rejected(3, np.array([0, 1]), "line", [entry]).describe()
        "1 row could not be read: line 7, column 2 (age) holds 'old', which is not a number"
        """
        first = self.entries[0]
        which = "" if len(self) == 1 else "the first: "
        return f"{counted(len(self), 'row')} could not be read: {which}{first.place} {first.reason}"

    def in_place(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return what belongs to the rows that were read, (n, ...), with NaN or None for the others."""
        is_text = values.dtype == object
        full = np.full((self.n_rows, *values.shape[1:]), None if is_text else np.nan, values.dtype)
        full[self.kept] = values
        return full

    @staticmethod
    def together(parts: Sequence[Rejected]) -> Rejected | None:
        """Return those of all portions of a file, to be described and written; None where there are none."""
        if not parts:
            return None
        entries = [entry for part in parts for entry in part.entries]
        return Rejected(sum(map(len, parts)), np.zeros(0, dtype=np.int64), parts[0].unit, entries)

    def write(self, path: Path) -> None:
        """Write the reasons as CSV: line or row, column, value, reason."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([self.unit, *_COLUMNS])
        writer.writerows(entry[:4] for entry in self.entries)
        write_aside(path, text.getvalue().encode())


def side_file(out: Path) -> Path:
    """Return where the rows that could not be read are named: beside the output.

    Examples
    --------
    >>> side_file(Path("scores.parquet")).name
    'scores.rejected.csv'
    """
    return out.with_name(f"{out.stem}.rejected.csv")


def forget_side_file(out: Path) -> None:
    """Delete the side file of an earlier output in this place, which had rows that could not be read."""
    file = side_file(out)
    if not file.is_file():
        return
    with file.open("rb") as text:
        first = text.readline()
    if first in {",".join((unit, *_COLUMNS)).encode() + b"\n" for unit in ("line", "row")}:
        file.unlink()
