"""The columns of a file that a run does not know: they pass through beside what is completed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from made.runs.rows import FoundRows
from made.variables.column_types import ColumnType
from made.variables.schema import Schema

__all__ = ["other_columns", "other_values"]

#: Text is passed through as it is written.
_TEXT: ColumnType = "str"


def other_columns(schema: Schema, found: FoundRows) -> dict[str, ColumnType]:
    """Return the names of the columns that are not modelled, context among them, with their types."""
    return {name: kind for name, _, kind in _others(schema, found)}


def other_values(schema: Schema, found: FoundRows) -> NDArray[Any]:
    """Return what these columns hold in the rows that could be read, (n, columns) objects."""
    others = _others(schema, found)
    values = np.empty((len(found.rows), len(others)), dtype=object)
    if not others:
        return values
    raw = found.raw
    assert raw is not None
    own = np.arange(len(found.rows))
    if found.rejected is not None:
        own = np.searchsorted(raw.kept, found.rejected.kept)
    text = raw.text_files.get("all")
    for d, (_, place, _) in enumerate(others):
        if text is None:
            values[:, d] = raw.rows[own, place]
        else:
            words = text.words(place)
            values[:, d] = [words[row] or None for row in own.tolist()]
    return values


def _others(schema: Schema, found: FoundRows) -> list[tuple[str, int, ColumnType]]:
    """Return name, place in the file and type of each."""
    raw = found.raw
    if raw is None or raw.columns is None or not schema.is_named:
        return []
    known = {column.name for column in schema.modelled_table}
    kinds = raw.dtypes if raw.dtypes and not raw.text_files else [_TEXT] * len(raw.columns)
    return [
        (name, place, kind)
        for place, (name, kind) in enumerate(zip(raw.columns, kinds, strict=True))
        if name not in known
    ]
