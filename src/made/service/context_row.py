"""The context of a request: values by column, as the row that a model of p(x | c) is conditioned on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from made.model import MADE
from made.support.errors import EntryError, InputError
from made.support.listing import listed
from made.variables.context import Context
from made.variables.date_columns import split, table_columns
from made.variables.encoding import encode_complete
from made.variables.numeric import Numeric

__all__ = ["context_names", "context_of", "some_context"]


def context_names(model: MADE) -> list[str]:
    """Return the names of the columns of context; none of a model without."""
    return [own.name for own in table_columns(model.schema.context_columns)]


def context_of(model: MADE, asked: Mapping[str, Any] | None) -> NDArray[Any] | None:
    """Return context as a row of values (C,) that the model takes, dates in their parts; None without any.

    Raises
    ------
    InputError
        If a column is lacking, is none of the context, or has a value that it cannot; or there is no context.
    """
    given, names = asked or {}, context_names(model)
    if given and not names:
        raise InputError("context: this model is not conditioned on anything: leave it out")
    if not names:
        return None
    shown = listed(names, 20)
    for name in given:
        if name not in names:
            raise InputError(f"context names {name!r}: leave it out, its columns are {shown}")
    lacking = [name for name in names if name not in given]
    if lacking:
        raise InputError(
            f"context lacks {listed(lacking, 20)}: this model is conditional, give each of {shown} a value"
        )
    for name in names:
        if given[name] is None or given[name] != given[name]:
            what = "null" if given[name] is None else "NaN"
            raise InputError(f"context: {name} is {what}: context must be known, give it a value")
    return _checked(model, np.array([[given[name] for name in names]], dtype=object))


def some_context(model: MADE) -> NDArray[Any] | None:
    """Return a row of context that the model takes: zeros and first values; None without any."""
    if not model.context:
        return None
    variables, n = model.context.variables, model.context.n_columns
    blocks = [None if variables is None else variables.block_of(d) for d in range(n)]
    own = [0.0 if block is None or isinstance(block, Numeric) else block.values[0] for block in blocks]
    return np.array(own, dtype=object)


def _checked(model: MADE, table: NDArray[Any]) -> NDArray[Any]:
    columns, variables = model.schema.context_columns, model.context.variables
    if variables is None:  # numbers as they are
        for column, value in zip(columns, table[0], strict=True):
            try:
                Context(1).rows([value], 1)
            except InputError:
                raise InputError(f"context: {column.name} cannot be {value!r}: it takes numbers") from None
        return np.asarray(table[0], dtype=np.float64)
    try:
        values = split(columns, table)
        encode_complete(variables, values)
    except EntryError as error:
        raise InputError(f"context: {error.name or columns[error.column].name} {error.complaint}") from None
    row: NDArray[Any] = values[0]
    return row
