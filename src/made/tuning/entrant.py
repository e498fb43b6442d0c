"""A candidate in a comparison: how far its fit is, and what it promises."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from made.model import MADE
from made.training.checkpoint import best_weights
from made.training.divergence import TrainingDivergedError
from made.training.fit import fit
from made.training.history import History
from made.tuning.candidates import Candidate
from made.tuning.judge import expected_nll
from made.variables.rows import Rows

__all__ = ["Entrant", "with_best_weights"]


@dataclass
class Entrant:
    """A candidate with the state of its fit.

    Attributes
    ----------
    number : int
        Its place in the plan.
    candidate : Candidate
        Its settings.
    checkpoint : Path
        Where its fit goes on from.
    history : History
        Of its fit so far.
    nll : (m,) array
        NLL of each validation row under its best weights so far, in nats.
    failure : TrainingDivergedError, optional
        Its fit diverged.
    """

    number: int
    candidate: Candidate
    checkpoint: Path
    history: History = field(default_factory=History)
    nll: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    failure: TrainingDivergedError | None = None

    @property
    def best(self) -> float:
        """The lowest validation NLL so far."""
        return min(self.history.valid_nll)

    @property
    def expected(self) -> float:
        """The validation NLL that it is expected to reach; see `expected_nll`."""
        return self._expected(at_best=False)

    @property
    def at_best(self) -> float:
        """What it may reach at best."""
        return self._expected(at_best=True)

    def _expected(self, *, at_best: bool) -> float:
        if self.history.ended in ("finished", "stopped early"):
            return self.best
        return expected_nll(self.history.valid_nll, self.candidate.training["epochs"], at_best=at_best)

    def fit(
        self,
        model: MADE,
        train: Rows,
        valid: Rows,
        *,
        seed: int,
        pause_after: int,
        max_time: float | None = None,
        progress: bool = False,
    ) -> None:
        """Go on to the end of an epoch, with a model as it was built; it then has the best weights so far."""
        try:
            self.history = fit(
                model,
                train,
                valid,
                **{**self.candidate.training, "seed": seed},
                checkpoint=self.checkpoint,
                resume=self.checkpoint.exists(),
                pause_after=pause_after,
                max_time=max_time,
                progress=progress,
            )
        except TrainingDivergedError as error:
            self.failure = error
            return
        self.nll = model.nll(valid).cpu().numpy()


def with_best_weights(model: MADE, checkpoint: Path) -> MADE:
    """Give a model, as it was built, the best weights of its fit so far, and return it."""
    model.load_state_dict(best_weights(checkpoint, model))
    return model
