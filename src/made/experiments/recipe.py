"""The default recipe: which network and which training ``made fit`` takes when nothing else is said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from made.data import Dataset
from made.errors import InputError
from made.model import MADE
from made.rows import variables_for

__all__ = ["MODEL_DEFAULTS", "TRAINING_DEFAULTS", "build_model"]

#: What the network gets. Direct connections let every output see every variable before it, whatever the width
#: of the layers; evenly spaced degrees leave none out by chance.
MODEL_DEFAULTS: dict[str, Any] = {
    "hidden": (512, 512),
    "ordering": "natural",
    "orderings": 1,
    "connectivity": "even",
    "connectivities": 1,
    "activation": "relu",
    "residual": True,
    "direct": True,
    "dropout": 0.1,
}

#: What training gets; all else follows from the optimizer (`TrainingSettings`).
TRAINING_DEFAULTS: dict[str, Any] = {"epochs": 30, "patience": 20}


def build_model(data: Dataset, seed: int, given: Mapping[str, Any], coding: str | None = None) -> MADE:
    """Build the model for a data set: the recipe's, but for what is given.

    Parameters
    ----------
    data : Dataset
        Says what the variables are, and the context.
    seed : int
        Of the masks and the initial weights.
    given : mapping
        Arguments of `MADE` that replace those of `MODEL_DEFAULTS`.
    coding : str, optional
        Of categorical variables. By default one-hot; scaled for points of a joint table, whose codes are
        places along an axis.
    """
    unknown = set(given) - set(MODEL_DEFAULTS) - {"fresh_masks"}
    if unknown:
        raise InputError(
            f"a model has no setting {sorted(unknown)[0]!r}; there are {', '.join(MODEL_DEFAULTS)}"
        )
    if coding is None:
        coding = "one-hot" if data.table is None else "scaled"
    variables = variables_for(data.classes, data.labels, coding)
    context = 0 if data.context is None else variables_for(data.context.classes, data.context.labels)
    return MADE(variables, seed=seed, context=context, **{**MODEL_DEFAULTS, **given})
