"""Which distribution of a number's body is best: made's mixture of normals, equal bins, or splines.

All are fitted as `auto_fit` would: its network, and the first of the settings it compares, for tables of up
to 1,000 training rows the first two, of which validation rows choose. Only the distribution and the start
differ: all start as the product of the marginals, the mixture also as the Gaussian copula. Of bins,
validation rows choose number and smoothing as well; above 1,000 rows there are 20, smoothed little. Tables,
folds and comparisons are those of `tables.py`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np

import made
from head_kinds import Kind, bins, in_place, mixture, spline
from jobs import Job, read, run_jobs
from made.training.held_out import set_apart
from made.tuning.candidates import candidates
from made.tuning.pipeline import Pipeline
from made.variables.rows import Rows
from measure import machine, write
from table_data import FOLDS, TABLES, Fold, fold_of, load, schema_of
from table_report import summary, table_of

_HERE = Path(__file__).parent
_OURS = "normals"
_ROWS_FOR_TWO = 1_000
_LARGE, _SMALL = 60, 15  # seconds of a fit, about


class _Head(NamedTuple):
    """Kinds of distributions, of which validation rows choose, and how a model starts."""

    kinds: Sequence[Kind]
    is_copula: bool = False


HEADS = {
    _OURS: _Head([mixture()]),
    "normals from the copula": _Head([mixture()], is_copula=True),
    "bins": _Head([bins(n, share) for n in (8, 20) for share in (3e-2, 1e-3)]),
    "spline": _Head([spline(8)]),
}


def main() -> None:
    """Fit, score, report."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--data", type=Path, metavar="DIR", help="read the tables from there")
    arguments.add_argument("--jobs", type=Path, default=Path("runs/heads"), help="where results of jobs go")
    arguments.add_argument("--processes", type=int, default=1)
    arguments.add_argument("--tables", nargs="+", choices=list(TABLES), default=list(TABLES))
    arguments.add_argument("--heads", nargs="+", choices=list(HEADS), default=list(HEADS))
    arguments.add_argument("--folds", type=int, default=FOLDS, help="the first so many of the five")
    arguments.add_argument("--report", action="store_true", help="only join what jobs have found")
    arguments.add_argument("-o", "--out", type=Path, default=_HERE / "results" / "heads.json")
    options = arguments.parse_args()
    jobs = [
        # The first folds of all tables before the second ones.
        _job(table, head, fold, options.data)
        for fold in range(options.folds)
        for table in options.tables
        for head in options.heads
    ]
    failed = [] if options.report else run_jobs(jobs, work, options.jobs, options.processes)
    found = {
        table: summary(partial(_results, options.jobs, table), options.heads, _OURS)
        for table in options.tables
    }
    write(options.out, {"tables": found, "made": made.__version__, "machine": machine()})
    options.out.with_suffix(".md").write_text(table_of(found, _OURS))
    print(table_of(found, _OURS))
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)


def _job(table: str, head: str, fold: int, data: Path | None) -> Job:
    n_fits = len(_kinds(table, head))
    cost = n_fits * (_LARGE if TABLES[table].n_rows > _ROWS_FOR_TWO else 2 * _SMALL)
    own = {"table": table, "head": head, "fold": fold, "data": data}
    return Job(_name(table, head, fold), own, cost, group=fold)


def _kinds(table: str, head: str) -> Sequence[Kind]:
    """Return what is fitted: of many rows, on which smoothing hardly matters, the last kind alone."""
    return HEADS[head].kinds[-1 if TABLES[table].n_rows > _ROWS_FOR_TWO else 0 :]


def _name(table: str, head: str, fold: int) -> str:
    return f"{table}/{head.replace(' ', '-')}-{fold}"


def _results(folder: Path, table: str, head: str, fold: int) -> dict[str, Any] | None:
    return read(folder, _name(table, head, fold))


def work(table: str, head: str, fold: int, data: Path | None) -> dict[str, Any]:
    """Fit all kinds of a head, and score the test rows under that which is best on validation rows."""
    frame = load(table, data)
    own = fold_of(frame, fold, TABLES[table].most_test)
    best: dict[str, Any] = {"valid": np.inf}
    for number, kind in enumerate(_kinds(table, head)):
        with in_place(kind):
            found = _fitted(schema_of(frame, own), own, is_copula=HEADS[head].is_copula)
        if found["valid"] < best["valid"]:
            best = {**found, "kind": number}
    return {**best, "numbers": own.numbers, "n_train": len(own.train), "n_columns": frame.shape[1]}


def _fitted(schema: made.Schema, own: Fold, *, is_copula: bool) -> dict[str, Any]:
    """Fit with one or two settings, and return the log p of the test rows under the better one."""
    rows = schema.encode(own.train)
    schema = schema.fitted(rows)
    parts = set_apart(rows, seed=0)
    pipeline = Pipeline(schema, cast("Rows", parts.train), cast("Rows", parts.valid))
    tried = candidates(pipeline.facts)[: 2 if len(own.train) <= _ROWS_FOR_TWO else 1]
    best: dict[str, Any] = {"valid": np.inf}
    for candidate in tried:
        model = pipeline.build(replace(candidate, is_copula=is_copula))
        history = pipeline.fit(model, {**candidate.training, "seed": 0})
        valid = min(history.valid_nll)
        if valid < best["valid"]:
            best = {"valid": valid, "log_prob": model.log_prob(own.test).numpy()}
    return best


if __name__ == "__main__":
    main()
