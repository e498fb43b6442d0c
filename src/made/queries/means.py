"""Rows with what is unknown filled in by its mean, and the interval that a number lies in."""

from __future__ import annotations

import numpy as np

from made.masks.ordering import IntArray
from made.queries.density import States
from made.queries.evidence import POOR, Evidence, refuse_impossible
from made.queries.query import Query
from made.queries.results import Route
from made.queries.weighted import Expected, expected
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
        Must be ``"auto"``: there is one way.
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
    if method != "auto":
        raise InputError(
            f"a mean is found in one way, over weighted completions: leave method={method!r} out"
        )
    if not 0 < level < 1:
        raise InputError(f"level is the share of an interval, between 0 and 1; got {level!r}")
    model = question.model
    masks = model.chosen_masks(question.mask)
    found = expected(model, rows, masks, level, fewest=POOR)
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
