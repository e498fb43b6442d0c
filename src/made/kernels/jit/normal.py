"""The normal distribution far out, and asinh of ratios that overflow, for compiled loops.

The functions call nothing of other files: numba knows by itself when what it keeps of them is stale.
"""

# mypy: allow-untyped-decorators, allow-untyped-calls

from __future__ import annotations

import math
from typing import Any

import numba

__all__ = ["LARGEST_RATIO", "asinh_of", "log_ndtr", "ndtri_exp", "normal_quantile"]

#: The square of a larger number may overflow.
LARGEST_RATIO = 1e150
_SQRT_HALF, _LOG_SQRT_2PI = math.sqrt(0.5), 0.5 * math.log(2 * math.pi)
_LOG_2, _LOG_2PI = math.log(2), math.log(2 * math.pi)


@numba.njit(cache=True)
def asinh_of(offset: Any, scale: Any) -> Any:
    """Return asinh(offset / scale), scale > 0; log(2 |offset| / scale) where that ratio is too large."""
    ratio = offset / scale
    if abs(ratio) < LARGEST_RATIO:
        return math.asinh(ratio)
    return math.copysign(math.log(abs(offset)) - math.log(scale) + _LOG_2, offset)


@numba.njit(cache=True)
def normal_quantile(share: Any) -> Any:
    """Return the standard normal quantile of a share of (0, 0.5] to 9 digits: Acklam's approximation."""
    if share > 0.02425:
        x = share - 0.5
        r = x * x
        a = -3.969683028665376e01
        a = a * r + 2.209460984245205e02
        a = a * r - 2.759285104469687e02
        a = a * r + 1.383577518672690e02
        a = a * r - 3.066479806614716e01
        a = a * r + 2.506628277459239e00
        b = -5.447609879822406e01
        b = b * r + 1.615858368580409e02
        b = b * r - 1.556989798598866e02
        b = b * r + 6.680131188771972e01
        b = b * r - 1.328068155288572e01
        return a * x / (b * r + 1)
    x = math.sqrt(-2 * math.log(share))
    c = -7.784894002430293e-03
    c = c * x - 3.223964580411365e-01
    c = c * x - 2.400758277161838e00
    c = c * x - 2.549732539343734e00
    c = c * x + 4.374664141464968e00
    c = c * x + 2.938163982698783e00
    d = 7.784695709041462e-03
    d = d * x + 3.224671290700398e-01
    d = d * x + 2.445134137142996e00
    d = d * x + 3.754408661907416e00
    return c / (d * x + 1)


@numba.njit(cache=True)
def log_ndtr(x: Any) -> Any:
    """Return the logarithm of the standard normal CDF."""
    if x > -20:
        return (
            math.log1p(-0.5 * math.erfc(x * _SQRT_HALF))
            if x > 1
            else math.log(0.5 * math.erfc(-x * _SQRT_HALF))
        )
    r = 1 / (x * x)
    series = 1 - r * (1 - 3 * r * (1 - 5 * r * (1 - 7 * r * (1 - 9 * r * (1 - 11 * r)))))
    return -0.5 * x * x - math.log(-x) - _LOG_SQRT_2PI + math.log(series)


@numba.njit(cache=True, error_model="numpy")
def ndtri_exp(log_p: Any) -> Any:
    """Return the z whose standard normal CDF is exp(log_p), also where that is too small for a float64."""
    if log_p > -_LOG_2:
        z = -normal_quantile(-math.expm1(log_p))
    elif log_p > -40:
        z = normal_quantile(math.exp(log_p))
    else:
        z = -math.sqrt(-2 * log_p - math.log(-2 * log_p) - _LOG_2PI)
    for _ in range(4):  # Newton on the logarithm, which is concave
        mass = log_ndtr(z)
        z -= (mass - log_p) * math.exp(mass + 0.5 * z * z + _LOG_SQRT_2PI)
    return z
