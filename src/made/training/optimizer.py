"""The optimizer of a fit: Adam, with or without decoupled weight decay."""

from __future__ import annotations

import torch
from torch import nn

from made.training.settings import TrainingSettings

__all__ = ["make_optimizer"]


def make_optimizer(model: nn.Module, settings: TrainingSettings) -> torch.optim.Optimizer:
    """Return the optimizer for a model: biases are not decayed."""
    weights = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    biases = [parameter for parameter in model.parameters() if parameter.ndim <= 1]
    groups = [
        {"params": weights, "weight_decay": settings.decay},
        {"params": biases, "weight_decay": 0.0},
    ]
    kind: type[torch.optim.Adam] = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}[settings.optimizer]
    return kind(groups, lr=settings.peak, fused=True)
