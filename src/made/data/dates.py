"""Which columns of a table are dates, and the variables that each of them becomes."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from made.data.grid import numeric_settings
from made.support.errors import InputError
from made.variables.class_groups import default_coding
from made.variables.column import Column, Found
from made.variables.column_settings import arguments_of
from made.variables.date_text import AmbiguousDatesError, format_of, read
from made.variables.dates import (
    WEEKDAYS,
    DateForm,
    DatePart,
    Instants,
    instants_of,
    parts_of,
    unit_of,
    values_of_instants,
)
from made.variables.missing import marks_of

__all__ = ["date_form", "date_variables"]

_FLOAT = float(np.finfo(np.float64).eps)
# A year in weeks, and how many turns the sines and cosines of a week make in it.
_YEAR, _TURNS = 365.2425 / 7, (1, 2, 3, 4)


def date_form(columns: Sequence[NDArray[Any]], name: str) -> tuple[DateForm | None, str]:
    """Return what dates a column of a table holds, None where it holds others or other values; and a note.

    Parameters
    ----------
    columns : sequence of (n,) arrays
        The values of the column in each split.
    name : str
        Of the column, for messages.

    Raises
    ------
    InputError
        If values are dates that cannot be brought together.

    Examples
    --------
    >>> date_form([np.array(["2024-01-31", None, "2024-02-29"], dtype=object)], "when")
    (DateForm(kind='date', unit='D', text='%Y-%m-%d', zone=''), '')
    >>> date_form([np.array(["01/02/2024"], dtype=object)], "when")[1]
    'column when looks like dates and is kept as text: no value tells day and month apart; write 2024-01-31'
    """
    known = [value for column in columns for value in _observed(column)]
    if not known or not isinstance(known[0], str | datetime.date | datetime.time | np.datetime64):
        return None, ""
    if all(isinstance(value, str) for value in known):
        return _of_text(known, name)
    if not all(isinstance(value, datetime.date | datetime.time | np.datetime64) for value in known):
        return None, ""
    return _of_objects(known, name)


def date_variables(
    columns: Sequence[NDArray[Any]],
    train: NDArray[np.int64],
    name: str,
    form: DateForm,
    note: str,
    n_columns: int = 1,
) -> list[Column]:
    """Return the variables of a column of dates.

    Parameters
    ----------
    columns : sequence of (n,) arrays
        The values of the column in each split, the training rows in the first.
    train : (m,) int array
        Which of the first are trained on.
    name : str
        Of the column.
    form : DateForm
        As `date_form` found it.
    note : str
        On the column.
    n_columns : int
        Columns of the table, see `numeric_settings`.
    """
    instants = [instants_of(column, form) for column in columns]
    parts = [parts_of(own, form) for own in instants]
    gaps = {"missing": True} if any(own.missing.any() for own in instants) else {}
    found = []
    for part in form.parts:
        own = DatePart(name, part, form)
        if own.is_first:
            own = replace(own, span=_span(instants, form))
        first, *others = (split[part] for split in parts)
        if part == "weekday":
            coding = default_coding(len(WEEKDAYS))
            arguments = {"classes": list(WEEKDAYS), "coding": coding, **gaps}
            found.append(Column(own.name, "categorical", arguments, part=own))
            continue
        rest = np.concatenate([np.zeros(0), *(_numbers(other) for other in [first, *others])])
        settings = numeric_settings(_numbers(first[train]), rest, _FLOAT, n_columns=n_columns) | gaps
        arguments = arguments_of("numeric", settings)[1]
        if part == "time":
            arguments["bounds"] = [0, form.n_times - 1]
        else:
            arguments |= _turns_of_year(_numbers(first[train]))
        found.append(Column(own.name, "numeric", arguments, part=own))
    share = float(instants[0].missing.mean())
    found[0] = replace(found[0], note=note, found=Found(_why(form), share))
    return found


def _turns_of_year(weeks: NDArray[np.float64]) -> dict[str, list[float]]:
    """Return the periods of the week: none of up to a year, of which G says the same."""
    if len(weeks) == 0 or np.ptp(weeks) <= _YEAR:
        return {}
    return {"periods": [_YEAR / turns for turns in _TURNS]}


def _why(form: DateForm) -> str:
    what = {"date": "dates", "datetime": "dates with a time", "time": "times of day"}[form.kind]
    return f"{what}, as {form.example}" if form.text else what


def _of_text(words: list[str], name: str) -> tuple[DateForm | None, str]:
    words = [word.strip() for word in words]
    try:
        text = format_of(words)
    except AmbiguousDatesError:
        return None, (
            f"column {name} looks like dates and is kept as text: no value tells day and month apart; "
            "write 2024-01-31"
        )
    if text is None:
        return None, ""
    moments = {word: read(word, text) for word in dict.fromkeys(words)}
    offsets = {moment.offset for moment in moments.values() if moment is not None}
    kind = "time" if text.startswith(("%H", "%I")) else "datetime" if ":" in text else "date"
    zone, note = "", ""
    if offsets != {None}:
        of_one = min(own for own in offsets if own is not None)
        zone = "Z" if text.endswith("Z") or len(offsets) > 1 else _offset(of_one)
        if len(offsets) > 1:
            note = f"column {name} has times of several time zones: they are given back in UTC"
    form = DateForm(kind, "D", text, zone)
    return _with_unit(np.array(list(moments), dtype=object), form), note


def _of_objects(values: list[Any], name: str) -> tuple[DateForm | None, str]:
    are_times = [isinstance(value, datetime.time) for value in values]
    if any(are_times):
        return (_with_unit(_array(values), DateForm("time")), "") if all(are_times) else (None, "")
    kinds, zones = set(), set()
    for value in values:
        is_day = np.datetime_data(value)[0] in "YMWD" if isinstance(value, np.datetime64) else None
        kinds.add("date" if is_day or type(value) is datetime.date else "datetime")
        zones.add(_zone_of(value))
    if len(zones) > 1 and "" in zones:
        raise InputError(f"column {name} holds dates with a time zone and without one: give all of them one")
    zone = zones.pop() if len(zones) == 1 else "UTC"
    form = DateForm("datetime" if "datetime" in kinds else "date", zone=zone)
    own = _with_unit(_array(values), form)
    if own.unit == "ns" and zone:
        raise InputError(
            f"column {name} has nanoseconds and a time zone: round it, or take the time zone off"
        )
    return own, f"column {name} has times of several time zones: they are given back in UTC" if zones else ""


def _with_unit(values: NDArray[Any], form: DateForm) -> DateForm:
    """Return the form with the coarsest resolution that holds all values."""
    instants = instants_of(values, form)
    unit = unit_of(instants.nanos)
    if form.kind == "time" and unit == "D":
        unit = "h"
    return replace(form, unit=unit)


def _zone_of(value: Any) -> str:
    """Return the name of the time zone of a date, or its offset; nothing where it has none."""
    zone = getattr(value, "tzinfo", None)
    if zone is None:
        return ""
    name = getattr(zone, "key", None) or getattr(zone, "zone", None)
    if name is None:
        shift = value.utcoffset() or datetime.timedelta()
        name = _offset(round(shift.total_seconds() / 60))
    return "UTC" if name in ("UTC", "+00:00") else str(name)


def _offset(minutes: int) -> str:
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def _span(instants: Sequence[Instants], form: DateForm) -> tuple[str, ...]:
    """Return the first and the last value, as text."""
    pairs = [
        (int(day), int(nanos))
        for own in instants
        for day, nanos in zip(own.days[~own.missing], own.nanos[~own.missing], strict=True)
    ]
    ends = np.array([min(pairs), max(pairs)], dtype=np.int64)
    own = Instants(ends[:, 0], ends[:, 1], np.zeros(2, bool), {})
    first, last = values_of_instants(own, form).tolist()
    return _shown(first, form), _shown(last, form)


def _shown(value: Any, form: DateForm) -> str:
    if isinstance(value, datetime.datetime) and form.unit in ("D", "h", "m"):
        return value.isoformat(" ", "minutes")
    return str(value)


def _numbers(part: NDArray[Any]) -> NDArray[np.float64]:
    """Return the known entries of a part."""
    return np.array([value for value in part.tolist() if value is not None], dtype=np.float64)


def _observed(column: NDArray[Any]) -> list[Any]:
    if column.dtype.kind not in "OUM":
        return [0] if len(column) else []  # numbers are no dates
    marks = marks_of(column)
    known = column if marks is None else column[~marks]
    return list(known) if known.dtype.kind == "M" else known.tolist()


def _array(values: list[Any]) -> NDArray[Any]:
    own = np.empty(len(values), dtype=object)
    own[:] = values
    return own
