"""Values of one discrete column to codes, and the labels that codes stand for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from made.variables.base import Label, Variable
from made.variables.numeric import as_number
from made.variables.unseen import UNSEEN

__all__ = ["as_labels", "codes_of_values"]


def codes_of_values(values: NDArray[Any], block: Variable) -> tuple[NDArray[np.int64], int | None]:
    """Return the codes of the values of a discrete variable, and the place of the first that is none."""
    if block.labels is None:
        return _codes_of_numbers(values, block.n_classes, block.unseen_code)
    found, bad = _codes_of_labels(values, block.labels)
    if bad is None or block.unseen_code is None:
        return found, bad
    unseen = np.flatnonzero(found < 0)
    if block.ordered:  # a word is no number that was not met before
        own = values[unseen].tolist()
        is_number = [value is UNSEEN or math.isfinite(as_number(value)) for value in own]
        if not all(is_number):
            return found, int(unseen[is_number.index(False)])
    found[unseen] = block.unseen_code
    return found, None


def _codes_of_numbers(
    values: NDArray[Any], n_values: int, unseen_code: int | None = None
) -> tuple[NDArray[np.int64], int | None]:
    """Return the codes that objects or text hold, and the place of the first that is none."""
    try:
        numbers = values.astype(np.float64)
    except (TypeError, ValueError):
        numbers = np.array([as_number(value) for value in values.tolist()])
    bad = ~((numbers >= 0) & (numbers < n_values) & (numbers == np.floor(numbers)))
    if unseen_code is not None:  # other whole numbers are labels that are no class
        objects = values.tolist() if values.dtype == object else []
        is_marked = np.array([value is UNSEEN for value in objects], dtype=bool) if objects else False
        is_unseen = bad & ((numbers == np.floor(numbers)) & np.isfinite(numbers) | is_marked)
        numbers, bad = np.where(is_unseen, unseen_code, numbers), bad & ~is_unseen
    place = int(bad.argmax()) if bad.any() else None
    return np.where(bad, 0, numbers).astype(np.int64), place


def _codes_of_labels(values: NDArray[Any], labels: Sequence[Label]) -> tuple[NDArray[np.int64], int | None]:
    """Return the code of each value, and the place of the first that is no label."""
    if values.dtype == np.uint64 and values.max(initial=0) <= np.iinfo(np.int64).max:
        values = values.astype(np.int64)
    are_whole = values.dtype.kind in "biu" and all(isinstance(label, int) for label in labels)
    # Signed and unsigned numbers of 64 bits meet as floats, which do not tell large ones apart.
    if are_whole and np.result_type(known := np.asarray(labels), values).kind in "biu":
        order = np.argsort(known, kind="stable")
        places = np.minimum(np.searchsorted(known[order], values), len(known) - 1)
        found: NDArray[np.int64] = np.where(known[order][places] == values, order[places], -1)
    else:
        # Text and a number may stand for the same label ("3" and 3); a label itself comes first.
        codes: dict[Any, int] = {str(label): i for i, label in enumerate(labels)}
        codes |= {label: i for i, label in enumerate(labels)}
        entries = values.tolist()
        try:
            found = np.fromiter(map(codes.get, entries, repeat(-1)), dtype=np.int64, count=len(entries))
        except TypeError:  # a list, say, which is no label
            found = np.full(len(entries), -1, dtype=np.int64)
        for place in np.flatnonzero(found < 0).tolist():  # perhaps a label that is written in another way
            found[place] = _code_of_label(entries[place], codes)
    bad = found < 0
    return found, int(bad.argmax()) if bad.any() else None


def _code_of_label(value: Any, codes: Mapping[Any, int]) -> int:
    try:
        code = codes.get(value)
    except TypeError:  # a list, say, which is no label
        return -1
    if code is None and isinstance(value, int | float) and not isinstance(value, bool):
        code = codes.get(f"{value:.17g}")
    if code is None and not isinstance(
        value, str
    ):  # a truth value or a number beside text, as that is written
        code = codes.get(str(value))
    return -1 if code is None else code


def as_labels(labels: Sequence[Label]) -> NDArray[Any]:
    """Return labels as an array that keeps each as it is: of numbers of one type, else of objects."""
    of_numbers = {type(label) for label in labels} in ({int}, {float})
    return np.array(labels, dtype=None if of_numbers else object)
