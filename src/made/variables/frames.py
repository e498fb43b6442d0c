"""Data frames of pandas and polars, seen alike and without importing either."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["frame_like", "is_frame", "is_missing", "names_of", "values_of"]

_LIBRARIES = ("pandas", "polars")


def library_of(x: Any) -> str | None:
    """Return ``"pandas"`` or ``"polars"`` for a frame of theirs, else None."""
    for name in _LIBRARIES:  # a frame exists only where its library has been imported
        library = sys.modules.get(name)
        if library is not None and isinstance(x, library.DataFrame):
            return name
    return None


def is_frame(x: Any) -> bool:
    """Say whether something is a data frame."""
    return library_of(x) is not None


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
    """Say whether a value is a mark of a missing entry: None, NaN, NaT or pandas.NA.

    Examples
    --------
    >>> [is_missing(value) for value in (None, float("nan"), 0, "")]
    [True, True, False, False]
    """
    if value is None:
        return True
    differs = value != value  # NaN and NaT alone differ from themselves; pandas.NA answers NA
    return differs is True or differs is np.True_ or type(differs).__name__ == "NAType"


def frame_like(frame: Any, values: NDArray[Any], names: Sequence[str]) -> Any:
    """Return a frame of the same library with these columns."""
    library = sys.modules[library_of(frame) or "pandas"]
    columns = {name: values[:, d].tolist() for d, name in enumerate(names)}
    return library.DataFrame(columns)


def _values(column: Any) -> NDArray[Any]:
    values: NDArray[Any] = np.asarray(column.to_numpy())
    return values if values.dtype.kind in "biuf" else np.array(list(values), dtype=object)
