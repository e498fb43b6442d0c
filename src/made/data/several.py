"""Files of one schema: their columns matched by name, and read alike."""

from __future__ import annotations

import glob
import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from made.data.raw import Raw
from made.data.words import is_gap
from made.support.errors import InputError
from made.variables.column_types import ColumnType

__all__ = ["aligned", "check_same_names", "common_dtypes", "expanded"]


def expanded(names: Sequence[str]) -> list[str]:
    """Return paths, with those that a pattern such as ``"2024-*.csv"`` matches in its place, in their order.

    Raises
    ------
    InputError
        If a pattern matches no file.

    Examples
    --------
    >>> expanded(["a.csv", "b.csv"])
    ['a.csv', 'b.csv']
    """
    found: list[str] = []
    for name in names:
        if not glob.has_magic(name) or os.path.exists(name):
            found.append(name)
            continue
        matches = sorted(glob.glob(name))
        if not matches:
            raise InputError(f"{name}: no file matches; check the pattern")
        found += matches
    return found


def aligned(raws: Sequence[Raw]) -> list[NDArray[Any]]:
    """Return the rows of files, each of one table, with the columns of the first in its order.

    A column that is text in one of them is text in all, as it is written there.

    Raises
    ------
    InputError
        If the files differ in their columns.
    """
    first = raws[0]
    tables = []
    for raw in raws:
        places = _places(raw, first)
        rows = raw.rows
        tables.append(rows if places == list(range(rows.shape[1])) else rows[:, places])
    if all(table.dtype != object for table in tables):
        return tables
    for column in range(tables[0].shape[1]):
        is_text = [_is_text(table[:, column]) for table in tables]
        if any(is_text) and not all(is_text):
            for number, raw in enumerate(raws):
                if not is_text[number] and "all" in raw.text_files:
                    words = raw.text_files["all"].words(_places(raw, first)[column])
                    table = tables[number].astype(object)
                    table[:, column] = [None if is_gap(word) else word for word in words]
                    tables[number] = table
    return tables


def check_same_names(
    here: str | Path, own: Collection[str], there: str | Path, wanted: Collection[str]
) -> None:
    """Check that a file, `here`, has the columns of another, in any order; raise an `InputError` if not.

    Examples
    --------
    >>> check_same_names("b.csv", ["age"], "a.csv", ["age", "job"])
    Traceback (most recent call last):
        ...
    made.support.errors.InputError: b.csv lacks the column 'job' of a.csv: files that are read as one ...
    """
    lacking = [name for name in wanted if name not in own]
    extra = [name for name in own if name not in wanted]
    if lacking or extra:
        what = f"lacks the column {lacking[0]!r}" if lacking else f"has a column {extra[0]!r} beside those"
        raise InputError(f"{here} {what} of {there}: files that are read as one have the same columns")


def common_dtypes(raws: Sequence[Raw]) -> tuple[ColumnType, ...]:
    """Return the types of the columns of the first file; None where those of others differ."""
    first = raws[0]
    if not all(raw.dtypes for raw in raws):
        return ()
    own = [[raw.dtypes[place] for place in _places(raw, first)] for raw in raws]
    return tuple(
        column[0] if all(one == column[0] for one in column) else None for column in zip(*own, strict=True)
    )


def _is_text(column: NDArray[Any]) -> bool:
    return column.dtype == object and any(isinstance(value, str) for value in column.tolist())


def _places(raw: Raw, first: Raw) -> list[int]:
    """Return where in a file the columns of the first one are."""
    here, there = Path(raw.source).name, Path(first.source).name
    own, wanted = raw.columns, first.columns
    width = first.rows.shape[1]
    if own is None or wanted is None:
        if (own is None) != (wanted is None):
            with_names, without = (there, here) if own is None else (here, there)
            raise InputError(f"{with_names} names its columns and {without} does not: give both a header")
        if raw.rows.shape[1] != width:
            raise InputError(
                f"{here} has {raw.rows.shape[1]} columns and {there} has {width}: give them alike"
            )
        return list(range(width))
    check_same_names(here, own, there, wanted)
    return [own.index(name) for name in wanted]
