"""What the loops of one-pass sampling do with a number: from a uniform to its value, and on to its features.

One uniform picks an atom or the body and, scaled up to what that has of [0, 1), the normal score z, the
value, and its body: the nearest point of a grid, or the bits of the float64. The features are those of the
body. All of it is float64, but what the network takes. The plain twins are in `made.variables`:
`NumericColumns`, `normal_mixture.quantile` and `NormalScores`.
"""

# mypy: allow-untyped-decorators, allow-untyped-calls

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np

from made.kernels.jit.exponential import exp
from made.kernels.jit.normal import asinh_of, log_ndtr, ndtri_exp, normal_quantile
from made.kernels.one_pass.elementwise import class_at, find_masses
from made.variables.normal_mixture import (
    BEND,
    LINEAR,
    N_COMPONENTS,
    NARROWEST,
    SHARE,
    WIDEST,
)
from made.variables.normal_score import NARROW_CELL
from made.variables.numeric import INSIDE, LARGEST_BODY, LARGEST_FEATURE, N_BUMPS, WAVE_SIZE

__all__ = [
    "WORK",
    "body_near",
    "find_features",
    "quantile",
    "read_mixture",
    "sample_number",
    "value_of",
    "z_of",
]

_N, _BLOCK = N_COMPONENTS + 1, 64
_RATIOS = 3 * _N
#: How many float64 are worked on: weights, positions and widths of the components and of the marginal, and
#: the relative densities at a block of spikes.
WORK = _RATIOS + _BLOCK
_SQRT_HALF, _SQRT_2PI = math.sqrt(0.5), math.sqrt(2 * math.pi)
_LOG_2, _INVERSE_E = math.log(2), math.exp(-1)
_LARGEST, _TURN = float(np.finfo(np.float64).max), 2 * math.pi
# Newton's method on log F has then an error of the square of this, in units of F over its slope.
_CLOSE = 1e-7
_MOST_STEPS = 100


@numba.njit(cache=True, error_model="numpy")
def sample_number(
    numbers: Any,
    i: Any,
    n_drawn: Any,
    logits: Any,
    at: Any,
    stride: Any,
    uniform: Any,
    work: Any,
    masses: Any,
) -> Any:
    """Return the code and the body of a numeric variable at a uniform.

    Parameters
    ----------
    numbers : NumberTables
        Of the numeric variables.
    i : int
        Which of them.
    n_drawn : int
        How many of its codes may be drawn.
    logits, at, stride : flat float32 array, ints
        The outputs of the variable are ``logits[at + i * stride]``.
    uniform : float
        In [0, 1).
    work : (WORK,) float64 array
        Working memory.
    masses : (>= number of outputs,) float64 array
        Working memory.
    """
    n_classes, n_spikes = numbers.n_classes[i], numbers.spike_starts[i + 1] - numbers.spike_starts[i]
    share = min(uniform + 2.0**-54, 1 - 2.0**-53)
    code = 0
    if n_classes > 0:
        find_masses(logits, at, stride, n_drawn, masses)
        if n_spikes > 0:
            read_mixture(logits, at + n_classes * stride, stride, work)
            _multiply_by_ratios(numbers, i, work, masses)
        code = class_at(masses, n_drawn, share)
    if code == 0:
        if n_classes > 0:
            total = 0.0
            for c in range(n_drawn):
                total += masses[c]
            share = min(max(share * total / masses[0], 2.0**-54), 1 - 2.0**-53)
        if n_spikes == 0:
            read_mixture(logits, at + n_classes * stride, stride, work)
        body = body_near(numbers, i, value_of(numbers, i, quantile(work, share)))
        for s in range(numbers.spike_starts[i], numbers.spike_starts[i + 1]):
            if numbers.spikes[s] == body:
                code = s - numbers.spike_starts[i] + 1
        return code, body
    if code == numbers.missing[i]:
        return code, 0
    return code, numbers.spikes[numbers.spike_starts[i] + code - 1]


@numba.njit(cache=True, error_model="numpy")
def _multiply_by_ratios(numbers: Any, i: Any, work: Any, masses: Any) -> None:
    """Multiply the mass of each spike inside the body by the density there, relative to the marginal."""
    begin, end = numbers.spike_starts[i], numbers.spike_starts[i + 1]
    for first in range(begin, end, _BLOCK):
        n = min(_BLOCK, end - first)
        for s in range(n):
            work[_RATIOS + s] = 0.0
        for k in range(_N):
            position, sharpness = work[_N + k], 1 / work[2 * _N + k]
            height = work[k] * sharpness
            for s in range(n):
                z = numbers.spike_scores[first + s]
                distance = (z - position) * sharpness
                work[_RATIOS + s] += height * exp(0.5 * (z * z - distance * distance))
        at = 1 + first - begin
        for s in range(n):
            is_inside = abs(numbers.spike_scores[first + s]) < INSIDE
            masses[at + s] *= work[_RATIOS + s] if is_inside else 1.0


@numba.njit(cache=True, error_model="numpy", inline="always")
def read_mixture(outputs: Any, at: Any, stride: Any, work: Any) -> None:
    """Write the weights, positions and widths of F, of the marginal last, into `work`, in this order."""
    largest, total = -np.inf, 0.0
    for k in range(N_COMPONENTS):
        largest = max(largest, float(outputs[at + k * stride]))
    for k in range(N_COMPONENTS):
        work[k] = math.exp(float(outputs[at + k * stride]) - largest)
        total += work[k]
    for k in range(N_COMPONENTS):
        work[k] *= (1 - SHARE) / total
        position = float(outputs[at + (N_COMPONENTS + k) * stride])
        if abs(position) > LINEAR:
            inner = math.copysign(LINEAR, position)
            position = inner + BEND * math.tanh((position - inner) / BEND)
        sharpness = float(outputs[at + (2 * N_COMPONENTS + k) * stride])
        work[_N + k] = position
        work[2 * _N + k] = NARROWEST + (WIDEST - NARROWEST) / (1 + math.exp(_LOG_2 - sharpness))
    work[N_COMPONENTS], work[_N + N_COMPONENTS], work[2 * _N + N_COMPONENTS] = SHARE, 0.0, 1.0


@numba.njit(cache=True, error_model="numpy", inline="always")
def quantile(work: Any, share: Any) -> Any:
    """Return the z at which the F in `work` passes a share of [2^-54, 1 - 2^-53].

    Newton's method on the logarithm of F or, above the median, of 1 - F: both are concave for a normal. It is
    kept between the least and the greatest quantile of the components, and gives way to halving what is left
    of that where steps do not become half as long.
    """
    # Seen from the nearer tail, where the CDF keeps its digits: below the median.
    side = 1.0
    if share > 0.5:
        side, share = -1.0, 1 - share
    t = normal_quantile(share)
    low, high, mean, square = t, t, 0.0, 0.0
    for k in range(N_COMPONENTS):
        weight, position, width = work[k], side * work[_N + k], work[2 * _N + k]
        low, high = min(low, position + width * t), max(high, position + width * t)
        mean += weight * position
        square += weight * (position * position + width * width)
    low, high = low - 1e-6, high + 1e-6
    mean, square = mean / (1 - SHARE), square / (1 - SHARE)
    z = min(max(mean + t * math.sqrt(max(square - mean * mean, 0.0)), low), high)
    last = high - low
    for _ in range(_MOST_STEPS):
        below, above, slope = 0.0, 0.0, 0.0
        for k in range(_N):
            weight, width = work[k], work[2 * _N + k]
            distance = (z - side * work[_N + k]) / width
            tail = 0.5 * math.erfc(abs(distance) * _SQRT_HALF)
            if distance < 0:
                below += weight * tail
                above += weight * (1 - tail)
            else:
                below += weight * (1 - tail)
                above += weight * tail
            slope += weight / width * math.exp(-0.5 * distance * distance)
        if below < share:
            low = z
        else:
            high = z
        if below < 0.5:
            move = math.log(below / share)
            newton = z - move * below * _SQRT_2PI / slope
        else:
            move = math.log(above / (1 - share))
            newton = z + move * above * _SQRT_2PI / slope
        if abs(move) < _CLOSE:
            return side * min(max(newton, low), high)
        if not low < newton < high or abs(newton - z) > last / 2:
            newton = (low + high) / 2
        last, z = abs(newton - z), newton
    return side * z


@numba.njit(cache=True)
def _right_of(table: Any, i: Any, last: Any, at: Any) -> Any:
    """Return the place of the right end of the interval of row i of a table that `at` is in."""
    low, high = 1, last
    while low < high:
        middle = (low + high) // 2
        if table[i, middle] > at:
            high = middle
        else:
            low = middle + 1
    return low


@numba.njit(cache=True, error_model="numpy", inline="always")
def value_of(numbers: Any, i: Any, z: Any) -> Any:
    """Return the value of a normal score; see `NormalScores.values`."""
    last = numbers.last[i]
    first, end = numbers.scores[i, 0], numbers.scores[i, last]
    if z < first or z > end:
        side, sign = (0, -1.0) if z < first else (1, 1.0)
        decay = numbers.tail_shape[i] * (numbers.end_mass[i, side] - log_ndtr(-sign * z))
        excess = math.expm1(decay) / numbers.tail_shape[i] / math.exp(numbers.end_rate[i, side])
        t = numbers.knots[i, last if side else 0] + sign * excess
    else:
        right = _right_of(numbers.scores, i, last, z)
        t0, t1 = numbers.knots[i, right - 1], numbers.knots[i, right]
        z0, z1 = numbers.scores[i, right - 1], numbers.scores[i, right]
        secant = (z1 - z0) / (t1 - t0)
        d0, d1 = numbers.slopes[i, right - 1] / secant, numbers.slopes[i, right] / secant
        rise, bend = min(max(z - z0, 0.0), z1 - z0), d1 + d0 - 2
        a = (z1 - z0) * (1 - d0) + rise * bend
        b = (z1 - z0) * d0 - rise * bend
        place = 2 * rise / (b + math.sqrt(max(b * b + 4 * a * rise, 0.0)))
        t = t0 + min(max(place, 0.0), 1.0) * (t1 - t0)
    offset = numbers.scale[i] * math.sinh(t) if numbers.scale[i] > 0 else t
    return min(max(numbers.centre[i] + offset, -_LARGEST), _LARGEST)


@numba.njit(cache=True, error_model="numpy", inline="always")
def z_of(numbers: Any, i: Any, value: Any) -> Any:
    """Return the normal score of a value; see `NormalScores.point`."""
    offset, scale, last = value - numbers.centre[i], numbers.scale[i], numbers.last[i]
    t = asinh_of(offset, scale) if scale > 0 else offset
    first, end = numbers.knots[i, 0], numbers.knots[i, last]
    if t < first or t > end:
        side, sign, beyond = (0, -1.0, first - t) if t < first else (1, 1.0, t - end)
        excess = min(beyond * math.exp(numbers.end_rate[i, side]), _LARGEST)
        shape = numbers.tail_shape[i]
        log_mass = numbers.end_mass[i, side] - math.log1p(shape * excess) / shape
        return -sign * ndtri_exp(log_mass)
    right = _right_of(numbers.knots, i, last, t)
    t0, t1 = numbers.knots[i, right - 1], numbers.knots[i, right]
    z0, z1 = numbers.scores[i, right - 1], numbers.scores[i, right]
    secant = (z1 - z0) / (t1 - t0)
    d0, d1 = numbers.slopes[i, right - 1] / secant, numbers.slopes[i, right] / secant
    place = min(max((t - t0) / (t1 - t0), 0.0), 1.0)
    both = place * (1 - place)
    return z0 + (z1 - z0) * (place * place + d0 * both) / (1 + (d1 + d0 - 2) * both)


@numba.njit(cache=True, error_model="numpy", inline="always")
def body_near(numbers: Any, i: Any, value: Any) -> Any:
    """Return the body of a value: of the nearest point of its grid, where there is one."""
    if numbers.steps[i] == 0:
        return np.float64(value + 0.0).view(np.int64)
    scaled = value * numbers.inverses[i] if numbers.inverses[i] > 0 else value / numbers.steps[i]
    return np.int64(np.rint(min(max(scaled, -LARGEST_BODY), LARGEST_BODY)))


@numba.njit(cache=True, error_model="numpy", inline="always")
def _float_of(numbers: Any, i: Any, body: Any) -> Any:
    """Return the value of a body."""
    if numbers.steps[i] == 0:
        return np.int64(body).view(np.float64)
    return float(body) / numbers.inverses[i] if numbers.inverses[i] > 0 else float(body) * numbers.steps[i]


@numba.njit(cache=True, error_model="numpy", inline="always")
def _score_of(numbers: Any, i: Any, value: Any) -> Any:
    """Return the normal score of a value: of a cell, its middle in z; see `NormalScores.of`."""
    step = numbers.steps[i]
    if step == 0:
        return z_of(numbers, i, value)
    low, high = z_of(numbers, i, value - step / 2), z_of(numbers, i, value + step / 2)
    return z_of(numbers, i, value) if high - low < NARROW_CELL else (low + high) / 2


@numba.njit(cache=True, error_model="numpy")
def find_features(
    numbers: Any, i: Any, n_features: Any, code: Any, body: Any, out: Any, at: Any, stride: Any
) -> None:
    """Write the input features of a code and a body to ``out[at + f * stride]``, a flat float32 array."""
    for f in range(n_features):
        out[at + f * stride] = np.float32(0)
    if code > 0:
        out[at + (N_BUMPS + code) * stride] = np.float32(1)
    if code > 0 and code == numbers.missing[i]:
        return
    value = _float_of(numbers, i, body)
    z = _score_of(numbers, i, value)
    out[at] = np.float32(min(max(z, -LARGEST_FEATURE), LARGEST_FEATURE))
    x = N_BUMPS * 0.5 * math.erfc(-z * _SQRT_HALF) - 0.5
    # exp(-(x - f)^2 / 2), f = 0, 1, ...: each is the one before times exp(x - f - 1/2)
    bump, ratio = math.exp(-0.5 * x * x), math.exp(x - 0.5)
    for f in range(N_BUMPS):
        standard = (np.float32(bump) - numbers.bump_mean[f]) / numbers.bump_deviation[f]
        out[at + (1 + f) * stride] = standard
        bump *= ratio
        ratio *= _INVERSE_E
    wave = numbers.first_waves[i]
    for p in range(numbers.period_starts[i], numbers.period_starts[i + 1]):
        period = numbers.periods[p]
        angle = np.fmod(value, period) / period * _TURN
        out[at + wave * stride] = np.float32(math.sin(angle) * WAVE_SIZE)
        out[at + (wave + 1) * stride] = np.float32(math.cos(angle) * WAVE_SIZE)
        wave += 2
