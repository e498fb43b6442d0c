"""The natural logarithm in float64, written so that loops over it become vector instructions."""

# mypy: allow-untyped-decorators, allow-untyped-calls

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np

__all__ = ["log"]

_BITS, _BIAS = np.int64(52), np.int64(1023)
_MANTISSA, _OF_ONE = np.int64(0x000FFFFFFFFFFFFF), np.int64(0x3FF0000000000000)
_SQRT_TWO = math.sqrt(2)
# log(2) in two parts: the first times a whole number below 2^11 is exact.
_LN2_HIGH, _LN2_LOW = 0.693147180369123816490, 1.90821492927058770002e-10


@numba.njit(cache=True, fastmath={"contract"}, error_model="numpy", inline="always")
def log(x: Any) -> Any:
    """Return the natural logarithm of a normal positive number.

    That of the mantissa m is 2 atanh((m - 1) / (m + 1)), whose series ends below the rounding.
    """
    bits = np.float64(x).view(np.int64)
    power = (bits >> _BITS) - _BIAS
    part = np.int64((bits & _MANTISSA) | _OF_ONE).view(np.float64)  # in [1, 2)
    is_high = part > _SQRT_TWO
    part = 0.5 * part if is_high else part
    whole = float(power + 1) if is_high else float(power)
    s = (part - 1) / (part + 1)
    u = s * s
    series = 1 / 15 + u * (1 / 17 + u * (1 / 19 + u * (1 / 21)))
    series = 1 / 3 + u * (1 / 5 + u * (1 / 7 + u * (1 / 9 + u * (1 / 11 + u * (1 / 13 + u * series)))))
    return whole * _LN2_HIGH + (2 * s + (2 * s * u * series + whole * _LN2_LOW))
