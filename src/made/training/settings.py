"""How a model is trained: every setting of a fit, checked, and the learning rate at each step."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import torch
from torch import nn

from made.support.checks import check_fraction, check_int
from made.support.errors import InputError
from made.training.precision import PRECISIONS

__all__ = ["TrainingSettings", "learning_rate", "make_optimizer"]

# Each optimizer's own learning rate, weight decay and schedule, where none is given: "adam" is the seed's.
_DEFAULTS: dict[str, dict[str, Any]] = {
    "adamw": {"learning_rate": 4e-3, "weight_decay": 0.05, "schedule": "one-cycle"},
    "adam": {"learning_rate": 1e-3, "weight_decay": 0.0, "schedule": "constant"},
}
_SCHEDULES = ("one-cycle", "constant")


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of one fit. Those left None follow from the optimizer.

    Parameters
    ----------
    epochs : int
        Passes through the training rows.
    batch_size : int
        Rows per step; the last batch of an epoch may be smaller.
    seed : int
        Of the order of the rows and of dropout.
    optimizer : "adamw" or "adam"
        ``"adam"`` is the seed's: 1e-3, constant, no decay.
    learning_rate : float, optional
        Its highest value.
    weight_decay : float, optional
        Decoupled, on weights and not on biases.
    schedule : "one-cycle" or "constant", optional
        ``"one-cycle"``: linear warm-up, then down to zero along a cosine.
    warmup : float
        Share of the steps spent warming up.
    patience : int, optional
        Stop after this many epochs without a better validation NLL; None trains to the end. The best epoch is
        kept in either case.
    resample_every : int
        Steps until the next mask is taken, where there is more than one (the seed's RESAMPLE_INTERVAL).
    valid_masks : int
        A model with more masks than this is validated during training on so many of them, for speed.
    precision : "float32" or "bfloat16"
        What the factors of a product are rounded to in training; see `precision.products_in`.
    compiled : bool, optional
        Whether to compile the steps of a model with one mask on the CPU: that takes some seconds, once on a
        machine, and makes steps about twice as fast. None: where it pays.
    ema : float
        The model that is validated and kept has the average of the weights over the latest 1 / (1 - ema)
        steps or so; 0 for the weights as they are.
    shift : int
        For images, with a model that has a `field`: in the first three quarters of the steps each batch is
        shifted by up to so many pixels in each direction.
    """

    epochs: int = 30
    batch_size: int = 128
    seed: int = 0
    optimizer: str = "adamw"
    learning_rate: float | None = None
    weight_decay: float | None = None
    schedule: str | None = None
    warmup: float = 0.1
    patience: int | None = None
    resample_every: int = 1
    valid_masks: int = field(default=8)
    precision: str = "float32"
    compiled: bool | None = None
    ema: float = 0.0
    shift: int = 0

    def __post_init__(self) -> None:
        """Fill in what follows from the optimizer, and check the rest."""
        if self.optimizer not in _DEFAULTS:
            raise InputError(f"optimizer is one of {', '.join(_DEFAULTS)}, got {self.optimizer!r}")
        for name, value in _DEFAULTS[self.optimizer].items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)
        for name in ("epochs", "batch_size", "resample_every", "valid_masks"):
            object.__setattr__(self, name, check_int(name, getattr(self, name), least=1))
        if self.patience is not None:
            object.__setattr__(self, "patience", check_int("patience", self.patience, least=1))
        object.__setattr__(self, "seed", check_int("seed", self.seed))
        if not (self.peak > 0 and math.isfinite(self.peak)):
            raise InputError(f"learning_rate must be above 0, got {self.learning_rate}")
        if not (self.decay >= 0 and math.isfinite(self.decay)):
            raise InputError(f"weight_decay must be at least 0, got {self.weight_decay}")
        if self.schedule not in _SCHEDULES:
            raise InputError(f"schedule is one of {', '.join(_SCHEDULES)}, got {self.schedule!r}")
        object.__setattr__(self, "warmup", check_fraction("warmup", self.warmup))
        object.__setattr__(self, "ema", check_fraction("ema", self.ema))
        object.__setattr__(self, "shift", check_int("shift", self.shift))
        if self.precision not in PRECISIONS:
            raise InputError(f"precision is one of {', '.join(PRECISIONS)}, got {self.precision!r}")

    @property
    def peak(self) -> float:
        """The highest learning rate."""
        assert self.learning_rate is not None
        return self.learning_rate

    @property
    def decay(self) -> float:
        """The weight decay."""
        assert self.weight_decay is not None
        return self.weight_decay

    def as_dict(self) -> dict[str, Any]:
        """Return the settings, JSON-ready."""
        return asdict(self)

    def differences(self, other: TrainingSettings) -> list[str]:
        """Name the settings, the number of epochs apart, in which two fits differ."""
        names = [entry.name for entry in fields(self) if entry.name not in ("epochs", "patience", "compiled")]
        return [name for name in names if getattr(self, name) != getattr(other, name)]


def learning_rate(settings: TrainingSettings, step: int, steps: int) -> float:
    """Return the learning rate of one step out of so many; a function of the step, with no state.

    Examples
    --------
    >>> settings = TrainingSettings(learning_rate=1.0, warmup=0.5)
    >>> [round(learning_rate(settings, step, 8), 2) for step in range(8)]
    [0.25, 0.5, 0.75, 1.0, 1.0, 0.85, 0.5, 0.15]
    """
    if settings.schedule == "constant":
        return settings.peak
    warm = settings.warmup * steps
    if step < warm:
        return settings.peak * min((step + 1) / warm, 1.0)
    return settings.peak * 0.5 * (1 + math.cos(math.pi * (step - warm) / (steps - warm)))


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
