"""Which entry of a row is odd, and what was expected there.

The measure is log p(x_d | all other entries). Columns are compared by how far it is below what values drawn
from the same distribution have on average, so that units, and how much a column varies, do not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from made.queries.density import Askable, Floats, States
from made.queries.entry_distribution import Distribution, GivenRest
from made.queries.given_rest import given_rest
from made.queries.numbers import weighted_quantiles
from made.queries.query import N_PARTICLES, inference_of
from made.queries.value_sets import ValueSet, value_sets
from made.queries.weighted import completions
from made.queries.work import index
from made.variables.encoding import decode
from made.variables.frames import told_apart
from made.variables.numeric import Numeric
from made.variables.rows import Rows, RowsLike
from made.variables.unseen_entries import restored

__all__ = ["ODD", "OddEntries", "OddEntry", "odd_entries", "shown"]

#: From about this surprise on, in nats, an entry is called odd.
ODD = 2.0

# Rows that are looked at together.
_ROWS_AT_ONCE = 64
# Completions that stand for the other unknown entries of a row.
_COMPLETIONS = 16
_LEVEL = 0.8
_MISSING = "missing"


class OddEntry(NamedTuple):
    """One entry.

    Attributes
    ----------
    value : str
        What it is.
    expected : str
        What was expected given all other entries: the most probable class, or the interval that holds the
        middle 80 % of a number's distribution; with its probability.
    """

    value: str
    expected: str


@dataclass(frozen=True, eq=False)
class OddEntries:
    """How odd each entry of some rows is.

    Attributes
    ----------
    names : sequence of D str
        The columns.
    log_prob : (n, D) float64 array
        log p(x_d | all other entries) in nats, a mass or a density in the column's own units; NaN where an
        entry is unknown.
    surprise : (n, D) float64 array
        How many nats that is below the mean of what values drawn from the same distribution have. From about
        2 on an entry is odd.
    odd : sequence of n mappings of int to OddEntry
        By column, the oddest first: every entry of a surprise of 2 and more, and the oddest in any case; none
        where nothing is known of a row.
    """

    names: Sequence[str]
    log_prob: Floats
    surprise: Floats
    odd: Sequence[Mapping[int, OddEntry]]

    def __len__(self) -> int:
        """Return n."""
        return len(self.odd)

    @property
    def column(self) -> list[str | None]:
        """The name of the column of the oddest entry of each row."""
        return [None if d is None else self.names[d] for d in self._worst]

    @property
    def value(self) -> list[str | None]:
        """What that entry is, as text."""
        return [None if d is None else own[d].value for d, own in zip(self._worst, self.odd, strict=True)]

    @property
    def expected(self) -> list[str | None]:
        """What was expected in its place, as text."""
        return [None if d is None else own[d].expected for d, own in zip(self._worst, self.odd, strict=True)]

    def as_dict(self) -> dict[str, NDArray[Any]]:
        """Return the columns of a table: ``polars.DataFrame(found.as_dict())``, or one of pandas.

        They are `odd_column`, `odd_value`, `expected`, `odd_log_prob` and `odd_surprise` of the oddest entry,
        then `NAME_log_prob` for every column: log p of its entry given all others; of a column called odd,
        `odd_log_prob_2`.
        """
        there = np.array([d is not None for d in self._worst], dtype=bool)
        worst = np.array([d or 0 for d in self._worst], dtype=np.int64)
        log_prob, surprise = (
            np.where(there, table[np.arange(len(self)), worst], np.nan)
            for table in (self.log_prob, self.surprise)
        )
        of_worst = {
            "odd_column": np.array(self.column, dtype=object),
            "odd_value": np.array(self.value, dtype=object),
            "expected": np.array(self.expected, dtype=object),
            "odd_log_prob": log_prob,
            "odd_surprise": surprise,
        }
        names = told_apart([*of_worst, *(f"{name}_log_prob" for name in self.names)])
        return dict(zip(names, [*of_worst.values(), *self.log_prob.T], strict=True))

    @staticmethod
    def cat(parts: Sequence[OddEntries]) -> OddEntries:
        """Join what is known of successive rows; one part at least."""
        return OddEntries(
            parts[0].names,
            np.concatenate([part.log_prob for part in parts]),
            np.concatenate([part.surprise for part in parts]),
            [own for part in parts for own in part.odd],
        )

    @property
    def _worst(self) -> list[int | None]:
        return [next(iter(own), None) for own in self.odd]


def odd_entries(
    model: Askable,
    rows: RowsLike,
    *,
    context: ArrayLike | Tensor | None = None,
    particles: int = N_PARTICLES,
    advance: Callable[[int], None] = lambda n: None,
) -> OddEntries:
    """Say which entry of each row is odd, and what was expected there.

    Parameters
    ----------
    model : MADE
        Asked; of a mixture of masks or models, the mixture is.
    rows : data frame, array, tensor or Rows
        (n, D). Of rows with unknown entries, what is known is looked at: `log_prob` is then estimated from 16
        completions of the rest.
    context : array or tensor, optional
        (n, C), or (C,) for all rows: for a model of p(x | c).
    particles : int
        Per row and mask, where a number cannot be integrated over well.
    advance : callable
        Told how many rows are done, now and then.

    Raises
    ------
    InputError
        If a row does not fit the model.

    Examples
    --------
    >>> import made
    >>> rows = [["car", "road"], ["ship", "sea"]] * 100
    >>> model = made.auto_fit(rows, max_time=1)
    >>> found = made.odd_entries(model, [["car", "sea"], ["ship", "sea"]])
    >>> found.value[0] in ("car", "sea"), bool((found.surprise[0] > 2).all())
    (True, True)
    >>> bool(found.surprise[1].max() < 0.1)
    True
    """
    encoded = model.rows(rows, context).to(torch.device("cpu"))
    sets = value_sets(model.variables, None, with_unseen=True)
    parts = [_Portion(model, encoded[:0], sets, particles).answer()]
    for part in encoded.batches(_ROWS_AT_ONCE):
        parts.append(_Portion(model, part, sets, particles).answer())
        advance(len(part))
    return OddEntries.cat(parts)


def shown(value: Any) -> str:
    """Return a value as people write it.

    Examples
    --------
    >>> shown(12.3400001), shown(None), shown(7.0), shown("red")
    ('12.34', 'missing', '7', 'red')
    """
    if value is None or value != value:
        return _MISSING
    return f"{value:.6g}" if isinstance(value, float) else str(value)


class _Portion:
    """A few rows, column by column.

    Parameters
    ----------
    model, particles
        As for `odd_entries`.
    rows : Rows
        Encoded.
    sets : sequence of D ValueSet
        The values of each column.
    """

    def __init__(self, model: Askable, rows: Rows, sets: Sequence[ValueSet], particles: int) -> None:
        self.model, self.rows, self.sets, self.particles = model, rows, sets, particles
        self.known = rows.mask.numpy()
        self.states = States.of(rows)
        shape = self.known.shape
        self.log_prob, self.surprise = np.full((2, *shape), np.nan)
        self.worst = np.full(len(rows), -np.inf)
        self.expected: list[dict[int, str]] = [{} for _ in range(len(rows))]

    def answer(self) -> OddEntries:
        """Look at all columns."""
        n, n_variables = self.known.shape
        complete = np.flatnonzero(self.known.all(axis=1))
        if len(complete):
            rows = replace(self.rows[index(complete)], known=None, scores=None)
            log_prob = self._log_prob_of(rows)
            for columns in self._together(len(complete)):
                for d, found in zip(columns, self._of_columns(rows, columns, log_prob), strict=True):
                    self._note(complete, d, found)
        if len(complete) < n:
            for d in range(n_variables):
                some = np.flatnonzero(self.known[:, d] & ~self.known.all(axis=1))
                if len(some):
                    self._note(some, d, self._of_incomplete(some, d))
        names = [column.name for column in self.model.schema.modelled]
        return OddEntries(names, self.log_prob, self.surprise, self._odd())

    def _together(self, n: int) -> list[list[int]]:
        """Return the columns in groups: those that have one short list of values are scored in one pass."""
        groups: list[list[int]] = []
        for d, own in enumerate(self.sets):
            most = self.model.rows_per_batch // (n * max(len(own), 1)) if own.place is None else 1
            if groups and own is self.sets[groups[-1][-1]] and len(groups[-1]) < most:
                groups[-1].append(d)
            else:
                groups.append([d])
        return groups

    def _of_columns(self, rows: Rows, columns: Sequence[int], log_prob: Floats) -> Iterator[GivenRest]:
        """Yield the answers for some columns, each for all rows."""
        if len(columns) == 1:
            yield self._given_rest(rows, columns[0], log_prob)
            return
        n, again = len(rows), np.tile(np.arange(len(rows)), len(columns))
        which, own = np.repeat(columns, n), self.sets[columns[0]]
        found = given_rest(self.model, rows[index(again)], which, own, log_prob[again])
        for i in range(len(columns)):
            yield found[np.arange(i * n, (i + 1) * n)]

    def _given_rest(self, rows: Rows, d: int, log_prob: Floats) -> GivenRest:
        return given_rest(self.model, rows, d, self.sets[d], log_prob, self.particles)

    def _log_prob_of(self, rows: Rows) -> Floats:
        return inference_of(self.model, None, None).log_prob(rows)

    def _note(self, some: NDArray[np.int64], d: int, found: GivenRest) -> None:
        """Keep what was found for a column of some rows; where it is odd, or the oddest so far, in words."""
        self.log_prob[some, d], self.surprise[some, d] = found.log_prob, found.surprise
        odder = np.flatnonzero((found.surprise > self.worst[some]) | (found.surprise >= ODD))
        self.worst[some] = np.maximum(self.worst[some], found.surprise)
        for row, text in zip(some[odder].tolist(), _in_words(self.model, d, found, odder), strict=True):
            self.expected[row][d] = text

    def _of_incomplete(self, some: NDArray[np.int64], d: int) -> GivenRest:
        """Answer for rows with other unknown entries: the mean over completions of these."""
        rows = self.rows[index(some)]
        known = rows.mask.clone()
        known[:, d] = False
        own, place = self.states[some], self.sets[d].place
        parts, places = [], []
        for found in completions(self.model, replace(rows, known=known, scores=None), recorded=False):
            picked = _evenly(found.weights, _COMPLETIONS)
            at = (np.arange(len(picked))[:, None] * found.weights.shape[1] + picked).ravel()
            states = States.of(found.rows)[at]
            owner = np.repeat(found.places, _COMPLETIONS)
            states.codes[:, d] = own.codes[owner, d]
            if place is not None:
                states.bodies[:, place] = own.bodies[owner, place]
            filled = replace(states.rows(rows[index(owner)]), regions=None, recorded=False)
            each = self._given_rest(filled, d, self._log_prob_of(filled))
            parts.append(each.averaged(_COMPLETIONS))
            places.append(found.places)
        order = np.argsort(np.concatenate(places))
        return GivenRest.cat(parts)[order]

    def _odd(self) -> list[dict[int, OddEntry]]:
        """Return the odd entries of each row, the oddest first."""
        if not len(self.rows):
            return []
        variables, codes = self.model.variables, self.states.codes
        values = restored(variables, decode(variables, codes, self.states.bodies), codes, self.rows.labels)
        found = []
        for row, (own, surprise) in enumerate(zip(self.expected, self.surprise, strict=True)):
            order = sorted(own, key=lambda d: -surprise[d])
            odd = order[:1] + [d for d in order[1:] if surprise[d] >= ODD]
            found.append({d: OddEntry(shown(_plain(values[row, d])), own[d]) for d in odd})
        return found


def _evenly(weights: Floats, n: int) -> NDArray[np.int64]:
    """Return the numbers of n of the weighted completions of each row, (rows, n), by even steps of weight."""
    steps = (np.arange(n) + 0.5) / n
    after = np.cumsum(weights, axis=1) / weights.sum(axis=1, keepdims=True)
    picked: NDArray[np.int64] = (after[:, None, :-1] < steps[:, None]).sum(axis=2)
    return picked


def _plain(value: Any) -> Any:
    """Return a value of an array as Python has it."""
    return value.item() if isinstance(value, np.generic) else value


def _in_words(model: Askable, d: int, found: Distribution, some: NDArray[np.int64]) -> list[str]:
    """Say what was expected in some of the rows."""
    block = model.variables.block_of(d)
    if isinstance(block, Numeric):
        return [_of_number(block, found, row) for row in some.tolist()]
    values = model.variables.discrete(d).values
    texts = []
    for row in some.tolist():
        shares = np.bincount(found.codes[row], found.weights[row], minlength=len(values))
        best = int(shares[: len(values)].argmax())
        texts.append(f"{shown(values[best])} ({shares[best]:.0%})")
    return texts


def _of_number(block: Numeric, found: Distribution, row: int) -> str:
    codes, weights = found.codes[row], found.weights[row]
    if block.missing_code is not None:
        is_missing = codes == block.missing_code
        p_missing = float(weights[is_missing].sum())
        if p_missing > 1 / 2:
            return f"{_MISSING} ({p_missing:.0%})"
        weights = np.where(is_missing, 0.0, weights)
    values = block.floats_of(np.ascontiguousarray(found.bodies[row]))
    weights = weights / weights.sum()
    ends = np.array([(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    low, high = weighted_quantiles(values[None], weights[None], ends, interpolated=block.step is None)[0]
    if low == high:
        return f"{shown(float(low))} ({weights[values == low].sum():.0%})"
    return f"{shown(float(low))} to {shown(float(high))} ({_LEVEL:.0%})"
