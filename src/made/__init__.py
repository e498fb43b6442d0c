"""Masked autoencoders for distribution estimation: exact likelihoods, samples, completions.

The public face is below; a name is imported when it is first used, so that ``import made`` is quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from made import baselines, data, plots
    from made.autoencoder import Autoencoder
    from made.errors import InputError, PoorEstimateWarning
    from made.experiments.estimate import estimate
    from made.loading import load
    from made.model import MADE
    from made.queries import complete, conditional, marginal
    from made.rows import variables_for
    from made.training import History, fit
    from made.variables import Bernoulli, Categorical

__all__ = [
    "MADE",
    "Autoencoder",
    "Bernoulli",
    "Categorical",
    "History",
    "InputError",
    "PoorEstimateWarning",
    "__version__",
    "baselines",
    "complete",
    "conditional",
    "data",
    "estimate",
    "fit",
    "load",
    "marginal",
    "plots",
    "variables_for",
]

__version__ = "0.1.0"

_HOMES = {
    "MADE": "made.model",
    "Autoencoder": "made.autoencoder",
    "Bernoulli": "made.variables",
    "Categorical": "made.variables",
    "History": "made.training",
    "InputError": "made.errors",
    "PoorEstimateWarning": "made.errors",
    "complete": "made.queries",
    "conditional": "made.queries",
    "estimate": "made.experiments.estimate",
    "fit": "made.training",
    "load": "made.loading",
    "marginal": "made.queries",
    "variables_for": "made.rows",
}
_MODULES = ("baselines", "data", "plots")


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"made.{name}")
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'made' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
