"""Rows with what is unknown filled in by its mean, and the interval that a number lies in."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from made.masks.ordering import IntArray
from made.queries.density import States
from made.queries.evidence import POOR, Evidence, refuse_impossible
from made.queries.query import Query
from made.queries.results import Route
from made.queries.weighted import Expected, expected
from made.queries.work import index
from made.support.errors import InputError
from made.variables.rows import Rows

__all__ = ["means_of"]


def means_of(
    question: Query, method: str, rows: Rows, numbers: IntArray, level: float
) -> tuple[States, IntArray, Evidence, Expected]:
    """Fill in the mean of numbers, to the nearest point of a grid or class, and the most probable class.

    Parameters
    ----------
    question : Query
        How to answer.
    method : str
        ``"auto"`` or ``"given-first"``.
    rows : Rows
        With unknown entries, under the conditions of the question.
    numbers : (n,) int array
        Of the rows, for messages.
    level : float
        The share of a distribution that an interval holds, in its middle.

    Returns
    -------
    states : States
        The completed rows.
    routes : (n,) int array
    evidence : Evidence
        Of what is known.
    found : Expected
        The means as they are, and the intervals.

    Raises
    ------
    InputError
        If the method is another, or the level is no share.
    """
    if method not in ("auto", "given-first"):
        raise InputError(
            f"a mean is found over weighted completions: leave method={method!r} out, or, for a model of "
            "several orderings, say 'given-first'"
        )
    if not 0 < level < 1:
        raise InputError(f"level is the share of an interval, between 0 and 1; got {level!r}")
    model = question.model
    masks = model.chosen_masks(question.mask)
    parts = [
        (chosen, expected(model, rows[index(chosen)], masks, level, fewest=POOR, groups=groups))
        for chosen, groups in question.groups_of(rows)
    ]
    found = _together(parts, len(rows), model.variables.n_variables)
    unknown = ~rows.mask.cpu().numpy()
    routes = np.where(unknown.any(axis=1), int(Route.WEIGHTED), int(Route.ORDERED))
    evidence = Evidence(found.log_prob, found.error, found.ess, routes, np.zeros((0, len(rows))))
    refuse_impossible(evidence, numbers)
    states = States.of(rows)
    states.codes[unknown] = found.codes[unknown]
    own = model.variables.numbers
    places = [] if own is None else list(zip(own.places.tolist(), own.columns, strict=True))
    for place, (d, column) in enumerate(places):
        at = np.flatnonzero(unknown[:, d])
        bodies = column.bodies_near(found.means[at, d])
        states.bodies[at, place], states.codes[at, d] = bodies, column.codes_of(bodies)
    return states, routes, evidence, found


def _together(parts: list[tuple[IntArray, Expected]], n: int, n_variables: int) -> Expected:
    """Join what is expected of groups of rows, in the order of the rows."""
    codes = np.zeros((n, n_variables), dtype=np.int64)
    means, low, high = np.full((3, n, n_variables), np.nan)
    log_prob, error, ess = np.zeros((3, n))
    found = Expected(codes, means, low, high, log_prob, error, ess)
    for chosen, own in parts:
        for field in fields(Expected):
            getattr(found, field.name)[chosen] = getattr(own, field.name)
    return found
