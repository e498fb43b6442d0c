"""The optimizer of a fit: Adam, with or without decoupled weight decay."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.adam import adam
from torch.optim.adamw import adamw

from made.kernels.weight_versions import mark_changed
from made.training.settings import TrainingSettings

__all__ = ["Adam", "make_optimizer"]


class Adam:
    """Torch's fused Adam, called as a function: the class around it imports torch's compiler, for 1.7 s.

    Parameters
    ----------
    groups : list of dict
        Each with its ``params`` and ``weight_decay``.
    rate : float
        The learning rate, kept in each group as ``lr``.
    is_decoupled : bool
        Whether weights decay apart from the gradient, as in AdamW.

    Attributes
    ----------
    param_groups : list of dict
    state : dict
        Of each parameter, by name, as torch's optimizers have it; empty before its first step.
    """

    def __init__(self, groups: list[dict[str, Any]], rate: float, *, is_decoupled: bool) -> None:
        own = {"lr": rate, "betas": (0.9, 0.999), "eps": 1e-8, "capturable": False}
        self.param_groups = [{**own, **group} for group in groups]
        self.state: dict[Tensor, dict[str, Tensor]] = defaultdict(dict)
        self._update = adamw if is_decoupled else adam

    @property
    def parameters(self) -> list[Tensor]:
        """All parameters, group by group."""
        return [parameter for group in self.param_groups for parameter in group["params"]]

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients, or set them to zero in place."""
        for parameter in self.parameters:
            if set_to_none or parameter.grad is None:
                parameter.grad = None
            else:
                parameter.grad.zero_()

    @torch.no_grad()
    def step(self) -> None:
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            own = [parameter for parameter in group["params"] if parameter.grad is not None]
            states = [self._state_of(parameter) for parameter in own]
            if not own:
                continue
            self._update(
                own,
                [parameter.grad for parameter in own],
                [state["exp_avg"] for state in states],
                [state["exp_avg_sq"] for state in states],
                [],
                [state["step"] for state in states],
                fused=True,
                capturable=group["capturable"],
                amsgrad=False,
                beta1=group["betas"][0],
                beta2=group["betas"][1],
                lr=group["lr"],
                weight_decay=group["weight_decay"],
                eps=group["eps"],
                maximize=False,
            )
            mark_changed(own)  # torch does not count what its fused optimizers write

    def _state_of(self, parameter: Tensor) -> dict[str, Tensor]:
        state = self.state[parameter]
        if not state:
            state["step"] = torch.zeros((), device=parameter.device)
            state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
        return state


def make_optimizer(model: nn.Module, settings: TrainingSettings) -> Adam:
    """Return the optimizer for a model: biases are not decayed."""
    weights = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    biases = [parameter for parameter in model.parameters() if parameter.ndim <= 1]
    groups = [
        {"params": weights, "weight_decay": settings.decay},
        {"params": biases, "weight_decay": 0.0},
    ]
    return Adam(groups, settings.peak, is_decoupled=settings.optimizer == "adamw")
