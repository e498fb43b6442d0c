"""Tables of polars: Parquet files on the way in, and columns on the way to an array of rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from made.support.errors import InputError

if TYPE_CHECKING:
    import polars

__all__ = ["as_array", "numbers_of", "scan_parquet"]


def scan_parquet(path: Path) -> tuple[polars.LazyFrame, polars.Schema, int]:
    """Open a Parquet file without reading its rows.

    Returns
    -------
    table : LazyFrame
    schema : Schema
        Names and types of its columns.
    n : int
        How many rows it has.

    Raises
    ------
    InputError
        If it is no Parquet file.
    """
    import polars

    try:
        table = polars.scan_parquet(path, glob=False, hive_partitioning=False)
        return table, table.collect_schema(), table.select(polars.len()).collect().item()
    except (polars.exceptions.PolarsError, OSError) as error:
        raise InputError(f"{path}: not a Parquet file, or a damaged one; write it again") from error


def numbers_of(
    path: Path, table: polars.LazyFrame, schema: polars.Schema, names: Sequence[str]
) -> polars.LazyFrame:
    """Return some columns of a table, all of numbers.

    Raises
    ------
    InputError
        If one of them holds anything else.
    """
    import polars

    for name in names:
        kind = schema[name]
        if not (kind.is_integer() or kind.is_float() or kind == polars.Boolean):
            raise InputError(
                f"{path}: column {name!r} holds {kind} values; rows are whole numbers, codes 0..K-1"
            )
    # A missing truth value would make objects of a column; a missing number becomes NaN.
    truths = [name for name in names if schema[name] == polars.Boolean]
    return table.select(names).with_columns(polars.col(truths).cast(polars.UInt8))


def as_array(frame: polars.DataFrame) -> NDArray[Any]:
    """Return the rows of a table of numbers, NaN where missing.

    Whole numbers stay integers, also beside columns that write them as ``1.0``: as float64 they would be
    rounded beyond 2^53.

    Examples
    --------
    >>> import polars
    >>> as_array(polars.DataFrame({"id": [2**53 + 1, 7], "bit": [1.0, 0.0]}))
    array([[9007199254740993,                1],
           [               7,                0]])
    >>> as_array(polars.DataFrame({"id": [3, None], "bit": [1.0, 0.5]}))
    array([[3. , 1. ],
           [nan, 0.5]])
    """
    import polars

    floats = [column for column in frame if column.dtype.is_float()]
    if 0 < len(floats) < frame.width and all(_is_whole(column) for column in floats):
        frame = frame.with_columns(column.cast(polars.Int64) for column in floats)
    rows: NDArray[Any] = frame.to_numpy(order="c")
    return rows


def _is_whole(column: polars.Series) -> bool:
    return column.null_count() == 0 and bool(((column == column.floor()) & (column.abs() < 2.0**63)).all())
