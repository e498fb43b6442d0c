"""Columns of numbers and of text, written as CSV or Parquet: what commands find out about rows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from made.runs.spool import Spool, errors_of_the_system
from made.support.errors import InputError
from made.support.writing import path_aside, write_aside

if TYPE_CHECKING:
    import polars

__all__ = ["Columns", "ColumnsOut", "as_frame", "columns_text", "distinct", "write_columns"]

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


class ColumnsOut:
    """Columns that come in portions, and are written at the end as `write_columns` writes them.

    Parameters
    ----------
    out : Path, optional
        A .csv or .parquet file; None is standard output, as CSV.
    """

    def __init__(self, out: Path | None) -> None:
        self.out = out
        self._names: list[str] = []
        self._spool = Spool(out)

    def __enter__(self) -> ColumnsOut:
        """Begin without a portion."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Delete what was kept."""
        self._spool.__exit__(kind, error, trace)

    def add(self, columns: Columns) -> None:
        """Append a portion; all have the same columns."""
        if not self._names:
            self._names = [name for name, _ in columns]
            if self.out is not None and self.out.suffix == ".parquet":
                distinct(self.out, self._names)
        # By their places: in CSV names need not differ.
        self._spool.add(as_frame([(str(place), values) for place, (_, values) in enumerate(columns)]))

    def finish(self, without: Collection[int] = (), show: Callable[[str], None] = print) -> None:
        """Write all portions.

        Parameters
        ----------
        without : collection of int
            Places of columns that are left out.
        show : callable
            Shows text, where there is no file.

        Raises
        ------
        InputError
            If the file cannot be written; one that was there before survives.
        """
        kept = {str(place): name for place, name in enumerate(self._names) if place not in without}
        if self.out is None:
            for text in self._texts(kept):
                show(text)
            return
        with path_aside(self.out) as aside, errors_of_the_system():
            if self.out.suffix == ".parquet":
                self._spool.lazy().select(list(kept)).rename(kept).sink_parquet(aside)
            else:
                with aside.open("wb") as file:
                    for text in self._texts(kept):
                        file.write(text.encode())

    def _texts(self, kept: Mapping[str, str]) -> Iterator[str]:
        for number, table in enumerate(self._spool):
            columns = [(name, _values(table[place])) for place, name in kept.items()]
            yield columns_text(columns, header=number == 0)


def _values(column: polars.Series) -> NDArray[Any]:
    """Return a column as an array, as `Columns` has it."""
    if not column.dtype.is_numeric():
        values = np.empty(len(column), dtype=object)
        values[:] = column.to_list()
        return values
    numbers: NDArray[Any] = column.cast(float).to_numpy() if column.null_count() else column.to_numpy()
    return numbers


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
    with path_aside(path) as aside, errors_of_the_system():
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
