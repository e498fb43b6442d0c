"""The training loop: plain torch, and every step a function of (seed, step)."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from made.base import BaseModel
from made.data.row_file import RowFile
from made.model import MADE
from made.support.devices import find_device
from made.support.errors import InputError
from made.training.averaging import WeightAverage
from made.training.batches import Batch, Batches, batches_from, rows_of
from made.training.checkpoint import Checkpoint, fingerprint
from made.training.held_out import set_apart
from made.training.history import EpochRecord, History
from made.training.interrupt import Interrupt, interruptible
from made.training.make_step import make_step
from made.training.precision import products_in
from made.training.progress import Progress, shown
from made.training.settings import TrainingSettings, learning_rate
from made.training.shifting import SHARE, shift_rows

__all__ = ["TrainingDivergedError", "fit", "mean_and_error"]

# A checkpoint is written at the end of an epoch, but not more often than this.
_SECONDS_BETWEEN_CHECKPOINTS = 30.0
# Looking at a loss makes an accelerator wait: there it is done for so many steps at once.
_STEPS_BETWEEN_LOOKS = 32
# A loss of so many times what it was at first, at the end of a fit, is that of one that diverged.
_HARM = 2.0


class TrainingDivergedError(InputError):
    """The loss became infinite, or ended far too high.

    `model` has the weights of its best epoch, `history` is the record.
    """

    def __init__(self, message: str, history: History, model: BaseModel) -> None:
        super().__init__(message)
        self.history, self.model = history, model


def fit(
    model: BaseModel,
    train: ArrayLike | Tensor | RowFile,
    valid: ArrayLike | Tensor | RowFile | Literal[False] | None = None,
    epochs: int = 30,
    batch_size: int = 128,
    seed: int = 0,
    progress: bool = False,
    *,
    optimizer: str = "adamw",
    learning_rate: float | None = None,
    weight_decay: float | None = None,
    schedule: str | None = None,
    warmup: float = 0.1,
    patience: int | None = None,
    resample_every: int = 1,
    valid_masks: int = 8,
    precision: str = "float32",
    compiled: bool | None = None,
    ema: float = 0.0,
    shift: int = 0,
    sample_weight: ArrayLike | None = None,
    context: ArrayLike | Tensor | None = None,
    valid_context: ArrayLike | Tensor | None = None,
    device: str | torch.device | None = None,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    on_epoch: Callable[[EpochRecord], None] | None = None,
) -> History:
    """Train a model, and leave it with the weights of its best epoch.

    A model that has not been trained first gets the smoothed marginals of the training rows as output biases.
    Ctrl-C ends the fit after the step in hand; the model then has the weights of the best epoch so far.

    Parameters
    ----------
    model : MADE or Autoencoder
        Is changed in place.
    train : array, tensor or RowFile
        Training rows, (n, D). A file (`made.data.open_rows`) is streamed: it may be larger than memory.
    valid : array, tensor or RowFile, or False, optional
        Validation rows: they choose the best epoch. All are in memory. Where none are given, a tenth of the
        training rows is set apart for this (`history.notes` says so), unless there are fewer than 100. With
        False all rows are trained on, and the last epoch is kept.
    epochs, batch_size, seed, optimizer, learning_rate, weight_decay, schedule, warmup, patience, \
resample_every, valid_masks, precision, compiled, ema, shift
        See `made.training.settings.TrainingSettings`.
    progress : bool
        Show a progress bar with the time left, on standard error.
    sample_weight : array, optional
        (n,): a row of weight w counts as w rows. For rows in memory, as `context` is.
    context, valid_context : array or tensor, optional
        (n, C) for the training and the validation rows, for a model of p(x | c).
    device : str or torch.device, optional
        Move the model there first, e.g. ``"cuda"``.
    checkpoint : path, optional
        Where to keep a file from which `resume` goes on.
    resume : bool
        Go on from `checkpoint`. The result is that of a fit which never stopped.
    on_epoch : callable, optional
        Called with the `EpochRecord` after every epoch.

    Returns
    -------
    History

    Raises
    ------
    InputError
        If data or settings make no sense.
    TrainingDivergedError
        An `InputError` too: if the loss becomes infinite, or ends far above that before the first step. The
        model keeps the weights of its best epoch.

    Examples
    --------
    >>> import made
    >>> data = made.data.load("digits")
    >>> model = made.MADE(made.Bernoulli(64), hidden=(64,))
    >>> history = made.fit(model, data.train, data.valid, epochs=2, seed=0)
    >>> [record.epoch for record in history.epochs]
    [0, 1, 2]
    >>> history.valid_nll[2] < history.valid_nll[0]
    True
    """
    settings = TrainingSettings(
        epochs=epochs,
        batch_size=batch_size,
        seed=seed,
        optimizer=optimizer,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        schedule=schedule,
        warmup=warmup,
        patience=patience,
        resample_every=resample_every,
        valid_masks=valid_masks,
        precision=precision,
        compiled=compiled,
        ema=ema,
        shift=shift,
    )
    if device is not None:
        model.to(find_device(device))
    note = None
    if valid is None and valid_context is None:
        train, context, sample_weight, valid, valid_context, note = set_apart(
            model, train, context, sample_weight, seed=settings.seed
        )
    batches = batches_from(model, train, settings, context, sample_weight)
    valid_rows = None if valid is None or valid is False else rows_of(model, valid)
    if valid_rows is not None and len(valid_rows) == 0:
        raise InputError("no validation rows were given: pass False to train without validation")
    if valid_rows is None and valid_context is not None:
        raise InputError("valid_context was given without validation rows: pass both, or neither")
    if valid_rows is not None and valid_context is None and context is not None:
        raise InputError("validation rows of a conditional model need context as well: pass valid_context")
    held_out = None
    if valid_rows is not None:
        held_out = Batch(valid_rows, model.context_rows(valid_context, len(valid_rows)))
    if model.at_initialization:
        batches.set_marginals(model)
    sitting = _Sitting(model, settings, batches, held_out)
    sitting.history.notes += [note] if note else []
    if resume:
        if checkpoint is None:
            raise InputError("resume needs the checkpoint file to go on from")
        sitting.restore(Checkpoint.read(checkpoint, model, settings, sitting.data))
    with (
        shown(progress, sitting.step, sitting.steps, settings.epochs) as screen,
        interruptible() as interrupt,
    ):
        if note:
            screen.say(note)
        try:
            sitting.run(screen, interrupt, None if checkpoint is None else Path(checkpoint), on_epoch)
        finally:
            if valid_rows is not None or settings.ema or sitting.history.ended == "diverged":
                sitting.keep_best()
    return sitting.history


@dataclass
class _Sitting:
    """A fit from where it starts or resumes to where it ends."""

    model: BaseModel
    settings: TrainingSettings
    batches: Batches
    valid: Batch | None

    def __post_init__(self) -> None:
        self.unseen: list[Tensor] = []
        self.grid = _grid(self.model) if self.settings.shift else None
        self.steps_per_epoch = self.batches.steps_per_epoch
        self.steps = self.settings.epochs * self.steps_per_epoch
        self.stepping = make_step(self.model, self.settings, self.steps)
        self.step = 0
        self.history = History()
        self.best: dict[str, Tensor] = {}
        self.average = WeightAverage(self.model, self.settings.ema) if self.settings.ema else None
        rows, weight, context = self.batches.identity()
        valid, valid_context = (None, None) if self.valid is None else self.valid[:2]
        contexts = [each for each in (context, valid_context) if each is not None]
        self.data = fingerprint(rows, weight, valid, *contexts)
        self.began = self.saved = time.monotonic()
        self.generator = torch.Generator(device=self.model.device)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go back to where a checkpoint was written."""
        self.model.load_state_dict(checkpoint.weights)
        self.stepping.restore(checkpoint.optimizer)
        self.best = {name: tensor.to(self.model.device) for name, tensor in checkpoint.best.items()}
        if self.average is not None:
            self.average.restore(checkpoint.average)
        self.history = checkpoint.history
        self.history.ended = "running"
        self.step = checkpoint.step
        self.began = time.monotonic() - checkpoint.seconds

    def run(
        self,
        screen: Progress,
        interrupt: Interrupt,
        path: Path | None,
        on_epoch: Callable[[EpochRecord], None] | None,
    ) -> None:
        """Take the steps that are left."""
        if not self.history.epochs:
            self._end_epoch(screen, on_epoch)
        while self.step < self.steps and not self._is_out_of_patience():
            self._take_step(self.batches.batch(self.step))
            screen.step(self.step, self.history.batch_losses[-1] if self.history.batch_losses else math.nan)
            if self.step % self.steps_per_epoch == 0:
                self._end_epoch(screen, on_epoch)
                if path is not None and time.monotonic() - self.saved > _SECONDS_BETWEEN_CHECKPOINTS:
                    self._save(path)
            if interrupt.pressed:
                if self.unseen:
                    self._look()
                self.history.ended = "interrupted"
                screen.say(f"interrupted after {self.step:,} of {self.steps:,} steps")
                break
        else:
            self.history.ended = "finished" if self.step >= self.steps else "stopped early"
            self._check_gain()
        if path is not None:
            self._save(path)

    def keep_best(self) -> None:
        """Give the model the weights of its best epoch."""
        if self.best:
            self.model.load_state_dict(self.best)

    def _take_step(self, batch: Batch) -> None:
        self.generator.manual_seed(_mix(self.settings.seed, self.step))
        draw = self.step // self.settings.resample_every
        rate = learning_rate(self.settings, self.step, self.steps)
        if self.grid is not None and self.step < SHARE * self.steps:
            own = self.settings
            batch = batch._replace(rows=shift_rows(batch.rows, self.grid, own.shift, own.seed, self.step))
        with products_in(self.settings.precision):
            self.unseen.append(self.stepping.take(batch, draw, rate, self.generator))
        self.step += 1
        if self.average is not None and self.average.is_due(self.step):
            self.stepping.sync()
            self.average.update(self.step)
        ends = self.step % self.steps_per_epoch == 0
        if ends or len(self.unseen) == (1 if self.model.device.type == "cpu" else _STEPS_BETWEEN_LOOKS):
            self._look()

    def _look(self) -> None:
        """Note the losses of the steps since the last look; stop where one is infinite or NaN."""
        values = torch.stack(self.unseen).tolist()
        first = self.step - len(values)
        self.unseen = []
        for i, value in enumerate(values):
            self.history.batch_losses.append(value)
            if not math.isfinite(value):
                rate = learning_rate(self.settings, first + i, self.steps)
                self._give_up(f"became {value} at step {first + i + 1:,} (learning rate {rate:.2g})")

    def _check_gain(self) -> None:
        """Stop where the loss is finite at the end, but so high that the fit did nothing but harm."""
        if not self.history.best_epoch and self._did_harm():
            first, last = self.history.batch_losses[0], self.history.epochs[-1].train_loss
            self._give_up(f"is {last:.4g} nats at the end, {first:.4g} before the first step")

    def _did_harm(self) -> bool:
        """Say whether the loss of the last epoch is far above that before the first step."""
        last = self._mean_of_last_epoch()
        return last is not None and last > _HARM * self.history.batch_losses[0]

    def _give_up(self, what: str) -> NoReturn:
        self.history.ended = "diverged"
        raise TrainingDivergedError(
            f"training diverged: the loss {what}; lower the learning rate. The best model so far is kept.",
            self.history,
            self.model,
        )

    def _end_epoch(self, screen: Progress, on_epoch: Callable[[EpochRecord], None] | None) -> None:
        self.stepping.sync()
        with contextlib.nullcontext() if self.average is None else self.average.in_place():
            nll, error = self._look_at_weights()
        epoch = self.step // self.steps_per_epoch
        record = EpochRecord(
            epoch=epoch,
            step=self.step,
            train_loss=self._mean_of_last_epoch(),
            valid_nll=nll,
            valid_se=error,
            learning_rate=self.settings.peak
            if self.step == 0
            else learning_rate(self.settings, self.step - 1, self.steps),
            seconds=time.monotonic() - self.began,
        )
        self.history.epochs.append(record)
        screen.epoch(record)
        if on_epoch is not None:
            on_epoch(record)

    def _look_at_weights(self) -> tuple[float | None, float | None]:
        """Validate the model as it is, and keep its weights where they are the best so far."""
        nll, error = (None, None)
        if self.valid is not None:
            losses = self.model.nll(self.valid.rows, self.settings.valid_masks, self.valid.context)
            nll, error = mean_and_error(losses)
        # Without validation the last epoch that did no harm is what a diverging fit can fall back on.
        best = not self._did_harm() if nll is None else all(nll < other for other in self.history.valid_nll)
        if best:
            weights = self.model.state_dict()
            self.best = self.best or {name: torch.empty_like(tensor) for name, tensor in weights.items()}
            for name, tensor in weights.items():  # in place, so that there are never two of them
                self.best[name].copy_(tensor)
            self.history.best_epoch = None if nll is None else self.step // self.steps_per_epoch
        return nll, error

    def _mean_of_last_epoch(self) -> float | None:
        if self.step == 0:
            return None
        losses = self.history.batch_losses[-self.steps_per_epoch :]
        sizes = [self.settings.batch_size] * len(losses)
        sizes[-1] = self.batches.n_rows - self.settings.batch_size * (len(losses) - 1)
        return float(np.average(losses, weights=sizes))

    def _is_out_of_patience(self) -> bool:
        if self.settings.patience is None or self.history.best_epoch is None:
            return False
        return self.history.epochs[-1].epoch - self.history.best_epoch >= self.settings.patience

    def _save(self, path: Path) -> None:
        optimizer = self.stepping.state()
        Checkpoint(
            step=self.step,
            weights=dict(self.model.state_dict()),
            best=self.best,
            optimizer=optimizer,
            history=self.history,
            data=self.data,
            seconds=time.monotonic() - self.began,
            average={} if self.average is None else self.average.weights,
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


def _grid(model: BaseModel) -> tuple[int, int]:
    """Return the shape of the images of a model, which their shifting needs."""
    if not isinstance(model, MADE) or model.mask_set.field is None:
        raise InputError("shift is for models of images: give MADE a field={'grid': (28, 28), 'reach': 6}")
    return model.mask_set.field.grid


def _mix(seed: int, step: int) -> int:
    """Return one number for (seed, step), as torch's generators take no pairs."""
    return int(np.random.SeedSequence([seed, step]).generate_state(1, np.uint64)[0] >> np.uint64(1))
