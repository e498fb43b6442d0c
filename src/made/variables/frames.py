"""Data frames of pandas and polars, seen alike and without importing either."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["is_frame", "is_missing", "names_of", "values_of"]

_LIBRARIES = ("pandas", "polars")


def is_frame(x: Any) -> bool:
    """Return whether something is a data frame of pandas or polars."""
    for name in _LIBRARIES:
        library = sys.modules.get(name)  # a frame exists only where its library has been imported
        if library is not None and isinstance(x, library.DataFrame):
            return True
    return False


def names_of(frame: Any) -> list[str]:
    """Return the names of the columns, as text."""
    return [str(name) for name in frame.columns]


def values_of(frame: Any, names: Sequence[str]) -> NDArray[Any]:
    """Return some columns, (n, len(names)): numbers where all are numbers, else objects.

    Missing entries are NaN or None, as the library has them.
    """
    places = {str(name): name for name in frame.columns}
    columns = [_values(frame[places[name]]) for name in names]
    if not columns:
        return np.empty((len(frame), 0))
    if any(column.dtype.kind not in "biuf" for column in columns):
        columns = [column.astype(object) for column in columns]
    return np.stack(columns, axis=1)


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


def _values(column: Any) -> NDArray[Any]:
    values: NDArray[Any] = np.asarray(column.to_numpy())
    return values if values.dtype.kind in "biuf" else np.array(list(values), dtype=object)
