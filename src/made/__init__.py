"""Masked autoencoders for distribution estimation: exact likelihoods, samples, completions.

The public face is below; a name is imported when it is first used, so that ``import made`` is quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from made import baselines, data, plots
    from made.autoencoder import Autoencoder
    from made.loading import load
    from made.model import MADE
    from made.queries.questions import complete, conditional, marginal
    from made.support.errors import InputError, PoorEstimateWarning
    from made.training.fit import fit
    from made.training.history import History
    from made.tuning.auto import estimate
    from made.variables.discrete import Bernoulli, Categorical
    from made.variables.row_type import variables_for

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
    "Bernoulli": "made.variables.discrete",
    "Categorical": "made.variables.discrete",
    "History": "made.training.history",
    "InputError": "made.support.errors",
    "PoorEstimateWarning": "made.support.errors",
    "complete": "made.queries.questions",
    "conditional": "made.queries.questions",
    "estimate": "made.tuning.auto",
    "fit": "made.training.fit",
    "load": "made.loading",
    "marginal": "made.queries.questions",
    "variables_for": "made.variables.row_type",
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
