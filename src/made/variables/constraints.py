"""Conditions between columns, such as "start <= end" or "a + b == total": as text, and on rows.

Sums of numbers on grids are exact: in whole numbers of a unit that all of them are multiples of. Dates are
compared as whole nanoseconds, labels as labels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from made.support.errors import InputError
from made.variables.comparable import (
    DATE,
    LABELS,
    MEASURE,
    Comparable,
    comparable,
    comparable_names,
    values_of,
)
from made.variables.conditions import Where
from made.variables.constraint_text import Side, read_sides
from made.variables.rows import Rows
from made.variables.schema import Schema

__all__ = ["Constraint", "constraints_of"]

# Sums of whole numbers up to this are computed as int64.
_MOST = 2**62


@dataclass(frozen=True)
class Constraint:
    """A condition between columns: a weighted sum of them compared with a number.

    Attributes
    ----------
    text : str
        As the user wrote it, or the part of a chain of comparisons that this is.
    terms : tuple of (Comparable, Fraction)
        The columns, and their weights.
    sign : "<", "<=", "==" or "!="
        How the sum compares with `number`.
    number : Fraction
    """

    text: str
    terms: tuple[tuple[Comparable, Fraction], ...]
    sign: str
    number: Fraction

    def holds(self, rows: Rows) -> NDArray[np.bool_]:
        """Return which complete rows meet it, (n,): none where an entry of its columns is missing."""
        found = [values_of(column, rows) for column, _ in self.terms]
        there: NDArray[np.bool_] = np.logical_and.reduce([own.there for own in found])
        if any(column.unit is None for column, _ in self.terms):
            weights = [float(weight * (column.unit or 1)) for column, weight in self.terms]
            total = sum(own.values * weight for own, weight in zip(found, weights, strict=True))
            return there & self._compared(np.asarray(total), float(self.number))
        units = [weight * (column.unit or 1) for column, weight in self.terms]
        scale = math.lcm(self.number.denominator, *(unit.denominator for unit in units))
        weights_whole, bound = [int(unit * scale) for unit in units], int(self.number * scale)
        largest = sum(
            abs(weight) * max(abs(int(own.values.min(initial=0))), abs(int(own.values.max(initial=0))))
            for own, weight in zip(found, weights_whole, strict=True)
        )
        kind = np.int64 if largest + abs(bound) < _MOST else object
        parts = (own.values.astype(kind) * weight for own, weight in zip(found, weights_whole, strict=True))
        return there & self._compared(np.asarray(sum(parts)), bound)

    def _compared(self, total: NDArray[Any], bound: float) -> NDArray[np.bool_]:
        compared = {
            "<": np.less,
            "<=": np.less_equal,
            "==": np.equal,
            "!=": np.not_equal,
        }[self.sign](total, bound)
        return np.asarray(compared, dtype=bool)


def constraints_of(schema: Schema, where: Where | None) -> tuple[Where | None, tuple[Constraint, ...]]:
    """Return the conditions on single columns, and those between columns.

    Parameters
    ----------
    schema : Schema
        Says what the columns are.
    where : mapping, str or sequence of str, optional
        As `made.variables.conditions.read_where` takes it; only text is ever between columns.

    Raises
    ------
    InputError
        If a condition between columns compares what does not compare.

    Examples
    --------
    >>> import made
    >>> schema = made.MADE([made.Numeric(step=1), made.Numeric(step=0.1), made.Bernoulli(1)]).schema
    >>> alone, between = constraints_of(schema, ["x0 <= x1 + 0.5", "x2 = 1"])
    >>> alone, [own.text for own in between]
    (['x2 = 1'], ['x0 <= x1 + 0.5'])
    """
    if where is None or isinstance(where, Mapping):
        return where, ()
    texts = [where] if isinstance(where, str) else list(where)
    names = comparable_names(schema)
    alone, between = [], []
    for text in texts:
        found = _read(schema, names, text) if isinstance(text, str) else ()
        between += found
        alone += [] if found else [text]
    return (where if not between else alone or None), tuple(between)


def _read(schema: Schema, names: Sequence[str], text: str) -> list[Constraint]:
    """Return the comparisons that a text is; none where it is not between columns."""
    parsed = read_sides(text, names)
    if parsed is None:
        return []
    sides, signs = parsed
    named = {name for side in sides for name in side.weights}
    if len(named) < 2:
        return []
    columns = {name: comparable(schema, name) for name in named}
    if _is_value(columns, sides, signs):
        return []
    return [
        _constraint(columns, left, sign, right, text)
        for left, sign, right in zip(sides, signs, sides[1:], strict=False)
    ]


def _is_value(columns: Mapping[str, Comparable], sides: Sequence[Side], signs: Sequence[str]) -> bool:
    """Return whether a text compares a column with one of its own labels, which is called like a column."""
    if len(sides) != 2 or signs[0] not in ("==", "!=") or len(sides[0].weights) != 1:
        return False
    return sides[1].text in (columns[next(iter(sides[0].weights))].labels or ())


def _constraint(
    columns: Mapping[str, Comparable], left: Side, sign: str, right: Side, whole: str
) -> Constraint:
    text = whole.strip() if whole.count(sign[0]) == 1 else f"{left.text} {sign} {right.text}"
    if sign in (">", ">="):
        left, right, sign = right, left, {">": "<", ">=": "<="}[sign]
    weights: dict[str, Fraction] = dict(left.weights)
    for name, weight in right.weights.items():
        weights[name] = weights.get(name, Fraction(0)) - weight
    terms = tuple((columns[name], weight) for name, weight in weights.items() if weight)
    found = Constraint(text, terms, sign, right.number - left.number)
    _check(found)
    return found


def _check(own: Constraint) -> None:
    """Raise an `InputError` where the columns of a constraint do not compare."""
    if not own.terms:
        raise InputError(f"{own.text!r} says nothing about a column: what is on both sides cancels")
    kinds = {column.kind for column, _ in own.terms}
    if kinds == {MEASURE}:
        free = [column.name for column, _ in own.terms if column.unit is None]
        if free and own.sign == "==":
            raise InputError(
                f"{own.text!r} holds with probability 0, for {free[0]} is continuous: compare with <=, or "
                "fit it on a grid, as in made.Numeric(step=0.01)"
            )
        return
    if len(kinds) > 1 or not _are_two(own):
        kind = next(kind for kind in (DATE, LABELS) if kind in kinds)
        name = next(column.name for column, _ in own.terms if column.kind == kind)
        what = "a date: dates compare with dates" if kind == DATE else "labels, which compare with labels"
        raise InputError(f"{own.text!r}: {name} holds {what}, one with one, as in a == b")
    first, second = (column for column, _ in own.terms)
    if LABELS in kinds:
        if own.sign not in ("==", "!="):
            raise InputError(
                f"{own.text!r}: labels of {first.name} have no order, compare them with == or !="
            )
    elif first.form is not None and second.form is not None:
        if (first.form.kind == "time") != (second.form.kind == "time"):
            raise InputError(f"{own.text!r} compares a date with a time of day")
        if bool(first.form.zone) != bool(second.form.zone):
            raise InputError(f"{own.text!r} compares times with a time zone and times without one")


def _are_two(own: Constraint) -> bool:
    """Return whether it compares one column with one other, as they are."""
    return sorted(weight for _, weight in own.terms) == [-1, 1] and own.number == 0
