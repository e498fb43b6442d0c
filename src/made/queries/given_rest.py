"""One column of many complete rows given all their other entries: how probable is the value that is there.

By Bayes' rule, of the mixture of all masks:

    p(x_d | all other entries) = p(x) / sum over v of p(v, all other entries)

Of a discrete column, or a number on a grid of few points, every value is scored. Other numbers are integrated
over: nodes u of a Gauss-Kronrod rule are mapped to values by x_d = F^-1(u), given what comes before it under
a mask. Columns of very many classes are sampled. Nothing is drawn at random, so that the answer for a row
does not depend on the rows beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from made.masks.ordering import IntArray
from made.queries.density import Askable, Density, Floats, States
from made.queries.quadrature import panel_rule
from made.queries.query import N_PARTICLES, inference_of
from made.queries.value_sets import ValueSet
from made.queries.work import index
from made.variables.rows import Rows

__all__ = ["GivenRest", "given_rest"]

# Panels of the rule end at these normal scores of u; values of more than that are not listed but sampled.
_EDGES = [-np.inf, -3.0, -1.5, 0.0, 1.5, 3.0, np.inf]
_MOST_LISTED, _N_SAMPLED = 4096, 1024
# Where an integral may be off by more, in nats, it is computed anew on finer panels.
_TOLERANCE = 0.01


@dataclass(frozen=True, eq=False)
class GivenRest:
    """The distribution of one column given all other entries, row by row, and the value that is there.

    Attributes
    ----------
    log_prob : (n,) float64 array
        log p(x_d | all other entries) in nats, of the value that is there.
    surprise : (n,) float64 array
        By how many nats that is below the mean of what values drawn from the distribution have.
    codes, bodies : (n, S) int64 arrays
        Values as a model has them: all that there are, or nodes. Bodies are 0 where a column is discrete.
    weights : (n, S) float64 array
        Their probabilities; those of a row sum to 1.
    is_listed : bool
        The values are all that there are, the same in every row.
    """

    log_prob: Floats
    surprise: Floats
    codes: IntArray
    bodies: IntArray
    weights: Floats
    is_listed: bool = False

    def __getitem__(self, some: IntArray) -> GivenRest:
        """Return the answers for some of the rows."""
        return GivenRest(
            self.log_prob[some],
            self.surprise[some],
            self.codes[some],
            self.bodies[some],
            self.weights[some],
            self.is_listed,
        )

    def averaged(self, each: int) -> GivenRest:
        """Return the mean of the distributions of every `each` rows in succession."""
        n = len(self.log_prob) // each
        log_prob = np.logaddexp.reduce(self.log_prob.reshape(n, each), axis=1) - np.log(each)
        if self.is_listed:
            weights = self.weights.reshape(n, each, -1).mean(axis=1)
            with np.errstate(divide="ignore"):
                surprise = _mean(weights, np.log(weights)) - log_prob
            return GivenRest(log_prob, surprise, self.codes[::each], self.bodies[::each], weights, True)
        typical = (self.surprise + self.log_prob).reshape(n, each).mean(axis=1)
        codes, bodies = self.codes.reshape(n, -1), self.bodies.reshape(n, -1)
        return GivenRest(log_prob, typical - log_prob, codes, bodies, (self.weights / each).reshape(n, -1))

    @staticmethod
    def cat(parts: Sequence[GivenRest]) -> GivenRest:
        """Join the answers for successive rows; those for one at least."""
        return GivenRest(
            np.concatenate([part.log_prob for part in parts]),
            np.concatenate([part.surprise for part in parts]),
            np.concatenate([part.codes for part in parts]),
            np.concatenate([part.bodies for part in parts]),
            np.concatenate([part.weights for part in parts]),
            parts[0].is_listed,
        )


def given_rest(
    model: Askable, rows: Rows, variable: int, own: ValueSet, log_prob: Floats, particles: int = N_PARTICLES
) -> GivenRest:
    """Return the distribution of a column given all other entries of each row.

    Parameters
    ----------
    model : MADE
        Asked.
    rows : Rows
        n complete rows with their context: few enough for n times the number of values to be held.
    variable : int
        The column.
    own : ValueSet
        Its values, see `made.queries.value_sets`.
    log_prob : (n,) array
        log p of the rows.
    particles : int
        Per row and mask, where an integral would be poor.
    """
    asked = _Column(model, rows.to(torch.device("cpu")), variable, own, log_prob)
    if len(own) > _MOST_LISTED:
        return asked.sampled()
    return asked.integrated(particles) if own.has_nodes else asked.listed()


@dataclass(frozen=True, eq=False)
class _Column:
    """What is asked: see `given_rest`."""

    model: Askable
    rows: Rows
    variable: int
    own: ValueSet
    log_prob: Floats

    @cached_property
    def densities(self) -> list[Density]:
        """The masks of the mixture."""
        return [self.model.density(k) for k in self.model.chosen_masks(None)]

    def listed(self) -> GivenRest:
        """Score every value."""
        codes, bodies, joint = self._listed
        # A value beyond the points that are gone through is there all the same.
        own_codes, own_bodies = self._entries
        there = (codes == own_codes[:, None]) & ((bodies == own_bodies[:, None]) | (codes > 0))
        beyond = np.where(there.any(axis=1), -np.inf, self.log_prob)
        log_rest = np.logaddexp(np.logaddexp.reduce(joint, axis=1), beyond)
        log_prob = np.minimum(self.log_prob - log_rest, 0.0)
        each = joint - log_rest[:, None]
        return GivenRest(log_prob, _mean(np.exp(each), each) - log_prob, codes, bodies, np.exp(each), True)

    def integrated(self, particles: int) -> GivenRest:
        """Score the atoms, and integrate over the body."""
        codes, bodies, of_atoms = self._listed
        u, *rules = panel_rule(_EDGES)
        log_kronrod = np.log(rules[0])
        parts, log_f, errors = [], [], []
        for density in self.densities:
            at_codes, at_bodies = self._values_at(density, u)
            joint, factor = self._scores(density, at_codes, at_bodies)
            others = _less(joint, factor) + self._log_body(density)[:, None]
            total = np.logaddexp.reduce(others + log_kronrod, axis=1, keepdims=True)
            parts.append(others + log_kronrod - np.log(len(self.densities)))
            log_f.append(_less(joint, total))
            errors.append(_error(np.exp(_less(others, total)), *rules))
            codes, bodies = np.hstack([codes, at_codes]), np.hstack([bodies, at_bodies])
        nodes = np.concatenate(parts, axis=1)  # (n, K * M)
        of_body = np.logaddexp.reduce(nodes, axis=1)
        log_rest = np.logaddexp(np.logaddexp.reduce(of_atoms, axis=1, initial=-np.inf), of_body)
        log_prob = self.log_prob - log_rest
        poor = np.flatnonzero(~(np.max(errors, axis=0) < _TOLERANCE))
        if len(poor):
            log_prob[poor] = self.log_prob[poor] - self._evidence(poor, particles)
        # A density within the body has other units than the masses of atoms: the two are compared apart.
        which = np.hstack([of_atoms, of_body[:, None]]) - log_rest[:, None]
        within = _mean(np.exp(_less(nodes, of_body[:, None])), np.hstack(log_f))
        typical = _mean(np.exp(which), which) + np.where(self._entries[0] == 0, within, 0.0)
        weights = np.exp(np.hstack([of_atoms, nodes]) - log_rest[:, None])
        return GivenRest(log_prob, typical - log_prob, codes, bodies, weights)

    def sampled(self) -> GivenRest:
        """Take classes that are evenly spread in their distribution given what comes before."""
        u = (np.arange(_N_SAMPLED) + 0.5) / _N_SAMPLED
        all_codes, parts, joints = [], [], []
        for density in self.densities:
            codes, bodies = self._values_at(density, u)
            joint, factor = self._scores(density, codes, bodies)
            all_codes.append(codes)
            parts.append(_less(joint, factor))
            joints.append(joint)
        others = np.hstack(parts)
        total = np.logaddexp.reduce(others, axis=1)
        # What is known of the sum is no more than the sum.
        log_rest = np.maximum(total - np.log(others.shape[1]), self.log_prob)
        log_prob, weights = self.log_prob - log_rest, np.exp(others - total[:, None])
        typical = _mean(weights, np.hstack(joints) - log_rest[:, None])
        codes = np.hstack(all_codes)
        return GivenRest(log_prob, typical - log_prob, codes, np.zeros_like(codes), weights)

    @cached_property
    def _listed(self) -> tuple[IntArray, IntArray, Floats]:
        """The codes and bodies of the values that are listed, and log p of the rows with each, (n, S)."""
        shape = (len(self.rows), len(self.own))
        codes, bodies = (np.broadcast_to(own, shape) for own in (self.own.codes, self.own.bodies))
        by_mask = [self._scores(density, codes, bodies)[0] for density in self.densities]
        joint: Floats = np.logaddexp.reduce(by_mask, axis=0) - np.log(len(by_mask))
        return codes, bodies, joint

    @cached_property
    def _entries(self) -> tuple[IntArray, IntArray]:
        """The codes and bodies that are there, (n,)."""
        states, place = States.of(self.rows), self.own.place
        codes = states.codes[:, self.variable]
        return codes, np.zeros_like(codes) if place is None else states.bodies[:, place]

    def _scores(self, density: Density, codes: IntArray, bodies: IntArray) -> tuple[Floats, Floats]:
        """Return log p of the rows with each value, (n, S), and that of the value given what comes before."""
        joint, factor = np.empty((2, codes.size))
        for first in range(0, codes.size, self.model.rows_per_batch):
            number = np.arange(first, min(first + self.model.rows_per_batch, codes.size))
            part = self.rows[index(number // codes.shape[1])]
            states = States.of(part)
            states.codes[:, self.variable] = codes.ravel()[number]
            if self.own.place is not None:
                states.bodies[:, self.own.place] = bodies.ravel()[number]
            scores = density.log_prob(states.rows(part))
            joint[number], factor[number] = scores.sum(axis=1), scores[:, self.variable]
        return joint.reshape(codes.shape), factor.reshape(codes.shape)

    def _values_at(self, density: Density, u: Floats) -> tuple[IntArray, IntArray]:
        """Return codes and bodies (n, M) of the quantiles u, (M,), given what comes before."""
        codes, bodies = np.zeros((2, len(self.rows) * len(u)), dtype=np.int64)
        for first in range(0, len(codes), self.model.rows_per_batch):
            number = np.arange(first, min(first + self.model.rows_per_batch, len(codes)))
            begun = self._without_entry(index(number // len(u)))
            uniforms = np.full(begun.codes.shape, 0.5)
            uniforms[:, self.variable] = u[number % len(u)]
            states = density.sample(uniforms, begun)
            codes[number] = states.codes[:, self.variable]
            if self.own.place is not None:
                bodies[number] = states.bodies[:, self.own.place]
        return codes.reshape(-1, len(u)), bodies.reshape(-1, len(u))

    def _log_body(self, density: Density) -> Floats:
        """Return log of how probable the body is, (n,), given what comes before."""
        if len(self.own) == 0:
            return np.zeros(len(self.rows))
        batches = self._without_entry(slice(None)).batches(self.model.rows_per_batch)
        return np.concatenate([density.log_prob(part)[:, self.variable] for part in batches])

    def _without_entry(self, some: Tensor | slice) -> Rows:
        """Return some of the rows without the entry, which is of the body where there is one."""
        part = self.rows[some]
        known = torch.ones_like(part.codes, dtype=torch.bool)
        known[:, self.variable] = False
        regions = None if self.own.body is None else {self.variable: self.own.body}
        return replace(part, known=known, scores=None, regions=regions)

    def _evidence(self, some: IntArray, particles: int) -> Floats:
        """Return log p of all entries but the column's, of some of the rows, as accurately as can be."""
        inference = inference_of(self.model, None, None, particles=particles)
        rows = replace(self._without_entry(index(some)), regions=None)
        # The particles are numbered alike in all rows: an answer depends on its row alone.
        return inference.evidence(rows, np.zeros(len(some), dtype=np.int64), integrates=True).log_prob


def _error(values: Floats, kronrod: Floats, gauss: Floats) -> Floats:
    """Return how far the integrals of values at nodes, (n, M), differ by the two rules, panel by panel."""
    panels = (values * (kronrod - gauss)).reshape(len(values), -1, len(kronrod) // (len(_EDGES) - 1))
    error: Floats = np.abs(panels.sum(axis=2)).sum(axis=1)
    return error


def _less(logs: Floats, others: Floats) -> Floats:
    """Return logs less others; what is impossible, -inf, stays so whatever the others are."""
    difference: Floats = np.subtract(logs, others, where=logs > -np.inf, out=np.full(logs.shape, -np.inf))
    return difference


def _mean(weights: Floats, logs: Floats) -> Floats:
    """Return the means (n,) of numbers that may be -inf where their weight is 0."""
    means: Floats = (weights * np.where(weights > 0, logs, 0.0)).sum(axis=1)
    return means
