"""What the compiled scores need to know of the numeric columns of a row."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from made.variables.numeric_columns import NumericColumns

__all__ = ["Plan", "make_plan", "with_listed"]

# The scores of a grid are listed between these normal scores, where there are no more points than that.
_END, _MOST_LISTED = 6.0, 2048
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Plan(NamedTuple):
    """B numeric columns as arrays; M is the largest number of intervals between knots.

    Attributes
    ----------
    is_grid : (B,) bool array
        Whether a column is on a grid.
    steps, inverses : (B,) float64 arrays
        Of grids: the step; its reciprocal where that is a whole number, else 0.
    centre, scale : (B,) float64 arrays
        t = asinh((x - centre) / scale); a scale of 0 means t = x - centre.
    last : (B,) int array
        The number of intervals of each column.
    least, most : (B,) float64 arrays
        The values, about, beyond which tails begin.
    begin, width : (B, M) float64 arrays
        t where intervals begin, and how wide they are.
    low, rise, secant : (B, M) float64 arrays
        z where they begin, by how much it rises, and the mean slope.
    left, right : (B, M) float64 arrays
        The slopes at their ends over the mean slope.
    tails : (B, 2, 3) float64 array
        Of the lower and the upper tail: t where it begins, the logarithms of its mass and of its rate.
    shape : (B,) float64 array
        Of the tails.
    first, size, start : (B,) int arrays
        Of grids of few points: the number of the first point whose scores are listed, how many are, and
        where they begin in `listed`; the size is 0 elsewhere.
    listed : (T, 3) float64 array
        The scores of these points.
    """

    is_grid: NDArray[np.bool_]
    steps: Floats
    inverses: Floats
    centre: Floats
    scale: Floats
    last: Ints
    least: Floats
    most: Floats
    begin: Floats
    width: Floats
    low: Floats
    rise: Floats
    secant: Floats
    left: Floats
    right: Floats
    tails: Floats
    shape: Floats
    first: Ints
    size: Ints
    start: Ints
    listed: Floats


def make_plan(numbers: NumericColumns) -> Plan:
    """Return the plan of numeric columns, with no points listed."""
    scores, columns = numbers.scores, numbers.columns
    knots, z, slopes = (part.numpy() for part in (scores.knots, scores.scores, scores.slopes))
    with np.errstate(invalid="ignore"):  # beyond the last knot of a column all is infinite, and never read
        rise, width = np.diff(z, axis=1), np.diff(knots, axis=1)
        secant = rise / width
    last = scores.last[:, 0].numpy()
    ends = np.stack([np.zeros_like(last), last], axis=1)
    least, most = scores.values_of_ends().numpy().T
    tails = [np.take_along_axis(knots, ends, axis=1), scores.end_mass.numpy(), scores.end_rate.numpy()]
    none = np.zeros(len(columns), dtype=np.int64)
    return Plan(
        is_grid=np.array([own.step is not None for own in columns]),
        steps=np.array([own.step or 0.0 for own in columns]),
        inverses=np.array([float(own.inverse) for own in columns]),
        centre=scores.centre[:, 0].numpy().copy(),
        scale=scores.scale[:, 0].numpy().copy(),
        last=last.astype(np.int64),
        least=least.copy(),
        most=most.copy(),
        begin=knots[:, :-1].copy(),
        width=width,
        low=z[:, :-1].copy(),
        rise=rise,
        secant=secant,
        left=slopes[:, :-1] / secant,
        right=slopes[:, 1:] / secant,
        tails=np.stack(tails, axis=2),
        shape=scores.tail_shape[:, 0].numpy().copy(),
        first=none,
        size=none,
        start=none,
        listed=np.zeros((0, 3)),
    )


def with_listed(plan: Plan, numbers: NumericColumns, find: Callable[..., None]) -> Plan:
    """Return the plan with the scores of the points of small grids, which the loop itself finds."""
    ends = torch.tensor([[-_END, _END]], dtype=torch.float64).expand(len(plan.steps), -1)
    first, last = numbers.bodies_near(numbers.scores.values(ends).t()).numpy()
    # The ends of a grid may be as far apart as int64 reaches: what that overflows to is not few.
    few = plan.is_grid & (last.astype(np.float64) - first.astype(np.float64) < _MOST_LISTED)
    size = np.where(few, last - first + 1, 0)
    bodies = first + np.arange(size.max(initial=0))[:, None]
    scores = np.empty((*bodies.shape, 3))
    find(plan, bodies, scores)
    listed = [scores[:n, column] for column, n in enumerate(size.tolist())]
    start = np.cumsum(size) - size
    return plan._replace(first=first.copy(), size=size, start=start, listed=np.concatenate(listed))
