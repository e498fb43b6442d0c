"""The trainer: takes the steps of a fit. Plain torch, and every step a function of (seed, step)."""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from made.base import BaseModel
from made.support.errors import InputError
from made.training.averaging import WeightAverage, is_due
from made.training.batches import Batch, Batches
from made.training.best import BestWeights
from made.training.checkpoint import Checkpoint, fingerprint
from made.training.divergence import Divergence
from made.training.history import EpochRecord, History
from made.training.interrupt import Interrupt
from made.training.loss_log import LossLog
from made.training.make_step import make_step
from made.training.precision import products_in
from made.training.progress import FitProgress
from made.training.settings import TrainingSettings, learning_rate
from made.training.shifting import Shifts
from made.training.shrinkage import Shrinkage, best_shares
from made.training.steps import Step

__all__ = ["Trainer", "mean_and_error"]

_log = logging.getLogger(__name__)

# A checkpoint is written at the beginning, and at the end of an epoch, but not more often than this.
_SECONDS_BETWEEN_CHECKPOINTS = 30.0
# Nor is a better model handed on more often than this.
_SECONDS_BETWEEN_BEST = 5.0

OnEpoch = Callable[[EpochRecord], None]
OnBest = Callable[[BaseModel, float], None]


class Trainer:
    """Takes the steps of a fit, from where it starts or resumes to where it ends.

    Parameters
    ----------
    model : BaseModel
        Is changed in place.
    settings : TrainingSettings
        How it is trained.
    batches : Batches
        The training rows.
    valid : Batch, optional
        The validation rows: they choose the best epoch.

    Attributes
    ----------
    step, n_steps : int
        How many steps have been taken, and how many there are at most.
    history : History
        The record.
    best : BestWeights
        Those of the best epoch so far. A fit without validation keeps those of the last epoch that had not
        diverged.
    """

    def __init__(
        self, model: BaseModel, settings: TrainingSettings, batches: Batches, valid: Batch | None = None
    ) -> None:
        self.model, self.settings, self.batches, self.valid = model, settings, batches, valid
        self.step, self.n_steps = 0, settings.epochs * batches.steps_per_epoch
        self.shifts = Shifts(model, settings, self.n_steps) if settings.shift else None
        self.update = self._make_step()
        self.best = BestWeights(model)
        self.average = WeightAverage(model, settings.ema) if settings.ema else None
        self.shrinkage = Shrinkage(model, settings.valid_masks) if settings.shrink else None
        if self.shrinkage is not None and valid is None:
            raise InputError("shrink needs validation rows to choose by: pass valid, or 100 rows or more")
        self._record_in(History(steps=self.update.kind))
        rows, weight, *others = batches.identity()
        if valid is not None:
            others += [valid.context, valid.bodies]
            self.valid = Batch.of(model.scored(valid.encoded))
        own = [each for each in others if each is not None]
        self.data = fingerprint(rows, weight, None if valid is None else valid.rows, *own)
        self.began = self.saved = self.handed_on = time.monotonic()
        self.best_handed_on: int | None = None
        self.generator = torch.Generator(device=model.device)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go back to where a checkpoint was written."""
        if (self.valid is None) != (not checkpoint.history.valid_nll):
            raise InputError("the checkpoint is damaged: its history is not of these validation rows")
        self.model.load_state_dict(checkpoint.weights)
        kind = checkpoint.history.steps
        if kind and kind != self.update.kind:  # another processor, or another number of steps
            self.update = self._make_step(kind)
            checkpoint.history.steps = self.update.kind
        self.update.restore(checkpoint.optimizer)
        self.best.restore(checkpoint.best)
        if self.average is not None:
            self.average.restore(checkpoint.average)
        if self.shrinkage is not None:
            self.shrinkage.restore(checkpoint.start)
        self._record_in(checkpoint.history)
        self.history.ended = "running"
        self.step = checkpoint.step
        self.began = time.monotonic() - checkpoint.seconds

    def run(
        self,
        progress: FitProgress,
        interrupt: Interrupt,
        checkpoint: Path | None = None,
        on_epoch: OnEpoch | None = None,
        on_best: OnBest | None = None,
        until: int | None = None,
    ) -> None:
        """Take the steps that are left.

        Parameters
        ----------
        progress : FitProgress
            Shows how far the fit is.
        interrupt : Interrupt
            Ends the fit after the step in hand.
        checkpoint : Path, optional
            Where a checkpoint is written now and then, and at the end.
        on_epoch : callable, optional
            Is called with the record of every epoch.
        on_best : callable, optional
            Is called now and then with a better model and its validation NLL.
        until : int, optional
            Pause at the end of this epoch.
        """
        if not self.history.epochs:
            self._end_epoch(progress, on_epoch)
            if checkpoint:  # there is one to go on from as soon as there is a fit
                self._save_or_tell(checkpoint)
        end = self.n_steps if until is None else min(until * self.batches.steps_per_epoch, self.n_steps)
        while self.step < end and not self._is_out_of_patience():
            self._take_step()
            progress.step(self.step, self.losses.latest)
            if self.step % self.batches.steps_per_epoch == 0:
                self._end_epoch(progress, on_epoch)
                if on_best is not None:
                    self._hand_on(on_best)
                if checkpoint and self._is_due:
                    self._save_or_tell(checkpoint)
            reason = self._reason_to_stop(interrupt)
            if reason is not None:
                self._read_losses()
                self.history.ended = reason
                progress.print(f"{reason} after {self.step:,} of {self.n_steps:,} steps")
                break
        else:
            self.history.ended = self._how_it_ended()
            if self.history.ended != "paused":
                self.divergence.check_end(self.losses.mean_of_epoch())
        if checkpoint and self.history.ended == "paused":
            self._save(checkpoint)  # which is all that is left of it
        elif checkpoint:
            self._save_or_tell(checkpoint)

    def _record_in(self, history: History) -> None:
        self.history = history
        self.losses = LossLog(history.batch_losses, self.batches.sizes, self.model.device)
        self.divergence = Divergence(self.model, history)

    def _take_step(self) -> None:
        batch = self.batches.batch(self.step)
        if self.shifts is not None:
            batch = self.shifts(batch, self.step)
        self.generator.manual_seed(_mix(*self._seed_of_step()))
        draw, rate = self.step // self.settings.resample_every, self._rate(self.step)
        with products_in(self.settings.precision):
            self.losses.add(self.update.take(batch, draw, rate, self.generator))
        self.step += 1
        if self.average is not None and is_due(self.step):
            self.update.sync()
            self.average.update(self.step)
        if self.losses.is_due or self.step % self.batches.steps_per_epoch == 0:
            self._read_losses()

    @property
    def _is_due(self) -> bool:
        """Whether the latest checkpoint is old."""
        return time.monotonic() - self.saved > _SECONDS_BETWEEN_CHECKPOINTS

    def _make_step(self, kind: str | None = None) -> Step:
        """Return what takes the steps; `kind` is what an earlier part of the fit was taken by."""
        return make_step(self.model, self.settings, self.n_steps, kind)

    def _seed_of_step(self) -> tuple[int, ...]:
        """Return what decides which units are dropped in the next step."""
        return self.settings.seed, self.step

    def _reason_to_stop(self, interrupt: Interrupt) -> str | None:
        """Return why the fit ends after the step that was taken, if it does."""
        return interrupt.reason

    def _rate(self, step: int) -> float:
        return learning_rate(self.settings, step, self.n_steps)

    def _read_losses(self) -> None:
        for step, loss in self.losses.read():
            self.divergence.check_step(step, loss, self._rate(step - 1))

    def _end_epoch(self, progress: FitProgress, on_epoch: OnEpoch | None) -> None:
        """Validate the model, keep its weights where they are the best so far, and record the epoch."""
        self.update.sync()
        epoch = self.step // self.batches.steps_per_epoch
        mean = self.losses.mean_of_epoch()
        with self._as_validated() as (shares, luck):
            nll, error = self._validate()
            nll = None if nll is None else nll + luck
            is_better = nll is not None and all(nll < other for other in self.history.valid_nll)
            if is_better or (nll is None and not self.divergence.is_harm(mean)):
                self.best.keep()
                self.history.best_epoch = epoch if is_better else None
                self.history.shares = shares
        record = EpochRecord(
            epoch=epoch,
            step=self.step,
            train_loss=mean,
            valid_nll=nll,
            valid_se=None if error is None or math.isnan(error) else error,
            learning_rate=self.settings.peak if self.step == 0 else self._rate(self.step - 1),
            seconds=time.monotonic() - self.began,
        )
        self.history.epochs.append(record)
        progress.epoch(record)
        if on_epoch is not None:
            on_epoch(record)

    def _hand_on(self, on_best: OnBest) -> None:
        """Hand the best model on, if it is a new one and the last was some time ago."""
        best = self.history.best_epoch
        if best == self.best_handed_on or time.monotonic() - self.handed_on < _SECONDS_BETWEEN_BEST:
            return
        with self.best.in_place():
            on_best(self.model, min(self.history.valid_nll))
        self.best_handed_on, self.handed_on = best, time.monotonic()

    def _validate(self) -> tuple[float | None, float | None]:
        if self.valid is None:
            return None, None
        return mean_and_error(self.model.nll(self.valid.encoded, self.settings.valid_masks))

    @contextlib.contextmanager
    def _as_validated(self) -> Iterator[tuple[list[float], float]]:
        """Give the model the weights that are validated and kept.

        The block is given the shares of the variables, if there are some, and the nats they owe to luck.
        """
        own: list[float] = []
        luck = 0.0
        with contextlib.ExitStack() as stack:
            if self.average is not None:
                stack.enter_context(self.average.in_place())
            if self.shrinkage is not None and self.valid is not None:
                shares, luck = best_shares(*self._validation_sums(self.shrinkage, self.valid))
                stack.enter_context(self.shrinkage.in_place(shares))
                own = shares.tolist()
            yield own, luck

    def _validation_sums(self, shrinkage: Shrinkage, valid: Batch) -> tuple[Tensor, int]:
        """Return what the validation rows say of shares, and how many they are."""
        return shrinkage.sums(valid.encoded), len(valid.rows)

    def _how_it_ended(self) -> str:
        if self.step >= self.n_steps:
            return "finished"
        return "stopped early" if self._is_out_of_patience() else "paused"

    def _is_out_of_patience(self) -> bool:
        if self.settings.patience is None or self.history.best_epoch is None:
            return False
        return self.history.epochs[-1].epoch - self.history.best_epoch >= self.settings.patience

    def _save_or_tell(self, path: Path) -> None:
        """Save a checkpoint; where that fails, say so and go on: what was fitted is not lost for it."""
        try:
            self._save(path)
        except InputError as error:
            self.saved = time.monotonic()
            _log.warning("no checkpoint could be written, and the fit goes on without: %s", error)

    def _save(self, path: Path) -> None:
        optimizer = self.update.state()  # which brings the weights up to date
        Checkpoint(
            step=self.step,
            weights=dict(self.model.state_dict()),
            best=self.best.weights,
            optimizer=optimizer,
            history=self.history,
            data=self.data,
            seconds=time.monotonic() - self.began,
            average={} if self.average is None else self.average.weights,
            start={} if self.shrinkage is None else self.shrinkage.start,
        ).save(path, self.model, self.settings)
        self.saved = time.monotonic()


def mean_and_error(values: Tensor) -> tuple[float, float]:
    """Return the mean and its standard error; NaN as the error of a single value.

    Examples
    --------
    >>> mean_and_error(torch.tensor([1.0, 3.0], dtype=torch.float64))
    (2.0, 1.0)
    """
    error = float(values.std() / math.sqrt(len(values))) if len(values) > 1 else math.nan
    return float(values.mean()), error


def _mix(*seeds: int) -> int:
    """Return one number for (seed, step), as torch's generators take no pairs."""
    return int(np.random.SeedSequence(list(seeds)).generate_state(1, np.uint64)[0] >> np.uint64(1))
