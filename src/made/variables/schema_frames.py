"""A schema and data frames: the library and the types that it remembers, and rows as a frame of these."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from made.variables import frames
from made.variables.column import NUMERIC, Column
from made.variables.column_types import ColumnType, cast, described, pandas_type, polars_type, series_of
from made.variables.date_columns import TableColumn, has_dates, join

if TYPE_CHECKING:
    from made.variables.row_type import RowType
    from made.variables.rows import Rows

__all__ = [
    "FrameKind",
    "columns_in",
    "frame_of",
    "frame_of_values",
    "types_from_dict",
    "types_of_frame",
    "types_to_dict",
    "with_columns",
    "without_others",
]


@dataclass(frozen=True)
class FrameKind:
    """Which data frame a model was fitted on.

    Attributes
    ----------
    library : str
        ``"pandas"`` or ``"polars"``.
    is_numbered : bool
        Whether the names of its columns are whole numbers, as pandas may have them.
    """

    library: str
    is_numbered: bool = False


class _Schema(Protocol):
    """What of a schema makes rows a frame."""

    @property
    def frame(self) -> FrameKind | None: ...
    @property
    def modelled(self) -> tuple[Column, ...]: ...
    @property
    def modelled_table(self) -> tuple[TableColumn, ...]: ...
    @property
    def row_type(self) -> RowType: ...


def types_of_frame(names: Sequence[str], frame: Any) -> tuple[FrameKind, dict[str, ColumnType]]:
    """Return which frame this is, and the types of those of its columns that have these names."""
    library = frames.library_of(frame)
    wanted = set(names)
    dtypes = {
        name: described(library, frames.column_of(frame, place))
        for place, name in enumerate(frames.names_of(frame))
        if name in wanted
    }
    is_numbered = all(isinstance(label, int | np.integer) for label in frame.columns)
    return FrameKind(library.__name__, is_numbered), dtypes


def without_others(column: Column) -> Column:
    """Return a column without the categories of its type that are no class of it."""
    if not isinstance(column.dtype, Mapping) or "categories" not in column.dtype:
        return column
    classes = set(column.labels or ())
    kept = [own for own in column.dtype["categories"] if own in classes]
    return replace(column, dtype={**column.dtype, "categories": kept} if column.labels else None)


def types_to_dict(columns: Sequence[Column], frame: FrameKind | None) -> dict[str, Any]:
    """Return library and types, JSON-ready: runs of columns of one type are written once."""
    entries: dict[str, Any] = {}
    if frame is not None:
        entries["frame"] = {"library": frame.library, **({"is_numbered": True} if frame.is_numbered else {})}
    if any(column.dtype is not None for column in columns):
        runs = groupby(column.dtype for column in columns)
        entries["dtypes"] = [[_plain(dtype), len(list(run))] for dtype, run in runs]
    return entries


def types_from_dict(entries: Mapping[str, Any], n: int) -> tuple[list[ColumnType], FrameKind | None]:
    """Read what `types_to_dict` wrote, of n columns; files of before have nothing of it."""
    runs = entries.get("dtypes", [[None, n]])
    frame = entries.get("frame")
    return [dtype for dtype, count in runs for _ in range(count)], None if frame is None else FrameKind(
        **frame
    )


def frame_of(schema: _Schema, rows: Rows, library: str | None = None) -> Any:
    """Return encoded rows as a frame of the modelled columns; see `Schema.as_frame`."""
    from made.variables.encoding import decode_columns

    columns = decode_columns(schema.row_type, rows.codes, rows.bodies)
    if rows.labels is not None:
        codes = rows.codes.cpu().numpy()
        for d, unseen in enumerate((codes >= schema.row_type.n_values).T):
            if unseen.any():
                columns[d] = columns[d].astype(object)
                columns[d][unseen] = rows.labels[unseen, d]
    if has_dates(schema.modelled):
        columns = list(join(schema.modelled, np.stack([own.astype(object) for own in columns], axis=1)).T)
    return frame_of_values(schema, columns, library)


def frame_of_values(schema: _Schema, columns: Sequence[NDArray[Any]], library: str | None = None) -> Any:
    """Return the values (n,) of each modelled column of the table as a frame; see `Schema.as_frame`."""
    kind = schema.frame
    name = library or ("polars" if kind is None else kind.library)
    own = frames.import_library(name)
    is_numbered = kind is not None and kind.is_numbered and name == "pandas"
    series = columns_in(own, schema, columns)
    labels = [_label(column.name) if is_numbered else column.name for column in schema.modelled_table]
    return own.DataFrame(dict(zip(labels, series, strict=True)))


def with_columns(schema: _Schema, frame: Any, names: Collection[str]) -> Any:
    """Return a frame with more columns of the schema, behind its own, in which nothing is known."""
    library = frames.library_of(frame)
    is_polars = library.__name__ == "polars"
    nothing = [None] * len(frame)
    for place in schema.modelled_table:
        if place.name not in names:
            continue
        series = series_of(library, place.name, nothing, None if is_polars else frame.index)
        kinds = _kinds(library, schema.modelled[place.places[0]], gaps=True)
        column = cast(library, series, kinds)
        if is_polars:
            frame = frame.with_columns(column)
        else:
            frame = frame.copy(deep=False)
            frame[_label(place.name) if types_of_frame([], frame)[0].is_numbered else place.name] = column
    return frame


def _label(name: str) -> int | str:
    """Return the number that a column had for a name: not that of "0_2", the second one called 0."""
    return int(name) if name.removeprefix("-").isdecimal() else name


def columns_in(library: Any, schema: _Schema, columns: Sequence[NDArray[Any]]) -> list[Any]:
    """Return the values (n,) of each modelled column of the table as columns of pandas or polars."""
    found = []
    for place, values in zip(schema.modelled_table, columns, strict=True):
        own, column = series_of(library, place.name, values), schema.modelled[place.places[0]]
        is_typed = column.dtype is None and _are_codes(column) and values.dtype.kind in "iu"
        found.append(own if is_typed else cast(library, own, _kinds(library, column)))
    return found


def _kinds(library: Any, column: Column, *, gaps: bool = False) -> list[Any]:
    """Return the types that values of a column are given, the first that holds them."""
    own = (column.dtype,) if column.part is not None else (_with_categories(column), _default(column))
    if library.__name__ == "polars":
        return [polars_type(library, dtype) for dtype in own]
    gaps = gaps or bool(column.arguments.get("missing"))
    return [pandas_type(library, dtype, gaps=gaps) for dtype in own]


def _with_categories(column: Column) -> ColumnType:
    """Return the type of a column; categories that do not say which they are are its labels."""
    if column.dtype == "category" and column.labels is not None:
        return {"name": "category", "categories": list(column.labels), "ordered": False}
    return column.dtype


def _are_codes(column: Column) -> bool:
    return column.kind != NUMERIC and column.labels is None


def _default(column: Column) -> ColumnType:
    """Return the type of a column whose own is unknown, or does not hold its values."""
    if column.kind == NUMERIC:
        step = column.arguments.get("step")
        return "int64" if step is not None and float(step).is_integer() else "float64"
    labels = column.labels or ()
    if all(isinstance(label, int) for label in labels):
        return "int64"
    return "float64" if all(isinstance(label, int | float) for label in labels) else "str"


def _plain(dtype: ColumnType) -> Any:
    return dict(dtype) if isinstance(dtype, Mapping) else dtype
