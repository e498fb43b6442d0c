"""One column of many complete rows given all their other entries: how probable is the value that is there.

By Bayes' rule, of the mixture of all masks:

    p(x_d | all other entries) = p(x) / sum over v of p(v, all other entries)

Of a discrete column, or a number on a grid of few points, every value is scored. Other numbers are integrated
over: nodes u of a Gauss-Kronrod rule are mapped to values by x_d = F^-1(u), given what comes before it under
a mask. Columns of very many classes are sampled. Nothing is drawn at random, so that the answer for a row
does not depend on the rows beside it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from made.masks.ordering import IntArray
from made.queries.density import Askable, BoolArray, Density, Floats, States
from made.queries.entry_distribution import Distribution, GivenRest, mean_of
from made.queries.quadrature import panel_rule
from made.queries.query import N_PARTICLES, inference_of
from made.queries.value_sets import ValueSet
from made.queries.work import index
from made.variables.allowed_values import region_of
from made.variables.numeric import Numeric
from made.variables.region import Region
from made.variables.rows import Rows

__all__ = ["are_listed", "distribution_given_rest", "few_given_rest", "given_rest"]

# Panels of the rule end at these normal scores of u; values of more than that are not listed but sampled.
_EDGES = [-np.inf, -3.0, -1.5, 0.0, 1.5, 3.0, np.inf]
_MOST_LISTED, _N_SAMPLED = 4096, 1024
# Up to this number all values are listed, where an answer over few values is asked for.
_FEW_LISTED = 32
# Where an integral may change an answer by more, in nats, it is computed anew on finer panels; also where it
# is off by more than a share of itself, under any mask: a peak may then lie between the nodes.
_TOLERANCE, _MOST_OFF = 0.01, 0.1


def given_rest(
    model: Askable,
    rows: Rows,
    variable: int | IntArray,
    own: ValueSet,
    log_prob: Floats,
    particles: int = N_PARTICLES,
) -> GivenRest:
    """Return the distribution of a column given all other entries of each row, and what it says of its entry.

    Parameters
    ----------
    model : MADE
        Asked.
    rows : Rows
        n complete rows with their context: few enough for n times the number of values to be held.
    variable : int or (n,) int array
        The column; of each row another, where all of them are discrete and have the same few values.
    own : ValueSet
        Its values, see `made.queries.value_sets`.
    log_prob : (n,) array
        log p of the rows.
    particles : int
        Per row and mask, where an integral would be poor.
    """
    asked = _Column(model, rows.to(torch.device("cpu")), variable, own)
    if isinstance(variable, np.ndarray):
        return asked.of_list(log_prob)
    if len(own) > _MOST_LISTED:
        return asked.of_sample(log_prob)
    return asked.of_integral(log_prob, particles) if own.has_nodes else asked.of_list(log_prob)


def distribution_given_rest(model: Askable, rows: Rows, variable: int, own: ValueSet) -> Distribution:
    """Return the distribution of a column given all other entries of each row, whatever its own entry is.

    Parameters
    ----------
    model, rows, variable, own
        As for `given_rest`.
    """
    asked = _Column(model, rows.to(torch.device("cpu")), variable, own)
    if len(own) > _MOST_LISTED:
        codes, others, _ = asked.sampled
        return Distribution(codes, np.zeros_like(codes), _shares(others), False)
    if own.has_nodes:
        found = asked.integral
        logs = np.hstack([found.of_atoms, found.of_nodes])
        return Distribution(found.codes, found.bodies, _shares(logs), False)
    codes, bodies, joint = asked.listed
    return Distribution(codes, bodies, _shares(joint), True)


def few_given_rest(
    model: Askable, rows: Rows, variable: int, own: ValueSet, region: Region | None, u: Floats
) -> Distribution:
    """Return the distribution of a column given all other entries of each row, roughly, over few values.

    Of few values all; of others those at quantiles of the distributions given what comes before, under each
    mask, weighed by what they make of the other entries.

    Parameters
    ----------
    model, rows, variable, own
        As for `given_rest`.
    region : Region, optional
        What the column is known to be in; the values are in it.
    u : (M,) array
        Quantiles, evenly spread.
    """
    block = model.variables.block_of(variable)
    if region is None and isinstance(block, Numeric):
        region = region_of(block, [], "")
    asked = _Column(model, rows.to(torch.device("cpu")), variable, own, region)
    if are_listed(own):
        codes, bodies, joint = asked.listed
        return Distribution(codes, bodies, _shares(joint), True)
    codes, bodies, others, _ = asked.at_quantiles(u)
    return Distribution(codes, bodies, _shares(others), False)


def are_listed(own: ValueSet) -> bool:
    """Return whether values are so few that all of them are gone through where few are to do."""
    return len(own) <= _FEW_LISTED and not own.has_nodes


class _Integral(NamedTuple):
    """A column with a body that is integrated over; logarithms, all of them together with the other entries.

    Attributes
    ----------
    codes, bodies : (n, A + M) int64 arrays
        The atoms, and the nodes of all masks.
    of_atoms, of_nodes : (n, A) and (n, M) arrays
        Of the mass of each.
    log_density : (n, M) array
        Of each node, its density over the mean of that within the body.
    error : (n,) array
        By how much the sum over nodes may be off.
    is_sharp : (n,) bool array
        Whether the integral is hardly known under some mask.
    """

    codes: IntArray
    bodies: IntArray
    of_atoms: Floats
    of_nodes: Floats
    log_density: Floats
    error: Floats
    is_sharp: BoolArray


@dataclass(frozen=True, eq=False)
class _Column:
    """What is asked: see `given_rest`; whose rows have a column each is answered from a list."""

    model: Askable
    rows: Rows
    variable: int | IntArray
    own: ValueSet
    region: Region | None = None

    @cached_property
    def densities(self) -> list[tuple[Density, float]]:
        """The masks of the mixture that differ, and the logarithm of the share of each."""
        counts = self.model.mask_counts()
        n = sum(counts.values())
        return [(self.model.density(k), math.log(count / n)) for k, count in counts.items()]

    def of_list(self, log_prob: Floats) -> GivenRest:
        """Answer from the score of every value."""
        codes, bodies, joint = self.listed
        # A value beyond the points that are gone through is there all the same.
        own_codes, own_bodies = self._entries
        there = (codes == own_codes[:, None]) & ((bodies == own_bodies[:, None]) | (codes > 0))
        beyond = np.where(there.any(axis=1), -np.inf, log_prob)
        log_rest = np.logaddexp(np.logaddexp.reduce(joint, axis=1), beyond)
        log_prob = np.minimum(log_prob - log_rest, 0.0)
        each = joint - log_rest[:, None]
        weights = np.exp(each)
        return GivenRest(codes, bodies, weights, True, log_prob, mean_of(weights, each) - log_prob)

    def of_integral(self, log_prob: Floats, particles: int) -> GivenRest:
        """Answer from the scores of the atoms, and the integral over the body."""
        found = self.integral
        of_body = np.logaddexp.reduce(found.of_nodes, axis=1)
        log_rest = np.logaddexp(np.logaddexp.reduce(found.of_atoms, axis=1, initial=-np.inf), of_body)
        given = log_prob - log_rest
        with np.errstate(over="ignore"):
            poor = np.flatnonzero(found.is_sharp | ~(np.exp(found.error - log_rest) < _TOLERANCE))
        if len(poor):
            given[poor] = log_prob[poor] - self._evidence(poor, particles)
        # A density within the body has other units than the masses of atoms: the two are compared apart.
        which = np.hstack([found.of_atoms, of_body[:, None]]) - log_rest[:, None]
        within = mean_of(np.exp(_less(found.of_nodes, of_body[:, None])), found.log_density)
        typical = mean_of(np.exp(which), which) + np.where(self._entries[0] == 0, within, 0.0)
        weights = np.exp(np.hstack([found.of_atoms, found.of_nodes]) - log_rest[:, None])
        return GivenRest(found.codes, found.bodies, weights, False, given, typical - given)

    def of_sample(self, log_prob: Floats) -> GivenRest:
        """Answer from classes that are evenly spread."""
        codes, others, joint = self.sampled
        # What is known of the sum is no more than the sum.
        log_rest = np.maximum(np.logaddexp.reduce(others, axis=1), log_prob)
        log_prob, weights = log_prob - log_rest, _shares(others)
        typical = mean_of(weights, joint - log_rest[:, None])
        return GivenRest(codes, np.zeros_like(codes), weights, False, log_prob, typical - log_prob)

    @cached_property
    def listed(self) -> tuple[IntArray, IntArray, Floats]:
        """The codes and bodies of the values that are listed, and log p of the rows with each, (n, S)."""
        shape = (len(self.rows), len(self.own))
        codes, bodies = (np.broadcast_to(own, shape) for own in (self.own.codes, self.own.bodies))
        by_mask = [self._scores(density, codes, bodies)[0] + share for density, share in self.densities]
        joint: Floats = np.logaddexp.reduce(by_mask, axis=0)
        return codes, bodies, joint

    @cached_property
    def integral(self) -> _Integral:
        """Atoms and nodes."""
        codes, bodies, of_atoms = self.listed
        u, *rules = panel_rule(_EDGES)
        log_kronrod = np.log(rules[0])
        of_nodes, log_density, errors, largest = [], [], [], np.zeros(len(self.rows))
        for density, share in self.densities:
            at_codes, at_bodies = self._values_at(density, u)
            joint, factor = self._scores(density, at_codes, at_bodies)
            others = _less(joint, factor) + self._log_body(density)[:, None]
            total = np.logaddexp.reduce(others + log_kronrod, axis=1, keepdims=True)
            of_nodes.append(others + log_kronrod + share)
            log_density.append(_less(joint, total))
            error = _error(np.exp(_less(others, total)), *rules)
            largest = np.fmax(largest, np.where(np.isnan(error), np.inf, error))
            with np.errstate(divide="ignore"):
                errors.append(np.log(error) + total[:, 0] + share)
            codes, bodies = np.hstack([codes, at_codes]), np.hstack([bodies, at_bodies])
        return _Integral(
            codes,
            bodies,
            of_atoms,
            np.hstack(of_nodes),
            np.hstack(log_density),
            np.logaddexp.reduce(errors, axis=0),
            ~(largest < _MOST_OFF),
        )

    @cached_property
    def sampled(self) -> tuple[IntArray, Floats, Floats]:
        """Classes that are evenly spread in their distribution given what comes before, (n, S).

        Of each, log p of all other entries over the number of classes, and log p of the row with it.
        """
        codes, _, others, joint = self.at_quantiles((np.arange(_N_SAMPLED) + 0.5) / _N_SAMPLED)
        return codes, others, joint

    def at_quantiles(self, u: Floats) -> tuple[IntArray, IntArray, Floats, Floats]:
        """Return codes and bodies (n, S) at quantiles u, (M,), given what comes before under each mask.

        Of each, log p of all other entries over the number of values, and log p of the row with it.
        """
        values_at = self._sampled_at if self.own.place is None else self._values_at
        all_codes, all_bodies, others, joints = [], [], [], []
        for density, share in self.densities:
            codes, bodies = values_at(density, u)
            joint, factor = self._scores(density, codes, bodies)
            within = np.zeros(len(self.rows)) if self.region is None else self._log_within(density)
            all_codes.append(codes)
            all_bodies.append(bodies)
            others.append(_less(joint, factor) + within[:, None] + share - math.log(len(u)))
            joints.append(joint)
        return np.hstack(all_codes), np.hstack(all_bodies), np.hstack(others), np.hstack(joints)

    @property
    def _column(self) -> int:
        """The one column of all rows."""
        assert not isinstance(self.variable, np.ndarray)
        return int(self.variable)

    @cached_property
    def _entries(self) -> tuple[IntArray, IntArray]:
        """The codes and bodies that are there, (n,)."""
        states, place = States.of(self.rows), self.own.place
        codes = states.codes[np.arange(len(states)), self.variable]
        return codes, np.zeros_like(codes) if place is None else states.bodies[:, place]

    def _scores(self, density: Density, codes: IntArray, bodies: IntArray) -> tuple[Floats, Floats]:
        """Return log p of the rows with each value, (n, S), and that of the value given what comes before."""
        joint, factor = np.empty((2, codes.size))
        column = np.broadcast_to(self.variable, len(codes))
        for first in range(0, codes.size, self.model.rows_per_batch):
            number = np.arange(first, min(first + self.model.rows_per_batch, codes.size))
            owner = number // codes.shape[1]
            part, entry = self._scored[index(owner)], (np.arange(len(number)), column[owner])
            part.codes[entry] = index(codes.ravel()[number]).to(part.codes.dtype)
            if self.own.place is not None:
                self._set_bodies(part, self.own.place, index(bodies.ravel()[number]))
            scores = density.log_prob(part)
            joint[number], factor[number] = scores.sum(axis=1), scores[entry]
        return joint.reshape(codes.shape), factor.reshape(codes.shape)

    @cached_property
    def _scored(self) -> Rows:
        """The rows with the scores of their numbers: those of other columns stay whatever the value is."""
        return self.model.variables.scored(replace(self.rows, known=None, scores=None, labels=None))

    def _set_bodies(self, rows: Rows, place: int, bodies: Tensor) -> None:
        """Write the bodies (n,) of the column, and their scores, into rows."""
        numbers = self.model.variables.numbers
        assert numbers is not None
        assert rows.bodies is not None
        assert rows.scores is not None
        rows.bodies[:, place] = bodies
        own = numbers.alone(place).scores_of(bodies[:, None])
        # A column without periods has no use for the value itself, which may come last.
        rows.scores[:, place, : own.shape[2]] = own[:, 0]

    def _values_at(self, density: Density, u: Floats) -> tuple[IntArray, IntArray]:
        """Return codes and bodies (n, M) of the quantiles u, (M,), of the body given what comes before."""
        size = max(self.model.rows_per_batch // len(u), 1)
        parts = [density.quantiles(u, part, self._column) for part in self._without_entry().batches(size)]
        codes, bodies = zip(*parts, strict=True)
        return np.concatenate(codes), np.concatenate(bodies)

    def _sampled_at(self, density: Density, u: Floats) -> tuple[IntArray, IntArray]:
        """Return codes (n, M) of the quantiles u, (M,), of a class given what comes before, and no bodies."""
        codes = np.zeros(len(self.rows) * len(u), dtype=np.int64)
        for first in range(0, len(codes), self.model.rows_per_batch):
            number = np.arange(first, min(first + self.model.rows_per_batch, len(codes)))
            begun = self._without_entry(index(number // len(u)))
            uniforms = np.full(begun.codes.shape, 0.5)
            uniforms[:, self._column] = u[number % len(u)]
            codes[number] = density.sample(uniforms, begun).codes[:, self._column]
        found = codes.reshape(-1, len(u))
        return found, np.zeros_like(found)

    def _log_body(self, density: Density) -> Floats:
        """Return log of how probable the body is, (n,), given what comes before."""
        return np.zeros(len(self.rows)) if len(self.own) == 0 else self._log_within(density)

    def _log_within(self, density: Density) -> Floats:
        """Return log of how probable the region of the entry is, (n,), given what comes before."""
        batches = self._without_entry().batches(self.model.rows_per_batch)
        return np.concatenate([density.log_prob(part)[:, self._column] for part in batches])

    def _without_entry(self, some: Tensor | slice = slice(None)) -> Rows:
        """Return some of the rows without the entry, which is in its region, or of the body."""
        part = self.rows[some]
        known = torch.ones_like(part.codes, dtype=torch.bool)
        known[:, self._column] = False
        region = self.own.body if self.region is None else self.region
        regions = None if region is None else {self._column: region}
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


def _shares(logs: Floats) -> Floats:
    """Return the shares of the sum over each row, (n, S)."""
    return np.exp(logs - np.logaddexp.reduce(logs, axis=1, keepdims=True))


def _less(logs: Floats, others: Floats) -> Floats:
    """Return logs less others; what is impossible, -inf, stays so whatever the others are."""
    difference: Floats = np.subtract(logs, others, where=logs > -np.inf, out=np.full(logs.shape, -np.inf))
    return difference
