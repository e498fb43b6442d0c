"""Conditions on a column: a range, a set of values, missing or not; as objects and as text."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from made.support.errors import InputError
from made.variables.date_text import is_date
from made.variables.frames import is_missing
from made.variables.missing import MISSING
from made.variables.numeric import as_number, exact_number
from made.variables.quoted import QUOTED, split_at_commas, unquoted

__all__ = [
    "RECORDED",
    "Condition",
    "OneOf",
    "Range",
    "Where",
    "as_condition",
    "parse_condition",
    "read_where",
]


@dataclass(frozen=True)
class Range:
    """Numbers, or dates, from `low` to `high`.

    Parameters
    ----------
    low, high : float or date, optional
        The ends, which belong to the range. By default there is none on that side.
    open_low, open_high : bool
        Leave that end out.

    Examples
    --------
    >>> 30 in Range(30), 30 in Range(30, open_low=True), 65 in Range(30, 65)
    (True, False, True)
    """

    low: Any = None
    high: Any = None
    open_low: bool = False
    open_high: bool = False

    def __post_init__(self) -> None:
        """Check that it is a range."""
        for end in (self.low, self.high):
            if end is not None and math.isnan(as_number(end)) and not is_date(end):
                raise InputError(f"the ends of a range are numbers or dates, got {end!r}")
        if self.has_numbers and None not in (self.low, self.high) and self.low > self.high:
            raise InputError(f"a range goes from the lower end to the higher: got {self.low} to {self.high}")

    @property
    def has_numbers(self) -> bool:
        """Whether its ends are numbers, and not dates."""
        return not any(math.isnan(as_number(end)) for end in (self.low, self.high) if end is not None)

    def __contains__(self, value: Any) -> bool:
        """Return whether a number is in the range."""
        number = exact_number(value)
        above = self.low is None or number > self.low or (number == self.low and not self.open_low)
        below = self.high is None or number < self.high or (number == self.high and not self.open_high)
        return above and below and number == number

    def __str__(self) -> str:
        """Show it as it is written beside a column."""
        low = [] if self.low is None else [f"{'>' if self.open_low else '>='} {_shown(self.low)}"]
        high = [] if self.high is None else [f"{'<' if self.open_high else '<='} {_shown(self.high)}"]
        return " and ".join(low + high) or "is any number"


def _shown(end: Any) -> str:
    return str(end) if math.isnan(as_number(end)) else f"{end:g}"


@dataclass(frozen=True)
class OneOf:
    """One of some values, or none of them; `MISSING` may be among them."""

    values: tuple[Any, ...]
    is_excluded: bool = False

    def __str__(self) -> str:
        """Show it as it is written beside a column."""
        return f"{'not in' if self.is_excluded else 'in'} {{{', '.join(map(str, self.values))}}}"


class _Recorded:
    """The type of `RECORDED`, of which there is one value."""

    def __repr__(self) -> str:
        """Show its name."""
        return "RECORDED"

    def __str__(self) -> str:
        """Show it as it is written beside a column."""
        return "is not missing"

    def __reduce__(self) -> str:
        """Copy and pickle as the one value."""
        return "RECORDED"


#: The condition that an entry is not missing, whatever its value.
RECORDED = _Recorded()

Condition = Range | OneOf | _Recorded
#: What methods take as `where`: conditions by column, or as text.
Where = Mapping[Any, Any] | str | Sequence[str]

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_NAME = rf"(?P<name>{QUOTED}|.+?)"
_IN = re.compile(_NAME + r"\s+(?P<no>not\s+)?in\s*[\{\[\(](?P<values>.*)[\}\]\)]\s*", re.DOTALL)
_IS = re.compile(_NAME + r"\s+is\s+(?P<what>missing|not missing|recorded|not recorded)\s*")
_BETWEEN = re.compile(rf"(?P<low>{_NUMBER})\s*(?P<a><=?)\s*{_NAME}\s*(?P<b><=?)\s*(?P<high>{_NUMBER})")
_COMPARED = re.compile(_NAME + r"\s*(?P<sign><=|>=|!=|==|<|>|=)\s*(?P<value>.+)", re.DOTALL)


def as_condition(given: Any) -> Condition:
    """Return what a user gave for a column as a condition: a set or list of values, one value, a range."""
    if isinstance(given, Range | OneOf | _Recorded):
        return given
    values = given if isinstance(given, Collection) and not isinstance(given, str | bytes) else [given]
    if not len(values):
        raise InputError("no value is in an empty set: name some, or leave the condition out")
    return OneOf(tuple(MISSING if value is MISSING or is_missing(value) else value for value in values))


def parse_condition(text: str) -> tuple[str, Condition]:
    """Read a condition, such as "age >= 30", as the name of a column and the condition.

    Raises
    ------
    InputError
        If it is none.

    Examples
    --------
    >>> parse_condition("30 <= age < 40")
    ('age', Range(low=30.0, high=40.0, open_low=False, open_high=True))
    >>> name, condition = parse_condition("city not in {Rome, Paris}")
    >>> name, str(condition)
    ('city', 'not in {Rome, Paris}')
    >>> parse_condition("income is not missing")
    ('income', RECORDED)
    """
    text = text.strip()
    if found := _IS.fullmatch(text):
        is_gap = found["what"] in ("missing", "not recorded")
        return found["name"], OneOf((MISSING,)) if is_gap else RECORDED
    if found := _IN.fullmatch(text):
        values = tuple(map(_plain, split_at_commas(found["values"])))
        if not values:
            raise InputError(f"no value is in the empty set of {text!r}")
        return found["name"], OneOf(values, bool(found["no"]))
    if found := _BETWEEN.fullmatch(text):
        low, high = exact_number(found["low"]), exact_number(found["high"])
        return found["name"], Range(low, high, found["a"] == "<", found["b"] == "<")
    if found := _COMPARED.fullmatch(text):
        return found["name"], _comparison(found["sign"], found["value"], text)
    raise InputError(
        f'{text!r} is no condition: write "age >= 30", "30 <= age < 40", "city in {{Rome, Paris}}", '
        '"income is missing" or "income is not missing"'
    )


def read_where(where: Where | None, place_of: Callable[[Any], int]) -> dict[int, list[Condition]]:
    """Return the conditions on each column, by its number.

    Parameters
    ----------
    where : mapping, str or sequence of str, optional
        Conditions by column, or as `parse_condition` reads them, or returned them.
    place_of : callable
        Maps what a column is called to its number.
    """
    if where is None:
        return {}
    if isinstance(where, Mapping):
        pairs = [(name, as_condition(given)) for name, given in where.items()]
    else:
        texts = [where] if isinstance(where, str) else list(where)
        if not all(isinstance(text, str | tuple) for text in texts):
            raise InputError(
                'where is {"age": made.Range(30)}, or text such as "age >= 30", or a list of text'
            )
        pairs = [text if isinstance(text, tuple) else parse_condition(text) for text in texts]
    found: dict[int, list[Condition]] = {}
    for name, condition in pairs:
        found.setdefault(place_of(name), []).append(condition)
    return found


def _comparison(sign: str, value: str, text: str) -> Condition:
    if sign in ("=", "=="):
        return OneOf((_plain(value),))
    if sign == "!=":
        return OneOf((_plain(value),), is_excluded=True)
    number = exact_number(value.strip())
    if math.isnan(number):
        raise InputError(f"{text!r} compares with no number: name values with in {{...}}")
    is_open = sign in ("<", ">")
    return Range(high=number, open_high=is_open) if "<" in sign else Range(low=number, open_low=is_open)


def _plain(text: str) -> Any:
    """Return a word of a condition without its quotes."""
    word = text.strip()
    return MISSING if word == "missing" else unquoted(word)
