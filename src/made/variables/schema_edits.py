"""What a schema holds, and the edits of it: each returns a new one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

from made.support.errors import InputError
from made.variables.column import Column, find_column
from made.variables.column_settings import FITTED, edited
from made.variables.date_columns import TableColumn, renamed, table_columns
from made.variables.schema_frames import FrameKind

__all__ = ["EditableColumns"]

Own = TypeVar("Own", bound="EditableColumns")


@dataclass(frozen=True)
class EditableColumns:
    """The columns of a table, and which are context; see `Schema`, which adds what they mean."""

    columns: tuple[Column, ...]
    context_places: tuple[int, ...] = ()
    image_shape: tuple[int, int] | None = None
    is_named: bool = True
    left_out: tuple[tuple[str, str], ...] = ()
    frame: FrameKind | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all columns, in the order of the table."""
        return tuple(column.name for column in self.columns)

    @cached_property
    def table(self) -> tuple[TableColumn, ...]:
        """The columns of the table: those of `columns`, with the parts of a date as one."""
        return table_columns(self.columns)

    @property
    def is_open(self) -> bool:
        """Whether something is still to follow from the rows of a fit, see `Column`."""
        return any(column.is_open for column in self.columns)

    def place(self, name: str | int) -> int:
        """Return where in the table a column is; see `find_column`."""
        return find_column(name, self.names if self.is_named else None, len(self.columns))

    def places_of(self, name: str | int) -> tuple[int, ...]:
        """Return where the variables are that a column of the table is: one, or the parts of a date."""
        own = next((own for own in self.table if own.name == name and own.form is not None), None)
        return (self.place(name),) if own is None else own.places

    def with_column(self: Own, name: str | int, kind: str | None = None, **settings: Any) -> Own:
        """Return the schema with another kind of a column, or other settings.

        What is not said follows from the rows when `made.auto_fit` is given them. A column that was left out
        comes back, as the last one.

        Parameters
        ----------
        name : str or int
            Of the column, or its number counted from 0.
        kind : {"numeric", "category", "date"}, optional
            As it is, by default.
        **settings
            Of a category: ``classes``, all labels in their order, or the number of codes from 0; ``unseen``,
            the probability of a label that is no class (True: as the rows say; False: it is refused);
            ``ordered``, whether whole numbers have a mean, and are no names. Of numbers: ``step`` (None:
            continuous), of which a value that is no multiple is refused, or rounded with ``rounds=True``;
            ``spikes``, values with a mass of their own; ``periods`` of what recurs, see `made.Numeric`. Of
            both: ``missing``, whether an entry may be. Of dates there are none.

        Raises
        ------
        InputError
            If there is no such column, or no such setting of its kind.

        Examples
        --------
        >>> from made.variables.schema import Schema
        >>> schema = Schema.of_classes([2, 3], [None, ("high", "low", "mid")], names=["sold", "price"])
        >>> print(schema.with_column("price", classes=["low", "mid", "high"], unseen=False))
        column  kind         values                measure
        sold    bernoulli    0..1                  mass
        price   categorical  'low', 'mid', 'high'  mass
        """
        left_out = dict(self.left_out)
        if isinstance(name, str) and name in left_out and name not in self.names:
            del left_out[name]
            if kind is None:
                raise InputError(f"column {name!r} is left out: give it a kind to have it back")
            again = edited(Column(name, "numeric", is_open=True), kind, settings)
            return replace(self, columns=(*self.columns, again), left_out=tuple(left_out.items()))
        first, *others = self.places_of(name)
        column = edited(self.columns[first], kind, settings)
        if column is self.columns[first] or not others:
            return self._with(first, column)
        return self._without(set(others))._with(first, column)

    def drop(self: Own, *names: str) -> Own:
        """Return the schema without some columns: a fit passes them over.

        Examples
        --------
        >>> from made.variables.schema import Schema
        >>> Schema.of_classes([2, 3], names=["sold", "id"]).drop("id").names
        ('sold',)
        """
        if not self.is_named:
            raise InputError("only columns with names can be dropped: a model finds the others by place")
        gone = {place for name in names for place in self.places_of(name)}
        dropped = tuple((own.name, "dropped") for own in self.table if own.places[0] in gone)
        return replace(self._without(gone), left_out=(*self.left_out, *dropped))

    def rename(self: Own, names: Mapping[str, str] | Sequence[str]) -> Own:
        """Return the schema with other names: ``{old: new}``, or one for every column of the table."""
        if isinstance(names, Mapping):
            new = dict(names)
            for name in names:
                self.places_of(name)
        else:
            if len(names) != len(self.table):
                raise InputError(f"{len(names)} names for {len(self.table)} columns: give each one name")
            new = dict(zip((own.name for own in self.table), names, strict=True))
        columns = tuple(renamed(column, new) for column in self.columns)
        return replace(self, columns=columns, is_named=True)

    def with_note(self: Own, name: str, note: str) -> Own:
        """Return the schema with a note on one column."""
        place = self.places_of(name)[0]
        return self._with(place, replace(self.columns[place], note=note))

    def with_image_shape(self: Own, shape: tuple[int, int] | None) -> Own:
        """Return the schema of rows that are images of this height and width; None: that are none."""
        return replace(self, image_shape=None if shape is None else (int(shape[0]), int(shape[1])))

    def with_coding(self: Own, coding: str) -> Own:
        """Return the schema with another coding of the categorical columns, see `made.Categorical`."""
        columns = [
            replace(own, arguments={**own.arguments, "coding": coding}) if own.kind == "categorical" else own
            for own in self.columns
        ]
        return replace(self, columns=tuple(columns))

    def with_bits_as_classes(self: Own) -> Own:
        """Return the schema with every modelled column of 0 and 1 as two classes, one-hot.

        Codes stay as they are. Units then tell an entry that is 0 from one that they do not see.
        """
        two: dict[str, Any] = {"kind": "categorical", "arguments": {"classes": 2, "coding": "one-hot"}}
        columns = [
            replace(own, **two) if own.kind == "bernoulli" and d not in self.context_places else own
            for d, own in enumerate(self.columns)
        ]
        return replace(self, columns=tuple(columns))

    def with_context(self: Own, names: Sequence[str | int]) -> Own:
        """Return the schema with these columns as context, by name or by number counted from 0."""
        places = tuple(place for name in names for place in self.places_of(name))
        if len(set(places)) < len(places):
            raise InputError("a column is named twice as context")
        return replace(self, context_places=places, image_shape=None if places else self.image_shape)

    def unfitted(self: Own) -> Own:
        """Return the schema without what training rows have set, see `Schema.fitted`."""
        columns = [
            replace(own, arguments={name: v for name, v in own.arguments.items() if name not in FITTED})
            for own in self.columns
        ]
        return replace(self, columns=tuple(columns))

    def _without(self: Own, gone: Collection[int]) -> Own:
        kept = [d for d in range(len(self.columns)) if d not in gone]
        return replace(
            self,
            columns=tuple(self.columns[d] for d in kept),
            context_places=tuple(kept.index(d) for d in self.context_places if d not in gone),
            image_shape=self.image_shape if not gone else None,
        )

    def _with(self: Own, place: int, column: Column) -> Own:
        columns = [column if d == place else own for d, own in enumerate(self.columns)]
        return replace(self, columns=tuple(columns))
