"""What a user says about the columns of a table, where that is to count instead of their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from made.support.errors import InputError
from made.variables.column import find_column
from made.variables.column_settings import KINDS

if TYPE_CHECKING:
    from made.variables.schema import Schema

__all__ = ["Choices"]


@dataclass(frozen=True)
class Choices:
    """What columns are, which are left out, by which rows are split, and whether rare values are kept out.

    Attributes
    ----------
    kinds : mapping of str to str
        One of `KINDS` by column. A column with a kind is never left out.
    drop : tuple of str
        Columns to leave out.
    schema : Schema, optional
        What the columns are; those that it does not name are passed over. Kinds and drop count before it.
    group : str or int, optional
        Column whose rows of one value are in one split.
    time : str or int, optional
        Column by which later rows are tested on.
    protect : bool
        Keep rare labels, minima and maxima out, see `made.data.protect`.

    Examples
    --------
    >>> Choices.parse(["zip=category"], ["id"]).as_dict()
    {'kinds': {'zip': 'category'}, 'drop': ['id']}
    """

    kinds: Mapping[str, str] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    schema: Schema | None = None
    group: str | int | None = None
    time: str | int | None = None
    protect: bool = False

    def __post_init__(self) -> None:
        """Check the kinds, that no column is kept and dropped, and that there is one way to split."""
        if self.group is not None and self.time is not None:
            raise InputError("rows are split by group or by time: leave one of the two out")
        for name, kind in self.kinds.items():
            if kind not in KINDS:
                raise InputError(
                    f"column {name}: a kind is {', '.join(KINDS[:-1])} or {KINDS[-1]}, got {kind!r}"
                )
        both = [name for name in self.drop if name in self.kinds]
        if both:
            raise InputError(f"column {both[0]} is given a kind and dropped: leave one of the two out")

    @property
    def split_by(self) -> str | int | None:
        """The column that rows are split by; None where they are split at random."""
        return self.time if self.group is None else self.group

    @classmethod
    def parse(cls, columns: Sequence[str], drop: Sequence[str], **others: Any) -> Choices:
        """Read ``NAME=KIND`` for each column, and names; the others are as they are."""
        kinds = {}
        for text in columns:
            name, equals, kind = text.rpartition("=")
            if not equals or not name:
                raise InputError(f"a column is given a kind as in age=numeric, got {text!r}")
            kinds[name.strip()] = kind.strip()
        return cls(kinds, tuple(name.strip() for name in drop), **others)

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
        from made.variables.schema_file import entries_of

        said = {
            "kinds": dict(self.kinds),
            "drop": list(self.drop),
            "schema": None if self.schema is None else entries_of(self.schema),
            "group": self.group,
            "time": self.time,
            "protect": self.protect,
        }
        return {name: own for name, own in said.items() if own}

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> Choices:
        """Read what `as_dict` returned."""
        from made.variables.schema import Schema

        entries = settings.get("schema")
        return cls(
            dict(settings.get("kinds", {})),
            tuple(settings.get("drop", ())),
            None if entries is None else Schema.of_entries(entries),
            settings.get("group"),
            settings.get("time"),
            settings.get("protect", False),
        )
