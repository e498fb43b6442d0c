"""Rare labels, minima and maxima kept out: of what a schema says of its columns, and of the rows of a fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from made.data.classes import outside_mass
from made.support.listing import listed
from made.variables.column import NUMERIC, Column, Found
from made.variables.column_settings import arguments_of, settings_said
from made.variables.date_columns import split
from made.variables.dates import WEEKDAYS, values_of_instants, whole_of
from made.variables.missing import marks_of
from made.variables.schema import Schema
from made.variables.unseen import UNSEEN

__all__ = ["FEWEST", "bounds_of", "protected_columns", "protected_rows"]

#: A label of fewer training rows is rare; at or beyond the bounds of numbers lie at least as many.
FEWEST = 5
_TOO_FEW = f"holds fewer than {2 * FEWEST} numbers or dates to train on, and is to be protected"


def bounds_of(numbers: NDArray[Any]) -> tuple[Any, Any] | None:
    """Return the values that five of n numbers are at or below, and at or above; None of fewer than ten.

    Examples
    --------
    >>> [int(bound) for bound in bounds_of(np.arange(100))]
    [4, 95]
    """
    if len(numbers) < 2 * FEWEST:
        return None
    ordered = np.sort(numbers)
    return ordered[FEWEST - 1], ordered[-FEWEST]


def protected_columns(
    columns: Mapping[int, tuple[Column, ...]],
    training: Callable[[int], NDArray[Any]],
    again: Callable[[int, float, float], Column],
) -> tuple[dict[int, tuple[Column, ...]], dict[int, str], tuple[str, ...]]:
    """Return columns that say nothing of rare labels, minima and maxima of training rows.

    Parameters
    ----------
    columns : mapping of int to tuple of Column
        By place in the table: one, or the parts of a date.
    training : callable
        Maps a place to the entries of the training rows.
    again : callable
        Maps a place and two bounds to the column, inferred anew from numbers within them.

    Returns
    -------
    columns : dict of int to tuple of Column
        Numbers have the bounds as their range; classes are labels of five rows or more, others are unseen.
        Weeks and times of day are numbers, weekdays stay.
    left_out : dict of int to str
        Columns that nothing can be said of, with the reason.
    notes : tuple of str
    """
    found: dict[int, tuple[Column, ...]] = {}
    out: dict[int, str] = {}
    ranges: list[str] = []
    labels: list[str] = []
    for place, own in columns.items():
        name = own[0].name if own[0].part is None else own[0].part.column
        values = training(place)
        if own[0].part is not None:
            dates = _of_common_dates(own, values)
            if dates is None:
                out[place] = _TOO_FEW
                continue
            found[place] = dates
            ranges.append(f"{name} {'..'.join(dates[0].part.span)}" if dates[0].part else "")
        elif own[0].kind == NUMERIC:
            bounds = bounds_of(_known(values).astype(np.float64))
            if bounds is None:
                out[place] = _TOO_FEW
                continue
            low, high = map(float, bounds)
            found[place] = (_within(again(place, low, high), low, high),)
            ranges.append(f"{name} {Found(low=low, high=high).range}")
        else:
            column, n_rare = _of_common_labels(own[0], _known(values))
            if column is None:
                out[place] = f"has no label of {FEWEST} training rows, and is to be protected"
                continue
            found[place] = (column,)
            labels += [f"{name} {n_rare:,}"] if n_rare else []
    notes = []
    if ranges:
        notes.append(
            f"protected: numbers and dates lie in ranges that five rows are at or beyond: {listed(ranges)}"
        )
    if labels:
        notes.append(f"protected: labels of fewer than five rows are one event, by column: {listed(labels)}")
    return found, out, tuple(notes)


def protected_rows(schema: Schema, table: NDArray[Any]) -> NDArray[Any]:
    """Return rows, (n, columns of the schema), with numbers in the ranges of a protected schema.

    Dates are in their parts. A label that is no class becomes `made.UNSEEN`. Missing entries stay.

    Examples
    --------
    >>> columns = (
    ...     Column("age", NUMERIC, {"step": 1.0}, found=Found(low=18, high=80)),
    ...     Column("city", "categorical", {"classes": ["Oslo", "Rome"], "unseen": 0.01}),
    ... )
    >>> protected_rows(Schema(columns), np.array([[17, "Rome"], [104, "Bern"]], dtype=object)).tolist()
    [[18, 'Rome'], [80, UNSEEN]]
    """
    changed: dict[int, NDArray[Any]] = {}
    for d, column in enumerate(schema.columns):
        values = table[:, d]
        own = _clipped(column, values) if column.kind == NUMERIC else _marked(column, values)
        if own is not None:
            changed[d] = own
    if not changed:
        return table
    kinds = {own.dtype.kind for own in changed.values()}
    out = table.astype(object) if "O" in kinds else table.copy()
    for d, own in changed.items():
        out[:, d] = own
    return out


def _within(column: Column, low: float, high: float) -> Column:
    """Return a numeric column of this range, its spikes within."""
    spikes = [own for own in column.arguments.get("spikes", ()) if low <= own <= high]
    arguments = {name: own for name, own in column.arguments.items() if name != "spikes"}
    arguments |= {"spikes": spikes} if spikes else {}
    found = replace(column.found or Found(), low=low, high=high)
    return replace(column, arguments=arguments, found=found)


def _of_common_dates(parts: tuple[Column, ...], values: NDArray[Any]) -> tuple[Column, ...] | None:
    """Return the parts of a date with weeks and times in ranges that five rows are at or beyond."""
    table = split(parts, values[:, None])
    found, ends = [], dict[str, NDArray[Any]]()
    for d, column in enumerate(parts):
        assert column.part is not None
        if column.kind != NUMERIC:
            found.append(column)
            ends[column.part.part] = np.array([WEEKDAYS[0], WEEKDAYS[-1]], dtype=object)
            continue
        bounds = bounds_of(_known(table[:, d]).astype(np.float64))
        if bounds is None:
            return None
        low, high = map(float, bounds)
        found.append(_within(column, low, high))
        ends[column.part.part] = np.array([int(low), int(high)], dtype=object)
    first = found[0].part
    assert first is not None
    span = tuple(map(str, values_of_instants(whole_of(ends, first.form), first.form).tolist()))
    return (replace(found[0], part=replace(first, span=span)), *found[1:])


def _known(values: NDArray[Any]) -> NDArray[Any]:
    marks = None if values.dtype.kind in "biu" else marks_of(values)
    return values if marks is None else values[~marks]


def _of_common_labels(column: Column, values: NDArray[Any]) -> tuple[Column | None, int]:
    """Return a column with the classes of five rows or more, and how many labels are rarer."""
    labels = _labels_of(column, values)
    counts = Counter(labels)
    rare = {label for label, n in counts.items() if n < FEWEST}
    said = settings_said(column)
    classes = said["classes"]
    known = list(range(classes)) if isinstance(classes, int) else classes
    # A class that no training row has is of other rows, and as rare.
    kept = [label for label in known if label in counts and label not in rare]
    if not kept:
        return None, len(rare)
    if not rare and len(kept) == len(known):
        return column, 0
    mass = outside_mass(labels, kept)
    kind, arguments = arguments_of("category", {**said, "classes": kept, "unseen": mass})
    coding = column.arguments.get("coding")
    arguments |= {"coding": coding} if coding in ("scaled", "raw") else {}
    return replace(column, kind=kind, arguments=arguments), len(rare)


def _labels_of(column: Column, values: NDArray[Any]) -> list[Any]:
    """Return values as the labels of a column are: texts, or whole numbers."""
    if any(isinstance(label, str) for label in column.labels or ()):
        return [str(value) for value in values.tolist()]
    return [int(value) for value in values.tolist()]


def _clipped(column: Column, values: NDArray[Any]) -> NDArray[Any] | None:
    """Return numbers within the range of a column; None where all are."""
    if column.found is None or column.found.low is None or column.found.high is None:
        return None
    low, high = column.found.low, column.found.high
    marks = None if values.dtype.kind in "biu" else marks_of(values)
    known = np.ones(len(values), dtype=bool) if marks is None else ~marks
    numbers = np.zeros(len(values))
    numbers[known] = values[known].astype(np.float64)
    below, above = known & (numbers < low), known & (numbers > high)
    if not (below.any() or above.any()):
        return None
    out: NDArray[Any] = values.copy()
    is_whole = values.dtype.kind in "iu" or (values.dtype == object and low == int(low) and high == int(high))
    out[below], out[above] = (int(low), int(high)) if is_whole else (low, high)
    return out


def _marked(column: Column, values: NDArray[Any]) -> NDArray[Any] | None:
    """Return the labels of a column with `UNSEEN` in place of those that are no class; None where all are."""
    classes = column.labels
    known = set(range(column.arguments.get("classes", 2)) if classes is None else classes)
    marks = None if values.dtype.kind in "biu" else marks_of(values)
    entries = values.tolist()
    is_text = any(isinstance(label, str) for label in known)
    out = [
        value if (str(value) if is_text else value) in known or (marks is not None and marks[row]) else UNSEEN
        for row, value in enumerate(entries)
    ]
    if all(new is old for new, old in zip(out, entries, strict=True)):
        return None
    objects = np.empty(len(out), dtype=object)
    objects[:] = out
    return objects
