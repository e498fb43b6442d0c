"""What the compiled scores need to know of the numeric columns of a row."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from made.variables.numeric_columns import NumericColumns

__all__ = ["Plan", "make_plan"]

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


def make_plan(numbers: NumericColumns) -> Plan:
    """Return the plan of some numeric columns."""
    scores, columns = numbers.scores, numbers.columns
    knots, z, slopes = (part.numpy() for part in (scores.knots, scores.scores, scores.slopes))
    with np.errstate(invalid="ignore"):  # beyond the last knot of a column all is infinite, and never read
        rise, width = np.diff(z, axis=1), np.diff(knots, axis=1)
        secant = rise / width
    last = scores.last[:, 0].numpy()
    ends = np.stack([np.zeros_like(last), last], axis=1)
    least, most = scores.values_of_ends().numpy().T
    tails = [np.take_along_axis(knots, ends, axis=1), scores.end_mass.numpy(), scores.end_rate.numpy()]
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
    )
