"""Conditions on a date as conditions on its parts, where that is exact: one date, weeks, missing or not."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from made.support.errors import InputError
from made.variables.column import Column
from made.variables.conditions import RECORDED, Condition, OneOf, Range, Where, as_condition, parse_condition
from made.variables.date_columns import TableColumn, given_parts, has_dates, table_columns
from made.variables.date_text import DAY, Moment, write
from made.variables.dates import UNITS, DateForm, instants_of
from made.variables.missing import MISSING
from made.variables.quoted import spellings, unquoted

__all__ = ["where_parts"]

_Pairs = list[tuple[str, Condition]]
_SIGN = r"\s*(?P<{0}><=|>=|!=|==|<|>|=)\s*"
# Days since 1970-01-01 of a Monday, and a week.
_MONDAY, _WEEK = 4, 7


def where_parts(columns: Sequence[Column], where: Where | None) -> Where | None:
    """Return conditions with those on dates as conditions on their parts.

    A range is one of whole weeks, which begin on Mondays: any other is of no product of the parts.

    Parameters
    ----------
    columns : sequence of D Column
        Of the variables.
    where
        As `made.variables.conditions.read_where` takes it.

    Raises
    ------
    InputError
        If a condition on a date is none, or its parts do not say it.

    Examples
    --------
    >>> from made.variables.dates import DatePart
    >>> parts = [DatePart("when", part, DateForm("date")) for part in ("week", "weekday")]
    >>> where_parts([Column(part.name, "numeric", part=part) for part in parts], "when >= 2024-01-29")
    [('when (week)', Range(low=2821, high=None, open_low=False, open_high=False))]
    """
    if where is None or not has_dates(columns):
        return where
    dates = {own.name: own for own in table_columns(columns) if own.form is not None}
    found: list[Any] = []
    if isinstance(where, Mapping):
        for name, given in where.items():
            if name in dates:
                found += _of_condition(columns, dates[name], as_condition(given))
            else:
                found.append((name, as_condition(given)))
        return found
    for text in [where] if isinstance(where, str) else where:
        if isinstance(text, tuple) and text[0] in dates:
            found += _of_condition(columns, dates[text[0]], text[1])
            continue
        own = None if not isinstance(text, str) else _of_text(columns, dates, text)
        found += [text] if own is None else own
    return found


def _of_text(columns: Sequence[Column], dates: Mapping[str, TableColumn], text: str) -> _Pairs | None:
    """Return the conditions that a text is; None where it is about no date."""
    for name, own in dates.items():
        called = rf"(?:{'|'.join(map(re.escape, spellings(name)))})"
        right = rf"(?P<name>{called}){_SIGN.format('sign')}(?P<value>.+)"
        if found := re.fullmatch(rf"\s*(?:(?P<low>[^<>=]+){_SIGN.format('a')})?{right}", text):
            if found["low"] and not {found["a"], found["sign"]} <= {"<", "<="}:
                raise InputError(f"{text!r} is no range: write 2024-01-01 <= {name} < 2025-01-06")
            pairs = _of_condition(columns, own, _compared(found["sign"], found["value"]))
            if found["low"] is None:
                return pairs
            low = _compared(">" if found["a"] == "<" else ">=", found["low"])
            return _of_condition(columns, own, low) + pairs
        if re.fullmatch(rf"\s*{called}\s+(?:is|(?:not\s+)?in)\b.*", text, re.DOTALL):
            return _of_condition(columns, own, parse_condition(text)[1])
    return None


def _compared(sign: str, value: str) -> Condition:
    value = unquoted(value.strip())
    if sign in ("=", "==", "!="):
        return OneOf((MISSING if value == "missing" else value,), is_excluded=sign == "!=")
    is_open = sign in ("<", ">")
    return Range(high=value, open_high=is_open) if "<" in sign else Range(low=value, open_low=is_open)


def _of_condition(columns: Sequence[Column], own: TableColumn, condition: Condition) -> _Pairs:
    """Return the conditions on the parts of a date that say the same."""
    form = own.form
    assert form is not None
    names = [columns[d].name for d in own.places]
    if condition is RECORDED:
        return [(name, RECORDED) for name in names]
    if isinstance(condition, Range):
        return [_of_range(own.name, names[0], form, condition)]
    assert isinstance(condition, OneOf)
    if condition.values == (MISSING,):
        return [(name, condition) for name in names]
    if len(condition.values) > 1 or condition.is_excluded:
        raise InputError(
            f"a condition on {own.name} is one date, a range of weeks, or that it is missing or not; ask for "
            f"each date alone, or name parts, as in {_example(names)}"
        )
    parts = given_parts(columns, {own.name: condition.values[0]})
    return [(name, OneOf((value,))) for name, value in parts.items()]


def _of_range(called: str, name: str, form: DateForm, condition: Range) -> tuple[str, Condition]:
    if form.kind == "time":
        low = None if condition.low is None else _moment(called, condition.low, form)[1] / UNITS[form.unit]
        high = None if condition.high is None else _moment(called, condition.high, form)[1] / UNITS[form.unit]
        return name, Range(low, high, condition.open_low, condition.open_high)
    low, high = condition.low, condition.high
    first = None if low is None else _week(called, low, form, above=condition.open_low)
    end = None if high is None else _week(called, high, form, above=not condition.open_high)
    if first is not None and end is not None and first >= end:
        raise InputError(f"no value of {called} is from {low} to {high}")
    return name, Range(first, None if end is None else end - 1)


def _week(called: str, bound: Any, form: DateForm, *, above: bool) -> int:
    """Return the week that begins at a bound or, `above`, at the next value after it."""
    day, nanos = _moment(called, bound, form)
    if above:
        over, nanos = divmod(nanos + UNITS[form.unit], DAY)
        day += over
    week, rest = divmod(day - _MONDAY, _WEEK)
    if rest or nanos:
        near = [write(Moment(_MONDAY + _WEEK * own, 0), "%Y-%m-%d") for own in (week, week + 1)]
        raise InputError(
            f"a range of {called} begins and ends with a week, and {bound} is within one: weeks begin on "
            f"{near[0]} and {near[1]}, both Mondays"
        )
    return week


def _moment(called: str, bound: Any, form: DateForm) -> tuple[int, int]:
    entry = np.empty(1, dtype=object)
    entry[0] = bound
    found = instants_of(entry, form)
    if found.wrong or found.missing[0]:
        raise InputError(f"{called} {found.wrong.get(0, 'is compared with nothing: give a date')}")
    return int(found.days[0]), int(found.nanos[0])


def _example(names: Sequence[str]) -> str:
    return f'"{names[-1]} in {{Saturday, Sunday}}"' if len(names) > 1 else f'"{names[0]} >= 30"'
