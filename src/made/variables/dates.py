"""Dates, points in time and times of day as integers: days and nanoseconds, their parts, and values again.

A date is one to one with its week (whole weeks since Monday 1970-01-05), its weekday and the time of day, in
units of the column's resolution. Nothing here is a float, and nothing wraps: what lies outside the calendar,
0001-01-01 to 9999-12-31, is no date.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from made.support.errors import InputError
from made.variables.date_text import DAY, Moment, read, write
from made.variables.frames import is_missing
from made.variables.missing import MISSING
from made.variables.time_zones import find_zone, from_offset, in_zone, offset_at

__all__ = [
    "UNITS",
    "WEEKDAYS",
    "DateForm",
    "DatePart",
    "Instants",
    "instants_of",
    "parts_of",
    "unit_of",
    "values_of_instants",
    "whole_of",
]

Ints = NDArray[np.int64]

#: Resolutions, the coarsest first, and how many nanoseconds each has.
UNITS = {
    "D": DAY,
    "h": 3600 * 10**9,
    "m": 60 * 10**9,
    "s": 10**9,
    "ms": 10**6,
    "us": 10**3,
    "ns": 1,
}
#: Labels of the weekdays.
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# Days since 1970-01-01: of the first Monday after it, and of the ends of the calendar.
_MONDAY, _FIRST_DAY, _LAST_DAY = 4, -719_162, 2_932_896
_EPOCH = 719_163
_IN_WORDS = {"D": "days", "h": "hours", "m": "minutes", "s": "seconds", "ms": "ms", "us": "µs", "ns": "ns"}


@dataclass(frozen=True)
class DateForm:
    """What the values of a table column of dates are.

    Attributes
    ----------
    kind : str
        ``"date"``, ``"datetime"`` or ``"time"`` (a time of day alone).
    unit : str
        The resolution: one of `UNITS`; of dates ``"D"``.
    text : str
        The format, where values are text, see `made.variables.date_text`; else they are objects of
        ``datetime`` or, in nanoseconds, of numpy.
    zone : str
        The time zone that values are given in, a name or ``"+01:00"``; inside they are in UTC. Empty: none.
    """

    kind: str
    unit: str = "D"
    text: str = ""
    zone: str = ""

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts that are variables, in their order."""
        if self.kind == "time":
            return ("time",)
        return ("week", "weekday") if self.unit == "D" else ("week", "weekday", "time")

    @property
    def n_times(self) -> int:
        """How many times of day there are."""
        return DAY // UNITS[self.unit]

    @property
    def finest(self) -> str:
        """The resolution in words."""
        return _IN_WORDS[self.unit]

    @property
    def example(self) -> str:
        """A value, for messages."""
        day, nanos = (0, 0) if self.kind == "date" else (0, 45_000 * 10**9)
        text = self.text or {"date": "%Y-%m-%d", "time": "%H:%M"}.get(self.kind, "%Y-%m-%d %H:%M")
        return write(Moment(day + 19_753, nanos, 0), text)

    def describe(self) -> str:
        """Return the resolution in words."""
        by = "" if self.unit == "D" else f"in {self.finest}"
        return f"{by} ({self.zone})".strip() if self.zone else by


@dataclass(frozen=True)
class DatePart:
    """Which part of which table column a variable is.

    Attributes
    ----------
    column : str
        Name of the column of the table.
    part : str
        ``"week"``, ``"weekday"`` or ``"time"``.
    form : DateForm
        Of that column: the same in all its parts.
    span : tuple of str
        Of the first part: the first and the last date of the rows, for people.
    """

    column: str
    part: str
    form: DateForm
    span: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of the variable."""
        return f"{self.column} ({self.part})"

    @property
    def is_first(self) -> bool:
        """Whether it is the first variable of its column."""
        return self.part == self.form.parts[0]

    def as_dict(self) -> dict[str, Any]:
        """Return it JSON-ready."""
        own = {name: value for name, value in asdict(self.form).items() if value}
        return {"column": self.column, "part": self.part, "form": own, "span": list(self.span)}

    @classmethod
    def from_dict(cls, entries: Mapping[str, Any]) -> DatePart:
        """Read what `as_dict` wrote."""
        form = DateForm(**entries["form"])
        if form.kind not in ("date", "datetime", "time") or form.unit not in UNITS:
            raise InputError(f"there are no dates of kind {form.kind!r} and unit {form.unit!r}")
        if entries["part"] not in form.parts:
            raise InputError(f"a {form.kind} has no part {entries['part']!r}")
        return cls(entries["column"], entries["part"], form, tuple(entries.get("span", ())))


class Instants(NamedTuple):
    """Values of a table column of dates.

    Attributes
    ----------
    days : (n,) int64 array
        Since 1970-01-01, in UTC where there is a time zone; 0 of times of day and where there is no value.
    nanos : (n,) int64 array
        Since midnight.
    missing : (n,) bool array
        Where a value is missing.
    wrong : dict of int to str
        By row: what is wrong with a value, to stand after its place.
    """

    days: Ints
    nanos: Ints
    missing: NDArray[np.bool_]
    wrong: dict[int, str]


def instants_of(values: NDArray[Any], form: DateForm) -> Instants:
    """Return a column of dates, times or text as integers.

    Examples
    --------
    >>> found = instants_of(np.array(["1970-01-05", None, "soon"], dtype=object), DateForm("date"))
    >>> found.days.tolist(), found.missing.tolist(), found.wrong
    ([4, 0, 0], [False, True, False], {2: "holds 'soon', which is no date such as 2024-01-31"})
    """
    stacked = values if values.dtype.kind == "M" else _stacked(values)
    if stacked is not None:
        return _of_numpy(stacked, form)
    days, nanos = np.zeros(len(values), np.int64), np.zeros(len(values), np.int64)
    missing, wrong = np.zeros(len(values), bool), dict[int, str]()
    known: dict[Any, tuple[int, int] | str] = {}
    for row, value in enumerate(values.tolist() if values.dtype.kind != "O" else values):
        if value is MISSING or is_missing(value):
            missing[row] = True
            continue
        key = (type(value), value, getattr(value, "fold", 0))  # two that a clock shows alike are equal
        try:
            found = known.get(key)
        except TypeError:  # a list, say, which is no date
            wrong[row] = _complaint(value, form)
            continue
        if found is None:
            found = known[key] = _instant(value, form)
        if isinstance(found, str):
            wrong[row] = found
        else:
            days[row], nanos[row] = found
    return Instants(days, nanos, missing, wrong)


def parts_of(instants: Instants, form: DateForm) -> dict[str, NDArray[Any]]:
    """Return the parts of each value: whole numbers, and labels of weekdays; None where there is no value.

    The time of day is a fraction where it is no multiple of the unit.

    Examples
    --------
    >>> form = DateForm("datetime", "m")
    >>> found = parts_of(instants_of(np.array(["2024-01-31 12:30"]), form), form)
    >>> {part: own.tolist() for part, own in found.items()}
    {'week': [2821], 'weekday': ['Wednesday'], 'time': [750]}
    """
    absent = instants.missing.copy()
    absent[list(instants.wrong)] = True
    weeks, weekdays = np.divmod(instants.days - _MONDAY, 7)
    found: dict[str, NDArray[Any]] = {}
    for part in form.parts:
        if part == "week":
            own = weeks.astype(object)
        elif part == "weekday":
            own = np.array(WEEKDAYS, dtype=object)[weekdays]
        else:
            whole, rest = np.divmod(instants.nanos, UNITS[form.unit])
            own = whole.astype(object)
            # What is finer than the unit is rounded later on, and stays within the day.
            shares = np.minimum(rest / UNITS[form.unit], np.where(whole == form.n_times - 1, 0.49, 1.0))
            for row in np.flatnonzero(rest).tolist():
                own[row] = float(whole[row] + shares[row])
        own[absent] = None
        found[part] = own
    return found


def whole_of(parts: Mapping[str, NDArray[Any]], form: DateForm) -> Instants:
    """Return values from their parts: the inverse of `parts_of`; a value with a missing part is missing.

    Weeks beyond the calendar become its first or last day.
    """
    n = len(next(iter(parts.values())))
    missing = np.zeros(n, dtype=bool)
    for own in parts.values():
        missing |= np.array([is_missing(value) for value in own.tolist()], dtype=bool)
    there = np.flatnonzero(~missing)
    days, nanos = np.zeros(n, np.int64), np.zeros(n, np.int64)
    if "week" in parts:
        first, last = (_FIRST_DAY - _MONDAY) // 7, (_LAST_DAY - _MONDAY) // 7
        weeks = [min(max(int(week), first), last) for week in parts["week"][there]]
        weekdays = [WEEKDAYS.index(label) for label in parts["weekday"][there]]
        whole = _MONDAY + 7 * np.array(weeks, np.int64) + np.array(weekdays, np.int64)
        days[there] = np.clip(whole, _FIRST_DAY, _LAST_DAY)
    if "time" in parts:
        times = [min(max(int(time), 0), form.n_times - 1) for time in parts["time"][there]]
        nanos[there] = np.array(times, np.int64) * UNITS[form.unit]
    return Instants(days, nanos, missing, {})


def values_of_instants(instants: Instants, form: DateForm) -> NDArray[Any]:
    """Return values as the table has them, an array of objects; None where missing.

    Examples
    --------
    >>> form = DateForm("datetime", "m", zone="+02:00")
    >>> values_of_instants(instants_of(np.array(["2024-01-31 12:30Z"]), form), form)[0].isoformat()
    '2024-01-31T14:30:00+02:00'
    """
    values = np.full(len(instants.days), None, dtype=object)
    known: dict[tuple[int, int], Any] = {}
    for row in np.flatnonzero(~instants.missing).tolist():
        key = int(instants.days[row]), int(instants.nanos[row])
        if key not in known:
            known[key] = _value(*key, form)
        values[row] = known[key]
    return values


def unit_of(nanos: Ints) -> str:
    """Return the coarsest resolution that all times of day are multiples of.

    Examples
    --------
    >>> unit_of(np.array([0, 90 * 10**9])), unit_of(np.array([0]))
    ('s', 'D')
    """
    return next(unit for unit, size in UNITS.items() if not (nanos % size).any())


def _stacked(values: NDArray[Any]) -> NDArray[Any] | None:
    """Return objects as an array of datetime64, where all are of one such type or missing."""
    entries = values.tolist() if values.dtype == object else []
    kinds = {type(value) for value in entries if value is not None}
    if kinds != {np.datetime64}:
        return None
    dtypes = {value.dtype for value in entries if value is not None}
    if len(dtypes) > 1:  # one of them may not hold the others
        return None
    return np.array([np.datetime64("NaT") if value is None else value for value in entries], dtypes.pop())


def _value(day: int, nanos: int, form: DateForm) -> Any:
    """Return one value as the table has it."""
    offset = 0
    if form.zone:
        day, nanos, offset = in_zone(day, nanos, form.zone)
    if form.text:
        return write(Moment(day, nanos, offset), form.text)
    seconds, fraction = divmod(nanos, 10**9)
    time = datetime.time(seconds // 3600, seconds // 60 % 60, seconds % 60, fraction // 1000)
    if form.kind == "time":
        return time
    own = datetime.date.fromordinal(day + _EPOCH)
    if form.kind == "date":
        return own
    if form.zone:
        zone = datetime.timezone(datetime.timedelta(minutes=offset))
        moment = datetime.datetime.combine(own, time, zone)
        named = find_zone(form.zone)
        return moment.astimezone(named) if isinstance(named, ZoneInfo) else moment
    if form.unit == "ns" and abs(day) < 100_000:  # as far as int64 goes
        return np.datetime64(day, "D").astype("datetime64[ns]") + np.timedelta64(nanos, "ns")
    return datetime.datetime.combine(own, time)


def _instant(value: Any, form: DateForm) -> tuple[int, int] | str:
    """Return the day and the nanoseconds of one value, in UTC where there is a zone; or what is wrong."""
    offset: int | None = None
    if isinstance(value, str):
        moment = read(value, form.text)
        if moment is None or moment.is_time != (form.kind == "time"):
            return _complaint(value, form)
        day, nanos, offset = moment.day, moment.nanos, moment.offset
    elif isinstance(value, datetime.datetime):
        if form.kind == "time":
            return _complaint(value, form)
        if value.tzinfo is not None:
            shift = value.utcoffset() or datetime.timedelta()
            offset, finer = divmod(round(shift.total_seconds()), 60)
            value = value - datetime.timedelta(seconds=finer)
        day = value.toordinal() - _EPOCH
        nanos = _nanos_of(value.time()) + getattr(value, "nanosecond", 0)
    elif isinstance(value, datetime.date) and form.kind != "time":
        day, nanos = value.toordinal() - _EPOCH, 0
    elif isinstance(value, datetime.time) and form.kind == "time":
        return 0, _nanos_of(value)
    elif isinstance(value, np.datetime64) and form.kind != "time":
        found = _of_numpy(np.array([value]), form)
        if found.wrong:
            return found.wrong[0]
        day, nanos = int(found.days[0]), int(found.nanos[0])
        return _checked(day, nanos, value, form) if not form.zone else from_offset(day, nanos, 0)
    else:
        return _complaint(value, form)
    if offset is not None and not form.zone:
        return f"holds {str(value)!r} with a time zone, and the training rows have none: leave it out"
    if form.zone:
        offset = offset_at(day, nanos, form.zone) if offset is None else offset
        day, nanos = from_offset(day, nanos, offset)
    return _checked(day, nanos, value, form)


def _of_numpy(values: NDArray[Any], form: DateForm) -> Instants:
    """Return an array of datetime64 as integers, those of one time zone in UTC."""
    missing = np.isnat(values)
    known = np.where(missing, values.dtype.type(0, np.datetime_data(values.dtype)), values)
    days = known.astype("datetime64[D]")
    rest = (known - days).astype("timedelta64[ns]") if values.dtype != days.dtype else np.zeros(len(values))
    whole, nanos = days.astype(np.int64), rest.astype(np.int64)
    out = (whole < _FIRST_DAY) | (whole > _LAST_DAY)
    wrong = {row: _complaint(values[row], form) for row in np.flatnonzero(out & ~missing).tolist()}
    if form.kind == "time":
        wrong = {row: _complaint(values[row], form) for row in np.flatnonzero(~missing).tolist()}
    whole[out], nanos[out] = 0, 0
    return Instants(whole, nanos, missing, wrong)


def _checked(day: int, nanos: int, value: Any, form: DateForm) -> tuple[int, int] | str:
    return (day, nanos) if _FIRST_DAY <= day <= _LAST_DAY else _complaint(value, form)


def _complaint(value: Any, form: DateForm) -> str:
    what = "time of day" if form.kind == "time" else "date"
    return f"holds {str(value)[:60]!r}, which is no {what} such as {form.example}"


def _nanos_of(time: datetime.time) -> int:
    return ((time.hour * 60 + time.minute) * 60 + time.second) * 10**9 + time.microsecond * 1000
