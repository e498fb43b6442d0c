"""The density of numbers relative to their marginal and its slopes, for some rows that lie side by side.

The compiled twin of `made.variables.fast_ratio`, with the same formulas. All that is worked on is in one flat
array, each quantity at a constant place of its component, and loops go over the rows of one component: so the
compiler sees what overlaps, and makes vectors of the rows.
"""

# mypy: allow-untyped-decorators, allow-untyped-calls

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np

from made.kernels.likelihood.elementary import erfc, exp, log
from made.variables.fast_ratio import WIDE
from made.variables.normal_mixture import (
    BEND,
    LARGEST_Z,
    LINEAR,
    N_COMPONENTS,
    NARROWEST,
    SHARE,
    WIDEST,
)

__all__ = [
    "BY_OUTPUT",
    "COMPONENT",
    "FACTOR",
    "HALF",
    "OUTPUT",
    "RATIO",
    "ROWS",
    "SIZE",
    "Z",
    "at_points",
    "far_out",
    "over_cells",
    "read_mixture",
]

#: Rows side by side.
ROWS = 64
# Of each component: its outputs (logit, position, sharpness), the slopes by these, and what it is.
OUTPUT, BY_OUTPUT = 0, 3 * ROWS
_LOGIT, _POSITION, _SHARPNESS = (OUTPUT + i * ROWS for i in range(3))
_BY_LOGIT, _BY_POSITION, _BY_SHARPNESS = (BY_OUTPUT + i * ROWS for i in range(3))
_WEIGHT, _PLACE, _WIDTH, _BENT = (6 * ROWS + i * ROWS for i in range(4))
COMPONENT = 10 * ROWS
# Of all components together: values, half widths of cells and factors of their means, and what is found.
Z = N_COMPONENTS * COMPONENT
HALF, FACTOR, RATIO, _TOTAL, _RATE = (Z + i * ROWS for i in range(1, 6))
#: How many numbers that is.
SIZE = Z + 6 * ROWS

_F = np.float32
_ZERO, _HALF, _ONE, _TWO, _THREE, _SIX = _F(0), _F(0.5), _F(1), _F(2), _F(3), _F(6)
_LINEAR, _BEND, _SHARE, _OTHERS = _F(LINEAR), _F(BEND), _F(SHARE), _F(1 - SHARE)
_NARROWEST, _WIDEST, _RANGE = _F(NARROWEST), _F(WIDEST), _F(WIDEST - NARROWEST)
_LOG_2, _SQRT_HALF, _DENSITY = _F(math.log(2)), _F(math.sqrt(0.5)), _F(1 / math.sqrt(2 * math.pi))
_LEAST, _NARROW = _F(-60), _F(WIDE / 2)
# In double precision: half widths of cells that count as points, in widths of a component; the least weight,
# and the least mean density, which is less than that at `LARGEST_Z` and keeps its digits.
_VERY_NARROW, _LEAST_WEIGHT, _LEAST_MEAN = 1e-5, 1e-300, 1e-305
_LOG_SQRT_2PI, _SQRT_HALF_64 = 0.5 * math.log(2 * math.pi), math.sqrt(0.5)
_compiled = numba.njit(cache=True, fastmath={"contract"}, error_model="numpy")
_inlined = numba.njit(cache=True, fastmath={"contract"}, error_model="numpy", inline="always")


@_compiled
def read_mixture(work: Any, n: int) -> None:
    """Turn outputs into weights, places and widths of the components, and the slope of each place."""
    for i in range(n):
        work[_RATE + i] = work[_LOGIT + i]
        work[_TOTAL + i] = _ZERO
    for k in range(1, N_COMPONENTS):
        for i in range(n):
            work[_RATE + i] = max(work[_RATE + i], work[k * COMPONENT + _LOGIT + i])
    for k in range(N_COMPONENTS):
        at = k * COMPONENT
        for i in range(n):
            weight = exp(work[at + _LOGIT + i] - work[_RATE + i])
            work[at + _WEIGHT + i] = weight
            work[_TOTAL + i] += weight
        for i in range(n):
            sharpness = work[at + _SHARPNESS + i] - _LOG_2
            work[at + _WIDTH + i] = _NARROWEST + _RANGE / (_ONE + exp(-sharpness))
        for i in range(n):
            position = work[at + _POSITION + i]
            beyond = max(abs(position) - _LINEAR, _ZERO)
            bent = _ONE - _TWO / (_ONE + exp(_TWO * beyond / _BEND))  # tanh
            place = min(abs(position), _LINEAR) + _BEND * bent
            work[at + _PLACE + i] = place if position >= _ZERO else -place
            work[at + _BENT + i] = _ONE - bent * bent
    for k in range(N_COMPONENTS):
        for i in range(n):
            work[k * COMPONENT + _WEIGHT + i] /= work[_TOTAL + i]


@_compiled
def at_points(work: Any, n: int) -> None:
    """Find the ratio at values, and its slopes by outputs."""
    for i in range(n):
        work[_TOTAL + i] = _SHARE
    for k in range(N_COMPONENTS):
        at = k * COMPONENT
        for i in range(n):
            z, width = work[Z + i], work[at + _WIDTH + i]
            y = (z - work[at + _PLACE + i]) / width
            density = exp(max((z * z - y * y) * _HALF, _LEAST))
            _keep(work, at + i, i, width, density, y * density, (y * y - _ONE) * density)
    _finish(work, n)


@_compiled
def over_cells(work: Any, n: int) -> None:
    """Find the mean ratio over cells, of half widths and factors, and its slopes by outputs."""
    for i in range(n):
        work[_TOTAL + i] = _SHARE
    for k in range(N_COMPONENTS):
        at = k * COMPONENT
        for i in range(n):
            width, factor = work[at + _WIDTH + i], work[FACTOR + i]
            y, half = (work[Z + i] - work[at + _PLACE + i]) / width, work[HALF + i] / width
            is_wide = half > _NARROW
            # From the difference of two CDFs, in the nearer tail, where they keep their digits.
            apart, reach = abs(y), max(half, _NARROW)
            mass = erfc((apart - reach) * _SQRT_HALF) - erfc((apart + reach) * _SQRT_HALF)
            below, above = _phi(y - reach), _phi(y + reach)
            scale = _HALF / reach
            # From the density in the middle, and its second derivative.
            density, square, bend = _phi(y), y * y, half * half / _SIX
            first = y * density
            second = y * first - density
            fourth = _THREE * density + (square - _SIX) * (square * density)
            zeroth = scale * _HALF * mass if is_wide else density + bend * second
            of_place = scale * (below - above) if is_wide else first + bend * (first * (square - _THREE))
            by_width = y * (below - above) - reach * (below + above)
            of_width = scale * by_width if is_wide else second + bend * fourth
            _keep(work, at + i, i, width, factor * zeroth, factor * of_place, factor * of_width)
    _finish(work, n)


@_compiled
def far_out(work: Any, i: Any, z: Any, half: Any) -> None:
    """Find the ratio of one row, and its slopes by outputs, by logarithms in double precision.

    Parameters
    ----------
    work : float32 array
        After `read_mixture`; what is found is written in.
    i : int
        The row.
    z, half : float
        Its value, and half the width of its cell: 0 for a point.
    """
    z = min(max(z, -LARGEST_Z), LARGEST_Z)
    marginal, _, _ = _mean_density(z, half)
    log_each, by_place, by_width = np.empty(N_COMPONENTS), np.empty(N_COMPONENTS), np.empty(N_COMPONENTS)
    most = math.log(SHARE)
    for k in range(N_COMPONENTS):
        at = k * COMPONENT + i
        width, weight = float(work[at + _WIDTH]), max(float(work[at + _WEIGHT]), _LEAST_WEIGHT)
        density, by_place[k], by_width[k] = _mean_density(
            (z - float(work[at + _PLACE])) / width, half / width
        )
        log_each[k] = math.log(weight / width * (1 - SHARE)) + density - marginal
        most = max(most, log_each[k])
    total = math.exp(math.log(SHARE) - most)
    for k in range(N_COMPONENTS):
        total += math.exp(log_each[k] - most)
    log_total = most + math.log(total)
    work[RATIO + i] = log_total
    others = 1 - math.exp(math.log(SHARE) - log_total)
    for k in range(N_COMPONENTS):
        at = k * COMPONENT + i
        width, each = float(work[at + _WIDTH]), math.exp(log_each[k] - log_total)
        slope = (width - NARROWEST) * (WIDEST - width) / (WIDEST - NARROWEST)
        work[at + _BY_LOGIT] = each - work[at + _WEIGHT] * others
        work[at + _BY_POSITION] = each * by_place[k] / width * work[at + _BENT]
        work[at + _BY_SHARPNESS] = each * by_width[k] / width * slope


@_compiled
def _mean_density(y: Any, half: Any) -> tuple[Any, Any, Any]:
    """Return log of the mean standard normal density over a cell, and its slopes by -y and by widths."""
    if half < _VERY_NARROW:
        return -0.5 * y * y - _LOG_SQRT_2PI, y, y * y - 1
    # From the nearer tail; what is nothing even there is nothing beside the share of the marginal.
    mass = math.erfc((abs(y) - half) * _SQRT_HALF_64) - math.erfc((abs(y) + half) * _SQRT_HALF_64)
    mean = mass / (4 * half)
    if mean < _LEAST_MEAN:
        return -math.inf, 0.0, 0.0
    below = math.exp(-0.5 * (y - half) ** 2 - _LOG_SQRT_2PI) / mean
    above = math.exp(-0.5 * (y + half) ** 2 - _LOG_SQRT_2PI) / mean
    by_place = (below - above) / (2 * half)
    return math.log(mean), by_place, y * by_place - (below + above) / 2


@_inlined
def _phi(y: Any) -> Any:
    return exp(max(-_HALF * y * y, _LEAST)) * _DENSITY


@_inlined
def _keep(work: Any, own: Any, i: Any, width: Any, zeroth: Any, of_place: Any, of_width: Any) -> None:
    """Note what a component adds to the ratio and to its slopes, before they are divided by the ratio."""
    share = work[own + _WEIGHT] / width * _OTHERS
    each = zeroth * share
    share /= width
    work[own + _BY_LOGIT] = each
    work[own + _BY_POSITION] = of_place * share * work[own + _BENT]
    work[own + _BY_SHARPNESS] = of_width * share * ((width - _NARROWEST) * (_WIDEST - width) / _RANGE)
    work[_TOTAL + i] += each


@_inlined
def _finish(work: Any, n: int) -> None:
    for i in range(n):
        work[RATIO + i] = log(work[_TOTAL + i])
        work[_RATE + i] = _ONE / work[_TOTAL + i]
    for k in range(N_COMPONENTS):
        at = k * COMPONENT
        for i in range(n):
            rate, others = work[_RATE + i], work[_TOTAL + i] - _SHARE
            work[at + _BY_LOGIT + i] = (work[at + _BY_LOGIT + i] - work[at + _WEIGHT + i] * others) * rate
            work[at + _BY_POSITION + i] *= rate
            work[at + _BY_SHARPNESS + i] *= rate
