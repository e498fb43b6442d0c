"""Columns of a table as values that compare: whole numbers of a unit, dates in nanoseconds, labels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from made.variables.column import Column
from made.variables.date_text import DAY
from made.variables.dates import DateForm, whole_of
from made.variables.encoding import decode
from made.variables.numeric import Numeric
from made.variables.row_type import RowType
from made.variables.rows import Rows
from made.variables.schema import Schema

__all__ = ["DATE", "LABELS", "MEASURE", "Comparable", "Values", "comparable", "comparable_names", "values_of"]

#: What the values of a column are: numbers, dates or times of day, labels.
MEASURE, DATE, LABELS = "numbers", "dates", "labels"


@dataclass(frozen=True, eq=False)
class Comparable:
    """A column of a table.

    Attributes
    ----------
    name : str
    kind : str
        `MEASURE`, `DATE` or `LABELS`.
    places : tuple of int
        The variables that it is.
    variables : RowType
        All of them.
    unit : Fraction, optional
        Of numbers: what its values are multiples of; None where they are continuous.
    form : DateForm, optional
        Of dates.
    labels : tuple, optional
        Its labels as text, where it has any.
    """

    name: str
    kind: str
    places: tuple[int, ...]
    variables: RowType
    unit: Fraction | None = None
    form: DateForm | None = None
    labels: tuple[str, ...] | None = None

    @cached_property
    def of_codes(self) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """The value of each code, and which codes have one: of labels, numbers that differ as they do."""
        block = self.variables.discrete(self.places[0])
        values = list(block.values[: block.n_classes])
        if self.kind == LABELS:
            whole = [_number_of_label(str(value)) for value in values]
        else:
            assert self.unit is not None
            whole = [int(_fraction(value) / self.unit) for value in values]
        n_gaps = block.n_values - block.n_classes
        return np.array([*whole, *[0] * n_gaps], dtype=object), np.arange(block.n_values) < block.n_classes


class Values(NamedTuple):
    """The values of a column in some rows.

    Attributes
    ----------
    values : (n,) array
        How many units they are; float64 where there is no unit; of dates nanoseconds, which may be objects.
    there : (n,) bool array
        Where there is a value: it is not missing.
    """

    values: NDArray[Any]
    there: NDArray[np.bool_]


def comparable_names(schema: Schema) -> list[str]:
    """Return the names of columns that conditions may compare: those of the table, and parts of dates."""
    dates = [own.name for own in schema.modelled_table if own.form is not None]
    return [*(column.name for column in schema.modelled), *dates]


def comparable(schema: Schema, name: str) -> Comparable:
    """Return the column of that name."""
    for own in schema.modelled_table:
        if own.form is not None and own.name == name:
            unit = Fraction(1)
            return Comparable(name, DATE, own.places, schema.row_type, unit=unit, form=own.form)
    d = [column.name for column in schema.modelled].index(name)
    return _of_variable(schema.row_type, d, schema.modelled[d])


def values_of(column: Comparable, rows: Rows) -> Values:
    """Return the values of a column in complete rows."""
    if column.form is not None:
        return _of_dates(column, column.form, rows)
    d, block = column.places[0], column.variables.block_of(column.places[0])
    codes = rows.codes[:, d].cpu().numpy().astype(np.int64)
    if isinstance(block, Numeric):
        assert rows.bodies is not None
        assert column.variables.numbers is not None
        own = rows.bodies[:, column.variables.numbers.number_of(d)].cpu().numpy()
        bodies = block.bodies_of_codes(codes, own)
        there = np.ones(len(codes), bool) if block.missing_code is None else codes != block.missing_code
        return Values(bodies if block.step is not None else bodies.view(np.float64), there)
    values, known = column.of_codes
    places = np.minimum(codes, len(values) - 1)
    return Values(values[places], known[places] & (codes < len(values)))


def _of_variable(variables: RowType, d: int, column: Column) -> Comparable:
    block = variables.block_of(d)
    if isinstance(block, Numeric):
        unit = None
        if block.step is not None:
            unit = Fraction(1, block.inverse) if block.inverse else Fraction(str(block.step))
        return Comparable(column.name, MEASURE, (d,), variables, unit)
    values = variables.discrete(d).values[: block.n_classes]
    text = tuple(map(str, values))
    if not all(_is_number(value) for value in values):
        return Comparable(column.name, LABELS, (d,), variables, Fraction(1), labels=text)
    scale = math.lcm(*(_fraction(value).denominator for value in values))
    return Comparable(column.name, MEASURE, (d,), variables, Fraction(1, scale), labels=text)


def _of_dates(column: Comparable, form: DateForm, rows: Rows) -> Values:
    codes = rows.codes.cpu().numpy()
    bodies = None if rows.bodies is None else rows.bodies.cpu().numpy()
    values = decode(column.variables, codes, bodies)
    parts = {part: values[:, d] for part, d in zip(form.parts, column.places, strict=True)}
    found = whole_of(parts, form)
    return Values(found.days.astype(object) * DAY + found.nanos, ~found.missing)


def _number_of_label(label: str) -> int:
    """Return a whole number that no other label has."""
    return int.from_bytes(b"\x01" + label.encode(), "big")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number | np.bool_) and math.isfinite(float(value))


def _fraction(value: Any) -> Fraction:
    return Fraction(int(value)) if isinstance(value, bool | np.bool_) else Fraction(str(value))
