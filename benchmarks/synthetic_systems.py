"""The systems of `synthetic.py`: each is fitted to rows, draws rows, completes rows, and is timed.

Peers run in environments of their own, by `synthetic_driver.py`: what they need may not fit what made needs.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import made
from given_first import log_prob_of_others
from synthetic_data import Code, Parts
from synthetic_driver import PACKAGES, installed, timed
from synthetic_measures import hidden_cells

__all__ = ["FOR_QUESTIONS", "HIDDEN", "IMPUTERS", "OURS", "PEERS", "PeerError", "answers", "set_up"]

Floats = NDArray[np.float64]
Arrays = dict[str, Any]
OURS = "made"
#: A model that has learned any ordering, and completes rows with what is given first.
FOR_QUESTIONS = "made for questions"
#: By the name they have in the tables: that of their environment.
PEERS = {
    "TabularARGN": "argn",
    "CTGAN": "ctgan",
    "adversarial forest": "arf",
    "Bayesian network": "network",
}
# arfpy calls functions that newer versions of these do not have.
_NEEDS = {"arf": ("numpy<2", "pandas<2.3", "scikit-learn<1.6")}
# Of pictures: not needed, and its build has to be that of torch.
_NOT_NEEDED = {"argn": ("torchvision",)}
IMPUTERS = ("SimpleImputer", "KNNImputer", "IterativeImputer")
#: Percent of the cells that are hidden.
HIDDEN = (10, 30, 50)
# Rows that are drawn, and scored, on the clock; completions of a row, of which the mean is taken.
_N_TIMED = 100_000
_MOST_OF_REASON = 300


class PeerError(RuntimeError):
    """A system that could not be installed, or failed."""


def set_up(folder: Path, constraints: Path) -> None:
    """Make an environment for each peer; what fails leaves its reason in `failed.txt` there."""
    for name, package in PACKAGES.items():
        place = folder / name
        if (place / "installed").exists():
            continue
        place.mkdir(parents=True, exist_ok=True)
        python = str(place / "bin" / "python")
        limits = [] if name in _NEEDS else ["-c", str(constraints)]
        steps = [
            [sys.executable, "-m", "venv", str(place)],
            [python, "-m", "pip", "install", "--quiet", *limits, package, *_NEEDS.get(name, ())],
        ]
        if name in _NOT_NEEDED:
            steps.append([python, "-m", "pip", "uninstall", "--quiet", "--yes", *_NOT_NEEDED[name]])
        for step in steps:
            print(" ".join(step), flush=True)
            done = subprocess.run(step, capture_output=True, text=True, check=False)
            if done.returncode:
                (place / "failed.txt").write_text(_reason(done.stderr))
                break
        else:
            (place / "installed").touch()


def answers(
    system: str, parts: Parts, code: Code, fold: int, environments: Path, most_completed: int, minutes: float
) -> Arrays:
    """Fit a system, and return what it draws and completes, as numbers, with the seconds that it took.

    Parameters
    ----------
    system : str
        Its name.
    parts : Parts
        Rows of the fold.
    code : Code
        Of the table.
    fold : int
        Its number, the seed of all that is drawn.
    environments : Path
        Of the peers.
    most_completed : int
        How many of the test rows are completed.
    minutes : float
        That a peer may take.

    Raises
    ------
    PeerError
        If the system is not installed, or fails.
    """
    rows = parts.test.iloc[:most_completed]
    gaps = {percent: _with_gaps(rows, code, percent, fold) for percent in HIDDEN}
    if system in (OURS, FOR_QUESTIONS):
        return _ours(parts, code, gaps, fold, for_questions=system == FOR_QUESTIONS)
    if system in PEERS:
        return _peer(PEERS[system], parts, code, gaps, fold, environments, minutes)
    return _imputer(system, code.encode(parts.train), {p: code.encode(own) for p, own in gaps.items()}, code)


def _with_gaps(rows: pd.DataFrame, code: Code, percent: int, fold: int) -> pd.DataFrame:
    hidden = hidden_cells(code.encode(rows), percent, fold)
    return rows.mask(pd.DataFrame(hidden, index=rows.index, columns=rows.columns))


def _ours(
    parts: Parts, code: Code, gaps: Mapping[int, pd.DataFrame], fold: int, *, for_questions: bool
) -> Arrays:
    found: Arrays = {}
    way = "given-first" if for_questions else "auto"
    model = timed(found, "fit", lambda: made.auto_fit(parts.train, for_questions=for_questions))
    found["rows timed"] = _N_TIMED
    # The first time a process does so, it prepares what it compiles.
    timed(found, "first draw", lambda: model.sample(_N_TIMED, seed=fold))
    drawn = timed(found, "draw", lambda: model.sample(_N_TIMED, seed=fold))
    if len(parts.train) > len(drawn):
        drawn = model.sample(len(parts.train), seed=fold)
    found["drawn"] = code.encode(drawn.iloc[: len(parts.train)])
    rows = parts.train.iloc[np.arange(_N_TIMED) % len(parts.train)].reset_index(drop=True)
    timed(found, "first score", lambda: model.log_prob(rows))
    timed(found, "score", lambda: model.log_prob(rows))
    found["log mass"] = _log_masses(model, parts.test, code)
    for percent, rows in gaps.items():
        filled = timed(found, f"complete_{percent}", lambda rows=rows: _filled(model, rows, code, way))
        found[f"completed_{percent}"] = filled
        whole = parts.test.iloc[: len(rows)]
        found |= _log_scores(model, whole, rows.isna() & whole.notna(), code, way, percent)
    own = sum(file.stat().st_size for file in Path(made.__file__).parent.rglob("*.py")) / 1e6
    needed = installed("made")
    needed["size"] += own
    return {**found, **needed, "version": f"made {made.__version__}"}


def _log_masses(model: Any, rows: pd.DataFrame, code: Code) -> Floats:
    """Return log-masses of the cells that rows stand for, all columns included."""
    if absent := set(code.names) - {own.name for own in model.schema.columns}:
        raise ValueError(f"the model leaves out {', '.join(sorted(absent))}: its masses are of fewer columns")
    masses: Floats = np.asarray(model.log_prob(rows), dtype=np.float64)
    return masses + _log_widths(model, rows, code).sum(axis=1)


def _log_widths(model: Any, rows: pd.DataFrame, code: Code) -> Floats:
    """Return what turns the densities of entries into masses of the cells that they stand for."""
    widths = np.zeros(rows.shape)
    for d, name in enumerate(rows):
        column = model.schema.columns[model.schema.variable(name)]
        if column.kind == "numeric":
            values = rows[name].to_numpy(np.float64)
            is_body = ~np.isnan(values) & ~np.isin(values, column.arguments.get("spikes", []))
            step = column.arguments.get("step") or 1.0  # a density is of cells of width 1
            widths[:, d] = np.where(is_body, np.log(code.cells[name] / step), 0.0)
    return widths


def _log_scores(
    model: Any, rows: pd.DataFrame, hidden: pd.DataFrame, code: Code, way: str, percent: int
) -> Arrays:
    """Return the log-mass of the hidden cells of each row, given the others, with its standard error.

    Where what is known is estimated, its logarithm is too low by half the square of the error, about.
    """
    unknown = hidden[list(model.schema.names)].to_numpy()
    if way == "given-first":
        masks, error = range(model.n_masks), np.zeros(len(rows))
        each = [
            log_prob_of_others(model, rows.iloc[[i]], np.flatnonzero(~own), masks)[0]
            for i, own in enumerate(unknown)
        ]
        scores = np.array(each)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", made.PoorEstimateWarning)  # the errors say it
            known = model.marginal(rows, unknown=unknown)
        error = np.asarray(known.error, dtype=np.float64)
        whole = np.asarray(model.log_prob(rows), dtype=np.float64)
        scores = whole - np.asarray(known.log_prob, dtype=np.float64) - error**2 / 2
    scores += np.where(hidden, _log_widths(model, rows, code), 0.0).sum(axis=1)
    return {f"log score_{percent}": scores, f"log score error_{percent}": error}


def _filled(model: Any, rows: pd.DataFrame, code: Code, way: str) -> Floats:
    """Return rows completed by means, not rounded to a grid, and most probable labels."""
    answer = model.complete(rows, "mean", method=way)
    filled = code.encode(answer.rows)
    for d, name in enumerate(code.names):
        means = answer.means[:, model.schema.variable(name)]
        if not code.is_class[d]:
            filled[:, d] = np.where(np.isnan(means), filled[:, d], means)
    return filled


def _peer(
    name: str,
    parts: Parts,
    code: Code,
    gaps: Mapping[int, pd.DataFrame],
    fold: int,
    where: Path,
    minutes: float,
) -> Arrays:
    python = where / name / "bin" / "python"
    if (reason := where / name / "failed.txt").exists():
        raise PeerError(f"not installed: {reason.read_text()}")
    if not python.exists():
        raise PeerError("not installed: there is no environment of it; --set-up makes one")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        parts.train.to_csv(folder / "train.csv", index=False)
        parts.test.to_csv(folder / "test.csv", index=False)
        for percent, rows in gaps.items():
            rows.to_csv(folder / f"hidden_{percent}.csv", index=False)
        classes = [own for own, is_class in zip(code.names, code.is_class, strict=True) if is_class]
        about: Arrays = {
            "classes": classes,
            "cells": code.cells,
            "n_rows": len(parts.train),
            "seed": fold,
            "hidden": list(gaps),
        }
        (folder / "about.json").write_text(json.dumps(about))
        driver = Path(__file__).with_name("synthetic_driver.py")
        command = [str(python), str(driver), name, str(folder)]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, cwd=folder, timeout=60 * minutes
            )
        except subprocess.TimeoutExpired as error:
            raise PeerError(f"not done within {minutes:g} minutes") from error
        if done.returncode:
            raise PeerError(_reason(done.stderr))
        found: Arrays = json.loads((folder / "found.json").read_text())
        found["drawn"] = code.encode(_read(folder / "drawn.csv", classes))
        if (file := folder / "log_mass.npy").exists():
            found["log mass"] = np.load(file)
        for percent in gaps:
            if (file := folder / f"completed_{percent}.csv").exists():
                found[f"completed_{percent}"] = code.encode(_read(file, classes))
            if (file := folder / f"log_score_{percent}.npy").exists():
                found[f"log score_{percent}"] = np.load(file)
        return found


def _read(file: Path, classes: list[str]) -> pd.DataFrame:
    return pd.read_csv(file, dtype=dict.fromkeys(classes, str), keep_default_na=False, na_values=[""])


def _reason(text: str) -> str:
    """Return the last line that a program left: what went wrong."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:_MOST_OF_REASON] if lines else "it ended without a word"


def _imputer(system: str, train: Floats, gaps: Mapping[int, Floats], code: Code) -> Arrays:
    """Complete rows with an imputer of scikit-learn: classes in one-hot columns, numbers standardized."""
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401
    from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer

    # Columns of a class that sum to 1 follow from each other: iterations never leave their start.
    features = _Features(code, train, first=1 if system == "IterativeImputer" else 0)
    found: Arrays = {
        **installed("scikit-learn"),
        "version": f"scikit-learn {version('scikit-learn')}",
    }
    if system != "IterativeImputer":
        model = {"SimpleImputer": SimpleImputer, "KNNImputer": KNNImputer}[system]()
        timed(found, "fit", lambda: model.fit(features.of(train)))
    for percent, rows in gaps.items():
        if system == "IterativeImputer":
            # It learns from rows with gaps, as many as it is to fill: of complete rows it learns only means.
            # Values stay within those of the training rows.
            whole = features.of(train)
            model = IterativeImputer(
                random_state=0, min_value=np.nanmin(whole, axis=0), max_value=np.nanmax(whole, axis=0)
            )
            gappy = features.of(np.where(hidden_cells(train, percent, 0), np.nan, train))
            timed(found, "fit", lambda gappy=gappy, model=model: model.fit(gappy))
        filled = timed(
            found,
            f"complete_{percent}",
            lambda rows=rows, model=model: model.transform(features.of(rows)),
        )
        found[f"completed_{percent}"] = np.where(np.isnan(rows), features.back(filled), rows)
    return found


class _Features:
    """Rows as standardized numbers and one-hot classes, and back.

    A class has a column for each label, from the first or the second on.
    """

    def __init__(self, code: Code, train: Floats, first: int) -> None:
        self.code, self.first = code, first
        self.numbers = [d for d, own in enumerate(code.is_class) if not own]
        self.classes = [d for d, own in enumerate(code.is_class) if own]
        self.mean = np.nanmean(train[:, self.numbers], axis=0)
        self.scale = np.nanstd(train[:, self.numbers], axis=0)
        self.scale[self.scale == 0] = 1.0
        # Labels of training rows: a column that is always 0 teaches nothing.
        self.labels = {d: np.unique(train[~np.isnan(train[:, d]), d]) for d in self.classes}

    def of(self, rows: Floats) -> Floats:
        """Return features."""
        columns = [(rows[:, self.numbers] - self.mean) / self.scale]
        for d in self.classes:
            ones = (rows[:, d, None] == self.labels[d][self.first :]).astype(np.float64)
            ones[np.isnan(rows[:, d])] = np.nan
            columns.append(ones)
        return np.concatenate(columns, axis=1)

    def back(self, features: Floats) -> Floats:
        """Return rows."""
        found = np.empty((len(features), len(self.code.names)))
        first = len(self.numbers)
        found[:, self.numbers] = features[:, :first] * self.scale + self.mean
        for d in self.classes:
            after = first + len(self.labels[d]) - self.first
            shares = features[:, first:after]
            if self.first:
                shares = np.column_stack([1 - shares.sum(axis=1), shares])
            found[:, d] = self.labels[d][shares.argmax(axis=1)]
            first = after
        return found
