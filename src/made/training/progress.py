"""What a user sees during a fit: a bar with the time left, or a line per epoch where there is no screen."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Protocol

from made.training.history import EpochRecord

__all__ = ["Progress", "Silent", "Visible", "duration"]

# A screen is redrawn, and a log is written to, no more often than this.
_SECONDS_BETWEEN_UPDATES = 0.2
_SECONDS_BETWEEN_LINES = 2.0
# Within an epoch, which may go through a very large file, a log gets a line after this long.
_SECONDS_BETWEEN_LINES_OF_AN_EPOCH = 30.0


class Progress(Protocol):
    """What the loop tells about itself."""

    def step(self, step: int, loss: float) -> None:
        """One step is done."""

    def epoch(self, record: EpochRecord) -> None:
        """One epoch is done."""

    def say(self, text: str) -> None:
        """Tell the user something."""


class Silent:
    """Tells nothing."""

    def step(self, step: int, loss: float) -> None:
        """Pass over it."""

    def epoch(self, record: EpochRecord) -> None:
        """Pass over it."""

    def say(self, text: str) -> None:
        """Pass over it."""


class Visible:
    """A progress bar on a terminal; elsewhere a line per epoch, and some within a long one.

    On standard error: results have the other.

    Parameters
    ----------
    first, steps : int
        The step to begin with, and the number of all.
    epochs : int
        The number of epochs.
    """

    def __init__(self, first: int, steps: int, epochs: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        self._console = Console(stderr=True, highlight=False)
        self._live = self._console.is_terminal
        self._first, self._steps, self._epochs = first, steps, epochs
        self._began = self._updated = self._said = time.monotonic()
        self._valid = ""
        self._bar = Bar(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(),
            TextColumn("{task.fields[losses]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
        )
        self._task = self._bar.add_task("", total=steps, completed=first, epoch=f"1/{epochs}", losses="")

    def __enter__(self) -> Visible:
        """Put the bar on the screen."""
        if self._live:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take it off again."""
        if self._live:
            self._bar.stop()

    def step(self, step: int, loss: float) -> None:
        """Move the bar; without a screen, write a line if there was none for long."""
        now = time.monotonic()
        epoch = min((step - 1) * self._epochs // self._steps + 1, self._epochs)
        if not self._live:
            if now - self._said >= _SECONDS_BETWEEN_LINES_OF_AN_EPOCH:
                self._said = now
                done = f"step {step:,} of {self._steps:,}"
                self.say(f"epoch {epoch}/{self._epochs}  {done}  train {loss:.2f} nats  {self._left(step)}")
            return
        if now - self._updated < _SECONDS_BETWEEN_UPDATES and step < self._steps:
            return
        self._updated = now
        self._bar.update(
            self._task,
            completed=step,
            epoch=f"{epoch}/{self._epochs}",
            losses=f"train {loss:.2f}{self._valid} nats",
        )

    def epoch(self, record: EpochRecord) -> None:
        """Show the validation figure; without a screen, write a line now and then."""
        if record.valid_nll is not None:
            self._valid = f", valid {record.valid_nll:.2f}"
        now = time.monotonic()
        last = record.epoch == self._epochs
        if self._live or (now - self._said < _SECONDS_BETWEEN_LINES and not last):
            return
        self._said = now
        train = "" if record.train_loss is None else f"  train {record.train_loss:.2f}"
        valid = "" if record.valid_nll is None else f"  valid {record.valid_nll:.2f} ± {record.valid_se:.2f}"
        self.say(f"epoch {record.epoch}/{self._epochs}{train}{valid} nats  {self._left(record.step)}")

    def say(self, text: str) -> None:
        """Write a line above the bar."""
        self._console.print(text, markup=False, soft_wrap=True)

    def _left(self, step: int) -> str:
        done = step - self._first
        left = (time.monotonic() - self._began) / done * (self._steps - step) if done else 0.0
        return f"about {duration(left)} left"


@contextmanager
def shown(visible: bool, first: int, steps: int, epochs: int) -> Iterator[Progress]:
    """Show progress, or none."""
    if not visible:
        yield Silent()
        return
    with Visible(first, steps, epochs) as progress:
        yield progress


def duration(seconds: float) -> str:
    """Write a time span as people say it.

    Examples
    --------
    >>> duration(8.2), duration(125), duration(7300)
    ('8 s', '2 min 5 s', '2 h 1 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
