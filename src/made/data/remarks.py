"""What is to be said of columns before they are modelled: some name rows, some are constant or the same."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from made.variables.missing import marks_of

__all__ = ["EMPTY", "left_out", "remarks"]

#: Why a column without a single value is left out.
EMPTY = "is missing in every row"

# Fewer rows than this say nothing about what names them.
_FEWEST_ROWS = 50
# Texts that are nearly all different, or this many and more than half of the rows, name rows.
_NEARLY_ALL, _MOST_NAMES = 0.9, 10_000
_IDENTIFIER = re.compile(r"(^|[ _.-])(id|idx|index|uuid|guid|rownames|rowid|row)$|^unnamed", re.IGNORECASE)


def left_out(table: NDArray[Any], names: Sequence[str]) -> dict[int, str]:
    """Return which columns name rows, by place, and why that is thought.

    Texts that nearly all differ; whole numbers that count the rows from 0 or 1; and whole numbers of a column
    called id, index or the like, all of which differ. A column without a single value is left out too.

    Parameters
    ----------
    table : (n, D) array
        Training rows.
    names : sequence of D str
        Of the columns.

    Examples
    --------
    >>> left_out(np.stack([np.arange(60), np.arange(60) % 7], axis=1), ["row", "day"])
    {0: 'counts the rows'}
    """
    found = {}
    for d, name in enumerate(names):
        reason = _reason(_observed(table[:, d]), name, len(table))
        if reason is not None:
            found[d] = reason
    # Something is to be left, whatever it is called.
    return found if len(found) < len(names) else {}


def remarks(
    table: NDArray[Any], names: Sequence[str], columns: Iterable[int] | None = None
) -> dict[int, str]:
    """Return what is worth knowing of columns, by place: constants, and repeats.

    Parameters
    ----------
    table : (n, D) array
        Rows.
    names : sequence of D str
        Of the columns.
    columns : iterable of int, optional
        Which columns; by default all.

    Examples
    --------
    >>> a = np.array([1.5, 2.5, np.nan, 0.5])
    >>> remarks(np.stack([a, a, np.ones(4)], axis=1), ["a", "b", "c"])
    {1: 'the same as a', 2: 'one value only'}
    """
    found, seen = {}, dict[bytes, str]()
    for d in range(len(names)) if columns is None else columns:
        name = names[d]
        observed = _observed(table[:, d])
        said = []
        if len(observed) and all(value == observed[0] for value in observed):
            said.append("one value only")
        else:
            key = _digest(table[:, d])
            if key in seen:
                said.append(f"the same as {seen[key]}")
            seen.setdefault(key, name)
        if said:
            found[d] = "; ".join(said)
    return found


def _digest(column: NDArray[Any]) -> bytes:
    """Return what two columns of the same entries, gaps among them, have in common."""
    if column.dtype.kind in "OUS":
        raw = "\0".join(map(str, column.tolist())).encode(errors="surrogatepass")
    else:  # no negative zero; float64 would round large whole numbers
        raw = (column + 0.0 if column.dtype.kind == "f" else column).tobytes()
    return hashlib.sha256(raw).digest()


def _observed(column: NDArray[Any]) -> NDArray[Any]:
    marks = None if column.dtype.kind in "biu" else marks_of(column)
    return column if marks is None else column[~marks]


def _reason(values: NDArray[Any], name: str, n: int) -> str | None:
    if len(values) == 0:
        return EMPTY
    if len(values) < _FEWEST_ROWS:
        return None
    if values.dtype.kind in "OUS" and any(isinstance(value, str) for value in values.tolist()):
        distinct = len({str(value) for value in values.tolist()})
        nearly_all = distinct > _NEARLY_ALL * len(values)
        if nearly_all or distinct > max(_MOST_NAMES, n / 2):
            return f"holds {distinct:,} different texts in {len(values):,} rows, as names do"
        return None
    try:
        numbers = values.astype(np.float64)
        if len(values) < n or not bool((numbers == np.rint(numbers)).all()):
            return None
        ordered = np.unique(values.astype(np.int64) if values.dtype.kind in "biuO" else numbers)
    except (TypeError, ValueError, OverflowError):  # moments, say
        return None
    if len(ordered) < n:
        return None
    if ordered[0] in (0, 1) and ordered[-1] - ordered[0] == n - 1:
        return "counts the rows"
    return "differs in every row" if _IDENTIFIER.search(name) else None
