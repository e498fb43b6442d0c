"""A table parted into the values of the modelled columns and those of context: by name, or by place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from made.support.errors import EntryError, InputError
from made.variables import frames
from made.variables.column import Column
from made.variables.date_columns import TableColumn, are_parts, has_dates, split, table_columns

__all__ = ["check_columns", "columns_named", "lacking_in", "parts_of_table"]


class _Schema(Protocol):
    """What of a schema says which column is where."""

    @property
    def columns(self) -> tuple[Column, ...]: ...
    @property
    def context_places(self) -> tuple[int, ...]: ...
    @property
    def is_named(self) -> bool: ...
    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def modelled(self) -> tuple[Column, ...]: ...
    @property
    def context_columns(self) -> tuple[Column, ...]: ...
    @property
    def table(self) -> tuple[TableColumn, ...]: ...
    @property
    def modelled_table(self) -> tuple[TableColumn, ...]: ...


def parts_of_table(schema: _Schema, rows: Any) -> tuple[Any, Any]:
    """Return the values of the modelled columns and of context; see `Schema.table_of`."""
    if frames.is_frame(rows):
        return _parts_of_frame(schema, rows)
    if has_dates(schema.columns) and not hasattr(rows, "detach"):  # no tensor holds a date
        rows = _split(schema, rows)
    try:
        shape = np.shape(rows)
    except ValueError:  # rows of different lengths: the reader says so
        return rows, None
    if not schema.context_columns or len(shape) != 2 or shape[1] != len(schema.columns):
        return rows, None
    places = list(schema.context_places)
    others = [d for d in range(len(schema.columns)) if d not in set(places)]
    table = rows if hasattr(rows, "shape") else np.asarray(rows, dtype=object)
    return table[:, others], table[:, places]


def _parts_of_frame(schema: _Schema, frame: Any) -> tuple[NDArray[Any], NDArray[Any] | None]:
    names = frames.names_of(frame)
    if not schema.is_named:  # nothing to match by: the places count
        if len(names) not in (len(schema.table), len(schema.modelled_table)):
            raise InputError(
                f"the table has {len(names)} columns, the model has {len(schema.modelled_table)} variables"
            )
        return parts_of_table(schema, frames.values_of(frame, names))
    check_columns(schema, frame)
    modelled = _of_frame(schema.modelled, frame, [column.name for column in schema.modelled_table])
    own_context = [column.name for column in table_columns(schema.context_columns)]
    if not own_context or not set(own_context) <= set(names):
        return modelled, None
    return modelled, _of_frame(schema.context_columns, frame, own_context)


def lacking_in(schema: _Schema, rows: Any) -> list[str]:
    """Return the names of the modelled columns that a frame lacks; of anything else, none.

    Raises
    ------
    InputError
        If it lacks all of them.
    """
    if not frames.is_frame(rows) or not schema.is_named:
        return []
    names = set(frames.names_of(rows))
    wanted = [column.name for column in schema.modelled_table]
    lacking = [name for name in wanted if name not in names]
    if len(lacking) == len(wanted):
        check_columns(schema, rows)
    return lacking


def check_columns(schema: _Schema, frame: Any) -> None:
    """Raise an `InputError` if a frame lacks a modelled column."""
    names = frames.names_of(frame)
    lacking = [column.name for column in schema.modelled_table if column.name not in names]
    if schema.is_named and lacking:
        known = [column.name for column in schema.table]
        raise InputError(
            f"the table has no column {lacking[0]!r}: the model knows {_listed(known)}, "
            f"the table has {_listed(names)}"
        )


def _of_frame(columns: Sequence[Column], frame: Any, names: Sequence[str]) -> NDArray[Any]:
    values = frames.values_of(frame, names)
    return split(columns, values) if has_dates(columns) else values


def _split(schema: _Schema, rows: Any) -> Any:
    """Return an array with the parts of dates in place of them."""
    if are_parts(schema.columns, rows) or are_parts(schema.modelled, rows):
        return rows
    has_context = bool(schema.context_columns) and np.shape(rows)[-1:] == (len(schema.table),)
    return split(schema.columns if has_context else schema.modelled, rows)


@contextmanager
def columns_named(schema: _Schema, rows: Any) -> Iterator[None]:
    """Errors about an entry of the modelled columns name its column, and count it where it is in a frame."""
    try:
        yield
    except EntryError as error:
        if not schema.is_named or error.name is not None:
            raise
        name = schema.modelled[error.column].name
        names = frames.names_of(rows) if frames.is_frame(rows) else []
        place = names.index(name) if name in names else error.column
        raise EntryError(error.row, place, error.complaint, name=name) from None


def _listed(names: Sequence[str], most: int = 8) -> str:
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")
