"""What a sample of rows may not show of a column: gaps, rare values, extremes, decimals. It can be merged."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from made.data.grid import find_step

if TYPE_CHECKING:
    import polars

__all__ = ["ColumnFacts", "facts_of", "merged", "with_witnesses"]

# As many different values of a column are remembered; of one that has more, none but the extremes.
_MOST_TEXTS, _MOST_NUMBERS = 10_000, 1_000


@dataclass
class ColumnFacts:
    """Facts about one column of rows.

    Attributes
    ----------
    has_gaps : bool
        Whether a value is missing in some row.
    values : set or None
        All different values; None where they are too many.
    low, high : optional
        The smallest and the largest value.
    decimals : float
        How many the finest value has; infinite for one that is on no grid.
    finest : optional
        That value.
    """

    has_gaps: bool = False
    values: set[Any] | None = field(default_factory=set)
    low: Any = None
    high: Any = None
    decimals: float = -1
    finest: Any = None

    @property
    def witnesses(self) -> list[Any]:
        """Values that tell what a sample is to know; None for a gap."""
        gap = [None] if self.has_gaps else []
        if self.values is not None:
            return [*gap, *sorted(self.values, key=repr)]
        return [*gap, *(own for own in (self.low, self.high, self.finest) if own is not None)]

    def add(self, other: ColumnFacts) -> None:
        """Take over the facts about other rows."""
        self.has_gaps = self.has_gaps or other.has_gaps
        if self.values is not None and other.values is not None:
            self.values |= other.values
            is_text = any(isinstance(own, str) for own in self.values)
            if len(self.values) > (_MOST_TEXTS if is_text else _MOST_NUMBERS):
                self.values = None
        else:
            self.values = None
        if other.low is not None:
            self.low = other.low if self.low is None else min(self.low, other.low)
            self.high = other.high if self.high is None else max(self.high, other.high)
        if other.decimals > self.decimals:
            self.decimals, self.finest = other.decimals, other.finest


def facts_of(frame: polars.DataFrame) -> list[ColumnFacts]:
    """Return the facts about the columns of a table of numbers, text and dates, see `made.data.tables.plain`.

    Examples
    --------
    >>> import polars
    >>> (own,) = facts_of(polars.DataFrame({"price": [1.5, None, 2.25]}))
    >>> own.has_gaps, own.low, own.high, own.decimals, own.finest
    (True, 1.5, 2.25, 2, 2.25)
    """
    return [_of_column(column) for column in frame]


def merged(parts: Sequence[Sequence[ColumnFacts]]) -> list[ColumnFacts]:
    """Return the facts about all rows, from those about parts of them."""
    found = [ColumnFacts() for _ in parts[0]]
    for part in parts:
        for own, other in zip(found, part, strict=True):
            own.add(other)
    return found


def with_witnesses(frame: polars.DataFrame, facts: Sequence[ColumnFacts]) -> polars.DataFrame:
    """Return rows with the values that a sample lacks: copies of its rows, in which columns have these.

    Parameters
    ----------
    frame : DataFrame
        The sample, as `facts_of` takes it.
    facts : sequence of ColumnFacts
        About all rows.

    Examples
    --------
    >>> import polars
    >>> sample = polars.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    >>> all_rows = polars.DataFrame({"a": [1, 2, 3], "b": ["x", "y", None]})
    >>> with_witnesses(sample, facts_of(all_rows)).rows()
    [(3, None)]
    """
    import polars

    lacking = []
    for column, own in zip(frame, facts, strict=True):
        known = facts_of(column.to_frame())[0]
        there = (
            set(column.unique().to_list()) if own.values is None else known.values or set(column.to_list())
        )
        has_gap = known.has_gaps
        lacking.append(
            [value for value in own.witnesses if (not has_gap if value is None else value not in there)]
        )
    n = max(map(len, lacking), default=0)
    if n == 0:
        return frame.clear()
    copies = frame[np.arange(n) % len(frame)]
    columns = []
    for column, values in zip(copies, lacking, strict=True):
        kept = column.to_list()
        kept[: len(values)] = values
        columns.append(polars.Series(column.name, kept, dtype=column.dtype, strict=False))
    return polars.DataFrame(columns)


def _of_column(column: polars.Series) -> ColumnFacts:
    import polars

    if column.dtype.is_float():
        column = column.fill_nan(None)
    known = column.drop_nulls()
    own = ColumnFacts(has_gaps=len(known) < len(column))
    if not len(known):
        return own
    distinct = known.unique()
    is_text = column.dtype == polars.String
    few = len(distinct) <= (_MOST_TEXTS if is_text else _MOST_NUMBERS)
    own.values = set(distinct.to_list()) if few else None
    if is_text:
        return own
    own.low, own.high = distinct.min(), distinct.max()
    if column.dtype.is_float():
        own.decimals, own.finest = _finest(distinct, column.dtype)
    elif own.low is not None and not isinstance(own.low, datetime.date | datetime.time):
        own.decimals, own.finest = 0, own.low
    return own


def _finest(values: polars.Series, kind: Any) -> tuple[float, Any]:
    """Return the most decimals that any value has, and a value that has them."""
    import polars

    eps = float(np.finfo(np.float32 if kind == polars.Float32 else np.float64).eps)
    numbers = values.to_numpy().astype(np.float64)
    numbers = numbers[np.isfinite(numbers)]
    step = find_step(numbers, eps)
    if step == 1.0 or not len(numbers):
        return 0, values[0]
    decimals = 7 if step is None else round(-np.log10(step))
    scaled = numbers * 10.0 ** (decimals - 1)  # the value that is farthest from a coarser grid
    value = numbers[int(np.abs(scaled - np.rint(scaled)).argmax())]
    return (np.inf if step is None else decimals), float(value)
