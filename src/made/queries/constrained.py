"""Rows that meet conditions between columns, by rejection: drawn until they do, and exact for that reason.

A row that is drawn anew until it meets the conditions is distributed as the model's rows given that they do,
whatever the conditions are. How many were drawn for how many kept estimates their probability. Attempt t of
row i is a function of (seed, i, t), so that row i is the same whatever rows are drawn beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from made.masks.ordering import IntArray
from made.queries.density import Floats
from made.queries.reach import Reach
from made.queries.work import index, uniforms_of
from made.support.errors import InputError
from made.support.uniforms import ATTEMPTS
from made.variables.constraints import Constraint
from made.variables.rows import Rows

__all__ = ["LEAST_ACCEPTANCE", "Acceptance", "Draw", "sample_constrained"]

#: Conditions that fewer rows than this share meet are refused.
LEAST_ACCEPTANCE = 1e-4
# The most attempts of one row that are made together.
_MOST_AT_ONCE = 1024

#: Maps places of rows (m,), uniforms (m * each, W) and `each` to m * each rows, those of a place together.
Draw = Callable[[IntArray, Floats, int], Rows]


@dataclass
class Acceptance:
    """How many rows were drawn for those that meet conditions between columns; portions add up.

    Attributes
    ----------
    n_kept : int
        How many rows were kept.
    n_drawn : int
        How many were drawn for them: the attempts of each row up to the one that was kept.
    n_met : dict of str to int
        How many of these meet each condition, by its text.
    """

    n_kept: int = 0
    n_drawn: int = 0
    n_met: dict[str, int] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Kept rows over drawn ones: an estimate of the probability that a row meets the conditions."""
        return self.n_kept / self.n_drawn if self.n_drawn else math.nan

    @property
    def error(self) -> float:
        """The standard error of `rate`."""
        return self.rate * math.sqrt((1 - self.rate) / self.n_kept) if self.n_kept else math.nan

    def add(self, other: Acceptance) -> None:
        """Add what was drawn for other rows."""
        self.n_kept, self.n_drawn = self.n_kept + other.n_kept, self.n_drawn + other.n_drawn
        for text, n in other.n_met.items():
            self.n_met[text] = self.n_met.get(text, 0) + n

    def describe(self) -> str:
        """Say it in words.

        Examples
        --------
        >>> Acceptance(50, 200, {"start <= end": 50}).describe()
        '50 rows kept of 200 drawn: 25.0 ± 3.1 % meet start <= end'
        """
        conditions = " and ".join(self.n_met)
        if not self.n_drawn:
            return f"no row was to meet {conditions}" if conditions else "no row was drawn"
        percent, error = 100 * self.rate, 100 * self.error
        digits = max(1, 1 - math.floor(math.log10(error))) if error > 0 else 1
        figures = f"{percent:.{digits}f} ± {error:.{digits}f}"
        return f"{self.n_kept:,} rows kept of {self.n_drawn:,} drawn: {figures} % meet {conditions}"


def sample_constrained(
    draw: Draw,
    constraints: Sequence[Constraint],
    numbers: IntArray,
    width: int,
    seed: int,
    most: int,
    reach: Reach | None = None,
) -> tuple[Rows, Acceptance]:
    """Return rows that meet all constraints, and how many were drawn for them.

    Parameters
    ----------
    draw : callable
        Draws rows from uniforms.
    constraints : sequence of Constraint
        One at least.
    numbers : (n,) int array
        The number of each row: its attempts are a function of it.
    width : int
        How many uniforms a row takes.
    seed : int
        Of the attempts.
    most : int
        About how many rows are drawn at once.
    reach : Reach, optional
        What numbers of rows keep to as well.

    Raises
    ------
    InputError
        If too few rows meet the constraints.
    """
    tally = Acceptance(n_met={own.text: 0 for own in constraints})
    pending, tried = np.arange(len(numbers)), np.zeros(len(numbers), dtype=np.int64)
    kept: list[Rows] = []
    order: list[IntArray] = []
    n_seen = 0
    while len(pending):
        expected = (n_seen + 2) / (tally.n_kept + 1) if n_seen else 1.0
        each = int(np.clip(math.ceil(expected), 1, min(_MOST_AT_ONCE, most)))
        left = []
        for first in range(0, len(pending), max(most // each, 1)):
            places = pending[first : first + max(most // each, 1)]
            u = _uniforms(seed, numbers[places], tried[places], each, width)
            rows = draw(places, u, each)
            met = np.stack([own.holds(rows).reshape(len(places), each) for own in constraints])
            good = np.logical_and.reduce(met, axis=0)
            if reach is not None:
                beyond = reach.beyond(rows, np.repeat(places, each)).any(dim=1)
                good &= ~beyond.cpu().numpy().reshape(len(places), each)
            found = np.logical_or.reduce(good, axis=1)
            at = good.argmax(axis=1)
            counted = np.arange(each) <= np.where(found, at, each)[:, None]
            for own, each_met in zip(constraints, met, strict=True):
                tally.n_met[own.text] += int((each_met & counted).sum())
            tally.n_kept, tally.n_drawn = tally.n_kept + int(found.sum()), tally.n_drawn + int(counted.sum())
            n_seen = tally.n_drawn
            kept.append(rows[index(np.flatnonzero(found) * each + at[found])])
            order.append(places[found])
            tried[places[~found]] += each
            left.append(places[~found])
            _check(tally)
        pending = np.concatenate(left)
    if not kept:
        return draw(np.zeros(0, dtype=np.int64), np.zeros((0, width)), 1), tally
    return Rows.cat(kept)[index(np.argsort(np.concatenate(order), kind="stable"))], tally


def _uniforms(seed: int, numbers: IntArray, tried: IntArray, each: int, width: int) -> Floats:
    """Return the uniforms of the next attempts of rows: lines of the stream of each."""
    if not len(numbers):
        return np.zeros((0, width))
    # Rows that are tried together were mostly tried equally often.
    found = np.empty((len(numbers), each, width))
    for before in np.unique(tried).tolist():
        own = np.flatnonzero(tried == before)
        lines = uniforms_of((seed, ATTEMPTS), numbers[own], each, width, before)
        found[own] = lines.reshape(len(own), each, width)
    return found.reshape(-1, width)


def _check(tally: Acceptance) -> None:
    """Raise an `InputError` where what was drawn so far says that too few rows meet the constraints."""
    if tally.n_kept + 3 * math.sqrt(tally.n_kept) + 3 >= LEAST_ACCEPTANCE * tally.n_drawn:
        return
    text = min(tally.n_met, key=lambda own: tally.n_met[own])
    alone = "" if len(tally.n_met) == 1 else f", {tally.n_met[text]:,} of them {text!r} alone"
    remedy = (
        "loosen it, or, where it says what one column is, fit without that column and compute it"
        if "=" in text.replace("<=", "").replace(">=", "").replace("!=", "")
        else "loosen it"
    )
    raise InputError(
        f"too few rows meet {text!r}: {tally.n_kept:,} of {tally.n_drawn:,} drawn meet all conditions"
        f"{alone}, and 1 in {round(1 / LEAST_ACCEPTANCE):,} has to; {remedy}"
    )
