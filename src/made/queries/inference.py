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
from dataclasses import replace

import numpy as np
import torch

from made.masks.ordering import IntArray
from made.queries.density import BoolArray, Density, Floats, States
from made.queries.evidence import Evidence, refuse_impossible
from made.queries.quadrature import MOST_NUMBERS, integrate, log_evidence, n_nodes
from made.queries.results import Route
from made.queries.value_sets import ValueSet, value_sets
from made.queries.work import (
    Kept,
    Posterior,
    Work,
    given_entries,
    groups,
    index,
    known_entries,
    last_ranks,
    set_states,
    uniforms_of,
)
from made.support.errors import InputError
from made.support.uniforms import COMPLETIONS, PARTICLES
from made.variables.row_type import RowType
from made.variables.rows import Rows

__all__ = ["Inference"]

# Maximum number of codes of states and particles held in memory.
_CODES_AT_ONCE = 2**24
# An integral whose error may be larger than this, in nats, is estimated with particles instead.
_TOLERANCE = 0.01
# What the points of a grid that are left out may matter, in nats.
_CUT = 1e-5
# Particles where the one condition is that entries are recorded: it hardly moves the others.
_PARTICLES_OF_RECORDED = 100


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
        self._kept: Kept | None = None

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
        self,
        rows: Rows,
        evidence: Evidence,
        numbers: IntArray,
        each: int = 1,
        first: int = 0,
        uniforms: Floats | None = None,
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
        uniforms : (n * each, D + 2) array, optional
            What decides them, in place of the streams of the rows.

        Returns
        -------
        States
            Those of a row follow one another: codes are (n * each, D).
        """
        refuse_impossible(evidence, numbers)
        n, n_variables = rows.codes.shape
        out = States.of(rows.repeat(each))
        # Per completion: one uniform per variable, one for the mask, one for the state.
        u = uniforms
        if u is None:
            u = uniforms_of((self.seed, COMPLETIONS), numbers, each, n_variables + 2, first)
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
        some = rows if len(wanted) == len(rows) else rows[index(wanted)]
        for own, found in self._posteriors(density, some, numbers[wanted], all_classes=True):
            for row, states, weights, known in zip(
                wanted[own], found.states, found.weights, found.fixed, strict=True
            ):
                cumulated = np.cumsum(weights)
                state = np.searchsorted(cumulated / cumulated[-1], u[row, chosen[row], -1], side="right")
                places = row * each + np.flatnonzero(chosen[row])
                out[places] = states[np.minimum(state, len(states) - 1)]
                fixed[places] = known
        owners, picks = np.nonzero(chosen)
        for part in groups(np.full(len(owners), n_variables), _CODES_AT_ONCE):
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
    ) -> Iterator[tuple[IntArray, Posterior]]:
        """Yield the posteriors of the rows in groups of bounded memory, with the places of each group.

        Those of a single row are kept: completions of it, drawn again and again, are picked among the same.
        """
        all_classes = all_classes or not self.variables.has_unseen
        how = {"integrates": integrates, "all_classes": all_classes}
        if len(rows) != 1:
            yield from self._found(density, rows, numbers, **how)
            return
        if self._kept is None or self._kept.rows is not rows:
            self._kept = Kept(rows, _CODES_AT_ONCE)
        key = density.number, int(numbers[0]), integrates, all_classes
        found = self._kept.found.get(key)
        if found is None:
            found = list(self._found(density, rows, numbers, **how))
            self._kept.keep(key, found)
        yield from found

    def _found(
        self, density: Density, rows: Rows, numbers: IntArray, *, integrates: bool, all_classes: bool
    ) -> Iterator[tuple[IntArray, Posterior]]:
        """Find what `_posteriors` yields."""
        sets = value_sets(self.variables, rows.regions, with_unseen=not all_classes)
        work = self._work(density, rows, numbers, sets, integrates=integrates, all_classes=all_classes)
        integrals = np.flatnonzero(work.is_integral)
        if len(integrals):
            some, between = rows[index(integrals)], work.between[integrals]
            log_prob, error = integrate(density, some, between, sets, self.rows_per_batch)
            accurate = error <= _TOLERANCE
            yield integrals[accurate], Posterior.of_integrals(log_prob[accurate], error[accurate])
            work.routes[integrals[~accurate]] = int(Route.PARTICLES)
            work.counts[integrals[~accurate]] = self.particles
        if self.exact:
            self._refuse_estimates(work, sets)
        others = np.flatnonzero(~work.is_integral | (work.routes == Route.PARTICLES))
        for chosen in groups(work.counts[others] * self.variables.n_variables, _CODES_AT_ONCE):
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
    ) -> Work:
        """Return how each row can be answered."""
        known, given, regions = known_entries(rows), given_entries(rows), rows.regions or {}
        between = ~known & (density.ranks < last_ranks(given, density.ranks)[:, None])
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
        hidden = (~known & (density.ranks < last_ranks(known, density.ranks)[:, None])).any(axis=1)
        few = (n_strict == 0) & ~hidden & (routes == Route.PARTICLES)
        counts[few] = min(self.particles, _PARTICLES_OF_RECORDED)
        return Work(rows, numbers, routes, counts, between, is_integral, all_classes)

    def _refuse_estimates(self, work: Work, sets: Sequence[ValueSet]) -> None:
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

    def _posterior(self, density: Density, work: Work, sets: Sequence[ValueSet]) -> Posterior:
        """Score the states of all rows as one table, and split the scores by row."""
        counts, known = work.counts, known_entries(work.rows)
        estimated = work.routes == Route.PARTICLES
        owner = np.repeat(np.arange(len(counts)), counts)
        ends = np.cumsum(counts)
        states = States.of(work.rows)[owner]
        for i in np.flatnonzero(np.isin(work.routes, [Route.SUMMED, Route.QUADRATURE])):
            set_states(states, slice(ends[i] - counts[i], ends[i]), np.flatnonzero(work.between[i]), sets)
        particles = np.flatnonzero(estimated[owner])
        if len(particles):
            key = (self.seed, PARTICLES, density.number)
            u = uniforms_of(key, work.numbers[estimated], counts[estimated], self.variables.n_variables)
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
        return Posterior(
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
        unknown = ~known_entries(rows)
        unknown[:, list(rows.regions or ())] = False
        drawn = unknown & (u < self._unseen)
        codes = np.where(drawn, self.variables.n_values, rows.codes.cpu().numpy())
        rest = np.where(unknown & ~drawn, (u - self._unseen) / (1 - self._unseen), u)
        known = torch.from_numpy(known_entries(rows) | drawn)
        return replace(rows, codes=torch.from_numpy(codes), known=known.to(rows.codes.device)), rest

    def _scores(self, density: Density, rows: Rows) -> Floats:
        """Return log p of what is given in each row, (n,), in batches."""
        parts = [log_evidence(density, part) for part in rows.batches(self.rows_per_batch)]
        scores: Floats = np.concatenate([np.zeros(0), *parts])
        if np.isnan(scores).any():
            raise InputError("the log-probabilities of this model are not finite: its weights are damaged")
        return scores
