"""One fit without a comparison: of weighted rows, and of tables so small that a comparison takes too long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from made.model import MADE
from made.training.fit import fit
from made.training.held_out import set_apart
from made.tuning.candidates import Candidate, candidates
from made.tuning.pipeline import Pipeline
from made.variables.rows import Rows
from made.variables.schema import Schema

__all__ = ["fit_single"]


def fit_single(
    schema: Schema,
    rows: Rows,
    *,
    sample_weight: NDArray[np.float64] | None = None,
    seed: int = 0,
    steps: int | None = None,
    max_time: float | None = None,
) -> MADE:
    """Fit the likeliest candidate for some rows, and compare it with no other.

    The same arguments give the same model, unless the time is over before the fit is.

    Parameters
    ----------
    schema : Schema
        What the columns are.
    rows : Rows
        All of them known. A tenth is set apart to choose the epoch, unless there are fewer than 100 or the
        number of steps is given.
    sample_weight : (n,) array, optional
        A row of weight w counts as w rows.
    seed : int
        Of everything that is drawn.
    steps : int, optional
        About how many to take; by default as many as the candidate has.
    max_time : float, optional
        Stop after so many seconds.

    Examples
    --------
    >>> import made
    >>> schema = made.Schema.of_classes([2, 2])
    >>> model = fit_single(schema, schema.encode([[0, 0], [1, 1]] * 20), steps=100)
    >>> bool(model.log_prob([[1, 1]]) > -1)
    True
    """
    rows.check_complete()
    valid = None
    if steps is None:
        parts = set_apart(rows, sample_weight, seed=seed)
        rows, valid = cast("Rows", parts.train), cast("Rows | None", parts.valid)
        sample_weight = None if parts.sample_weight is None else np.asarray(parts.sample_weight)
    schema = schema.fitted(rows, sample_weight)
    # A model starts from rows that occur as often as they count.
    alike = rows if sample_weight is None else rows[torch.from_numpy(_drawn(sample_weight))]
    pipeline = Pipeline(schema, alike, valid, seed=seed)
    first = candidates(pipeline.facts if steps is None else replace(pipeline.facts, n_valid=len(rows)))[0]
    model, training = pipeline.prepare(first if steps is None else _shortened(first, len(rows), steps))
    held_out = False if valid is None else valid
    training |= {} if valid is not None else {"shrink": False}
    fit(model, rows, held_out, **training, sample_weight=sample_weight, max_time=max_time)
    return model


def _drawn(weight: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the numbers of n rows, each as often as its weight says, up to one."""
    cumulated, n = np.cumsum(weight), len(weight)
    places = np.searchsorted(cumulated, (np.arange(n) + 0.5) / n * cumulated[-1], side="right")
    drawn: NDArray[np.int64] = np.minimum(places, n - 1)
    return drawn


def _shortened(candidate: Candidate, n_rows: int, steps: int) -> Candidate:
    own: Mapping[str, Any] = candidate.training
    per_epoch = max(1, round(n_rows / own["batch_size"]))
    return replace(candidate, training={**own, "epochs": max(1, round(steps / per_epoch))})
