"""From the values of a file to the codes 0..K-1 that a model knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from made.support.errors import EntryError, InputError

__all__ = ["Labels", "encode", "infer_classes", "whole_numbers"]

Labels = tuple["tuple[int, ...] | None", ...]
"""Per variable: None where values are codes, else the value of each code, ascending."""

_MOST_CLASSES = 10_000  # a column of more values is a number; its softmax would be larger than the network


def whole_numbers(
    array: np.ndarray[Any, Any], source: str, columns: Sequence[str] | None = None
) -> np.ndarray[Any, Any]:
    """Check that an array holds whole numbers only, and turn it into an integer array.

    Parameters
    ----------
    array : ndarray of shape (n, D), bool, integer or float
        Rows.
    source : str
        Where they come from, for messages.
    columns : sequence of str, optional
        Names of the D columns, for messages.

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
            _refuse(array > np.iinfo(np.int64).max, array, source, columns, "too large for a category")
            return array.astype(np.int64)
        return array
    if bool(((array == 0) | (array == 1)).all()):
        return array.astype(np.uint8)
    _refuse(~np.isfinite(array), array, source, columns, "fill it or drop the row")
    remedy = "binary and categorical variables are whole numbers; round or bin it"
    fractions = array != np.floor(array)
    if bool(fractions.any()) and float(array.min()) >= 0 and float(array.max()) <= 1:
        remedy += " (a joint table would sum to 1)"
    _refuse(fractions, array, source, columns, remedy)
    _refuse(np.abs(array) >= 2.0**63, array, source, columns, "too large for a category")
    return array.astype(np.int64)


def infer_classes(
    splits: Mapping[str, np.ndarray[Any, Any]], source: str, columns: Sequence[str] | None = None
) -> tuple[tuple[int, ...], Labels, tuple[str, ...]]:
    """Find how many classes each variable has, from the values in all splits together.

    Values 0..K-1 of which at least half occur are codes already. Any others are labels: the distinct values
    in ascending order become the codes. A constant label gets a neighbour, for a variable has at least 2
    classes.

    Parameters
    ----------
    splits : mapping of str to ndarray of shape (n, D), integer
        The splits as whole numbers.
    source : str
        Where they come from, for messages.
    columns : sequence of str, optional
        Names of the D columns, for messages.

    Returns
    -------
    classes : tuple of D ints
        The number of classes of each variable, at least 2.
    labels : tuple of D entries
        None where values are codes, else the original values by code.
    notes : tuple of str
        A sentence where labels were made.

    Raises
    ------
    InputError
        If a column holds more than 10,000 different values.

    Examples
    --------
    >>> import numpy as np
    >>> infer_classes({"all": np.array([[0, 10], [1, 30], [2, 10]])}, "rows.csv")[:2]
    ((3, 2), (None, (10, 30)))
    """
    arrays = list(splits.values())
    n_variables = arrays[0].shape[1]
    if all(a.min() >= 0 and a.max() <= 1 for a in arrays):
        return (2,) * n_variables, (None,) * n_variables, ()
    classes: list[int] = []
    labels: list[tuple[int, ...] | None] = []
    for d in range(n_variables):
        distinct = _distinct(np.concatenate([a[:, d] for a in arrays]).astype(np.int64))
        if len(distinct) > _MOST_CLASSES:
            raise InputError(
                f"{source}: column {d}{_named(d, columns)} (counted from 0) holds {len(distinct):,} "
                f"different values: a number and not a category; bin it into at most {_MOST_CLASSES:,}"
            )
        low, high = int(distinct[0]), int(distinct[-1])
        if low >= 0 and high + 1 <= 2 * len(distinct):
            classes.append(max(2, high + 1))
            labels.append(None)
        else:
            values = tuple(int(v) for v in distinct) if low < high else _with_neighbour(low)
            classes.append(len(values))
            labels.append(values)
    return tuple(classes), tuple(labels), _label_notes(labels, columns)


def encode(
    rows: np.ndarray[Any, Any],
    classes: Sequence[int],
    labels: Labels,
    source: str = "rows",
    columns: Sequence[str] | None = None,
) -> np.ndarray[Any, Any]:
    """Turn values into codes, with classes and labels that are known already.

    Parameters
    ----------
    rows : ndarray of shape (n, D)
        Values as a file holds them.
    classes : sequence of D ints
        The number of classes of each variable.
    labels : tuple of D entries
        None where values are codes, else the original values by code.
    source : str, default "rows"
        Where the rows come from, for messages.
    columns : sequence of str, optional
        Names of the D columns, for messages.

    Returns
    -------
    ndarray of shape (n, D)
        Codes: uint8 where every variable has at most 256 classes, else int64.

    Raises
    ------
    InputError
        If the number of columns differs or a value is none of its variable's.

    Examples
    --------
    >>> import numpy as np
    >>> encode(np.array([[2, 30], [0, 10]]), (3, 2), (None, (10, 30)))
    array([[2, 1],
           [0, 0]], dtype=uint8)
    """
    if rows.ndim != 2 or rows.shape[1] != len(classes):
        raise InputError(f"{source}: shape {rows.shape} where {len(classes)} columns are expected")
    values = whole_numbers(rows, source, columns)
    coded = values.copy() if values.dtype == np.uint8 else values.astype(np.int64)
    unknown = (coded < 0) | (coded >= np.asarray(classes))
    for d, known in enumerate(labels):
        if known is not None:
            own = values[:, d].astype(np.int64)
            table = np.asarray(known, dtype=np.int64)
            places = np.minimum(np.searchsorted(table, own), len(table) - 1)
            unknown[:, d] = table[places] != own
            coded[:, d] = places
    _refuse(unknown, values, source, columns, "none of the values that this variable takes")
    return coded.astype(np.uint8 if max(classes) <= 256 else np.int64, copy=False)


def _distinct(column: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    low, high = int(column.min()), int(column.max())
    if high - low < 1_000_000:  # counting beats sorting while the counters fit into the cache
        distinct: np.ndarray[Any, Any] = np.flatnonzero(np.bincount(column - low)) + low
        return distinct
    return np.unique(column)


def _with_neighbour(value: int) -> tuple[int, int]:
    return (value, value + 1) if value < np.iinfo(np.int64).max else (value - 1, value)


def _label_notes(labels: Sequence[object], columns: Sequence[str] | None) -> tuple[str, ...]:
    made = [f"{d}{_named(d, columns)}" for d, known in enumerate(labels) if known is not None]
    if not made:
        return ()
    if len(made) > 5:
        made = [*made[:5], f"{len(made) - 5} more"]
    listed = made[0] if len(made) == 1 else ", ".join(made[:-1]) + " and " + made[-1]
    subject = (
        f"column {listed} (counted from 0) holds"
        if len(made) == 1
        else f"columns {listed} (counted from 0) hold"
    )
    return (f"{subject} labels that are not 0 to K-1: coded in ascending order",)


def _named(d: int, columns: Sequence[str] | None) -> str:
    return f" ({columns[d]})" if columns is not None and d < len(columns) else ""


def _refuse(
    bad: np.ndarray[Any, Any],
    array: np.ndarray[Any, Any],
    source: str,
    columns: Sequence[str] | None,
    remedy: str,
) -> None:
    if not bad.any():
        return
    row, d = (int(i) for i in np.argwhere(bad)[0])
    value = array[row, d]
    shown = f"{value:g}" if array.dtype.kind == "f" else f"{value}"
    name = columns[d] if columns is not None and d < len(columns) else None
    raise EntryError(row, d, f"holds {shown}: {remedy}", source=source, name=name)
