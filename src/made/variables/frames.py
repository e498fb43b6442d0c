"""Data frames of pandas and polars, seen alike and without importing either."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from made.support.errors import InputError

__all__ = ["dates_of", "fill", "is_frame", "is_missing", "join", "names_of", "told_apart", "values_of"]

_LIBRARIES = ("pandas", "polars")


def is_frame(x: Any) -> bool:
    """Return whether something is a data frame of pandas or polars."""
    return _library_of(x) is not None


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
    """Return some columns, (n, len(names)): numbers where all are numbers, else objects.

    Missing entries are NaN or None, as the library has them.
    """
    places = {name: place for place, name in enumerate(names_of(frame))}
    columns = [_values(_column(frame, places[name])) for name in names]
    if not columns:
        return np.empty((len(frame), 0))
    if any(column.dtype.kind not in "biuf" for column in columns):
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
    library = _library_of(frame)
    is_polars = library.__name__ == "polars"
    rows = np.repeat(np.arange(len(frame)), len(values) // max(len(frame), 1))
    filled = frame[rows] if is_polars else frame.iloc[rows].copy()
    places = {name: place for place, name in enumerate(names_of(frame))}
    if known is None:
        marks = [is_missing(value) for value in values_of(frame, names).flat]
        known = ~np.array(marks, dtype=bool).reshape(len(frame), len(names))
    for d, name in enumerate(names):
        if known[:, d].all():
            continue
        own = _column(filled, places[name])
        column = (_full_polars if is_polars else _full_pandas)(
            library, own, values[:, d].tolist(), known[rows, d]
        )
        if is_polars:
            filled = filled.with_columns(column)
        else:
            filled.isetitem(places[name], column)
    return filled


def join(parts: Sequence[Any]) -> Any:
    """Return the rows of frames of one library, at least one, one after the other."""
    library = _library_of(parts[0])
    if library.__name__ == "polars":
        return library.concat(parts, how="vertical_relaxed")
    return library.concat(parts)


def is_missing(value: Any) -> bool:
    """Return whether a single value marks an entry as unknown: None, NaN, NaT or ``pd.NA``.

    Examples
    --------
    >>> [is_missing(value) for value in (None, float("nan"), 0, "")]
    [True, True, False, False]
    """
    if value is None:
        return True
    differs = value != value
    if isinstance(differs, bool | np.bool_):
        return bool(differs)  # only NaN and NaT differ from themselves
    return differs is value  # a comparison with pd.NA is pd.NA, which has no truth value


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
    if values.dtype.kind in "biuf" and values.ndim == 1:
        return values
    if values.ndim != 1:  # polars gives records and arrays more than one column
        values = column.to_list()
    return np.fromiter(values, dtype=object, count=len(values))  # a list is one entry, not several


def _column(frame: Any, place: int) -> Any:
    """Return a column by its place: of pandas, several may share a name."""
    return frame.iloc[:, place] if hasattr(frame, "iloc") else frame.to_series(place)


def _library_of(x: Any) -> Any:
    """Return the library whose data frame something is; None if it is no data frame."""
    for name in _LIBRARIES:
        library = sys.modules.get(name)  # a frame exists only where its library has been imported
        if library is not None and isinstance(x, library.DataFrame):
            return library
    return None


def _full_polars(polars: Any, own: Any, values: list[Any], known: NDArray[np.bool_]) -> Any:
    """Return a column of polars with the entries that are not known filled in."""
    entries = _entries(own.to_list(), values, known)
    column = polars.Series(own.name, entries, strict=False)
    try:
        typed = column.cast(own.dtype)
    except polars.exceptions.PolarsError:
        return column
    return typed if _same(typed.to_list(), entries) else column


def _full_pandas(pandas: Any, own: Any, values: list[Any], known: NDArray[np.bool_]) -> Any:
    """Return a column of pandas with the entries that are not known filled in."""
    entries = _entries(own.tolist(), values, known)
    column = pandas.Series(entries, index=own.index, name=own.name)
    if own.dtype == object and column.dtype.kind in "biuf":
        return column
    kinds = [own.dtype]
    if own.dtype in (np.float32, np.float64) and all(isinstance(value, int) for value in values):
        kinds = ["int64", own.dtype]  # NaN makes a float column of whole numbers
    elif own.dtype == "category" and not set(entries) <= set(own.cat.categories):
        return column
    for kind in kinds:
        try:
            typed = column.astype(kind)
        except (TypeError, ValueError, OverflowError):
            continue
        if _same(typed.tolist(), entries):
            return typed
    return column


def _entries(own: list[Any], values: list[Any], known: NDArray[np.bool_]) -> list[Any]:
    """Return known entries of a column, and values elsewhere: truth values or whole where known ones are."""
    if any(isinstance(entry, bool) for entry in own):
        values = [bool(value) if value in (0, 1) else value for value in values]
    elif all(isinstance(entry, int) for entry, is_known in zip(own, known, strict=True) if is_known):
        # Beside a float, large whole numbers would be rounded.
        values = [int(own) if isinstance(own, float) and own.is_integer() else own for own in values]
    return [entry if is_known else value for entry, value, is_known in zip(own, values, known, strict=True)]


def _same(column: list[Any], entries: list[Any]) -> bool:
    """Return whether a column of another type holds the same entries."""
    return all(a == b or str(a) == str(b) for a, b in zip(column, entries, strict=True))
