"""`made.fit`: from rows and settings to a fitted model."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from made.base import BaseModel
from made.data.row_file import RowFile
from made.mixture import NOT_TRAINED, Mixture
from made.support.checks import check_int
from made.support.devices import find_device
from made.support.errors import InputError
from made.support.settings import check_names
from made.training.batches import Batch, Batches, batches_from, complete_rows, rows_of
from made.training.checkpoint import Checkpoint
from made.training.held_out import set_apart
from made.training.history import EpochRecord, History
from made.training.interrupt import deadline_in, interruptible
from made.training.memory import check_fit
from made.training.progress import FitProgress
from made.training.settings import TRAINING_SETTINGS, TrainingSettings
from made.training.trainer import Trainer
from made.variables import frames
from made.variables.rows import Rows, RowsLike

__all__ = ["fit"]


def fit(
    model: BaseModel,
    train: RowsLike | RowFile | Batches,
    valid: RowsLike | RowFile | Literal[False] | None = None,
    settings: TrainingSettings | None = None,
    *,
    progress: bool = False,
    sample_weight: ArrayLike | None = None,
    context: ArrayLike | Tensor | None = None,
    valid_context: ArrayLike | Tensor | None = None,
    device: str | torch.device | None = None,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    pause_after: int | None = None,
    max_time: float | None = None,
    on_epoch: Callable[[EpochRecord], None] | None = None,
    on_best: Callable[[BaseModel, float], None] | None = None,
    **changes: Any,
) -> History:
    """Train a model, and leave it with the weights of its best epoch.

    A model that has not been trained first gets the smoothed marginals of the training rows as output biases.
    Ctrl-C ends the fit after the step in hand; the model then has the weights of the best epoch so far.

    Parameters
    ----------
    model : MADE or Autoencoder
        Is changed in place.
    train : array, tensor, RowFile or Batches
        Training rows, (n, D). A file (`made.data.open_rows`) is streamed: it may be larger than memory. Ready
        `Batches` are trained on as they are; nothing of them is set apart.
    valid : array, tensor or RowFile, or False, optional
        Validation rows: they choose the best epoch. All are in memory. Where none are given, a tenth of the
        training rows is set apart for this (`history.notes` says so), unless there are fewer than 100. With
        False all rows are trained on, and the last epoch is kept.
    settings : TrainingSettings, optional
        How to train. By default, `TrainingSettings()`.
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
    pause_after : int, optional
        Pause at the end of this epoch, with a checkpoint; `resume` goes on as if there had been no pause.
    max_time : float, optional
        Stop after so many seconds; the model then has the weights of the best epoch so far. The clock changes
        nothing but when the fit ends.
    on_epoch : callable, optional
        Called with the `EpochRecord` after every epoch.
    on_best : callable, optional
        Called with the model, while it has its best weights so far, and their validation NLL: after an epoch,
        where they are new, and not more often than every five seconds.
    **changes
        Settings that replace those of `settings`: `epochs`, `batch_size`, `seed`, `learning_rate` and the
        other fields of `TrainingSettings`.

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
    if isinstance(model, Mixture):
        raise InputError(NOT_TRAINED)
    if frames.is_frame(train) and model.schema.frame is None:
        model.schema = model.schema.of_frame(train)
    settings = _settings(settings, changes)
    deadline = deadline_in(max_time)
    pause_after = None if pause_after is None else check_int("pause_after", pause_after)
    if device is not None:
        model.to(find_device(device))
    note = None
    if valid is None and valid_context is None and not isinstance(train, Batches):
        rows = train if isinstance(train, RowFile) else complete_rows(model, train, context)
        train, sample_weight, valid, note = set_apart(rows, sample_weight, seed=settings.seed)
        context = context if isinstance(train, RowFile) else None
    if isinstance(train, Batches):
        batches = _checked(train, settings, context, sample_weight)
    else:
        batches = batches_from(model, train, settings, context, sample_weight)
    held_out = _held_out(model, valid, valid_context, is_conditional=context is not None)
    check_fit(model, settings.batch_size, batches.n_rows)
    if resume and checkpoint is None:
        raise InputError("resume needs the checkpoint file to go on from")
    if checkpoint is not None and not Path(checkpoint).parent.is_dir():
        raise InputError(f"cannot write {checkpoint}: No such file or directory; make its folder first")
    if model.at_initialization:
        batches.set_marginals(model)
    trainer = Trainer(model, settings, batches, held_out)
    trainer.history.notes += [note] if note else []
    if resume and checkpoint is not None:
        trainer.restore(Checkpoint.read(checkpoint, model, settings, trainer.data))
    with (
        FitProgress(trainer.n_steps, settings.epochs, first=trainer.step, visible=progress) as shown,
        interruptible(deadline) as interrupt,
    ):
        if note:
            shown.print(note)
        try:
            file = None if checkpoint is None else Path(checkpoint)
            trainer.run(shown, interrupt, file, on_epoch, on_best, until=pause_after)
        finally:
            if held_out is not None or settings.ema or trainer.history.ended == "diverged":
                trainer.best.give_back()
    return trainer.history


def _settings(settings: TrainingSettings | None, changes: dict[str, Any]) -> TrainingSettings:
    if settings is not None and not isinstance(settings, TrainingSettings):
        raise InputError(f"settings is a TrainingSettings, got {settings!r}: pass others by name, epochs=30")
    if changes.keys() - set(TRAINING_SETTINGS):
        arguments = inspect.signature(fit).parameters.values()
        others = [own.name for own in arguments if own.kind is inspect.Parameter.KEYWORD_ONLY]
        check_names(changes, [*TRAINING_SETTINGS, *others], "made.fit")
    return TrainingSettings(**changes) if settings is None else settings.changed(**changes)


def _checked(
    batches: Batches,
    settings: TrainingSettings,
    context: ArrayLike | Tensor | None,
    sample_weight: ArrayLike | None,
) -> Batches:
    if context is not None or sample_weight is not None:
        raise InputError("ready batches bring their context and weights: pass neither besides")
    if batches.batch_size != settings.batch_size:
        raise InputError(f"the batches have {batches.batch_size} rows, batch_size says {settings.batch_size}")
    return batches


def _held_out(
    model: BaseModel,
    valid: RowsLike | RowFile | Literal[False] | None,
    context: ArrayLike | Tensor | None,
    *,
    is_conditional: bool,
) -> Batch | None:
    """Return the validation rows with their context, checked."""
    if valid is None or valid is False:
        if context is not None:
            raise InputError("valid_context was given without validation rows: pass both, or neither")
        return None
    if context is None and is_conditional and not isinstance(valid, Rows):
        raise InputError("validation rows of a conditional model need context as well: pass valid_context")
    rows = rows_of(model, valid, context)
    if len(rows) == 0:
        raise InputError("no validation rows were given: pass False to train without validation")
    return Batch.of(rows)
