"""Columns of numbers and of text, written as CSV or Parquet: what commands find out about rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from made.support.errors import InputError
from made.support.files import path_aside, write_aside

if TYPE_CHECKING:
    import polars

__all__ = ["Columns", "as_frame", "columns_text", "distinct", "write_columns"]

#: Names and values: numbers, of which NaN stands for nothing, or an object array of text and None.
Columns = Sequence[tuple[str, NDArray[Any]]]


def columns_text(columns: Columns, *, header: bool = True) -> str:
    """Return columns as CSV text: numbers to nine digits, nothing for NaN and None.

    Parameters
    ----------
    columns : Columns
        One at least.
    header : bool
        Whether the names come first.

    Examples
    --------
    >>> odd = np.array(["a,b", None])
    >>> print(columns_text([("log_prob", np.array([-1.5, np.nan])), ("odd", odd)]))
    log_prob,odd
    -1.5,"a,b"
    ,
    <BLANKLINE>
    """
    import polars

    first = [[name] for name, _ in columns] if header else [[] for _ in columns]
    # The names stand in the first row: in CSV they need not differ.
    texts = {
        str(place): polars.Series([*own, *_texts(values)], dtype=polars.String)
        for place, (own, (_, values)) in enumerate(zip(first, columns, strict=True))
    }
    # A line of one empty field is quoted: a blank one would be passed over.
    nothing = '""' if len(columns) == 1 else ""
    text: str = polars.DataFrame(texts).write_csv(include_header=False, null_value=nothing)
    return text


def write_columns(path: str | Path, columns: Columns) -> None:
    """Write columns: to Parquet in full, or to CSV, as the ending of the path says.

    Raises
    ------
    InputError
        If the file cannot be written; one that was there before survives.
    """
    if Path(path).suffix != ".parquet":
        write_aside(path, columns_text(columns).encode())
        return
    distinct(path, [name for name, _ in columns])
    table = as_frame(columns)
    with path_aside(path) as aside:
        table.write_parquet(aside)


def as_frame(columns: Columns) -> polars.DataFrame:
    """Return columns as a data frame: null stands for NaN and None."""
    import polars

    series = [
        polars.Series(name, values.tolist(), dtype=polars.String)
        if values.dtype == object
        else polars.Series(name, values)
        for name, values in columns
    ]
    return polars.DataFrame(series).fill_nan(None)


def distinct(path: str | Path, names: Iterable[str]) -> list[str]:
    """Check that names are all different, as those of a Parquet file must be.

    Raises
    ------
    InputError
        If two are alike.
    """
    seen: dict[str, None] = {}
    for name in names:
        if name in seen:
            raise InputError(f"{path}: a Parquet file cannot hold two columns called {name!r}; write .csv")
        seen[name] = None
    return list(seen)


def _texts(values: NDArray[Any]) -> list[str | None]:
    if values.dtype == object:
        return [None if value is None else str(value) for value in values.tolist()]
    return [None if value != value else f"{value:.9g}" for value in np.asarray(values).tolist()]
