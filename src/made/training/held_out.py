"""Which rows a fit is validated on where none are given: some of the training rows, set apart."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from made.base import BaseModel
from made.data.row_file import RowFile
from made.support.checks import row_weights

__all__ = ["FEWEST_ROWS", "Parts", "set_apart"]

#: With fewer rows than this all of them are needed for training.
FEWEST_ROWS = 100
_FRACTION, _MOST_ROWS = 0.1, 10_000
# What tells this random choice from the orders of rows, which are seeded with (seed, epoch).
_STREAM = 0x5EBA


class Parts(NamedTuple):
    """What is trained on, what is validated on, and what the user is told about it."""

    train: ArrayLike | Tensor | RowFile
    context: ArrayLike | Tensor | None
    sample_weight: ArrayLike | None
    valid: Tensor | RowFile | None
    valid_context: Tensor | None
    note: str


def set_apart(
    model: BaseModel,
    train: ArrayLike | Tensor | RowFile,
    context: ArrayLike | Tensor | None = None,
    sample_weight: ArrayLike | None = None,
    *,
    seed: int = 0,
) -> Parts:
    """Set a tenth of the training rows apart, but 10,000 at most.

    Rows in memory are chosen at random by the seed; of a file the last are taken. Of fewer than 100 rows none
    are.

    Parameters
    ----------
    model : BaseModel
        Says what the rows are.
    train, context, sample_weight
        As `made.fit` takes them.
    seed : int
        Of the random choice.

    Examples
    --------
    >>> import made
    >>> set_apart(made.MADE(made.Bernoulli(2)), np.eye(2, dtype=int)).note
    'no validation rows given; 2 rows are too few to set some apart: all are trained on, to the last epoch'
    """
    rows = train if isinstance(train, RowFile) else model.rows(train)
    n = rows.n if isinstance(rows, RowFile) else len(rows)
    if n < FEWEST_ROWS:
        return Parts(
            rows,
            context,
            sample_weight,
            None,
            None,
            f"no validation rows given; {n} rows are too few to set some apart: all are trained on, to the "
            "last epoch",
        )
    n_valid = min(round(n * _FRACTION), _MOST_ROWS)
    note = (
        f"no validation rows given; {n_valid:,} of the {n:,} training rows were set apart to choose the epoch"
    )
    if isinstance(rows, RowFile):
        held = rows.part(n - n_valid)
        return Parts(rows.part(0, n - n_valid), context, sample_weight, held, None, note + ", the last ones")
    order = torch.from_numpy(np.random.default_rng([seed, _STREAM]).permutation(n)).to(rows.device)
    apart, kept = order[:n_valid].sort().values, order[n_valid:].sort().values
    own = model.context_rows(context, n)
    weights = None if sample_weight is None else row_weights(sample_weight, n)[kept.cpu().numpy()]
    return Parts(
        rows[kept],
        None if own is None else own[kept],
        weights,
        rows[apart],
        None if own is None else own[apart],
        note,
    )
