"""Planted anomalies: how well `made.auto_fit`, an isolation forest and local outlier factors rank them.

Test rows are compared with altered ones: two entries are those of another test row (among the entries in
which the two rows differ), or every entry is that of a row of its own, which leaves the marginals alone.
As in twenty rounds, in each of which another 5 % of the rows are altered: every row is scored as it is and
altered, and the AUC is that of all pairs. The detectors are fitted to the training rows: made with nothing
set, the others to standardized numbers beside one-hot coded classes.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import made
from fitted import add_options, features_of, fit, fit_job, fold_at, model_at, versions
from jobs import Job, read, run_jobs
from measure import machine, write
from ranking import auc, bootstrap_counts, compared

_HERE = Path(__file__).parent
Floats = NDArray[np.float64]
_TABLES = ("adult", "magic", "satimage", "german")
_OURS, _ODDEST = "made", "made, oddest entry"
_PEERS = ("IsolationForest", "LocalOutlierFactor")
_KINDS = ("two entries", "marginals")
_ALTERED = 2


def main() -> None:
    """Fit, score, report."""
    arguments = argparse.ArgumentParser(description=__doc__)
    add_options(arguments)
    arguments.add_argument("--tables", nargs="+", choices=_TABLES, default=list(_TABLES))
    arguments.add_argument("--odd-rows", type=int, default=0, help="so many rows of a fold by oddest entry")
    arguments.add_argument("-o", "--out", type=Path, default=_HERE / "results" / "anomalies.json")
    options = arguments.parse_args()
    own = {"data_dir": options.data_dir, "folder": options.jobs, "rows": options.rows}
    failed: list[str] = []
    if not options.report:
        jobs = []
        for name in options.tables:
            for fold in range(options.folds):
                jobs.append(fit_job(name, fold, **own))
                about = {"name": name, "fold": fold, **own}
                parts = {"score": {}} | ({"odd": {"n_odd": options.odd_rows}} if options.odd_rows else {})
                for part, more in parts.items():
                    needs = (f"{name}/fit-{fold}",)
                    jobs.append(Job(f"{name}/{part}-{fold}", {"part": part, **about, **more}, 60.0, needs))
        failed = run_jobs(jobs, work, options.jobs, options.processes)
    found = {name: own for name in options.tables if (own := _summary(options.jobs, name, options.folds))}
    write(options.out, {"tables": found, "versions": versions(), "machine": machine()})
    options.out.with_suffix(".md").write_text(_table_of(found))
    print(_table_of(found))
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)


def work(
    part: str,
    name: str,
    fold: int,
    data_dir: Path | None,
    folder: Path,
    rows: int | None,
    n_odd: int = 0,
) -> dict[str, Any]:
    """Do a job: fit a fold, or score its test rows as they are and altered."""
    if part == "fit":
        return fit(name, fold, data_dir, folder, rows)
    frame, own = fold_at(name, fold, data_dir, rows)
    model = model_at(name, fold, folder)
    kinds = {"as they are": own.test, **{kind: altered(own.test, kind, fold) for kind in _KINDS}}
    found: dict[str, Any] = {"n_train": len(own.train), "n_columns": frame.shape[1]}
    if part == "odd":
        for kind, test in kinds.items():
            surprise = made.odd_entries(model, test[:n_odd]).surprise
            found[f"{_ODDEST}/{kind}"] = np.nanmax(surprise, axis=1)
        return found
    began = time.monotonic()
    for kind, test in kinds.items():
        found[f"{_OURS}/{kind}"] = -model.log_prob(test).numpy()
    found[f"seconds/{_OURS}"] = time.monotonic() - began
    encoded = _encoded([own.train, *kinds.values()])
    for system in _PEERS:
        began = time.monotonic()
        detector = _detector(system, fold).fit(encoded[0])
        for kind, values in zip(kinds, encoded[1:], strict=True):
            found[f"{system}/{kind}"] = -detector.score_samples(values)
        found[f"seconds/{system}"] = time.monotonic() - began
    return found


def altered(test: pd.DataFrame, kind: str, seed: int) -> pd.DataFrame:
    """Return rows with two entries each of another row, or with every entry of a row of its own."""
    draw = np.random.default_rng([seed, _KINDS.index(kind)])
    n, n_columns = test.shape
    columns = [test[name].to_numpy(copy=True) for name in test]
    if kind == "marginals":
        mixed = [column[draw.permutation(n)] for column in columns]
    else:
        other = (np.arange(n) + draw.integers(1, n, size=n)) % n
        differs = np.stack([_differ(column, column[other]) for column in columns], axis=1)
        order = np.where(differs, draw.random((n, n_columns)), 2.0).argsort(axis=1)[:, :_ALTERED]
        chosen = np.zeros((n, n_columns), dtype=bool)
        np.put_along_axis(chosen, order, True, axis=1)
        mixed = [np.where(chosen[:, d], column[other], column) for d, column in enumerate(columns)]
    return pd.DataFrame(dict(zip(test, mixed, strict=True)), index=test.index)


def _differ(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.bool_]:
    """Return where two columns differ; gaps are alike."""
    return (one != other) & ~(pd.isna(one) & pd.isna(other))


def _encoded(frames: list[pd.DataFrame]) -> list[Floats]:
    """Return standardized numbers beside one-hot coded classes, scaled as the first of the tables."""
    whole = pd.concat(frames, ignore_index=True)
    coded = pd.get_dummies(features_of(whole), dummy_na=False, dtype=float).to_numpy(np.float64, copy=True)
    numeric = [name for name in whole if pd.api.types.is_numeric_dtype(whole[name])]
    first = coded[: len(frames[0]), : len(numeric)]
    mean, scale = first.mean(axis=0), first.std(axis=0)
    coded[:, : len(numeric)] = (coded[:, : len(numeric)] - mean) / np.where(scale > 0, scale, 1.0)
    return np.split(coded, np.cumsum([len(frame) for frame in frames])[:-1])


def _detector(system: str, seed: int) -> Any:
    if system == "IsolationForest":
        from sklearn.ensemble import IsolationForest

        return IsolationForest(n_estimators=300, random_state=seed)
    from sklearn.neighbors import LocalOutlierFactor

    return LocalOutlierFactor(novelty=True)


def _summary(folder: Path, name: str, folds: int) -> dict[str, Any] | None:
    """Return the figures of a table over the folds that are done."""
    done = {fold: own for fold in range(folds) if (own := read(folder, f"{name}/score-{fold}")) is not None}
    if not done:
        return None
    first = next(iter(done.values()))
    found: dict[str, Any] = {key: int(first[key]) for key in ("n_train", "n_columns")}
    seconds = [key for key in first if key.startswith("seconds/")]
    found["seconds"] = {key.partition("/")[2]: round(float(first[key]), 1) for key in seconds}
    parts = [{key: own[key] for key in own if own[key].ndim} for own in done.values()]
    found["kinds"] = {kind: _compared(parts, kind, _OURS, _PEERS) for kind in _KINDS}
    odd = [(own, read(folder, f"{name}/odd-{fold}")) for fold, own in done.items()]
    both = [_cut(own, other) for own, other in odd if other is not None]
    if both:
        found["oddest entry"] = {kind: _compared(both, kind, _ODDEST, (_OURS, *_PEERS)) for kind in _KINDS}
    return found


def _cut(own: dict[str, Any], odd: dict[str, Any]) -> dict[str, Any]:
    """Return the scores of the rows whose oddest entry is known."""
    scores = {key: odd[key] for key in odd if odd[key].ndim}
    n = len(next(iter(scores.values())))
    return {**{key: own[key][:n] for key in own if own[key].ndim}, **scores}


def _compared(parts: list[dict[str, Any]], kind: str, ours: str, peers: tuple[str, ...]) -> dict[str, Any]:
    """Return AUCs and paired differences, the mean over folds; rows are drawn again within a fold."""
    sizes = [len(own[f"{ours}/{kind}"]) for own in parts]
    counts = [bootstrap_counts(n, seed) for seed, n in enumerate(sizes)]

    def measure(system: str) -> Floats:
        each = [
            _auc(own[f"{system}/as they are"], own[f"{system}/{kind}"], count)
            for own, count in zip(parts, counts, strict=True)
        ]
        return np.mean(each, axis=0)

    return {"n_test": sum(sizes), **{peer: compared(measure, ours, peer) for peer in peers}}


def _auc(plain: Floats, planted: Floats, counts: Floats) -> Floats:
    """Return the AUC of altered rows against rows as they are, (B,)."""
    nothing = np.zeros_like(counts)
    positive, negative = np.hstack([nothing, counts]), np.hstack([counts, nothing])
    return auc(np.concatenate([plain, planted]), positive, negative)


def _table_of(tables: dict[str, Any]) -> str:
    lines = [
        "| table | training rows x columns | test rows | altered | detector | AUC | other detector | AUC "
        "| difference | the first is |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, found in tables.items():
        for ours, kinds in ((_OURS, found["kinds"]), (_ODDEST, found.get("oddest entry", {}))):
            for kind, own in kinds.items():
                for peer, each in own.items():
                    if peer == "n_test":
                        continue
                    size = f"{found['n_train']:,} x {found['n_columns']}"
                    lines.append(
                        f"| {name} | {size} | {own['n_test']:,} | {kind} "
                        f"| {ours} | {each[ours]:.3f} | {peer} | {each[peer]:.3f} "
                        f"| {each['difference']:+.3f} ± {each['error']:.3f} | {each['verdict']} |"
                    )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
