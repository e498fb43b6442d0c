"""The rows that a command reads: a split of the run's data, of another set, or every row of a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from made import data
from made.data.dataset import build
from made.data.splits import split_rows
from made.data.suffixes import STANDARD_INPUT
from made.model import MADE
from made.runs.encoded_files import encode_file, encode_readable
from made.runs.folder import RunFolder
from made.runs.rejected import Rejected
from made.support.errors import InputError
from made.variables.rows import Rows

__all__ = ["FoundRows", "find_rows", "readable_rows"]

_SPLITS = ("train", "valid", "test", "all")


@dataclass(frozen=True)
class FoundRows:
    """Rows as a model takes them.

    Attributes
    ----------
    rows : Rows
        With their context, for a model of p(x | c).
    name : str
        Of the data set, or of the file.
    split : str
        Which of its rows these are.
    rejected : Rejected or None
        Rows of a file that could not be read and are not among these.
    raw : Raw or None
        The file, or the portion of a file, that these are all readable rows of.
    first : int
        Number of the first row among all that are read of the file.
    """

    rows: Rows
    name: str
    split: str
    rejected: Rejected | None = None
    raw: data.Raw | None = None
    first: int = 0

    def place(self, row: int) -> str:
        """Return where a row, counted from 0, stands, for messages."""
        if self.raw is None or "all" not in self.raw.lines:
            return f"row {self.first + row} (counted from 0)"
        return f"line {self.raw.number(int(self._kept[row]))}"

    @property
    def numbers(self) -> NDArray[np.int64]:
        """The number of each row among all rows of its file that are read, from 0."""
        own = self._kept
        return own if self.raw is None else self.raw.first + own

    @property
    def _kept(self) -> NDArray[np.int64]:
        return np.arange(len(self.rows)) if self.rejected is None else self.rejected.kept


def find_rows(
    folder: RunFolder,
    model: MADE,
    name: str | None,
    split: str | None = None,
    data_dir: str | None = None,
    *,
    whole_file: bool = False,
    missing: bool = False,
    lenient: bool = False,
) -> FoundRows:
    """Find the rows that a user names.

    Parameters
    ----------
    folder : RunFolder
        The run.
    model : MADE
        Its model: says what codes and labels mean.
    name : str or None
        A named data set, a path, or None for the run's own data.
    split : "train", "valid", "test", "all" or None
        None means ``"test"``, but every row of a file of one array that is not the run's own.
    data_dir : str or None
        Where named data sets are looked for first.
    whole_file : bool
        Without a split, take every row of a file of one array even if it is the run's own.
    missing : bool
        Whether entries of a text file may be unknown, see `made.data.read`; in other files they always may.
    lenient : bool
        Leave out rows of a file that cannot be read, see `FoundRows.rejected`, where they would be refused.

    Raises
    ------
    InputError
        If there are no such rows, or they do not fit the model.
    """
    if split is not None and split not in _SPLITS:
        raise InputError(f"a split is one of {', '.join(_SPLITS)}; got {split!r}")
    if name is None:
        return _of_dataset(folder.load_data(data_dir), model, split)
    seed = 0
    if (folder.path / "settings.json").exists():
        own = folder.origin
        is_own = name != STANDARD_INPUT and own["name"] in (
            name,
            data.known(name),
            str(Path(name).resolve()),
        )
        if is_own and not (whole_file and split is None and data.known(name) is None):
            return _of_dataset(folder.load_data(data_dir), model, split)
        seed = own["seed"]
    if data.known(name) is not None:
        return _of_dataset(data.load(name, data_dir=data_dir, seed=seed), model, split)
    return _of_file(name, model, split, seed, missing, lenient)


def readable_rows(model: MADE, path: str, *, to_fill: bool = False) -> FoundRows:
    """Return those rows of a file that can be read, as `encode_readable` does."""
    raw = data.read(path, missing=True, lenient=True)
    rows, rejected = encode_readable(model, raw, to_fill=to_fill)
    return FoundRows(rows, Path(raw.source).name, "all", rejected, raw)


def _of_dataset(dataset: data.Dataset, model: MADE, split: str | None) -> FoundRows:
    split = split or "test"

    def chosen(splits: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        return np.concatenate(list(splits.values())) if split == "all" else splits[split]

    context = None if dataset.context is None else chosen(dataset.context)
    return FoundRows(model.rows(chosen(dataset.splits), context), dataset.name, split)


def _of_file(name: str, model: MADE, split: str | None, seed: int, missing: bool, lenient: bool) -> FoundRows:
    raw = data.read(name, missing=missing, lenient=lenient and split in (None, "all"))
    if raw.table is not None:
        return _of_dataset(build(raw, Path(name).stem, seed=seed), model, split)
    if split is None:
        split = "all" if "all" in raw.splits else "test"
    if split == "all":
        if lenient and "all" in raw.splits:
            rows, rejected = encode_readable(model, raw)
            return FoundRows(rows, _name(name), split, rejected, raw)
        return FoundRows(encode_file(model, raw), _name(name), split, raw=raw)
    numbers = {part: np.arange(len(rows)) for part, rows in raw.splits.items()}
    chosen = split_rows(numbers, raw.source, seed)[0][split]
    origin = next(part for part in (split, "all", "train") if part in raw.splits)
    return FoundRows(encode_file(model, raw, origin, chosen), _name(name), split)


def _name(path: str) -> str:
    return "standard input" if path == STANDARD_INPUT else Path(path).name
