"""Normal scores of numbers, column by column and number by number, in float64.

The compiled twin of `made.variables.normal_score`, with the same formulas: nothing lies between the body of
an entry and its scores but registers, and of a cell only what counts is computed.
"""

# mypy: allow-untyped-decorators, allow-untyped-calls

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np

from made.kernels.jit.borrow import borrow
from made.kernels.jit.normal import LARGEST_RATIO, asinh_of, log_ndtr, ndtri_exp
from made.kernels.scores.logarithm import log
from made.variables.normal_score import NARROW_CELL

__all__ = ["find_scores"]

# Rows of a column that are gone through together.
_ROWS = 256
_SQRT_HALF, _LOG_SQRT_2PI = math.sqrt(0.5), 0.5 * math.log(2 * math.pi)
_LARGEST = float(np.finfo(np.float64).max)
# Farther out than this the mass of a cell is found by logarithms of the CDF; cells less wide follow from the
# density in their middle; cells that begin farther out hardly have a mass.
_FAR, _NARROW, _FARTHEST_CELL = 30.0, 0.03, 150.0
_compiled = numba.njit(cache=True, fastmath={"contract"}, error_model="numpy")
_inlined = numba.njit(cache=True, fastmath={"contract"}, error_model="numpy", inline="always")


@numba.njit(parallel=True, cache=True, fastmath={"contract"}, error_model="numpy")
def find_scores(plan: Any, bodies: Any, scores: Any) -> None:
    """Fill in the scores of bodies.

    Parameters
    ----------
    plan : Plan
        Of the columns.
    bodies : (n, B) int64 array
        Numbers of points of grids, or the bits of float64.
    scores : (n, B, 3) float64 array
        Filled in: see `made.variables.normal_score.Score`.
    """
    n, n_columns = bodies.shape
    for task in numba.prange(n_columns * ((n + _ROWS - 1) // _ROWS)):
        row, column = task // n_columns * _ROWS, task % n_columns
        _of_column(column, row, min(row + _ROWS, n), borrow(plan), bodies, scores)  # type: ignore[call-arg]


@_compiled
def _of_column(column: Any, row: Any, end: Any, plan: Any, bodies: Any, scores: Any) -> None:
    n, step = end - row, plan.steps[column]
    values, z, log_slope = np.empty(_ROWS), np.empty(_ROWS), np.empty(_ROWS)
    t, root = np.empty(_ROWS), np.empty(_ROWS)
    if not plan.is_grid[column]:
        for i in range(n):
            values[i] = np.int64(bodies[row + i, column]).view(np.float64)
        _find_points(column, values, 0.0, n, plan, t, root, z)
        for i in range(n):
            log_slope[i] = log(t[i])
        _add_tails(column, values, 0.0, n, plan, z, log_slope)
        for i in range(n):
            scores[row + i, column, 0] = z[i]
            scores[row + i, column, 1] = 0.0
            scores[row + i, column, 2] = log_slope[i] + _log_phi(z[i])
        return
    if _are_listed(column, row, end, plan, bodies, scores):
        return
    inverse = plan.inverses[column]
    for i in range(n):
        body = bodies[row + i, column]
        values[i] = body / inverse if inverse > 0 else body * step
    high = np.empty(_ROWS)
    _find_points(column, values, -step / 2, n, plan, t, root, z)
    _add_tails(column, values, -step / 2, n, plan, z, log_slope)
    _find_points(column, values, step / 2, n, plan, t, root, high)
    _add_tails(column, values, step / 2, n, plan, high, log_slope)
    n_narrow = 0
    for i in range(n):
        width = high[i] - z[i]
        scores[row + i, column, 0] = (z[i] + high[i]) / 2
        scores[row + i, column, 1] = width
        n_narrow += width < NARROW_CELL
    if n_narrow > 0:  # the difference has lost its digits
        _find_points(column, values, 0.0, n, plan, t, root, z)
        for i in range(n):
            log_slope[i] = log(t[i])
        _add_tails(column, values, 0.0, n, plan, z, log_slope)
        for i in range(n):
            if scores[row + i, column, 1] < NARROW_CELL:
                scores[row + i, column, 0] = z[i]
                scores[row + i, column, 1] = math.exp(log_slope[i]) * step
    for i in range(n):
        scores[row + i, column, 2] = _log_mass(scores[row + i, column, 0], scores[row + i, column, 1])


@_compiled
def _are_listed(column: Any, row: Any, end: Any, plan: Any, bodies: Any, scores: Any) -> Any:
    """Copy the scores of points that are listed; return whether all are."""
    first, size = plan.first[column], plan.size[column]
    for i in range(row, end):
        if bodies[i, column] < first or bodies[i, column] >= first + size:
            return False
    at = plan.start[column] - first
    for i in range(row, end):
        for j in range(3):
            scores[i, column, j] = plan.listed[at + bodies[i, column], j]
    return True


@_compiled
def _find_points(column: Any, values: Any, shift: Any, n: Any, plan: Any, t: Any, root: Any, z: Any) -> None:
    """Find z of shifted values between the knots, and put dz/dx there in the place of t."""
    scale, last = plan.scale[column], plan.last[column]
    _find_t(column, values, shift, n, plan, t, root)
    begin, width = plan.begin[column], plan.width[column]
    low, rise, secant = plan.low[column], plan.rise[column], plan.secant[column]
    left, right = plan.left[column], plan.right[column]
    for i in range(n):
        own, first, left_over = t[i], 0, last
        while left_over > 1:
            half = left_over // 2
            first = first + half if begin[first + half] <= own else first
            left_over -= half
        place = min(max((own - begin[first]) / width[first], 0.0), 1.0)
        others, both = 1 - place, place * (1 - place)
        a, b = left[first], right[first]
        below = 1 + (a + b - 2) * both
        z[i] = low[first] + rise[first] * (place * place + a * both) / below
        t[i] = secant[first] * (b * place * place + 2 * both + a * others * others) / (below * below)
    if scale > 0:
        for i in range(n):
            t[i] /= root[i]


@_compiled
def _find_t(column: Any, values: Any, shift: Any, n: Any, plan: Any, t: Any, root: Any) -> None:
    """Find t of shifted values, and the root of scale^2 + offset^2 by which dt/dx falls."""
    centre, scale = plan.centre[column], plan.scale[column]
    if scale == 0:
        for i in range(n):
            t[i] = min(max(values[i] + shift - centre, -_LARGEST), _LARGEST)
        return
    most = 0.0
    for i in range(n):
        offset = min(max(values[i] + shift - centre, -_LARGEST), _LARGEST)
        ratio = min(abs(offset) / scale, LARGEST_RATIO)
        both = math.sqrt(ratio * ratio + 1)
        # asinh(ratio) = log(1 + more), and what that sum rounds off
        more = ratio + ratio * ratio / (1 + both)
        total = 1 + more
        own = log(total) + (more - (total - 1)) / total
        t[i] = own if offset >= 0 else -own
        root[i] = scale * both
        most = max(most, ratio)
    if most == LARGEST_RATIO:
        for i in range(n):
            offset = min(max(values[i] + shift - centre, -_LARGEST), _LARGEST)
            if abs(offset) / scale >= LARGEST_RATIO:
                t[i] = asinh_of(offset, scale)


@_compiled
def _add_tails(column: Any, values: Any, shift: Any, n: Any, plan: Any, z: Any, log_slope: Any) -> None:
    """Find z, and log dz/dx, of shifted values beyond the knots."""
    least, most = plan.least[column], plan.most[column]
    for i in range(n):
        value = values[i] + shift
        if value < least or value > most:
            side = 1 if value > most else 0
            t, log_t = _to_t(value, plan.centre[column], plan.scale[column])
            beyond = max((2 * side - 1) * (t - plan.tails[column, side, 0]), 0.0)
            z[i], log_slope[i] = _in_tail(column, side, beyond, plan)
            log_slope[i] += log_t


@_compiled
def _to_t(value: Any, centre: Any, scale: Any) -> Any:
    """Return t and log dt/dx of a value."""
    offset, log_t = min(max(value - centre, -_LARGEST), _LARGEST), 0.0
    if scale > 0:
        log_t = -math.log(min(math.hypot(scale, offset), _LARGEST))
        offset = asinh_of(offset, scale)
    return offset, log_t


@_compiled
def _in_tail(column: Any, side: Any, beyond: Any, plan: Any) -> Any:
    """Return z and log dz/dt at a distance from the last knot of a side."""
    mass, rate, shape = plan.tails[column, side, 1], plan.tails[column, side, 2], plan.shape[column]
    excess = min(beyond * math.exp(rate), _LARGEST)
    decay = math.log1p(shape * excess)
    log_mass = mass - decay / shape
    z = ndtri_exp(log_mass)
    return (1 - 2 * side) * z, log_mass + rate - decay - _log_phi(z)


@_inlined
def _log_phi(z: Any) -> Any:
    return -0.5 * z * z - _LOG_SQRT_2PI


@_compiled
def _log_mass(z: Any, width: Any) -> Any:
    """Return the logarithm of the standard normal mass of a cell."""
    if width < _NARROW:
        z = min(abs(z), 0.5 + _FARTHEST_CELL)
        bend = z * width / 2  # the mean of exp(-z t) over the cell is sinh(bend) / bend
        square = bend * bend
        if bend < 0.1:
            log_sinhc = square * (1 / 6 - square * (1 / 180 - square * (1 / 2835 - square / 37800)))
        else:
            log_sinhc = bend + math.log(-math.expm1(-2 * bend) / (2 * bend))
        return _log_phi(z) + log_sinhc - width * width / 24 + log(width)
    half = width / 2
    z = min(abs(z), half + _FARTHEST_CELL)
    if z - half < _FAR:  # the difference of two CDFs in the nearer tail, where they keep their digits
        mass = math.erfc((z - half) * _SQRT_HALF) - math.erfc((z + half) * _SQRT_HALF)
        return log(0.5 * mass)
    near, far = log_ndtr(half - z), log_ndtr(-half - z)
    return near + math.log(-math.expm1(far - near))
