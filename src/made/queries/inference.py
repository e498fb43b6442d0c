"""Inference from incomplete rows: the log evidence of what is given, and completions of the rest.

Under one mask, let the given variables be G. Unknown variables that come after all of G in the ordering do
not matter for p(x_G): what they add integrates to 1. If there are no others, one pass gives p(x_G) exactly.
If the others have few states, their sum is exact as well; one or two numbers among them are integrated over,
see `quadrature`. Otherwise particles are sampled along the ordering, and the weight of a particle is how
probable it makes what is given:

    p(x_G) = E[ product over g in G of p(x_g | the variables before it) ]

A condition, x_d in a region, is evidence of mass F(region | the variables before it): it weighs a particle,
and x_d is drawn inside the region.

In a mixture p(x_G) is the mean over masks, and the conditional p(x_U | x_G) weighs mask k by its posterior
weight, proportional to p(x_G | mask k).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from made.masks.ordering import IntArray
from made.queries.density import BoolArray, Density, Floats, States
from made.queries.evidence import Evidence, refuse_impossible
from made.queries.quadrature import MOST_NUMBERS, integrate, log_evidence, n_nodes
from made.queries.results import Route
from made.queries.value_sets import ValueSet, value_sets
from made.support.errors import InputError
from made.support.uniforms import COMPLETIONS, PARTICLES, Stream
from made.variables.row_type import RowType
from made.variables.rows import Rows

__all__ = ["Inference", "index", "set_states"]

# Maximum number of codes of states and particles held in memory.
_CODES_AT_ONCE = 2**24
# An integral whose error may be larger than this, in nats, is estimated with particles instead.
_TOLERANCE = 0.01
# What the points of a grid that are left out may matter, in nats.
_CUT = 1e-5
# Particles where the one condition is that entries are recorded: it hardly moves the others.
_PARTICLES_OF_RECORDED = 100


@dataclass(frozen=True)
class _Work:
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

    def of(self, chosen: IntArray) -> _Work:
        """Return the same for some of the rows."""
        return _Work(
            self.rows[index(chosen)],
            self.numbers[chosen],
            self.routes[chosen],
            self.counts[chosen],
            self.between[chosen],
            self.is_integral[chosen],
            self.all_classes,
        )


@dataclass(frozen=True)
class _Posterior:
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
    def of_integrals(log_prob: Floats, error: Floats) -> _Posterior:
        """Return what is known where numbers were integrated over: no states to pick from."""
        routes = np.full(len(log_prob), int(Route.QUADRATURE))
        nothing = np.zeros((len(log_prob), 0), dtype=bool)
        return _Posterior(log_prob, error, np.full(len(log_prob), np.inf), routes, nothing, [], [])


class Inference:
    """Answers about incomplete rows, under masks that are made when needed.

    Parameters
    ----------
    variables : RowType
        What the columns are.
    density : callable
        Maps the number of a mask to its `Density`.
    masks : sequence of int
        The masks of the mixture.
    seed : int
        Of all particles and completions: row i has its own, whatever rows are asked about beside it.
    particles : int
        How many per row and mask where an answer is estimated.
    max_states : int
        Largest number of states to sum over.
    exact : bool
        Refuse to estimate.
    rows_per_batch : int
        How many rows go through the network at once.
    """

    def __init__(
        self,
        variables: RowType,
        density: Callable[[int], Density],
        masks: Sequence[int],
        *,
        seed: int = 0,
        particles: int = 1000,
        max_states: int = 4096,
        exact: bool = False,
        rows_per_batch: int = 4096,
    ) -> None:
        self.variables = variables
        self.density = density
        self.masks = list(masks)
        self.seed = seed
        self.particles = particles
        self.max_states = max_states
        self.exact = exact
        self.rows_per_batch = rows_per_batch
        self._unseen = np.array([block.unseen or 0.0 for _, block in variables.columns()])

    def evidence(
        self,
        rows: Rows,
        numbers: IntArray | None = None,
        *,
        integrates: bool = False,
        all_classes: bool = False,
    ) -> Evidence:
        """Return how probable what is given in each row is, and meets its conditions.

        Parameters
        ----------
        rows : Rows
            Incomplete rows, with their context.
        numbers : (n,) int array, optional
            Which stream of random numbers each row has; 0..n-1 by default.
        integrates : bool
            Integrate over unknown numbers, instead of drawing particles that completions can be picked from.
        all_classes : bool
            Given, too, that no unknown entry is a label that is no class.
        """
        numbers = np.arange(len(rows)) if numbers is None else numbers
        shape = (len(self.masks), len(rows))
        log_prob, error, ess = np.zeros(shape), np.zeros(shape), np.full(shape, np.inf)
        routes = np.zeros(shape, dtype=np.int64)
        for i, k in enumerate(self.masks):
            own = self._posteriors(
                self.density(k), rows, numbers, integrates=integrates, all_classes=all_classes
            )
            for chosen, found in own:
                log_prob[i, chosen], error[i, chosen] = found.log_prob, found.error
                ess[i, chosen], routes[i, chosen] = found.ess, found.routes
        total = np.logaddexp.reduce(log_prob, axis=0)
        with np.errstate(invalid="ignore"):
            weights = np.where(np.isneginf(total), 1 / len(self.masks), np.exp(log_prob - total))
        with np.errstate(divide="ignore", invalid="ignore"):  # all exact: the effective number is infinite
            together = 1 / np.where(weights > 0, weights**2 / ess, 0).sum(axis=0)
        return Evidence(
            log_prob=total - np.log(len(self.masks)),
            error=np.sqrt(((weights * error) ** 2).sum(axis=0)),
            ess=np.where(np.isneginf(total), ess.min(axis=0), together),
            routes=routes.max(axis=0),
            mask_weights=weights,
        )

    def complete(
        self, rows: Rows, evidence: Evidence, numbers: IntArray, each: int = 1, first: int = 0
    ) -> States:
        """Sample completions from the conditional joint distribution of what is unknown.

        Exact where the evidence is; else one of the weighted particles is picked: their distribution tends
        to the conditional as their number grows.

        Parameters
        ----------
        rows : Rows
            As for `evidence`.
        evidence : Evidence
            Of these rows.
        numbers : (n,) int array
            Streams of the rows, as for `evidence`.
        each, first : int
            How many completions per row, and the number of the first: number j is the same however many are
            asked for.

        Returns
        -------
        States
            Those of a row follow one another: codes are (n * each, D).
        """
        refuse_impossible(evidence, numbers)
        n, n_variables = rows.codes.shape
        out = States.of(rows.repeat(each))
        # Per completion: one uniform per variable, one for the mask, one for the state.
        u = _stream((self.seed, COMPLETIONS), numbers, each, n_variables + 2, first)
        u = u.reshape(n, each, n_variables + 2)
        weights = evidence.mask_weights
        if len(self.masks) > 1 and self.variables.has_unseen:  # a completion has classes alone
            weights = self.evidence(rows, numbers, all_classes=True).mask_weights
        cumulated = np.cumsum(weights, axis=0)  # (K, n)
        mask_of = (u[:, :, n_variables, None] >= (cumulated / cumulated[-1]).T[:, None, :-1]).sum(axis=2)
        for i, k in enumerate(self.masks):
            if (mask_of == i).any():
                self._complete_under(self.density(k), rows, numbers, mask_of == i, u, out)
        return out

    def _complete_under(
        self, density: Density, rows: Rows, numbers: IntArray, chosen: BoolArray, u: Floats, out: States
    ) -> None:
        """Fill in the chosen completions, (n, each), of `out` under one mask."""
        n_variables, each = self.variables.n_variables, chosen.shape[1]
        fixed = np.zeros(out.codes.shape, dtype=bool)
        wanted = np.flatnonzero(chosen.any(axis=1))
        some = rows[index(wanted)], numbers[wanted]
        for own, found in self._posteriors(density, *some, all_classes=True):
            for row, states, weights, known in zip(
                wanted[own], found.states, found.weights, found.fixed, strict=True
            ):
                cumulated = np.cumsum(weights)
                state = np.searchsorted(cumulated / cumulated[-1], u[row, chosen[row], -1], side="right")
                places = row * each + np.flatnonzero(chosen[row])
                out[places] = states[np.minimum(state, len(states) - 1)]
                fixed[places] = known
        owners, picks = np.nonzero(chosen)
        for part in _groups(np.full(len(owners), n_variables), _CODES_AT_ONCE):
            i, j = owners[part], picks[part]
            at = i * each + j
            if not fixed[at].all():
                begun = out[at].rows(rows[index(i)], fixed[at])
                out[at] = density.sample(u[i, j, :n_variables], begun)

    def log_prob(self, rows: Rows) -> Floats:
        """Return log p of complete rows, (n,) in nats."""
        by_mask = [self._scores(self.density(k), rows) for k in self.masks]
        total: Floats = np.logaddexp.reduce(by_mask, axis=0) - np.log(len(self.masks))
        return total

    def _posteriors(
        self,
        density: Density,
        rows: Rows,
        numbers: IntArray,
        *,
        integrates: bool = False,
        all_classes: bool,
    ) -> Iterator[tuple[IntArray, _Posterior]]:
        """Yield the posteriors of the rows in groups of bounded memory, with the places of each group."""
        sets = value_sets(self.variables, rows.regions, with_unseen=not all_classes)
        how = {"integrates": integrates, "all_classes": all_classes}
        work = self._work(density, rows, numbers, sets, **how)
        integrals = np.flatnonzero(work.is_integral)
        if len(integrals):
            some, between = rows[index(integrals)], work.between[integrals]
            log_prob, error = integrate(density, some, between, sets, self.rows_per_batch)
            accurate = error <= _TOLERANCE
            yield integrals[accurate], _Posterior.of_integrals(log_prob[accurate], error[accurate])
            work.routes[integrals[~accurate]] = int(Route.PARTICLES)
            work.counts[integrals[~accurate]] = self.particles
        if self.exact:
            self._refuse_estimates(work, sets)
        others = np.flatnonzero(~work.is_integral | (work.routes == Route.PARTICLES))
        for chosen in _groups(work.counts[others] * self.variables.n_variables, _CODES_AT_ONCE):
            yield others[chosen], self._posterior(density, work.of(others[chosen]), sets)

    def _work(
        self,
        density: Density,
        rows: Rows,
        numbers: IntArray,
        sets: Sequence[ValueSet],
        *,
        integrates: bool,
        all_classes: bool,
    ) -> _Work:
        """Return how each row can be answered."""
        known, given, regions = _known(rows), _given(rows), rows.regions or {}
        between = ~known & (density.ranks < _last(given, density.ranks)[:, None])
        has_nodes = np.array([own.has_nodes for own in sets])
        sizes = np.where(between, np.array([float(len(own)) for own in sets]), 1.0)
        n_numbers = (between & has_nodes).sum(axis=1)
        with np.errstate(divide="ignore", over="ignore"):  # more than a float can count are too many
            n_states = np.exp(np.log(sizes).sum(axis=1)).round()
            # Atoms stand beside the nodes of a number.
            with_nodes = np.exp(np.log(np.where(between & has_nodes, sizes + 1, sizes)).sum(axis=1))
        can_sum = (n_numbers == 0) & (n_states <= self.max_states)
        with_nodes = with_nodes * n_nodes(np.minimum(n_numbers, MOST_NUMBERS))
        can_integrate = (n_numbers > 0) & (n_numbers <= MOST_NUMBERS) & (with_nodes <= self.max_states)
        is_integral = can_integrate & integrates
        routes = np.where(can_sum, int(Route.SUMMED), int(Route.PARTICLES))
        routes = np.where(between.any(axis=1), routes, int(Route.ORDERED))
        is_cut = (between & np.array([own.is_cut for own in sets])).any(axis=1)
        routes = np.where(is_integral | (is_cut & can_sum), int(Route.QUADRATURE), routes)
        counts = np.where(routes == Route.PARTICLES, self.particles, n_states).astype(np.int64)
        # Where nothing else needs particles.
        strict = [d for d, own in regions.items() if not own.is_recorded]
        n_strict = (~known[:, strict]).sum(axis=1)
        hidden = (~known & (density.ranks < _last(known, density.ranks)[:, None])).any(axis=1)
        few = (n_strict == 0) & ~hidden & (routes == Route.PARTICLES)
        counts[few] = min(self.particles, _PARTICLES_OF_RECORDED)
        return _Work(rows, numbers, routes, counts, between, is_integral, all_classes)

    def _refuse_estimates(self, work: _Work, sets: Sequence[ValueSet]) -> None:
        estimated = np.flatnonzero(work.routes == Route.PARTICLES)
        if len(estimated):
            row = estimated[0]
            unknown = np.flatnonzero(work.between[row]).tolist()
            n_states = math.prod(len(sets[d]) for d in unknown)
            is_few = n_states < 10**15 and not any(sets[d].has_nodes for d in unknown)
            raise InputError(
                f"row {work.numbers[row]} has no exact answer: {len(unknown)} unknown variables come before "
                f"its last given one, {f'{n_states:,}' if is_few else 'too many'} states; raise max_states, "
                "or estimate (method='auto')"
            )

    def _posterior(self, density: Density, work: _Work, sets: Sequence[ValueSet]) -> _Posterior:
        """Score the states of all rows as one table, and split the scores by row."""
        counts, known = work.counts, _known(work.rows)
        estimated = work.routes == Route.PARTICLES
        owner = np.repeat(np.arange(len(counts)), counts)
        ends = np.cumsum(counts)
        states = States.of(work.rows)[owner]
        for i in np.flatnonzero(np.isin(work.routes, [Route.SUMMED, Route.QUADRATURE])):
            set_states(states, slice(ends[i] - counts[i], ends[i]), np.flatnonzero(work.between[i]), sets)
        particles = np.flatnonzero(estimated[owner])
        if len(particles):
            key = (self.seed, PARTICLES, density.number)
            u = _stream(key, work.numbers[estimated], counts[estimated], self.variables.n_variables)
            begun = work.rows[index(owner[particles])]
            if self.variables.has_unseen and not work.all_classes:
                begun, u = self._with_unseen(begun, u)
            states[particles] = density.sample(u, begun)
        # A state of a sum counts with all up to the last known variable, a particle with what is known.
        counted = np.where(estimated[:, None], known, known | work.between)
        scores = self._scores(density, states.rows(work.rows[index(owner)], counted[owner]))
        parts = [scores[end - count : end] for end, count in zip(ends, counts, strict=True)]
        totals = np.array([np.logaddexp.reduce(part) for part in parts])
        with np.errstate(invalid="ignore"):
            weights = [np.exp(p - t) for p, t in zip(parts, totals, strict=True)]
            squares = np.array([(w**2).sum() for w in weights])
        ess = np.where(estimated, np.where(np.isneginf(totals), 0, 1 / squares), np.inf)
        # The relative variance of a mean of S weights is (S / ESS - 1) / (S - 1).
        spread = np.maximum(counts / np.maximum(ess, 1e-300) - 1, 0) / np.maximum(counts - 1, 1)
        return _Posterior(
            log_prob=totals - np.where(estimated, np.log(counts), 0),
            error=np.where(estimated, np.sqrt(spread), (work.routes == Route.QUADRATURE) * _CUT),
            ess=ess,
            routes=work.routes,
            fixed=counted | estimated[:, None],
            states=[states[end - count : end] for end, count in zip(ends, counts, strict=True)],
            weights=weights,
        )

    def _with_unseen(self, rows: Rows, u: Floats) -> tuple[Rows, Floats]:
        """Draw which unknown entries are labels that are no class; what is left of uniforms draws classes.

        Conditions are met by classes alone.
        """
        unknown = ~_known(rows)
        unknown[:, list(rows.regions or ())] = False
        drawn = unknown & (u < self._unseen)
        codes = np.where(drawn, self.variables.n_values, rows.codes.cpu().numpy())
        rest = np.where(unknown & ~drawn, (u - self._unseen) / (1 - self._unseen), u)
        known = torch.from_numpy(_known(rows) | drawn)
        return replace(rows, codes=torch.from_numpy(codes), known=known.to(rows.codes.device)), rest

    def _scores(self, density: Density, rows: Rows) -> Floats:
        """Return log p of what is given in each row, (n,), in batches."""
        parts = [log_evidence(density, part) for part in rows.batches(self.rows_per_batch)]
        scores: Floats = np.concatenate([np.zeros(0), *parts])
        if np.isnan(scores).any():
            raise InputError("the log-probabilities of this model are not finite: its weights are damaged")
        return scores


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


def _known(rows: Rows) -> BoolArray:
    known: BoolArray = rows.mask.cpu().numpy()
    return known


def _given(rows: Rows) -> BoolArray:
    """Return which entries are known or under a condition."""
    given: BoolArray = _known(rows).copy()
    given[:, list(rows.regions or ())] = True
    return given


def _last(which: BoolArray, ranks: IntArray) -> IntArray:
    """Return the largest rank of these entries of each row; 0 where there is none."""
    last: IntArray = np.where(which, ranks, 0).max(axis=1)
    return last


def _stream(key: tuple[int, ...], rows: IntArray, each: int | IntArray, width: int, first: int = 0) -> Floats:
    """Return uniforms (sum of each, width): lines first, first + 1, ... of the stream of each row."""
    blocks, counts = -(-width // 4), np.broadcast_to(each, len(rows)).tolist()
    lines = [
        Stream(*key, int(row), skip=first * blocks).take(n * blocks * 4)
        for row, n in zip(rows, counts, strict=True)
    ]
    return np.concatenate([np.zeros(0), *lines]).reshape(-1, blocks * 4)[:, :width]


def _groups(costs: IntArray, limit: int) -> Iterator[IntArray]:
    """Cut rows into runs whose costs sum to at most the limit, or that are a single row."""
    total = np.cumsum(costs)
    first = 0
    while first < len(costs):
        before = total[first] - costs[first]
        end = max(int(np.searchsorted(total, before + limit, side="right")), first + 1)
        yield np.arange(first, end)
        first = end
