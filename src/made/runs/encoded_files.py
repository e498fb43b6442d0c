"""Rows of a file as a model computes with them, and which of them cannot be read."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from made import data
from made.model import MADE
from made.runs.file_columns import find_places, in_parts, part_table, typed
from made.runs.rejected import Rejected, RejectedEntry
from made.support.errors import EntryError, InputError
from made.support.listing import listed
from made.variables import encoding
from made.variables.faulty_entries import FaultyEntry, faulty_entries
from made.variables.missing import marks_of
from made.variables.rows import Rows
from made.variables.schema import Schema

__all__ = ["Tally", "encode_file", "encode_readable"]

_log = logging.getLogger(__name__)


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
        number = raw.number(own.row)
        entries.append(RejectedEntry(number, "", own.value, own.reason, f"{unit} {number}"))
    bad: dict[int, list[RejectedEntry]] = {}
    try:
        rows = _encoded(model, raw, to_fill=to_fill, rounded=rounded)
    except EntryError:
        for fault in _faults(schema, _table(schema, raw), raw.columns):
            number, name = raw.number(int(kept[fault.row])), _column_name(raw, fault.column)
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
