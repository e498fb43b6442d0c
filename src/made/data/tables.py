"""Tables of polars: files of tables on the way in, and columns on the way to an array of rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from made.data.content import unreadable
from made.data.words import are_gaps
from made.support.checks import LARGEST_EXACT
from made.support.errors import InputError, reason_of
from made.variables import frames
from made.variables.column_types import ColumnType, described
from made.variables.date_text import DAY
from made.variables.dates import DateForm, instants_of

if TYPE_CHECKING:
    import polars

__all__ = [
    "are_rounded",
    "as_array",
    "damage_errors",
    "date_series",
    "dtypes_of",
    "numbers_of",
    "plain",
    "read_table",
    "scan_arrow",
    "scan_parquet",
    "state_of",
]

# Bytes of a file up to which it is read as a whole: what is not mapped cannot change while it is decoded.
_MOST_IN_MEMORY = 2**29
# Days from 1970 whose nanoseconds an int64 holds.
_DAYS_IN_NANOSECONDS = 106_000


def damage_errors() -> tuple[type[BaseException], ...]:
    """Return what polars raises for damaged files: a panic inside it is no `Exception`."""
    import polars

    return Exception, polars.exceptions.PanicException


def scan_parquet(path: Path, *, in_place: bool = False) -> tuple[polars.LazyFrame, polars.Schema, int]:
    """Open a Parquet file without reading its rows.

    A file of up to 512 MB is held in memory as it is, compressed: where one that is mapped is overwritten,
    the system ends the process.

    Parameters
    ----------
    path : Path
        Of the file.
    in_place : bool
        Do not hold it, however small it is.

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
        If it is no Parquet file, or is being written to.
    """
    import polars

    source = path if in_place else _source(path)
    try:
        table = polars.scan_parquet(source, glob=False, hive_partitioning=False)
        return table, table.collect_schema(), table.select(polars.len()).collect().item()
    except damage_errors() as error:
        raise InputError(f"{path}: not a Parquet file, or a damaged one; write it again") from error


def scan_arrow(path: Path) -> tuple[polars.LazyFrame, polars.Schema, int] | None:
    """Open an Arrow file as `scan_parquet` opens Parquet; None if it is a stream, or none."""
    import polars

    source = _source(path)
    try:
        table = polars.scan_ipc(source, glob=False)
        return table, table.collect_schema(), table.select(polars.len()).collect().item()
    except damage_errors():
        return None


def _source(path: Path) -> Path | bytes:
    """Return what a file holds, as polars is to read it; of a large one its path.

    Raises
    ------
    InputError
        If it is written to meanwhile.
    """
    try:
        before = state_of(path)
        if before[0] > _MOST_IN_MEMORY:
            return path
        content = path.read_bytes()
        after = state_of(path)
    except OSError as error:
        raise unreadable(path, error) from error
    if before != after or len(content) != after[0]:
        raise InputError(f"{path}: is written to while it is read; read it again when that has ended")
    return content


def state_of(path: Path) -> tuple[int, int, int]:
    """Return what tells whether a file was written to or replaced: its size, time of change and number."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns, status.st_ino


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
                f"{path}: column {name!r} holds {kind} values; rows that are read in slices are whole "
                "numbers, codes 0..K-1"
            )
    # A missing truth value would make objects of a column; a missing number becomes NaN.
    truths = [name for name in names if schema[name] == polars.Boolean]
    return table.select(names).with_columns(polars.col(truths).cast(polars.UInt8))


def read_table(path: Path, suffix: str) -> polars.DataFrame:
    """Read a file of a table: Parquet, Arrow (also called Feather or IPC; files or streams), or Excel.

    Raises
    ------
    InputError
        If it is none, or Excel files have no reader.
    """
    import polars

    if suffix == ".xlsx":
        return _read_excel(path)
    kind = "a Parquet" if suffix == ".parquet" else "an Arrow"
    try:
        if suffix == ".parquet":
            return scan_parquet(path)[0].collect()
        found = scan_arrow(path)
        if found is not None:
            return found[0].collect()
        return polars.read_ipc_stream(_source(path))
    except InputError:
        raise
    except damage_errors() as error:
        raise InputError(f"{path}: not {kind} file, or a damaged one; write it again") from error


def dtypes_of(frame: polars.DataFrame) -> tuple[ColumnType, ...]:
    """Return the type of each column, as a schema remembers it."""
    import polars

    return tuple(described(polars, column) for column in frame)


def plain(path: Path, frame: polars.DataFrame) -> polars.DataFrame:
    """Return a table of numbers, text and dates alone: truth values are 0 and 1.

    Text that marks a missing value, see `made.data.words.MISSING_WORDS`, is null.

    Raises
    ------
    InputError
        If a column holds lists or the like.

    Examples
    --------
    >>> import polars
    >>> frame = polars.DataFrame({"sold": [True, None], "kind": ["a", "?"]})
    >>> plain(Path("a.parquet"), frame).rows()
    [(1, 'a'), (None, None)]
    """
    import polars

    columns = []
    for column in frame:
        kind = column.dtype
        if kind == polars.Boolean:
            column = column.cast(polars.UInt8)
        elif kind == polars.Null:
            column = column.cast(polars.Int64)
        elif kind.is_decimal():
            column = _of_decimals(column)
        elif kind in (polars.String, polars.Categorical, polars.Enum):
            words = column.cast(polars.String).str.strip_chars()
            column = words.set(are_gaps(words).fill_null(value=False), None)
        elif not kind.is_numeric() and kind not in (polars.Date, polars.Datetime, polars.Time):
            raise InputError(
                f"{path}: column {column.name!r} holds {kind} values; a column holds numbers, text, truth "
                "values or dates"
            )
        columns.append(column)
    return polars.DataFrame(columns)


def as_array(frame: polars.DataFrame) -> NDArray[Any]:
    """Return the rows of a table of numbers, text and dates: NaN where missing, or None among objects.

    It is one of objects where a column is text or dates, or as float64 would round whole numbers beyond 2^53.
    Whole numbers stay integers, also beside columns that write them as ``1.0``.

    Examples
    --------
    >>> import polars
    >>> as_array(polars.DataFrame({"id": [2**53 + 1, 7], "bit": [1.0, 0.0]}))
    array([[9007199254740993,                1],
           [               7,                0]])
    >>> as_array(polars.DataFrame({"id": [3, None], "bit": [1.0, 0.5]}))
    array([[3. , 1. ],
           [nan, 0.5]])
    >>> as_array(polars.DataFrame({"id": [3, None], "kind": ["a", None]}))
    array([[3, 'a'],
           [None, None]], dtype=object)
    """
    import polars

    floats = [column for column in frame if column.dtype.is_float()]
    if any(column.dtype == polars.String or column.dtype.is_temporal() for column in frame):
        return _as_objects(frame)
    if 0 < len(floats) < frame.width and all(_is_whole(column) for column in floats):
        frame = frame.with_columns(column.cast(polars.Int64) for column in floats)
    rows: NDArray[Any] = frame.to_numpy(order="c")
    if rows.dtype.kind == "f" and any(_is_large(column) for column in frame):
        return _as_objects(frame)
    return rows


def date_series(values: Sequence[Any], form: DateForm) -> polars.Series:
    """Return values of a column of dates as one of polars: of Date, Datetime or Time.

    Examples
    --------
    >>> date_series(["31.01.2024", None], DateForm("date", text="%d.%m.%Y")).to_list()
    [datetime.date(2024, 1, 31), None]
    """
    import polars

    entries = np.empty(len(values), dtype=object)
    entries[:] = values
    found = instants_of(entries, form)
    if form.kind == "time":
        own = polars.Series(found.nanos).cast(polars.Time)
    elif form.kind == "date":
        own = polars.Series(found.days).cast(polars.Int32).cast(polars.Date)
    else:
        fine = form.unit == "ns" and bool((np.abs(found.days) < _DAYS_IN_NANOSECONDS).all())
        per_unit = 1 if fine else 1000
        own = polars.Series(found.days * (DAY // per_unit) + found.nanos // per_unit)
        own = own.cast(polars.Datetime("ns" if fine else "us"))
        if form.zone:
            zone = form.zone if form.zone[0] not in "+-Z" else "UTC"
            own = own.dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
    series: polars.Series = own.set(polars.Series(found.missing), None)
    return series


def _as_objects(frame: polars.DataFrame) -> NDArray[Any]:
    import polars

    rows = np.empty(frame.shape, dtype=object)
    for place, column in enumerate(frame):
        if column.dtype == polars.Float32:  # as it is written in decimals: 0.1 is 0.1
            column = column.cast(polars.String).cast(polars.Float64)
        if column.dtype.is_float():
            column = column.fill_nan(None)
            if _is_whole(column.drop_nulls()):
                column = column.cast(polars.Int64)
        rows[:, place] = frames.dates_of(column) if column.dtype.is_temporal() else column.to_list()
    return rows


def _of_decimals(column: polars.Series) -> polars.Series:
    """Return decimals as numbers: whole ones exactly; as text where they are neither int64 nor float64."""
    import polars

    known = column.drop_nulls()
    whole: polars.Series = column.cast(polars.Int64, strict=False)
    is_whole = whole.null_count() == column.null_count()
    if is_whole and bool((whole.drop_nulls().cast(column.dtype) == known).all()):
        return whole
    floats: polars.Series = column.cast(polars.Float64)
    large = known.filter(floats.drop_nulls().abs() >= float(LARGEST_EXACT)).to_list()
    is_rounded = any(own == own.to_integral_value() and int(float(own)) != int(own) for own in large)
    return column.cast(polars.String) if is_rounded else floats


def _is_whole(column: polars.Series) -> bool:
    return column.null_count() == 0 and bool(((column == column.floor()) & (column.abs() < 2.0**63)).all())


def are_rounded(frame: polars.DataFrame) -> bool:
    """Return whether one array of float64 would round whole numbers of a table of numbers."""
    mixes = any(column.dtype.is_float() or column.null_count() for column in frame)
    return mixes and any(_is_large(column) for column in frame)


def _is_large(column: polars.Series) -> bool:
    """Return whether a column of integers holds one that a float64 may round."""
    if not column.dtype.is_integer() or len(column) == column.null_count():
        return False
    low, high = int(column.min()), int(column.max())  # type: ignore[arg-type]
    return max(-low, high) > LARGEST_EXACT


def _read_excel(path: Path) -> polars.DataFrame:
    """Read the first sheet of an Excel file with a reader that is installed, empty rows apart."""
    import polars

    for engine in ("calamine", "openpyxl"):
        try:
            frame = polars.read_excel(path, engine=engine, drop_empty_rows=False)
        except (ImportError, polars.exceptions.ModuleUpgradeRequiredError):
            continue
        except Exception as error:  # each reader has errors of its own
            reason = reason_of(error)
            raise InputError(f"{path}: not an Excel file, or a damaged one ({reason})") from error
        return frame.filter(~polars.all_horizontal(polars.all().is_null()))
    raise InputError(f"{path}: Excel files need a reader: pip install fastexcel, or save the sheet as CSV")
