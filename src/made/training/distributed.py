"""A fit by several ranks together: torch's data parallelism around the plain step.

Every rank has the whole model and takes its part of each batch; `DistributedDataParallel` averages the
gradients in buckets while the backward pass runs. What ranks have to agree on in a step, its loss and whether
to stop, is the gradient of three numbers beside the weights, so that it takes no call of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from itertools import cycle
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from made.base import BaseModel
from made.network.products import Product
from made.support.ranks import Ranks, RankSettings
from made.training.batches import Batch
from made.training.checkpoint import Checkpoint
from made.training.history import History
from made.training.interrupt import Interrupt, deadline_in, interruptible
from made.training.make_step import likelihood_of
from made.training.progress import FitProgress
from made.training.settings import TrainingSettings
from made.training.shares import Share, ShareBatches
from made.training.shrinkage import Shrinkage
from made.training.steps import PlainStep
from made.training.trainer import OnBest, OnEpoch, Trainer
from made.variables.row_type import LogLikelihood
from made.variables.rows import Rows

__all__ = ["RankedTrainer", "fit_together"]


def fit_together(
    model: BaseModel,
    share: Share,
    valid: Rows | None,
    settings: TrainingSettings,
    ranks: Ranks,
    rank_settings: RankSettings,
    *,
    progress: bool = False,
    checkpoint: Path | None = None,
    resume: bool = False,
    max_time: float | None = None,
    on_best: Callable[[BaseModel, float], None] | None = None,
) -> History:
    """Train a model on all ranks, each with its share of the rows; all call this, with the same model.

    Parameters
    ----------
    model : MADE
        Is changed in place: on every rank it ends with the weights of the best epoch.
    share : Share
        The rows of this rank.
    valid : Rows, optional
        All validation rows; every rank scores some of them.
    settings : TrainingSettings
        Its batch size is that of all ranks together.
    ranks : Ranks
        Who takes part.
    rank_settings : RankSettings
        How often rank 0 writes checkpoints.
    progress, max_time, on_best
        As for `made.fit`; those of rank 0 count.
    checkpoint : Path, optional
        Where rank 0 keeps the state of the fit.
    resume : bool
        Go on from there; with another number of ranks, too.

    Returns
    -------
    History
        The same on all ranks.
    """
    deadline = deadline_in(max_time)
    batches = ShareBatches(model, share, settings, _total)
    if not resume and ranks.of_one(lambda: model.at_initialization):
        batches.set_marginals(model)
    held_out = None if valid is None else Batch.of(valid.to(model.device))
    trainer = RankedTrainer(model, settings, batches, held_out, ranks, rank_settings)
    if resume:
        trainer.restore(
            ranks.of_one(lambda: Checkpoint.read(checkpoint or "", model, settings, trainer.data))
        )
    visible = progress and ranks.is_first
    with (
        FitProgress(trainer.n_steps, settings.epochs, first=trainer.step, visible=visible) as shown,
        interruptible(deadline, is_patient=True) as interrupt,
    ):
        try:
            trainer.run(shown, interrupt, checkpoint, on_best=on_best)
        finally:
            if valid is not None or settings.ema or trainer.history.ended == "diverged":
                trainer.best.give_back()
    return trainer.history


class RankedTrainer(Trainer):
    """Takes the steps of a fit as one of several ranks.

    Parameters
    ----------
    model, settings, batches
        As for `Trainer`.
    valid : Batch, optional
        All validation rows.
    ranks : Ranks
    rank_settings : RankSettings
    """

    update: _RankedStep

    def __init__(
        self,
        model: BaseModel,
        settings: TrainingSettings,
        batches: ShareBatches,
        valid: Batch | None,
        ranks: Ranks,
        rank_settings: RankSettings,
    ) -> None:
        self.ranks = ranks
        self._seconds_between_checkpoints = rank_settings.checkpoint_every
        super().__init__(model, settings, batches, valid)
        if self.valid is not None:
            own = torch.arange(len(self.valid.rows), device=model.device)[ranks.rank :: ranks.n]
            self.valid = Batch.of(self.valid.encoded[own])
        self._file: Path | None = None
        self._interrupt: Interrupt | None = None
        self._note()

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go back to where a checkpoint was written, by these ranks or by others."""
        super().restore(checkpoint)
        before = checkpoint.history.notes[-1] if checkpoint.history.notes else ""
        if not before.startswith(_together(self.ranks.n)):
            at = f" from step {checkpoint.step:,} on" if checkpoint.step else ""
            self.history.notes.append(
                f"{_together(self.ranks.n)}{at}: rows are dealt out anew, and the weights are not those of a "
                "fit by as many ranks as before"
            )

    def run(
        self,
        progress: FitProgress,
        interrupt: Interrupt,
        checkpoint: Path | None = None,
        on_epoch: OnEpoch | None = None,
        on_best: OnBest | None = None,
        until: int | None = None,
    ) -> None:
        """Take the steps that are left; rank 0 writes checkpoints and is told of epochs."""
        self._interrupt = interrupt
        if not self.ranks.is_first:
            checkpoint = on_epoch = on_best = None
        self._file = checkpoint
        super().run(progress, interrupt, checkpoint, on_epoch, on_best, until)

    @property
    def _is_due(self) -> bool:
        return time.monotonic() - self.saved > self._seconds_between_checkpoints

    def _note(self) -> None:
        if not self.history.notes:
            self.history.notes.append(_together(self.ranks.n))

    def _make_step(self, kind: str | None = None) -> _RankedStep:
        return _RankedStep(self.model, self.settings, likelihood_of(self.model, self.settings, self.n_steps))

    def _seed_of_step(self) -> tuple[int, ...]:
        return self.settings.seed, self.step, self.ranks.rank, self.ranks.n

    def _take_step(self) -> None:
        assert self._interrupt is not None
        is_over = self.ranks.is_first and self._interrupt.reason == "out of time"
        self.update.wishes = float(self._interrupt.pressed), float(is_over)
        super()._take_step()
        # At the end of an epoch its record comes first.
        if self._file is not None and self._is_due and self.step % self.batches.steps_per_epoch:
            self._read_losses()
            self._save_or_tell(self._file)

    def _reason_to_stop(self, interrupt: Interrupt) -> str | None:
        return self.update.reason

    def _end_epoch(self, progress: FitProgress, on_epoch: OnEpoch | None) -> None:
        # Where processors differ, so may the last bits of the weights: those of rank 0 count.
        for parameter in self.model.parameters():
            dist.broadcast(parameter.detach(), 0)
        super()._end_epoch(progress, on_epoch)

    def _validate(self) -> tuple[float | None, float | None]:
        if self.valid is None:
            return None, None
        own = torch.zeros(0, dtype=torch.float64)
        if len(self.valid.rows):
            own = self.model.nll(self.valid.encoded, self.settings.valid_masks).cpu()
        n, total = _total(torch.tensor([float(len(own)), float(own.sum())], dtype=torch.float64)).tolist()
        mean = total / n
        around = float(_total((own - mean).square().sum()[None]))
        return mean, (around / (n - 1) / n) ** 0.5 if n > 1 else float("nan")

    def _validation_sums(self, shrinkage: Shrinkage, valid: Batch) -> tuple[Tensor, int]:
        sums, n = super()._validation_sums(shrinkage, valid)
        return _total(sums), int(_total(torch.tensor(n)))


class _RankedStep(PlainStep):
    """The plain step of one rank; gradients are the means over all ranks.

    Attributes
    ----------
    wishes : (float, float)
        Above 0: this rank was told to stop; rank 0 is out of time.
    reason : str or None
        Why all ranks are to stop after the latest step.
    """

    def __init__(
        self, model: BaseModel, settings: TrainingSettings, log_likelihood: LogLikelihood | None
    ) -> None:
        super().__init__(model, settings, log_likelihood)
        self.wishes = (0.0, 0.0)
        self.reason: str | None = None
        self._told = _Told(model, log_likelihood)
        self._parallel = DistributedDataParallel(self._told, gradient_as_bucket_view=True)

    def take(self, batch: Batch, draw: int, rate: float, generator: torch.Generator) -> Tensor:
        """Take one step; the loss is that of the batch of all ranks."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad()
        self._told.agreed.grad = None
        n = len(batch.rows)
        size = self.rows_at_once(self.model, n)
        multiply = self._product(draw)
        weights = [None] if batch.weight is None else torch.split(batch.weight, size)
        parts = list(batch.encoded.batches(size))
        for number, (part, weight) in enumerate(zip(parts, cycle(weights)), start=1):
            with nullcontext() if number == len(parts) else self._parallel.no_sync():
                wishes = torch.tensor(self.wishes, device=self.model.device)
                loss = self._parallel(part, weight, generator, multiply, len(part) / n, wishes)
                loss.backward()
        self.optimizer.step()
        agreed = self._told.agreed.grad
        assert agreed is not None
        loss, told, over = agreed.tolist()
        self.reason = "interrupted" if told > 0 else "out of time" if over > 0 else None
        return torch.tensor(loss)


class _Told(nn.Module):
    """The loss of a model, and three numbers whose gradients tell all ranks of each other."""

    def __init__(self, model: BaseModel, log_likelihood: LogLikelihood | None) -> None:
        super().__init__()
        self.model, self._log_likelihood = model, log_likelihood
        #: Zeros; the gradient is the loss, and the wishes, on the mean over ranks.
        self.agreed = nn.Parameter(torch.zeros(3, device=model.device))

    def forward(
        self,
        rows: Rows,
        weight: Tensor | None,
        generator: torch.Generator,
        multiply: Product,
        part: float,
        wishes: Tensor,
    ) -> Tensor:
        """Return the loss of rows that are a part of this rank's."""
        loss = self.model.loss(
            rows,
            weight=weight,
            generator=generator,
            multiply=multiply,
            log_likelihood=self._log_likelihood,
        )
        loss = loss * part
        told = torch.cat([loss.detach()[None].to(wishes.dtype), wishes])
        return loss + (self.agreed * told).sum()


def _total(own: Tensor) -> Tensor:
    """Return the sum of a tensor over all ranks."""
    total = own.clone()
    dist.all_reduce(total)
    return total


def _together(n: int) -> str:
    return f"fitted by {n} ranks together" if n > 1 else "fitted by one rank"
