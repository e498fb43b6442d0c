"""The columns of a file that a run does not know: they are passed on, in their places, as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from made.runs.rows import FoundRows
from made.support.errors import InputError
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
    all_places : mapping of str to int
        Where every column stands in the file.
    """

    kinds: Mapping[str, ColumnType] = field(default_factory=dict)
    places: Mapping[str, int] = field(default_factory=dict)
    all_places: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, schema: Schema, found: FoundRows) -> OtherColumns:
        """Return those of a file, of which these are the first rows."""
        raw = found.raw
        if raw is None or raw.columns is None or not schema.is_named:
            return cls()
        known = {column.name for column in schema.modelled_table}
        is_text = raw.text_files.get("all") is not None
        all_places = {name: place for place, name in enumerate(raw.columns)}
        places = {name: place for name, place in all_places.items() if name not in known}
        kinds = {name: raw.dtypes[d] if raw.dtypes and not is_text else _TEXT for name, d in places.items()}
        return cls(kinds, places, all_places)

    def ordered(self, names: Sequence[str]) -> list[str]:
        """Return names in the order of the file; those that it does not have come last, as they are.

        Examples
        --------
        >>> OtherColumns(all_places={"id": 0, "size": 1, "age": 2}).ordered(["age", "size", "age_low", "id"])
        ['id', 'size', 'age', 'age_low']
        """
        return sorted(names, key=lambda name: self.all_places.get(name, len(self.all_places)))

    def beside(self, where: str, schema: Schema, added: Mapping[str, ColumnType]) -> dict[str, ColumnType]:
        """Return the types of all columns beside those that are modelled: of what is added, then of these.

        Parameters
        ----------
        where : str
            What has the columns, for an error.
        schema : Schema
            Of the model.
        added : mapping of str to ColumnType
            What is written about each row.

        Raises
        ------
        InputError
            If what is added has the name of another column.
        """
        modelled = {column.name for column in schema.modelled_table}
        if twice := sorted({*modelled, *self.kinds} & set(added)):
            raise InputError(
                f"{where}: there is a column {twice[0]!r}, and what is written beside it has that name too: "
                "give it another name"
            )
        return {**added, **self.kinds}

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
