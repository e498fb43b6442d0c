"""Time zones: moments in UTC, as integers, and the local times that they are."""

from __future__ import annotations

import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from made.support.errors import InputError
from made.variables.date_text import DAY

__all__ = ["find_zone", "from_offset", "in_zone", "offset_at"]

_EPOCH = 719_163
_MINUTE = 60 * 10**9
# Days since 1970-01-01 at the ends of the calendar.
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896


def from_offset(day: int, nanos: int, offset: int) -> tuple[int, int]:
    """Return a moment in UTC."""
    over, nanos = divmod(nanos - offset * _MINUTE, DAY)
    return day + over, nanos


def in_zone(day: int, nanos: int, zone: str) -> tuple[int, int, int]:
    """Return a moment in UTC as one of a time zone, and the offset of that, in minutes."""
    named = find_zone(zone)
    if isinstance(named, int):
        offset = named
    else:
        seconds = datetime.timedelta(days=day, seconds=nanos // 10**9)
        try:
            own = (datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc) + seconds).astimezone(named)
        except OverflowError:  # at the ends of the calendar
            return day, nanos, 0
        offset = round((own.utcoffset() or datetime.timedelta()).total_seconds() / 60)
    own_day, own_nanos = from_offset(day, nanos, -offset)
    return (own_day, own_nanos, offset) if _FIRST_DAY <= own_day <= _LAST_DAY else (day, nanos, 0)


def offset_at(day: int, nanos: int, zone: str) -> int:
    """Return the offset, in minutes, of a time zone at a local time; the first of two."""
    named = find_zone(zone)
    if isinstance(named, int):
        return named
    local = datetime.datetime.fromordinal(day + _EPOCH) + datetime.timedelta(seconds=nanos // 10**9)
    shift = local.replace(tzinfo=named).utcoffset() or datetime.timedelta()
    return round(shift.total_seconds() / 60)


@lru_cache
def find_zone(name: str) -> ZoneInfo | int:
    """Return a time zone by its name, or the offset that it is, in minutes."""
    if name in ("Z", "UTC"):
        return 0
    if name[0] in "+-":
        return (-1 if name[0] == "-" else 1) * (60 * int(name[1:3]) + int(name[-2:]))
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise InputError(f"there is no time zone {name!r} on this machine: turn the dates into UTC") from None
