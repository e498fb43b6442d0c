"""Which rows a fit is validated on where none are given: some of the training rows, set apart."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from made.data.row_file import RowFile
from made.support.checks import row_weights
from made.variables.rows import Rows

__all__ = ["FEWEST_ROWS", "Parts", "numbers_apart", "set_apart"]

#: With fewer rows than this all are trained on.
FEWEST_ROWS = 100
_FRACTION, _MOST_ROWS = 0.1, 10_000
# Keeps this random choice independent of the orders of rows, which are seeded with (seed, epoch).
_STREAM = 0x5EBA


class Parts(NamedTuple):
    """Training rows, validation rows, and a note about the split for the user."""

    train: Rows | RowFile
    sample_weight: ArrayLike | None
    valid: Rows | RowFile | None
    note: str


def numbers_apart(n: int, seed: int = 0) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the numbers of the rows that are trained on, and of those that `set_apart` takes, of n rows."""
    n_valid = 0 if n < FEWEST_ROWS else min(round(n * _FRACTION), _MOST_ROWS)
    order = np.random.default_rng([seed, _STREAM]).permutation(n)
    return np.sort(order[n_valid:]), np.sort(order[:n_valid])


def set_apart(train: Rows | RowFile, sample_weight: ArrayLike | None = None, *, seed: int = 0) -> Parts:
    """Set a tenth of the training rows apart, but 10,000 at most.

    Rows in memory are chosen at random by the seed; of a file the last are taken. Of fewer than 100 rows none
    are.

    Parameters
    ----------
    train : Rows or RowFile
        Training rows, with their context.
    sample_weight : array, optional
        (n,): the weight of each row.
    seed : int
        Of the random choice.

    Examples
    --------
    >>> import torch
    >>> set_apart(Rows(torch.eye(2))).note
    'no validation rows given; 2 rows are too few to set some apart: all are trained on, to the last epoch'
    """
    n = len(train)
    if n < FEWEST_ROWS:
        note = (
            f"no validation rows given; {n} rows are too few to set some apart: all are trained on, to the "
            "last epoch"
        )
        return Parts(train, sample_weight, None, note)
    n_valid = min(round(n * _FRACTION), _MOST_ROWS)
    note = (
        f"no validation rows given; {n_valid:,} of the {n:,} training rows were set apart to choose the epoch"
    )
    if isinstance(train, RowFile):
        held = train.part(n - n_valid)
        return Parts(train.part(0, n - n_valid), sample_weight, held, note + ", the last ones")
    kept, apart = (torch.from_numpy(own).to(train.codes.device) for own in numbers_apart(n, seed))
    weights = None if sample_weight is None else row_weights(sample_weight, n)[kept.cpu().numpy()]
    return Parts(train[kept], weights, train[apart], note)
