"""What `made score` says of rows, portion by portion: log p, its percentile, which entry is odd."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from made.masks.ordering import IntArray
from made.model import MADE
from made.queries.evidence import POOR
from made.queries.odd_entries import odd_entries
from made.queries.parts import log_prob_parts
from made.runs.completions import poor_estimates, score_partly_known
from made.runs.held_out import Comparison
from made.runs.rows import FoundRows
from made.runs.scores import score_model
from made.runs.table_out import Columns
from made.support.progress import scaled
from made.variables.frames import told_apart
from made.variables.rows import Rows
from made.variables.unseen_entries import are_unseen, first_unseen, unseen_words

__all__ = ["ScoreTally", "Scorer", "Scores"]


@dataclass(frozen=True, eq=False)
class Scores:
    """What was found of some rows.

    Attributes
    ----------
    columns : Columns
        To be written, in this order.
    log_prob : (n,) float64 array
    ess : (n,) float64 array
        Effective number of particles behind each; infinite where it is exact.
    """

    columns: Columns
    log_prob: NDArray[np.float64]
    ess: NDArray[np.float64]


@dataclass
class ScoreTally:
    """What is said of the scores of all portions together.

    Attributes
    ----------
    model : MADE
        That scores them.
    n_rows, n_estimated : int
        How many rows there were, and of how many log p was estimated.
    has_gaps : bool
        Whether an entry of any of them is unknown.
    """

    model: MADE
    n_rows: int = 0
    n_estimated: int = 0
    has_gaps: bool = False
    _sum: float = 0.0
    _poor: list[NDArray[np.float64]] = field(default_factory=list)
    _n_unseen: int = 0
    _first_unseen: str = ""

    def add(self, found: FoundRows, scores: Scores) -> None:
        """Add a portion."""
        self.n_rows += len(found.rows)
        self.n_estimated += int(np.isfinite(scores.ess).sum())
        self.has_gaps |= not found.rows.is_complete
        self._sum += float(scores.log_prob.sum())
        self._poor.append(scores.ess[scores.ess < POOR])
        names = [column.name for column in self.model.schema.modelled]
        n, first = first_unseen(self.model.variables, names, found.rows, found.place)
        self._n_unseen, self._first_unseen = self._n_unseen + n, self._first_unseen or first

    @property
    def mean(self) -> float:
        """Of log p."""
        return self._sum / max(self.n_rows, 1)

    @property
    def poor(self) -> str:
        """How many estimates rest on few effective particles, in words."""
        return poor_estimates(np.concatenate([np.zeros(0), *self._poor]))

    @property
    def unseen(self) -> str:
        """How many entries are labels that no training row had, in words."""
        return unseen_words(self._n_unseen, self._first_unseen)


@dataclass(frozen=True, eq=False)
class Scorer:
    """Scores rows, in as many portions as there may be: all have the same columns.

    Attributes
    ----------
    model : MADE
        Scores them.
    has_gaps : bool
        Entries of some rows may be unknown: there is a column of standard errors.
    comparison : Comparison, optional
        With held-out rows: adds the percentile.
    per_column : bool
        Which entry is odd, what was expected, and log p of each given all others.
    per_variable : bool
        log p of each entry given those before it, under mask 0; of complete rows.
    particles : int
        Per row and mask, where an answer is estimated.
    parts : bool
        log p in two parts: which entries are missing, and the values of the others.
    """

    model: MADE
    has_gaps: bool = False
    comparison: Comparison | None = None
    per_column: bool = False
    per_variable: bool = False
    particles: int = 1000
    parts: bool = False

    def score(
        self, rows: Rows, first: int | IntArray = 0, advance: Callable[[int], None] = lambda n: None
    ) -> Scores:
        """Score some rows.

        Parameters
        ----------
        rows : Rows
            n, with their context.
        first : int or (n,) int array
            Number of the first row, or of each.
        advance : callable
            Told how many rows are done, now and then.
        """
        model = self.model
        if (comparison := self.comparison) is not None:
            advance = scaled(advance, len(rows), len(rows) + comparison.n_to_score(rows))
        # Of the two that go through the rows, what takes the longest is counted.
        counted = (lambda n: None) if self.per_column else advance
        columns: list[tuple[str, NDArray[Any]]] = []
        if self.has_gaps:
            log_prob, error, ess = score_partly_known(model, rows, first, self.particles, counted)
            columns += [("log_prob", log_prob), ("standard_error", error)]
        else:
            log_prob = score_model(model, rows, counted).numpy()
            ess = np.full(len(rows), np.inf)
            columns.append(("log_prob", log_prob))
        if comparison is not None:
            columns.append(("percentile", comparison.percentiles(log_prob, rows, advance)))
        if self.parts:
            of_both = log_prob_parts(model, rows, particles=self.particles, first=first)
            columns += of_both.as_dict().items()
        if model.variables.has_unseen:
            columns.append(("unseen", are_unseen(model.variables, rows).sum(axis=1).astype(np.float64)))
        if self.per_column:
            odd = odd_entries(model, rows, particles=self.particles, advance=advance)
            columns += odd.as_dict().items()
        if self.per_variable:
            # In a mixture there is one for each mask; the first has the ordering that was asked for.
            parts = model.log_prob(rows, per_variable=True, mask=0).cpu().numpy()
            columns += [(own.name, part) for own, part in zip(model.schema.modelled, parts.T, strict=True)]
        names = told_apart([name for name, _ in columns])
        return Scores([(name, own) for name, (_, own) in zip(names, columns, strict=True)], log_prob, ess)
