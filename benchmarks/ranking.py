"""AUC and R2 of rows that count several times: bootstrap over rows, the same for all that is compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from table_report import verdict

__all__ = ["auc", "bootstrap_counts", "compared", "macro_auc", "r2"]

Floats = NDArray[np.float64]
_RESAMPLES = 500


def bootstrap_counts(n: int, seed: int = 0) -> Floats:
    """Return how often each row counts: once in the first line, then as it is drawn, (1 + 500, n)."""
    draw = np.random.default_rng(seed)
    drawn = draw.multinomial(n, np.full(n, 1 / n), size=_RESAMPLES)
    return np.concatenate([np.ones((1, n)), drawn])


def auc(scores: Floats, positive: Floats, negative: Floats) -> Floats:
    """Return how probably a positive row has the higher score, a tie as a half, (B,).

    Parameters
    ----------
    scores : (n,) array
        Of rows.
    positive, negative : (B, n) arrays
        How often each row counts as one and as the other.

    Examples
    --------
    >>> auc(np.array([1.0, 2.0, 2.0]), np.array([[0, 0, 1]]), np.array([[1, 1, 0]]))
    array([0.75])
    """
    _, places = np.unique(scores, return_inverse=True)
    order = np.argsort(places, kind="stable")
    starts = np.flatnonzero(np.diff(places[order], prepend=-1))
    above = np.add.reduceat(positive[:, order], starts, axis=1)
    below = np.add.reduceat(negative[:, order], starts, axis=1)
    wins = (above * (np.cumsum(below, axis=1) - below / 2)).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Floats = wins / (above.sum(axis=1) * below.sum(axis=1))
    return found


def macro_auc(probabilities: Floats, classes: NDArray[np.int64], counts: Floats, fewest: int) -> Floats:
    """Return the mean over classes of the AUC of each against all others, (B,).

    Classes (n,) are columns of the probabilities (n, K); those of fewer rows than given are left out.
    """
    kinds = [k for k in range(probabilities.shape[1]) if (classes == k).sum() >= fewest]
    each = [
        auc(probabilities[:, k], counts * (classes == k), counts * (classes != k))
        for k in kinds
        if not (classes == k).all()
    ]
    return np.mean(each, axis=0)


def r2(predicted: Floats, values: Floats, counts: Floats) -> Floats:
    """Return the share of the variance that is predicted, (B,)."""
    means = (counts * values).sum(axis=1) / counts.sum(axis=1)
    left = (counts * (values - predicted) ** 2).sum(axis=1)
    whole = (counts * (values - means[:, None]) ** 2).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = 1 - left / whole
    return found


def compared(measure: Callable[[str], Floats], ours: str, theirs: str) -> dict[str, Any]:
    """Return two figures, by how much ours is the higher, its standard error, and the verdict.

    The first entry of a measure is that of the rows, the others are those of resampled ones.
    """
    mine, other = measure(ours), measure(theirs)
    each = mine - other
    difference, error = float(each[0]), float(np.nanstd(each[1:], ddof=1))
    return {
        ours: float(mine[0]),
        theirs: float(other[0]),
        "difference": difference,
        "error": error,
        "verdict": verdict(difference, error),
    }
