"""A model for some rows in one call: built for them and fitted."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from made.data.coding import infer_classes, whole_numbers
from made.data.image_shape import find_image_shape
from made.model import MADE
from made.support.errors import InputError
from made.training.fit import fit
from made.training.held_out import set_apart
from made.tuning.candidates import Candidate, candidates
from made.tuning.chow_liu_init import build_as_tree, can_be_tree
from made.tuning.recipes import DEFAULT
from made.tuning.successive_halving import choose
from made.variables.base import Variable
from made.variables.row_type import RowType, variables_for

__all__ = ["candidate_model", "estimate"]

_log = logging.getLogger(__name__)


def estimate(
    train: ArrayLike,
    valid: ArrayLike | None = None,
    *,
    variables: Variable | Sequence[Variable] | None = None,
    seed: int = 0,
    progress: bool = False,
) -> MADE:
    """Build a model for these rows and fit it.

    Size, regularization and the length of the fit follow from the number of rows; where that leaves a choice,
    shorter fits are compared on the validation rows. What was decided is logged, or shown with `progress`.

    Parameters
    ----------
    train : (n, D) array
        Training rows: whole numbers, of which each column is a category.
    valid : (m, D) array, optional
        Validation rows. Without them a tenth of the training rows is set apart; of fewer than 100 rows none
        are, and all rows are trained on with strong weight decay.
    variables : Variable or sequence of Variable, optional
        What the columns are, where the values that occur do not tell.
    seed : int
        Of everything that is drawn.
    progress : bool
        Show a progress bar, and what was decided, on standard error.

    Returns
    -------
    MADE

    Raises
    ------
    InputError
        If the rows make no sense.
    TrainingDivergedError
        If the fit diverged; its `model` is the best so far.

    Examples
    --------
    >>> import made
    >>> rows = np.repeat(np.eye(4, dtype=int), 30, axis=0)
    >>> model = made.estimate(rows)
    >>> bool((model.log_prob(np.eye(4)) > -1.8).all())
    True
    """
    own = _variables(train, valid) if variables is None else variables
    row_type = RowType(own)
    rows: Any = _coded(row_type, train)
    held_out: Any = None if valid is None else _coded(row_type, valid)
    tell: Callable[[str], None] = partial(print, file=sys.stderr) if progress else _log.info
    smallest = MADE(own, hidden=())
    if held_out is None:
        # Set apart once, so that all fits are compared on the same rows.
        parts = set_apart(smallest, rows, seed=seed)
        tell(parts.note)
        rows, held_out = parts.train, False if parts.valid is None else parts.valid

    build = partial(candidate_model, variables=own, rows=rows, seed=seed)
    n_valid = 0 if held_out is False else len(held_out)
    image = find_image_shape(rows, smallest.variables.n_values.tolist())
    tried = candidates(len(rows), n_valid, trees=can_be_tree(smallest), image=image)
    chosen = choose(tried, build, rows, held_out, tell, seed=seed, progress=progress)
    model = build(chosen)
    fit(model, rows, held_out, seed=seed, progress=progress, **chosen.training)
    return model


def candidate_model(
    candidate: Candidate, variables: Variable | Sequence[Variable], rows: ArrayLike, seed: int = 0
) -> MADE:
    """Build a candidate's model for some training rows of codes."""
    settings = DEFAULT.model_settings(candidate.model)
    if candidate.is_tree:
        return build_as_tree(variables, settings, rows, seed)
    return MADE(variables, seed=seed, **settings)


def _variables(train: ArrayLike, valid: ArrayLike | None) -> list[Variable]:
    """Say what the columns of some rows are, from the values that occur."""
    values = {}
    for name, rows in (("train", train), ("valid", valid)):
        if rows is not None:
            array = np.asarray(rows)
            if array.ndim != 2 or 0 in array.shape:
                raise InputError(
                    f"{name} rows are a table (rows, variables) and not empty, got {array.shape}"
                )
            values[name] = whole_numbers(array, f"the {name} rows")
    classes, labels, notes = infer_classes(values, "the rows")
    for note in notes:
        _log.info("%s: model.codes(rows) translates", note)
    return variables_for(classes, labels)


def _coded(variables: RowType, rows: ArrayLike) -> Tensor:
    """Return rows as codes; those of labelled columns hold labels."""
    has_labels = any(block.labels is not None for block in variables.blocks)
    return variables.rows(variables.codes(rows) if has_labels else np.asarray(rows))
