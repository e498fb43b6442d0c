"""The columns of a file that a run does not know: they pass through beside what is completed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from made.runs.rows import FoundRows
from made.variables.column_types import ColumnType
from made.variables.schema import Schema

__all__ = ["OtherColumns"]

#: Text is passed through as it is written.
_TEXT: ColumnType = "str"


@dataclass(frozen=True)
class OtherColumns:
    """The columns of a file that are not modelled, context among them; without arguments there are none.

    Attributes
    ----------
    kinds : mapping of str to ColumnType
        Their types, by name.
    places : mapping of str to int
        Where they stand in the file.
    """

    kinds: Mapping[str, ColumnType] = field(default_factory=dict)
    places: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, schema: Schema, found: FoundRows) -> OtherColumns:
        """Return those of a file, of which these are the first rows."""
        raw = found.raw
        if raw is None or raw.columns is None or not schema.is_named:
            return cls()
        known = {column.name for column in schema.modelled_table}
        is_text = raw.text_files.get("all") is not None
        places = {name: place for place, name in enumerate(raw.columns) if name not in known}
        kinds = {name: raw.dtypes[d] if raw.dtypes and not is_text else _TEXT for name, d in places.items()}
        return cls(kinds, places)

    def values(self, found: FoundRows) -> NDArray[np.object_]:
        """Return what they hold in some rows of the file, (n, len(kinds)): in those that could be read."""
        raw = found.raw
        own = np.arange(len(found.rows))
        values = np.empty((len(own), len(self.places)), dtype=object)
        if raw is None or not self.places:
            return values
        text = raw.text_files.get("all")
        if found.rejected is not None:
            own = np.searchsorted(raw.kept, found.rejected.kept)
        for d, place in enumerate(self.places.values()):
            if text is None:
                values[:, d] = raw.rows[own, place]
            else:
                words = text.words(place)
                values[:, d] = [words[row] or None for row in own.tolist()]
        return values
