"""What is given as evidence: out of a data frame, and rows drawn from what follows from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from made.masks.ordering import IntArray
from made.queries.constrained import Draw
from made.queries.density import Askable, Floats, States
from made.queries.evidence import Evidence
from made.queries.query import MAX_STATES, N_PARTICLES, Query, encoded_given
from made.queries.reach import Reach
from made.queries.work import index
from made.support.errors import InputError
from made.variables import frames
from made.variables.conditions import Where
from made.variables.rows import Rows, RowsLike
from made.variables.schema import Schema

__all__ = ["draw_given", "evidence_given", "from_frame", "sample_given"]

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
    tails: bool = False,
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
    where, seed, mask, context, first, tails
        As for `MADE.sample`.

    Examples
    --------
    >>> import made
    >>> sample_given(made.MADE(made.Bernoulli(3), hidden=(8,)), 2, {1: 1}, seed=0).codes[:, 1]
    tensor([1, 1], dtype=torch.uint8)
    """
    question, rows, is_shared = _asked(model, n, given, where, seed, mask, context)
    if is_shared:
        numbers, each, number = np.zeros(len(rows), dtype=np.int64), n, first
    else:
        numbers, each, number = np.arange(first, first + n), 1, 0
    reach = None if tails else Reach.of(model, rows)
    states, _, evidence = question.complete(rows, "draw", numbers, each, number, reach=reach)
    evidence.warn_if_poor()
    return _drawn(model, rows, states, each)


def draw_given(
    model: Askable,
    n: int,
    given: Mapping[Any, Any] | RowsLike | None,
    *,
    where: Where | None = None,
    seed: int = 0,
    mask: int | Sequence[int] | None = None,
    context: ArrayLike | Tensor | None = None,
    first: int = 0,
) -> tuple[Draw, Reach | None]:
    """Return what draws such rows from uniforms, and what their numbers keep to.

    D + 2 uniforms for each: any of the n, as often as is asked for.
    """
    question, rows, is_shared = _asked(model, n, given, where, seed, mask, context)
    to_warn = [True]

    def draw(places: IntArray, uniforms: Floats, each: int) -> Rows:
        if is_shared:
            own, numbers, each = rows, np.zeros(len(rows), dtype=np.int64), len(uniforms)
        else:
            own, numbers = rows[index(places)], first + places
        states, _, evidence = question.complete(own, "draw", numbers, each, uniforms=uniforms)
        if to_warn:
            to_warn.clear()
            evidence.warn_if_poor()
        return _drawn(model, own, states, each)

    return draw, Reach.of(model, rows)


def _asked(
    model: Askable,
    n: int,
    given: Mapping[Any, Any] | RowsLike | None,
    where: Where | None,
    seed: int,
    mask: int | Sequence[int] | None,
    context: ArrayLike | Tensor | None,
) -> tuple[Query, Rows, bool]:
    """Return the question, the rows that it is about, and whether one row is for all n."""
    is_recorded = given is not None
    given, context = from_frame(model.schema, given, context)
    features = model.context.rows(context, n)
    rows = encoded_given(model, {} if given is None else given)
    if len(rows) not in (1, n):
        raise InputError(f"given holds {len(rows)} rows: one for all {n} rows to draw, or one each")
    # One thing given for all rows needs one answer; rows with their own are asked about one by one.
    # Of a single column one entry per row, else one row; see `Context.rows`.
    is_column = n > 1 and model.context.n_columns == 1 and np.shape(context) == (n,)
    is_shared = not (_has_rows(given) or _has_rows(context) or is_column)
    particles = _PARTICLES_FOR_MANY if is_shared else N_PARTICLES
    question = Query.of(model, "auto", mask, seed, particles, MAX_STATES, where, recorded=is_recorded)
    rows = question.under_conditions(rows)
    if is_shared:
        return question, replace(rows[: min(n, 1)], context=None if features is None else features[:1]), True
    return question, replace(rows if len(rows) == n else rows.repeat(n), context=features), False


def _drawn(model: Askable, rows: Rows, states: States, each: int) -> Rows:
    """Return completions, `each` of every row, as the model has rows."""
    found = states.rows(Rows(rows.codes, bodies=rows.bodies)).to(model.device)
    labels = None if rows.labels is None else np.repeat(rows.labels, each, axis=0)
    return replace(found, codes=found.codes.to(model.variables.dtype), labels=labels)


def evidence_given(
    model: Askable,
    given: Mapping[Any, Any] | None,
    *,
    where: Where | None = None,
    seed: int = 0,
    mask: int | Sequence[int] | None = None,
    context: ArrayLike | Tensor | None = None,
) -> Evidence:
    """Return how probable what is given is: what rows that `sample_given` draws rest on, of one row.

    Parameters
    ----------
    model, given, where, seed, mask, context
        As for `sample_given`.

    Examples
    --------
    >>> import made
    >>> evidence_given(made.MADE(made.Bernoulli(3), hidden=(8,)), {1: 1}).log_prob.round(3)
    array([-0.693])
    """
    question, rows, _ = _asked(model, 1, given, where, seed, mask, context)
    return question.complete(rows, "draw", np.zeros(1, dtype=np.int64))[2]


def from_frame(schema: Schema, given: Any, context: Any) -> tuple[Any, Any]:
    """Return what is given and its context, out of a frame as arrays in the order of the schema."""
    if not frames.is_frame(given):
        return given, context
    values, own = schema.table_of(schema.with_absent(given))
    return values, own if context is None else context


def _has_rows(given: Any) -> bool:
    """Return whether something given comes in rows, and is not one for all."""
    if isinstance(given, Rows):
        return len(given) > 1
    if given is None or isinstance(given, Mapping):
        return False
    return len(np.shape(given)) > 1
