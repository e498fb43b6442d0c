"""The rows that a command reads: a split of the run's data, of another set, or every row of a file."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from made import data
from made.data.dataset import build
from made.data.splits import split_rows
from made.data.suffixes import STANDARD_INPUT
from made.model import MADE
from made.runs.file_columns import find_places, in_parts, part_table, typed
from made.runs.folder import RunFolder
from made.runs.rejected import Rejected, RejectedEntry
from made.support.errors import EntryError, InputError
from made.support.listing import listed
from made.variables import encoding
from made.variables.faulty_entries import FaultyEntry, faulty_entries
from made.variables.missing import marks_of
from made.variables.rows import Rows
from made.variables.schema import Schema

__all__ = ["FoundRows", "Tally", "encode_file", "encode_readable", "find_rows", "readable_rows"]

_log = logging.getLogger(__name__)

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
        return f"line {_number(self.raw, int(self._kept[row]))}"

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


def encode_file(
    model: MADE,
    raw: data.Raw,
    split: str | None = None,
    numbers: NDArray[np.int64] | None = None,
    *,
    to_fill: bool = False,
) -> Rows:
    """Return the rows of a file as the model computes with them.

    Parameters
    ----------
    model : MADE
        Says what the columns are. Where they have names, those of the file are found by name; a column that
        the file lacks is unknown, one that the model does not know is passed over.
    raw : Raw
        The file. Entries that are NaN or None are missing where their column may be, else unknown.
    split : str, optional
        Of its splits this one; all, if not given.
    numbers : (n,) int array, optional
        Of the rows of that split these, in this order.
    to_fill : bool
        All entries that are NaN or None are unknown: to be filled in.

    Raises
    ------
    InputError
        If the rows do not fit the model; an entry is named as the readers of files do, see `Raw.place`.
    """
    rows = _encoded(model, raw, split, numbers, to_fill=to_fill)
    _tell_columns(model.schema, raw.columns)
    return rows


def readable_rows(model: MADE, path: str, *, to_fill: bool = False) -> FoundRows:
    """Return those rows of a file that can be read, as `encode_readable` does."""
    raw = data.read(path, missing=True, lenient=True)
    rows, rejected = encode_readable(model, raw, to_fill=to_fill)
    return FoundRows(rows, Path(raw.source).name, "all", rejected, raw)


@dataclass
class Tally:
    """What is said once of all portions of a file.

    Attributes
    ----------
    n_rows : int
        How many rows were read.
    rejected : list of Rejected
        Of each portion with rows that could not be read.
    rounded : Counter
        How many values of each modelled column were not on its grid.
    """

    n_rows: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    rounded: Counter[int] = field(default_factory=Counter)

    def close(self, schema: Schema, raw: data.Raw) -> None:
        """Say it, after the last portion.

        Raises
        ------
        InputError
            If no row could be read.
        """
        if self.n_rows == 0 and self.rejected:
            first = self.rejected[0].entries[0]
            reason = f"{first.place} {first.reason}"
            is_one = sum(map(len, self.rejected)) == 1
            raise InputError(f"{raw.source}: {reason if is_one else f'no row can be read: {reason}'}")
        schema.tell_rounded(self.rounded)


def encode_readable(
    model: MADE, raw: data.Raw, *, to_fill: bool = False, tally: Tally | None = None
) -> tuple[Rows, Rejected | None]:
    """Return those rows of a file that can be read, and which cannot; None where all can.

    Parameters
    ----------
    model, raw, to_fill
        As for `encode_file`.
    tally : Tally, optional
        Where this is one of several portions: what is said once is added to it, and said when it is closed.

    Raises
    ------
    InputError
        If no row can be read, or the columns do not fit the model.
    """
    own = Tally() if tally is None else tally
    rows, rejected = _readable(model, raw, own.rounded, to_fill=to_fill)
    if own.n_rows == 0 and (len(rows) or rejected is None):
        _tell_columns(model.schema, raw.columns)
    own.n_rows += len(rows)
    own.rejected += [] if rejected is None else [rejected]
    if tally is None:
        own.close(model.schema, raw)
    return rows, rejected


def _readable(
    model: MADE, raw: data.Raw, rounded: Counter[int], *, to_fill: bool
) -> tuple[Rows, Rejected | None]:
    schema = model.schema
    kept = raw.kept
    unit = "line" if raw.lines else "row"
    entries = []
    for own in raw.faults:
        number = _number(raw, own.row)
        entries.append(RejectedEntry(number, "", own.value, own.reason, f"{unit} {number}"))
    bad: dict[int, list[RejectedEntry]] = {}
    try:
        rows = _encoded(model, raw, to_fill=to_fill, rounded=rounded)
    except EntryError:
        for fault in _faults(schema, _table(schema, raw), raw.columns):
            number, name = _number(raw, int(kept[fault.row])), _column_name(raw, fault.column)
            place = raw.place(fault.row, fault.column)
            entry = RejectedEntry(number, name, str(fault.value), fault.complaint, place)
            bad.setdefault(fault.row, []).append(entry)
        good = np.delete(np.arange(len(kept)), sorted(bad))
        rows = _encoded(model, raw, None, good, to_fill=to_fill, rounded=rounded)
        kept = kept[good]
    entries = sorted(
        [*entries, *(entry for own in bad.values() for entry in own)], key=lambda own: own.number
    )
    return rows, Rejected(raw.n_rows, kept, unit, entries) if entries else None


def _encoded(
    model: MADE,
    raw: data.Raw,
    split: str | None = None,
    numbers: NDArray[np.int64] | None = None,
    *,
    to_fill: bool = False,
    rounded: Counter[int] | None = None,
) -> Rows:
    """Return the rows of a file; an `EntryError` says where in the file the entry stands.

    `rounded` is added to; without it what was rounded is said.
    """
    found: Counter[int] = Counter()
    try:
        table = _table(model.schema, raw, split, numbers)
        rows = _encode(model.schema, table, raw.columns, found, to_fill=to_fill)
    except EntryError as error:
        row = error.row if numbers is None else int(numbers[error.row])
        own = EntryError(row, error.column, error.complaint)
        own.args = raw.located(own, split).args
        raise own from None
    except InputError as error:
        raise InputError(f"{raw.source}: {error}") from None
    if rounded is None:
        model.schema.tell_rounded(found)
    else:
        rounded.update(found)
    return rows.to(model.device)


def _table(
    schema: Schema, raw: data.Raw, split: str | None = None, numbers: NDArray[np.int64] | None = None
) -> NDArray[Any]:
    """Return rows of a file, its columns read as those of the schema."""
    table = raw.rows if split is None else raw.splits[split]
    table = table if numbers is None else table[numbers]
    text = raw.text_files.get("all")
    places = find_places(schema, raw.columns)
    if text is None or table.ndim != 2:
        return typed(schema, table, places) if table.ndim == 2 else table

    def words(column: int) -> list[str]:
        own = text.words(column)
        return own if numbers is None else [own[number] for number in numbers]

    return typed(schema, table, places, words, text.decimal_comma)


def _encode(
    schema: Schema,
    table: NDArray[Any],
    names: Sequence[str] | None,
    rounded: Counter[int],
    *,
    to_fill: bool,
) -> Rows:
    """Return the rows of a table as codes; an `EntryError` counts columns as the table does."""
    values, context, unknown = part_table(schema, table, names)
    places = np.array([-1 if place is None else place for place in find_places(schema, names)])
    of_context = list(schema.context_places)
    with _columns_at(np.delete(places, of_context)):
        rows = encoding.encode(schema.row_type, values, unknown, to_fill=to_fill, rounded=rounded)
    if context is None:
        return rows
    if schema.context.variables is None:
        return replace(rows, context=schema.context.rows(context, len(rows)))
    with _columns_at(places[of_context]):
        own = encoding.encode_complete(schema.context.variables, context)
        return replace(rows, context=schema.context.encoded(own))


def _faults(schema: Schema, table: NDArray[Any], names: Sequence[str] | None) -> list[FaultyEntry]:
    """Return the entries of a file that keep rows from being read, with the columns of the file."""
    found_places = find_places(schema, names)
    absent = np.array([place is None for place in found_places])
    places = np.array([place or 0 for place in found_places])
    of_context = list(schema.context_places)
    modelled = np.delete(np.arange(len(places)), of_context)
    there, no_dates = in_parts(schema, table, found_places)
    own = there[:, modelled]
    found = [FaultyEntry(row, d, table[row, d], complaint) for row, d, complaint in no_dates]
    found += [
        fault._replace(column=int(places[modelled[fault.column]]))
        for fault in faulty_entries(schema.row_type, own, absent[modelled])
    ]
    if not of_context:
        return sorted(found, key=lambda fault: fault[:2])
    context = there[:, of_context]
    if schema.context.variables is not None:
        found += [
            fault._replace(column=int(places[of_context[fault.column]]))
            for fault in faulty_entries(schema.context.variables, context)
        ]
    marks = marks_of(context)
    if marks is not None:
        found += [
            FaultyEntry(row, int(places[of_context[d]]), "", "is missing: context must be known")
            for row, d in np.argwhere(marks).tolist()
        ]
    return sorted(found, key=lambda fault: fault[:2])


def _number(raw: data.Raw, row: int) -> int:
    """Return the line of a row, or its number, where a file has no lines."""
    return int(raw.lines["all"].find()[row]) if raw.lines else raw.first + row


def _column_name(raw: data.Raw, column: int) -> str:
    if raw.columns is not None:
        return raw.columns[column]
    return str(column + 1 if raw.lines else column)


def _tell_columns(schema: Schema, names: Sequence[str] | None) -> None:
    """Log which columns of a file are passed over, and which it lacks."""
    if names is None or not schema.is_named:
        return
    extra = [name for name in names if name not in [column.name for column in schema.table]]
    absent = [column.name for column in schema.modelled_table if column.name not in names]
    if extra:
        _log.info("passed over, as the run has no such column: %s", listed(extra))
    if absent:
        _log.info("unknown in every row, as the file has no such column: %s", listed(absent))


@contextmanager
def _columns_at(places: NDArray[np.int64]) -> Iterator[None]:
    """Errors about an entry count its column where these columns are in the file."""
    try:
        yield
    except EntryError as error:
        raise EntryError(error.row, int(places[error.column]), error.complaint) from None
