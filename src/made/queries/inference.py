"""Inference from incomplete rows: the log evidence of what is given, and completions of the rest.

Under one mask, let the given variables be G. Unknown variables that come after all of G in the ordering do
not matter for p(x_G): what they add integrates to 1. If there are no others, one pass gives p(x_G) exactly.
If the others have few states, their sum is exact as well. Otherwise particles are sampled along the ordering,
and the weight of a particle is how probable it makes what is given:

    p(x_G) = E[ product over g in G of p(x_g | the variables before it) ]

In a mixture p(x_G) is the mean over masks, and the conditional p(x_U | x_G) weighs mask k by its posterior
weight, proportional to p(x_G | mask k).
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from types import FrameType

import numpy as np
import torch
from torch import Tensor

from made.masks.ordering import IntArray
from made.queries.density import BoolArray, Density, Floats, States
from made.queries.results import Route
from made.support.errors import InputError, PoorEstimateWarning
from made.support.uniforms import COMPLETIONS, PARTICLES, Stream
from made.variables.row_type import RowType
from made.variables.rows import Rows

__all__ = ["POOR", "Evidence", "Inference", "all_states", "index", "refuse_impossible"]

# Maximum number of codes of states and particles held in memory.
_CODES_AT_ONCE = 2**24
#: An estimate of a smaller effective sample size is called poor.
POOR = 30


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
        Effective number of particles; infinite where it is exact.
    routes : (n,) int array
        How it was found: the `Route` of the mask that is the least certain.
    mask_weights : (K, n) array
        Posterior weight of each mask.
    """

    log_prob: Floats
    error: Floats
    ess: Floats
    routes: IntArray
    mask_weights: Floats

    def of(self, row: int) -> Evidence:
        """Return the evidence of one of the rows."""
        one = slice(row, row + 1)
        return Evidence(
            self.log_prob[one], self.error[one], self.ess[one], self.routes[one], self.mask_weights[:, one]
        )

    def warn_if_poor(self) -> None:
        """Warn where few particles carry all the weight; the warning names the line that called made."""
        poor = np.flatnonzero(self.ess < POOR)
        if len(poor):
            warnings.warn(
                f"the estimate for row {poor[0]} rests on {self.ess[poor[0]]:.1f} effective particles"
                + (f" (poor for {len(poor):,} of {len(self.ess):,} rows)" if len(poor) > 1 else "")
                + ": raise particles, or give variables that come first in the ordering",
                PoorEstimateWarning,
                stacklevel=_frames_inside() + 1,
            )


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
        Unknown entries that come before the last known one.
    all_classes : bool
        No unknown entry is a label that is no class.
    """

    rows: Rows
    numbers: IntArray
    routes: IntArray
    counts: IntArray
    between: BoolArray
    all_classes: bool

    def of(self, chosen: IntArray) -> _Work:
        """Return the same for some of the rows."""
        return _Work(
            self.rows[index(chosen)],
            self.numbers[chosen],
            self.routes[chosen],
            self.counts[chosen],
            self.between[chosen],
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
        #: (D,): how many values a variable has; infinitely many, where it is numeric.
        self.n_states = variables.n_values.astype(np.float64)
        if variables.numbers is not None:
            self.n_states[variables.numbers.places] = np.inf
        #: (D,): the same with labels that are no class as one more.
        self.n_codes = self.n_states + (variables.n_codes - variables.n_values)
        self._unseen = np.array([block.unseen or 0.0 for _, block in variables.columns()])

    def evidence(self, rows: Rows, numbers: IntArray | None = None, *, all_classes: bool = False) -> Evidence:
        """Return how probable what is given in each row is.

        Parameters
        ----------
        rows : Rows
            Incomplete rows, with their context.
        numbers : (n,) int array, optional
            Which stream of random numbers each row has; 0..n-1 by default.
        all_classes : bool
            Given, too, that no unknown entry is a label that is no class.
        """
        numbers = np.arange(len(rows)) if numbers is None else numbers
        shape = (len(self.masks), len(rows))
        log_prob, error, ess = np.zeros(shape), np.zeros(shape), np.full(shape, np.inf)
        routes = np.zeros(shape, dtype=np.int64)
        for i, k in enumerate(self.masks):
            for chosen, found in self._posteriors(self.density(k), rows, numbers, all_classes=all_classes):
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
        self, density: Density, rows: Rows, numbers: IntArray, *, all_classes: bool
    ) -> Iterator[tuple[IntArray, _Posterior]]:
        """Yield the posteriors of the rows in groups of bounded memory, with the places of each group."""
        work = self._work(density, rows, numbers, all_classes=all_classes)
        for chosen in _groups(work.counts * self.variables.n_variables, _CODES_AT_ONCE):
            yield chosen, self._posterior(density, work.of(chosen))

    def _work(self, density: Density, rows: Rows, numbers: IntArray, *, all_classes: bool) -> _Work:
        """Return how each row can be answered; with `exact`, refuse to estimate."""
        known = _known(rows)
        last = np.where(known, density.ranks, 0).max(axis=1)  # rank of the last known variable
        between = ~known & (density.ranks < last[:, None])
        sizes = np.where(between, self.n_states if all_classes else self.n_codes, 1.0)
        with np.errstate(over="ignore"):  # more than a float can count are too many in any case
            n_states = np.exp(np.log(sizes).sum(axis=1)).round()
        routes = np.where(n_states <= self.max_states, int(Route.SUMMED), int(Route.PARTICLES))
        routes = np.where(between.any(axis=1), routes, int(Route.ORDERED))
        estimated = np.flatnonzero(routes == Route.PARTICLES)
        if self.exact and len(estimated):
            row = estimated[0]
            states = f"{n_states[row]:,.0f}" if n_states[row] < 1e15 else "too many"
            raise InputError(
                f"row {numbers[row]} has no exact answer: {int(between[row].sum())} unknown variables come "
                f"before its last given one, {states} states; raise max_states, or estimate (method='auto')"
            )
        counts = np.where(routes == Route.PARTICLES, self.particles, n_states).astype(np.int64)
        return _Work(rows, numbers, routes, counts, between, all_classes)

    def _posterior(self, density: Density, work: _Work) -> _Posterior:
        """Score the states of all rows as one table, and split the scores by row."""
        counts, known = work.counts, _known(work.rows)
        estimated = work.routes == Route.PARTICLES
        owner = np.repeat(np.arange(len(counts)), counts)
        ends = np.cumsum(counts)
        states = States.of(work.rows)[owner]
        for i in np.flatnonzero(work.routes == Route.SUMMED):
            unknown = np.flatnonzero(work.between[i])
            sizes = self.variables.n_values if work.all_classes else self.variables.n_codes
            states.codes[ends[i] - counts[i] : ends[i], unknown] = all_states(sizes[unknown])
        particles = np.flatnonzero(estimated[owner])
        if len(particles):
            key = (self.seed, PARTICLES, density.number)
            u = _stream(key, work.numbers[estimated], self.particles, self.variables.n_variables)
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
            error=np.where(estimated, np.sqrt(spread), 0.0),
            ess=ess,
            routes=work.routes,
            fixed=counted | estimated[:, None],
            states=[states[end - count : end] for end, count in zip(ends, counts, strict=True)],
            weights=weights,
        )

    def _with_unseen(self, rows: Rows, u: Floats) -> tuple[Rows, Floats]:
        """Draw which unknown entries are labels that are no class; what is left of uniforms draws classes."""
        unknown = ~_known(rows)
        drawn = unknown & (u < self._unseen)
        codes = np.where(drawn, self.variables.n_values, rows.codes.cpu().numpy())
        rest = np.where(unknown & ~drawn, (u - self._unseen) / (1 - self._unseen), u)
        known = torch.from_numpy(~unknown | drawn)
        return replace(rows, codes=torch.from_numpy(codes), known=known.to(rows.codes.device)), rest

    def _scores(self, density: Density, rows: Rows) -> Floats:
        """Sum log p over the known entries of each row, (n,), in batches."""
        parts = [
            np.where(_known(part), density.log_prob(part), 0).sum(axis=1)
            for part in rows.batches(self.rows_per_batch)
        ]
        scores: Floats = np.concatenate([np.zeros(0), *parts])
        if np.isnan(scores).any():
            raise InputError("the log-probabilities of this model are not finite: its weights are damaged")
        return scores


def refuse_impossible(evidence: Evidence, numbers: IntArray) -> None:
    """Raise an `InputError` where what is given has probability 0: nothing follows from it."""
    impossible = np.flatnonzero(np.isneginf(evidence.log_prob))
    if len(impossible):
        raise InputError(f"row {numbers[impossible[0]]}: the model gives what is known there probability 0")


def all_states(sizes: IntArray) -> IntArray:
    """Return every combination of codes of variables with these numbers of values, (states, variables).

    Examples
    --------
    >>> all_states(np.array([2, 2])).tolist()
    [[0, 0], [0, 1], [1, 0], [1, 1]]
    """
    if len(sizes) == 0:
        return np.zeros((1, 0), dtype=np.int64)
    return np.stack(np.unravel_index(np.arange(int(np.prod(sizes))), tuple(sizes)), axis=1)


def index(rows: IntArray) -> Tensor:
    """Return the numbers of rows as `Rows` takes them."""
    return torch.from_numpy(rows)


def _known(rows: Rows) -> BoolArray:
    known: BoolArray = rows.mask.cpu().numpy()
    return known


def _stream(key: tuple[int, ...], rows: IntArray, each: int, width: int, first: int = 0) -> Floats:
    """Return uniforms (len(rows) * each, width): lines first, first + 1, ... of the stream of each row."""
    blocks = -(-width // 4)
    lines = [Stream(*key, int(row), skip=first * blocks).take(each * blocks * 4) for row in rows]
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


def _frames_inside() -> int:
    """Return how many frames from that of the caller on belong to made."""
    frame: FrameType | None = sys._getframe(1)
    n_frames = 0
    while frame is not None and frame.f_globals.get("__name__", "").split(".")[0] == "made":
        n_frames, frame = n_frames + 1, frame.f_back
    return n_frames
