"""Rows of a model on their way to a file or a screen: in portions, however many there are."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from made.checks import whole
from made.files import writing_aside
from made.model import MADE

__all__ = [
    "csv_portions",
    "draw_portions",
    "rows_per_portion",
    "value_type",
    "write_csv",
    "write_npy",
    "write_values",
]

# A portion holds no more rows and no more numbers than this, unless the model itself takes more at once.
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
    model: MADE, n: int, seed: int, advance: Callable[[int], None] = lambda n: None
) -> Iterator[NDArray[Any]]:
    """Draw n rows, portion by portion: together they are ``model.sample(n, seed)``.

    Parameters
    ----------
    model : MADE
        Draws them.
    n : int
        How many rows.
    seed : int
        Row i is a function of (seed, i).
    advance : callable
        Told the number of rows of a portion once there is no more to do with it.

    Yields
    ------
    (rows, D) array of codes
        `rows_per_portion` of them; at the end, those that are left.

    Raises
    ------
    InputError
        If n is no number of rows.
    """
    n, portion = whole("n, the number of rows to draw,", n), rows_per_portion(model)
    for first in range(0, n, portion):
        rows = min(portion, n - first)
        yield model.sample(rows, seed, first=first).cpu().numpy()
        advance(rows)


def csv_portions(
    model: MADE,
    n: int,
    seed: int,
    columns: list[str] | None = None,
    advance: Callable[[int], None] = lambda n: None,
) -> Iterator[str]:
    """Draw n rows as CSV text: first the line of names (x0, x1, ... where there are none), then portions.

    Examples
    --------
    >>> import made
    >>> model = made.MADE(made.Categorical(["no", "yes"]), hidden=(4,))
    >>> print("".join(csv_portions(model, n=2, seed=0, columns=["answer"])))
    answer
    yes
    no
    """
    return _as_csv(model, draw_portions(model, n, seed, advance), columns)


def write_csv(
    path: str | Path,
    model: MADE,
    n: int,
    seed: int,
    columns: list[str] | None = None,
    advance: Callable[[int], None] = lambda n: None,
) -> None:
    """Draw n rows into a CSV file; labels stand for codes.

    Raises
    ------
    InputError
        If the file cannot be written; one that was there before survives.
    """
    _write_csv(path, model, draw_portions(model, n, seed, advance), columns)


def write_npy(
    path: str | Path, model: MADE, n: int, seed: int, advance: Callable[[int], None] = lambda n: None
) -> None:
    """Draw n rows into a .npy file of shape (n, D) and type `value_type`; nothing in it is pickled.

    Raises
    ------
    InputError
        If the file cannot be written; one that was there before survives.
    """
    n = whole("n, the number of rows to draw,", n)
    _write_npy(path, model, n, draw_portions(model, n, seed, advance))


def write_values(
    path: str | Path | None, model: MADE, codes: NDArray[Any], columns: list[str] | None = None
) -> None:
    """Write rows that are there already, with labels for codes: to a file, or as CSV to standard output.

    Parameters
    ----------
    path : path or None
        A .npy file, as `write_npy` writes it; any other is CSV. None is standard output.
    model : MADE
        Knows the labels.
    codes : (n, D) array
        Rows.
    columns : list of str, optional
        Names of the columns, for CSV.

    Raises
    ------
    InputError
        If the file cannot be written; one that was there before survives.
    """
    size = rows_per_portion(model)
    portions = (codes[first : first + size] for first in range(0, len(codes), size))
    if path is None:
        for text in _as_csv(model, portions, columns):
            sys.stdout.write(text)
    elif Path(path).suffix == ".npy":
        _write_npy(path, model, len(codes), portions)
    else:
        _write_csv(path, model, portions, columns)


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
    # Row k has the k-th value of every variable, or its last: all values occur, and `values` names them.
    n_values = model.variables.n_values
    rows = max(1, _NUMBERS_PER_PORTION // model.n_variables)
    kinds: list[np.dtype[Any]] = []
    for first in range(0, int(n_values.max()), rows):
        places = np.arange(first, min(first + rows, int(n_values.max())))
        values = model.values(np.minimum(places[:, None], n_values - 1))
        kinds.append(values.astype(str).dtype if values.dtype == object else values.dtype)
    return np.result_type(*kinds)


def _write_npy(path: str | Path, model: MADE, n: int, portions: Iterable[NDArray[Any]]) -> None:
    kind = value_type(model)
    header = {
        "descr": np.lib.format.dtype_to_descr(kind),
        "fortran_order": False,
        "shape": (n, model.n_variables),
    }
    with writing_aside(path) as file:
        np.lib.format.write_array_header_1_0(file, header)
        for codes in portions:
            file.write(model.values(codes).astype(kind, copy=False).tobytes())


def _write_csv(
    path: str | Path, model: MADE, portions: Iterable[NDArray[Any]], columns: list[str] | None
) -> None:
    with writing_aside(path) as file:
        for text in _as_csv(model, portions, columns):
            file.write(text.encode())


def _as_csv(model: MADE, portions: Iterable[NDArray[Any]], columns: list[str] | None) -> Iterator[str]:
    yield _csv([columns or [f"x{i}" for i in range(model.n_variables)]])
    for codes in portions:
        yield _csv(model.values(codes).tolist())


def _csv(rows: list[list[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
