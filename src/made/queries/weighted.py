"""What unknown entries of many rows may be: weighted completions of each, and means and quantiles of these.

Under mask k, unknown entries are drawn along the ordering; a completion weighs as much as it makes what is
known probable, p_k(known | what was drawn before). All rows share one set of evenly spread points (Sobol), so
that an answer depends on its row alone: not on its place, nor on the rows beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from made.masks.ordering import IntArray
from made.queries.density import Askable, Density, Floats, States
from made.queries.gibbs import AT_ONCE, FEWEST, N_CHAINS, Redrawn, can_be_redrawn, redrawn
from made.queries.numbers import weighted_quantiles
from made.queries.quadrature import log_evidence
from made.queries.query import Query
from made.queries.reach import in_reach
from made.variables.numeric import Numeric
from made.variables.rows import Rows

__all__ = [
    "Completions",
    "Expected",
    "completions",
    "expected",
    "softmax",
]

# Completions of a row; and of one whose effective number of them is below `FEWEST`.
_NUMBER, _MORE = 64, 1024
# Entries held at once, and the most dimensions that Sobol points have.
_ENTRIES_AT_ONCE, _MOST_DIMENSIONS = 2**21, 21_201
# Relative variance of weights that are all the same, but for rounding.
_EVEN = 1e-10


@dataclass(frozen=True, eq=False)
class Completions:
    """Weighted completions of the rows of one portion.

    Attributes
    ----------
    places : (n,) int array
        Which rows they belong to.
    rows : Rows
        (n * P) complete rows; those of a row follow one another.
    weights : (n, P) array
        Sum to 1 in each row.
    masks : (P,) int array
        The mask that each was drawn under.
    log_prob : (n,) array
        An estimate of log p of what is known, and of the conditions.
    """

    places: NDArray[np.int64]
    rows: Rows
    weights: Floats
    masks: NDArray[np.int64]
    log_prob: Floats

    @property
    def ess(self) -> Floats:
        """Effective number of completions of each row, (n,)."""
        found: Floats = 1 / (self.weights**2).sum(axis=1)
        return found

    @property
    def spread(self) -> Floats:
        """Relative variance of the estimate of p, (n,): each mask has its share of the completions."""
        strata = [self.weights[:, self.masks == k] for k in np.unique(self.masks)]
        if any(own.shape[1] < 2 for own in strata):
            strata = [self.weights]
        found: Floats = np.sum([own.shape[1] * own.var(axis=1, ddof=1) for own in strata], axis=0)
        return found

    def picked(self, number: int, chosen: NDArray[np.intp]) -> States:
        """Return `number` completions of each chosen row, picked evenly by their weights."""
        states, n = States.of(self.rows), self.weights.shape[1]
        shares = np.cumsum(self.weights[chosen], axis=1)
        ends = (np.arange(number) + 0.5) / number * shares[:, -1:]
        picks = (shares[:, None, :] < ends[:, :, None]).sum(axis=2).clip(max=n - 1)
        return states[(chosen[:, None] * n + picks).ravel()]


@dataclass(frozen=True, eq=False)
class Expected:
    """What unknown entries are expected to be, (n, D) each.

    Attributes
    ----------
    codes : int64 array
        The most probable class of discrete variables; of ordered classes the one nearest to the mean.
    means : float64 array
        The means of numbers, ordered classes among them; NaN elsewhere.
    low, high : float64 arrays
        Quantiles of these; NaN elsewhere.
    log_prob, error, ess : (n,) float64 arrays
        log p of what is known and of the conditions, its standard error, and the effective number of
        completions; an error of 0 and infinite where all completions weigh the same.
    """

    codes: IntArray
    means: Floats
    low: Floats
    high: Floats
    log_prob: Floats
    error: Floats
    ess: Floats


def completions(
    model: Askable,
    rows: Rows,
    masks: Sequence[int] | None = None,
    *,
    recorded: bool = True,
    fewest: float = FEWEST,
    number: int | None = None,
    groups: IntArray | None = None,
) -> Iterator[Completions]:
    """Go through weighted completions of all rows, in portions of bounded memory.

    Parameters
    ----------
    model : MADE
        Fitted.
    rows : Rows
        With unknown entries, and conditions on these, if any.
    masks : sequence of int, optional
        Those whose mixture is asked; by default all.
    recorded : bool
        Rows without conditions: every unknown entry is taken to be recorded.
    fewest : float
        Rows of a smaller effective number of completions are completed more often.
    number : int, optional
        How often each row is completed; by default it follows from `fewest`.
    groups : (D,) int array, optional
        Go through the variables group by group, see `MaskSet.given_first`.
    """
    rows = _recorded(model, rows) if recorded else rows
    chosen = [model.density(k, groups) for k in model.chosen_masks(masks)]
    n_variables, again = model.variables.n_variables, []
    if number is not None:
        for part in _portions(np.arange(len(rows)), number * n_variables):
            yield _weighted(model, rows, part, chosen, number)
        return
    for part in _portions(np.arange(len(rows)), _NUMBER * n_variables):
        found = _weighted(model, rows, part, chosen, _NUMBER)
        few = found.ess < fewest
        again.append(part[few])
        if few.all():
            continue
        keep = np.repeat(~few, found.weights.shape[1])
        own = found.rows[torch.from_numpy(np.flatnonzero(keep))]
        yield Completions(part[~few], own, found.weights[~few], found.masks, found.log_prob[~few])
    for part in _portions(np.concatenate([np.zeros(0, dtype=np.int64), *again]), _MORE * n_variables):
        yield _weighted(model, rows, part, chosen, _MORE)


def expected(
    model: Askable,
    rows: Rows,
    masks: Sequence[int] | None = None,
    level: float | None = None,
    *,
    fewest: float = FEWEST,
    groups: IntArray | None = None,
) -> Expected:
    """Return the mean of every unknown number, and the most probable class of every other unknown entry.

    Ordered classes are numbers, see `made.Categorical`.

    Parameters
    ----------
    model, rows, masks, fewest, groups
        As for `completions`.
    level : float, optional
        Also the interval of numbers that holds this share of their distribution, in its middle.
    """
    rows = _recorded(model, rows)
    found = _Found(model, rows, level)
    log_prob, error, ess = np.zeros((3, len(rows)))
    few: list[NDArray[np.int64]] = []
    starts: list[States] = []
    has_chains = np.zeros(len(rows), dtype=bool)
    if groups is None:  # what is given first needs none
        has_chains = can_be_redrawn(model, rows, masks)
    for some in completions(model, rows, masks, fewest=fewest, groups=groups):
        spread = some.spread
        is_even = spread < _EVEN
        log_prob[some.places], error[some.places] = some.log_prob, np.where(is_even, 0, np.sqrt(spread))
        ess[some.places] = np.where(is_even, np.inf, some.ess)
        found.add_all(some)
        poor = np.flatnonzero((some.ess < FEWEST) & np.isfinite(some.log_prob) & has_chains[some.places])
        few.append(some.places[poor])
        starts.append(some.picked(N_CHAINS, poor))
    if few:
        found.add_chains(np.concatenate(few), States.cat(starts))
    return Expected(found.codes, found.means, found.low, found.high, log_prob, error, ess)


class _Found:
    """What unknown entries are expected to be, gathered column by column; see `Expected`."""

    def __init__(self, model: Askable, rows: Rows, level: float | None) -> None:
        self.model, self.variables, self.rows, self.level = model, model.variables, rows, level
        self.unknown = ~rows.mask.cpu().numpy()
        self.codes = rows.codes.cpu().numpy().astype(np.int64)
        self.means, self.low, self.high = np.full((3, *self.unknown.shape), np.nan)

    def add_all(self, found: Completions) -> None:
        """Add the distributions that weighted completions give."""
        states, shape = States.of(found.rows), found.weights.shape
        for d, _ in self.variables.columns():
            wanted = np.flatnonzero(self.unknown[found.places, d])
            if len(wanted):
                own = Redrawn(
                    d,
                    found.places[wanted],
                    states.codes[:, d].reshape(shape)[wanted],
                    self._bodies(d, states).reshape(shape)[wanted],
                    found.weights[wanted],
                )
                self.add(own)

    def add_chains(self, places: IntArray, starts: States) -> None:
        """Put what chains say in the place of what few weighted completions did."""
        for first in range(0, len(places), AT_ONCE // N_CHAINS):
            some = places[first : first + AT_ONCE // N_CHAINS]
            begun = starts[N_CHAINS * first : N_CHAINS * (first + len(some))]
            for own in redrawn(self.model, self.rows[torch.from_numpy(some)], begun):
                self.add(own._replace(places=some[own.places]))

    def add(self, own: Redrawn) -> None:
        """Add what a column may be in some rows."""
        d, at, weights = own.variable, own.places, own.weights
        block = self.variables.block_of(d)
        if isinstance(block, Numeric):
            bodies = np.ascontiguousarray(own.bodies.ravel())
            values = block.floats_of(bodies).reshape(own.bodies.shape)
            counted, is_continuous = in_reach(self.model, d, values), block.step is None
        elif block.ordered:
            numbers = np.array(block.values, dtype=np.float64)  # of a missing one NaN
            values = counted = numbers[own.codes]
            is_continuous = False
        else:
            shares = [(weights * (own.codes == code)).sum(axis=1) for code in range(block.n_values)]
            self.codes[at, d] = np.stack(shares).argmax(axis=0)
            return
        self.means[at, d] = (counted * weights).sum(axis=1)
        if block.ordered:
            nearest = np.abs(numbers[: block.n_classes] - self.means[at, d][:, None]).argmin(axis=1)
            self.codes[at, d] = np.where(np.isnan(self.means[at, d]), own.codes[:, 0], nearest)
        if self.level is not None:
            ends = np.array([(1 - self.level) / 2, (1 + self.level) / 2])
            low, high = weighted_quantiles(values, weights, ends, interpolated=is_continuous).T
            self.low[at, d], self.high[at, d] = low, high

    def _bodies(self, d: int, states: States) -> IntArray:
        numbers = self.variables.numbers
        if numbers is None or d not in numbers.places:
            return np.zeros(len(states), dtype=np.int64)
        bodies: IntArray = states.bodies[:, numbers.number_of(d)]
        return bodies


def softmax(log_weights: Floats) -> Floats:
    """Return weights that sum to 1 along the last axis."""
    with np.errstate(invalid="ignore"):  # what is known may be impossible
        weights: Floats = np.exp(log_weights - log_weights.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
    return weights


def _recorded(model: Askable, rows: Rows) -> Rows:
    """Return rows whose unknown entries are taken to be recorded, unless they have conditions."""
    if rows.regions is not None:
        return rows
    return Query.of(model, "auto", None, 0, 2, 1, recorded=True).under_conditions(rows)


def _weighted(
    model: Askable, rows: Rows, places: NDArray[np.int64], densities: list[Density], number: int
) -> Completions:
    own = rows[torch.from_numpy(places)]
    each = -(-number // len(densities))
    u = _points(each * len(densities), model.variables.n_variables)
    known = own.mask.cpu().numpy()
    parts, logs = [], []
    repeated, again = own.repeat(each), np.repeat(known, each, axis=0)
    for i, density in enumerate(densities):
        states = density.sample(np.tile(u[i :: len(densities)], (len(own), 1)), repeated)
        scored = states.rows(repeated, again)
        log_p = [log_evidence(density, part) for part in scored.batches(model.rows_per_batch)]
        parts.append(states)
        logs.append(np.concatenate(log_p).reshape(len(own), each))
    together = States.cat(parts)
    order = np.arange(len(together)).reshape(len(densities), len(own), each).transpose(1, 0, 2).ravel()
    found = Rows(
        torch.from_numpy(together.codes[order]).to(own.codes.dtype),
        context=None if own.context is None else own.repeat(each * len(densities)).context,
        bodies=None if own.bodies is None else torch.from_numpy(together.bodies[order]),
    )
    log_weights = np.concatenate(logs, axis=1)
    log_prob = np.logaddexp.reduce(log_weights, axis=1) - np.log(log_weights.shape[1])
    masks = np.repeat([density.number for density in densities], each)
    return Completions(places, found, softmax(log_weights), masks, log_prob)


def _points(n: int, n_dimensions: int) -> Floats:
    """Return n evenly spread points of the unit cube, always the same."""
    if n_dimensions > _MOST_DIMENSIONS:
        return np.random.default_rng(0).random((n, n_dimensions))
    from scipy.stats import qmc  # takes long to import

    power = int(np.ceil(np.log2(n)))
    points: Floats = qmc.Sobol(n_dimensions, rng=np.random.default_rng(0)).random_base2(power)[:n]
    return np.clip(points, 2.0**-53, 1 - 2.0**-53)


def _portions(numbers: NDArray[np.int64], entries_of_row: int) -> Iterator[NDArray[np.int64]]:
    size = max(1, _ENTRIES_AT_ONCE // entries_of_row)
    return (numbers[first : first + size] for first in range(0, len(numbers), size))
