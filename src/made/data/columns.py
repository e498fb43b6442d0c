"""Inferring the schema of a table from its values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from made.data.image_shape import find_image_shape
from made.support.errors import EntryError, InputError
from made.variables import frames
from made.variables.frames import is_missing
from made.variables.schema import Schema

__all__ = ["Labels", "infer_classes", "infer_schema", "split_name", "whole_numbers"]

Labels = tuple["tuple[Any, ...] | None", ...]
"""Per variable: None where values are codes, else the value of each code, ascending."""

# Number of rows from which the shape of images is detected.
_ROWS_OF_IMAGES = 2_000
_MOST_CLASSES = 10_000  # a column of more values is a number; its softmax would be larger than the network


def infer_schema(
    splits: Mapping[str, Any],
    source: str = "the rows",
    names: Sequence[str] | None = None,
    image_shape: tuple[int, int] | None = None,
) -> tuple[Schema, tuple[str, ...]]:
    """Infer the schema from the values in all splits together.

    A column of text is a categorical variable; so is one of whole numbers, see `infer_classes`.

    Parameters
    ----------
    splits : mapping of str to (n, D) array or data frame
        Rows by the name of their split; the training rows first.
    source : str
        Where they come from, for messages.
    names : sequence of D str, optional
        Of the columns; a data frame brings its own.
    image_shape : (height, width), optional
        Of rows that are images, where known; else detected from the pixels.

    Returns
    -------
    schema : Schema
    notes : tuple of str
        What was decided, a sentence each.

    Raises
    ------
    InputError
        If there are no rows, or a value is neither text nor a whole number.

    Examples
    --------
    >>> schema, _ = infer_schema({"train": [["red", 0], ["blue", 1]]})
    >>> print(schema)
    column  kind         values         measure
    x0      categorical  'blue', 'red'  mass
    x1      bernoulli    0..1           mass
    """
    tables = {split: _table(rows, split_name(source, split), names) for split, rows in splits.items()}
    first, names = next(iter(tables.values()))
    arrays = {split: table for split, (table, _) in tables.items()}
    _check_shapes(arrays, source)
    if all(table.dtype.kind in "biuf" for table in arrays.values()):
        values = {
            split: whole_numbers(table, split_name(source, split), names) for split, table in arrays.items()
        }
        classes, labels, notes = infer_classes(values, source, names)
    else:
        by_column = [_infer_column(arrays, d, source, names) for d in range(first.shape[1])]
        classes = tuple(n_values for n_values, _ in by_column)
        labels = tuple(own for _, own in by_column)
        notes = _label_notes(
            [None if own is None or isinstance(own[0], str) else own for own in labels], names
        )
    if names is not None and len(set(names)) < len(names):
        names, renamed = _told_apart(names)
        notes = (*notes, renamed)
    schema = Schema.of_classes(classes, labels, names, image_shape=image_shape)
    if image_shape is None and len(set(classes)) == 1:
        schema = schema.with_image_shape(find_image_shape(_codes(first[:_ROWS_OF_IMAGES], schema), classes))
        if schema.image_shape is not None:
            height, width = schema.image_shape
            notes = (*notes, f"rows are taken for images of {height} x {width}: so alike are neighbours")
    return schema, notes


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
            _refuse(array > np.iinfo(np.int64).max, array, source, columns, first, "too large for a category")
            return array.astype(np.int64)
        return array
    if bool(((array == 0) | (array == 1)).all()):
        return array.astype(np.uint8)
    _refuse(~np.isfinite(array), array, source, columns, first, "fill it or drop the row")
    remedy = "binary and categorical variables are whole numbers; round or bin it"
    fractions = array != np.floor(array)
    if bool(fractions.any()) and float(array.min()) >= 0 and float(array.max()) <= 1:
        remedy += " (a joint table would sum to 1)"
    _refuse(fractions, array, source, columns, first, remedy)
    _refuse(np.abs(array) >= 2.0**63, array, source, columns, first, "too large for a category")
    return array.astype(np.int64)


def infer_classes(
    splits: Mapping[str, np.ndarray[Any, Any]], source: str, columns: Sequence[str] | None = None
) -> tuple[tuple[int, ...], Labels, tuple[str, ...]]:
    """Find how many classes each variable has, from the values in all splits together.

    Values 0..K-1 of which at least half occur are codes already. Any others are labels: the distinct values
    in ascending order become the codes. A constant column gets a second class, since a variable has at
    least 2.

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
    found = [
        _classes_of(np.concatenate([a[:, d] for a in arrays]).astype(np.int64), d, source, columns)
        for d in range(n_variables)
    ]
    labels = tuple(own for _, own in found)
    return tuple(n_classes for n_classes, _ in found), labels, _label_notes(labels, columns)


def _classes_of(
    column: np.ndarray[Any, Any], d: int, source: str, columns: Sequence[str] | None
) -> tuple[int, tuple[int, ...] | None]:
    """Return the number of classes of a column of whole numbers, and its labels."""
    distinct = _distinct(column)
    if len(distinct) > _MOST_CLASSES:
        raise InputError(
            f"{source}: column {d}{_named(d, columns)} (counted from 0) holds {len(distinct):,} "
            f"different values: a number and not a category; bin it into at most {_MOST_CLASSES:,}"
        )
    low, high = int(distinct[0]), int(distinct[-1])
    if low >= 0 and high + 1 <= 2 * len(distinct):
        return max(2, high + 1), None
    values = tuple(int(v) for v in distinct) if low < high else _with_neighbour(low)
    return len(values), values


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
    first: int,
    remedy: str,
) -> None:
    if not bad.any():
        return
    row, own = (int(i) for i in np.argwhere(bad)[0])
    value, d = array[row, own], first + own
    shown = f"{value:g}" if array.dtype.kind == "f" else f"{value}"
    name = columns[d] if columns is not None and d < len(columns) else None
    raise EntryError(row, d, f"holds {shown}: {remedy}", source=source, name=name)


def _table(
    rows: Any, where: str, names: Sequence[str] | None
) -> tuple[np.ndarray[Any, Any], Sequence[str] | None]:
    if frames.is_frame(rows):
        own = frames.names_of(rows)
        return frames.values_of(rows, own if names is None else names), own if names is None else names
    try:
        table = np.asarray(rows)
    except ValueError:
        raise InputError(
            f"{where} differ in their number of columns: each row needs one entry per column"
        ) from None
    if table.ndim != 2:
        raise InputError(f"{where} are a table (rows, variables), got shape {table.shape}")
    if table.dtype.kind in "US" and not isinstance(rows, np.ndarray):
        table = np.array(rows, dtype=object)  # numpy would turn numbers beside text into text
    if table.dtype.kind not in "biufOUS":
        raise InputError(f"{where} hold {table.dtype} values: rows are whole numbers or text")
    return table, names


def _infer_column(
    arrays: Mapping[str, np.ndarray[Any, Any]], d: int, source: str, names: Sequence[str] | None
) -> tuple[int, tuple[Any, ...] | None]:
    """Return the number of classes of a column, and its labels; text where any of it is text."""
    columns = {split_name(source, split): table[:, d].tolist() for split, table in arrays.items()}
    for where, column in columns.items():
        for row, value in enumerate(column):
            if is_missing(value):
                place = f"row {row}, column {d}{_named(d, names)} (counted from 0)"
                raise InputError(f"{where}: {place} is missing: fill it or drop the row")
    if not any(isinstance(value, str) for column in columns.values() for value in column):
        numbers = [_numbers(column, d, where, names) for where, column in columns.items()]
        return _classes_of(np.concatenate(numbers).astype(np.int64), d, source, names)
    distinct = sorted({str(value) for column in columns.values() for value in column})
    if len(distinct) > _MOST_CLASSES:
        raise InputError(
            f"{source}: column {d}{_named(d, names)} (counted from 0) holds {len(distinct):,} different "
            f"texts: leave it out, or group them into at most {_MOST_CLASSES:,}"
        )
    if len(distinct) == 1:  # a variable has at least 2 classes
        distinct.append(f"not {distinct[0]}")
    return len(distinct), tuple(distinct)


def _numbers(values: Sequence[Any], d: int, source: str, names: Sequence[str] | None) -> np.ndarray[Any, Any]:
    try:
        column = np.array(values)
        if column.dtype.kind not in "biuf":
            column = column.astype(np.float64)
    except (TypeError, ValueError):
        raise InputError(
            f"{source}: column {d}{_named(d, names)} (counted from 0) holds neither whole numbers nor text"
        ) from None
    return whole_numbers(column[:, None], source, names, first=d)[:, 0]


def _told_apart(names: Sequence[str]) -> tuple[list[str], str]:
    """Return names that differ, and a sentence that says so: a, a becomes a, a_2."""
    found: list[str] = []
    for name in names:
        number, own = 1, name
        while own in found:
            number += 1
            own = f"{name}_{number}"
        found.append(own)
    changed = [own for own, name in zip(found, names, strict=True) if own != name]
    return found, f"columns that shared a name are renamed: {', '.join(changed)}"


def _codes(rows: np.ndarray[Any, Any], schema: Schema) -> np.ndarray[Any, Any]:
    if rows.dtype.kind in "biu" and all(labels is None for labels in schema.labels):
        return rows
    return schema.encode_modelled(rows).numpy()


def _check_shapes(splits: Mapping[str, np.ndarray[Any, Any]], source: str) -> None:
    for split, rows in splits.items():
        if len(rows) == 0:
            raise InputError(f"{split_name(source, split)}: no rows; give at least one")
        if rows.shape[1] == 0:
            raise InputError(f"{split_name(source, split)}: no columns; a row needs at least one variable")
    widths = {split: rows.shape[1] for split, rows in splits.items()}
    if len(set(widths.values())) > 1:
        listed = ", ".join(f"{split} {width}" for split, width in widths.items())
        raise InputError(f"{source}: the splits differ in their number of columns: {listed}")


def split_name(source: str, split: str) -> str:
    """Return the source and the split for a message; the source alone where rows are not split."""
    return source if split == "all" else f"{source}, {split}"
