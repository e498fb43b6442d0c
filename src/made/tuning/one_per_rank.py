"""A comparison of settings by several ranks: each fits candidates of its own, on one sample of the rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from made.model import MADE
from made.support.ranks import Ranks
from made.training.checkpoint import best_weights
from made.training.divergence import TrainingDivergedError
from made.tuning.candidates import Candidate
from made.tuning.comparison import Comparison
from made.tuning.entrant import Entrant
from made.tuning.pipeline import Pipeline
from made.tuning.plan import Plan, Rung
from made.tuning.side_by_side import Worker

__all__ = ["ComparisonByRanks", "for_more_rows", "without_finals"]

_FEWEST_EPOCHS = 4


class ComparisonByRanks(Comparison):
    """Compares the candidates of a plan on several ranks; all of them call `run`, and decide alike.

    A candidate stays with its rank, whose folder keeps its fit: ranks need no common disk.
    """

    def __init__(self, ranks: Ranks, pipeline: Pipeline, plan: Plan, folder: Path, **others: Any) -> None:
        self.ranks = ranks
        rows = pipeline.schema, pipeline.train, pipeline.valid
        super().__init__(plan, pipeline.build, *rows, folder, seed=pipeline.seed, n_workers=0, **others)

    def _go_to(self, rung: Rung, left: Sequence[Entrant], others: Sequence[Worker]) -> str | None:
        fitted = []
        for entrant in left:
            if self._owner(entrant) == self.ranks.rank:
                self._fit_here(entrant, rung)
                failure = None if entrant.failure is None else str(entrant.failure)
                fitted.append((entrant.number, entrant.history, entrant.nll, failure))
                if entrant.history.ended == "interrupted":
                    break
        by_number = {entrant.number: entrant for entrant in left}
        for number, history, nll, failure in chain.from_iterable(self.ranks.gathered(fitted)):
            entrant = by_number[number]
            entrant.history, entrant.nll = history, nll
            if failure is not None:
                model = self.build(entrant.candidate)
                entrant.failure = TrainingDivergedError(failure, history, model)
        if any(entrant.history.ended == "interrupted" for entrant in left):
            raise KeyboardInterrupt  # what was compared is quick to compare again
        for entrant in left:
            self._note(entrant, 0.0)
        return "out of time" if any(own.history.is_stopped for own in left) else None

    def _model_of(self, entrant: Entrant) -> MADE:
        model = self.build(entrant.candidate)
        model.load_state_dict(
            self.ranks.of_one(lambda: best_weights(entrant.checkpoint, model), self._owner(entrant))
        )
        return model

    def _owner(self, entrant: Entrant) -> int:
        return entrant.number % self.ranks.n


def without_finals(plan: Plan) -> Plan:
    """Return a plan that ends with one candidate in the middle of its epochs: its fit begins anew then.

    Examples
    --------
    >>> plan = Plan((), (Rung(0.25, 2), Rung(0.5, 2), Rung(1.0, 1)))
    >>> without_finals(plan).rungs
    (Rung(fraction=0.25, n_kept=2), Rung(fraction=0.5, n_kept=1))
    """
    rungs = tuple(rung for rung in plan.rungs if rung.fraction < 1)
    return replace(plan, rungs=(*rungs[:-1], replace(rungs[-1], n_kept=1)) if rungs else ())


def for_more_rows(candidate: Candidate, n_compared: int, n: int) -> Candidate:
    """Return a candidate with epochs for more rows than it was compared on: as many steps, where that may be.

    Examples
    --------
    >>> own = Candidate("", {}, {"epochs": 40, "patience": 16})
    >>> for_more_rows(own, 1_000, 4_000).training
    {'epochs': 10, 'patience': 10}
    """
    training: Mapping[str, Any] = candidate.training
    if n <= n_compared or "epochs" not in training:
        return candidate
    epochs = max(round(training["epochs"] * n_compared / n), min(_FEWEST_EPOCHS, training["epochs"]))
    changed = {"epochs": epochs}
    if "patience" in training:
        changed["patience"] = max(10, round(training["patience"] * epochs / training["epochs"]))
    return replace(candidate, training={**training, **changed})
