"""The columns of a table beside the variables that a schema has of them: a date is several variables.

Tables hold dates and variables hold their parts. Here, and nowhere else, the one becomes the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from made.support.errors import EntryError, InputError
from made.variables.column import NUMERIC, Column
from made.variables.dates import WEEKDAYS, DateForm, instants_of, parts_of, values_of_instants, whole_of
from made.variables.frames import is_missing
from made.variables.missing import MISSING

__all__ = [
    "TableColumn",
    "are_parts",
    "check_parts",
    "given_parts",
    "has_dates",
    "join",
    "known_in_table",
    "mask_of_parts",
    "renamed",
    "split",
    "split_leniently",
    "table_columns",
]


class TableColumn(NamedTuple):
    """A column of a table.

    Attributes
    ----------
    name : str
    places : tuple of int
        Which of the variables it is.
    form : DateForm or None
        Of dates; else it is one variable.
    """

    name: str
    places: tuple[int, ...]
    form: DateForm | None = None


def table_columns(columns: Sequence[Column]) -> tuple[TableColumn, ...]:
    """Return the columns of a table whose variables these are, in the order of their first variables."""
    places: dict[str, list[int]] = {}
    forms: dict[str, DateForm | None] = {}
    for d, column in enumerate(columns):
        name = column.name if column.part is None else column.part.column
        places.setdefault(name, []).append(d)
        forms[name] = None if column.part is None else column.part.form
    return tuple(TableColumn(name, tuple(own), forms[name]) for name, own in places.items())


def has_dates(columns: Sequence[Column]) -> bool:
    """Return whether any variable is a part of a date."""
    return any(column.part is not None for column in columns)


def renamed(column: Column, names: Mapping[Any, str]) -> Column:
    """Return a variable under the new name of it, or of the date that it is a part of, if there is one."""
    if column.part is not None and column.part.column in names:
        part = replace(column.part, column=names[column.part.column])
        return replace(column, name=part.name, part=part)
    return replace(column, name=names.get(column.name, column.name))


def split(columns: Sequence[Column], table: Any) -> NDArray[Any]:
    """Return the values of variables, (n, D), from those of a table, (n, T).

    Raises
    ------
    EntryError
        If an entry of a column of dates is none; its column is counted in the table.
    """
    values, faults = split_leniently(columns, table)
    if faults:
        row, column, complaint = min(faults)
        raise EntryError(row, column, complaint, name=table_columns(columns)[column].name)
    return values


def split_leniently(columns: Sequence[Column], table: Any) -> tuple[NDArray[Any], list[tuple[int, int, str]]]:
    """Return the same, None where an entry is no date; and row, column and complaint of each of these."""
    data = np.ma.getdata(table) if isinstance(table, np.ma.MaskedArray) else table
    data = data if isinstance(data, np.ndarray) else np.array(data, dtype=object)
    own = table_columns(columns)
    if data.ndim != 2 or data.shape[1] != len(own):
        raise InputError(
            f"rows have shape {np.shape(table)}: they have {len(own)} columns, or {len(columns)} variables"
        )
    values = np.empty((len(data), len(columns)), dtype=object)
    faults = []
    for place, (_, places, form) in enumerate(own):
        column = data[:, place]
        if form is None or (len(places) == 1 and _are_numbers(column)):
            values[:, places[0]] = column
            continue
        instants = instants_of(column, form)
        faults += [(row, place, complaint) for row, complaint in instants.wrong.items()]
        for d, part in zip(places, parts_of(instants, form).values(), strict=True):
            values[:, d] = part
            if column.dtype == object:
                for row in np.flatnonzero(instants.missing).tolist():
                    values[row, d] = column[row]  # the mark itself: it says missing or unknown
    if isinstance(table, np.ma.MaskedArray):
        return np.ma.MaskedArray(values, mask_of_parts(columns, np.ma.getmaskarray(table))), faults
    return values, faults


def join(columns: Sequence[Column], values: NDArray[Any]) -> NDArray[Any]:
    """Return the values of a table, (n, T), from those of variables, (n, D): the inverse of `split`."""
    own = table_columns(columns)
    table = np.empty((len(values), len(own)), dtype=object)
    for place, (_, places, form) in enumerate(own):
        if form is None:
            table[:, place] = values[:, places[0]]
            continue
        parts = {part: values[:, d] for part, d in zip(form.parts, places, strict=True)}
        table[:, place] = values_of_instants(whole_of(parts, form), form)
    return table


def are_parts(columns: Sequence[Column], values: Any) -> bool:
    """Return whether an array holds the parts of dates, and not dates: one column for each variable."""
    shape = np.shape(values)
    if len(shape) != 2 or shape[1] != len(columns):
        return False
    data = values if isinstance(values, np.ndarray) else np.array(values, dtype=object)
    numbers = [d for d, own in enumerate(columns) if own.part is not None and own.part.part != "weekday"]
    return all(_are_numbers(data[:, d]) for d in numbers)


def check_parts(columns: Sequence[Column]) -> None:
    """Check that every date has all its parts, in their order, and that they are of the kinds of parts.

    Raises
    ------
    InputError
        If one has not: no schema of made's is so.
    """
    for name, places, form in table_columns(columns):
        own = [columns[d] for d in places]
        if form is None and all(column.part is None for column in own):
            continue
        parts = [column.part for column in own if column.part is not None]
        if (
            form is None
            or [part.part for part in parts] != list(form.parts)
            or any(part.form != form for part in parts)
            or any(column.name != part.name for column, part in zip(own, parts, strict=True))
            or any(not _is_kind_of(column, part.part) for column, part in zip(own, parts, strict=True))
        ):
            raise InputError(f"the parts of {name} are not those of a date")


def _is_kind_of(column: Column, part: str) -> bool:
    """Return whether a variable holds what a part of a date may be."""
    if part == "weekday":
        return column.labels is not None and set(column.labels) <= set(WEEKDAYS)
    return column.kind == NUMERIC and column.arguments.get("step") == 1


def mask_of_parts(columns: Sequence[Column], mask: Any) -> NDArray[np.bool_]:
    """Return a mask of variables, (..., D), from one of the columns of a table, (..., T)."""
    mask = np.asarray(mask)
    if mask.ndim == 0 or mask.shape[-1] != len(table_columns(columns)):
        return cast("NDArray[np.bool_]", mask)  # of the variables already, or of a wrong shape
    owners = np.empty(len(columns), dtype=np.int64)
    for place, own in enumerate(table_columns(columns)):
        owners[list(own.places)] = place
    expanded: NDArray[np.bool_] = mask[..., owners]
    return expanded


def known_in_table(columns: Sequence[Column], known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which entries of a table, (n, T), are known in all their parts, (n, D)."""
    return np.stack([known[:, list(own.places)].all(axis=1) for own in table_columns(columns)], axis=1)


def given_parts(columns: Sequence[Column], given: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return values by variable, with those of dates as their parts.

    Raises
    ------
    InputError
        If a value of a date is none.

    Examples
    --------
    >>> from made.variables.dates import DatePart
    >>> parts = [DatePart("when", part, DateForm("date")) for part in ("week", "weekday")]
    >>> given_parts([Column(part.name, "numeric", part=part) for part in parts], {"when": "2024-01-31"})
    {'when (week)': 2821, 'when (weekday)': 'Wednesday'}
    """
    dates = {own.name: own for own in table_columns(columns) if own.form is not None}
    found: dict[Any, Any] = {}
    for name, value in given.items():
        own = dates.get(name) if isinstance(name, str) else None
        if own is None or own.form is None:
            found[name] = value
            continue
        names = [columns[d].name for d in own.places]
        if value is MISSING or is_missing(value):
            found |= dict.fromkeys(names, value)
            continue
        entry = np.empty(1, dtype=object)
        entry[0] = value
        instants = instants_of(entry, own.form)
        if instants.wrong:
            raise InputError(f"{name} {instants.wrong[0]}")
        parts = parts_of(instants, own.form)
        found |= {part: values[0] for part, values in zip(names, parts.values(), strict=True)}
    return found


def _are_numbers(column: NDArray[Any]) -> bool:
    """Return whether all known entries are numbers: those of a part that was split off before."""
    if column.dtype.kind != "O":
        return column.dtype.kind in "biuf"
    return all(is_missing(value) or isinstance(value, int | float | np.number) for value in column.tolist())
