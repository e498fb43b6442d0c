"""Unknown entries redrawn one at a time, each given all other entries of its row: Gibbs sampling.

Where much is unknown before the last known entry of an ordering, few weighted completions carry all the
weight. Chains go on from some of these: every unknown entry is redrawn once from p(x_d | all other entries)
of the mixture of all masks, see `given_rest`, for which no ordering matters. Answers are made of these
distributions, not of the values drawn from them (Rao-Blackwellization; Gelfand and Smith 1990), so that few
chains say much. A second sweep was not worth its time where it was tried.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from made.masks.ordering import IntArray
from made.queries.density import Askable, BoolArray, Floats, States
from made.queries.entry_distribution import Distribution
from made.queries.given_rest import are_listed, few_given_rest
from made.queries.value_sets import value_sets
from made.queries.work import index
from made.variables.rows import Rows

__all__ = ["N_CHAINS", "Redrawn", "can_be_redrawn", "redrawn"]

#: Chains of a row.
N_CHAINS = 4
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


def can_be_redrawn(model: Askable, rows: Rows) -> BoolArray:
    """Return for which rows chains are affordable, (n,): not where very many entries are unknown."""
    sizes = [
        len(own) if are_listed(own) else _N_VALUES for own in value_sets(model.variables, rows.regions or {})
    ]
    each = N_CHAINS * len(model.mask_counts()) * np.array(sizes)
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
    unknown = np.repeat(~rows.mask.cpu().numpy(), N_CHAINS, axis=0)
    regions = rows.regions or {}
    sets = value_sets(model.variables, regions)
    like = replace(rows, known=None, regions=None, recorded=False, scores=None)
    u = np.random.default_rng(0).random((unknown.shape[1], N_CHAINS + 1))
    for d in np.flatnonzero(unknown.any(axis=0)).tolist():
        which = np.flatnonzero(unknown[:, d])
        complete = starts[which].rows(like[index(which // N_CHAINS)])
        quantiles = (np.arange(_N_VALUES) + u[d, -1]) / _N_VALUES
        own = few_given_rest(model, complete, d, sets[d], regions.get(d), quantiles)
        cumulated = np.cumsum(own.weights, axis=1)
        drawn = u[d, which % N_CHAINS, None] * cumulated[:, -1:]
        pick = (cumulated <= drawn).sum(axis=1).clip(max=own.weights.shape[1] - 1)
        at = np.arange(len(which))
        starts.codes[which, d] = own.codes[at, pick]
        if (place := sets[d].place) is not None:
            starts.bodies[which, place] = own.bodies[at, pick]
        yield _together(d, which, own)


def _together(d: int, which: IntArray, own: Distribution) -> Redrawn:
    """Return the distributions of the chains of each row as one."""
    n = len(which) // N_CHAINS
    codes, bodies = own.codes.reshape(n, -1), own.bodies.reshape(n, -1)
    return Redrawn(d, which[::N_CHAINS] // N_CHAINS, codes, bodies, own.weights.reshape(n, -1) / N_CHAINS)
