"""The progress of a fit: epoch and losses beside the bar, or in a line per epoch."""

from __future__ import annotations

from made.support.figures import with_error
from made.support.progress import Progress
from made.training.history import EpochRecord

__all__ = ["FitProgress"]

# Within an epoch, which may read a very large file, a line is printed after this long.
_SECONDS_BETWEEN_LINES_OF_AN_EPOCH = 30.0


class FitProgress(Progress):
    """The progress of a fit.

    Parameters
    ----------
    steps, epochs : int
        How many there are.
    first : int
        The step to begin with.
    visible : bool
        False shows nothing.
    """

    def __init__(self, steps: int, epochs: int, *, first: int = 0, visible: bool = True) -> None:
        super().__init__(steps, first, before=f"epoch 1/{epochs}", visible=visible)
        self._epochs = epochs
        self._valid = ""

    def __enter__(self) -> FitProgress:
        """Start the bar."""
        super().__enter__()
        return self

    def step(self, step: int, loss: float) -> None:
        """Show that a step is done."""
        if not self.visible:
            return
        self.move(step, lambda: (self._epoch_of(step), f"train {loss:.2f}{self._valid} nats"))
        self.print_sometimes(
            lambda: (
                f"{self._epoch_of(step)}  step {step:,} of {self.total:,}  train {loss:.2f} nats  "
                f"{self.time_left(step)}"
            ),
            _SECONDS_BETWEEN_LINES_OF_AN_EPOCH,
        )

    def epoch(self, record: EpochRecord) -> None:
        """Show that an epoch is done, and its validation figure; that of the last is always printed."""
        if record.valid_nll is not None:
            self._valid = f", valid {record.valid_nll:.2f}"
        train = "" if record.train_loss is None else f"  train {record.train_loss:.2f}"
        valid = "" if record.valid_nll is None else f"  valid {with_error(record.valid_nll, record.valid_se)}"
        self.print_sometimes(
            lambda: f"epoch {record.epoch}/{self._epochs}{train}{valid} nats  {self.time_left(record.step)}",
            0.0 if record.epoch == self._epochs else None,
        )

    def _epoch_of(self, step: int) -> str:
        return f"epoch {min((step - 1) * self._epochs // self.total + 1, self._epochs)}/{self._epochs}"
