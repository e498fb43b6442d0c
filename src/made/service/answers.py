"""What a model answers to requests, portion by portion, JSON-ready."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from made.model import MADE
from made.queries.given import evidence_given
from made.queries.numeric_conditional import NumericConditional
from made.queries.odd_entries import odd_entries
from made.queries.query import MAX_STATES, N_PARTICLES, Query
from made.queries.results import Answer, Conditional, Route
from made.runs.completions import intervals_of, values_beside
from made.service.context_row import context_names
from made.service.models import Served
from made.service.requests import CompleteRequest, Where
from made.service.tables import Objects, as_objects, encode_together, plain
from made.support.errors import InputError, PoorEstimateWarning
from made.variables.constraints import constraints_of
from made.variables.rows import Rows

__all__ = [
    "SHARES",
    "completions",
    "conditional",
    "how_drawn",
    "in_ordering",
    "known_of",
    "names_of",
    "odd",
    "ordering_of",
    "portions",
    "quantiles_of",
    "rows_at",
    "rows_of",
    "samples",
    "scores",
    "scores_together",
    "where_of",
]

Conditions = Sequence[str | Where]
Columns = dict[str, list[Any]]
Table = tuple[list[str], NDArray[Any]]
# Rows are answered in portions: other requests have their turn between two of them.
_ROWS_AT_ONCE = {"score": 2_048, "estimate": 16, "complete": 16, "mean": 4, "sample": 2_000, "odd": 4}
#: Shares whose quantiles of a number are sent.
SHARES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
# Points of the density of a number that are sent.
_MOST_POINTS = 201


def portions(n: int, what: str, *, each: int = 1) -> Iterator[slice]:
    """Yield the rows of each portion; an empty one, where there are none."""
    size = max(_ROWS_AT_ONCE[what] // each, 1)
    for first in range(0, max(n, 1), size):
        yield slice(first, min(first + size, n))


def scores(served: Served, rows: Rows, first: int = 0, *, particles: int = N_PARTICLES) -> Columns:
    """Return log p of rows, how it was found, and its percentile among held-out rows.

    Complete rows are scored exactly. Of others it is log p of what is known, whose particles are a function
    of the number of the row in its request.
    """
    model, n = served.model, len(rows)
    if rows.is_complete:
        log_prob = model.log_prob(rows).cpu().numpy()
        found = _exact(log_prob)
        if served.held_out is not None:
            found["percentile"] = plain(served.held_out.percentiles(log_prob))
        return found
    question = Query.of(model, "auto", None, 0, particles, MAX_STATES)
    evidence = question.evidence(rows, np.arange(n) + first)
    found = {
        "log_prob": plain(evidence.log_prob),
        "method": [str(Route(route).method) for route in evidence.routes.tolist()],
        "error": plain(evidence.error),
        "ess": plain(evidence.ess),
    }
    if served.held_out is not None:  # only log p of whole held-out rows is kept
        is_whole = rows.mask.all(dim=1).tolist()
        each = plain(served.held_out.percentiles(evidence.log_prob))
        found["percentile"] = [own if whole else None for own, whole in zip(each, is_whole, strict=True)]
    return found


def _exact(log_prob: NDArray[np.float64]) -> Columns:
    n = len(log_prob)
    return {"log_prob": plain(log_prob), "method": ["exact"] * n, "error": [0.0] * n, "ess": [None] * n}


def scores_together(served: Served, asked: Sequence[Objects]) -> list[Columns | Rows | InputError]:
    """Return the scores of the rows of several requests, found in one pass.

    Rows with unknown entries are returned encoded: what they take may be a thousand times as much. Of a
    request that does not fit the model it is what is wrong.
    """
    found: list[Columns | Rows | InputError] = [*encode_together(served.model, asked)]
    complete = {i: own for i, own in enumerate(found) if isinstance(own, Rows) and own.is_complete}
    if complete:
        whole, first = scores(served, Rows.cat(list(complete.values()))), 0
        for i, rows in complete.items():
            found[i] = {name: values[first : first + len(rows)] for name, values in whole.items()}
            first += len(rows)
    return found


def odd(served: Served, rows: Rows) -> Columns:
    """Return which entry of each row is odd, what was expected, and log p of each given all others."""
    table = odd_entries(served.model, rows).as_dict()
    return {name: plain(values) for name, values in table.items()}


def in_ordering(served: Served, rows: Rows, mask: int) -> Columns:
    """Return log p of each entry given those before it under one mask, as `NAME_given_before`."""
    model = served.model
    _check_mask(model, mask)
    if not rows.is_complete:
        raise InputError("in_ordering needs complete rows: fill those with unknown entries first")
    steps = model.log_prob(rows, per_variable=True, mask=mask).cpu().numpy()
    return {f"{own.name}_given_before": plain(steps[:, d]) for d, own in enumerate(model.schema.modelled)}


def ordering_of(model: MADE, mask: int) -> list[int]:
    """Return the ordering of a mask: the number of the variable at each place."""
    _check_mask(model, mask)
    return [int(d) for d in model.mask(mask).ordering]


def _check_mask(model: MADE, mask: int) -> None:
    if mask >= model.n_masks:
        raise InputError(f"there is no mask {mask}: this model has masks 0..{model.n_masks - 1}")


def names_of(model: MADE) -> list[str]:
    """Return the names of the columns of rows that the model draws and completes."""
    return [column.name for column in model.schema.modelled_table]


def samples(
    model: MADE,
    some: slice,
    seed: int,
    given: Mapping[str, Any] | None,
    where: Conditions,
    mask: int | None = None,
    context: NDArray[Any] | None = None,
) -> Table:
    """Return rows drawn: row i is a function of (seed, i); from one mask, or from the mixture of all."""
    asked: dict[str, Any] = {"given": known_of(model, given), "where": _alone(model, where)}
    rows = model.draw(some.stop - some.start, seed, mask, **asked, context=context, first=some.start)
    return names_of(model), model.schema.decode(rows)


def _alone(model: MADE, where: Conditions) -> list[Any] | None:
    """Return conditions as the model takes them, each on one column."""
    conditions = where_of(where)
    for between in constraints_of(model.schema, conditions)[1]:
        raise InputError(
            f"{between.text!r} is a condition between columns, for which rows are drawn in vain: made sample "
            "and Python meet such"
        )
    return conditions


def how_drawn(
    model: MADE,
    seed: int,
    given: Mapping[str, Any] | None,
    where: Conditions,
    mask: int | None = None,
    context: NDArray[Any] | None = None,
) -> dict[str, Any]:
    """Return how sure it is that rows drawn follow from what is given, and log p of that."""
    known, conditions = known_of(model, given), _alone(model, where)
    if known is None and conditions is None:
        return {"method": "exact", "error": 0.0, "ess": None, "log_prob": 0.0}
    evidence = evidence_given(model, known, where=conditions, seed=seed, mask=mask, context=context)
    return {
        "method": str(Route(int(evidence.routes[0])).method),
        "error": plain(evidence.error)[0],
        "ess": plain(evidence.ess)[0],
        "log_prob": plain(evidence.log_prob)[0],
    }


def known_of(model: MADE, given: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return what is given without what is unknown; None where that is nothing."""
    known = {name: value for name, value in (given or {}).items() if value is not None}
    of_context = context_names(model)
    for name in known:
        if name in of_context:
            raise InputError(f"given names {name!r}, on which this model is conditioned: put it in context")
    wrong = [name for name in known if name not in names_of(model)]
    if wrong:
        raise InputError(f"given names {wrong[0]!r}: the columns are {', '.join(names_of(model)[:20])}")
    return known or None


def completions(model: MADE, rows: Rows, asked: CompleteRequest, numbers: Any) -> tuple[Table, Columns]:
    """Return rows filled in, those of a row one after the other, and how each row's answer was found."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PoorEstimateWarning)
        answer: Answer = model.complete(
            rows,
            asked.kind,
            asked.number,
            level=asked.level,
            method=asked.method,
            seed=asked.seed,
            particles=asked.particles,
            first=numbers,
        )
    names = [*names_of(model), *(intervals_of(model) if asked.kind == "mean" else [])]
    found = {
        "log_prob": plain(answer.log_prob),
        "method": [str(method) for method in answer.method],
        "how": list(answer.how),
        "error": plain(answer.error),
        "ess": plain(answer.ess),
    }
    return (names, values_beside(model, answer)), found


def where_of(where: Conditions) -> list[Any] | None:
    """Return conditions as the model takes them: text, or a name with a condition."""
    return [own if isinstance(own, str) else (own.column, own.condition) for own in where] or None


def conditional(
    served: Served,
    variable: str,
    given: Mapping[str, Any] | None,
    where: Conditions,
    particles: int = N_PARTICLES,
    context: NDArray[Any] | None = None,
) -> dict[str, Any]:
    """Return the distribution of one column given others, beside how it was found.

    Of classes ``values`` and ``probabilities``; of a number ``atoms``, and ``values`` with ``masses`` on a
    grid or ``densities`` elsewhere, with its mean and quantiles. Given nothing it is found once, but for
    models with context.
    """
    known = known_of(served.model, given)
    if known or where or context is not None or particles != N_PARTICLES:
        return _conditional(served.model, variable, known, where, particles, context)
    key = ("conditional", variable)
    if key not in served.derived:
        served.derived[key] = _conditional(served.model, variable, None, (), particles)
    found: dict[str, Any] = served.derived[key]
    return found


def _conditional(
    model: MADE,
    variable: str,
    given: Mapping[str, Any] | None,
    where: Conditions,
    particles: int,
    context: NDArray[Any] | None = None,
) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PoorEstimateWarning)
        found = model.conditional(
            variable, given or {}, where=where_of(where), context=context, particles=particles
        )
    about = {
        "variable": variable,
        "method": str(found.method),
        "how": found.how,
        "ess": plain([found.ess])[0],
    }
    if isinstance(found, Conditional):
        return {
            "kind": "classes",
            **about,
            "values": plain(found.values),
            "probabilities": plain(found.probabilities),
            "error": plain(found.error),
        }
    return {"kind": "number", **about, **_of_number(found)}


def _of_number(found: NumericConditional) -> dict[str, Any]:
    at = np.arange(len(found.nodes))
    if len(at) > _MOST_POINTS and not found.is_grid:
        at = np.unique(np.linspace(0, len(at) - 1, _MOST_POINTS).round().astype(np.int64))
    return {
        "values": plain(found.nodes[at]),
        "masses" if found.is_grid else "densities": plain(found.heights[at]),
        "atoms": [{"value": value, "probability": p} for value, p in found.atoms.items()],
        "p_missing": found.p_missing,
        "mean": plain([found.mean])[0],
        "quantiles": quantiles_of(plain([found.quantile(share) for share in SHARES])),
        "error": found.error,
    }


def quantiles_of(values: Sequence[Any]) -> list[dict[str, Any]]:
    """Return quantiles at `SHARES` as they are sent."""
    return [{"share": share, "value": value} for share, value in zip(SHARES, values, strict=True)]


def rows_of(table: Table) -> list[dict[str, Any]]:
    """Return a table as objects."""
    return as_objects(*table)


def rows_at(rows: Rows, some: slice) -> Rows:
    """Return some rows."""
    return rows[torch.arange(some.start, some.stop)]
