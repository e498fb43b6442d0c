"""What the columns of a row are: names, kinds, labels, which are context, and whether a row is an image.

One object, held by the model and written into its file. Values become codes, and codes values, here and
nowhere else. The module needs numpy alone: data sets have a schema before there is any model.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from made.support.errors import InputError
from made.variables import frames
from made.variables.class_groups import default_coding
from made.variables.column import NUMBER, Column, Found, find_column
from made.variables.date_columns import (
    TableColumn,
    check_parts,
    given_parts,
    has_dates,
    join,
    mask_of_parts,
    table_columns,
)
from made.variables.dates import DatePart
from made.variables.schema_edits import EditableColumns
from made.variables.schema_file import parts_said, read_entries, write_schema
from made.variables.schema_frames import (
    frame_of,
    types_from_dict,
    types_of_frame,
    types_to_dict,
    without_others,
)
from made.variables.schema_parts import columns_named, parts_of_table
from made.variables.schema_settings import check_entries, columns_of, settings_of
from made.variables.schema_table import schema_html, schema_table

if TYPE_CHECKING:
    from torch import Tensor

    from made.variables.column_types import ColumnType
    from made.variables.context import Context
    from made.variables.row_type import RowType
    from made.variables.rows import Rows

__all__ = ["Schema"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Schema(EditableColumns):
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

    @cached_property
    def modelled_table(self) -> tuple[TableColumn, ...]:
        """The same of `modelled`."""
        return table_columns(self.modelled)

    @cached_property
    def has_dates(self) -> bool:
        """Whether a modelled column is a part of a date: tables have other columns than rows of variables."""
        return has_dates(self.modelled)

    @cached_property
    def modelled(self) -> tuple[Column, ...]:
        """The columns that are modelled: the variables of a row."""
        return tuple(column for d, column in enumerate(self.columns) if d not in self.context_places)

    @cached_property
    def context_columns(self) -> tuple[Column, ...]:
        """The columns that the model is conditioned on, in the order in which it takes them."""
        return tuple(self.columns[place] for place in self.context_places)

    @property
    def classes(self) -> tuple[int, ...]:
        """The number of classes of each modelled column."""
        return tuple(int(column.n_values or 0) for column in self.modelled)

    @property
    def labels(self) -> tuple[tuple[Any, ...] | None, ...]:
        """The labels of each modelled column; None where values are codes."""
        return tuple(column.labels for column in self.modelled)

    @property
    def unseen_masses(self) -> tuple[float | None, ...]:
        """The probability of a label that is no class, of each modelled column; None where it is refused."""
        return tuple(column.arguments.get("unseen") for column in self.modelled)

    @cached_property
    def row_type(self) -> RowType:
        """The modelled columns as variables."""
        from made.variables.row_type import RowType

        if self.is_open:
            open_ones = ", ".join(column.name for column in self.columns if column.is_open)
            raise InputError(
                f"not all is said of {open_ones}: made.auto_fit(rows, schema=schema) takes it from the rows"
            )
        return RowType.from_settings(settings_of(self.modelled))

    @cached_property
    def context(self) -> Context:
        """The columns of context as a model takes them."""
        from made.variables.context import Context
        from made.variables.row_type import RowType

        if all(column.kind == NUMBER for column in self.context_columns):
            return Context(len(self.context_columns))
        return Context(RowType.from_settings(settings_of(self.context_columns)).blocks)

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

    def table_of(self, rows: Any) -> tuple[Any, Any]:
        """Part a table into the values of the modelled columns and those of context.

        Parameters
        ----------
        rows : data frame, or (n, D) or (n, D + C) array
            A frame's columns are found by name, whatever their order; those of an array by place. An array
            of D columns has no context.

        Returns
        -------
        modelled, context
            Context is None where there is none.

        Raises
        ------
        InputError
            If a frame lacks a column, or has none of the names.
        """
        return parts_of_table(self, rows)

    def given_parts(self, given: Any) -> Any:
        """Return values that are given, by column or in rows (n, D), with dates in their parts."""
        if isinstance(given, Mapping):
            return given_parts(self.modelled, given)
        is_row = len(np.shape(given)) == 1
        return self.table_of([given] if is_row else given)[0]

    def encode(self, rows: Any, context: Any = None, *, unknown: Any = None, to_fill: bool = False) -> Rows:
        """Turn values into codes.

        Parameters
        ----------
        rows : data frame, or (n, D) array or tensor
            Values as the user has them; see `table_of`.
        context : (n, C) array or tensor, or (C,) for all rows, optional
            Where `rows` does not bring it.
        unknown : (n, D) or (D,) bool array, optional
            True where an entry is unknown; beside those that `rows` marks None or NaN and whose column is
            never missing.
        to_fill : bool
            All that `rows` marks is unknown: entries to be filled in.

        Returns
        -------
        Rows

        Raises
        ------
        InputError
            If a value is none of its column's, or the shape is wrong.

        Examples
        --------
        >>> Schema.of_classes([3], [(10, 20, 30)]).encode([[30], [10]]).codes.tolist()
        [[2], [0]]
        """
        from made.variables import encoding

        modelled, own = self.table_of(rows)
        if unknown is not None and self.has_dates:
            unknown = mask_of_parts(self.modelled, unknown)
        rounded: Counter[int] = Counter()
        with columns_named(self, rows):
            encoded = encoding.encode(self.row_type, modelled, unknown, to_fill=to_fill, rounded=rounded)
        self.tell_rounded(rounded)
        given = self.context.rows(own if context is None else context, len(encoded))
        return encoded if given is None else replace(encoded, context=given)

    def encode_modelled(self, rows: Any) -> Tensor:
        """Turn values of the modelled columns into codes, (n, D), whatever the context is."""
        return self.encode_complete(rows).codes

    def encode_complete(self, rows: Any) -> Rows:
        """Turn values of the modelled columns, none of them unknown, into rows without context."""
        from made.variables import encoding

        rounded: Counter[int] = Counter()
        with columns_named(self, rows):
            encoded = encoding.encode_complete(self.row_type, self.table_of(rows)[0], rounded=rounded)
        self.tell_rounded(rounded)
        return encoded

    def tell_rounded(self, counts: Mapping[int, int]) -> None:
        """Log how many values of each modelled column were not on its grid, and are rounded."""
        for d, n in sorted(counts.items()):
            column = self.modelled[d]
            if column.part is not None:
                time, those = ("time is", "is") if n == 1 else ("times are", "are")
                _log.warning(
                    "column %s: %s %s finer than %s, and %s rounded",
                    column.part.column,
                    f"{n:,}",
                    time,
                    column.part.form.finest,
                    those,
                )
                continue
            step = f"{column.arguments['step']:g}"
            values = "value is not a multiple" if n == 1 else "values are not multiples"
            _log.warning("column %s: %s %s of its step %s, and rounded", column.name, f"{n:,}", values, step)

    def decode(self, codes: ArrayLike | Tensor | Rows) -> NDArray[Any]:
        """Turn codes (n, D), or rows, into the values of a table: the inverse of `encode`."""
        values = self.decode_parts(codes)
        return join(self.modelled, values) if self.has_dates else values

    def decode_parts(self, codes: ArrayLike | Tensor | Rows) -> NDArray[Any]:
        """Turn codes (n, D), or rows, into the values of the variables, (n, D): dates in their parts."""
        from made.variables import encoding
        from made.variables.rows import Rows
        from made.variables.unseen_entries import restored

        if isinstance(codes, Rows):
            values = encoding.decode(self.row_type, codes.codes, codes.bodies)
            return restored(self.row_type, values, codes.codes.cpu().numpy(), codes.labels)
        return encoding.decode(self.row_type, codes)

    def unseen(self, rows: Any) -> NDArray[np.bool_]:
        """Return which entries of rows, (n, D) values, are labels that no class of their column has.

        Examples
        --------
        >>> columns = (Column("city", "categorical", {"classes": ["Oslo", "Rome"], "unseen": 0.01}),)
        >>> Schema(columns).unseen([["Rome"], ["Bern"]])
        array([[False],
               [ True]])
        """
        from made.variables import encoding
        from made.variables.unseen_entries import are_unseen

        return are_unseen(self.row_type, encoding.encode(self.row_type, self.table_of(rows)[0]))

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
