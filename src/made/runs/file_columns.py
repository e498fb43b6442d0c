"""The columns of a file as the columns of a schema: found by name, and read as what they are there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from made.data.words import as_number, is_gap, parsed
from made.support.errors import EntryError, InputError
from made.variables.column import Column
from made.variables.date_columns import split_leniently
from made.variables.missing import marks_of
from made.variables.schema import Schema

__all__ = ["Parted", "find_places", "in_parts", "part_table", "typed"]

_TRUTHS = {"true": 1, "false": 0}


class Parted(NamedTuple):
    """The table of a file, parted.

    Attributes
    ----------
    values : (n, D) array
        Of the variables.
    context : (n, C) array or None
    unknown : (D,) bool array or None
        Which variables the file has no column of.
    """

    values: NDArray[Any]
    context: NDArray[Any] | None
    unknown: NDArray[np.bool_] | None = None


def find_places(schema: Schema, names: Sequence[str] | None) -> list[int | None]:
    """Return where in a file each column of the schema is, by the names in its header; None where it is not.

    The parts of a date are where that date is. Without names on both sides columns are known by their place.

    Raises
    ------
    InputError
        If a name stands twice, or none is one of the schema's.

    Examples
    --------
    >>> schema = Schema.of_classes([2, 2], names=["sold", "sex"])
    >>> find_places(schema, ["sex", "id"])
    [None, 0]
    """
    known = [column.name if column.part is None else column.part.column for column in schema.columns]
    if names is None or not schema.is_named:
        in_order = {name: place for place, name in enumerate(dict.fromkeys(known))}
        return [in_order[name] for name in known]
    twice = next((name for name in names if list(names).count(name) > 1), None)
    if twice is not None or not set(names) & set(known):
        wrong, table = names[0] if twice is None else twice, list(dict.fromkeys(known))
        raise InputError(
            f"the header has {wrong!r} {'twice' if twice is not None else ''}where the run was fitted on "
            f"{', '.join(table[:8])}{', ...' if len(table) > 8 else ''}: name the columns alike"
        )
    return [list(names).index(name) if name in names else None for name in known]


def part_table(schema: Schema, table: NDArray[Any], names: Sequence[str] | None) -> Parted:
    """Split the columns of a file into those of the variables and those of the context.

    Parameters
    ----------
    schema : Schema
        Of the model.
    table : (n, D + C) array
        As the file has it.
    names : sequence of str, optional
        Its header: the columns are found by name, whatever their order; others are passed over.

    Raises
    ------
    InputError
        If the header names no column, the width is wrong, or context is missing.
    """
    places = find_places(schema, names)
    n_context = len(schema.context_columns)
    if names is None or not schema.is_named:
        if n_context and (table.ndim != 2 or table.shape[1] != len(schema.table)):
            n_modelled = len(schema.modelled_table)
            raise InputError(
                f"rows have {table.shape[-1]} columns, the model takes {len(schema.table)}: {n_modelled} "
                f"variables and {len(schema.table) - n_modelled} of context"
            )
        rows, context = schema.table_of(table)
        _check_context(schema, context, places)
        return Parted(rows, context)
    lacking = [schema.names[place] for place in schema.context_places if places[place] is None]
    if lacking:
        raise InputError(f"there is no column {lacking[0]!r}: context must be known")
    if places != list(range(table.shape[1])):
        table, faults = in_parts(schema, table, places)
        if faults:
            raise EntryError(*min(faults))
    rows, context = schema.table_of(table)
    _check_context(schema, context, places)
    modelled = np.delete(np.array([place is None for place in places]), list(schema.context_places))
    return Parted(rows, context, modelled if modelled.any() else None)


def in_parts(
    schema: Schema, table: NDArray[Any], places: Sequence[int | None]
) -> tuple[NDArray[Any], list[tuple[int, int, str]]]:
    """Return the columns of a schema, (n, D + C), out of those of a file, with dates in their parts.

    A column that the file lacks holds a value of its variable; an entry that is no date is None, and named in
    the second part of the answer: its row, its column in the file, and what is wrong with it.
    """
    there, faults = table[:, [place or 0 for place in places]], []
    for column, place in enumerate(places):
        if place is None:
            there[:, column] = 0  # a value of every variable, for what is unknown
    for own in schema.table:
        place = places[own.places[0]]
        if own.form is None:
            continue
        there = there.astype(object, copy=False)
        if place is None:
            there[:, list(own.places)] = None
            continue
        parts = [schema.columns[d] for d in own.places]
        there[:, list(own.places)], wrong = split_leniently(parts, table[:, place : place + 1])
        faults += [(row, place, complaint) for row, _, complaint in wrong]
    return there, faults


def typed(
    schema: Schema,
    table: NDArray[Any],
    places: Sequence[int | None],
    words: Callable[[int], list[str]] | None = None,
    decimal_comma: Callable[[int], bool | None] = lambda column: False,
) -> NDArray[Any]:
    """Return the table of a file with its columns read as those of the schema.

    What a file alone is taken for may be something else there: a column of numbers with one word in it is
    text, and labels such as 01 are numbers.

    Parameters
    ----------
    schema : Schema
        Of the model.
    table : (n, width) array
        As the file has it.
    places : sequence of int or None
        Of the columns of the schema in it.
    words : callable, optional
        Maps a column of the file to its n words, as they are written.
    decimal_comma : callable, optional
        Maps a column of the file to whether its numbers have a decimal comma, see `as_numbers`.

    Examples
    --------
    >>> schema = Schema((Column("age", "numeric", {"step": 1.0}),))
    >>> typed(schema, np.array([["30"], ["old"]], dtype=object), [0]).tolist()
    [[30], ['old']]
    """
    changed: dict[int, NDArray[Any]] = {}
    for column, place in zip(schema.columns, places, strict=True):
        if place is None or place >= table.shape[1] or column.part is not None:
            continue
        own_words = None if words is None else partial(words, place)
        own = _typed(column, table[:, place], own_words, partial(decimal_comma, place))
        if own is not None:
            changed[place] = own
    if not changed:
        return table
    full = table.astype(object)
    for place, own in changed.items():
        full[:, place] = own
    return full


def _typed(
    column: Column,
    values: NDArray[Any],
    words: Callable[[], list[str]] | None,
    decimal_comma: Callable[[], bool | None],
) -> NDArray[Any] | None:
    """Return the values of a column as the schema has it; None where they are so already."""
    labels = column.labels
    entries: list[Any] = values.tolist()
    are_words = values.dtype == object and any(isinstance(value, str) for value in entries)
    if labels is None or all(isinstance(label, int | float) for label in labels):
        if not are_words:
            return None
        is_binary = labels is None and column.n_values == 2 + bool(column.arguments.get("missing"))
        at = [place for place, value in enumerate(entries) if isinstance(value, str)]
        for place, number in zip(
            at, parsed([entries[p] for p in at], decimal_comma=decimal_comma()), strict=True
        ):
            is_truth = is_binary and str(number).lower() in _TRUTHS
            entries[place] = _TRUTHS[str(number).lower()] if is_truth else number
        return _objects(entries)
    texts = {label for label in labels if isinstance(label, str)}
    if words is not None and (not are_words or any(map(_is_ambiguous, texts))):
        return _objects([_label(word, value, texts) for word, value in zip(words(), entries, strict=True)])
    if not are_words and {text.lower() for text in texts} == set(_TRUTHS):
        of_truth = {_TRUTHS[text.lower()]: text for text in texts}
        return _objects([of_truth.get(value, value) for value in entries])
    return None


def _is_ambiguous(label: str) -> bool:
    """Return whether a file alone would take a label for a number or for the mark of a gap."""
    return is_gap(label) or as_number(label) is not None


def _label(word: str, value: Any, labels: Collection[str]) -> Any:
    """Return what a word means in a column of text: itself where it is a label, before all else."""
    if word in labels:
        return word
    if is_gap(word):
        return None
    return value if str(value) in labels else word


def _objects(entries: list[Any]) -> NDArray[Any]:
    own = np.empty(len(entries), dtype=object)
    own[:] = entries
    return own


def _check_context(schema: Schema, context: NDArray[Any] | None, places: Sequence[int | None]) -> None:
    marks = None if context is None else marks_of(context)
    if marks is not None:
        row, column = (int(i) for i in np.argwhere(marks)[0])
        place = places[schema.context_places[column]]
        assert place is not None  # it was checked
        name = schema.context_columns[column].name
        raise EntryError(row, place, "is missing: context must be known; fill it or drop the row", name=name)
