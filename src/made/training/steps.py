"""One training step: from a batch to better weights."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import nullcontext

import torch
from torch import Tensor

from made.base import BaseModel
from made.training.batches import Batch
from made.training.checkpoint import Weights, optimizer_tensors, restore_optimizer
from made.training.optimizer import make_optimizer
from made.training.settings import TrainingSettings

__all__ = ["PlainStep", "Step"]

# On the CPU, rows go through the network in portions where a layer would make more numbers than this at once
# (32 MiB); then in such that it makes half as many: smaller pieces leave smaller holes in memory.
_NUMBERS_AT_ONCE = 2**23


class Step(ABC):
    """A model and its optimizer."""

    @abstractmethod
    def take(self, batch: Batch, mask: int, rate: float, generator: torch.Generator) -> Tensor:
        """Take one step.

        Parameters
        ----------
        batch : Batch
            Its rows, their context and their weights.
        mask : int
            Under which mask.
        rate : float
            The learning rate.
        generator : torch.Generator
            Decides which units are dropped.

        Returns
        -------
        () tensor
            The loss before the step, in nats per row, where the weights are: nothing has waited for it.
        """

    @abstractmethod
    def state(self) -> Weights:
        """Return the optimizer's state as named tensors; the model's weights are up to date then."""

    @abstractmethod
    def restore(self, state: Weights) -> None:
        """Take over the optimizer's state, and the weights that the model has now."""

    @abstractmethod
    def sync(self) -> None:
        """Bring the model's weights up to date, where they are elsewhere in between."""


class PlainStep(Step):
    """Loss, gradient and optimizer as an own training loop has them: for every model, on every device."""

    def __init__(self, model: BaseModel, settings: TrainingSettings) -> None:
        self.model = model
        self.optimizer = make_optimizer(model, settings)

    def take(self, batch: Batch, mask: int, rate: float, generator: torch.Generator) -> Tensor:
        """Take one step."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        n = len(batch.rows)
        size = self.rows_at_once(self.model, n)
        # Gradients that are added up stay where they are: memory as large as the weights is slow to come by.
        self.optimizer.zero_grad(set_to_none=size == n)
        losses = []
        with self.model.network.adding_gradients() if size < n else nullcontext():
            for first in range(0, n, size):
                rows, context, weight = (
                    None if part is None else part[first : first + size] for part in batch
                )
                assert rows is not None
                loss = self.model.loss(
                    rows, mask, context=context, weight=weight, generator=generator, check=False
                )
                if size < n:
                    loss = loss * (len(rows) / n)
                loss.backward()  # type: ignore[no-untyped-call]
                losses.append(loss.detach())
        self.optimizer.step()
        return losses[0] if len(losses) == 1 else torch.stack(losses).sum()

    def state(self) -> Weights:
        """Return the optimizer's state."""
        return optimizer_tensors(self.optimizer)

    def restore(self, state: Weights) -> None:
        """Take over the optimizer's state."""
        restore_optimizer(self.optimizer, state)

    def sync(self) -> None:
        """Do nothing: the model's weights are those that are trained."""

    @staticmethod
    def rows_at_once(model: BaseModel, n: int) -> int:
        """Return how many of n rows go through the network at once."""
        width = max(model.widths)
        if model.device.type != "cpu" or n * width <= _NUMBERS_AT_ONCE:
            return n
        return max(1, _NUMBERS_AT_ONCE // 2 // width)
