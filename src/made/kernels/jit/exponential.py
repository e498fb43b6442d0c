"""exp in float64, written so that loops over it become vector instructions.

It uses no fused operations: results are the same in every loop and on every processor.
"""

# mypy: allow-untyped-decorators, allow-untyped-calls

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np

__all__ = ["exp"]

# Beyond these a result would not be a normal number.
_LEAST, _MOST = -708.0, 709.0
# A sum with this is a whole number, in the low bits.
_ROUNDER = 1.5 * 2.0**52
_BITS, _BIAS = np.int64(52), np.int64(1023)
_LOG2_E = 1 / math.log(2)
# log(2) in two parts: the first times a whole number below 2^11 is exact.
_LN2_HIGH, _LN2_LOW = 0.693147180369123816490, 1.90821492927058770002e-10


@numba.njit(cache=True, error_model="numpy", inline="always")
def exp(x: Any) -> Any:
    """Return e to the x to 14 digits: 0 where x is less than -708; above 709, that of 709.

    2 to a whole power times the series of what is left, of at most log(2) / 2, which ends below 1e-14.
    """
    inside = min(max(x, _LEAST), _MOST)
    shifted = inside * _LOG2_E + _ROUNDER
    power = shifted - _ROUNDER
    r = inside - power * _LN2_HIGH - power * _LN2_LOW
    series = 1 / 40320 + r * (1 / 362880 + r * (1 / 3628800 + r * (1 / 39916800)))
    series = 1 / 24 + r * (1 / 120 + r * (1 / 720 + r * (1 / 5040 + r * series)))
    series = 1 + r * (1 + r * (0.5 + r * (1 / 6 + r * series)))
    scale = np.int64((np.float64(shifted).view(np.int64) + _BIAS) << _BITS).view(np.float64)
    if x >= _LEAST:
        return series * scale
    return 0.0 if x < _LEAST else x  # NaN stays NaN
