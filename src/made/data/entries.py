"""What the entries of a table may be: numbers, truth values, text, dates and gaps; anything else is named."""

from __future__ import annotations

import datetime
import decimal
import numbers
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from made.data.faults import shortened
from made.support.errors import EntryError
from made.variables.frames import is_missing
from made.variables.missing import MISSING

__all__ = ["check_entries"]

_PLAIN = (
    str,
    numbers.Real,
    decimal.Decimal,
    np.bool_,
    datetime.date,
    datetime.time,
    np.datetime64,
    type(None),
    type(MISSING),
)
_DURATIONS = (datetime.timedelta, np.timedelta64)


def check_entries(
    table: NDArray[Any], columns: Iterable[int], source: str, names: Sequence[str] | None = None
) -> None:
    """Raise an `EntryError` for what no column can hold: a list, bytes, a complex number, a duration.

    Parameters
    ----------
    table : (n, D) array
        Only objects are looked at.
    columns : iterable of int
        Which columns to look at.
    source : str
        Where the rows come from, for the message.
    names : sequence of D str, optional
        Of the columns.

    Examples
    --------
    >>> check_entries(np.array([["a"], [1j]], dtype=object), [0], "the rows", ["x"])
    Traceback (most recent call last):
        ...
    made.support.errors.EntryError: the rows: row 1, column 0 (x) (counted from 0) holds 1j, which is neither
    a number nor text: turn it into one of them, or leave the column out
    """
    if table.dtype != object:
        return
    for d in columns:
        entries = table[:, d].tolist()
        # Few types stand for many entries.
        odd = [kind for kind in set(map(type, entries)) if not _is_plain(kind)]
        if not odd:
            continue
        for row, value in enumerate(entries):
            if type(value) in odd and not is_missing(value):
                name = None if names is None else names[d]
                raise EntryError(row, d, _complaint(value), source=source, name=name)


def _is_plain(kind: type) -> bool:
    return issubclass(kind, _PLAIN) and not issubclass(kind, _DURATIONS)


def _complaint(value: Any) -> str:
    if isinstance(value, _DURATIONS):
        return "holds a duration: turn it into a number, of seconds or days, say"
    plain = value.item() if isinstance(value, np.generic) else value
    return (
        f"holds {shortened(repr(plain))}, which is neither a number nor text: turn it into one of them, or "
        "leave the column out"
    )
