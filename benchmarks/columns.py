"""Every column of adult given all others: one `made.auto_fit` model against a boosted model for each column.

`auto_fit` has nothing set and is fitted once. scikit-learn's HistGradientBoosting, with categories as such
and early stopping, is fitted to each column alone, on the same rows. Of a column that another one follows
from (education, education-num) the other is no feature, and unknown to made. The figure of a column of
classes is the mean AUC of each class of at least ten test rows against all others, that of a number R2.
Numbers are predicted by means in which, as in those of `MADERegressor`, values far beyond the range that was
seen count as its end.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fitted import add_options, features_of, fit, fit_job, fold_at, model_at, versions
from jobs import Job, read, run_jobs
from made.base import BaseModel
from made.queries.density import States
from made.queries.entry_distribution import Distribution
from made.queries.given_rest import distribution_given_rest
from made.queries.reach import in_reach
from made.queries.value_sets import value_sets
from made.variables.numeric import Numeric
from made.variables.rows import Rows
from measure import machine, write
from ranking import bootstrap_counts, compared, macro_auc, r2

_HERE = Path(__file__).parent
Floats = NDArray[np.float64]
_NAME, OURS, THEIRS = "adult", "made", "HistGradientBoosting"
TWINS = {"education": "education-num", "education-num": "education"}
_COLUMNS = (
    *("age", "workclass", "fnlwgt", "education", "education-num", "marital-status", "occupation"),
    *("relationship", "race", "sex", "capital-gain", "capital-loss", "hours-per-week", "native-country"),
    "fiftyk",
)
# Classes of fewer test rows are no part of the mean; rows asked together; a shortfall that hardly matters.
_FEWEST, _ROWS_AT_ONCE, _CLOSE = 10, 100, 0.01


def main() -> None:
    """Fit, predict, report."""
    arguments = argparse.ArgumentParser(description=__doc__)
    add_options(arguments)
    arguments.add_argument("--columns", nargs="+", choices=_COLUMNS, default=list(_COLUMNS))
    arguments.add_argument("-o", "--out", type=Path, default=_HERE / "results" / "columns.json")
    options = arguments.parse_args()
    own = {"data_dir": options.data_dir, "folder": options.jobs, "rows": options.rows}
    failed: list[str] = []
    if not options.report:
        jobs = [fit_job(_NAME, fold, **own) for fold in range(options.folds)]
        for fold in range(options.folds):
            for column in options.columns:
                about = {"part": "column", "name": _NAME, "fold": fold, "column": column, **own}
                jobs.append(Job(_job(column, fold), about, 60.0, (f"{_NAME}/fit-{fold}",)))
        failed = run_jobs(jobs, work, options.jobs, options.processes)
    found = {column: _summary(options.jobs, column, options.folds) for column in options.columns}
    there = {column: own for column, own in found.items() if own is not None}
    write(options.out, {"columns": there, "versions": versions(), "machine": machine()})
    options.out.with_suffix(".md").write_text(_table_of(there))
    print(_table_of(there))
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)


def work(
    part: str, name: str, fold: int, data_dir: Path | None, folder: Path, rows: int | None, column: str = ""
) -> dict[str, Any]:
    """Do a job: fit a fold, or predict a column of it."""
    if part == "fit":
        return fit(name, fold, data_dir, folder, rows)
    frame, own = fold_at(name, fold, data_dir, rows)
    model = model_at(name, fold, folder)
    target = list(frame).index(column)
    twin = list(frame).index(TWINS[column]) if column in TWINS else None
    pairs = None if twin is None else _pairs(model, own.train, target, twin)
    there = own.test[column].notna().to_numpy()
    test = own.test[there]
    features, wanted = features_of(frame), frame[column]
    if wanted.nunique() == 2:
        wanted = wanted.astype(str)
    features = features.drop(columns=[column, *([TWINS[column]] if twin is not None else [])])
    about = {"numbers": own.numbers[there], "n_train": len(own.train)}
    if pd.api.types.is_numeric_dtype(wanted):
        mine = means(model, model.rows(test), target, twin, pairs)
        other = _boosted(features, wanted, own.train.index, test.index, None)
        values = test[column].to_numpy(np.float64)
        return {OURS: mine, THEIRS: other, "wanted": values, **about}
    classes = np.array(sorted(wanted.dropna().unique()), dtype=object)
    mine = probabilities(model, model.rows(test), target, twin, pairs, classes)
    other = _boosted(features, wanted, own.train.index, test.index, classes)
    codes = np.searchsorted(classes.astype(str), wanted[test.index].to_numpy(str))
    return {OURS: mine, THEIRS: other, "wanted": codes, **about}


def probabilities(
    model: BaseModel,
    rows: Rows,
    target: int,
    twin: int | None,
    pairs: States | None,
    classes: NDArray[np.object_],
) -> Floats:
    """Return the probability of each class of a column given the others, (n, K)."""
    values = [None if each is None else str(each) for each in model.variables.discrete(target).values]
    # A class that the model has too few rows of to know it is improbable.
    places = [values.index(each) if each in values else len(values) for each in classes]
    parts = []
    for part in rows.batches(_ROWS_AT_ONCE):
        found = _given_others(model, part, target, twin, pairs)
        shares = np.zeros((len(part), max(len(values), int(found.codes.max())) + 1))
        np.add.at(shares, (np.arange(len(part))[:, None], found.codes), found.weights)
        parts.append(shares[:, places])
    whole = np.concatenate(parts)
    return whole / whole.sum(axis=1, keepdims=True)


def means(model: BaseModel, rows: Rows, target: int, twin: int | None, pairs: States | None) -> Floats:
    """Return the mean of a number given the other columns, (n,)."""
    block = model.variables.block_of(target)
    parts = []
    for part in rows.batches(_ROWS_AT_ONCE):
        found = _given_others(model, part, target, twin, pairs)
        weights = found.weights
        if isinstance(block, Numeric):
            if block.missing_code is not None:
                weights = np.where(found.codes == block.missing_code, 0.0, weights)
            values = block.floats_of(np.ascontiguousarray(found.bodies)).reshape(weights.shape)
            values = in_reach(model, target, values)
        else:
            of_codes = [
                np.nan if each is None else float(each) for each in model.variables.discrete(target).values
            ]
            values = np.array(of_codes)[found.codes]
        weights = np.where(np.isnan(values), 0.0, weights)
        parts.append((weights * np.nan_to_num(values)).sum(axis=1) / weights.sum(axis=1))
    return np.concatenate(parts)


def _pairs(model: BaseModel, train: pd.DataFrame, target: int, twin: int) -> States:
    """Return the states of one training row for each pair of values that two columns have together."""
    names = [train.columns[d] for d in (target, twin)]
    return States.of(model.rows(train[~train.duplicated(subset=names)]))


def _given_others(
    model: BaseModel, rows: Rows, target: int, twin: int | None, pairs: States | None
) -> Distribution:
    """Return the distribution of a column given all others, or all but its twin.

    Over the twin is summed, within the pairs of values that training rows have: one follows from the other.
    """
    own = value_sets(model.variables, None)[target]
    if twin is None or pairs is None:
        return distribution_given_rest(model, rows, target, own)
    numbers, shape = model.variables.numbers, (len(rows), len(pairs.codes))
    repeated = rows.repeat(shape[1])
    states = States.of(repeated)
    bodies = np.zeros(shape, dtype=np.int64)
    for d in (target, twin):
        states.codes[:, d] = np.tile(pairs.codes[:, d], shape[0])
        if numbers is not None and isinstance(model.variables.block_of(d), Numeric):
            place = numbers.number_of(d)
            states.bodies[:, place] = np.tile(pairs.bodies[:, place], shape[0])
            if d == target:
                bodies = np.broadcast_to(pairs.bodies[:, place], shape)
    joint = model.log_prob(states.rows(repeated)).numpy().reshape(shape)
    weights = np.exp(joint - np.logaddexp.reduce(joint, axis=1, keepdims=True))
    return Distribution(np.broadcast_to(pairs.codes[:, target], shape), bodies, weights, False)


def _boosted(
    features: pd.DataFrame,
    wanted: pd.Series,
    train: pd.Index,
    test: pd.Index,
    classes: NDArray[np.object_] | None,
) -> Floats:
    """Return what a boosted model of one column predicts: probabilities (n, K) of classes, or values (n,)."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    settings = {
        "categorical_features": "from_dtype",
        "early_stopping": True,
        "random_state": 0,
        "max_iter": 500,
    }
    known = wanted[train].notna()
    if classes is None:
        fitted = _converged(
            HistGradientBoostingRegressor, settings, features.loc[train][known], wanted[train][known]
        )
        return fitted.predict(features.loc[test])
    sizes = wanted[train].value_counts()
    known &= wanted[train].isin(sizes.index[sizes > 1])  # of one row no part can be set apart for validation
    fitted = _converged(
        HistGradientBoostingClassifier, settings, features.loc[train][known], wanted[train][known]
    )
    out = np.zeros((len(test), len(classes)))
    out[:, [list(classes).index(each) for each in fitted.classes_]] = fitted.predict_proba(features.loc[test])
    return out


def _converged(kind: Any, settings: dict[str, Any], features: pd.DataFrame, wanted: pd.Series) -> Any:
    """Return a fitted model; where no step was better than the start on validation rows, a penalized one.

    With classes of few rows the first steps of the defaults can be far too long.
    """
    found = kind(**settings).fit(features, wanted)
    if found.validation_score_.argmax() == 0:
        found = kind(**settings, l2_regularization=10.0).fit(features, wanted)
    return found


def _job(column: str, fold: int) -> str:
    return f"{_NAME}/column-{column}-{fold}"


def _summary(folder: Path, column: str, folds: int) -> dict[str, Any] | None:
    """Return the figures of a column over the folds that are done, whose rows are pooled."""
    done = [own for fold in range(folds) if (own := read(folder, _job(column, fold))) is not None]
    if not done:
        return None
    wanted = np.concatenate([own["wanted"] for own in done])
    predicted = {system: np.concatenate([own[system] for own in done]) for system in (OURS, THEIRS)}
    counts = bootstrap_counts(len(wanted))
    is_number = predicted[OURS].ndim == 1

    def measure(system: str) -> Floats:
        if is_number:
            return r2(predicted[system], wanted, counts)
        return macro_auc(predicted[system], wanted, counts, _FEWEST)

    found = compared(measure, OURS, THEIRS)
    return {
        "measure": "R2" if is_number else "AUC",
        **found,
        "within 0.01": found["difference"] >= -_CLOSE,
        "n_train": int(done[0]["n_train"]),
        "n_test": len(wanted),
        "folds": len(done),
        "seconds": [round(float(own["seconds"]), 1) for own in done],
    }


def _table_of(columns: dict[str, Any]) -> str:
    lines = [
        f"| column | test rows | measure | {OURS} | {THEIRS} | difference | {OURS} is | within 0.01 |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, own in columns.items():
        lines.append(
            f"| {name} | {own['n_test']:,} | {own['measure']} | {own[OURS]:.3f} | {own[THEIRS]:.3f} "
            f"| {own['difference']:+.3f} ± {own['error']:.3f} | {own['verdict']} "
            f"| {'yes' if own['within 0.01'] else 'no'} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
