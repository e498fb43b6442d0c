"""The average of the weights over the latest steps (EMA), which is often a better model than the last."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from made.base import BaseModel

__all__ = ["WeightAverage"]

# Taken every so many steps, as good as every step and nearly for nothing, once there were more than a few.
_EVERY, _FEW = 8, 64


class WeightAverage:
    """Averages of all weights, older ones counting less: `decay` times less for every step.

    In the beginning fewer steps count, so that the first weights are forgotten soon.

    Parameters
    ----------
    model : BaseModel
        Whose weights, as they are now, are the first to count.
    decay : float
        Between 0 and 1. About 1 / (1 - decay) steps count.
    """

    def __init__(self, model: BaseModel, decay: float) -> None:
        self.model, self.decay = model, decay
        self.weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take the weights after a step into account, steps counted from 1; most are passed over."""
        if not self.is_due(step):
            return
        decay = min(self.decay, (1 + step) / (10 + step)) ** (1 if step <= _FEW else _EVERY)
        for name, tensor in self.model.state_dict().items():
            self.weights[name].lerp_(tensor, 1 - decay)

    @staticmethod
    def is_due(step: int) -> bool:
        """Say whether the weights after this step are taken into account."""
        return step <= _FEW or step % _EVERY == 0

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Give the model the averages for a while."""
        own = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
        self._copy(self.weights)
        try:
            yield
        finally:
            self._copy(own)

    def restore(self, weights: dict[str, Tensor]) -> None:
        """Take over the averages of a checkpoint."""
        for name, tensor in weights.items():
            self.weights[name].copy_(tensor)

    @torch.no_grad()
    def _copy(self, weights: dict[str, Tensor]) -> None:
        for name, tensor in self.model.state_dict().items():
            tensor.copy_(weights[name])
