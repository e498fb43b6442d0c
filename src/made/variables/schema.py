"""What the columns of a row are: names, kinds, labels, which are context, and whether a row is an image.

One object, held by the model and written into its file. Values become codes, and codes values, here and
nowhere else. The module needs numpy alone: data sets have a schema before there is any model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from made.support.errors import InputError
from made.variables import frames
from made.variables.class_groups import default_coding
from made.variables.column import NUMBER, Column, Found, find_column
from made.variables.date_columns import check_parts
from made.variables.dates import DatePart
from made.variables.schema_coding import CodedColumns
from made.variables.schema_file import parts_said, read_entries, write_schema
from made.variables.schema_frames import (
    frame_of,
    types_from_dict,
    types_of_frame,
    types_to_dict,
    without_others,
)
from made.variables.schema_settings import check_entries, columns_of, settings_of
from made.variables.schema_table import schema_html, schema_table

if TYPE_CHECKING:
    from torch import Tensor

    from made.variables.column_types import ColumnType
    from made.variables.context import Context
    from made.variables.row_type import RowType
    from made.variables.rows import Rows

__all__ = ["Schema"]


@dataclass(frozen=True)
class Schema(CodedColumns):
    """The columns of a table in their order, context included. It never changes: edits return a new one.

    Parameters
    ----------
    columns : tuple of Column
        At least one that is modelled. A date of a table is several of them, see `made.variables.dates`.
    context_places : tuple of int
        Where in the table the columns of context are, in the order in which the model takes them.
    image_shape : (height, width), optional
        Of the image that the modelled columns are, where they are one.
    is_named : bool
        Whether the names are the user's, and not x0, x1, ... for want of any.
    left_out : tuple of (str, str)
        Columns of the table that are not modelled, each with the reason.
    frame : FrameKind, optional
        Which data frame a model was fitted on, where it was one.

    Examples
    --------
    >>> schema = Schema.of_classes([2, 3], [None, ("red", "green", "blue")], names=["sold", "colour"])
    >>> print(schema)
    column  kind         values                  measure
    sold    bernoulli    0..1                    mass
    colour  categorical  'red', 'green', 'blue'  mass
    >>> schema.decode([[1, 2]])
    array([[1, 'blue']], dtype=object)
    """

    def __post_init__(self) -> None:
        """Check that the names differ, that something is modelled, and that the image has its pixels."""
        if len(set(self.names)) < len(self.columns):
            twice = next(name for name in self.names if self.names.count(name) > 1)
            raise InputError(f"two columns are called {twice!r}: give each a name of its own")
        if not self.modelled:
            raise InputError("all columns are context, and none is left to model")
        if self.image_shape is not None:
            height, width = self.image_shape
            if height * width != len(self.modelled):
                raise InputError(
                    f"images of {height} x {width} have {height * width} pixels, "
                    f"and there are {len(self.modelled)} modelled columns"
                )

    @classmethod
    def of_classes(
        cls,
        classes: Sequence[int],
        labels: Sequence[Sequence[Any] | None] | None = None,
        names: Sequence[str] | None = None,
        *,
        coding: str | None = None,
        image_shape: tuple[int, int] | None = None,
    ) -> Schema:
        """Return the schema of columns with these numbers of classes; two without labels are Bernoulli.

        Parameters
        ----------
        classes : sequence of D ints
            K of each column.
        labels : sequence of D entries, optional
            The labels of each column, or None where values are codes.
        names : sequence of D str, optional
            x0, x1, ... by default.
        coding : str, optional
            Of the categorical columns, see `made.Categorical`.
        image_shape : (height, width), optional
            Where a row is an image.
        """
        known = [None] * len(classes) if labels is None else labels
        columns = []
        for d, (n_values, own) in enumerate(zip(classes, known, strict=True)):
            name = f"x{d}" if names is None else names[d]
            if own is None and n_values == 2:
                columns.append(Column(name, "bernoulli"))
            else:
                values = n_values if own is None else list(own)
                code = default_coding(n_values) if coding is None else coding
                columns.append(Column(name, "categorical", {"classes": values, "coding": code}))
        return cls(tuple(columns), image_shape=image_shape, is_named=names is not None)

    @classmethod
    def of_variables(cls, variables: RowType, context: Context | None = None) -> Schema:
        """Return the schema of a model's variables and context: x0, x1, ..., then c0, c1, ..."""
        columns = [Column(f"x{d}", *own) for d, own in enumerate(columns_of(variables.settings()))]
        if context is not None:
            settings = context.settings()
            own_context = [(NUMBER, {})] * settings if isinstance(settings, int) else columns_of(settings)
            columns += [Column(f"c{d}", *own) for d, own in enumerate(own_context)]
        return cls(tuple(columns), tuple(range(variables.n_variables, len(columns))), is_named=False)

    def of_frame(self, frame: Any, *, only_classes: bool = False) -> Schema:
        """Return the schema with the library and the types of columns of a data frame of rows.

        Columns that have no names of their own are called as those of the frame.

        Parameters
        ----------
        frame : data frame
            Of pandas or polars.
        only_classes : bool
            As for `with_dtypes`.
        """
        names = frames.names_of(frame)
        if not (self.is_named or len(names) == len(self.table)):
            return self
        named = self if self.is_named else self.rename(names)
        kind, dtypes = types_of_frame([own.name for own in named.table], frame)
        return replace(named.with_dtypes(dtypes, only_classes=only_classes), frame=kind)

    def with_dtypes(self, dtypes: Mapping[str, ColumnType], *, only_classes: bool = False) -> Schema:
        """Return the schema with the types of columns of the table; see `made.variables.column_types`.

        With `only_classes` the categories of a type that are no class of their column are left out: files of
        models name them.
        """
        names = {place: own.name for own in self.table for place in own.places}
        columns = [replace(own, dtype=dtypes.get(names[d], own.dtype)) for d, own in enumerate(self.columns)]
        if only_classes:
            columns = list(map(without_others, columns))
        return replace(self, columns=tuple(columns))

    def as_frame(self, rows: Rows, library: str | None = None) -> Any:
        """Return encoded rows as a data frame of the modelled columns, of the types of the training table.

        Parameters
        ----------
        rows : Rows
            Encoded.
        library : "pandas" or "polars", optional
            By default that of the training table, else polars.

        Raises
        ------
        InputError
            If the library is not installed.
        """
        return frame_of(self, rows, library)

    def variable(self, name: str | int) -> int:
        """Return the number of a modelled column among the variables, by its name or that number itself."""
        own = next((own for own in self.modelled_table if own.name == name and own.form is not None), None)
        if own is not None:
            parts = ", ".join(repr(self.modelled[d].name) for d in own.places)
            raise InputError(f"{name} is a date, of the variables {parts}: name one of these")
        names = [column.name for column in self.modelled]
        if isinstance(name, str) and name in names:
            return names.index(name)
        return find_column(name, names if self.is_named else None, len(names))

    def modelled_in(self, frame: Any) -> list[str]:
        """Return what a data frame calls the modelled columns; without names, they are known by place."""
        names = frames.names_of(frame)
        if self.is_named:
            return [own.name for own in self.modelled_table]
        if len(names) == len(self.modelled_table):
            return names
        return [name for place, name in enumerate(names) if place not in self.context_places]

    def same_columns(self, other: Schema) -> bool:
        """Say whether nothing but names, notes and the image shape differ."""
        own, others = (
            [(column.kind, dict(column.arguments)) for column in schema.columns] for schema in (self, other)
        )
        return own == others and self.context_places == other.context_places

    def fitted(
        self,
        rows: Rows | None,
        weight: ArrayLike | None = None,
        counts: Sequence[Tensor] | None = None,
    ) -> Schema:
        """Return the schema with what is set once by training rows, where it is not set yet.

        That is the marginals of numeric columns, and how often the classes of a column of many classes occur.

        Parameters
        ----------
        rows : Rows, optional
            Training rows, or a sample of them, with their context.
        weight : (n,) array, optional
            Of each row.
        counts : sequence of D tensors, optional
            Of all training rows, see `made.variables.fitting.counts_of`; by default of `rows`.
        """
        from made.variables.fitting import fitted_arguments

        modelled = [d for d in range(len(self.columns)) if d not in self.context_places]
        own = fitted_arguments(self.row_type, rows, weight, counts)
        found = {modelled[d]: arguments for d, arguments in own.items()}
        context = None if rows is None or rows.context is None else self.context.decoded(rows.context)
        if context is not None and self.context.variables is not None:
            own = fitted_arguments(self.context.variables, context, weight)
            found |= {self.context_places[c]: arguments for c, arguments in own.items()}
        if not found:
            return self
        columns = [
            replace(column, arguments=found.get(d, column.arguments)) for d, column in enumerate(self.columns)
        ]
        return replace(self, columns=tuple(columns))

    def write(self, path: str | Path) -> None:
        """Write the schema to a JSON file to be edited by hand, without what rows have set; see `read`."""
        write_schema(self, path)

    @classmethod
    def read(cls, path: str | Path) -> Schema:
        """Read a schema file, as `write` and ``made schema`` write it: an entry for each column.

        What an entry does not say follows from the rows of the fit.

        Raises
        ------
        InputError
            If it is none; the message names the column and the key.
        """
        return cls.of_entries(read_entries(path), str(path))

    @classmethod
    def of_entries(cls, entries: Sequence[Mapping[str, Any]], source: str = "the schema") -> Schema:
        """Return what the entries of a schema file say; the rest follows from the rows of the fit.

        Raises
        ------
        InputError
            For what is not known or makes no sense; it names the column and the key.
        """
        columns, context, left_out = parts_said(entries, source)
        try:
            is_named = [column.name for column in columns] != _numbered(len(columns))
            return cls(columns, context, None, is_named, left_out)
        except InputError as error:
            raise InputError(f"{source}: {error}") from None

    def as_dict(self) -> dict[str, Any]:
        """Return the schema, JSON-ready; columns that are alike but for their names are written once."""
        notes = {column.name: column.note for column in self.columns if column.note}
        parts = {column.name: column.part.as_dict() for column in self.columns if column.part is not None}
        found = {own.name: own.found.as_dict() for own in self.columns if own.found is not None}
        return {
            "columns": settings_of(self.columns),
            "context_places": list(self.context_places),
            "names": None if list(self.names) == _numbered(len(self.columns)) else list(self.names),
            "is_named": self.is_named,
            "image_shape": None if self.image_shape is None else list(self.image_shape),
            **({"notes": notes} if notes else {}),
            **({"parts": parts} if parts else {}),
            **({"found": found} if found else {}),
            **({"left_out": [list(own) for own in self.left_out]} if self.left_out else {}),
            **types_to_dict(self.columns, self.frame),
        }

    @classmethod
    def from_dict(cls, entries: Mapping[str, Any]) -> Schema:
        """Read what `as_dict` wrote."""
        columns = columns_of(entries["columns"])
        check_entries(entries, len(columns))
        places = tuple(entries.get("context_places", ()))
        names = entries.get("names") or _numbered(len(columns))
        notes, parts, found = (entries.get(key, {}) for key in ("notes", "parts", "found"))
        dates = {name: DatePart.from_dict(own) for name, own in parts.items()}
        facts = {name: Found(**own) for name, own in found.items()}
        dtypes, frame = types_from_dict(entries, len(columns))
        named = (
            Column(name, *column, notes.get(name, ""), dates.get(name), facts.get(name), dtype=dtype)
            for column, name, dtype in zip(columns, names, dtypes, strict=True)
        )
        shape = entries.get("image_shape")
        left_out = tuple((name, why) for name, why in entries.get("left_out", ()))
        shape = None if shape is None else tuple(shape)
        own = tuple(named)
        if parts:
            check_parts(own)
        return cls(own, places, shape, entries["is_named"], left_out, frame)

    def __str__(self) -> str:
        """Lay the columns out as a table; runs of numbered columns that are alike take one line."""
        shape, is_plain = self.image_shape, not self.is_named
        return schema_table(self.columns, self.context_places, shape, self.left_out, joins_runs=is_plain)

    def _repr_html_(self) -> str:
        """Show the columns as a table in a notebook."""
        return self.as_html()

    def as_html(self, caption: str = "") -> str:
        """Return the columns as an HTML table; see `schema_html`."""
        return schema_html(
            self.columns,
            self.context_places,
            self.image_shape,
            self.left_out,
            joins_runs=not self.is_named,
            caption=caption,
        )


def _numbered(n: int) -> list[str]:
    return [f"x{d}" for d in range(n)]
