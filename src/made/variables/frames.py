"""Data frames of pandas and polars, seen alike and without importing either."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from made.support.checks import LARGEST_EXACT, is_large
from made.support.errors import InputError
from made.variables.column_types import cast, described, pandas_type, polars_type, series_of
from made.variables.missing import is_missing, marks_of

__all__ = [
    "LIBRARIES",
    "as_library",
    "check_is_table",
    "column_of",
    "dates_of",
    "fill",
    "import_library",
    "is_frame",
    "is_missing",
    "join",
    "library_of",
    "names_of",
    "told_apart",
    "values_of",
]

#: The libraries whose data frames are known.
LIBRARIES = ("pandas", "polars")


def is_frame(x: Any) -> bool:
    """Return whether something is a data frame of pandas or polars."""
    return library_of(x) is not None


def library_of(x: Any) -> Any:
    """Return the library whose data frame something is; None if it is no data frame."""
    for name in LIBRARIES:
        library = sys.modules.get(name)  # a frame exists only where its library has been imported
        if library is not None and isinstance(x, library.DataFrame):
            return library
    return None


def check_is_table(rows: Any, what: str = "rows") -> None:
    """Raise an `InputError` for what holds a table, or names one, and is none; it says how to make it one.

    Examples
    --------
    >>> check_is_table({"age": [30, 40]})
    Traceback (most recent call last):
        ...
    made.support.errors.InputError: rows are a table, got a dict: make it a frame of polars or pandas
    """
    first = rows[0] if isinstance(rows, list) and rows else None
    if isinstance(rows, str | PathLike):
        got, remedy = f"text ({str(rows)!r:.100})", "read a file first, as with polars.read_csv"
    elif isinstance(rows, Mapping) or isinstance(first, Mapping):
        got = "a dict" if first is None else "a list of dicts"
        remedy = "make it a frame of polars or pandas"
    elif hasattr(rows, "collect_schema") and not is_frame(rows):
        got, remedy = "a lazy frame", "call its collect() first"
    elif hasattr(rows, "to_frame") and not is_frame(rows):
        got, remedy = "one column", "call its to_frame() first"
    else:
        return
    raise InputError(f"{what} are a table, got {got}: {remedy}")


def import_library(name: str) -> Any:
    """Return pandas or polars.

    Raises
    ------
    InputError
        If it is not installed.
    """
    if name not in LIBRARIES:
        raise InputError(f"data frames are those of {' or '.join(LIBRARIES)}, got {name!r}")
    try:
        return importlib.import_module(name)
    except ImportError:
        raise InputError(f"{name} is not installed: pip install {name}") from None


def as_library(frame: Any, name: str) -> Any:
    """Return a frame as one of pandas or of polars; as it is, where it is one of that library.

    Examples
    --------
    >>> import polars
    >>> frame = polars.DataFrame({"age": [30, None]})
    >>> as_library(frame, "polars") is frame
    True
    """
    library, own = import_library(name), library_of(frame)
    if own is library:
        return frame
    columns: dict[Any, Any] = {}
    for place, label in enumerate(names_of(frame)):
        column = column_of(frame, place)
        about = described(own, column)
        entries = series_of(library, label, column.to_list())
        gaps = bool(column.null_count() if own.__name__ == "polars" else column.isna().any())
        kind = polars_type(library, about) if name == "polars" else pandas_type(library, about, gaps=gaps)
        columns[label] = cast(library, entries, [kind])
    return library.DataFrame(columns)


def names_of(frame: Any) -> list[str]:
    """Return the names of the columns, as text; equal ones are told apart, see `told_apart`."""
    return told_apart([str(name) for name in frame.columns])


def told_apart(names: Sequence[str]) -> list[str]:
    """Return names that differ.

    Examples
    --------
    >>> told_apart(["a", "b", "a"])
    ['a', 'b', 'a_2']
    """
    if len(set(names)) == len(names):
        return list(names)
    found: dict[str, None] = {}
    for name in names:
        number, own = 1, name
        while own in found:
            number += 1
            own = f"{name}_{number}"
        found[own] = None
    return list(found)


def values_of(frame: Any, names: Sequence[str]) -> NDArray[Any]:
    """Return some columns, (n, len(names)): numbers where all are, and no whole one is rounded; else objects.

    Missing entries are NaN or None, as the library has them.
    """
    places = {name: place for place, name in enumerate(names_of(frame))}
    columns = [_values(column_of(frame, places[name])) for name in names]
    if not columns:
        return np.empty((len(frame), 0))
    is_float = np.result_type(*columns).kind == "f"
    if any(column.dtype.kind not in "biuf" or (is_float and is_large(column)) for column in columns):
        columns = [column.astype(object) for column in columns]
    return np.stack(columns, axis=1)


def fill(
    frame: Any, names: Sequence[str], values: NDArray[Any], known: NDArray[np.bool_] | None = None
) -> Any:
    """Return a copy of a frame with its unknown entries filled in.

    Known entries, columns without unknown entries and all other columns stay as they are, as do the names
    and the order of the columns, and the index of pandas. A filled column keeps its type where that holds
    what was filled in; a column of pandas that gaps made float or object becomes int64 or bool again.

    Parameters
    ----------
    frame : data frame
        n rows.
    names : sequence of D str
        The columns to fill in.
    values : (n * k, D) array
        What to fill in: k rows for every row of the frame, in succession.
    known : (n, D) bool array, optional
        Which entries are known; by default those that are not missing in the frame.

    Examples
    --------
    >>> import polars
    >>> frame = polars.DataFrame({"id": ["x", "y"], "age": [30, None]})
    >>> fill(frame, ["age"], np.array([[40], [50]])).rows()
    [('x', 30), ('y', 50)]
    """
    library = library_of(frame)
    is_polars = library.__name__ == "polars"
    rows = np.repeat(np.arange(len(frame)), len(values) // max(len(frame), 1))
    filled = frame[rows] if is_polars else frame.iloc[rows].copy()
    places = {name: place for place, name in enumerate(names_of(frame))}
    if known is None:
        marks = marks_of(values_of(frame, names))
        known = np.ones((len(frame), len(names)), dtype=bool) if marks is None else ~marks
    for d, name in enumerate(names):
        if known[:, d].all():
            continue
        own = column_of(filled, places[name])
        column = _full(library, own, values[:, d].tolist(), known[rows, d])
        if is_polars:
            filled = filled.with_columns(column)
        else:
            filled.isetitem(places[name], column)
    return filled


def join(parts: Sequence[Any]) -> Any:
    """Return the rows of frames of one library, at least one, one after the other."""
    library = library_of(parts[0])
    if library.__name__ == "polars":
        return library.concat(parts, how="vertical_relaxed")
    return library.concat(parts)


def dates_of(series: Any) -> list[Any]:
    """Return the dates of a column of polars: of ``datetime``, or of numpy where it has nanoseconds."""
    unit, zone = (getattr(series.dtype, name, None) for name in ("time_unit", "time_zone"))
    if unit == "ns" and zone is None:
        return [None if np.isnat(value) else value for value in series.to_numpy()]
    is_fine = unit == "ns" or str(series.dtype) == "Time"
    if is_fine and bool((series.dt.nanosecond() % 1000 != 0).any()):
        raise InputError(
            f"column {series.name} has nanoseconds and a time zone, or no day: round it to microseconds"
        )
    dates: list[Any] = series.to_list()
    return dates


def _values(column: Any) -> NDArray[Any]:
    if hasattr(column.dtype, "is_temporal") and column.dtype.is_temporal():
        return np.array([*dates_of(column), None], dtype=object)[:-1]
    values: NDArray[Any] = np.asarray(column.to_numpy())
    is_rounded = (
        values.dtype.kind == "f" and _is_whole(column.dtype) and bool((np.abs(values) >= LARGEST_EXACT).any())
    )
    if values.dtype.kind in "biuf" and values.ndim == 1 and not is_rounded:
        return values
    if values.ndim != 1 or is_rounded:  # polars gives records and arrays more than one column
        values = column.to_list()
    return np.fromiter(values, dtype=object, count=len(values))  # a list is one entry, not several


def _is_whole(dtype: Any) -> bool:
    """Return whether a type of pandas or polars is one of whole numbers, with gaps or without."""
    return (
        bool(dtype.is_integer()) if hasattr(dtype, "is_integer") else getattr(dtype, "kind", "") in ("i", "u")
    )


def column_of(frame: Any, place: int) -> Any:
    """Return a column by its place: of pandas, several may share a name."""
    return frame.iloc[:, place] if hasattr(frame, "iloc") else frame.to_series(place)


def _full(library: Any, own: Any, values: list[Any], known: NDArray[np.bool_]) -> Any:
    """Return a column with the entries that are not known filled in."""
    is_polars = library.__name__ == "polars"
    before = own.to_list() if is_polars else own.tolist()
    entries = _entries(before, values, known)
    column = series_of(library, own.name, entries, None if is_polars else own.index)
    if is_polars:
        return cast(library, column, [own.dtype])
    if own.dtype == object and column.dtype.kind in "biuf":
        return column
    kinds = [own.dtype]
    if own.dtype in (np.float32, np.float64) and all(isinstance(value, int) for value in values):
        kinds = ["int64", own.dtype]  # NaN makes a float column of whole numbers
    return cast(library, column, kinds)


def _entries(own: list[Any], values: list[Any], known: NDArray[np.bool_]) -> list[Any]:
    """Return known entries of a column, and values elsewhere: truth values or whole where known ones are."""
    if any(isinstance(entry, bool) for entry in own):
        values = [bool(value) if value in (0, 1) else value for value in values]
    elif all(isinstance(entry, int) for entry, is_known in zip(own, known, strict=True) if is_known):
        # Beside a float, large whole numbers would be rounded.
        values = [int(own) if isinstance(own, float) and own.is_integer() else own for own in values]
    return [entry if is_known else value for entry, value, is_known in zip(own, values, known, strict=True)]
