"""Comparing candidates: all begin the final fit, and those that may still win go on with it.

At each rung of the plan every candidate that is left has done the same fraction of its epochs, and what its
validation curve promises decides (`judge`). The winner goes on from where it is. Decisions, and the state of
every fit, are kept in a folder: a comparison that was interrupted goes on there.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from made.model import MADE
from made.support.errors import InputError
from made.support.files import write_aside
from made.support.progress import duration
from made.training.divergence import TrainingDivergedError
from made.training.fit import fit
from made.training.history import History
from made.training.interrupt import time_left
from made.tuning.candidates import Candidate
from made.tuning.judge import expected_nll, survivors
from made.tuning.plan import Plan, Rung
from made.variables.rows import Rows

__all__ = ["Comparison", "Outcome"]

_log = logging.getLogger(__name__)

_DECISIONS = "decisions.json"


@dataclass(frozen=True)
class Outcome:
    """What a comparison ended with.

    Attributes
    ----------
    candidate : Candidate
        The winner; where the comparison did not end, the best so far.
    model : MADE or None
        With the best weights of its fit so far; None where it was not fitted at all.
    history : History
        Of that fit.
    checkpoint : Path or None
        Where that fit goes on from.
    ended : str
        ``"chosen"``, ``"interrupted"`` or ``"out of time"``.
    """

    candidate: Candidate
    model: MADE | None
    history: History
    checkpoint: Path | None
    ended: str = "chosen"


@dataclass
class _Entrant:
    number: int
    candidate: Candidate
    checkpoint: Path
    history: History = field(default_factory=History)
    nll: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))

    @property
    def best(self) -> float:
        return min(self.history.valid_nll)

    @property
    def expected(self) -> float:
        is_over = self.history.ended not in ("paused", "interrupted", "out of time")
        return (
            self.best if is_over else expected_nll(self.history.valid_nll, self.candidate.training["epochs"])
        )


class Comparison:
    """Compares the candidates of a plan.

    Parameters
    ----------
    plan : Plan
        What to do.
    build : callable
        Builds the model of a candidate.
    train, valid : Rows
        With their context.
    folder : Path
        Where fits and decisions are kept; may not exist yet.
    deadline : float, optional
        When to stop, as `time.monotonic` counts.
    on_best : callable, optional
        Called with the model whenever one has a lower validation NLL than all before.
    **others
        Other arguments of `made.fit`: seed, progress.
    """

    def __init__(
        self,
        plan: Plan,
        build: Callable[[Candidate], MADE],
        train: Rows,
        valid: Rows | None,
        folder: Path,
        *,
        deadline: float | None = None,
        on_best: Callable[[MADE], None] | None = None,
        **others: Any,
    ) -> None:
        self.plan, self.build, self.train, self.valid, self.folder = plan, build, train, valid, folder
        self.deadline, self.on_best, self.others = deadline, on_best, others
        self._best: tuple[float, _Entrant, MADE] | None = None

    def run(self) -> Outcome:
        """Go through the rungs; what is decided already is not decided again.

        Raises
        ------
        TrainingDivergedError
            If the fit of every candidate diverged.
        """
        if len(self.plan.candidates) == 1:
            (only,) = self.plan.candidates
            _log.info("too few validation rows to compare settings; taken: %s", only.about)
            return Outcome(only, None, History(), None)
        self.folder.mkdir(parents=True, exist_ok=True)
        left = [
            _Entrant(number, candidate, self.folder / f"{number}.safetensors")
            for number, candidate in enumerate(self.plan.candidates)
        ]
        decisions = self._read_decisions(len(left))
        if decisions:
            left = [left[number] for number in decisions[-1]]
        for rung in self.plan.rungs[len(decisions) :]:
            if len(left) == 1:
                break
            _log.info("comparing %d settings after %.0f%% of their epochs", len(left), 100 * rung.fraction)
            left, ended = self._go_to(rung, left)
            if ended is not None and self._best is not None:
                _, best, model = self._best
                return Outcome(best.candidate, model, best.history, best.checkpoint, ended)
            places = survivors([own.expected for own in left], [own.nll for own in left], rung.n_kept)
            dropped = [own for place, own in enumerate(left) if place not in places]
            left = [left[place] for place in places]
            decisions.append([own.number for own in left])
            write_aside(self.folder / _DECISIONS, json.dumps(decisions).encode())
            for own in dropped:
                own.checkpoint.unlink(missing_ok=True)
        winner = left[0]
        _log.info("chosen: %s", winner.candidate.about)
        return Outcome(winner.candidate, None, winner.history, winner.checkpoint)

    def _go_to(self, rung: Rung, left: list[_Entrant]) -> tuple[list[_Entrant], str | None]:
        """Fit candidates up to a rung; return those that got there, and why the comparison ends if so."""
        began, there = time.monotonic(), list[_Entrant]()
        diverged: TrainingDivergedError | None = None
        for place, entrant in enumerate(left):
            try:
                model = self._fit(entrant, rung)
            except TrainingDivergedError as error:
                diverged = error
                _log.info("  %s: %s", entrant.candidate.about, error)
                continue
            if self._best is None or entrant.best < self._best[0]:
                self._best = (entrant.best, entrant, model)
                if self.on_best is not None:
                    self.on_best(model)
            if entrant.history.ended in ("interrupted", "out of time"):
                return there, entrant.history.ended
            there.append(entrant)
            ahead = (time.monotonic() - began) / (place + 1) * (len(left) - place - 1)
            _log.info(
                "  %s: validation NLL %.2f nats after %d epochs, %.2f expected%s",
                entrant.candidate.about,
                entrant.best,
                entrant.history.epochs[-1].epoch,
                entrant.expected,
                f" (about {duration(ahead)} left here)" if ahead else "",
            )
        if diverged is not None and not there:
            raise diverged
        return there, None

    def _fit(self, entrant: _Entrant, rung: Rung) -> MADE:
        model = self.build(entrant.candidate)
        entrant.history = fit(
            model,
            self.train,
            self.valid,
            **{**entrant.candidate.training, **self.others},
            checkpoint=entrant.checkpoint,
            resume=entrant.checkpoint.exists(),
            pause_after=rung.epoch(entrant.candidate),
            max_time=time_left(self.deadline),
        )
        assert self.valid is not None  # with too few validation rows nothing is compared
        entrant.nll = model.nll(self.valid).cpu().numpy()
        return model

    def _read_decisions(self, n: int) -> list[list[int]]:
        """Return which candidates each decided rung left."""
        file = self.folder / _DECISIONS
        if not file.exists():
            return []
        try:
            decisions = [[int(number) for number in kept] for kept in json.loads(file.read_text())]
        except (ValueError, TypeError) as error:
            raise InputError(f"cannot read {file}: {error}; delete it to compare again") from None
        if len(decisions) > len(self.plan.rungs) or any(not 0 <= i < n for kept in decisions for i in kept):
            raise InputError(f"{file} is of another comparison; delete it to compare again")
        return decisions
