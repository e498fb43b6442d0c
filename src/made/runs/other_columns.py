"""The columns of a file that a run does not know: they pass through beside what is completed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from made.runs.rows import FoundRows
from made.variables.column_types import ColumnType
from made.variables.schema import Schema

__all__ = ["other_columns"]

#: Text is passed through as it is written.
_TEXT: ColumnType = "str"


def other_columns(schema: Schema, found: FoundRows) -> tuple[dict[str, ColumnType], NDArray[Any]]:
    """Return the columns that are not modelled, context among them.

    Returns
    -------
    kinds : dict of str to ColumnType
        Their types, by name.
    values : (n, len(kinds)) object array
        What they hold in the rows that could be read.
    """
    raw = found.raw
    if raw is None or raw.columns is None or not schema.is_named:
        return {}, np.empty((len(found.rows), 0), dtype=object)
    known = {column.name for column in schema.modelled_table}
    text = raw.text_files.get("all")
    places = {name: place for place, name in enumerate(raw.columns) if name not in known}
    kinds = {name: raw.dtypes[d] if raw.dtypes and text is None else _TEXT for name, d in places.items()}
    own = np.arange(len(found.rows))
    if found.rejected is not None:
        own = np.searchsorted(raw.kept, found.rejected.kept)
    values = np.empty((len(own), len(places)), dtype=object)
    for d, place in enumerate(places.values()):
        if text is None:
            values[:, d] = raw.rows[own, place]
        else:
            words = text.words(place)
            values[:, d] = [words[row] or None for row in own.tolist()]
    return kinds, values
