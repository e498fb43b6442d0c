"""Inferring the schema of a table from its values."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from made.data.choices import Choices
from made.data.dates import date_form, date_variables
from made.data.entries import check_entries
from made.data.image_shape import find_image_shape
from made.data.one_column import Table, infer_column, split_name
from made.data.protect import FEWEST, protected_columns, protected_rows
from made.data.remarks import EMPTY, left_out, remarks
from made.data.said import Said
from made.support.errors import EntryError, InputError
from made.support.listing import listed
from made.variables import frames
from made.variables.column import Column, Found, find_column
from made.variables.dates import DateForm
from made.variables.schema import Schema

__all__ = ["infer_schema", "told_apart"]

# Number of rows from which the shape of images is detected.
_ROWS_OF_IMAGES = 2_000


def infer_schema(
    splits: Mapping[str, Any],
    source: str = "the rows",
    names: Sequence[str] | None = None,
    image_shape: tuple[int, int] | None = None,
    *,
    choices: Choices | None = None,
    keeps_all: bool = False,
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
    column  kind         values         measure  why
    x0      categorical  'blue', 'red'  mass     two texts
    x1      bernoulli    0..1           mass     two values
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
    choices = choices or Choices()
    said, kept = _said(choices, names, called, source)
    trained = np.arange(len(first)) if train is None else train(len(first))
    are_codes = image_shape is not None or (names is None and complete)
    whole = Table(arrays, source, names, trained, are_codes)
    by_group = None if choices.group is None else find_column(choices.group, names, len(called))
    is_binary = complete and all(table.min() >= 0 and table.max() <= 1 for table in arrays.values())
    found: dict[int, tuple[Column, ...]] = {}
    out: dict[int, str] = {}
    if is_binary and not said and by_group is None:  # at once, as there may be thousands
        about = None if names is None else Found("two values")
        found = {d: (Column(called[d], "bernoulli", found=about),) for d in kept}
    else:
        for split, table in arrays.items():
            check_entries(table, kept, split_name(source, split), names)
        forms, of_dates = _forms(arrays, kept, called, said, source)
        notes += of_dates
        if names is not None and image_shape is None and choices.schema is None:
            own = {} if keeps_all else left_out(first[trained], called)
            own = {d: why for d, why in own.items() if d not in forms}
            own |= {} if by_group is None else {by_group: "says which rows belong together"}
            out = {d: why for d, why in own.items() if d in kept and d not in said}
            out = out if len(out) < len(kept) else {}
            notes += tuple(
                f"column {called[d]} {why}: left out"
                + ("" if why == EMPTY else "; give it a kind to keep it")
                for d, why in out.items()
            )
        kept = [d for d in kept if d not in out]
        told = remarks(first, called, kept)
        for d in kept:
            own_said, note = said.get(d, Said()), told.get(d, "")
            if d in forms:
                values = [table[:, d] for table in arrays.values()]
                found[d] = tuple(date_variables(values, trained, called[d], forms[d], note, len(called)))
            else:
                found[d] = infer_column(whole, d, own_said, note)
    if choices.protect:
        found, hidden, told_of = _protected(found, whole, said)
        notes += (*told_of, *(f"column {called[d]} {why}: left out" for d, why in hidden.items()))
        kept, out = [d for d in kept if d not in hidden], out | hidden
        if not kept:
            raise InputError(f"{source}: too few rows to protect: no column has {FEWEST} rows of one value")
    notes += _label_notes(found, names)
    columns = tuple(column for d in kept for column in found[d])
    dropped = [called[find_column(name, names, len(called))] for name in choices.drop]
    gone = [*((called[d], why) for d, why in out.items()), *((name, "dropped") for name in dropped)]
    if choices.schema is not None:
        gone += [own for own in choices.schema.left_out if own[0] not in {name for name, _ in gone}]
        notes += _passed_over(called, {called[d] for d in kept} | {name for name, _ in gone})
    schema = Schema(columns, (), image_shape, names is not None, tuple(gone))
    classes = schema.classes
    if choices.schema is not None and choices.schema.context_places:
        there = {own.name for own in schema.table}
        context = [own.name for own in choices.schema.table if own.places[0] in choices.schema.context_places]
        return schema.with_context([name for name in context if name in there]), notes
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
    said: Mapping[int, Said | tuple[Column, ...]],
    source: str,
) -> tuple[dict[int, DateForm], tuple[str, ...]]:
    """Return the columns that hold dates, by place, and what is to be said of them."""
    found, notes = {}, []
    for d in kept:
        own = said.get(d, Said())
        if not isinstance(own, Said) or own.kind not in (None, "date"):
            continue
        form, note = date_form([table[:, d] for table in arrays.values()], called[d])
        if form is not None:
            found[d] = form
        elif own.kind is not None:
            why = note or f"column {called[d]} holds values that are no dates of one format, as 2024-01-31 is"
            raise InputError(f"{source}: {why}")
        notes += [note] if note else []
    return found, tuple(notes)


def _said(
    choices: Choices, names: Sequence[str] | None, called: Sequence[str], source: str
) -> tuple[dict[int, Said | tuple[Column, ...]], list[int]]:
    """Return what is said of columns, by place, and which are to be looked at, in the order of the schema."""
    n = len(called)
    kinds, dropped = choices.by_place(names, n)
    said: dict[int, Said | tuple[Column, ...]] = {}
    order = list(range(n))
    if choices.schema is not None:
        for own in choices.schema.table:
            try:
                place = find_column(own.name, names, n)
            except InputError as error:
                raise InputError(f"{source} lacks a column of the schema: {error}") from None
            columns = tuple(choices.schema.columns[d] for d in own.places)
            said[place] = Said.of(columns[0]) if columns[0].is_open else columns
        order = [*said, *(d for d in kinds if d not in said)]
    said |= {d: Said(kind) for d, kind in kinds.items()}
    kept = {d: said_of for d, said_of in said.items() if d not in dropped}
    return kept, [d for d in order if d not in dropped]


def _passed_over(called: Sequence[str], known: Collection[str]) -> tuple[str, ...]:
    others = [name for name in called if name not in known]
    if not others:
        return ()
    return (f"passed over, as the schema does not name them: {listed(others)}",)


def _label_notes(found: Mapping[int, tuple[Column, ...]], columns: Sequence[str] | None) -> tuple[str, ...]:
    classes = {d: own[0].arguments.get("classes") for d, own in found.items() if own[0].part is None}
    made = [
        f"{d} ({columns[d]})" if columns is not None and d < len(columns) else f"{d}"
        for d, own in classes.items()
        if isinstance(own, list) and not isinstance(own[0], str) and own != list(range(len(own)))
    ]
    if not made:
        return ()
    column, hold = ("column", "holds") if len(made) == 1 else ("columns", "hold")
    which = f"{column} {listed(made, 5)} (counted from 0)"
    return (f"{which} {hold} labels that are not 0 to K-1: coded in ascending order",)


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
    frames.check_is_table(rows, where)
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


def _protected(
    columns: Mapping[int, tuple[Column, ...]],
    table: Table,
    said: Mapping[int, Said | tuple[Column, ...]],
) -> tuple[dict[int, tuple[Column, ...]], dict[int, str], tuple[str, ...]]:
    """Return the columns without what is rare, see `protected_columns`."""

    def again(d: int, low: float, high: float) -> Column:
        own, (column,) = said.get(d, Said()), columns[d]
        if not isinstance(own, Said):
            return column
        within = Schema((replace(column, found=Found(low=low, high=high)),))
        clipped = {split: protected_rows(within, rows[:, [d]]) for split, rows in table.arrays.items()}
        alone = replace(table, arrays=clipped, names=[column.name])
        (anew,) = infer_column(alone, 0, replace(own, kind="numeric"))
        found = anew.found if own.kind is not None else own.plain(anew.found)
        return replace(anew, note=column.note, found=found)

    return protected_columns(columns, lambda d: table.first[table.train, d], again)


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
