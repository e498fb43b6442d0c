"""One training step: from a batch to better weights."""

from __future__ import annotations

from abc import ABC, abstractmethod
from itertools import cycle
from typing import Literal

import torch
from torch import Tensor

from made.base import BaseModel
from made.network.products import PreMasked, Product
from made.training.batches import Batch
from made.training.checkpoint import Weights, optimizer_tensors, restore_optimizer
from made.training.optimizer import make_optimizer
from made.training.settings import TrainingSettings
from made.variables.row_type import LogLikelihood

__all__ = ["PlainStep", "Step", "StepKind"]

#: What a fit says its steps are.
StepKind = Literal["plain", "compiled likelihood", "compiled", "captured"]

# On the CPU, a batch for which a layer has more outputs than this (32 MiB) is split into portions that have
# half as many: smaller allocations fragment memory less.
_NUMBERS_AT_ONCE = 2**23


class Step(ABC):
    """A model and its optimizer."""

    #: Which kind of step it is.
    kind: StepKind

    @abstractmethod
    def take(self, batch: Batch, draw: int, rate: float, generator: torch.Generator) -> Tensor:
        """Take one step.

        Parameters
        ----------
        batch : Batch
            Its rows, their context and their weights.
        draw : int
            Under which draw of the model's masks, counted from 0; see `BaseModel.training_product`.
        rate : float
            The learning rate.
        generator : torch.Generator
            Decides which units are dropped.

        Returns
        -------
        () tensor
            The loss before the step, in nats per row, on the device of the weights: nothing waits for it.
        """

    @abstractmethod
    def state(self) -> Weights:
        """Return the optimizer's state as named tensors; the model's weights are up to date then."""

    @abstractmethod
    def restore(self, state: Weights) -> None:
        """Take over the optimizer's state, and the weights that the model has now."""

    @abstractmethod
    def sync(self) -> None:
        """Bring the model's weights up to date, where a step keeps its own copy."""


class PlainStep(Step):
    """Loss, gradient and optimizer as in a plain torch loop: for every model, on every device.

    Parameters
    ----------
    model, settings
        As for `make_step`.
    log_likelihood : callable, optional
        What finds log p of rows, in place of the model's variables.
    """

    def __init__(
        self, model: BaseModel, settings: TrainingSettings, log_likelihood: LogLikelihood | None = None
    ) -> None:
        self.model = model
        self.kind = "plain" if log_likelihood is None else "compiled likelihood"
        self._log_likelihood = log_likelihood
        self.optimizer = make_optimizer(model, settings)

    def take(self, batch: Batch, draw: int, rate: float, generator: torch.Generator) -> Tensor:
        """Take one step."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        n = len(batch.rows)
        size = self.rows_at_once(self.model, n)
        # Gradients that are added up keep their memory: allocating as much as the weights is slow.
        self.optimizer.zero_grad(set_to_none=size == n)
        multiply = self._product(draw)
        if size < n and isinstance(multiply, PreMasked):
            multiply = multiply.adding_gradients()
        rows = batch.encoded.batches(size)
        weights = [None] if batch.weight is None else torch.split(batch.weight, size)
        losses = []
        for part, weight in zip(rows, cycle(weights)):
            loss = self.model.loss(
                part,
                weight=weight,
                generator=generator,
                multiply=multiply,
                log_likelihood=self._log_likelihood,
            )
            if size < n:
                loss = loss * (len(part) / n)
            loss.backward()  # type: ignore[no-untyped-call]
            losses.append(loss.detach())
        self.optimizer.step()
        return losses[0] if len(losses) == 1 else torch.stack(losses).sum()

    def _product(self, draw: int) -> Product:
        return self.model.training_product(draw)

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
        """Return the number of rows, of n, that go through the network at once."""
        width = max(model.widths)
        if model.device.type != "cpu" or n * width <= _NUMBERS_AT_ONCE:
            return n
        return max(1, _NUMBERS_AT_ONCE // 2 // width)
