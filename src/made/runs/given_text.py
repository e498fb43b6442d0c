"""Parsing the values of ``--given`` and ``--context``, such as "x3=1,x7=0"."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from made.model import MADE
from made.support.errors import InputError
from made.variables.column import Column, find_column
from made.variables.date_columns import given_parts, table_columns
from made.variables.encoding import encode_given
from made.variables.numeric import Numeric, exact_number
from made.variables.quoted import QUOTED, quoted, split_at_commas, unquoted
from made.variables.row_type import RowType
from made.variables.rows import Rows

__all__ = ["parse_values", "read_context", "read_given_values"]

_GIVEN = re.compile(rf"(?P<name>{QUOTED}|[^=]+?)\s*=\s*(?P<word>.+)", re.DOTALL)


def parse_values(
    text: str,
    option: str,
    variables: RowType,
    place_of: Callable[[str], int],
    columns: Sequence[Column] = (),
) -> dict[int, Any]:
    """Read ``"x3=1,x7=0"`` as values by variable.

    Parameters
    ----------
    text : str
        What the user wrote. Names and values with commas or "=" stand in quotation marks.
    option : str
        Where, for messages.
    variables : RowType
        What the columns are.
    place_of : callable
        Maps the name of a column to its number among the variables.
    columns : sequence of Column, optional
        Of the variables: a date is given as a whole.

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
    dates = {own.name for own in table_columns(columns) if own.form is not None}
    for part in split_at_commas(text):
        found = _GIVEN.fullmatch(part)
        if found is None:
            raise InputError(
                f'{option} takes name=value with commas between, as in "x3=1,x7=0", and quotation marks '
                f"around what has commas itself; got {part!r}"
            )
        name, word = found["name"], found["word"]
        try:
            if unquoted(name) in dates:
                whole = {unquoted(name): unquoted(word)}
                values |= {place_of(own): value for own, value in given_parts(columns, whole).items()}
                continue
            place = place_of(name)
        except InputError as error:
            raise InputError(f"{option}: {error}") from None
        value = _value(word, option, name, variables, place)
        if values.get(place, value) != value:
            raise InputError(f"{option} gives {name} two values, {values[place]} and {value}: leave one out")
        values[place] = value
    return values


def read_given_values(text: str | None, model: MADE) -> Rows | None:
    """Return the values of ``--given`` as one incomplete row; None without text."""
    if text is None:
        return None
    given = parse_values(text, "--given", model.variables, model.schema.variable, model.schema.modelled)
    if not given:
        raise InputError('--given is empty: it takes name=value with commas between, as in "x3=1,x7=0"')
    return encode_given(model.variables, given)


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
        each = ",".join(f"{quoted(name, ',=')}=..." for name in names)
        raise InputError(f'this model is conditional: add --context "{each}"')
    if variables is None:
        raise InputError("--context: the context of this model is numbers; condition on them from Python")

    def place_of(name: str) -> int:
        return find_column(name, names, n_columns)

    values = parse_values(text, "--context", variables, place_of, model.schema.context_columns)
    missing = [names[i] for i in range(n_columns) if i not in values]
    if missing:
        raise InputError(f"--context lacks {', '.join(missing)}: give all of {', '.join(names)} a value")
    own = [values[i] for i in range(n_columns)]
    return np.array(own, dtype=object if any(isinstance(value, str) for value in own) else None)


def _value(word: str, option: str, name: str, variables: RowType, place: int) -> Any:
    """Return the value that the user wrote: a number or, where there are labels, one of them."""
    block = variables.block_of(place)
    values: list[Any] = [] if isinstance(block, Numeric) else list(block.values[: block.n_classes])
    if word in values:
        return word
    word = unquoted(word)
    if isinstance(block, Numeric):
        try:
            return int(word) if word.lstrip("+-").isdecimal() else float(word)
        except ValueError:
            raise InputError(f"{option}: {name} cannot be {word}; it takes numbers") from None
    if word in values:
        return word
    try:
        return values[values.index(exact_number(word))]
    except ValueError:
        if block.unseen is not None:  # a label that is no class
            return int(word) if word.lstrip("+-").isdecimal() else word
        words = [quoted(str(label)) for label in [*values[:6], values[-1]]]
        shown = ", ".join(words[:-1]) + (f", ..., {words[-1]}" if len(values) > 6 else "")
        raise InputError(f"{option}: {name} cannot be {word}; it takes {shown}") from None
