"""Parsing the values of ``--given`` and ``--context``, such as "x3=1,x7=0"."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from made.model import MADE
from made.support.errors import InputError
from made.variables.column import find_column
from made.variables.encoding import decode
from made.variables.row_type import RowType
from made.variables.rows import Rows

__all__ = ["parse_values", "read_context", "read_given_values"]


def parse_values(
    text: str, option: str, variables: RowType, place_of: Callable[[str], int]
) -> dict[int, Any]:
    """Read ``"x3=1,x7=0"`` as codes by variable.

    Parameters
    ----------
    text : str
        What the user wrote.
    option : str
        Where, for messages.
    variables : RowType
        What the columns are.
    place_of : callable
        Maps the name of a column to its number among the variables.

    Raises
    ------
    InputError
        If it is no such list, or names a variable twice, an unknown one, or a value that it cannot have.

    Examples
    --------
    >>> from made.variables.discrete import Bernoulli
    >>> parse_values("1=1, 2=0", "--given", RowType(Bernoulli(3)), int)
    {1: 1, 2: 0}
    """
    values: dict[int, Any] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, equals, word = (piece.strip() for piece in part.partition("="))
        if not equals or not word:
            raise InputError(
                f'{option} takes name=value with commas between, as in "x3=1,x7=0"; got {part!r}'
            )
        try:
            place = place_of(name)
        except InputError as error:
            raise InputError(f"{option}: {error}") from None
        code = _code(word, option, name, variables, place)
        if values.get(place, code) != code:
            raise InputError(f"{option} gives {name} two values, {values[place]} and {code}: leave one out")
        values[place] = code
    return values


def read_given_values(text: str | None, model: MADE) -> Rows | None:
    """Return the values of ``--given`` as one incomplete row; None without text."""
    given = parse_values(text or "", "--given", model.variables, model.schema.variable)
    if not given:
        return None
    codes = torch.zeros(1, model.n_variables, dtype=model.variables.dtype)
    known = torch.zeros(codes.shape, dtype=torch.bool)
    for variable, code in given.items():
        codes[0, variable], known[0, variable] = code, True
    return Rows(codes, known)


def read_context(text: str | None, model: MADE) -> NDArray[Any] | None:
    """Return the values of ``--context`` as a row of context (C,); None without text and without context.

    Raises
    ------
    InputError
        If the model takes none, or a column of it is missing.
    """
    if not model.context:
        if text is not None:
            raise InputError("--context: this model has none; fit one with made fit DATA --context COLUMNS")
        return None
    n_columns, variables = model.context.n_columns, model.context.variables
    names = [column.name for column in model.schema.context_columns]
    if text is None:
        each = ",".join(f"{name}=..." for name in names)
        raise InputError(f'this model is conditional: add --context "{each}"')
    if variables is None:
        raise InputError("--context: the context of this model is numbers; condition on them from Python")

    def place_of(name: str) -> int:
        return find_column(name, names, n_columns)

    codes = parse_values(text, "--context", variables, place_of)
    missing = [names[i] for i in range(n_columns) if i not in codes]
    if missing:
        raise InputError(f"--context lacks {', '.join(missing)}: give all of {', '.join(names)} a value")
    context: NDArray[Any] = decode(variables, np.array([[codes[i] for i in range(n_columns)]]))[0]
    return context


def _code(word: str, option: str, name: str, variables: RowType, place: int) -> int:
    """Return the code of a value as the user wrote it: a label, where there are labels, else the code."""
    block = variables.block_of(place)
    values: list[Any] = list(range(block.n_values)) if block.labels is None else list(block.labels)
    if word in values:
        return values.index(word)
    try:
        return values.index(float(word))
    except ValueError:
        shown = ", ".join(map(str, values[:6])) + (f", ..., {values[-1]}" if len(values) > 6 else "")
        raise InputError(f"{option}: {name} cannot be {word}; it takes {shown}") from None
