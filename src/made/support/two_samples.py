"""Whether two samples have one distribution: score tests by ranks and by labels, and Holm's correction.

All follow from one fact: where the samples are exchangeable, the sum of any scores over the second sample has
a mean and a covariance under permutation that are known exactly, with ties and whatever the scores are. The
square of the standardized sum is about chi-squared.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["holm", "label_scores", "log_p_value", "rank_scores"]

Floats = NDArray[np.float64]

# Labels of fewer entries than this, in both samples together, count as one; and the most that are told apart.
_RARE, _MOST_LABELS = 10, 32


def log_p_value(first: ArrayLike, second: ArrayLike) -> float:
    """Return the logarithm of the p-value that two samples of scores have one distribution.

    Parameters
    ----------
    first, second : (n, q) and (m, q) arrays
        Scores, such as those of `rank_scores` or `label_scores` of both samples together.

    Examples
    --------
    >>> generator = np.random.default_rng(0)
    >>> values = generator.normal(size=200) + np.repeat([0.0, 1.0], 100)
    >>> scores = rank_scores(values)
    >>> log_p_value(scores[:100], scores[100:]) < math.log(1e-6)
    True
    >>> log_p_value(scores[::2], scores[1::2]) > math.log(0.01)
    True
    """
    from scipy.stats import chi2  # takes long to import

    parts = [np.asarray(own, dtype=np.float64) for own in (first, second)]
    n, m = map(len, parts)
    if min(n, m) == 0 or n + m < 3:
        return 0.0
    both = np.concatenate(parts)
    scale, factor = float((both**2).sum()), n * m / ((n + m) * (n + m - 1))
    both = both - both.mean(axis=0)
    total = both[n:].sum(axis=0)
    sizes, axes = np.linalg.eigh(both.T @ both * factor)
    there = sizes > 1e-9 * scale * factor  # scores that do not vary say nothing
    if not there.any():
        return 0.0
    statistic = float(((axes[:, there].T @ total) ** 2 / sizes[there]).sum())
    return float(chi2.logsf(statistic, int(there.sum())))


def rank_scores(values: ArrayLike) -> Floats:
    """Return scores of numbers, (n, 4): where each is, how far out, on which side, and how low.

    They are Legendre polynomials of degree 1 to 3 of the rank, ties at their mean, and the logarithm of the
    rank, which the lowest values dominate. A test by them sees shifts, spreads, skews and lower tails.
    """
    _, place, counts = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    n = max(len(place), 1)
    u = ((np.cumsum(counts) - (counts - 1) / 2 - 0.5) / n)[place.reshape(-1)]
    x = 2 * u - 1
    return np.stack([x, (3 * x**2 - 1) / 2, (5 * x**3 - 3 * x) / 2, -np.log(u)], axis=1)


def label_scores(codes: ArrayLike) -> Floats:
    """Return scores of labels, (n, labels): 1 for its own. Rare ones share a column.

    Examples
    --------
    >>> label_scores([0] * 10 + [1] * 10 + [2]).sum(axis=0)
    array([10., 10.,  1.])
    """
    _, place, counts = np.unique(np.asarray(codes), return_inverse=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    kept = order[: _MOST_LABELS - 1][counts[order[: _MOST_LABELS - 1]] >= _RARE]
    column = np.full(len(counts), len(kept))
    column[kept] = np.arange(len(kept))
    own = column[place.reshape(-1)]
    return np.eye(len(kept) + 1)[own] if len(own) else np.zeros((0, len(kept) + 1))


def holm(log_p: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number, by Holm's method, from the logarithms of all.

    The probability that a corrected one of any true hypothesis is below a level is at most that level,
    however the tests depend on each other.

    Examples
    --------
    >>> [round(p, 3) for p in holm([math.log(0.01), math.log(0.04), math.log(0.03)])]
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(log_p, kind="stable")
    found, largest = [0.0] * len(log_p), 0.0
    for place, number in enumerate(order.tolist()):
        largest = max(largest, min(math.exp(min(log_p[number], 0.0)) * (len(log_p) - place), 1.0))
        found[number] = largest
    return found
