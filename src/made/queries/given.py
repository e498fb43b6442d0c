"""What is given as evidence: out of a data frame, and rows drawn from what follows from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from made.queries.density import Askable
from made.queries.evidence import Evidence
from made.queries.query import MAX_STATES, N_PARTICLES, Query, encoded_given
from made.support.errors import InputError
from made.variables import frames
from made.variables.conditions import Where
from made.variables.rows import Rows, RowsLike
from made.variables.schema import Schema

__all__ = ["evidence_given", "from_frame", "sample_given"]

# Number of particles where many rows given the same values are picked among them.
_PARTICLES_FOR_MANY = 10_000


def sample_given(
    model: Askable,
    n: int,
    given: Mapping[Any, Any] | RowsLike | None,
    *,
    where: Where | None = None,
    seed: int = 0,
    mask: int | Sequence[int] | None = None,
    context: ArrayLike | Tensor | None = None,
    first: int = 0,
) -> Rows:
    """Return n completions of what is given: what ``model.sample(n, given=...)`` draws.

    Parameters
    ----------
    model : MADE
        Draws them.
    n : int
        How many rows.
    given : mapping, array or data frame, optional
        ``{variable: value}`` or a row (D,) for all, or n rows (n, D).
    where, seed, mask, context, first
        As for `MADE.sample`.

    Examples
    --------
    >>> import made
    >>> sample_given(made.MADE(made.Bernoulli(3), hidden=(8,)), 2, {1: 1}, seed=0).codes[:, 1]
    tensor([1, 1], dtype=torch.uint8)
    """
    given, context = from_frame(model.schema, given, context)
    features = model.context.rows(context, n)
    rows = encoded_given(model, {} if given is None else given)
    if len(rows) not in (1, n):
        raise InputError(f"given holds {len(rows)} rows: one for all {n} rows to draw, or one each")
    # One thing given for all rows needs one answer; rows with their own are asked about one by one.
    is_shared = _is_shared(given, context, n)
    particles = _PARTICLES_FOR_MANY if is_shared else N_PARTICLES
    recorded = given is not None
    question = Query.of(model, "auto", mask, seed, particles, MAX_STATES, where, recorded=recorded)
    rows = question.under_conditions(rows)
    if is_shared:
        rows = replace(rows[: min(n, 1)], context=None if features is None else features[:1])
        numbers, each, number = np.zeros(len(rows), dtype=np.int64), n, first
    else:
        rows = replace(rows if len(rows) == n else rows.repeat(n), context=features)
        numbers, each, number = np.arange(first, first + n), 1, 0
    states, _, evidence = question.complete(rows, "draw", numbers, each, number)
    evidence.warn_if_poor()
    found = states.rows(Rows(rows.codes, bodies=rows.bodies)).to(model.device)
    labels = None if rows.labels is None else np.repeat(rows.labels, each, axis=0)
    return replace(found, codes=found.codes.to(model.variables.dtype), labels=labels)


def evidence_given(
    model: Askable, given: Mapping[Any, Any] | None, *, where: Where | None = None, seed: int = 0
) -> Evidence:
    """Return how probable what is given is: what rows that `sample_given` draws rest on, of one row.

    Parameters
    ----------
    model, given, where, seed
        As for `sample_given`.

    Examples
    --------
    >>> import made
    >>> evidence_given(made.MADE(made.Bernoulli(3), hidden=(8,)), {1: 1}).log_prob.round(3)
    array([-0.693])
    """
    recorded = given is not None
    question = Query.of(model, "auto", None, seed, _PARTICLES_FOR_MANY, MAX_STATES, where, recorded=recorded)
    rows = question.under_conditions(encoded_given(model, given or {}))
    return question.complete(rows, "draw", np.zeros(1, dtype=np.int64))[2]


def from_frame(schema: Schema, given: Any, context: Any) -> tuple[Any, Any]:
    """Return what is given and its context, out of a frame as arrays in the order of the schema."""
    if not frames.is_frame(given):
        return given, context
    values, own = schema.table_of(given)
    return values, own if context is None else context


def _is_shared(given: Any, context: Any, n: int) -> bool:
    """Return whether one thing is given for all n rows, under one row of context."""
    is_column = n > 1 and np.shape(context) == (n,)
    return not (_has_rows(given) or _has_rows(context) or is_column)


def _has_rows(given: Any) -> bool:
    """Return whether something given comes in rows, and is not one for all."""
    if isinstance(given, Rows):
        return len(given) > 1
    if given is None or isinstance(given, Mapping):
        return False
    return len(np.shape(given)) > 1
