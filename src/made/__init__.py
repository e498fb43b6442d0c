"""Masked autoencoders for distribution estimation: exact likelihoods, samples, completions.

The public face is below; a name is imported when it is first used, so that ``import made`` is quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # for editors and type checkers; a test holds it to _HOMES
    from made import baselines as baselines
    from made import data as data
    from made import plots as plots
    from made import ray as ray
    from made.autoencoder import Autoencoder as Autoencoder
    from made.data.inference import infer_schema as infer_schema
    from made.loading import load as load
    from made.mixture import Mixture as Mixture
    from made.model import MADE as MADE
    from made.queries.functions import complete as complete
    from made.queries.functions import conditional as conditional
    from made.queries.functions import marginal as marginal
    from made.queries.odd_entries import odd_entries as odd_entries
    from made.queries.parts import log_prob_parts as log_prob_parts
    from made.runs.compare import compare as compare
    from made.runs.consistency import consistency as consistency
    from made.support.errors import InputError as InputError
    from made.support.errors import PoorEstimateWarning as PoorEstimateWarning
    from made.training.fit import fit as fit
    from made.training.history import History as History
    from made.tuning.auto import auto_fit as auto_fit
    from made.variables.conditions import RECORDED as RECORDED
    from made.variables.conditions import Range as Range
    from made.variables.discrete import Bernoulli as Bernoulli
    from made.variables.many_classes import Categorical as Categorical
    from made.variables.missing import MISSING as MISSING
    from made.variables.numeric import Numeric as Numeric
    from made.variables.schema import Schema as Schema
    from made.variables.unseen import UNSEEN as UNSEEN

    __version__: str

_HOMES = {
    "MADE": "made.model",
    "MISSING": "made.variables.missing",
    "UNSEEN": "made.variables.unseen",
    "Autoencoder": "made.autoencoder",
    "Bernoulli": "made.variables.discrete",
    "Categorical": "made.variables.many_classes",
    "History": "made.training.history",
    "InputError": "made.support.errors",
    "Mixture": "made.mixture",
    "Numeric": "made.variables.numeric",
    "RECORDED": "made.variables.conditions",
    "Range": "made.variables.conditions",
    "PoorEstimateWarning": "made.support.errors",
    "Schema": "made.variables.schema",
    "auto_fit": "made.tuning.auto",
    "compare": "made.runs.compare",
    "complete": "made.queries.functions",
    "conditional": "made.queries.functions",
    "consistency": "made.runs.consistency",
    "fit": "made.training.fit",
    "infer_schema": "made.data.inference",
    "load": "made.loading",
    "log_prob_parts": "made.queries.parts",
    "marginal": "made.queries.functions",
    "odd_entries": "made.queries.odd_entries",
}
_MODULES = ("baselines", "data", "plots", "ray")

__all__ = sorted([*_HOMES, *_MODULES, "__version__"])


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return importlib.import_module("made.support.versions").VERSION
    if name in _MODULES:
        return importlib.import_module(f"made.{name}")
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'made' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
