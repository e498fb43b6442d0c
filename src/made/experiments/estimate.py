"""A model for some rows in one call: built for them, fitted, and the best of a few candidates."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from made.data.coding import infer_classes, whole_numbers
from made.errors import InputError
from made.experiments.adapt import Candidate, candidates
from made.experiments.recipe import DEFAULT
from made.model import MADE
from made.rows import Variables, variables_for
from made.training import TrainingDivergedError, fit
from made.training.held_out import FEWEST_ROWS, set_apart
from made.training.history import History
from made.variables import Variable

__all__ = ["estimate"]

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

    A few candidates, which depend on the number of rows, are trained; the one with the best validation NLL
    is returned. What was decided is logged, and shown with `progress`.

    Parameters
    ----------
    train : (n, D) array
        Training rows: whole numbers, of which each column is a category.
    valid : (m, D) array, optional
        Validation rows. Without them a tenth of the training rows is set apart; of fewer than 100 rows none
        are, and the first candidate is trained for a fifth of its epochs.
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
        If every candidate diverged.

    Examples
    --------
    >>> import made
    >>> rows = np.repeat(np.eye(4, dtype=int), 30, axis=0)
    >>> model = made.estimate(rows)
    >>> bool((model.log_prob(np.eye(4)) > -1.8).all())
    True
    """
    own = _variables(train, valid) if variables is None else variables
    row_type = Variables(own)
    rows: Any = _coded(row_type, train)
    held_out: Any = None if valid is None else _coded(row_type, valid)
    tell = _Teller(progress)
    if held_out is None:
        # Set apart once, so that all candidates are compared on the same rows.
        parts = set_apart(MADE(own, hidden=()), rows, seed=seed)
        tell(parts.note)
        if len(rows) < FEWEST_ROWS:
            first = candidates(len(rows))[0]
            short = {**first.training, "epochs": max(first.training["epochs"] // 5, 1)}
            return _fit(Candidate(first.about, first.model, short), own, rows, False, seed, progress)[0]
        rows, held_out = parts.train, parts.valid
    best: tuple[float, MADE] | None = None
    tried = candidates(len(rows))
    for number, candidate in enumerate(tried, 1):
        tell(f"candidate {number} of {len(tried)}: {candidate.about}")
        try:
            model, history = _fit(candidate, own, rows, held_out, seed, progress)
        except TrainingDivergedError as error:
            if number == len(tried) and best is None:
                raise
            tell(f"candidate {number}: {error}")
            continue
        nll = min(history.valid_nll)
        tell(f"candidate {number}: validation NLL {nll:.3f} nats, after {history.epochs[-1].seconds:.0f} s")
        if best is None or nll < best[0]:
            best = nll, model
    assert best is not None
    return best[1]


class _Teller:
    """Says things on standard error, or only logs them."""

    def __init__(self, aloud: bool) -> None:
        self.aloud = aloud

    def __call__(self, text: str) -> None:
        if self.aloud:
            import sys

            print(text, file=sys.stderr)
        else:
            _log.info(text)


def _fit(
    candidate: Candidate, variables: Any, rows: Any, held_out: Any, seed: int, progress: bool
) -> tuple[MADE, History]:
    model = MADE(variables, seed=seed, **DEFAULT.model_settings(candidate.model))
    history = fit(model, rows, held_out, seed=seed, progress=progress, **candidate.training)
    return model, history


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


def _coded(variables: Variables, rows: ArrayLike) -> Tensor:
    """Return rows as codes; those of labelled columns hold labels."""
    has_labels = any(block.labels is not None for block in variables.blocks)
    return variables.rows(variables.codes(rows) if has_labels else np.asarray(rows))
