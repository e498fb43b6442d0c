"""Rows of a model on their way to a file or a screen: in portions, however many there are."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from made.model import MADE
from made.support.checks import check_int
from made.support.files import writing_aside
from made.variables.rows import Rows

__all__ = ["csv_text", "draw_portions", "rows_per_portion", "value_type", "write_rows"]

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
    model: MADE,
    n: int,
    seed: int,
    advance: Callable[[int], None] = lambda n: None,
    *,
    given: Rows | None = None,
    context: NDArray[Any] | None = None,
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

    given : Rows, optional
        One row: what all rows have.
    context : (C,) array, optional
        What all rows are conditioned on, for a model of p(x | c).

    Yields
    ------
    (rows, D) array of codes
        `rows_per_portion` of them; at the end, those that are left.

    Raises
    ------
    InputError
        If n is no number of rows.
    """
    n, portion = check_int("n, the number of rows to draw,", n), rows_per_portion(model)
    conditions: dict[str, Any] = {} if context is None else {"context": context}
    if given is not None:
        conditions["given"] = given
    for first in range(0, n, portion):
        rows = min(portion, n - first)
        yield model.sample(rows, seed, first=first, **conditions).cpu().numpy()
        advance(rows)


def csv_text(
    model: MADE, portions: Iterable[NDArray[Any]], columns: list[str] | None = None
) -> Iterator[str]:
    """Turn portions of codes into CSV text: first the line of names (x0, x1, ... where there are none).

    Examples
    --------
    >>> import made
    >>> model = made.MADE(made.Categorical(["no", "yes"]), hidden=(4,))
    >>> print("".join(csv_text(model, draw_portions(model, n=2, seed=0), columns=["answer"])))
    answer
    yes
    no
    """
    yield _csv([columns or [f"x{i}" for i in range(model.n_variables)]])
    for codes in portions:
        yield _csv(model.values(codes).tolist())


def write_rows(
    path: str | Path,
    model: MADE,
    n: int,
    portions: Iterable[NDArray[Any]],
    columns: list[str] | None = None,
) -> None:
    """Write rows as they come: to a .npy file of shape (n, D) and type `value_type`, or to CSV.

    Parameters
    ----------
    path : path
        Its ending says which.
    model : MADE
        Knows the labels that stand for codes.
    n : int
        How many rows come.
    portions : iterable of (rows, D) arrays
        Codes.
    columns : list of str, optional
        Names of the columns, for CSV.

    Raises
    ------
    InputError
        If the file cannot be written; one that was there before survives.
    """
    n = check_int("n, the number of rows to draw,", n)
    with writing_aside(path) as file:
        if Path(path).suffix != ".npy":
            for text in csv_text(model, portions, columns):
                file.write(text.encode())
            return
        kind = value_type(model)
        header = {
            "descr": np.lib.format.dtype_to_descr(kind),
            "fortran_order": False,
            "shape": (n, model.n_variables),
        }
        np.lib.format.write_array_header_1_0(file, header)
        for codes in portions:
            file.write(model.values(codes).astype(kind, copy=False).tobytes())


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


def _csv(rows: list[list[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
