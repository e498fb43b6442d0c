"""Dates and times of day as text: which format words are written in, and both ways through it.

A format is written as ``strftime`` has it: ``%Y-%m-%d %H:%M``; ``%-d`` has no leading zero, ``%3f`` is a
fraction of a second of three digits, ``%z`` an offset such as ``+01:00``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, time
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

__all__ = ["DAY", "AmbiguousDatesError", "Moment", "format_of", "is_date", "read", "write"]

#: Nanoseconds of a day.
DAY = 86_400 * 10**9
_EPOCH = date(1970, 1, 1).toordinal()
_WORD = re.compile(
    r"(?:(?P<a>\d{1,4})(?P<mark>[-/.])(?P<b>\d{1,2})(?P=mark)(?P<c>\d{1,4}))?"
    r"(?P<join>T| )?"
    r"(?:(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<fraction>\d{1,9}))?)?"
    r"(?P<half> ?[AaPp][Mm])?(?P<zone>Z|[+-]\d\d:?\d\d)?)?"
)
_TOKEN = re.compile(r"%-?\d?[A-Za-z]|[^%]+")


class AmbiguousDatesError(ValueError):
    """Words are dates, and which number is the day and which the month cannot be told."""


class Moment(NamedTuple):
    """A point in time, or a time of day.

    Attributes
    ----------
    day : int
        Days since 1970-01-01; 0 of a time of day.
    nanos : int
        Nanoseconds since midnight.
    offset : int or None
        Of the time zone it is written in, in minutes; None where none is written. Not yet taken off.
    is_time : bool
        Whether it is a time of day alone.
    """

    day: int
    nanos: int
    offset: int | None = None
    is_time: bool = False


def format_of(words: Iterable[str]) -> str | None:
    """Return the one format in which all words are dates, or times of day; None if there is none.

    The year has four digits and stands first, as in 2024-01-31 and 2024/1/31, or last, as in 31.01.2024,
    01/31/2024 and 31/01/2024; which of the latter two it is, some word has to tell. A time of day alone has
    two digits each.

    Raises
    ------
    AmbiguousDatesError
        If day and month cannot be told apart.

    Examples
    --------
    >>> format_of(["2024-01-31 12:30", "2023-12-01 00:00"]), format_of(["1/31/2024"]), format_of(["12:30:15"])
    ('%Y-%m-%d %H:%M', '%-m/%-d/%Y', '%H:%M:%S')
    >>> format_of(["2024-01-31", "soon"]) is None
    True
    """
    distinct = dict.fromkeys(words)
    found = [_WORD.fullmatch(word) for word in distinct]
    if not found or any(own is None for own in found):
        return None
    matches = [own for own in found if own is not None]
    shapes = {_shape_of(own) for own in matches}
    if len(shapes) != 1 or None in shapes:
        return None
    text = _date_format(matches) if matches[0]["a"] else ""
    if text is None or not all(read(word, text or "%H:%M") for word in distinct):
        return None
    return text + _time_format(matches)


def read(word: str, text: str = "") -> Moment | None:
    """Return the moment that a word is, None where it is none.

    Parameters
    ----------
    word : str
        With the year first, as in 2024-01-31T12:30:15Z; or as `text` has it.
    text : str
        A format: says whether the day or the month comes first where the year is last.

    Examples
    --------
    >>> read("2024-02-29 00:01")
    Moment(day=19782, nanos=60000000000, offset=None, is_time=False)
    >>> read("2023-02-29") is None, read("1.2.2024").day
    (True, 19754)
    """
    found = _WORD.fullmatch(word.strip())
    if found is None or _shape_of(found) is None:
        return None
    day = 0
    if found["a"]:
        numbers = int(found["a"]), int(found["b"]), int(found["c"])
        if len(found["a"]) == 4:
            year, month, of_month = numbers
        else:
            order = _order_of(text) or ("dmy" if found["mark"] == "." else None)
            if order is None:
                return None
            of_month, month = numbers[:2] if order == "dmy" else numbers[1::-1]
            year = numbers[2]
        try:
            day = date(year, month, of_month).toordinal() - _EPOCH
        except ValueError:
            return None
    nanos = _nanos_of(found) if found["hour"] else 0
    return None if nanos is None else Moment(day, nanos, _offset_of(found["zone"]), not found["a"])


def is_date(value: Any) -> bool:
    """Return whether a single value is a date, a time of day, or looks like one written in some format.

    Examples
    --------
    >>> is_date("31/01/2024 12:30"), is_date("31"), is_date(date(2024, 1, 31))
    (True, False, True)
    """
    if isinstance(value, str):
        found = _WORD.fullmatch(value.strip())
        return found is not None and _shape_of(found) is not None
    return isinstance(value, date | time | np.datetime64)


def write(moment: Moment, text: str) -> str:
    """Return a moment in a format; its day and time of day are those of its offset.

    Examples
    --------
    >>> write(Moment(19753, 45_000_000_000_000), "%d.%m.%Y %H:%M")
    '31.01.2024 12:30'
    """
    own = date.fromordinal(moment.day + _EPOCH)
    seconds, fraction = divmod(moment.nanos, 10**9)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    numbers = {"m": own.month, "d": own.day, "H": hour, "I": (hour + 11) % 12 + 1, "M": minute, "S": second}
    parts = []
    for token in _tokens(text):
        kind = token[-1]
        if not token.startswith("%"):
            parts.append(token)
        elif kind == "Y":
            parts.append(f"{own.year:04d}")
        elif kind == "f":
            parts.append(f"{fraction:09d}"[: int(token[1:-1])])
        elif kind == "p":
            parts.append("PM" if hour >= 12 else "AM")
        elif kind == "z":
            offset = moment.offset or 0
            parts.append(f"{'-' if offset < 0 else '+'}{abs(offset) // 60:02d}:{abs(offset) % 60:02d}")
        else:
            parts.append(str(numbers[kind]) if token[1] == "-" else f"{numbers[kind]:02d}")
    return "".join(parts)


@lru_cache
def _tokens(text: str) -> tuple[str, ...]:
    return tuple(_TOKEN.findall(text))


@lru_cache
def _order_of(text: str) -> str | None:
    """Return whether day or month comes first in a format whose year is last; None of any other."""
    kinds = "".join(token[-1] for token in _tokens(text) if token[0] == "%")[:3].lower()
    return kinds if kinds in ("dmy", "mdy") else None


def _shape_of(found: re.Match[str]) -> tuple[object, ...] | None:
    """Return what words of one format have in common; None of what is no date."""
    a, c, hour = found["a"], found["c"], found["hour"]
    if a is None:
        # Of one digit it may be a ratio or a score.
        return None if hour is None or len(hour) < 2 or found["join"] else ("", bool(found["second"]))
    is_last = len(a) <= 2 and len(c) == 4
    if not is_last and not (len(a) == 4 and len(c) <= 2 and found["mark"] in "-/"):
        return None
    if (hour is None) != (found["join"] is None):
        return None
    half = (found["half"] or "").strip().isalpha(), (found["half"] or "").startswith(" ")
    return is_last, found["mark"], found["join"], bool(found["second"]), half, bool(found["zone"])


def _date_format(matches: list[re.Match[str]]) -> str | None:
    """Return the format of the date; None where the numbers are of no one order."""
    mark, is_last = matches[0]["mark"], len(matches[0]["c"]) == 4
    first, second = ("a", "b") if is_last else ("b", "c")
    is_short = any(len(own[first]) == 1 or len(own[second]) == 1 for own in matches)
    has_zero = any(own[name].startswith("0") for own in matches for name in (first, second))
    digit = "-" if is_short and not has_zero else ""
    month, day = f"%{digit}m", f"%{digit}d"
    # Two digits throughout, none of them below ten, say nothing of zeros.
    if not is_last:
        return f"%Y{mark}{month}{mark}{day}"
    if mark == ".":
        return f"{day}.{month}.%Y"
    day_is_first = any(int(own["a"]) > 12 for own in matches)
    month_is_first = any(int(own["b"]) > 12 for own in matches)
    if day_is_first and month_is_first:
        return None
    if not day_is_first and not month_is_first:
        raise AmbiguousDatesError
    order = (day, month) if day_is_first else (month, day)
    return f"{order[0]}{mark}{order[1]}{mark}%Y"


def _time_format(matches: list[re.Match[str]]) -> str:
    """Return the rest of the format; nothing where there is no time of day."""
    first = matches[0]
    if first["hour"] is None:
        return ""
    digits = max(len(own["fraction"] or "") for own in matches)
    is_short = any(len(own["hour"]) == 1 for own in matches)
    hour = f"%{'-' if is_short else ''}{'I' if first['half'] else 'H'}"
    text = (first["join"] or "") + f"{hour}:%M" + (":%S" if first["second"] else "")
    text += f".%{digits}f" if digits else ""
    text += (" %p" if first["half"].startswith(" ") else "%p") if first["half"] else ""
    if first["zone"] is None:
        return text
    return text + ("Z" if all(own["zone"] == "Z" for own in matches) else "%z")


def _nanos_of(found: re.Match[str]) -> int | None:
    """Return the nanoseconds since midnight; None where there is no such time of day."""
    hour, minute, second = (int(found[name] or 0) for name in ("hour", "minute", "second"))
    if found["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if found["half"].strip().lower() == "pm" else 0)
    if hour > 23 or minute > 59 or second > 59:
        return None
    fraction = int((found["fraction"] or "0").ljust(9, "0"))
    return ((hour * 60 + minute) * 60 + second) * 10**9 + fraction


def _offset_of(zone: str | None) -> int | None:
    if zone is None:
        return None
    if zone == "Z":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    return (-1 if zone[0] == "-" else 1) * (60 * hours + minutes)
