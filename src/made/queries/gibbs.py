"""Unknown entries redrawn one at a time, each given all other entries of its row: Gibbs sampling.

Where much is unknown before the last known entry of an ordering, few weighted completions carry all the
weight. Chains go on from some of these: every unknown entry is redrawn once from p(x_d | all other entries)
of the mixture of all masks, see `given_rest`, for which no ordering matters. Means are made of these
distributions, not of the values drawn from them (Rao-Blackwellization; Gelfand and Smith 1990), so that few
chains say much; completions are where chains end. A second sweep was not worth its time where it was tried.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from made.masks.ordering import IntArray
from made.queries.density import Askable, BoolArray, Floats, States
from made.queries.entry_distribution import Distribution
from made.queries.given_rest import are_listed, few_given_rest
from made.queries.modes import likeliest
from made.queries.query import Query
from made.queries.results import Route
from made.queries.value_sets import value_sets
from made.queries.work import index, uniforms_of
from made.support.uniforms import CHAINS, OFFSETS
from made.variables.numeric import Numeric
from made.variables.rows import Rows

__all__ = [
    "AT_ONCE",
    "FEWEST",
    "N_CHAINS",
    "Redrawn",
    "can_be_redrawn",
    "redraw_draws",
    "redraw_modes",
    "redrawn",
]

#: Where the effective number of completions is smaller, chains go on from them.
FEWEST = 16.0
#: Chains of a row, for its means, and how many chains go on together.
N_CHAINS, AT_ONCE = 4, 128
# Of how many values an entry is redrawn, where there are many.
_N_VALUES = 16
# Rows that the network may score for the chains of one; images of many masks take a hundred times as much.
_MOST_WORK = 2**15


class Redrawn(NamedTuple):
    """What an unknown column may be, by row: the distributions of all chains together.

    Attributes
    ----------
    variable : int
        The column.
    places : (m,) int array
        The rows of which it is unknown.
    codes, bodies : (m, S) int64 arrays
        Values as a model has them.
    weights : (m, S) float64 array
        Sum to 1 in each row.
    """

    variable: int
    places: IntArray
    codes: IntArray
    bodies: IntArray
    weights: Floats


def can_be_redrawn(
    model: Askable, rows: Rows, masks: int | Sequence[int] | None, n_chains: int = N_CHAINS
) -> BoolArray:
    """Return which rows may have `n_chains` chains each, (n,).

    None if some masks of the model are left out; else those whose number of unknown entries is affordable.
    """
    if set(model.chosen_masks(masks)) != set(model.chosen_masks(None)):
        return np.zeros(len(rows), dtype=bool)
    sizes = [
        len(own) if are_listed(own) else _N_VALUES for own in value_sets(model.variables, rows.regions or {})
    ]
    each = n_chains * len(model.mask_counts()) * np.array(sizes)
    affordable: BoolArray = ~rows.mask.cpu().numpy() @ each <= _MOST_WORK
    return affordable


def redrawn(model: Askable, rows: Rows, starts: States) -> Iterator[Redrawn]:
    """Run the chains of incomplete rows, and yield the distribution of each unknown column.

    The uniforms are the same for all rows, so that an answer depends on its row alone.

    Parameters
    ----------
    model : MADE
        Asked, all its masks together.
    rows : Rows
        n rows with unknown entries, and conditions on these, if any; few enough for the values of 4 n entries
        to be held.
    starts : States
        (n * N_CHAINS) completions of them; those of a row follow one another. They are changed.
    """
    u = np.random.default_rng(0).random((rows.codes.shape[1], N_CHAINS + 1))
    picks = np.tile(u[:, :N_CHAINS].T, (len(rows), 1))
    for d, which, own in _sweep(model, rows.repeat(N_CHAINS), starts, picks, u[:, -1]):
        yield _together(d, which, own)


def redraw_draws(
    question: Query, rows: Rows, draws: States, routes: IntArray, ess: Floats, numbers: IntArray
) -> None:
    """Let chains go on from the draws of rows that few particles are behind.

    Parameters
    ----------
    question : Query
        Not one with what is given first. Nothing changes if it leaves out masks of the model.
    rows : Rows
        n rows, with their conditions.
    draws : States
        (n * each) completions of them, which change; those of a row follow one another.
    routes, ess : (n,) arrays
        Of the evidence of each; the routes of these rows change.
    numbers : (n,) int array
        Which stream of random numbers each row has.
    """
    poor = _poor(question, rows, ess, 1)
    routes[poor] = int(Route.REDRAWN)
    each, n_variables, seed = len(draws) // max(len(rows), 1), rows.codes.shape[1], question.settings["seed"]
    offsets = uniforms_of((seed, OFFSETS), np.zeros(1, dtype=np.int64), each, n_variables)
    for j in range(each):
        for first in range(0, len(poor), AT_ONCE):
            some = poor[first : first + AT_ONCE]
            own = draws[some * each + j]
            picks = uniforms_of((seed, CHAINS), numbers[some], 1, n_variables, j)
            for _ in _sweep(question.model, rows[index(some)], own, picks, offsets[j]):
                pass
            draws[some * each + j] = own


def redraw_modes(
    question: Query, rows: Rows, modes: States, routes: IntArray, ess: Floats, numbers: IntArray
) -> None:
    """Give rows that few particles are behind the value of each variable that is most probable by chains.

    Parameters are those of `redraw_draws`; `modes` are a completion of each row.
    """
    poor = _poor(question, rows, ess, N_CHAINS)
    routes[poor] = int(Route.REDRAWN)
    variables = question.model.variables
    for first in range(0, len(poor), AT_ONCE // N_CHAINS):
        at = poor[first : first + AT_ONCE // N_CHAINS]
        some = rows[index(at)]
        starts, _, _ = question.complete(some, "draw", numbers[at], N_CHAINS)
        for found in redrawn(question.model, some, starts):
            block = variables.block_of(found.variable)
            for row, *values in zip(at[found.places], found.codes, found.bodies, found.weights, strict=True):
                code, body = likeliest(block, *values)
                modes.codes[row, found.variable] = code
                if isinstance(block, Numeric) and variables.numbers is not None:
                    modes.bodies[row, variables.numbers.number_of(found.variable)] = body


def _poor(question: Query, rows: Rows, ess: Floats, n_chains: int) -> IntArray:
    """Return the numbers of the rows that few particles are behind, where chains can go on from them."""
    has_chains = can_be_redrawn(question.model, rows, question.mask, n_chains)
    return np.flatnonzero((ess < FEWEST) & has_chains)


def _sweep(
    model: Askable, rows: Rows, states: States, picks: Floats, offsets: Floats
) -> Iterator[tuple[int, IntArray, Distribution]]:
    """Redraw every unknown entry of rows, column by column: `states` change.

    Uniforms (n, D) pick the values, and (D,) are where the quantiles lie that are picked among. Yields the
    column, the rows of which it is unknown, and what it was drawn from.
    """
    unknown = ~rows.mask.cpu().numpy()
    regions = rows.regions or {}
    sets = value_sets(model.variables, regions)
    like = replace(rows, known=None, regions=None, recorded=False, scores=None)
    for d in np.flatnonzero(unknown.any(axis=0)).tolist():
        which = np.flatnonzero(unknown[:, d])
        complete = states[which].rows(like[index(which)])
        quantiles = (np.arange(_N_VALUES) + offsets[d]) / _N_VALUES
        own = few_given_rest(model, complete, d, sets[d], regions.get(d), quantiles)
        cumulated = np.cumsum(own.weights, axis=1)
        drawn = picks[which, d, None] * cumulated[:, -1:]
        pick = (cumulated <= drawn).sum(axis=1).clip(max=own.weights.shape[1] - 1)
        at = np.arange(len(which))
        states.codes[which, d] = own.codes[at, pick]
        if (place := sets[d].place) is not None:
            states.bodies[which, place] = own.bodies[at, pick]
        yield d, which, own


def _together(d: int, which: IntArray, own: Distribution) -> Redrawn:
    """Return the distributions of the chains of each row as one."""
    n = len(which) // N_CHAINS
    codes, bodies = own.codes.reshape(n, -1), own.bodies.reshape(n, -1)
    return Redrawn(d, which[::N_CHAINS] // N_CHAINS, codes, bodies, own.weights.reshape(n, -1) / N_CHAINS)
