"""log p of rows with gaps in two parts: which entries are missing, and the values of all others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from made.masks.ordering import IntArray
from made.queries.density import Askable, Floats
from made.queries.query import MAX_STATES, N_PARTICLES, Query, row_numbers
from made.queries.work import index
from made.support.errors import InputError
from made.variables.conditions import RECORDED, OneOf
from made.variables.missing import MISSING
from made.variables.rows import Rows, RowsLike

__all__ = ["Parts", "log_prob_parts"]

# Rows of one pattern that are asked about together, where each has its own context.
_ROWS_AT_ONCE = 64
_RECORDED, _MISSING, _UNKNOWN = 0, 1, 2


@dataclass(frozen=True, eq=False)
class Parts:
    """log p of rows in two parts, which add up to it; all (n,) float64 arrays, in nats.

    Attributes
    ----------
    missing, missing_error : array
        log P(which entries are missing), and its error: a standard error where it is estimated, 0 where it is
        exact.
    recorded, recorded_error : array
        log p of the values of all other entries given which these are, and its error.
    """

    missing: Floats
    missing_error: Floats
    recorded: Floats
    recorded_error: Floats

    def as_dict(self) -> dict[str, Floats]:
        """Return the columns of a table, as `made score --parts` names them."""
        return {
            "log_prob_missing": self.missing,
            "standard_error_missing": self.missing_error,
            "log_prob_recorded": self.recorded,
            "standard_error_recorded": self.recorded_error,
        }


def log_prob_parts(
    model: Askable,
    rows: RowsLike,
    *,
    context: ArrayLike | Tensor | None = None,
    particles: int = N_PARTICLES,
    first: int | IntArray = 0,
    advance: Callable[[int], None] = lambda n: None,
) -> Parts:
    """Return log P(which entries are missing), and log p of the rows without it.

    The first part is the same for all rows with the same gaps (and context): an estimate of it has the same
    particles, whatever rows are beside it. An entry that is unknown, not missing, is left out of both parts.

    Parameters
    ----------
    model : MADE
        Some of whose columns may be missing.
    rows : data frame, array, tensor or Rows
        (n, D).
    context : array or tensor, optional
        (n, C), or (C,) for all rows: for a model of p(x | c).
    particles : int
        Per row and mask, where an answer is estimated.
    first : int or (n,) int array
        Number of the first row, or of each, for the particles of log p of rows with unknown entries.
    advance : callable
        Told how many rows are done, now and then.

    Raises
    ------
    InputError
        If no column of the model may be missing.

    Examples
    --------
    >>> import made
    >>> model = made.MADE([made.Bernoulli(1), made.Categorical(3, missing=True)], hidden=(8,))
    >>> parts = made.log_prob_parts(model, [[0, None], [1, 2]])
    >>> parts.missing.round(3), parts.recorded.round(3)
    (array([-1.386, -0.288]), array([-0.693, -1.792]))
    """
    may_miss = [d for d, block in model.variables.columns() if block.missing]
    if not may_miss:
        raise InputError(
            "no column of this model may be missing: log p of a row has one part, that of the values"
        )
    encoded = model.rows(rows, context).to(torch.device("cpu"))
    question = Query.of(model, "auto", None, 0, particles, MAX_STATES)
    numbers = row_numbers(first, len(encoded))
    whole = question.evidence(encoded, numbers)
    missing, error = np.zeros((2, len(encoded)))
    patterns, which = np.unique(_states(model, encoded, may_miss), axis=0, return_inverse=True)
    for i, pattern in enumerate(patterns):
        some = np.flatnonzero(which.reshape(-1) == i)
        where = {
            model.schema.modelled[d].name: OneOf((MISSING,)) if state == _MISSING else RECORDED
            for d, state in zip(may_miss, pattern.tolist(), strict=True)
            if state != _UNKNOWN
        }
        missing[some], error[some] = _of_pattern(model, encoded[index(some)], where, particles)
        advance(len(some))
    return Parts(missing, error, whole.log_prob - missing, np.hypot(whole.error, error))


def _states(model: Askable, rows: Rows, may_miss: list[int]) -> NDArray[np.int64]:
    """Return which entries that may be missing are, (n, len(may_miss))."""
    codes, known = rows.codes.numpy(), rows.mask.numpy()
    gaps = np.array([model.variables.block_of(d).missing_code for d in may_miss])
    found = np.where(codes[:, may_miss] == gaps, _MISSING, _RECORDED)
    return np.where(known[:, may_miss], found, _UNKNOWN).astype(np.int64)


def _of_pattern(model: Askable, rows: Rows, where: dict[str, Any], particles: int) -> tuple[Floats, Floats]:
    """Return log P(the conditions) and its error, for rows that differ in their context alone."""
    question = Query.of(model, "auto", None, 0, particles, MAX_STATES, where)
    some = rows[:1] if rows.context is None else rows
    nothing = replace(
        some,
        codes=torch.zeros_like(some.codes),
        known=torch.zeros_like(some.codes, dtype=torch.bool),
        bodies=None if some.bodies is None else torch.zeros_like(some.bodies),
        scores=None,
        labels=None,
    )
    parts = [
        question.evidence(question.under_conditions(part), np.zeros(len(part), dtype=np.int64))
        for part in nothing.batches(_ROWS_AT_ONCE)
    ]
    log_prob = np.concatenate([part.log_prob for part in parts])
    return log_prob, np.concatenate([part.error for part in parts])
