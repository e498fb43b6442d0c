"""Inferring what one column of a table is from its values, or from what is said of it."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from made.data.classes import (
    is_category,
    number_settings,
    text_settings,
    texts_of,
    why_classes,
    why_numbers,
)
from made.data.grid import numeric_settings
from made.data.said import Said, as_labels
from made.data.whole_numbers import refuse
from made.support.checks import are_whole, is_single
from made.support.errors import InputError
from made.variables.column import Column, Found
from made.variables.column_settings import arguments_of
from made.variables.missing import marks_of

__all__ = ["Table", "infer_column", "split_name"]

_Inferred = tuple[str, dict[str, Any], Found]
"""Kind and arguments of a column, see `Column`, and what its rows say."""


@dataclass(frozen=True, eq=False)
class Table:
    """Rows that a schema is inferred from.

    Attributes
    ----------
    arrays : mapping of str to (n, D) array
        By the name of their split; the training rows are among those of the first.
    source : str
        Where they come from, for messages.
    names : sequence of D str, or None
        Of the columns.
    train : int array
        Numbers of the rows of the first split that are trained on.
    are_codes : bool
        Rows of codes, as of pixels, and no table: whole numbers beyond those that occur are refused.
    """

    arrays: Mapping[str, np.ndarray[Any, Any]]
    source: str
    names: Sequence[str] | None
    train: np.ndarray[Any, Any]
    are_codes: bool = False

    @property
    def first(self) -> np.ndarray[Any, Any]:
        """The rows of the first split."""
        return next(iter(self.arrays.values()))

    def place(self, d: int, source: str | None = None) -> str:
        """Say which column it is, and of what."""
        named = f" ({self.names[d]})" if self.names is not None and d < len(self.names) else ""
        return f"{source or self.source}: column {d}{named} (counted from 0)"


def infer_column(
    table: Table, d: int, said: Said | tuple[Column, ...], remark: str = ""
) -> tuple[Column, ...]:
    """Return a column as it is said to be, and as its values say.

    Parameters
    ----------
    table : Table
        All columns.
    d : int
        Which column, counted from 0.
    said : Said or tuple of Column
        What is said of it; columns are what it is.
    remark : str
        To note beside it.

    Raises
    ------
    InputError
        If a value is neither text nor a finite number, or there is none.

    Examples
    --------
    >>> rows = np.array([[0], [1], [2]] * 20)
    >>> (column,) = infer_column(Table({"all": rows}, "rows", ["n"], np.arange(60)), 0, Said())
    >>> column.describe(), column.about
    ('0..2, others 1.6 %', '3 whole numbers, 20 rows for each')
    """
    if not isinstance(said, Said):
        return said
    note = "; ".join(filter(None, (said.note, remark)))
    kind, arguments, found = _inferred(table, d, said)
    name = f"x{d}" if table.names is None else table.names[d]
    return (Column(name, kind, arguments, note, found=found),)


def _inferred(table: Table, d: int, said: Said) -> _Inferred:
    """Return kind and arguments of a column: text where any of it is text, else numbers; or as it is said."""
    parts, missing, single = [], False, False
    for split, rows in table.arrays.items():
        column, has_gaps = _known(rows[:, d])
        missing = missing or has_gaps
        single = single or is_single(column.dtype)
        parts.append((split_name(table.source, split), column))
    first = table.first[:, d]
    trained, _ = _known(first[table.train])
    found = Found(missing=1 - len(parts[0][1]) / len(first))
    settings: dict[str, Any] = {"missing": missing}
    if any(isinstance(value, str) for _, column in parts if column.dtype.kind in "OUS" for value in column):
        if said.kind == "numeric":
            raise InputError(f"{table.place(d)} holds text: no numbers")
        texts = [str(value) for value in trained.tolist()]
        if "classes" not in said.settings:
            settings |= text_settings(texts_of(parts, d, table.source, table.names), texts)
        settings = said.of_labels(settings, texts)
        why = "two texts" if len(set(texts)) == 2 else "text"
        return (*arguments_of("category", settings), said.noted(replace(found, why=why)))
    numbers = [_numbers(column, table, d, where) for where, column in parts]
    observed = np.concatenate(numbers)
    if len(observed) == 0:
        raise InputError(f"{table.place(d)} is missing in every row: leave it out")
    is_few = observed.dtype.kind != "f" and is_category(observed, len(numbers[0]))
    if said.kind == "category" or (said.kind is None and is_few):
        if observed.dtype.kind == "f":
            raise InputError(f"{table.place(d)} holds fractions: categories are whole numbers or text")
        settings |= _of_whole_numbers(table, observed, trained.astype(np.int64), said)
        why = why_classes(observed, len(numbers[0]))
        return (*arguments_of("category", settings), said.noted(replace(found, why=why)))
    own, *others = (column.astype(np.float64) for column in numbers)
    eps = float(np.finfo(np.float32 if single else np.float64).eps)
    rest = np.concatenate([np.zeros(0), *others])
    settings |= numeric_settings(own, rest, eps, said.settings, table.first.shape[1])
    settings |= said.settings
    if len(own):
        found = replace(found, low=float(own.min()), high=float(own.max()))
    why = why_numbers(own, settings["step"])
    return (*arguments_of("numeric", settings), said.noted(replace(found, why=why)))


def _of_whole_numbers(
    table: Table, observed: np.ndarray[Any, Any], trained: np.ndarray[Any, Any], said: Said
) -> dict[str, Any]:
    """Return the settings of whole numbers that are classes; nobody says so: they are in order."""
    settings: dict[str, Any] = {}
    if "classes" not in said.settings:
        refuses = table.are_codes or not said.settings.get("unseen", True)
        settings |= number_settings(observed, trained, refuses=refuses)
    if table.are_codes and "unseen" not in said.settings:
        settings |= said.settings
    else:
        settings = said.of_labels(settings, trained.tolist())
    is_ordered = said.kind is None and len(as_labels(settings["classes"])) > 2
    return {**({"ordered": True} if is_ordered else {}), **settings}


def _known(column: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], bool]:
    """Return the entries of a column that are there, and whether some are not."""
    marks = None if column.dtype.kind in "biu" else marks_of(column)
    return (column, False) if marks is None else (column[~marks], True)


def _numbers(column: np.ndarray[Any, Any], table: Table, d: int, source: str) -> np.ndarray[Any, Any]:
    """Return the observed numbers of a column: integers where all of them are whole, else float64."""
    try:
        numbers = column if column.dtype.kind in "biuf" else np.array(column.tolist())
        if numbers.dtype.kind not in "biuf":
            numbers = numbers.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        place = table.place(d, source)
        if any(isinstance(value, datetime.date | datetime.time | np.datetime64) for value in column.tolist()):
            raise InputError(
                f"{place} holds dates beside other values, or dates that are to be numbers: a column of "
                "dates holds nothing else"
            ) from None
        raise InputError(f"{place} holds neither numbers nor text") from None
    if numbers.dtype.kind == "b":
        return numbers.astype(np.uint8)
    if numbers.dtype.kind in "iu":
        fits = numbers.dtype.kind != "u" or bool(numbers.max(initial=0) <= np.iinfo(np.int64).max)
        return numbers.astype(np.int64 if fits else np.float64)
    bad = ~np.isfinite(numbers)[:, None]
    refuse(bad, numbers[:, None], source, table.names, d, "numbers are finite")
    return numbers.astype(np.int64 if are_whole(numbers) else np.float64)


def split_name(source: str, split: str) -> str:
    """Return the source and the split for a message; the source alone where rows are not split."""
    return source if split == "all" else f"{source}, {split}"
