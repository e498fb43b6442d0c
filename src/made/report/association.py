"""How strongly the columns of a table hang together, pair by pair: numbers in bins, classes as they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["associations", "binned", "edges_of"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Bins of a number, of about as many values each; and classes, beside which all others are one.
N_BINS, MOST_CLASSES = 8, 20


def edges_of(values: Floats) -> Floats:
    """Return the inner edges of bins of about as many values each, ascending; NaN is left out.

    Examples
    --------
    >>> edges_of(np.arange(80.0))[:2]
    array([ 9.875, 19.75 ])
    """
    there = values[~np.isnan(values)]
    if not len(there):
        return np.zeros(0)
    edges: Floats = np.unique(np.quantile(there, np.arange(1, N_BINS) / N_BINS))
    return edges


def binned(values: Floats, edges: Floats) -> Ints:
    """Return the number of the bin of each value; NaN has a bin of its own, the last."""
    bins: Ints = np.where(np.isnan(values), len(edges) + 1, np.searchsorted(edges, values, side="right"))
    return bins


def associations(columns: Sequence[Ints]) -> Floats:
    """Return Cramer's V of every pair of columns, (D, D): 0 where independent, 1 where one fixes the other.

    Corrected for the bias of few rows (Bergsma, *A bias-correction for Cramer's V and Tschuprow's T*, Journal
    of the Korean Statistical Society 42, 2013).

    Parameters
    ----------
    columns : sequence of D (n,) int arrays
        Codes from 0.

    Examples
    --------
    >>> a = np.tile([0, 1], 50)
    >>> associations([a, 1 - a, np.repeat([0, 1], 50)]).round(2)
    array([[1., 1., 0.],
           [1., 1., 0.],
           [0., 0., 1.]])
    """
    n = len(columns[0])
    codes = [np.unique(own, return_inverse=True)[1] for own in columns]
    sizes = [int(own.max()) + 1 for own in codes]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    ones = np.zeros((n, starts[-1]), dtype=np.float32)
    for own, start in zip(codes, starts, strict=False):
        ones[np.arange(n), start + own] = 1
    counts = (ones.T @ ones).astype(np.float64)  # of all pairs of values
    found = np.eye(len(columns))
    for a in range(len(columns)):
        for b in range(a):
            table = counts[starts[a] : starts[a + 1], starts[b] : starts[b + 1]]
            found[a, b] = found[b, a] = _cramer(table, n)
    return found


def _cramer(table: Floats, n: int) -> float:
    rows, columns = table.shape
    if min(rows, columns) < 2 or n < 2:
        return 0.0
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / n
    square = ((table - expected) ** 2 / expected).sum() / n
    square = max(0.0, square - (rows - 1) * (columns - 1) / (n - 1))
    smaller = min(rows - (rows - 1) ** 2 / (n - 1), columns - (columns - 1) ** 2 / (n - 1)) - 1
    return float(min(1.0, np.sqrt(square / smaller))) if smaller > 0 else 0.0
