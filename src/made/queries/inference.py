"""Inference from incomplete rows: how probable is what is given, and what may the rest be.

Under one mask, let the given variables be G. Unknown variables that come after all of G in the ordering do
not matter for p(x_G): what they add integrates to 1. If there are no others, one pass gives p(x_G) exactly.
If the others have few states, their sum is exact as well. Otherwise they are drawn along the ordering,
and a draw weighs as much as it makes what is given probable:

    p(x_G) = E[ product over g in G of p(x_g | the variables before it) ]

In a mixture p(x_G) is the mean over masks, and the conditional p(x_U | x_G) weighs mask k by its posterior
weight, proportional to p(x_G | mask k).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from made.masks.ordering import IntArray
from made.support.errors import InputError, PoorEstimateWarning
from made.support.uniforms import COMPLETIONS, PARTICLES, Stream
from made.variables.missing import UNKNOWN
from made.variables.row_type import RowType

__all__ = [
    "ENUMERATED",
    "ESTIMATED",
    "EXACT",
    "POOR",
    "Density",
    "Evidence",
    "Inference",
    "of_rows",
    "refuse_impossible",
]

Floats = NDArray[np.float64]

#: How an answer was found, the worst of all masks that take part.
EXACT, ENUMERATED, ESTIMATED = 0, 1, 2

# So many codes are held at once while states and draws are gone through.
_CODES_AT_ONCE = 2**24
#: An estimate of a smaller effective sample size is called poor.
POOR = 30


@dataclass(frozen=True)
class Density:
    """One mask of a model, as inference sees it.

    Attributes
    ----------
    number : int
        Of the mask: its draws have a stream of their own.
    ranks : (D,) int array
        Rank of every variable.
    log_prob : callable
        Maps codes (n, D) and context rows to log p of each variable given those before it, (n, D) in nats.
    draw : callable
        Maps uniforms (n, D), codes (n, D) with -1 where they are to be drawn, and context rows to codes.
    """

    number: int
    ranks: IntArray
    log_prob: Callable[[IntArray, Tensor | None], Floats]
    draw: Callable[[Floats, IntArray, Tensor | None], IntArray]


@dataclass(frozen=True)
class Evidence:
    """How probable what is given is, row by row.

    Attributes
    ----------
    log_prob : (n,) array
        log p(x_G), in nats.
    error : (n,) array
        Its standard error; 0 where it is exact.
    ess : (n,) array
        Effective number of draws; infinite where it is exact.
    how : (n,) int array
        `EXACT`, `ENUMERATED` or `ESTIMATED`.
    mask_weights : (K, n) array
        Posterior weight of each mask.
    """

    log_prob: Floats
    error: Floats
    ess: Floats
    how: IntArray
    mask_weights: Floats

    def of(self, row: int) -> Evidence:
        """Return what is known about one of the rows."""
        one = slice(row, row + 1)
        return Evidence(
            self.log_prob[one], self.error[one], self.ess[one], self.how[one], self.mask_weights[:, one]
        )

    def warn_if_poor(self, stacklevel: int = 3) -> None:
        """Warn where few draws carry all the weight; `stacklevel` is that of `warnings.warn`."""
        poor = np.flatnonzero(self.ess < POOR)
        if len(poor):
            warnings.warn(
                f"the estimate for row {poor[0]} rests on {self.ess[poor[0]]:.1f} effective draws"
                + (f" (poor for {len(poor):,} of {len(self.ess):,} rows)" if len(poor) > 1 else "")
                + ": raise draws, or give variables that come first in the ordering",
                PoorEstimateWarning,
                stacklevel=stacklevel,
            )


@dataclass(frozen=True)
class _Posterior:
    """Of some rows under one mask: weighted states, -1 where a code is still to be drawn."""

    log_prob: Floats
    error: Floats
    ess: Floats
    how: IntArray
    states: list[IntArray]
    weights: list[Floats]


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
        Of all draws: row i has its own, whatever rows are asked about beside it.
    draws : int
        Draws per row and mask where an answer is estimated.
    max_states : int
        Sums over unknown variables run over at most so many states.
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
        draws: int = 1000,
        max_states: int = 4096,
        exact: bool = False,
        rows_per_batch: int = 4096,
    ) -> None:
        self.variables = variables
        self.density = density
        self.masks = list(masks)
        self.seed = seed
        self.draws = draws
        self.max_states = max_states
        self.exact = exact
        self.rows_per_batch = rows_per_batch

    def evidence(self, rows: IntArray, context: Tensor | None, numbers: IntArray | None = None) -> Evidence:
        """Return how probable what is given in each row is.

        Parameters
        ----------
        rows : (n, D) int64 array
            Codes, -1 where unknown.
        context : (n, C) tensor, optional
            Rows of context.
        numbers : (n,) int array, optional
            Which stream of draws each row has; 0..n-1 by default.
        """
        numbers = np.arange(len(rows)) if numbers is None else numbers
        shape = (len(self.masks), len(rows))
        log_prob, error, ess = np.zeros(shape), np.zeros(shape), np.full(shape, np.inf)
        how = np.zeros(shape, dtype=np.int64)
        for i, k in enumerate(self.masks):
            for chosen, found in self._posteriors(self.density(k), rows, context, numbers):
                log_prob[i, chosen], error[i, chosen] = found.log_prob, found.error
                ess[i, chosen], how[i, chosen] = found.ess, found.how
        total = np.logaddexp.reduce(log_prob, axis=0)
        with np.errstate(invalid="ignore"):
            weights = np.where(np.isneginf(total), 1 / len(self.masks), np.exp(log_prob - total))
        with np.errstate(divide="ignore", invalid="ignore"):  # all exact: no limit to what draws are worth
            together = 1 / np.where(weights > 0, weights**2 / ess, 0).sum(axis=0)
        return Evidence(
            log_prob=total - np.log(len(self.masks)),
            error=np.sqrt(((weights * error) ** 2).sum(axis=0)),
            ess=np.where(np.isneginf(total), ess.min(axis=0), together),
            how=how.max(axis=0),
            mask_weights=weights,
        )

    def complete(
        self,
        rows: IntArray,
        context: Tensor | None,
        evidence: Evidence,
        numbers: IntArray,
        each: int = 1,
        first: int = 0,
    ) -> IntArray:
        """Draw completions from the conditional joint distribution of what is unknown.

        Exact where the evidence is; else one of the weighted draws is picked, which tends to the conditional
        as their number grows.

        Parameters
        ----------
        rows, context
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
        (n, each, D) int64 array
        """
        refuse_impossible(evidence, numbers)
        n, n_variables = rows.shape
        out = np.empty((n, each, n_variables), dtype=np.int64)
        # Per completion: one uniform per variable, one for the mask, one for the state.
        u = _stream((self.seed, COMPLETIONS), numbers, each, n_variables + 2, first)
        u = u.reshape(n, each, n_variables + 2)
        cumulated = np.cumsum(evidence.mask_weights, axis=0)  # (K, n)
        mask_of = (u[:, :, n_variables, None] >= (cumulated / cumulated[-1]).T[:, None, :-1]).sum(axis=2)
        for i, k in enumerate(self.masks):
            wanted = np.flatnonzero((mask_of == i).any(axis=1))
            if len(wanted) == 0:
                continue
            density = self.density(k)
            own_context = of_rows(context, wanted)
            for chosen, found in self._posteriors(density, rows[wanted], own_context, numbers[wanted]):
                for place, states, weights in zip(chosen, found.states, found.weights, strict=True):
                    row = wanted[place]
                    picks = np.flatnonzero(mask_of[row] == i)
                    ladder = np.cumsum(weights)
                    state = np.searchsorted(ladder / ladder[-1], u[row, picks, -1], side="right")
                    out[row, picks] = states[np.minimum(state, len(states) - 1)]
            at, pick = np.nonzero(mask_of == i)
            for part in _slices(len(at), max(1, _CODES_AT_ONCE // n_variables)):
                a, p = at[part], pick[part]
                if (out[a, p] == UNKNOWN).any():
                    out[a, p] = density.draw(u[a, p, :n_variables], out[a, p], of_rows(context, a))
        return out

    def log_prob(self, codes: IntArray, context: Tensor | None) -> Floats:
        """Return log p of complete rows, (n,) in nats; a single row of context holds for all."""
        if context is not None:
            context = context.expand(len(codes), -1)
        counted = np.ones(codes.shape, dtype=bool)
        by_mask = [self._scores(self.density(k), codes, counted, context) for k in self.masks]
        total: Floats = np.logaddexp.reduce(by_mask, axis=0) - np.log(len(self.masks))
        return total

    def _posteriors(
        self, density: Density, rows: IntArray, context: Tensor | None, numbers: IntArray
    ) -> Iterator[tuple[IntArray, _Posterior]]:
        """Go through the rows in groups of bounded memory; yields places and what was found there."""
        known = rows != UNKNOWN
        last = np.where(known, density.ranks, 0).max(axis=1)  # rank of the last given variable
        between = ~known & (density.ranks < last[:, None])
        sizes = np.where(between, self.variables.n_values, 1).astype(np.float64)
        with np.errstate(over="ignore"):  # more than a float can count are too many in any case
            n_states = np.exp(np.log(sizes).sum(axis=1)).round()
        how = np.where(
            ~between.any(axis=1), EXACT, np.where(n_states <= self.max_states, ENUMERATED, ESTIMATED)
        )
        if self.exact and (how == ESTIMATED).any():
            row = int(np.flatnonzero(how == ESTIMATED)[0])
            states = f"{n_states[row]:,.0f}" if n_states[row] < 1e15 else "too many"
            raise InputError(
                f"row {numbers[row]} has no exact answer: {int(between[row].sum())} unknown variables come "
                f"before its last given one, {states} states; raise max_states, or estimate (method='auto')"
            )
        counts = np.where(how == ESTIMATED, self.draws, n_states).astype(np.int64)
        for chosen in _groups(counts * rows.shape[1], _CODES_AT_ONCE):
            yield (
                chosen,
                self._posterior(
                    density,
                    rows[chosen],
                    of_rows(context, chosen),
                    numbers[chosen],
                    how[chosen],
                    counts[chosen],
                    between[chosen],
                    last[chosen],
                ),
            )

    def _posterior(
        self,
        density: Density,
        rows: IntArray,
        context: Tensor | None,
        numbers: IntArray,
        how: IntArray,
        counts: IntArray,
        between: NDArray[np.bool_],
        last: IntArray,
    ) -> _Posterior:
        """Lay out the states of all rows one below the other, score them in one go, and take them apart."""
        owner = np.repeat(np.arange(len(rows)), counts)
        ends = np.cumsum(counts)
        states = rows[owner]
        for i in np.flatnonzero(how == ENUMERATED):
            unknown = np.flatnonzero(between[i])
            places = np.unravel_index(np.arange(counts[i]), self.variables.n_values[unknown])
            states[ends[i] - counts[i] : ends[i], unknown] = np.stack(places, axis=1)
        drawn = np.flatnonzero(how[owner] == ESTIMATED)
        if len(drawn):
            chosen = numbers[how == ESTIMATED]
            u = _stream((self.seed, PARTICLES, density.number), chosen, self.draws, rows.shape[1])
            states[drawn] = density.draw(u, states[drawn], of_rows(context, owner[drawn]))
        # A state of an enumeration counts with all up to the last given variable, a draw with what is given.
        counted = np.where(
            (how[owner] == ESTIMATED)[:, None],
            rows[owner] != UNKNOWN,
            density.ranks <= last[owner][:, None],
        )
        scores = self._scores(density, states, counted, of_rows(context, owner))
        parts = [scores[end - count : end] for end, count in zip(ends, counts, strict=True)]
        totals = np.array([np.logaddexp.reduce(part) for part in parts])
        estimated = how == ESTIMATED
        with np.errstate(invalid="ignore"):
            weights = [np.exp(p - t) for p, t in zip(parts, totals, strict=True)]
            squares = np.array([(w**2).sum() for w in weights])
        ess = np.where(estimated, np.where(np.isneginf(totals), 0, 1 / squares), np.inf)
        # The relative variance of a mean of S weights is (S / ESS - 1) / (S - 1).
        spread = np.maximum(counts / np.maximum(ess, 1e-300) - 1, 0) / np.maximum(counts - 1, 1)
        return _Posterior(
            log_prob=totals - np.where(estimated, np.log(counts), 0),
            error=np.where(estimated, np.sqrt(spread), 0.0),
            ess=ess,
            how=how,
            states=[states[end - count : end] for end, count in zip(ends, counts, strict=True)],
            weights=weights,
        )

    def _scores(
        self, density: Density, states: IntArray, counted: NDArray[np.bool_], context: Tensor | None
    ) -> Floats:
        """Sum log p over the counted variables of each state, (n,); what is unknown yet is put to 0."""
        scores = np.empty(len(states))
        for part in _slices(len(states), self.rows_per_batch):
            codes = np.maximum(states[part], 0)
            log_prob = density.log_prob(codes, None if context is None else context[part])
            scores[part] = np.where(counted[part], log_prob, 0).sum(axis=1)
        if np.isnan(scores).any():
            raise InputError("the log-probabilities of this model are not finite: its weights are damaged")
        return scores


def refuse_impossible(evidence: Evidence, numbers: IntArray) -> None:
    """Raise an `InputError` where what is given has probability 0: nothing follows from it."""
    impossible = np.flatnonzero(np.isneginf(evidence.log_prob))
    if len(impossible):
        raise InputError(f"row {numbers[impossible[0]]}: the model gives what is known there probability 0")


def _stream(key: tuple[int, ...], rows: IntArray, each: int, width: int, first: int = 0) -> Floats:
    """Return uniforms (len(rows) * each, width): lines first, first + 1, ... of the stream of each row."""
    blocks = -(-width // 4)
    lines = [Stream(*key, int(row), skip=first * blocks).take(each * blocks * 4) for row in rows]
    return np.concatenate([np.zeros(0), *lines]).reshape(-1, blocks * 4)[:, :width]


def _groups(costs: IntArray, limit: int) -> Iterator[IntArray]:
    """Cut rows into runs whose costs sum to at most the limit, or that are a single row."""
    first, total = 0, 0
    for i, cost in enumerate(costs):
        if i > first and total + cost > limit:
            yield np.arange(first, i)
            first, total = i, 0
        total += int(cost)
    if first < len(costs):
        yield np.arange(first, len(costs))


def _slices(n: int, size: int) -> Iterator[slice]:
    return (slice(i, i + size) for i in range(0, n, size))


def of_rows(context: Tensor | None, rows: IntArray) -> Tensor | None:
    """Return the context of some rows, by their numbers; None where there is none."""
    return None if context is None else context[torch.from_numpy(rows).to(context.device)]
