"""How a model is trained: every setting of a fit, checked, and the learning rate at each step."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

from made.support.settings import check_settings, documented, setting

__all__ = ["FOLLOWING", "TRAINING_SETTINGS", "TrainingSettings", "learning_rate"]

#: What follows from the optimizer where it is not given. "adam" is the seed's.
FOLLOWING: dict[str, dict[str, Any]] = {
    "adamw": {"learning_rate": 4e-3, "weight_decay": 0.05, "schedule": "one-cycle"},
    "adam": {"learning_rate": 1e-3, "weight_decay": 0.0, "schedule": "constant"},
}
# Fraction of the steps in which the trapezoid goes down.
_DESCENT = 0.3
# What a resumed fit may change, since no earlier step depends on it.
_CHANGEABLE = ("epochs", "patience", "compiled")


@documented
@dataclass(frozen=True)
class TrainingSettings:
    """Settings of one fit. Learning rate, weight decay and schedule follow from the optimizer if None."""

    epochs: int = setting(30, least=1, help="Passes through the training rows.")
    batch_size: int = setting(128, least=1, help="Rows per step; the last batch of an epoch may be smaller.")
    seed: int = setting(0, help="Of the order of the rows and of dropout.")
    optimizer: str = setting("adamw", choices=tuple(FOLLOWING), help="adamw, or adam as the seed has it.")
    learning_rate: float | None = setting(None, above=0, help="Its highest value.")
    weight_decay: float | None = setting(
        None, least=0, help="Decay of the weights, decoupled; biases are not decayed."
    )
    schedule: str | None = setting(
        None,
        choices=("one-cycle", "trapezoid", "constant"),
        help="one-cycle (linear warm-up, then down to zero along a cosine), trapezoid (warm-up, constant for "
        "long, then linearly down to zero) or constant.",
    )
    warmup: float = setting(
        0.1, least=0, below=1, is_option=False, help="Fraction of the steps spent warming up."
    )
    patience: int | None = setting(
        None,
        least=1,
        help="Stop after so many epochs without a better validation NLL; the best epoch is kept in any case.",
    )
    resample_every: int = setting(
        1, least=1, help="Steps until the next mask is taken, where there is more than one."
    )
    valid_masks: int = setting(
        8,
        least=1,
        is_option=False,
        help="Validation during training uses at most so many of the model's masks, for speed.",
    )
    precision: str = setting(
        "float32",
        choices=("float32", "bfloat16"),
        help="What the factors of products are rounded to in training: float32 or bfloat16.",
    )
    compiled: bool | None = setting(
        None,
        is_option=False,
        help="Whether to compile the steps of a model with one mask on the CPU: that takes some seconds once "
        "on a machine, and makes steps about twice as fast. None: where it pays.",
    )
    ema: float = setting(
        0.0,
        least=0,
        below=1,
        help="Validate and keep the average of the weights over about the latest 1 / (1 - ema) steps, "
        "e.g. 0.99; 0 for the weights as they are.",
    )
    shrink: bool = setting(
        False,
        is_option=False,
        help="Validate and keep of each variable only as much of the fit as predicts validation rows best: "
        "its outputs lie between those at the start and those of the weights.",
    )
    shift: int = setting(
        0,
        is_option=False,
        help="For images, with a model that has a `field`: in the first three quarters of the steps each "
        "batch is shifted by up to so many pixels in each direction.",
    )

    def __post_init__(self) -> None:
        """Check the settings, and fill in what follows from the optimizer."""
        check_settings(self)
        for name, value in FOLLOWING[self.optimizer].items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)

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

    def changed(self, **changes: Any) -> TrainingSettings:
        """Return the settings with changes; what followed from the optimizer follows from a new one.

        Examples
        --------
        >>> TrainingSettings(epochs=5).changed(optimizer="adam").learning_rate
        0.001
        """
        own = self.as_dict()
        if "optimizer" in changes:
            followed = FOLLOWING[self.optimizer].items()
            own |= {name: None for name, value in followed if own[name] == value}
        return TrainingSettings(**{**own, **changes})

    def as_dict(self) -> dict[str, Any]:
        """Return the settings, JSON-ready."""
        return asdict(self)

    def differences(self, other: TrainingSettings) -> list[str]:
        """Return the names of settings that differ, except those that a resumed fit may change."""
        names = [name for name in TRAINING_SETTINGS if name not in _CHANGEABLE]
        return [name for name in names if getattr(self, name) != getattr(other, name)]


#: Their names.
TRAINING_SETTINGS = tuple(own.name for own in fields(TrainingSettings))


def learning_rate(settings: TrainingSettings, step: int, steps: int) -> float:
    """Return the learning rate of one of the steps of a fit; it has no state.

    Examples
    --------
    >>> settings = TrainingSettings(learning_rate=1.0, warmup=0.5)
    >>> [round(learning_rate(settings, step, 8), 2) for step in range(8)]
    [0.25, 0.5, 0.75, 1.0, 1.0, 0.85, 0.5, 0.15]
    >>> settings = TrainingSettings(learning_rate=1.0, warmup=0.2, schedule="trapezoid")
    >>> [round(learning_rate(settings, step, 10), 2) for step in range(10)]
    [0.5, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.67, 0.33]
    """
    if settings.schedule == "constant":
        return settings.peak
    warm = settings.warmup * steps
    if step < warm:
        return settings.peak * min((step + 1) / warm, 1.0)
    if settings.schedule == "trapezoid":
        return settings.peak * min((steps - step) / (_DESCENT * steps), 1.0)
    return settings.peak * 0.5 * (1 + math.cos(math.pi * (step - warm) / (steps - warm)))
