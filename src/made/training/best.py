"""The weights of the best epoch so far, which a model has at the end of a fit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from made.base import BaseModel
from made.training.checkpoint import Weights

__all__ = ["BestWeights"]


class BestWeights:
    """A copy of a model's weights.

    Parameters
    ----------
    model : BaseModel
        Whose weights. Nothing is copied yet.

    Attributes
    ----------
    weights : dict of tensors
        The copy, by name; empty until something is kept.
    """

    def __init__(self, model: BaseModel) -> None:
        self.model = model
        self.weights: Weights = {}

    def keep(self) -> None:
        """Copy the weights as they are now, in place of those before."""
        weights: dict[str, Tensor] = self.model.state_dict()
        if not self.weights:
            self.weights = {name: torch.empty_like(tensor) for name, tensor in weights.items()}
        for name, tensor in weights.items():  # in place, so that there are never two copies
            self.weights[name].copy_(tensor)

    def give_back(self) -> None:
        """Give the model the weights that were kept, if any were."""
        if self.weights:
            self.model.load_state_dict(self.weights)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Give the model the weights that were kept, within the block."""
        own = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
        self.give_back()
        try:
            yield
        finally:
            self.model.load_state_dict(own)

    def restore(self, weights: Weights) -> None:
        """Take over the weights of a checkpoint."""
        self.weights = {name: tensor.to(self.model.device) for name, tensor in weights.items()}
