"""The fits of a run: a comparison of settings, the fit of the winner or of settings by hand, and a refit."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from made.mixture import Mixture
from made.model import MADE
from made.runs.best_model import BestModel
from made.runs.config import RunConfig
from made.runs.folder import RunFolder
from made.support.writing import write_aside
from made.training.checkpoint import history_of
from made.training.divergence import TrainingDivergedError
from made.training.history import History
from made.training.interrupt import time_left
from made.tuning.candidates import Candidate
from made.tuning.pipeline import Pipeline
from made.tuning.refit import Fit, refit
from made.tuning.update import update

__all__ = ["Fits", "Fitted"]


@dataclass(frozen=True)
class Fitted:
    """What a run has come to.

    Attributes
    ----------
    model : MADE
    history : History
        Of its fit.
    config : RunConfig
        With what was chosen.
    training : mapping
        The settings of the fit.
    nll : float
        Validation NLL of the model; infinite where it is unknown.
    """

    model: MADE
    history: History
    config: RunConfig
    training: Mapping[str, Any]
    nll: float = math.inf


@dataclass(frozen=True)
class Fits:
    """Fits models for a run, and keeps its folder such that any of them can be gone on with.

    Parameters
    ----------
    folder : RunFolder
        Claimed.
    pipeline : Pipeline
        For the rows of the run.
    write : callable
        Writes the settings of the run, given what it has come to.
    best : BestModel
        Keeps the best model on disk.
    deadline : float, optional
        When to stop, as `time.monotonic` counts.
    progress : bool
        Show progress bars.
    """

    folder: RunFolder
    pipeline: Pipeline
    write: Callable[[RunConfig, MADE, Mapping[str, Any]], None]
    best: BestModel
    deadline: float | None = None
    progress: bool = False

    def compare(self, config: RunConfig) -> Fitted:
        """Compare the candidates of the plan, and fit the best to its end."""
        assert config.plan is not None
        outcome = self.pipeline.compare(
            config.plan,
            self.folder.comparison,
            deadline=self.deadline,
            on_best=self.best,
            progress=self.progress,
        )
        candidate = outcome.candidate
        if outcome.model is not None:  # stopped, with the best model so far
            nll = min(outcome.history.valid_nll)
            return Fitted(outcome.model, outcome.history, config, candidate.training, nll)
        config = replace(config, chosen=candidate.about)
        model, training = self.pipeline.prepare(candidate)
        if outcome.checkpoint is not None:
            write_aside(self.folder.checkpoint_file, outcome.checkpoint.read_bytes())
        if outcome.partner is None:
            self.write(config, model, training)
            self.folder.forget_comparison()
            return self.fit(config, model, training, resume=True)
        # Until the mixture is on disk, `--resume` ends the comparison again: nothing of it is forgotten.
        return self._mix(config, model, training, candidate, *outcome.partner)

    def fit(self, config: RunConfig, model: MADE, training: Mapping[str, Any], *, resume: bool) -> Fitted:
        """Fit a model, and once more on all rows where that is asked."""
        fitted = self._fit(config, model, training, resume=resume)
        return self._refitted(fitted, [Fit(config.candidate, training, fitted.history)])

    def update(self, config: RunConfig, start: MADE, training: Mapping[str, Any]) -> Fitted:
        """Go on with a model on the rows of the run."""
        model, history = update(
            start,
            self.pipeline.train,
            self.pipeline.valid,
            training=training,
            seed=self.pipeline.seed,
            checkpoint=self.folder.checkpoint_file,
            deadline=self.deadline,
            on_best=self.best,
            progress=self.progress,
        )
        return self._noted(Fitted(model, history, config, training))

    def _fit(self, config: RunConfig, model: MADE, training: Mapping[str, Any], *, resume: bool) -> Fitted:
        file = self.folder.checkpoint_file
        try:
            history = self.pipeline.fit(
                model,
                training,
                checkpoint=file,
                resume=resume and file.exists(),  # else it was killed before the first was written
                on_best=self.best,
                max_time=time_left(self.deadline),
                progress=self.progress,
            )
        except TrainingDivergedError as diverged:
            model.save(self.folder.model_file)
            diverged.history.save_csv(self.folder.path)
            raise
        return self._noted(Fitted(model, history, config, training))

    def _mix(
        self,
        config: RunConfig,
        model: MADE,
        training: Mapping[str, Any],
        candidate: Candidate,
        partner: Candidate,
        file: Path,
    ) -> Fitted:
        """Return the mixture of both finalists; their fits are at their end."""
        fitted = self._fit(config, model, training, resume=True)
        other = self.pipeline.trained(partner, file)
        mixture = Mixture([model, other])
        fitted = self._noted(replace(fitted, model=mixture, config=replace(config, partner=partner.about)))
        _, others_training = self.pipeline.prepare(partner)
        fits = [Fit(candidate, training, fitted.history), Fit(partner, others_training, history_of(file))]
        again = self._refitted(fitted, fits)
        if again.history.is_stopped:  # the comparison, which is at its end, is gone on with
            again = replace(again, config=replace(config, chosen=None))
        return again

    def _noted(self, fitted: Fitted) -> Fitted:
        """Keep a model on disk, if it is the best so far."""
        if self.pipeline.valid is None:
            return fitted
        nll = float(fitted.model.nll(self.pipeline.valid).mean())
        self.best(fitted.model, nll)
        return replace(fitted, nll=nll)

    def _refitted(self, fitted: Fitted, fits: Sequence[Fit]) -> Fitted:
        """Return what was fitted, anew on training and validation rows together where that is asked."""
        if not fitted.config.refit or fitted.history.is_stopped:
            return fitted
        model, ended = refit(
            self.pipeline, fits, self.folder.refit, deadline=self.deadline, progress=self.progress
        )
        if model is not None:
            return replace(fitted, model=model)
        return replace(fitted, history=replace(fitted.history, ended=ended))
