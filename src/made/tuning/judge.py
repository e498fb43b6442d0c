"""Which candidates may still win, from validation curves that are not at their end. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["expected_nll", "mixes", "paired_difference", "survivors"]

# A curve that falls by d while the epochs double falls by at most this fraction of d at the next doubling,
# and the fraction shrinks by this factor: as most curves do, and as hardly any does.
_USUAL, _AT_BEST = (0.5, 0.75), (0.7, 1.0)
# The first candidate beyond those that are kept stays if it is behind by fewer standard errors than this.
_CLOSE = 1.0
# A mixture, which costs every question twice as much, has to gain this part of the NLL, and a standard error.
_WORTH_MIXING = 0.001


def expected_nll(curve: Sequence[float], epochs: int, *, at_best: bool = False) -> float:
    """Return the validation NLL that a fit is expected to reach at its end.

    What a curve gains while the number of epochs doubles shrinks by about the same factor each time: the
    gains of the two latest doublings give the rest. A curve that has turned keeps its lowest value.

    Parameters
    ----------
    curve : sequence of float
        Validation NLL after 0, 1, 2, ... epochs.
    epochs : int
        Of the whole fit.
    at_best : bool
        Return what hardly any curve would fall below, instead of what is likely.

    Examples
    --------
    >>> round(expected_nll([9.0, 8.0, 7.0, 6.8, 6.6], epochs=16), 3)
    6.453
    >>> expected_nll([9.0, 8.0, 7.0, 7.5, 8.0], epochs=16)
    7.0
    """
    done, lowest = len(curve) - 1, min(curve)
    if done < 4:
        return lowest
    first, second, last = curve[done // 4], curve[done // 2], curve[done]
    if second - last <= 0 or last > lowest:
        return lowest
    most, shrinks = _AT_BEST if at_best else _USUAL
    ratio, gain = min((second - last) / max(first - second, 1e-12), most), second - last
    n_doublings, rest = math.log2(max(epochs / done, 1.0)), 0.0
    while n_doublings > 0:
        ratio *= shrinks
        gain *= ratio
        rest += gain * min(n_doublings, 1.0)
        n_doublings -= 1
    return last - rest


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


def mixes(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    """Return whether the mixture of two models is better than the first by enough to be worth its cost.

    Parameters
    ----------
    one, other : (m,) arrays
        NLL of the same m validation rows under each.

    Examples
    --------
    >>> rows = np.arange(100) % 2
    >>> mixes(2.0 + rows, 3.0 - rows), mixes(2.0 + rows, 2.0 + rows)
    (True, False)
    """
    mean, error = paired_difference(math.log(2) - np.logaddexp(-one, -other), one)
    return -mean > max(error, _WORTH_MIXING * float(one.mean()))


def survivors(
    expected: Sequence[float],
    at_best: Sequence[float],
    nll: Sequence[NDArray[np.float64]],
    n_kept: int,
    n_safe: int = 1,
) -> list[int]:
    """Return which candidates go on, the best one first.

    The `n_kept` with the lowest expected NLL go on, but for those that could not even at best reach what
    another one has already. Before the last rung one more goes on: that with the lowest NLL now, or, if it is
    among them, the next where the gap is within a standard error.

    Parameters
    ----------
    expected, at_best : sequence of float
        What each is expected to reach, likely and at best; see `expected_nll`.
    nll : sequence of (m,) arrays
        NLL of the same m validation rows under each, as it is now.
    n_kept : int
        At least 1.
    n_safe : int
        Number of the likeliest that go on in any case: 2 where a mixture of both may be the best.

    Examples
    --------
    >>> rows = np.linspace(0, 1, 50)
    >>> survivors([3.0, 1.0, 1.1], [2.5, 0.9, 1.0], [rows + 3, rows + 1, rows + 1.1], 3)
    [1, 2]
    """
    order = sorted(range(len(expected)), key=lambda i: (expected[i], i))
    leader = min(order, key=lambda i: float(nll[i].mean()))
    lowest, chosen = float(nll[leader].mean()), order[:n_kept]
    if n_kept > 1 and leader not in chosen:
        chosen.append(leader)
    elif n_kept > 1 and n_kept < len(order):
        edge, following = chosen[-1], order[n_kept]
        _, error = paired_difference(nll[following], nll[edge])
        if expected[following] - expected[edge] <= _CLOSE * error:
            chosen.append(following)
    return [i for i in chosen if i in order[:n_safe] or at_best[i] <= lowest]
