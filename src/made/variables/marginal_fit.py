"""From the values of a column to its marginal CDF G: knots at quantiles, as many as held-out values want."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from made.variables.bounded_spline import bounded, harmonic
from made.variables.normal_score import NormalScores, Spline
from made.variables.numeric import Numeric
from made.variables.rows import Rows

__all__ = ["RowSample", "fit_marginal", "fit_numeric"]

Floats = NDArray[np.float64]

#: Values of a column that its marginal is fitted to: more would change it by less than its own error.
MOST_VALUES = 50_000
# Numbers of knots to choose among, and how many values each of them needs.
_KNOTS = (2, 3, 5, 8, 12, 20, 32, 50, 80)
_VALUES_PER_KNOT = 5
# Where the marginal is bounded, which takes knots of its own.
_MOST_BOUNDED = 32
# Values that the choice is made with, in two halves of which each scores the other.
_VALUES_FOR_CHOICE = 5_000
_QUARTILE = 0.6744897501960817
# Values nearer to each other than this are one; beyond half of this range differences overflow.
_LEAST_RANGE, _MOST_HALF_RANGE = 1e-290, 8e307
# Values beyond this, or its inverse, are brought near 1 first: their sums and ratios overflow.
_FAR = 1e150


def fit_marginal(
    values: Floats,
    step: float = 0.0,
    weights: Floats | None = None,
    edges: tuple[float, float] = (-np.inf, np.inf),
) -> Spline:
    """Return the marginal CDF of a column.

    The number of knots, and whether the spline is one of x or of asinh of x about the middle or either end,
    are what gives held-out values the most mass, in cells as wide as the column's resolution.

    Parameters
    ----------
    values : (n,) array
        Observed values of the body, in any order; n may be 0.
    step : float
        Of the grid that they are on; 0: none.
    weights : (n,) array, optional
        How many values each counts for.
    edges : (low, high)
        Beyond them there is no mass; infinite where there are none.

    Examples
    --------
    >>> spline = fit_marginal(np.random.default_rng(0).normal(5, 2, size=1000))
    >>> scores = NormalScores([spline], [0.0])
    >>> z, _ = scores.point(torch.tensor([[3.0, 5.0, 7.0]], dtype=torch.float64))
    >>> z.round().tolist()
    [[-1.0, 0.0, 1.0]]
    """
    weights = np.ones(len(values)) if weights is None else weights
    values, weights = values[weights > 0], weights[weights > 0]
    if len(values) > MOST_VALUES:
        some = np.sort(_draw(len(values), MOST_VALUES))
        values, weights = values[some], weights[some]
    resolution = step or _resolution(values)
    choice = _draw(len(values), min(len(values), _VALUES_FOR_CHOICE))
    halves = choice[::2], choice[1::2]
    most = max(len(choice) / 2 / _VALUES_PER_KNOT, _KNOTS[0])
    is_bounded = np.isfinite(edges).all()
    bends = ("none",) if is_bounded else ("none", "middle", "low", "high")
    ways = list(product([k for k in _KNOTS if k <= min(most, _MOST_BOUNDED if is_bounded else most)], bends))
    score = np.zeros(len(ways))
    for own, other in (halves, halves[::-1]):
        splines = [bounded(_spline(values[own], weights[own], resolution, *way), *edges) for way in ways]
        score += _held_out(splines, values[other], weights[other], resolution)
    return bounded(_spline(values, weights, resolution, *ways[int(score.argmax())]), *edges)


def fit_numeric(
    numeric: Numeric, codes: NDArray[Any], bodies: NDArray[np.int64], weights: ArrayLike | None = None
) -> Numeric:
    """Return a numeric variable with the marginal of its body fitted to encoded values (n,)."""
    own = codes == 0
    values = numeric.floats_of(np.ascontiguousarray(bodies[own]))
    of_own = None if weights is None else np.asarray(weights, dtype=np.float64)[own]
    if len(values) == 0 and numeric.spikes:  # what comes beside the spikes is likely to be of their size
        values, of_own = np.array(numeric.spikes), None
    return numeric.with_marginal(fit_marginal(values, numeric.step or 0.0, of_own, numeric.edges))


class RowSample:
    """At most `MOST_VALUES` rows out of any number that come in slices, each as likely to be kept.

    Rows are kept by a random priority that depends on their place alone: the same, however they are sliced.
    """

    def __init__(self) -> None:
        self._uniforms = np.random.Generator(np.random.Philox(0))
        self._parts: list[tuple[Rows, NDArray[np.float64], NDArray[np.float64]]] = []

    def add(self, rows: Rows, weight: NDArray[np.float64]) -> None:
        """Offer rows, each with its weight."""
        own = Rows(rows.codes, context=rows.context, bodies=rows.bodies)
        self._parts.append((own, weight, self._uniforms.random(len(rows))))
        if sum(len(weights) for _, weights, _ in self._parts) > 2 * MOST_VALUES:
            self._parts = [self._joined()]

    @property
    def rows(self) -> tuple[Rows, NDArray[np.float64]]:
        """The rows that are kept, in their order, with their weights."""
        rows, weights, _ = self._joined()
        return rows, weights

    def _joined(self) -> tuple[Rows, NDArray[np.float64], NDArray[np.float64]]:
        rows, weights, priorities = zip(*self._parts, strict=True)
        joined, weight, priority = Rows.cat(rows), np.concatenate(weights), np.concatenate(priorities)
        if len(weight) <= MOST_VALUES:
            return joined, weight, priority
        kept = np.sort(np.argsort(priority, kind="stable")[:MOST_VALUES])
        return joined[torch.from_numpy(kept)], weight[kept], priority[kept]


def _draw(n: int, size: int) -> NDArray[np.int64]:
    """Return `size` of n places, in an order that depends on n alone."""
    return np.random.Generator(np.random.Philox(n)).permutation(n)[:size]


def _resolution(values: Floats) -> float:
    """Return the smallest distance between values that occur again and again; 0 where none does."""
    distinct = np.unique(values)
    if not 1 < len(distinct) < 0.9 * len(values):
        return 0.0
    with np.errstate(over="ignore"):
        least = float(np.diff(distinct).min())
    return least if least < np.inf else 0.0


def _held_out(splines: list[Spline], values: Floats, weights: Floats, resolution: float) -> Floats:
    """Return the log mass of values in cells of the column's resolution under each spline."""
    scores = NormalScores(splines, [resolution] * len(splines))
    log_mass = scores.of(torch.from_numpy(values).expand(len(splines), -1)).log_marginal.numpy()
    total: Floats = np.nan_to_num(log_mass, nan=-np.inf, neginf=-1e300) @ weights
    return total


def _spline(values: Floats, weights: Floats, resolution: float, n_knots: int, bend: str) -> Spline:
    """Return the spline with a number of knots, of x or of asinh of x about its middle or an end."""
    order = np.argsort(values, kind="stable")
    x, weights = values[order], weights[order]
    unit = _unit(max(float(np.abs(x).max(initial=0.0)), resolution))
    x, resolution = x / unit, resolution / unit
    x = _spread(x, resolution)
    total = weights.sum()
    places = (np.cumsum(weights) - weights / 2) / max(total, 1e-300)
    least = max(1e-12 * float(np.abs(x).max(initial=0.0)), _LEAST_RANGE / unit)
    if len(x) < 2 or x[-1] - x[0] <= least:
        return _about(float(x[0]) * unit if len(x) else 0.0, resolution * unit)
    centre, scale = 0.0, 0.0
    # Slopes by the unit of large values would have no digits.
    if bend != "none" or unit > 1:
        low, middle, high = np.interp([0.25, 0.5, 0.75], places, x)
        if x[-1] / 2 - x[0] / 2 <= _MOST_HALF_RANGE / unit:
            centre = float({"none": middle, "middle": middle, "low": x[0], "high": x[-1]}[bend])
        # Nearer to the centre than this the scale is linear, farther out logarithmic.
        scale = float(np.interp(0.1, places, np.sort(np.abs(x - centre))))
        scale = max(scale, resolution, 1e-6 * float(high) - 1e-6 * float(low), 1e-300)
    with np.errstate(over="ignore"):
        t = np.arcsinh(np.clip((x - centre) / scale, -1e150, 1e150)) if scale else x - centre
    # Denser towards both ends, where the density changes most on the scale of z.
    shares = np.sin(np.pi * np.arange(1, n_knots + 1) / (2 * (n_knots + 1))) ** 2
    at = np.interp(shares, places, t)
    nearest = _LEAST_RANGE if scale else _LEAST_RANGE / unit
    apart = np.diff(at, prepend=-np.inf) > max(1e-9 * (at[-1] - at[0]), nearest)
    if apart.sum() < 2:
        at, shares = np.array([t[0], t[-1]]), np.array([0.25, 0.75])
    else:
        at, shares = at[apart], shares[apart]
    scores = _ndtri(shares)
    secants = np.diff(scores) / np.diff(at)
    slopes = np.concatenate([secants[:1], harmonic(secants, np.diff(at)), secants[-1:]])
    slopes[0], slopes[-1] = _end_slopes(t, weights, at, shares, scores, slopes)
    if not scale:
        at, slopes = at * unit, slopes / unit
    return Spline(
        tuple(at.tolist()), tuple(scores.tolist()), tuple(slopes.tolist()), centre * unit, scale * unit
    )


def _unit(most: float) -> float:
    """Return the power of two that brings values of this size near 1, where they are too large or small."""
    return 1.0 if most == 0 or 1 / _FAR < most < _FAR else math.ldexp(1.0, min(math.frexp(most)[1], 1023))


def _spread(x: Floats, resolution: float) -> Floats:
    """Spread sorted values that are equal over a cell, so that none stands for a jump of G."""
    if resolution == 0:
        return x
    _, firsts, counts = np.unique(x, return_index=True, return_counts=True)
    place = np.arange(len(x)) - np.repeat(firsts, counts)
    spread: Floats = x + resolution * ((place + 0.5) / np.repeat(counts, counts) - 0.5)
    return spread


def _about(value: float, resolution: float) -> Spline:
    """Return a marginal around the one value that is known."""
    half = max(resolution, 0.1 * abs(value), 1e-3)
    return Spline((-half, half), (-_QUARTILE, _QUARTILE), (_QUARTILE / half,) * 2, centre=value)


def _end_slopes(
    t: Floats, weights: Floats, at: Floats, shares: Floats, scores: Floats, slopes: Floats
) -> tuple[float, float]:
    """Return the slopes at both ends that make the tails decay as the values beyond do."""
    ends = []
    for side, beyond, mass in ((0, at[0] - t, shares[0]), (-1, t - at[-1], 1 - shares[-1])):
        own = beyond > 0
        mean = (weights[own] @ beyond[own]) / max(weights[own].sum(), 1e-300) if own.any() else 0.0
        density = np.exp(-0.5 * scores[side] ** 2) / np.sqrt(2 * np.pi)
        if mean > 0:
            with np.errstate(over="ignore", divide="ignore"):
                slope = mass / (density * mean)
            # As steep as the values say, within what the spline beside it can follow.
            slopes[side] = np.clip(slope, slopes[side] / 20, slopes[side] * 20)
        ends.append(float(slopes[side]))
    return ends[0], ends[1]


def _ndtri(p: Floats) -> Floats:
    z: Floats = torch.special.ndtri(torch.from_numpy(p)).numpy()
    return z
