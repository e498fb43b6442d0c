"""What a model says of some columns given others, under orderings that have these others first: exactly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import made

__all__ = ["log_prob_of_others"]


def log_prob_of_others(
    model: made.MADE, rows: pd.DataFrame, given: Sequence[int], masks: Sequence[int]
) -> NDArray[np.float64]:
    """Return log p of the columns that are not given, by row.

    Parameters
    ----------
    model : MADE
        One that has learned several orderings.
    rows : data frame
        Of all columns.
    given : sequence of int
        Numbers of the columns that come first.
    masks : sequence of int
        The answer is that of their mixture, each with its ordering changed.
    """
    groups = np.ones(model.n_variables, dtype=np.int64)
    groups[list(given)] = 0
    is_given = groups == 0
    own, whole, evidence = model.rows(rows), [], []
    for k in masks:
        parts = [model.reordered(k, groups).log_prob(some) for some in own.batches(model.rows_per_pass)]
        steps = np.concatenate(parts)
        whole.append(steps.sum(axis=1))
        evidence.append(steps[:, is_given].sum(axis=1))
    joint, known = (np.logaddexp.reduce(own, axis=0) for own in (whole, evidence))
    found: NDArray[np.float64] = joint - known
    return found
