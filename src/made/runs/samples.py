"""Samples of a model in portions, written to a file or as CSV text."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from made.data.tables import date_series
from made.model import MADE
from made.queries.constrained import Acceptance
from made.runs.spool import Spool, errors_of_the_system
from made.runs.table_out import distinct
from made.support.checks import check_int
from made.support.errors import InputError
from made.support.resources import check_disk
from made.support.writing import path_aside
from made.variables.column import NUMERIC, Column
from made.variables.column_types import ColumnType, cast, polars_type, series_of, simple_name
from made.variables.missing import is_missing
from made.variables.rows import Rows
from made.variables.schema_frames import frame_of_values

if TYPE_CHECKING:
    import polars

__all__ = [
    "csv_text",
    "draw_portions",
    "rows_per_portion",
    "tables_of",
    "typed_columns",
    "value_type",
    "write_rows",
]

# The most rows and the most values of a portion, unless a batch of the model is larger.
_ROWS_PER_PORTION = 10_000
_NUMBERS_PER_PORTION = 2**23
# Nothing beside the columns of the model.
_NONE: Mapping[str, ColumnType] = {}
# Types whose values a text file shows in a style of their own.
_STYLED = ("bool", "float32", "float64")
_FEWER = "ask for fewer, or write to a larger disk"

#: Puts the names of columns into the order in which they are written.
Order = Callable[[Sequence[str]], list[str]]


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
    first: int = 0,
    tally: Acceptance | None = None,
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
        Conditions that all rows meet, see `made.variables.conditions.parse_condition`, also between columns.
    context : (C,) array, optional
        What all rows are conditioned on, for a model of p(x | c).
    first : int
        Number of the first row.
    tally : Acceptance, optional
        As for `MADE.sample`.

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
    conditions |= {"where": where, "tally": tally} if where else {}
    for done in range(0, n, portion):
        rows = min(portion, n - done)
        yield model.sample(rows, seed, first=first + done, output="numpy", **conditions)
        advance(rows)


def csv_text(
    model: MADE,
    portions: Iterable[NDArray[Any]],
    beside: Mapping[str, ColumnType] = _NONE,
    order: Order = list,
) -> Iterator[str]:
    """Yield portions of values as CSV text, the header first.

    `beside` has the columns that follow those of the model, with their types; None and NaN are nothing.
    `order` puts the names of all columns into the order in which they are written.

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
    own = _names(model)
    names = [*own, *beside]
    written = order(names)
    places = [names.index(name) for name in written] if written != names else slice(None)
    texts = (_csv(_text_of(model, values, len(own))[:, places]) for values in portions)
    # Before the header: where no row can be read that is said, and nothing else.
    first = next((text for text in texts if text), "")
    yield _csv(np.array([written], dtype=object)) + first
    yield from texts


def write_rows(
    path: str | Path,
    model: MADE,
    n: int | None,
    portions: Iterable[NDArray[Any]],
    beside: Mapping[str, ColumnType] = _NONE,
    order: Order = list,
) -> None:
    """Write rows as they come: to a .npy file of shape (n, D) and type `value_type`, to Parquet, or to CSV.

    Parameters
    ----------
    path : path
        Its ending is the format. Columns of a .parquet file have the types of the training table.
    model : MADE
        Knows the columns.
    n : int or None
        How many rows there are; a .npy file has to know.
    portions : iterable of (rows, D) arrays
        Values.
    beside : mapping of str to ColumnType, optional
        The columns that follow those of the model, with their types; not for .npy.
    order : callable, optional
        Puts the names of all columns into the order in which they are written; not for .npy.

    Raises
    ------
    InputError
        If the file cannot be written; one that was there before survives.
    """
    n = None if n is None else check_int("n, the number of rows to draw,", n)
    suffix = Path(path).suffix
    with path_aside(path) as aside:
        if suffix == ".npy":
            assert n is not None
            _write_array(aside, model, n, portions)
            return
        if suffix == ".parquet":
            with Spool(Path(path)) as spool:
                # The file takes about as much again.
                portions = _while_there_is_room(aside.parent, lambda: 2 * spool.nbytes, n, portions)
                for table in tables_of(path, model, portions, beside, order):
                    spool.add(table)
                with errors_of_the_system():
                    spool.lazy().sink_parquet(aside)
            return
        with aside.open("wb") as file:
            portions = _while_there_is_room(aside.parent, file.tell, n, portions)
            for text in csv_text(model, portions, beside, order):
                file.write(text.encode())


def _while_there_is_room(
    folder: Path, taken: Callable[[], int], n: int | None, portions: Iterable[NDArray[Any]]
) -> Iterator[NDArray[Any]]:
    """Yield portions of n rows, as long as a folder has room for all: by the bytes that those before took."""
    done = 0
    for values in portions:
        yield values
        done += len(values)
        if n is not None and done:
            check_disk(folder, taken() * (n - done) / done, f"{n:,} rows", _FEWER)


def typed_columns(model: MADE, values: NDArray[Any]) -> polars.DataFrame:
    """Return values (n, D) as a table of polars with the types of the training table, or those that fit.

    Examples
    --------
    >>> import made
    >>> model = made.MADE([made.Bernoulli(1), made.Categorical(["no", "yes"])], hidden=(4,))
    >>> dict(typed_columns(model, np.array([[1, "no"]], dtype=object)).schema)
    {'x0': Int64, 'x1': String}
    """
    table: polars.DataFrame = frame_of_values(model.schema, list(values.T), "polars")
    if model.schema.frame is not None:
        return table
    # Text has no types, but its dates are dates.
    own = zip(model.schema.modelled_table, values.T, strict=True)
    dates = [(column, part) for column, part in own if column.form is not None and column.form.text]
    return table.with_columns(
        date_series(part.tolist(), form).alias(name) for (name, _, form), part in dates if form
    )


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


def _text_of(model: MADE, values: NDArray[Any], width: int) -> NDArray[Any]:
    """Return values and what is beside them, from column `width` on, as a text file shows them."""
    own = _tidy(model, values[:, :width])
    others = values[:, width:]
    if not others.size:
        return own
    shown = [["" if is_missing(value) else value for value in row] for row in others.tolist()]
    return np.hstack([own, np.array(shown, dtype=object)], dtype=object)


def _tidy(model: MADE, values: NDArray[Any]) -> NDArray[Any]:
    """Return values as a text file shows them: in the style of the training table, nothing where missing."""
    columns = model.schema.modelled
    is_plain = model.variables.numbers is None and not model.variables.has_missing
    if is_plain and not any(simple_name(column.dtype) in _STYLED for column in columns):
        return values
    table = values.astype(object)
    frame = model.schema.frame
    truths = ("False", "True") if frame is not None and frame.library == "pandas" else ("false", "true")
    for d, own in enumerate(model.schema.modelled_table):
        show = str if own.form is not None else _shown(columns[own.places[0]], truths)
        table[:, d] = ["" if is_missing(value) else show(value) for value in table[:, d]]
    return table


def _shown(column: Column, truths: tuple[str, str]) -> Callable[[Any], Any]:
    """Return how a value of a column is written."""
    name = simple_name(column.dtype)
    if name not in _STYLED and not all(isinstance(label, int) for label in column.labels or ()):
        return lambda value: value
    if name == "bool":
        return lambda value: truths[int(value)] if value in (0, 1) else value
    if name == "float32":  # to its precision
        return lambda value: str(np.float32(value))
    if name == "float64":
        return float
    if column.kind != NUMERIC or _is_whole(column):
        return lambda value: int(value) if isinstance(value, float) and value.is_integer() else value
    return lambda value: value


def tables_of(
    path: str | Path,
    model: MADE,
    portions: Iterable[NDArray[Any]],
    beside: Mapping[str, ColumnType] = _NONE,
    order: Order = list,
) -> Iterator[polars.DataFrame]:
    """Yield portions as tables; one without rows where there is no portion. See `csv_text`."""
    import polars

    width, is_empty = len(model.schema.modelled_table), True
    names = [*_names(model), *beside]
    nothing = (np.empty((0, width + len(beside)), dtype=object) for _ in range(1))  # made when it is needed
    for values in chain(portions, nothing):
        if len(values) == 0 and not is_empty:
            continue
        if is_empty:
            distinct(path, names)
            is_empty = False
        others = [
            cast(polars, series_of(polars, name, own), [polars_type(polars, kind)])
            for (name, kind), own in zip(beside.items(), values[:, width:].T, strict=True)
        ]
        yield typed_columns(model, values[:, :width]).with_columns(others).select(order(names))


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
    check_disk(path.parent, n * model.n_variables * kind.itemsize, f"{n:,} rows", _FEWER)
    rows = np.lib.format.open_memmap(path, mode="w+", dtype=kind, shape=shape)
    if hasattr(
        os, "posix_fallocate"
    ):  # a full disk raises here; while writing to the map it would kill the process
        with path.open("rb+") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    first = 0
    for values in portions:
        if kind.kind == "U" and (too_long := _longer_than(values, kind)) is not None:
            raise InputError(f"{too_long!r} is longer than any label of the model: write .csv or .parquet")
        rows[first : first + len(values)] = values
        first += len(values)
    rows.flush()


def _longer_than(values: NDArray[Any], kind: np.dtype[Any]) -> str | None:
    """Return a text that an array of a type would cut, of which a file given to complete may hold some."""
    width = kind.itemsize // np.dtype("U1").itemsize
    return next((own for own in map(str, values.ravel().tolist()) if len(own) > width), None)
