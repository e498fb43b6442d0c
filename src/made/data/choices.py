"""What a user says about the columns of a table, where that is to count instead of their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from made.support.errors import InputError
from made.variables.column import find_column

__all__ = ["KINDS", "Choices"]

#: What a column may be said to be.
KINDS = ("numeric", "category", "date")


@dataclass(frozen=True)
class Choices:
    """Kinds of columns, and columns to leave out.

    Attributes
    ----------
    kinds : mapping of str to str
        One of `KINDS` by column. A column with a kind is never left out.
    drop : tuple of str
        Columns to leave out.

    Examples
    --------
    >>> Choices.parse(["zip=category"], ["id"])
    Choices(kinds={'zip': 'category'}, drop=('id',))
    """

    kinds: Mapping[str, str] = field(default_factory=dict)
    drop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the kinds, and that no column is kept and dropped."""
        for name, kind in self.kinds.items():
            if kind not in KINDS:
                raise InputError(
                    f"column {name}: a kind is {', '.join(KINDS[:-1])} or {KINDS[-1]}, got {kind!r}"
                )
        both = [name for name in self.drop if name in self.kinds]
        if both:
            raise InputError(f"column {both[0]} is given a kind and dropped: leave one of the two out")

    @classmethod
    def parse(cls, columns: Sequence[str], drop: Sequence[str]) -> Choices:
        """Read ``NAME=KIND`` for each column, and names."""
        kinds = {}
        for text in columns:
            name, equals, kind = text.rpartition("=")
            if not equals or not name:
                raise InputError(f"a column is given a kind as in age=numeric, got {text!r}")
            kinds[name.strip()] = kind.strip()
        return cls(kinds, tuple(name.strip() for name in drop))

    def by_place(self, names: Sequence[str] | None, n_columns: int) -> tuple[dict[int, str], set[int]]:
        """Return the kinds and what is dropped by the place of the column.

        Raises
        ------
        InputError
            If there is no such column, or columns without names are to be dropped.
        """
        if self.drop and names is None:
            raise InputError("only columns with names can be dropped: a model finds the others by place")
        kinds = {find_column(name, names, n_columns): kind for name, kind in self.kinds.items()}
        return kinds, {find_column(name, names, n_columns) for name in self.drop}

    def as_dict(self) -> dict[str, Any]:
        """Return them JSON-ready; nothing where nothing is said."""
        kinds = {"kinds": dict(self.kinds)} if self.kinds else {}
        return {**kinds, **({"drop": list(self.drop)} if self.drop else {})}

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> Choices:
        """Read what `as_dict` returned."""
        return cls(dict(settings.get("kinds", {})), tuple(settings.get("drop", ())))
