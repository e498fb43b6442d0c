"""Rows completed portion by portion: what is unknown is asked for, the rest passes through."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from made.masks.ordering import IntArray
from made.model import MADE
from made.queries.evidence import POOR
from made.queries.query import row_numbers
from made.queries.questions import check_completions
from made.queries.results import Answer
from made.runs.completions import intervals_of, poor_estimates, values_beside, with_ends
from made.support.errors import PoorEstimateWarning
from made.variables.rows import Rows

__all__ = ["Completer"]

# Rows are asked about 1, 1, 2, 4, ... up to this many at once: a row may take a moment or a minute.
_MOST_AT_ONCE = 64


class Completer:
    """Completes rows, in as many portions as there may be: together they are what `MADE.complete` answers.

    A row without an unknown entry is not asked about, unless conditions or the method concern it.

    Parameters
    ----------
    model : MADE
        Completes them.
    number : int, optional
        How many completions of each row.
    **settings
        Of `MADE.complete`.

    Attributes
    ----------
    beside : list of str
        Names of the columns with the ends of intervals, which follow those of the model; of means.
    n_rows, n_unknown : int
        How many rows there were so far, and unknown entries in them.
    how : Counter
        How the answers were found, in words, and how many.
    """

    def __init__(self, model: MADE, number: int | None = None, **settings: Any) -> None:
        self.model, self.number, self.settings = model, number, settings
        self.beside = intervals_of(model) if settings.get("kind") == "mean" else []
        self.n_rows = self.n_unknown = 0
        self.how: Counter[str] = Counter()
        #: Small effective numbers of particles of its estimates so far.
        self.few: list[NDArray[np.float64]] = []
        self._at_once = 1

    @property
    def each(self) -> int:
        """How many completions each row has."""
        return 1 if self.number is None else self.number

    @property
    def poor(self) -> str:
        """How many estimates rest on few effective particles, in words."""
        return poor_estimates(np.concatenate([np.zeros(0), *self.few]))

    def complete(
        self, rows: Rows, first: int | IntArray = 0, advance: Callable[[int], None] = lambda n: None
    ) -> NDArray[Any]:
        """Return the values of some rows, (n * number, columns), completed, with those of `beside`.

        Parameters
        ----------
        rows : Rows
            n, with their context.
        first : int or (n,) int array
            Number of the first row, or of each.
        advance : callable
            Told how many rows are done, now and then.
        """
        known, numbers = rows.mask.cpu().numpy(), row_numbers(first, len(rows))
        asked = np.flatnonzero(~known.all(axis=1)) if self._passes_through else np.arange(len(rows))
        each = self.each
        check_completions(len(rows), each, self.model.n_variables)
        self.n_rows += len(rows)
        self.n_unknown += int((~known).sum())
        advance(len(rows) - len(asked))
        values = np.repeat(self.model.schema.decode(rows.to(torch.device("cpu"))), each, axis=0)
        values = with_ends(values, [np.full(len(values), np.nan) for _ in self.beside])
        at = 0
        while at < len(asked):
            some = asked[at : at + self._at_once]
            answer = self._answer(rows[torch.from_numpy(some).to(rows.codes.device)], numbers[some])
            own = values_beside(self.model, answer)
            if own.dtype == object and values.dtype != object:
                values = values.astype(object)
            values[(some[:, None] * each + np.arange(each)).ravel()] = own
            at += len(some)
            self._at_once = min(2 * self._at_once if at > 1 else 1, _MOST_AT_ONCE)
            advance(len(some))
        return values

    @property
    def _passes_through(self) -> bool:
        settings = self.settings
        return not settings.get("where") and settings.get("method", "auto") in ("auto", "exact")

    def _answer(self, rows: Rows, numbers: NDArray[np.int64]) -> Answer:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PoorEstimateWarning)
            answer = self.model.complete(rows, number=self.number, first=numbers, **self.settings)
        self.how.update(answer.how)
        self.few.append(answer.ess[answer.ess < POOR])
        return answer
