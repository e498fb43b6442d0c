"""Synthetic tables and completed rows of `made`, beside those of the peers that people use.

Every table is cut into five folds: a fifth of the rows to test on, the next fifth as other real rows, and at
most 20,000 of the rest to fit to. Each system draws as many rows as it was fitted to, and completes test rows
of which some cells are hidden. Other real rows in place of synthetic ones show what perfect rows would reach.
A difference of two systems that is beyond two standard errors is said to be one.

Peers run in environments of their own, which ``--set-up`` makes. Every fit and every measurement is a job,
see `jobs`. Folds that an earlier run measured stay in the report beside those of this one.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from jobs import Job, read, run_jobs
from measure import machine, write
from synthetic_data import SETS, Code, load_set, parts_of
from synthetic_join import with_earlier
from synthetic_measures import completed, hidden_cells, measured
from synthetic_report import REAL, page_of, summary
from synthetic_systems import FOR_QUESTIONS, HIDDEN, IMPUTERS, OURS, PEERS, PeerError, answers, set_up
from table_data import FOLDS

_HERE = Path(__file__).parent
_SYSTEMS = (OURS, FOR_QUESTIONS, *PEERS, REAL, *IMPUTERS)
# About how many seconds a fit takes on one core, for the order of jobs.
_COSTS = {
    OURS: 200,
    FOR_QUESTIONS: 500,
    "TabularARGN": 400,
    "CTGAN": 900,
    "adversarial forest": 300,
    "Bayesian network": 40,
    "IterativeImputer": 200,
}
_FEW_ROWS = 400


def main() -> None:
    """Set up, or fit, measure, report."""
    options = _options()
    if options.set_up:
        set_up(options.environments, _HERE.parent / "constraints.txt")
        return
    failed: list[str] = []
    if not options.report:
        _forget_failures(options.jobs)
        jobs = [
            job
            for table in options.tables
            for system in options.systems
            for fold in options.folds
            for job in _jobs(table, system, fold, options)
        ]
        failed = run_jobs(jobs, work, options.jobs, options.processes)
    found = {table: summary(partial(_results, options.jobs, table), _SYSTEMS, OURS, HIDDEN) for table in SETS}
    earlier = json.loads(options.out.read_text())["tables"] if options.out.exists() else {}
    found = {table: with_earlier(own, earlier.get(table), OURS) for table, own in found.items()}
    found = {table: own for table, own in found.items() if own["systems"] or own["failed"]}
    write(options.out, {"tables": found, "machine": machine()})
    page = page_of(found, _SYSTEMS, OURS, HIDDEN)
    options.out.with_suffix(".md").write_text(page)
    print(page)
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)


def _options() -> argparse.Namespace:
    data = os.environ.get("MADE_DATA_DIR")
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--set-up", action="store_true", help="make the environments of peers, and end")
    arguments.add_argument("--environments", type=Path, default=Path("runs/environments"), metavar="DIR")
    arguments.add_argument("--data-dir", type=Path, default=data and Path(data), help="where adult.csv lies")
    arguments.add_argument(
        "--jobs", type=Path, default=Path("runs/synthetic"), help="where results of jobs go"
    )
    arguments.add_argument("--processes", type=int, default=1)
    arguments.add_argument("--tables", nargs="+", choices=list(SETS), default=list(SETS))
    arguments.add_argument("--systems", nargs="+", choices=_SYSTEMS, default=list(_SYSTEMS))
    arguments.add_argument(
        "--folds", nargs="+", type=int, choices=range(FOLDS), default=list(range(FOLDS)), help="from 0 on"
    )
    arguments.add_argument("--completed", type=int, default=500, help="test rows that are completed, at most")
    arguments.add_argument("--minutes", type=float, default=60, help="that a peer may take for a fold")
    arguments.add_argument("--quick", action="store_true", help="400 rows of each table, to see that it runs")
    arguments.add_argument("--report", action="store_true", help="only join what jobs have found")
    arguments.add_argument("-o", "--out", type=Path, default=_HERE / "results" / "synthetic.json")
    options = arguments.parse_args()
    options.environments = options.environments.absolute()
    return options


def _jobs(table: str, system: str, fold: int, options: argparse.Namespace) -> list[Job]:
    """Return the job that fits a system to a fold, and the one that measures what it draws and completes."""
    own = {"table": table, "system": system, "fold": fold, "data": options.data_dir, "quick": options.quick}
    own |= {"folder": options.jobs, "environments": options.environments, "most": options.completed}
    own["minutes"] = options.minutes
    fitted, found = (_name(table, system, fold, part) for part in ("fitted", "measured"))
    cost = _COSTS.get(system, 10)
    return [
        Job(fitted, {**own, "part": "fitted"}, cost, group=fold),
        Job(found, {**own, "part": "measured"}, 30, (fitted,), group=fold),
    ]


def _name(table: str, system: str, fold: int, part: str) -> str:
    return f"{table}/{system.replace(' ', '-')}-{fold}-{part}"


def _results(folder: Path, table: str, system: str, fold: int) -> dict[str, Any] | None:
    return read(folder, _name(table, system, fold, "measured"))


def _forget_failures(folder: Path) -> None:
    """Remove the results of systems that failed, which are tried again."""
    for file in folder.glob("*/*-measured.npz"):
        with np.load(file) as arrays:
            has_failed = "failed" in arrays
        if has_failed:
            file.unlink()
            file.with_name(file.name.replace("measured", "fitted")).unlink(missing_ok=True)


def work(
    part: str,
    table: str,
    system: str,
    fold: int,
    data: Path | None,
    folder: Path,
    environments: Path,
    most: int,
    minutes: float,
    quick: bool,
) -> dict[str, Any]:
    """Do a job: fit, draw and complete; or measure that."""
    frame = load_set(table, data)
    frame = frame.iloc[:_FEW_ROWS] if quick else frame
    code, parts = Code(frame), parts_of(frame, fold)
    if part == "fitted":
        if system == REAL:
            return {"drawn": code.encode(parts.other)}
        try:
            return answers(system, parts, code, fold, environments, most, minutes)
        except PeerError as error:
            print(f"{table}, {system}: {error}", flush=True)
            return {"failed": str(error)}
    own = read(folder, _name(table, system, fold, "fitted"))
    assert own is not None  # it was waited for
    train, test = code.encode(parts.train), code.encode(parts.test)
    kept = {key: value for key, value in own.items() if value.ndim == 0 and key != "seconds"}
    found: dict[str, Any] = {**kept, "n_train": len(train), "n_columns": train.shape[1], "n_test": len(test)}
    if "drawn" in own:
        whole = train if system == REAL else own["drawn"]
        found |= measured(code, SETS[table].target, own["drawn"], (train, test), whole)
    if "log mass" in own:
        found["log mass"] = own["log mass"]
    rows, scale = test[:most], np.nanstd(train, axis=0)
    for percent in HIDDEN:
        if (filled := own.get(f"completed_{percent}")) is not None:
            each = completed(code, filled, rows, hidden_cells(rows, percent, fold), scale)
            found |= {f"{key}_{percent}": value for key, value in each.items()}
        scores = (f"log score_{percent}", f"log score error_{percent}")
        found |= {key: own[key] for key in scores if key in own}
    return found


if __name__ == "__main__":
    main()
