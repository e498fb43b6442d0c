"""The classes of a column: labels of text, or whole numbers of which each occurs often."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from made.support.errors import InputError
from made.variables.unseen import unseen_mass

__all__ = [
    "classes_of",
    "is_category",
    "number_settings",
    "outside_mass",
    "text_settings",
    "texts_of",
    "why_classes",
    "why_numbers",
]

# A text column of more values than this, and than half of its rows, is taken for names of the rows.
_MOST_NAMES = 10_000
# Whole numbers are classes where they are few, and each has rows to learn from; else they are numbers.
_MOST_CLASSES_OF_NUMBERS, _ROWS_PER_CLASS = 32, 20


def classes_of(column: np.ndarray[Any, Any]) -> tuple[int, tuple[int, ...] | None]:
    """Return the number of classes of a column of whole numbers, and its labels.

    Values 0..K-1 of which 0 and at least half occur are codes already, of at least 2 classes. Any others are
    labels: the distinct values in ascending order become the codes.
    """
    distinct = _distinct(column)
    low, high = int(distinct[0]), int(distinct[-1])
    if (low == 0 or (low, high) == (1, 1)) and high + 1 <= 2 * len(distinct):
        return max(2, high + 1), None
    values = tuple(int(v) for v in distinct)
    return len(values), values


def _distinct(column: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    low, high = int(column.min()), int(column.max())
    if high - low < 1_000_000:  # counting beats sorting while the counters fit into the cache
        distinct: np.ndarray[Any, Any] = np.flatnonzero(np.bincount(column - low)) + low
        return distinct
    return np.unique(column)


def is_category(column: np.ndarray[Any, Any], n_rows: int) -> bool:
    """Return whether whole numbers are classes: two values, or few of which each occurs often."""
    n_values = len(_distinct(column))
    return n_values <= 2 or (n_values <= _MOST_CLASSES_OF_NUMBERS and n_rows >= _ROWS_PER_CLASS * n_values)


def texts_of(
    parts: Sequence[tuple[str, np.ndarray[Any, Any]]], d: int, source: str, names: Sequence[str] | None
) -> list[str]:
    """Return the distinct texts of a column, in their order."""
    distinct = sorted({str(value) for _, column in parts for value in column.tolist()})
    n_rows = sum(len(column) for _, column in parts)
    if len(distinct) > max(_MOST_NAMES, n_rows / 2):
        name = "" if names is None else f" ({names[d]})"
        raise InputError(
            f"{source}: column {d}{name} (counted from 0) holds {len(distinct):,} different "
            f"texts in {n_rows:,} rows: leave it out, or group them into at most {_MOST_NAMES:,}"
        )
    return distinct


def why_classes(observed: np.ndarray[Any, Any], n_rows: int) -> str:
    """Return why whole numbers are classes, in words, from those of all rows, n of which are observed.

    Examples
    --------
    >>> why_classes(np.arange(60) % 3, 60)
    '3 whole numbers, 20 rows for each'
    """
    n_values = len(np.unique(observed))
    if n_values <= 2:
        return "two values" if n_values == 2 else ""
    return f"{n_values:,} whole numbers, {n_rows // n_values:,} rows for each"


def why_numbers(values: np.ndarray[Any, Any], step: float | None) -> str:
    """Return why values are numbers, in words.

    Examples
    --------
    >>> why_numbers(np.array([0.5, 1.25]), 0.01), why_numbers(np.array([np.pi]), None)
    ('2 different numbers, of at most 2 decimals', '1 different number, of any decimals')
    """
    n_values = len(np.unique(values))
    what = "1 different number" if n_values == 1 else f"{n_values:,} different numbers"
    if step == 1:
        return what.replace("number", "whole number")
    decimals = 0 if step is None else round(-math.log10(step))
    if step is None or not math.isclose(step, 10.0**-decimals):
        return what if step is not None else f"{what}, of any decimals"
    return f"{what}, of at most {decimals} {'decimal' if decimals == 1 else 'decimals'}"


def outside_mass(labels: Sequence[Any], classes: Sequence[Any]) -> float:
    """Return the probability that the next label is none of these classes, out of n labels.

    The share of those that are none, at least 1 / (n + K + 1) for K classes; see `unseen_mass`.

    Examples
    --------
    >>> outside_mass(["a", "b", "c", "a"], ["a", "b"])
    0.25
    """
    known = set(classes)
    n_outside = sum(label not in known for label in labels)
    least = 1 / (len(labels) + len(known) + 1)
    return min(max(n_outside / max(len(labels), 1), least), 1 - least)


def number_settings(
    observed: np.ndarray[Any, Any], trained: np.ndarray[Any, Any], *, refuses: bool
) -> dict[str, Any]:
    """Return what is to be said of a column of whole numbers that are classes: all, and the training rows'.

    But for two values the classes are those of the training rows, and others have a probability; unless
    the column `refuses` them, as one of codes does. The classes are then those of all rows.

    Examples
    --------
    >>> number_settings(np.array([1, 2, 4, 7]), np.array([1, 2, 2, 4]), refuses=False)
    {'classes': [1, 2, 4], 'unseen': 0.5}
    >>> number_settings(np.array([1, 2, 4, 7]), np.array([1, 2, 2, 4]), refuses=True)
    {'classes': [1, 2, 4, 7]}
    """
    n_values, labels = classes_of(observed)
    more: dict[str, Any] = {}
    if n_values != 2 and len(trained) and not refuses:
        n_values, labels = classes_of(trained)
        more = {"unseen": unseen_mass(trained)}
    return {"classes": list(labels or []) or n_values, **more}


def text_settings(distinct: Sequence[str], trained: Sequence[str]) -> dict[str, Any]:
    """Return what is to be said of a column of text, from all its labels and those of the training rows."""
    classes = list(distinct)
    more: dict[str, Any] = {}
    if len(classes) != 2 and len(trained):
        classes, more = sorted(set(trained)), {"unseen": unseen_mass(trained)}
    return {"classes": classes, **more}
