"""Rows that a command goes through portion by portion: those of a large file are never all in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from made import data
from made.data.portions import Portions, open_portions
from made.data.suffixes import STANDARD_INPUT
from made.model import MADE
from made.runs.encoded_files import Tally, encode_readable
from made.runs.folder import RunFolder
from made.runs.rejected import Rejected
from made.runs.rows import FoundRows, find_rows, readable_rows

__all__ = ["RowSource", "find_portions", "portions_of_file"]


class RowSource:
    """Rows to go through once, in portions.

    What is to be said of all of them together (columns that are passed over, values that are rounded) is said
    once.

    Attributes
    ----------
    name : str
        Of the data set, or of the file.
    split : str
        Which of its rows these are.
    n_rows : int
        About how many there are, for progress.
    """

    def __init__(
        self, model: MADE, found: FoundRows | Portions, name: str, split: str, *, to_fill: bool = False
    ) -> None:
        self.name, self.split = name, split
        self._model, self._found, self._to_fill = model, found, to_fill
        self.n_rows = len(found.rows) if isinstance(found, FoundRows) else found.n_rows
        self._tally = Tally()

    def __iter__(self) -> Iterator[FoundRows]:
        """Yield portions, encoded, in their order.

        Raises
        ------
        InputError
            If the file cannot be read, its columns are not those of the model, or no row of it can be read.
        """
        if isinstance(self._found, FoundRows):
            if self._found.rejected is not None:
                self._tally.rejected = [self._found.rejected]
            yield self._found
            return
        for raw in self._found:
            first = self._tally.n_rows
            rows, rejected = encode_readable(self._model, raw, to_fill=self._to_fill, tally=self._tally)
            yield FoundRows(rows, self.name, self.split, rejected, raw, first)
        self._tally.close(self._model.schema, raw)

    @property
    def rejected(self) -> Rejected | None:
        """Rows that could not be read so far, and why."""
        return Rejected.together(self._tally.rejected)


def find_portions(
    folder: RunFolder, model: MADE, name: str, split: str | None = None, data_dir: str | None = None
) -> RowSource:
    """Find the rows that a user names, as `find_rows` does, to be gone through in portions.

    Without a split they are all rows of a file, also of the run's own. Entries may be unknown, and rows that
    cannot be read are left out.
    """
    if split is None and data.known(name) is None:
        portions = open_portions(Path(name), missing=True, lenient=True)
        if portions is not None:
            return RowSource(model, portions, _title(name), "all")
    found = find_rows(folder, model, name, split, data_dir, whole_file=True, missing=True, lenient=True)
    return RowSource(model, found, found.name, found.split)


def portions_of_file(model: MADE, path: str) -> RowSource:
    """Return the rows of a file with entries to be filled in: empty fields, ``?``, ``NA`` or ``NaN``."""
    portions = open_portions(Path(path), missing=True, lenient=True)
    if portions is not None:
        return RowSource(model, portions, _title(path), "all", to_fill=True)
    found = readable_rows(model, path, to_fill=True)
    return RowSource(model, found, found.name, "all")


def _title(path: str) -> str:
    return "standard input" if path == STANDARD_INPUT else Path(path).name
