"""What happened during a fit: losses by step and by epoch, the best epoch, why it ended."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from made.support.writing import write_aside

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["EpochRecord", "History"]


@dataclass(frozen=True)
class EpochRecord:
    """One epoch. Epoch 0 is the model before its first step.

    Attributes
    ----------
    epoch, step : int
        Epochs and optimizer steps done.
    train_loss : float or None
        Mean over the epoch's rows of the loss that was minimized (units dropped, weights moving), in nats per
        row. Batches count by their size.
    valid_nll, valid_se : float or None
        NLL of the validation rows in nats per row, and its standard error; a single row has none. Where a fit
        shrinks its outputs, that which is taken for luck is added, see `shrinkage`.
    learning_rate : float
        At the last step.
    seconds : float
        Since the fit began, without the time between an interruption and its resumption.
    """

    epoch: int
    step: int
    train_loss: float | None
    valid_nll: float | None
    valid_se: float | None
    learning_rate: float
    seconds: float


@dataclass(repr=False)
class History:
    """The record of a fit.

    Attributes
    ----------
    epochs : list of EpochRecord
    batch_losses : list of float
        Training loss of every mini-batch, in nats per row; the first is that of step 1.
    best_epoch : int or None
        The epoch whose weights the model has now; None if it has those of the last step.
    ended : str
        ``"finished"``, ``"stopped early"``, ``"paused"``, ``"interrupted"``, ``"out of time"``,
        ``"diverged"`` or ``"running"``.
    notes : list of str
        What was decided for the user.
    steps : str
        What kind of steps was taken, see `made.training.make_step`; empty in records of earlier versions.
    shares : list of D float
        How much of the fit each variable takes in the best epoch, see `shrinkage`; empty if all of it.
    """

    epochs: list[EpochRecord] = field(default_factory=list)
    batch_losses: list[float] = field(default_factory=list)
    best_epoch: int | None = None
    ended: str = "running"
    notes: list[str] = field(default_factory=list)
    steps: str = ""
    shares: list[float] = field(default_factory=list)

    @property
    def best(self) -> EpochRecord | None:
        """The record of the best epoch, where there was validation."""
        return next((record for record in self.epochs if record.epoch == self.best_epoch), None)

    @property
    def is_stopped(self) -> bool:
        """Whether the fit ended before its time, at Ctrl-C or with its budget."""
        return self.ended in ("interrupted", "out of time")

    @property
    def valid_nll(self) -> list[float]:
        """Validation NLL by epoch, in nats per row, epoch 0 first; empty without validation."""
        return [record.valid_nll for record in self.epochs if record.valid_nll is not None]

    @property
    def epoch_steps(self) -> list[int]:
        """Optimizer steps done at the end of each epoch."""
        return [record.step for record in self.epochs]

    def as_dict(self) -> dict[str, Any]:
        """Return the record, JSON-ready."""
        return asdict(self)

    @classmethod
    def from_dict(cls, entries: dict[str, Any]) -> History:
        """Read what `as_dict` wrote."""
        epochs = [EpochRecord(**record) for record in entries["epochs"]]
        return cls(**{**entries, "epochs": epochs})

    def save_csv(self, folder: str | Path) -> None:
        """Write ``metrics.csv`` (a line per epoch) and ``batches.csv`` (a line per step) into a folder."""
        names = [entry.name for entry in fields(EpochRecord)]
        rows = [[getattr(record, name) for name in names] for record in self.epochs]
        _write_csv(Path(folder) / "metrics.csv", names, rows)
        steps = [[step, loss] for step, loss in enumerate(self.batch_losses, start=1)]
        _write_csv(Path(folder) / "batches.csv", ["step", "train_loss"], steps)

    def plot(
        self, ax: Axes | None = None, *, baselines: Mapping[str, float] = MappingProxyType({})
    ) -> Figure:
        """Draw the loss of every mini-batch and the validation NLL of every epoch over optimizer steps.

        Parameters
        ----------
        ax : Axes, optional
            Where to draw; by default on a figure of its own.
        baselines : mapping of str to float, optional
            Name and NLL, in nats per row, of what the figure is held against.

        Returns
        -------
        Figure
            Of matplotlib; a notebook shows it, `made.plots.save` writes it to a file.

        Raises
        ------
        InputError
            If nothing has happened yet.

        Examples
        --------
        >>> import made
        >>> history = made.fit(made.MADE(made.Bernoulli(2), hidden=(8,)), [[0, 1], [1, 0]] * 60, epochs=2)
        >>> history.plot().axes[0].get_xlabel()
        'optimizer steps'
        """
        from made.plots.curves import loss_curve

        validated = [record for record in self.epochs if record.valid_nll is not None]
        return loss_curve(
            range(1, len(self.batch_losses) + 1),
            self.batch_losses,
            [record.step for record in validated],
            self.valid_nll,
            baselines=baselines,
            best_step=None if self.best is None else self.best.step,
            title="",
            axes=ax,
        )

    def __repr__(self) -> str:
        """Return what happened, in one line."""
        return f"History({self})"

    def __str__(self) -> str:
        """Return a summary in one line."""
        done = self.epochs[-1].epoch if self.epochs else 0
        epochs = "1 epoch" if done == 1 else f"{done} epochs"
        text = f"{self.ended} after {epochs}, {len(self.batch_losses):,} steps"
        if self.best is not None and self.best.valid_nll is not None:
            text += f"; best epoch {self.best_epoch}: validation NLL {self.best.valid_nll:.3f} nats"
        if self.shares:
            start, whole = self.shares.count(0.0), self.shares.count(1.0)
            text += f"; {whole} of {len(self.shares)} variables take all of the fit, {start} nothing"
        return text


def _write_csv(path: Path, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(["" if value is None else value for value in row] for row in rows)
    write_aside(path, text.getvalue().encode())
