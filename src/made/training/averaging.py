"""The average of the weights over the latest steps (EMA), which is often a better model than the last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from made.base import BaseModel
from made.training.checkpoint import Weights

__all__ = ["WeightAverage", "copy_weights", "decay_at", "given_back", "is_due"]

# After the first few steps the weights are averaged every 8 steps: as good as every step, at little cost.
_EVERY, _FEW = 8, 64


def is_due(step: int) -> bool:
    """Return whether the weights after this step, counted from 1, are averaged."""
    return step <= _FEW or step % _EVERY == 0


def decay_at(step: int, decay: float) -> float:
    """Return the factor of the average when the weights after this step are added to it.

    It is smaller in the first steps, so that the initial weights are soon forgotten.

    Examples
    --------
    >>> [round(decay_at(step, 0.99), 4) for step in (1, 64, 72, 10_000)]
    [0.1818, 0.8784, 0.3945, 0.9227]
    """
    return min(decay, (1 + step) / (10 + step)) ** (1 if step <= _FEW else _EVERY)


class WeightAverage:
    """torch's `AveragedModel` of a model's weights, with `decay` per step.

    Parameters
    ----------
    model : BaseModel
        Its weights now are the first in the average.
    decay : float
        Between 0 and 1. About 1 / (1 - decay) steps count.
    """

    def __init__(self, model: BaseModel, decay: float) -> None:
        self.decay = decay
        self._own = dict(model.named_parameters())
        # A list of the weights, and not the model: masks, and what a model caches, need no copy.
        self._list = nn.ParameterList(self._own.values())
        self._averaged = AveragedModel(self._list, multi_avg_fn=self._add)
        self._averaged.update_parameters(self._list)
        self._step = 0

    @property
    def weights(self) -> Weights:
        """The averages, by the names of the weights."""
        averages = (average.detach() for average in self._averaged.module.parameters())
        return dict(zip(self._own, averages, strict=True))

    def update(self, step: int) -> None:
        """Average the weights after a step, counted from 1; most steps are skipped."""
        if is_due(step):
            self._step = step
            self._averaged.update_parameters(self._list)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Give the model the averages within the block."""
        with given_back(self._own):
            copy_weights(self.weights, self._own)
            yield

    def restore(self, weights: Weights) -> None:
        """Take over the averages of a checkpoint."""
        copy_weights(weights, self.weights)

    def _add(self, averages: Sequence[Tensor], weights: Sequence[Tensor], n_averaged: Any) -> None:
        weight = 1 - decay_at(self._step, self.decay)
        for average, own in zip(averages, weights, strict=True):
            average.lerp_(own, weight)


@contextmanager
def given_back(weights: Mapping[str, Tensor]) -> Iterator[None]:
    """Give weights the values back, after the block, that they had before it."""
    own = {name: weight.detach().clone() for name, weight in weights.items()}
    try:
        yield
    finally:
        copy_weights(own, weights)


@torch.no_grad()
def copy_weights(source: Mapping[str, Tensor], target: Mapping[str, Tensor]) -> None:
    """Copy weights into those of the same names."""
    for name, tensor in source.items():
        target[name].copy_(tensor)
