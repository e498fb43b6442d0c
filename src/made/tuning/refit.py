"""Fitting anew on training and validation rows together, for as many steps as validation has chosen."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from made.mixture import Mixture
from made.model import MADE
from made.training.divergence import TrainingDivergedError
from made.training.fit import fit
from made.training.history import History
from made.training.interrupt import time_left
from made.training.shrinkage import Shrinkage
from made.tuning.candidates import Candidate
from made.tuning.pipeline import Pipeline
from made.variables.rows import Rows

__all__ = ["Fit", "refit"]

_log = logging.getLogger(__name__)


class Fit(NamedTuple):
    """A fit that was validated: whose (None: that of settings by hand), its settings and its history."""

    candidate: Candidate | None
    training: Mapping[str, Any]
    history: History


def refit(
    pipeline: Pipeline,
    fits: Sequence[Fit],
    folder: Path | None = None,
    *,
    deadline: float | None = None,
    progress: bool = False,
) -> tuple[MADE | None, str]:
    """Fit a model, or each member of a mixture, anew on all rows.

    Nothing is left to tell which epoch is the best: each fit ends after as many steps as its best epoch had,
    and each variable takes as much of it as it took there.

    Parameters
    ----------
    pipeline : Pipeline
        With training and validation rows.
    fits : sequence of Fit
        What was validated.
    folder : Path, optional
        Where checkpoints are kept; fits go on from those that are there.
    deadline : float, optional
        When to stop, as `time.monotonic` counts.
    progress : bool
        Show progress bars.

    Returns
    -------
    model : MADE or None
        None where a fit was stopped or diverged, and where all rows have been trained on already.
    ended : str
        As in `History`.
    """
    if pipeline.valid is None:
        _log.info("there are no validation rows to fit on as well: the model is as it was")
        return None, "finished"
    if folder is not None:
        folder.mkdir(exist_ok=True)
    rows = Rows.cat([pipeline.train, pipeline.valid])
    whole = pipeline.on(rows)
    members = []
    for number, (candidate, training, history) in enumerate(fits):
        model, _ = whole.prepare(candidate)
        epochs, stop = _lengths(history, training, len(pipeline.train), len(rows))
        _log.info("fitting anew on all %s rows, for %d epochs", f"{len(rows):,}", stop)
        shrinkage = Shrinkage(model, 1) if history.shares else None
        # By its length: a run that is extended is not gone on with where a shorter one ended.
        file = None if folder is None else folder / f"{number}-{stop}-of-{epochs}.safetensors"
        try:
            own = fit(
                model,
                rows,
                False,
                **{**training, "epochs": epochs, "patience": None, "shrink": False},
                pause_after=stop,
                checkpoint=file,
                resume=file is not None and file.exists(),
                max_time=time_left(deadline),
                progress=progress,
            )
        except TrainingDivergedError as diverged:
            _log.info("%s: the validated model is kept", diverged)
            return None, "finished"
        if own.is_stopped:
            return None, own.ended
        if shrinkage is not None:
            shrinkage.apply(torch.tensor(history.shares))
        members.append(model)
    return (members[0] if len(members) == 1 else Mixture(members)), "finished"


def _lengths(history: History, training: Mapping[str, Any], n_train: int, n_all: int) -> tuple[int, int]:
    """Return the epochs of a schedule for all rows, and after which of them the best step is reached.

    Examples
    --------
    >>> from made.training.history import EpochRecord
    >>> history = History([EpochRecord(9, 90, 1.0, 1.0, 0.1, 1e-3, 5.0)], best_epoch=9)
    >>> _lengths(history, {"epochs": 10, "batch_size": 100}, n_train=1_000, n_all=2_000)
    (5, 4)
    """
    before, after = (math.ceil(n / training["batch_size"]) for n in (n_train, n_all))
    best = next(own.step for own in history.epochs if own.epoch == history.best_epoch)
    stop = max(1, round(best / after)) if best else 0
    return max(stop, 1, round(training["epochs"] * before / after)), stop
