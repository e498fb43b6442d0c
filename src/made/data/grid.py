"""What a column of numbers is: the grid that its values are on, and which of them recur."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["find_spikes", "find_step", "numeric_settings"]

Floats = NDArray[np.float64]

# A value is on a grid if it is this close to a point of it, in units of its own rounding; there is a grid
# only where that is less than this part of the step.
_ULPS, _PART_OF_STEP = 4, 0.1
_FINEST = 6  # decimals
# A spike: the fewest rows, their smallest share, and the smallest ratio to the density of its neighbours.
_FEWEST, _SHARE, _TIMES = 10, 0.0005, 5
# Rarer ones than _COMMON count where all together have the first part of the rows, and up to the second: few
# are chance beside a body, and a body without rows is not held in place, nor are its tails. It keeps _OF_BODY
# rows. Spikes beside the body, which has at most _END of its rows on one side of them, are not counted.
_COMMON, _PART_OF_ROWS, _OF_BODY, _END = 0.01, (0.3, 0.85), 300, 0.0228
_NEIGHBOURS = 10
# The most spikes of a column, of common ones and where there are many columns, and of a table: each is an
# output of the network.
_MOST, _MOST_COMMON, _MOST_OF_TABLE = 512, 32, 8192


def numeric_settings(
    train: Floats,
    others: Floats,
    eps: float,
    said: Mapping[str, Any] | None = None,
    n_columns: int = 1,
) -> dict[str, Any]:
    """Return step, rounds and spikes of a column of numbers, see `Schema.with_column`.

    Parameters
    ----------
    train : (n,) array
        Observed values of the training rows.
    others : (m,) array
        Those of other rows, which are to be on the same grid.
    eps : float
        Relative spacing of the numbers of the column's own type.
    said : mapping, optional
        What is not to follow from the values.
    n_columns : int
        Columns of the table: where they are many, each has fewer spikes.

    Examples
    --------
    >>> prices = np.array([0.0, 9.99, 20.0, 4.5] * 10)
    >>> numeric_settings(prices + np.arange(40) / 100, prices, 2.2e-16)
    {'step': 0.01, 'rounds': True, 'spikes': []}
    """
    given = said or {}
    has_step = "step" in given
    step = given["step"] if has_step else find_step(np.concatenate([train, others]), eps)
    most = min(max(_MOST_OF_TABLE // n_columns, _MOST_COMMON), _MOST)
    spikes = given["spikes"] if "spikes" in given else find_spikes(train, step or 0.0, most)
    if has_step and step is not None:  # only values of the grid are any of its own
        spikes = [own for own in spikes if abs(own / step - round(own / step)) < 1e-9]
    return {"step": step, "rounds": step is not None and not has_step, "spikes": spikes}


def find_step(values: Floats, eps: float = 2.0**-52) -> float | None:
    """Return the largest of 1, 0.1, ..., 10^-6 that all values are multiples of; None where none is.

    Examples
    --------
    >>> find_step(np.array([1.5, 2.25, 100.0])), find_step(np.array([3.0, -7.0]))
    (0.01, 1.0)
    >>> find_step(np.array([np.pi])) is None
    True
    """
    for decimals in range(_FINEST + 1):
        with np.errstate(over="ignore"):
            scaled = np.abs(values) * 10.0**decimals
        tolerance = _ULPS * eps * scaled
        if decimals and len(values) and float(np.median(tolerance)) > _PART_OF_STEP:
            return None
        if not bool((scaled < 2.0**63).all()):
            return None  # and a finer grid has no numbers for its points either
        if bool((np.abs(scaled - np.rint(scaled)) <= tolerance).all()):
            return 1.0 if decimals == 0 else 1 / 10**decimals
    return None


def find_spikes(values: Floats, step: float = 0.0, most: int = _MOST) -> list[float]:
    """Return the values that recur far more often than those around them, ascending.

    At least 10 rows and 0.05 % of all have a spike, and 5 times as many as its neighbours let expect.

    Parameters
    ----------
    values : (n,) array
        Observed values.
    step : float
        Of their grid; 0: none.
    most : int
        How many are returned at most: the most frequent.

    Examples
    --------
    >>> spread = np.random.default_rng(0).exponential(size=300)
    >>> find_spikes(np.concatenate([spread, np.zeros(50)]))
    [0.0]
    >>> find_spikes(np.arange(300) % 20, step=1.0)
    []
    """
    distinct, counts = np.unique(values + 0.0, return_counts=True)  # no negative zero
    often = np.flatnonzero(counts >= max(_FEWEST, _SHARE * len(values)))
    with np.errstate(over="ignore"):
        cell = step or (float(np.diff(distinct).min()) if len(distinct) > 1 else 0.0)
    found = []
    for i in often.tolist():
        low, high = max(i - _NEIGHBOURS, 0), min(i + _NEIGHBOURS, len(distinct) - 1)
        around = counts[low : high + 1].sum() - counts[i]
        width = float(distinct[high]) - float(distinct[low])
        expected = around * (cell / width) if 0 < width < np.inf else 0.0
        if counts[i] >= _TIMES * expected:
            found.append(i)
    by_count = np.array(sorted(found, key=lambda i: (counts[i], distinct[i]), reverse=True)[:most], dtype=int)
    return sorted(distinct[by_count[_are_spikes(counts, by_count)]].tolist())


def _are_spikes(counts: NDArray[np.int64], found: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which values, the most frequent first, are spikes: rare ones only if many rows have them."""
    of_body = counts.copy()
    of_body[found] = 0
    below = np.cumsum(of_body)[found] / max(of_body.sum(), 1)
    is_end = np.minimum(below, 1 - below) < _END
    inside = np.where(is_end, 0, counts[found])
    together, n_rows = np.cumsum(inside), inside.sum() + of_body.sum()
    is_common = (counts[found] >= _COMMON * counts.sum()) & (np.arange(len(found)) < _MOST_COMMON)
    least, most = (part * n_rows for part in _PART_OF_ROWS)
    leaves_enough = together <= min(most, n_rows - _OF_BODY)
    found_spikes: NDArray[np.bool_] = is_common | (together[-1:] >= least) & (is_end | leaves_enough)
    return found_spikes
