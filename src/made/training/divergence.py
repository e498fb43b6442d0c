"""Detecting a fit that diverged: its loss is not finite, or ends far above the first one."""

from __future__ import annotations

import math
from typing import NoReturn

from made.base import BaseModel
from made.support.errors import InputError
from made.training.history import History

__all__ = ["Divergence", "TrainingDivergedError"]

# A fit diverged if its last loss is more than this many times the first. With densities a loss has any sign:
# the limit is then a distance, in nats per variable.
_HARM, _HARM_OF_NUMBERS = 2.0, 1.0


class TrainingDivergedError(InputError):
    """The loss became infinite, or ended far too high.

    `model` has the weights of its best epoch, `history` is the record.
    """

    def __init__(self, message: str, history: History, model: BaseModel) -> None:
        super().__init__(message)
        self.history, self.model = history, model


class Divergence:
    """Watches the losses of a fit; every check raises `TrainingDivergedError` where the fit has diverged.

    Parameters
    ----------
    model : BaseModel
        What is trained.
    history : History
        Its record.
    """

    def __init__(self, model: BaseModel, history: History) -> None:
        self.model, self.history = model, history

    def check_step(self, step: int, loss: float, rate: float) -> None:
        """Check that the loss of a step is finite; its learning rate is for the message."""
        if not math.isfinite(loss):
            self._stop(f"became {loss} at step {step:,} (learning rate {rate:.2g})")

    def check_end(self, mean: float | None) -> None:
        """Check that the mean loss at the end is not far above the first loss, where no epoch was better."""
        if not self.history.best_epoch and self.is_harm(mean):
            first = self.history.batch_losses[0]
            self._stop(f"is {mean:.4g} nats at the end, {first:.4g} before the first step")

    def is_harm(self, mean: float | None) -> bool:
        """Return whether the mean loss of an epoch is far above the loss before the first step."""
        if mean is None:
            return False
        first = self.history.batch_losses[0]
        has_numbers = getattr(getattr(self.model, "variables", None), "numbers", None) is not None
        return mean > (first + _HARM_OF_NUMBERS * self.model.n_variables if has_numbers else _HARM * first)

    def _stop(self, what: str) -> NoReturn:
        self.history.ended = "diverged"
        raise TrainingDivergedError(
            f"training diverged: the loss {what}; lower the learning rate. The best model so far is kept.",
            self.history,
            self.model,
        )
