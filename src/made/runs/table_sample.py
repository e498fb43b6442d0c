"""A table that is gone through in portions: a fixed sample of its rows, its labels, its least likely rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from made.model import MADE
from made.queries.density import Floats
from made.queries.odd_entries import shown
from made.queries.work import index
from made.runs.scores import score_model
from made.support.errors import InputError
from made.support.uniforms import QUESTIONS, Stream
from made.variables.numeric import Numeric
from made.variables.rows import Rows
from made.variables.unseen_entries import are_unseen

if TYPE_CHECKING:
    from made.masks.ordering import IntArray

__all__ = ["TableSample"]

# The most different labels of a column that are counted, of those that no training row had.
_MOST_LABELS = 1000


class TableSample:
    """What is kept of a table, whatever portions it comes in: memory is bounded by the sample.

    Parameters
    ----------
    model : MADE
        Scores the rows.
    most : int
        How many rows are kept: those with the smallest of uniforms keyed by (seed, table, number).
    table : int
        Which table it is: two have different uniforms.
    seed : int
    n_worst : int
        How many of the least likely complete rows are kept; with 0 only the sample is ever scored.

    Attributes
    ----------
    n_rows, n_incomplete : int
        How many rows there were, and how many of them with unknown entries.
    worst : Rows
        The least likely rows, the least likely first.
    worst_numbers, worst_log_prob : arrays
        Their numbers in the table, and their log p.
    """

    def __init__(self, model: MADE, most: int, table: int, seed: int = 0, n_worst: int = 0) -> None:
        self.model, self.most, self.n_worst = model, most, n_worst
        self.n_rows = self.n_incomplete = 0
        self._stream = Stream(seed, QUESTIONS, 2 + table)
        self._keys: Floats = np.zeros(0)
        self._sample: Rows | None = None
        self.worst: Rows | None = None
        self.worst_numbers: IntArray = np.zeros(0, dtype=np.int64)
        self.worst_log_prob: Floats = np.zeros(0)
        self._counts = [
            None if isinstance(block, Numeric) else np.zeros(block.n_values, dtype=np.int64)
            for _, block in model.variables.columns()
        ]
        self._unseen: list[Counter[str]] = [Counter() for _ in self._counts]

    def add(self, rows: Rows, advance: Callable[[int], None] = lambda n: None) -> None:
        """Add the next rows."""
        self._count_labels(rows)
        complete = rows.mask.cpu().numpy().all(axis=1)
        if self.n_worst:
            self._keep_worst(rows, np.flatnonzero(complete))
        keys = np.concatenate([self._keys, self._stream.take(len(rows))])
        both = rows if self._sample is None else Rows.cat([self._sample, rows])
        kept = np.sort(np.argsort(keys, kind="stable")[: self.most])
        self._keys, self._sample = keys[kept], both[index(kept)]
        self.n_incomplete += int((~complete).sum())
        self.n_rows += len(rows)
        advance(len(rows))

    @property
    def sample(self) -> Rows:
        """The rows that are kept, those with the smallest keys first."""
        if self._sample is None:
            raise InputError("a table of no rows was given: there is nothing to compare")
        return self._sample[index(np.argsort(self._keys, kind="stable"))]

    def new_labels(self, other: TableSample) -> list[dict[str, int]]:
        """Return by column which labels this table has and the other has not, and how often; common first."""
        found: list[dict[str, int]] = []
        for d, (own, before) in enumerate(zip(self._counts, other._counts, strict=True)):
            if own is None or before is None:
                found.append({})
                continue
            values = self.model.variables.discrete(d).values
            codes = np.flatnonzero((own > 0) & (before == 0))
            new = Counter({shown(values[code]): int(own[code]) for code in codes})
            new.update({name: n for name, n in self._unseen[d].items() if name not in other._unseen[d]})
            found.append(dict(new.most_common()))
        return found

    def _count_labels(self, rows: Rows) -> None:
        codes, known = rows.codes.cpu().numpy(), rows.mask.cpu().numpy()
        unseen = are_unseen(self.model.variables, rows)
        for d, own in enumerate(self._counts):
            if own is not None:
                some = codes[known[:, d] & ~unseen[:, d], d]
                own += np.bincount(some, minlength=len(own))
        for row, d in np.argwhere(unseen).tolist():
            name = "a label that no training row had" if rows.labels is None else str(rows.labels[row, d])
            if name in self._unseen[d] or len(self._unseen[d]) < _MOST_LABELS:
                self._unseen[d][name] += 1

    def _keep_worst(self, rows: Rows, complete: NDArray[np.int64]) -> None:
        if not len(complete):
            return
        some = rows[index(complete)]
        log_prob = score_model(self.model, some).numpy()
        both = np.concatenate([self.worst_log_prob, log_prob])
        numbers = np.concatenate([self.worst_numbers, complete + self.n_rows])
        least = np.argsort(both, kind="stable")[: self.n_worst]
        together = some if self.worst is None else Rows.cat([self.worst, some])
        self.worst = together[index(least)]
        self.worst_log_prob, self.worst_numbers = both[least], numbers[least]
