"""The questions as functions of a model: `made.marginal`, `made.complete` and `made.conditional`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from made.queries.numeric_conditional import NumericConditional
from made.queries.questions import Questions
from made.queries.results import Answer, Conditional
from made.support.errors import InputError
from made.variables.rows import RowsLike

__all__ = ["complete", "conditional", "marginal"]


def marginal(model: Questions, rows: RowsLike, **options: Any) -> Answer:
    """Return log p of what is known in each row: ``model.marginal(rows, ...)``, see `Questions.marginal`.

    Examples
    --------
    >>> import made
    >>> model = made.MADE(made.Bernoulli(3), hidden=(8,))
    >>> made.marginal(model, [[1, None, 0]]).log_prob.round(3)
    array([-1.386])
    """
    answer: Answer = _checked(model).marginal(rows, **options)
    return answer


def complete(
    model: Questions, rows: RowsLike, kind: str = "draw", number: int | None = None, **options: Any
) -> Answer:
    """Fill in the unknown entries of rows: ``model.complete(rows, ...)``, see `Questions.complete`.

    Examples
    --------
    >>> import made
    >>> model = made.MADE(made.Bernoulli(3), hidden=(8,))
    >>> made.complete(model, [[1, None, 0], [None, 0, None]], seed=0).shape
    (2, 3)
    """
    answer: Answer = _checked(model).complete(rows, kind, number, **options)
    return answer


def conditional(
    model: Questions, variable: int | str, given: Mapping[Any, Any] | RowsLike | None = None, **options: Any
) -> Conditional | NumericConditional:
    """Return the distribution of one variable given others: ``model.conditional(variable, given, ...)``.

    See `Questions.conditional`.

    Examples
    --------
    >>> import made
    >>> model = made.MADE(made.Bernoulli(3), hidden=(8,))
    >>> made.conditional(model, 1, {0: 1, 2: 0}).probabilities
    array([0.5, 0.5])
    """
    answer: Conditional | NumericConditional = _checked(model).conditional(variable, given, **options)
    return answer


def _checked(model: Any) -> Any:
    """Return the model if it answers questions."""
    if not isinstance(model, Questions):
        raise InputError(f"queries are answered by a made.MADE, which a {type(model).__name__} is not")
    return model
