"""exp, log and erfc in single precision, written so that loops over them become vector instructions.

Calls of a library are not vectorized, plain arithmetic is. The polynomials of exp and log are those of Cephes
(Moshier 1992), that of erfc is of Numerical Recipes (Press et al. 2007, 6.2.2). Relative errors are 1e-7; of
erfc 5e-6 far out, where its argument is squared.
"""

# mypy: allow-untyped-decorators, allow-untyped-calls

from __future__ import annotations

from typing import Any

import numba
import numpy as np

__all__ = ["erfc", "exp", "log"]

_F = np.float32
_HALF, _ONE, _TWO = _F(0.5), _F(1), _F(2)
_LEAST, _MOST = _F(-87), _F(88)
_LOG2_E, _LN2_HIGH, _LN2_LOW = _F(1.44269504), _F(0.693359375), _F(-2.12194440e-4)
_E5, _E4, _E3 = _F(1.9875691500e-4), _F(1.3981999507e-3), _F(8.3334519073e-3)
_E2, _E1, _E0 = _F(4.1665795894e-2), _F(1.6666665459e-1), _F(5.0000001201e-1)
_L8, _L7, _L6 = _F(7.0376836292e-2), _F(-1.1514610310e-1), _F(1.1676998740e-1)
_L5, _L4, _L3 = _F(-1.2420140846e-1), _F(1.4249322787e-1), _F(-1.6668057665e-1)
_L2, _L1, _L0 = _F(2.0000714765e-1), _F(-2.4999993993e-1), _F(3.3333331174e-1)
_SQRT_HALF = _F(0.70710678118)
_C0, _C1, _C2, _C3, _C4 = _F(-1.26551223), _F(1.00002368), _F(0.37409196), _F(0.09678418), _F(-0.18628806)
_C5, _C6, _C7, _C8, _C9 = _F(0.27886807), _F(-1.13520398), _F(1.48851587), _F(-0.82215223), _F(0.17087277)
_FAR = _F(8)
_BITS, _BIAS, _MANTISSA, _OF_HALF = np.int32(23), np.int32(127), np.int32(0x007FFFFF), np.int32(0x3F000000)
_compiled = numba.njit(cache=True, fastmath={"contract"}, error_model="numpy", inline="always")


@_compiled
def exp(x: Any) -> Any:
    """Return e to the x; of less than -87, that of -87."""
    x = min(max(x, _LEAST), _MOST)
    power = np.floor(x * _LOG2_E + _HALF)
    rest = x - power * _LN2_HIGH - power * _LN2_LOW
    value = ((((_E5 * rest + _E4) * rest + _E3) * rest + _E2) * rest + _E1) * rest + _E0
    value = value * rest * rest + rest + _ONE
    return value * np.int32((np.int32(power) + _BIAS) << _BITS).view(np.float32)


@_compiled
def log(x: Any) -> Any:
    """Return the natural logarithm of a normal positive number."""
    bits = np.float32(x).view(np.int32)
    power = np.float32((bits >> _BITS) - _BIAS + np.int32(1))
    part = np.int32((bits & _MANTISSA) | _OF_HALF).view(np.float32)  # in [0.5, 1)
    is_low = part < _SQRT_HALF
    power = power - _ONE if is_low else power
    rest = part + part - _ONE if is_low else part - _ONE
    value = (((_L8 * rest + _L7) * rest + _L6) * rest + _L5) * rest + _L4
    value = (((value * rest + _L3) * rest + _L2) * rest + _L1) * rest + _L0
    square = rest * rest
    value = value * rest * square + power * _LN2_LOW - _HALF * square
    return rest + value + power * _LN2_HIGH


@_compiled
def erfc(x: Any) -> Any:
    """Return the complementary error function; beyond 8, that of 8."""
    apart = min(abs(x), _FAR)
    t = _ONE / (_ONE + _HALF * apart)
    value = (((_C9 * t + _C8) * t + _C7) * t + _C6) * t + _C5
    value = ((((value * t + _C4) * t + _C3) * t + _C2) * t + _C1) * t + _C0
    value = t * exp(value - apart * apart)
    return value if x >= 0 else _TWO - value
