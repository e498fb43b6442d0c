"""What an inference works on: the states to score for each row under one mask, and what they weigh."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from made.masks.ordering import IntArray
from made.queries.density import BoolArray, Floats, States
from made.queries.results import Route
from made.queries.value_sets import ValueSet
from made.support.uniforms import Stream
from made.variables.rows import Rows

__all__ = [
    "Kept",
    "Posterior",
    "Work",
    "given_entries",
    "groups",
    "index",
    "known_entries",
    "last_ranks",
    "set_states",
    "uniforms_of",
]


@dataclass(frozen=True)
class Work:
    """The states to score for some rows under one mask.

    Attributes
    ----------
    rows : Rows
    numbers : (n,) int array
        Streams of the rows.
    routes : (n,) int array
        `Route` of each row.
    counts : (n,) int array
        States to sum over, or particles to sample.
    between : (n, D) bool array
        Unknown entries that come before the last one that is known or under a condition.
    is_integral : (n,) bool array
        Which rows are integrated over.
    all_classes : bool
        No unknown entry is a label that is no class.
    """

    rows: Rows
    numbers: IntArray
    routes: IntArray
    counts: IntArray
    between: BoolArray
    is_integral: BoolArray
    all_classes: bool

    def of(self, chosen: IntArray) -> Work:
        """Return the same for some of the rows."""
        return Work(
            self.rows[index(chosen)],
            self.numbers[chosen],
            self.routes[chosen],
            self.counts[chosen],
            self.between[chosen],
            self.is_integral[chosen],
            self.all_classes,
        )


@dataclass(frozen=True)
class Posterior:
    """Weighted states of some rows under one mask; `fixed`, (n, D), is True where an entry counts.

    The other entries come after all that is known, and are still to be sampled.
    """

    log_prob: Floats
    error: Floats
    ess: Floats
    routes: IntArray
    fixed: BoolArray
    states: list[States]
    weights: list[Floats]

    @staticmethod
    def of_integrals(log_prob: Floats, error: Floats) -> Posterior:
        """Return what is known where numbers were integrated over: no states to pick from."""
        routes = np.full(len(log_prob), int(Route.QUADRATURE))
        nothing = np.zeros((len(log_prob), 0), dtype=bool)
        return Posterior(log_prob, error, np.full(len(log_prob), np.inf), routes, nothing, [], [])


@dataclass
class Kept:
    """Posteriors of one row, by mask, stream and how they were found.

    Attributes
    ----------
    rows : Rows
        The row.
    limit : int
        How many codes of states are kept at most.
    """

    rows: Rows
    limit: int
    found: dict[tuple[int, int, bool, bool], list[tuple[IntArray, Posterior]]] = field(default_factory=dict)
    n_codes: int = 0

    def keep(self, key: tuple[int, int, bool, bool], found: list[tuple[IntArray, Posterior]]) -> None:
        """Keep what was found, if it is not too much."""
        n_codes = sum(states.codes.size for _, own in found for states in own.states)
        if self.n_codes + n_codes <= self.limit:
            self.found[key], self.n_codes = found, self.n_codes + n_codes


def set_states(states: States, place: slice, unknown: IntArray, sets: Sequence[ValueSet]) -> None:
    """Give some variables of equal states every combination of the values in their sets.

    Parameters
    ----------
    states : States
        To write to.
    place : slice
        Which of them: as many as there are combinations.
    unknown : (m,) int array
        The variables.
    sets : sequence of D ValueSet
        Of all variables.
    """
    values = [sets[int(d)] for d in unknown]
    sizes = [len(own) for own in values]
    places = np.indices(sizes).reshape(len(values), math.prod(sizes))
    for d, own, at in zip(unknown, values, places, strict=True):
        states.codes[place, d] = own.codes[at]
        if own.place is not None:
            states.bodies[place, own.place] = own.bodies[at]


def index(rows: IntArray) -> Tensor:
    """Return the numbers of rows as `Rows` takes them."""
    return torch.from_numpy(rows)


def known_entries(rows: Rows) -> BoolArray:
    """Return which entries are known, (n, D)."""
    known: BoolArray = rows.mask.cpu().numpy()
    return known


def given_entries(rows: Rows) -> BoolArray:
    """Return which entries are known or under a condition."""
    given: BoolArray = known_entries(rows).copy()
    given[:, list(rows.regions or ())] = True
    return given


def last_ranks(which: BoolArray, ranks: IntArray) -> IntArray:
    """Return the largest rank of these entries of each row; 0 where there is none."""
    last: IntArray = np.where(which, ranks, 0).max(axis=1)
    return last


def uniforms_of(
    key: tuple[int, ...], rows: IntArray, each: int | IntArray, width: int, first: int = 0
) -> Floats:
    """Return uniforms (sum of each, width): lines first, first + 1, ... of the stream of each row.

    `rows` are the numbers of the rows, (n,) or (n, k): the last of the key.
    """
    blocks, counts = -(-width // 4), np.broadcast_to(each, len(rows)).tolist()
    keys = rows[:, None] if rows.ndim == 1 else rows
    lines = [
        Stream(*key, *row, skip=first * blocks).take(n * blocks * 4)
        for row, n in zip(keys.tolist(), counts, strict=True)
    ]
    return np.concatenate([np.zeros(0), *lines]).reshape(-1, blocks * 4)[:, :width]


def groups(costs: IntArray, limit: int) -> Iterator[IntArray]:
    """Cut rows into runs whose costs sum to at most the limit, or that are a single row."""
    total = np.cumsum(costs)
    first = 0
    while first < len(costs):
        before = total[first] - costs[first]
        end = max(int(np.searchsorted(total, before + limit, side="right")), first + 1)
        yield np.arange(first, end)
        first = end
