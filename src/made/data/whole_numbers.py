"""Rows of whole numbers: checked, and every value that is none is named with its place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from made.support.checks import without_float16
from made.support.errors import EntryError

__all__ = ["refuse", "whole_numbers"]


def whole_numbers(
    array: np.ndarray[Any, Any], source: str, columns: Sequence[str] | None = None, first: int = 0
) -> np.ndarray[Any, Any]:
    """Check that an array holds whole numbers only, and turn it into an integer array.

    Parameters
    ----------
    array : ndarray of shape (n, D), bool, integer or float
        Rows.
    source : str
        Where they come from, for messages.
    columns : sequence of str, optional
        Names of the columns of the table, for messages.
    first : int
        Number of the first of these columns in the table, for messages.

    Returns
    -------
    ndarray of shape (n, D), integer
        uint8 where every value is 0 or 1, int64 where a float array holds more; integers keep their type.

    Raises
    ------
    InputError
        If a value is NaN, infinite, no whole number or too large for 64 bits, with its row and column.

    Examples
    --------
    >>> import numpy as np
    >>> whole_numbers(np.array([[0.0, 3.0]]), "rows.npy")
    array([[0, 3]])
    """
    if array.dtype.kind == "b":
        return array.astype(np.uint8)
    if array.dtype.kind in "iu":
        if array.dtype.kind == "u" and array.dtype.itemsize == 8:
            refuse(array > np.iinfo(np.int64).max, array, source, columns, first, "too large for a category")
            return array.astype(np.int64)
        return array
    if bool(((array == 0) | (array == 1)).all()):
        return array.astype(np.uint8)
    refuse(~np.isfinite(array), array, source, columns, first, "fill it or drop the row")
    array = without_float16(array)
    remedy = "binary and categorical variables are whole numbers; round or bin it"
    fractions = array != np.floor(array)
    if bool(fractions.any()) and float(array.min()) >= 0 and float(array.max()) <= 1:
        remedy += " (a joint table would sum to 1)"
    refuse(fractions, array, source, columns, first, remedy)
    refuse(np.abs(array) >= 2.0**63, array, source, columns, first, "too large for a category")
    return array.astype(np.int64)


def refuse(
    bad: np.ndarray[Any, Any],
    array: np.ndarray[Any, Any],
    source: str,
    columns: Sequence[str] | None,
    first: int,
    remedy: str,
) -> None:
    """Raise an `EntryError` for the first bad entry of some columns, of which the first has this number."""
    if not bad.any():
        return
    row, own = (int(i) for i in np.argwhere(bad)[0])
    value, d = array[row, own], first + own
    shown = f"{value:g}" if array.dtype.kind == "f" else f"{value}"
    name = columns[d] if columns is not None and d < len(columns) else None
    raise EntryError(row, d, f"holds {shown}: {remedy}", source=source, name=name)
