"""Comparing candidates: all begin the final fit, and those that may still win go on with it.

At each rung of the plan every candidate that is left has done the same fraction of its epochs, and what its
validation curve promises decides (`judge`). The winner goes on from where it is. Fits run side by side on the
cores there are, with one thread each, and a rung is decided when all have got there: what comes out does not
depend on where they ran. Decisions, and the state of every fit, are kept in a folder: a comparison that was
interrupted goes on there.
"""

from __future__ import annotations

import json
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from made.model import MADE
from made.support.errors import InputError
from made.support.progress import duration
from made.support.writing import write_aside
from made.training.history import History
from made.training.interrupt import interruptible, time_left
from made.tuning.candidates import Candidate
from made.tuning.entrant import Entrant, with_best_weights
from made.tuning.judge import mixes, survivors
from made.tuning.plan import Plan, Rung
from made.tuning.side_by_side import Worker, n_cores, one_thread, share, workers
from made.variables.rows import Rows
from made.variables.schema import Schema

__all__ = ["Comparison", "Outcome"]

_log = logging.getLogger(__name__)

_DECISIONS = "decisions.json"
# Less work, in steps times units of a layer, is done one fit at a time: another process takes about three
# seconds to begin.
_WORK_FOR_WORKERS = 400_000
_SECONDS_BETWEEN_LOOKS = 0.02


@dataclass(frozen=True)
class Outcome:
    """What a comparison ended with.

    Attributes
    ----------
    candidate : Candidate
        The winner; where the comparison did not end, the best so far.
    model : MADE or None
        Where the comparison did not end, with the best weights so far.
    history : History
        Of that candidate's fit.
    checkpoint : Path or None
        Where that fit goes on from; None where there was nothing to compare.
    partner : (Candidate, Path) or None
        The other finalist with its finished fit, where the mixture of both is better than the winner alone.
    ended : str
        ``"chosen"``, ``"interrupted"`` or ``"out of time"``.
    """

    candidate: Candidate
    model: MADE | None
    history: History
    checkpoint: Path | None
    partner: tuple[Candidate, Path] | None = None
    ended: str = "chosen"


class Comparison:
    """Compares the candidates of a plan.

    Parameters
    ----------
    plan : Plan
        What to do.
    build : callable
        Builds the model of a candidate.
    schema : Schema
        Of the rows.
    train, valid : Rows
        With their context.
    folder : Path
        Where fits and decisions are kept; may not exist yet.
    seed : int
        Of the fits.
    n_workers : int, optional
        Processes beside this one; by default one for each other core where there is work for them.
    deadline : float, optional
        When to stop, as `time.monotonic` counts.
    on_best : callable, optional
        Called with a model and its validation NLL whenever that is lower than all before.
    progress : bool
        Show a progress bar for the fits of this process.
    """

    def __init__(
        self,
        plan: Plan,
        build: Callable[[Candidate], MADE],
        schema: Schema,
        train: Rows,
        valid: Rows | None,
        folder: Path,
        *,
        seed: int = 0,
        n_workers: int | None = None,
        deadline: float | None = None,
        on_best: Callable[[MADE, float], None] | None = None,
        progress: bool = False,
    ) -> None:
        self.plan, self.build, self.schema = plan, build, schema
        self.train, self.valid, self.folder, self.seed = train, valid, folder, seed
        self.deadline, self.on_best, self.progress = deadline, on_best, progress
        self._n_workers = self._useful_workers() if n_workers is None else n_workers
        self._best: Entrant | None = None
        self._best_nll = math.inf

    def run(self) -> Outcome:
        """Go through the rungs; what is decided already is not decided again.

        Raises
        ------
        TrainingDivergedError
            If the fit of every candidate diverged.
        """
        if len(self.plan.candidates) == 1 or self.valid is None:
            return Outcome(self.plan.candidates[0], None, History(), None)
        self.folder.mkdir(parents=True, exist_ok=True)
        entrants = [
            Entrant(number, candidate, self.folder / f"{number}.safetensors")
            for number, candidate in enumerate(self.plan.candidates)
        ]
        decisions = self._read_decisions(len(entrants))
        if not decisions:
            self._hand_on_untrained()
        left = [entrants[number] for number in decisions[-1]] if decisions else entrants
        rungs = self.plan.rungs[len(decisions) :] if len(left) > 1 else ()
        if self._n_workers and rungs:
            share(self.folder, self.schema, self.train, self.valid, self.seed)
        with one_thread(), workers(self._n_workers if rungs else 0, self.folder) as others:
            for rung in rungs:
                if len(left) == 1:
                    break
                ended = self._go_to(rung, left, others)
                if ended is not None:
                    return self._stopped(ended, left)
                left = self._decide(rung, left)
                decisions.append([own.number for own in left])
                write_aside(self.folder / _DECISIONS, json.dumps(decisions).encode())
        winner, *rest = left
        _log.info("chosen: %s", " mixed with ".join(own.candidate.about for own in left))
        partner = (rest[0].candidate, rest[0].checkpoint) if rest else None
        return Outcome(winner.candidate, None, winner.history, winner.checkpoint, partner)

    def _go_to(self, rung: Rung, left: Sequence[Entrant], others: Sequence[Worker]) -> str | None:
        """Fit candidates up to a rung, side by side; return why the comparison ends, if it does."""
        when = "at the end" if rung.fraction == 1 else f"after {rung.fraction:.0%} of their epochs"
        _log.info("comparing %d settings %s", len(left), when)
        waiting, there = deque(left), deque[Entrant]()
        threads = [threading.Thread(target=self._serve, args=(own, rung, waiting, there)) for own in others]
        for thread in threads:
            thread.start()
        began, n_there, is_pressed = time.monotonic(), 0, False
        with interruptible() as interrupt:
            while True:
                if (entrant := _take(waiting)) is not None:
                    self._fit_here(entrant, rung)
                    there.append(entrant)
                elif any(thread.is_alive() for thread in threads):
                    time.sleep(_SECONDS_BETWEEN_LOOKS)
                elif not waiting and not there:
                    break
                while (entrant := _take(there)) is not None:
                    n_there += 1
                    ahead = (time.monotonic() - began) / n_there * (len(left) - n_there)
                    self._note(entrant, ahead)
                    if entrant.history.is_stopped:
                        waiting.clear()
                if not is_pressed and (interrupt.pressed or _is_interrupted(left)):
                    is_pressed = True
                    for worker in others:
                        worker.stop()
                if is_pressed:
                    waiting.clear()  # a process that has died puts back what it had
        if is_pressed:
            return "interrupted"
        return "out of time" if any(own.history.is_stopped for own in left) else None

    def _fit_here(self, entrant: Entrant, rung: Rung) -> None:
        assert self.valid is not None  # else nothing is compared
        entrant.fit(
            self.build(entrant.candidate),
            self.train,
            self.valid,
            seed=self.seed,
            pause_after=rung.epoch(entrant.candidate),
            max_time=time_left(self.deadline),
            progress=self.progress,
        )

    def _serve(self, worker: Worker, rung: Rung, waiting: deque[Entrant], there: deque[Entrant]) -> None:
        """Have a worker fit what is waiting."""
        while (entrant := _take(waiting)) is not None:
            pause_after = rung.epoch(entrant.candidate)
            if not worker.fit(entrant, self.build, pause_after=pause_after, deadline=self.deadline):
                waiting.append(entrant)  # its process has died: another one fits it
                return
            there.append(entrant)

    def _note(self, entrant: Entrant, ahead: float) -> None:
        """Log how far a candidate got, and keep the best model."""
        if entrant.failure is not None:
            _log.info("  %s: %s", entrant.candidate.about, entrant.failure)
            return
        if entrant.best < self._best_nll:  # that of the best itself falls from rung to rung
            self._best, self._best_nll = entrant, entrant.best
            if self.on_best is not None:
                self.on_best(self._model_of(entrant), entrant.best)
        _log.info(
            "  %s: validation NLL %.2f nats after %d epochs, %.2f expected%s",
            entrant.candidate.about,
            entrant.best,
            entrant.history.epochs[-1].epoch,
            entrant.expected,
            f" (about {duration(ahead)} left here)" if ahead >= 1 else "",
        )

    def _hand_on_untrained(self) -> None:
        """Hand on a model before its first step, so that there is one from the beginning."""
        if self.on_best is None or self.valid is None:
            return
        model = self.build(self.plan.candidates[0])
        if model.at_initialization:
            model.set_marginals(self.train)
        self.on_best(model, float(model.nll(self.valid).mean()))

    def _decide(self, rung: Rung, left: Sequence[Entrant]) -> list[Entrant]:
        """Return who goes on; states of the others are deleted."""
        sound = [own for own in left if own.failure is None]
        if not sound:
            assert left[0].failure is not None  # as all have failed
            raise left[0].failure
        expected, at_best = [own.expected for own in sound], [own.at_best for own in sound]
        n_safe = min(self.plan.n_finalists, rung.n_kept)
        places = survivors(expected, at_best, [own.nll for own in sound], rung.n_kept, n_safe)
        kept = [sound[place] for place in places]
        if rung.fraction == 1:
            kept += [own for own in sound if own not in kept and mixes(kept[0].nll, own.nll)][:1]
        for own in left:
            if own not in kept and own is not self._best:
                own.checkpoint.unlink(missing_ok=True)
        return kept

    def _stopped(self, ended: str, left: Sequence[Entrant]) -> Outcome:
        if self._best is None:
            failures = [own.failure for own in left if own.failure is not None]
            raise failures[0] if failures else KeyboardInterrupt
        best = self._best
        # The fit of the best may have been at the end of its rung when that of another was stopped.
        history = replace(best.history, ended=ended)
        return Outcome(best.candidate, self._model_of(best), history, best.checkpoint, ended=ended)

    def _model_of(self, entrant: Entrant) -> MADE:
        """Return the model of a candidate with its best weights so far."""
        return with_best_weights(self.build(entrant.candidate), entrant.checkpoint)

    def _useful_workers(self) -> int:
        """Return how many processes there is work for, beside this one."""
        n, done, left, work = len(self.train), 0.0, len(self.plan.candidates), 0.0
        of_each = [
            own.training["epochs"]
            * (n / own.training.get("batch_size", n))
            * max(own.model.get("hidden", (512,)))
            for own in self.plan.candidates
        ]
        for rung in self.plan.rungs:
            work += left * (rung.fraction - done) * sum(of_each) / len(of_each)
            done, left = rung.fraction, rung.n_kept
        return min(n_cores(), len(self.plan.candidates)) - 1 if work > _WORK_FOR_WORKERS else 0

    def _read_decisions(self, n: int) -> list[list[int]]:
        """Return which candidates each decided rung left."""
        file = self.folder / _DECISIONS
        if not file.exists():
            return []
        try:
            decisions: list[list[int]] = json.loads(file.read_text())
        except (OSError, ValueError, TypeError, RecursionError) as error:
            raise InputError(f"cannot read {file}: {error}; delete it to compare again") from None
        left = list(range(n))
        for kept in decisions if isinstance(decisions, list) else [None]:
            is_list = isinstance(kept, list) and all(type(number) is int for number in kept)
            if not is_list or not kept or len(set(kept)) < len(kept) or not set(kept) <= set(left):
                raise InputError(f"{file} is damaged; delete it to compare again")
            left = kept
        if len(decisions) > len(self.plan.rungs):
            raise InputError(f"{file} is of another comparison; delete it to compare again")
        return decisions


def _take(waiting: deque[Entrant]) -> Entrant | None:
    """Take the first that is waiting; deques are safe between threads."""
    try:
        return waiting.popleft()
    except IndexError:
        return None


def _is_interrupted(left: Sequence[Entrant]) -> bool:
    return any(own.history.ended == "interrupted" for own in left)
