"""Samples of a model in portions, written to a file or as CSV text."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from made.data.tables import date_series
from made.model import MADE
from made.runs.table_out import distinct
from made.support.checks import check_int
from made.support.errors import InputError
from made.support.files import path_aside
from made.variables.column import NUMERIC, Column
from made.variables.frames import is_missing
from made.variables.rows import Rows

if TYPE_CHECKING:
    import polars

__all__ = [
    "csv_text",
    "draw_portions",
    "rows_per_portion",
    "value_type",
    "write_rows",
]

# The most rows and the most values of a portion, unless a batch of the model is larger.
_ROWS_PER_PORTION = 10_000
_NUMBERS_PER_PORTION = 2**23


def rows_per_portion(model: MADE) -> int:
    """Return how many rows to draw at once: whole batches of the model, about 10,000 rows or a few MiB.

    Examples
    --------
    >>> import made
    >>> model = made.MADE(made.Bernoulli(64), hidden=(500,))
    >>> rows_per_portion(model), model.rows_per_batch
    (8192, 4096)
    """
    batch = model.rows_per_batch
    rows = min(_ROWS_PER_PORTION, _NUMBERS_PER_PORTION // model.n_variables)
    return max(rows // batch, 1) * batch


def draw_portions(
    model: MADE,
    n: int,
    seed: int,
    advance: Callable[[int], None] = lambda n: None,
    *,
    given: Rows | None = None,
    where: Sequence[str] | None = None,
    context: NDArray[Any] | None = None,
) -> Iterator[NDArray[Any]]:
    """Sample n rows in portions: together they are ``model.sample(n, seed)``.

    Parameters
    ----------
    model : MADE
        Samples them.
    n : int
        How many rows.
    seed : int
        Row i is a function of (seed, i).
    advance : callable
        Called with the number of rows of a portion once it is processed.
    given : Rows, optional
        One row: what all rows have.
    where : sequence of str, optional
        Conditions that all rows meet, see `made.variables.conditions.parse_condition`.
    context : (C,) array, optional
        What all rows are conditioned on, for a model of p(x | c).

    Yields
    ------
    (rows, D) array of values
        `rows_per_portion` rows; the last portion may be smaller.

    Raises
    ------
    InputError
        If n is not a number of rows.
    """
    n, portion = check_int("n, the number of rows to draw,", n), rows_per_portion(model)
    conditions: dict[str, Any] = {} if context is None else {"context": context}
    conditions |= {} if given is None else {"given": given}
    conditions |= {"where": where} if where else {}
    for first in range(0, n, portion):
        rows = min(portion, n - first)
        values = model.sample(rows, seed, first=first, **conditions)
        yield values if isinstance(values, np.ndarray) else values.cpu().numpy()
        advance(rows)


def csv_text(model: MADE, portions: Iterable[NDArray[Any]], beside: Sequence[str] = ()) -> Iterator[str]:
    """Yield portions of values as CSV text, the header first.

    `beside` names columns of numbers that follow those of the model; NaN is nothing.

    Examples
    --------
    >>> import made
    >>> schema = made.Schema.of_classes([2], [("no", "yes")], names=["answer"])
    >>> model = made.MADE(schema, hidden=(4,))
    >>> print("".join(csv_text(model, draw_portions(model, n=2, seed=0))))
    answer
    yes
    no
    """
    names = _names(model)
    yield _csv(np.array([[*names, *beside]], dtype=object))
    for values in portions:
        own = _tidy(model, values[:, : len(names)])
        if beside:
            others = values[:, len(names) :]
            own = np.hstack([own, np.where(np.isnan(others.astype(np.float64)), "", others)], dtype=object)
        yield _csv(own)


def write_rows(
    path: str | Path, model: MADE, n: int, portions: Iterable[NDArray[Any]], beside: Sequence[str] = ()
) -> None:
    """Write rows as they come: to a .npy file of shape (n, D) and type `value_type`, to Parquet, or to CSV.

    Parameters
    ----------
    path : path
        Its ending is the format. The values of a .parquet file are kept in memory until it is written.
    model : MADE
        Knows the columns.
    n : int
        How many rows there are.
    portions : iterable of (rows, D) arrays
        Values.
    beside : sequence of str, optional
        Names of columns of numbers that follow those of the model; not for .npy.

    Raises
    ------
    InputError
        If the file cannot be written; one that was there before survives.
    """
    n = check_int("n, the number of rows to draw,", n)
    suffix = Path(path).suffix
    with path_aside(path) as aside:
        if suffix == ".npy":
            _write_array(aside, model, n, portions)
        elif suffix == ".parquet":
            names = distinct(path, [*_names(model), *beside])
            _table(names, _columns(model, portions, len(beside))).write_parquet(aside)
        else:
            with aside.open("wb") as file:
                for text in csv_text(model, portions, beside):
                    file.write(text.encode())


def value_type(model: MADE) -> np.dtype[Any]:
    """Return the type of an array that can hold all labels of a model: text as wide as the longest of them.

    Examples
    --------
    >>> import made
    >>> value_type(made.MADE(made.Categorical(["no", "yes"]), hidden=(4,)))
    dtype('<U3')
    >>> value_type(made.MADE(made.Bernoulli(3), hidden=(4,)))
    dtype('uint8')
    """
    if model.schema.has_dates:
        raise InputError("an array holds no dates beside numbers: write .csv or .parquet")
    if model.variables.numbers is not None or model.variables.has_missing:
        if any(isinstance(label, str) for own in model.schema.labels for label in own or ()):
            raise InputError("an array holds either text or numbers with gaps: write .csv or .parquet")
        return np.dtype(np.float64)
    # Row k has the k-th value of every variable, or its last: all values occur, and `decode` names them.
    n_values = model.variables.n_values
    rows = max(1, _NUMBERS_PER_PORTION // model.n_variables)
    kinds: list[np.dtype[Any]] = []
    for first in range(0, int(n_values.max()), rows):
        places = np.arange(first, min(first + rows, int(n_values.max())))
        codes = torch.from_numpy(np.minimum(places[:, None], n_values - 1)).to(model.variables.dtype)
        values = model.schema.decode(codes)
        kinds.append(values.astype(str).dtype if values.dtype == object else values.dtype)
    return np.result_type(*kinds)


def _tidy(model: MADE, values: NDArray[Any]) -> NDArray[Any]:
    """Return values as a text file shows them: whole numbers without a fraction, nothing where missing."""
    if model.variables.numbers is None and not model.variables.has_missing:
        return values
    table = values.astype(object)
    for d, own in enumerate(model.schema.modelled_table):
        column = model.schema.modelled[own.places[0]]
        if own.form is not None:
            table[:, d] = ["" if value is None else str(value) for value in table[:, d]]
            continue
        is_code = column.kind != NUMERIC and column.labels is None
        if column.kind != NUMERIC and not is_code:  # labels are shown as they are
            if column.arguments.get("missing"):
                table[:, d] = ["" if is_missing(value) else value for value in table[:, d]]
            continue
        whole = is_code or _is_whole(column)
        table[:, d] = [
            "" if is_missing(value) else int(value) if whole and isinstance(value, float) else value
            for value in table[:, d]
        ]
    return table


def _is_whole(column: Column) -> bool:
    """Return whether a numeric column holds whole numbers alone."""
    step = column.arguments.get("step")
    return step is not None and float(step).is_integer()


def _names(model: MADE) -> list[str]:
    return [column.name for column in model.schema.modelled_table]


def _table(names: Sequence[str], columns: Iterable[Any]) -> polars.DataFrame:
    import polars

    return polars.DataFrame(dict(zip(names, columns, strict=True)))


def _csv(rows: NDArray[Any]) -> str:
    """Return rows as lines of CSV; numbers look as Python shows them."""
    import polars

    # polars writes integers as Python does, but 1e-7 where Python has 1e-07: nothing else passes through it
    columns = [
        polars.Series(column if column.dtype.kind in "iu" else [str(v) or None for v in column.tolist()])
        for column in rows.T
    ]
    names = [str(place) for place in range(len(columns))]
    return _table(names, columns).write_csv(include_header=False)


def _write_array(path: Path, model: MADE, n: int, portions: Iterable[NDArray[Any]]) -> None:
    kind, shape = value_type(model), (n, model.n_variables)
    rows = np.lib.format.open_memmap(path, mode="w+", dtype=kind, shape=shape)
    if hasattr(
        os, "posix_fallocate"
    ):  # a full disk raises here; while writing to the map it would kill the process
        with path.open("rb+") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    first = 0
    for values in portions:
        rows[first : first + len(values)] = values
        first += len(values)
    rows.flush()


def _columns(model: MADE, portions: Iterable[NDArray[Any]], n_beside: int = 0) -> list[polars.Series]:
    """Return the columns of all portions: dates, numbers if all values of a column are, else text."""
    import polars

    kept = list(portions)
    code = polars.UInt8 if model.variables.n_values.max() <= 256 else polars.Int64
    columns = []
    for d, own in enumerate(model.schema.modelled_table):
        values = [value for rows in kept for value in rows[:, d].tolist()]
        column = model.schema.modelled[own.places[0]]
        labels = column.labels
        if own.form is not None:
            columns.append(date_series(values, own.form))
            continue
        if column.kind == NUMERIC or column.arguments.get("missing"):
            values = [None if is_missing(value) else value for value in values]
        if column.kind == NUMERIC:
            number = polars.Int64() if _is_whole(column) else polars.Float64()
            columns.append(polars.Series(values, dtype=number, strict=False))
        elif labels is None:
            columns.append(polars.Series(values, dtype=code, strict=False))
        elif all(isinstance(label, int | float) for label in labels):
            kind = polars.Series(labels, strict=False).dtype
            columns.append(polars.Series(values, dtype=kind, strict=False))
        else:
            texts = [None if value is None else str(value) for value in values]
            columns.append(polars.Series(texts, dtype=polars.String))
    for d in range(len(columns), len(columns) + n_beside):
        ends = np.concatenate([np.zeros(0), *(rows[:, d].astype(np.float64) for rows in kept)])
        columns.append(polars.Series(ends).fill_nan(None))
    return columns
