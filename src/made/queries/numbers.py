"""Numbers among completions: which columns have means, their values, and quantiles of weighted ones."""

from __future__ import annotations

import numpy as np

from made.queries.density import Floats
from made.variables.numeric import Numeric
from made.variables.row_type import RowType
from made.variables.rows import Rows

__all__ = ["floats_of", "have_means", "weighted_quantiles"]

# A value of a larger weight is one of many that are alike: quantiles are not interpolated within it.
_HEAVY = 0.05


def have_means(variables: RowType) -> list[int]:
    """Return which variables are numbers, or classes that are.

    Examples
    --------
    >>> import made
    >>> have_means(RowType([made.Categorical(3), made.Categorical(3, ordered=True), made.Numeric()]))
    [1, 2]
    """
    return [d for d, block in variables.columns() if isinstance(block, Numeric) or block.ordered]


def floats_of(variables: RowType, rows: Rows, variable: int) -> Floats:
    """Return the values of a numeric variable of complete rows, (n,)."""
    numbers = variables.numbers
    assert numbers is not None
    assert rows.bodies is not None
    place = numbers.number_of(variable)
    bodies = np.ascontiguousarray(rows.bodies[:, place].cpu().numpy())
    return numbers.columns[place].floats_of(bodies)


def weighted_quantiles(values: Floats, weights: Floats, levels: Floats, *, interpolated: bool) -> Floats:
    """Return quantiles (n, L) of weighted values (n, S), row by row.

    Parameters
    ----------
    values, weights : (n, S) arrays
        Weights sum to 1 in each row.
    levels : (L,) array
        Shares.
    interpolated : bool
        Between neighbouring values; else a quantile is one of the values.

    Examples
    --------
    >>> values, weights = np.array([[0.0, 1.0, 2.0]]), np.array([[0.5, 0.3, 0.2]])
    >>> weighted_quantiles(values, weights, np.array([0.4, 0.9]), interpolated=False)
    array([[0., 2.]])
    """
    out = np.empty((len(values), len(levels)))
    order = np.argsort(values, axis=1, kind="stable")
    ordered, shares = np.take_along_axis(values, order, 1), np.take_along_axis(weights, order, 1)
    after = np.cumsum(shares, axis=1)
    after /= after[:, -1:]
    for i, (own, share, end) in enumerate(zip(ordered, shares, after, strict=True)):
        if not interpolated:
            at = np.searchsorted(end, levels - 1e-12)
            out[i] = own[at.clip(max=len(own) - 1)]
            continue
        half = np.where(share > _HEAVY, share, 0.0) / 2
        middle = end - share / 2
        places = np.stack([middle - half, middle + half], axis=1).ravel()
        out[i] = np.interp(levels, places, np.repeat(own, 2))
    return out
