"""Which candidates may still win, from validation curves that are not at their end. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["expected_nll", "paired_difference", "survivors"]

# A curve that falls by d while the epochs double falls by at most this much of d at the next doubling.
_LARGEST_RATIO = 0.7
# A candidate is hopeless if it is behind by more than this many standard errors, now and in what is expected.
_HOPELESS = 4.0
# The first candidate beyond those that are kept stays if it is behind by less than this many.
_CLOSE = 1.0


def expected_nll(curve: Sequence[float], epochs: int) -> float:
    """Return the validation NLL that a fit is expected to reach at its end.

    What a curve gains while the number of epochs doubles shrinks by about the same factor each time: the
    gains of the two latest doublings give the rest. A curve that has turned keeps its lowest value.

    Parameters
    ----------
    curve : sequence of float
        Validation NLL after 0, 1, 2, ... epochs.
    epochs : int
        Of the whole fit.

    Examples
    --------
    >>> round(expected_nll([9.0, 8.0, 7.0, 6.75, 6.5], epochs=16), 3)
    6.125
    >>> expected_nll([9.0, 8.0, 7.0, 7.5, 8.0], epochs=16)
    7.0
    """
    done, lowest = len(curve) - 1, min(curve)
    if done < 4:
        return lowest
    first, second, last = curve[done // 4], curve[done // 2], curve[done]
    if second - last <= 0 or last > lowest:
        return lowest
    ratio = min(max((second - last) / max(first - second, 1e-12), 0.0), _LARGEST_RATIO)
    n_doublings = math.log2(max(epochs / done, 1.0))
    if ratio == 0.0:
        return last
    gain: float = (second - last) * ratio * (1 - ratio**n_doublings) / (1 - ratio)
    return last - gain


def paired_difference(one: NDArray[np.float64], other: NDArray[np.float64]) -> tuple[float, float]:
    """Return the mean of one - other, rows paired, and its standard error.

    Examples
    --------
    >>> paired_difference(np.array([2.0, 4.0]), np.array([1.0, 2.0]))
    (1.5, 0.5)
    """
    difference = one - other
    error = float(difference.std(ddof=1) / math.sqrt(len(difference))) if len(difference) > 1 else math.inf
    return float(difference.mean()), error


def survivors(expected: Sequence[float], nll: Sequence[NDArray[np.float64]], n_kept: int) -> list[int]:
    """Return which candidates go on, the best one first.

    The `n_kept` with the lowest expected NLL go on, but for hopeless ones, and one more where the gap between
    it and the last of them is within a standard error.

    Parameters
    ----------
    expected : sequence of float
        What each is expected to reach.
    nll : sequence of (m,) arrays
        NLL of the same m validation rows under each, as it is now.
    n_kept : int
        At least 1.

    Examples
    --------
    >>> rows = np.linspace(0, 1, 50)
    >>> survivors([3.0, 1.0, 1.1], [rows + 3, rows + 1, rows[::-1] + 1.1], 2)
    [1, 2]
    """
    order = sorted(range(len(expected)), key=lambda i: (expected[i], i))
    best, kept = order[0], [order[0]]
    for i in order[1:n_kept]:
        behind, error = paired_difference(nll[i], nll[best])
        if min(behind, expected[i] - expected[best]) <= _HOPELESS * error:
            kept.append(i)
    if n_kept > 1 and len(kept) == n_kept < len(order):
        edge, following = kept[-1], order[n_kept]
        _, error = paired_difference(nll[following], nll[edge])
        if expected[following] - expected[edge] <= _CLOSE * error:
            kept.append(following)
    return kept
