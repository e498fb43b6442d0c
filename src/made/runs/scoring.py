"""What `made score` says of rows, portion by portion: log p, its percentile, which entry is odd."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from made.model import MADE
from made.queries.odd_entries import odd_entries
from made.queries.parts import log_prob_parts
from made.runs.completions import score_partly_known
from made.runs.held_out import Comparison
from made.runs.scores import score_model
from made.runs.table_out import Columns
from made.variables.rows import Rows
from made.variables.unseen_entries import are_unseen

__all__ = ["Scorer", "Scores"]


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

    def score(self, rows: Rows, first: int = 0, advance: Callable[[int], None] = lambda n: None) -> Scores:
        """Score some rows.

        Parameters
        ----------
        rows : Rows
            n, with their context.
        first : int
            Number of the first row.
        advance : callable
            Told how many rows are done, now and then.
        """
        model = self.model
        # What takes the longest is counted.
        counted = (lambda n: None) if self.per_column else advance
        columns: list[tuple[str, NDArray[Any]]] = []
        if self.has_gaps:
            log_prob, error, ess = score_partly_known(model, rows, first, self.particles, counted)
            columns += [("log_prob", log_prob), ("standard_error", error)]
        else:
            log_prob = score_model(model, rows, counted).numpy()
            ess = np.full(len(rows), np.inf)
            columns.append(("log_prob", log_prob))
        if self.comparison is not None:
            columns.append(("percentile", self.comparison.percentiles(log_prob, rows)))
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
        return Scores(columns, log_prob, ess)
