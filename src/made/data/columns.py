"""Inferring the schema of a table from its values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from made.data.choices import Choices
from made.data.dates import date_form, date_variables
from made.data.entries import check_entries
from made.data.grid import numeric_arguments
from made.data.image_shape import find_image_shape
from made.data.remarks import EMPTY, left_out, remarks
from made.support.errors import EntryError, InputError
from made.variables import frames
from made.variables.class_groups import default_coding
from made.variables.column import Column
from made.variables.dates import DateForm
from made.variables.missing import marks_of
from made.variables.schema import Schema
from made.variables.unseen import unseen_mass

__all__ = ["infer_schema", "split_name", "told_apart", "whole_numbers"]

_Found = tuple[str, dict[str, Any]]
"""Kind and arguments of a column, see `Column`."""

# Number of rows from which the shape of images is detected.
_ROWS_OF_IMAGES = 2_000
# A text column of more values than this, and than half of its rows, is taken for names of the rows.
_MOST_NAMES = 10_000
# Whole numbers are classes where they are few, and each has rows to learn from; else they are numbers.
_MOST_CLASSES_OF_NUMBERS, _ROWS_PER_CLASS = 32, 20


def infer_schema(
    splits: Mapping[str, Any],
    source: str = "the rows",
    names: Sequence[str] | None = None,
    image_shape: tuple[int, int] | None = None,
    *,
    choices: Choices | None = None,
    keeps_all: bool = False,
    finds_dates: bool = True,
    train: Callable[[int], np.ndarray[Any, Any]] | None = None,
) -> tuple[Schema, tuple[str, ...]]:
    """Infer the schema from the values in all splits together.

    A column of text is a categorical variable: its classes are the labels of the training rows and, where
    there are more than two labels, others are one event that has a probability, see `made.Categorical`. A
    column of two values is categorical too, and one of at most 32 whole numbers with at least 20 training
    rows for each. Any other column of numbers is numeric: on the coarsest grid of 1, 0.1, ..., 10^-6 that
    holds all its values, else continuous. Where an entry is marked None or NaN, those of its column may be
    missing. A column of dates, as text of one format or as objects, is several variables: its parts, see
    `made.variables.dates`.

    Of a table with names, columns that name its rows are left out, see `left_out`, and said so: the schema is
    then of fewer columns than the table.

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
    choices : Choices, optional
        Kinds of columns, and columns to leave out, that are not to follow from the values.
    keeps_all : bool
        Leave out no column because it names rows.
    finds_dates : bool
        Otherwise text that holds dates is text.
    train : callable, optional
        Maps the number of rows of the first split to the numbers of those that are trained on; by default
        all are.

    Returns
    -------
    schema : Schema
    notes : tuple of str
        What was decided, a sentence each.

    Raises
    ------
    InputError
        If there are no rows, or a value is neither text nor a finite number.

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
    complete = all(table.dtype.kind in "biu" for table in arrays.values())
    notes: tuple[str, ...] = ()
    if names is not None and len(set(names)) < len(names):
        names, renamed = told_apart(names)
        notes = (renamed,)
    called = [f"x{d}" for d in range(first.shape[1])] if names is None else names
    kinds, dropped = (choices or Choices()).by_place(names, first.shape[1])
    said: dict[int, str] = {}
    kept = [d for d in range(first.shape[1]) if d not in dropped]
    found: dict[int, _Found]
    forms: dict[int, DateForm] = {}
    if not kinds and complete and all(table.min() >= 0 and table.max() <= 1 for table in arrays.values()):
        found = dict.fromkeys(kept, ("bernoulli", {}))  # at once, as there may be thousands
    else:
        for split, table in arrays.items():
            check_entries(table, kept, split_name(source, split), names)
        trained = np.arange(len(first)) if train is None else train(len(first))
        forms, said_of_dates = _forms(arrays, kept, called, kinds, source) if finds_dates else ({}, ())
        notes += said_of_dates
        if names is not None and image_shape is None and not keeps_all:
            gone = {
                d: why
                for d, why in left_out(first[trained], called).items()
                if d not in kinds and d not in forms
            }
            kept = [d for d in kept if d not in gone] or kept
            out = [(called[d], gone[d]) for d in gone if d not in kept and d not in dropped]
            notes += tuple(
                f"column {own} {why}: left out" + ("" if why == EMPTY else "; give it a kind to keep it")
                for own, why in out
            )
        said = remarks(first, called, kept)
        found = {
            d: _infer_column(arrays, d, source, names, trained, kinds.get(d)) for d in kept if d not in forms
        }
    notes += _label_notes(found, names)
    columns: list[Column] = []
    for d in kept:
        note = said.get(d, "")
        if d in forms:
            own_values = [table[:, d] for table in arrays.values()]
            columns += date_variables(own_values, trained, called[d], forms[d], note)
        else:
            columns.append(Column(called[d], *found[d], note))
    schema = Schema(tuple(columns), image_shape=image_shape, is_named=names is not None)
    classes = schema.classes
    if image_shape is None and len(set(classes)) == 1 and min(classes) > 1:
        pixels = first[:_ROWS_OF_IMAGES, kept]
        schema = schema.with_image_shape(find_image_shape(_codes(pixels, schema), classes))
        if schema.image_shape is not None:
            height, width = schema.image_shape
            notes = (*notes, f"rows are taken for images of {height} x {width}: so alike are neighbours")
    return schema, notes


def _forms(
    arrays: Mapping[str, np.ndarray[Any, Any]],
    kept: Sequence[int],
    called: Sequence[str],
    kinds: Mapping[int, str],
    source: str,
) -> tuple[dict[int, DateForm], tuple[str, ...]]:
    """Return the columns that hold dates, by place, and what is to be said of them."""
    found, notes = {}, []
    for d in kept:
        if kinds.get(d, "date") != "date":
            continue
        form, note = date_form([table[:, d] for table in arrays.values()], called[d])
        if form is not None:
            found[d] = form
        elif d in kinds:
            why = note or f"column {called[d]} holds values that are no dates of one format, as 2024-01-31 is"
            raise InputError(f"{source}: {why}")
        notes += [note] if note else []
    return found, tuple(notes)


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


def _classes_of(column: np.ndarray[Any, Any]) -> tuple[int, tuple[int, ...] | None]:
    """Return the number of classes of a column of whole numbers, and its labels.

    Values 0..K-1 of which at least half occur are codes already. Any others are labels: the distinct values
    in ascending order become the codes. A constant column gets a second class: a variable has at least 2.
    """
    distinct = _distinct(column)
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


def _label_notes(found: Mapping[int, _Found], columns: Sequence[str] | None) -> tuple[str, ...]:
    classes = {d: arguments.get("classes") for d, (_, arguments) in found.items()}
    made = [
        f"{d}{_named(d, columns)}"
        for d, own in classes.items()
        if isinstance(own, list) and not isinstance(own[0], str)
    ]
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
        values = frames.values_of(rows, frames.names_of(rows) if names is None else names)
        return values, [str(name) for name in rows.columns] if names is None else names
    if isinstance(rows, np.ma.MaskedArray) and rows.mask.any() and rows.ndim == 2:
        row, column = (int(i) for i in np.argwhere(np.ma.getmaskarray(rows))[0])
        complaint = "is masked, which means unknown: mark what is missing as NaN or None, to model it"
        raise EntryError(row, column, complaint, source=where, name=None if names is None else names[column])
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
    if table.dtype.kind == "M":  # as objects they keep their type beside each other
        table = np.array([list(row) for row in table], dtype=object).reshape(table.shape)
    if table.dtype.kind not in "biufOUS":
        raise InputError(f"{where} hold {table.dtype} values: rows are whole numbers or text")
    return table, names


def _infer_column(
    arrays: Mapping[str, np.ndarray[Any, Any]],
    d: int,
    source: str,
    names: Sequence[str] | None,
    train: np.ndarray[Any, Any],
    kind: str | None,
) -> _Found:
    """Return kind and arguments of a column: text where any of it is text, else numbers; or as it is said."""
    parts, missing, single = [], False, False
    for split, table in arrays.items():
        column = table[:, d]
        if column.dtype.kind not in "biu":
            marks = marks_of(column)
            missing = missing or marks is not None
            column = column if marks is None else column[~marks]
        single = single or column.dtype in (np.float16, np.float32)
        parts.append((split_name(source, split), column))
    gaps: dict[str, Any] = {"missing": True} if missing else {}
    if any(isinstance(value, str) for _, column in parts if column.dtype.kind in "OUS" for value in column):
        if kind == "numeric":
            raise InputError(
                f"{source}: column {d}{_named(d, names)} (counted from 0) holds text: no numbers"
            )
        distinct = _texts(parts, d, source, names)
        trained = next(iter(arrays.values()))[train, d]
        marks = None if trained.dtype.kind in "biu" else marks_of(trained)
        texts = [str(value) for value in (trained if marks is None else trained[~marks]).tolist()]
        return "categorical", {**_text_arguments(distinct, texts), **gaps}
    numbers = [_numbers(column, d, where, names) for where, column in parts]
    observed = np.concatenate(numbers)
    if len(observed) == 0:
        place = f"column {d}{_named(d, names)} (counted from 0)"
        raise InputError(f"{source}: {place} is missing in every row: leave it out")
    if kind == "category" and observed.dtype.kind == "f":
        raise InputError(
            f"{source}: column {d}{_named(d, names)} (counted from 0) holds fractions: categories are whole "
            "numbers or text"
        )
    is_category = observed.dtype.kind != "f" and _is_category(observed, len(numbers[0]))
    if kind == "category" or (kind is None and is_category):
        n_values, labels = _classes_of(observed)
        if labels is None and n_values == 2 and not missing:
            return "bernoulli", {}
        coding = default_coding(n_values)
        return "categorical", {"classes": list(labels or []) or n_values, "coding": coding, **gaps}
    train, *others = (own.astype(np.float64) for own in numbers)
    eps = float(np.finfo(np.float32 if single else np.float64).eps)
    rest = np.concatenate([np.zeros(0), *others])
    return "numeric", numeric_arguments(train, rest, missing=missing, eps=eps)


def _is_category(column: np.ndarray[Any, Any], n_rows: int) -> bool:
    """Return whether whole numbers are classes: two values, or few of which each occurs often."""
    n_values = len(_distinct(column))
    return n_values <= 2 or (n_values <= _MOST_CLASSES_OF_NUMBERS and n_rows >= _ROWS_PER_CLASS * n_values)


def _texts(
    parts: Sequence[tuple[str, np.ndarray[Any, Any]]], d: int, source: str, names: Sequence[str] | None
) -> list[str]:
    """Return the distinct texts of a column, in their order."""
    distinct = sorted({str(value) for _, column in parts for value in column.tolist()})
    n_rows = sum(len(column) for _, column in parts)
    if len(distinct) > max(_MOST_NAMES, n_rows / 2):
        raise InputError(
            f"{source}: column {d}{_named(d, names)} (counted from 0) holds {len(distinct):,} different "
            f"texts in {n_rows:,} rows: leave it out, or group them into at most {_MOST_NAMES:,}"
        )
    return distinct


def _text_arguments(distinct: Sequence[str], trained: Sequence[str]) -> dict[str, Any]:
    """Return the arguments of a column of text, from all its labels and those of the training rows."""
    classes = list(distinct)
    more: dict[str, Any] = {}
    if len(classes) > 2 and len(trained):
        classes, more = sorted(set(trained)), {"unseen": unseen_mass(trained)}
    if len(classes) == 1:
        classes.append(f"not {classes[0]}")
    return {"classes": classes, "coding": default_coding(len(classes)), **more}


def _numbers(
    column: np.ndarray[Any, Any], d: int, source: str, names: Sequence[str] | None
) -> np.ndarray[Any, Any]:
    """Return the observed numbers of a column: integers where all of them are whole, else float64."""
    try:
        numbers = column if column.dtype.kind in "biuf" else np.array(column.tolist())
        if numbers.dtype.kind not in "biuf":
            numbers = numbers.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        raise InputError(
            f"{source}: column {d}{_named(d, names)} (counted from 0) holds neither numbers nor text"
        ) from None
    if numbers.dtype.kind == "b":
        return numbers.astype(np.uint8)
    if numbers.dtype.kind in "iu":
        fits = numbers.dtype != np.uint64 or bool(numbers.max(initial=0) <= np.iinfo(np.int64).max)
        return numbers.astype(np.int64 if fits else np.float64)
    _refuse(~np.isfinite(numbers)[:, None], numbers[:, None], source, names, d, "numbers are finite")
    is_whole = bool((numbers == np.floor(numbers)).all() and (np.abs(numbers) < 2.0**63).all())
    return numbers.astype(np.int64) if is_whole else numbers.astype(np.float64)


def told_apart(names: Sequence[str]) -> tuple[list[str], str]:
    """Return names that differ, and a sentence that says so: a, a becomes a, a_2."""
    found = frames.told_apart(names)
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
