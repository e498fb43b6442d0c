"""What `synthetic.py` reports: figures of every system, and where ours stands beside it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from synthetic_join import joined
from synthetic_scores import OF_SCORES, mean_of, scores_of, scores_table
from table_data import FOLDS

__all__ = ["REAL", "page_of", "summary"]

Floats = NDArray[np.float64]
Results = Mapping[str, Any]
REAL = "other real rows"
_N_BOOTSTRAP = 500
# Of the share of rows that are close: that of held-out rows.
_CLOSE = 0.05
_FAILURES = {
    "failed": "",
    "no score": ", no score",
    "no completion": ", no completion",
    "no log score": ", no log score",
}
_TIMES = ("fit", "first draw", "draw", "first score", "score")
_WORD = (
    "A word after a figure says where `{ours}` stands beside that system: ahead or behind by more than two "
    "standard errors of the difference, else level."
)
_OF_ROWS = (
    "*Two-sample AUC*: boosted trees tell drawn rows from test rows; 0.5 is perfect. *Predicts*: trees that "
    "are fitted to drawn rows predict a column of test rows; in the line of real rows they are fitted to the "
    "training rows. *Associations*: mean absolute error of Cramer's V of all pairs of columns. *Close*: "
    "drawn rows that are closer to a training row than 95 % of test rows are; 5 % is chance. *Distance*: "
    "median distance to the closest training row. *Copies*: drawn rows that equal a training row."
)
_OF_COMPLETIONS = (
    "*Accuracy* of labels, and *RMSE* of numbers in standard deviations, of cells of test rows that were "
    "hidden at random. Means of numbers, of TabularARGN those of 20 draws; CTGAN and arfpy complete no rows, "
    "and the Bayesian network was not asked to. *Log score*: mean log-mass of the hidden cells of a row "
    "given the others, in nats, where there is one: that of `made` is mostly estimated, those of made for "
    "questions and TabularARGN are of orders in which what is known comes first."
)
_OF_COSTS = (
    "Seconds of the processor, one thread: fit, so many rows drawn and scored, first and again, and 100 rows "
    "completed of which 30 % is hidden. A star marks seconds of the clock, on a busy machine. Size "
    "is that of all that is installed for it, so many packages."
)


class _Figure(NamedTuple):
    """A number with its standard error."""

    value: float
    error: float


class _Measure(NamedTuple):
    """One measure of the results of a fold.

    Attributes
    ----------
    of
        Returns it of one system.
    apart
        Returns by how much that of the second system is the higher one, over the same test rows.
    """

    of: Callable[[Results], _Figure]
    apart: Callable[[Results, Results], _Figure]


def _part(values: Floats) -> tuple[float, float]:
    """Return a mean and its variance."""
    return float(values.mean()), float(values.var(ddof=1) / len(values))


def _two(own: Results) -> _Figure:
    (mean, first), (_, second) = _part(own["two drawn"]), _part(own["two test"])
    return _Figure(mean, math.sqrt(first + second))


def _two_apart(ours: Results, theirs: Results) -> _Figure:
    moved, of_test = _part(theirs["two test"] - ours["two test"])
    of_drawn = _part(ours["two drawn"])[1] + _part(theirs["two drawn"])[1]
    return _Figure(moved, math.sqrt(of_test + of_drawn))


def _utility(own: Results) -> _Figure:
    if "R2" in own:
        mean, variance = _part(own["R2 errors"])
        return _Figure(1 - mean / float(own["R2 variance"]), math.sqrt(variance) / float(own["R2 variance"]))
    (mean, first), (_, second) = _part(own["utility higher"]), _part(own["utility lower"])
    return _Figure(mean, math.sqrt(first + second))


def _utility_apart(ours: Results, theirs: Results) -> _Figure:
    if "R2" in ours:
        mean, variance = _part(ours["R2 errors"] - theirs["R2 errors"])
        return _Figure(mean / float(ours["R2 variance"]), math.sqrt(variance) / float(ours["R2 variance"]))
    mean, first = _part(theirs["utility higher"] - ours["utility higher"])
    return _Figure(mean, math.sqrt(first + _part(theirs["utility lower"] - ours["utility lower"])[1]))


_RESAMPLED = "association, resampled"


def _association(own: Results) -> _Figure:
    return _Figure(float(own["association"]), float(own[_RESAMPLED].std(ddof=1)))


def _association_apart(ours: Results, theirs: Results) -> _Figure:
    moved = theirs[_RESAMPLED] - ours[_RESAMPLED]
    return _Figure(float(theirs["association"] - ours["association"]), float(moved.std(ddof=1)))


_MEASURES = {
    "two-sample AUC": _Measure(_two, _two_apart),
    "predicts": _Measure(_utility, _utility_apart),
    "association error": _Measure(_association, _association_apart),
}


def summary(
    results: Callable[[str, int], dict[str, Any] | None],
    systems: Sequence[str],
    ours: str,
    hidden: Sequence[int],
) -> dict[str, Any]:
    """Return the figures of each system and fold of a table, see `synthetic_join`.

    Parameters
    ----------
    results : callable
        Returns those of the jobs on a system and a fold; None where there are none.
    systems : sequence of str
        Their names.
    ours : str
        The system that the others are held against, on the folds that both have.
    hidden : sequence of int
        Percent of the cells that were hidden.
    """
    found: dict[str, Any] = {"systems": {}, "failed": {}}
    of_ours: dict[int, Results] = {}
    for system in (ours, *(own for own in systems if own != ours)):
        own = {k: each for k in range(FOLDS) if (each := results(system, k)) is not None}
        failed = [
            f"fold {k + 1}{what}: {each[key]}"
            for k, each in own.items()
            for key, what in _FAILURES.items()
            if key in each
        ]
        if failed:
            found["failed"][system] = "; ".join(failed)
        done = {k: each for k, each in own.items() if "failed" not in each}
        of_ours = done if system == ours else of_ours
        for k, each in done.items():
            found |= {key: int(each[key]) for key in ("n_train", "n_columns", "n_test")}
            found["predicts"] = "R2" if "R2" in each else found.get("predicts", "AUC")
            figures = _of_system(each, None if system == ours else of_ours.get(k), hidden)
            found["systems"].setdefault(system, []).append({"folds": [k], **figures})
    return found


def _of_system(own: Results, ours: Results | None, hidden: Sequence[int]) -> dict[str, Any]:
    """Return the figures of a system on a fold, and the differences from ours."""
    found: dict[str, Any] = {what: round(float(own[what]), 2) for what in _TIMES if what in own}
    if "rows timed" in own:
        found["rows timed"] = int(own["rows timed"])
    found |= {"packages": int(own["packages"])} if "packages" in own else {}
    if "size" in own:
        found["size"] = round(float(own["size"]), 1)
        found["seconds are of"] = "processor" if "fit, clock" in own else "clock"
    found |= {key: str(own[key]) for key in ("version",) if key in own}
    found |= scores_of(own, ours)
    if "association" in own:
        for name, measure in _MEASURES.items():
            apart = None if ours is None else measure.apart(ours, own)
            found[name] = _figures(measure.of(own), apart)
        found |= _audit(own)
    for percent in hidden:
        if (key := f"right_{percent}") in own:
            other = ours if ours is not None and key in ours else None
            found[f"completed {percent} %"] = _completed(own, other, percent)
    return found


def _figures(own: _Figure, apart: _Figure | None) -> dict[str, float]:
    found = {"value": own.value, "error": own.error}
    return found if apart is None else found | {"difference": apart.value, "difference error": apart.error}


def _audit(own: Results) -> dict[str, Any]:
    """Return how close drawn rows are to training rows."""
    keys = ("closest", "closest, test", "close", "copies", "copies, test")
    error = math.sqrt(2 * _CLOSE * (1 - _CLOSE) / int(own["close, rows"]))
    return {"audit": {**{key: float(own[key]) for key in keys}, "close error": error}}


def _completed(own: Results, ours: Results | None, percent: int) -> dict[str, Any]:
    """Return the share of labels that are right and the error of numbers, by a bootstrap over rows."""
    n = len(own[f"right_{percent}"])
    found: dict[str, Any] = {"rows": n}
    if (key := f"complete_{percent}") in own:
        found["seconds of 100 rows"] = 100 * float(own[key]) / n
    if (key := f"log score_{percent}") in own:
        found["log score"] = mean_of(own, ours, key)
        if (error := f"log score error_{percent}") in own:
            found["log score"]["of estimates"] = float(np.median(own[error]))
    for name, of in (("accuracy", _accuracy), ("RMSE", _rmse)):
        value, again = of(own, percent)
        if math.isnan(value):
            continue
        apart = None
        if ours is not None:
            (mine, mine_again), (other, other_again) = (
                of(side, percent) for side in _same_rows(ours, own, percent)
            )
            apart = _Figure(other - mine, float((other_again - mine_again).std(ddof=1)))
        found[name] = _figures(_Figure(value, float(again.std(ddof=1))), apart)
    return found


def _same_rows(ours: Results, theirs: Results, percent: int) -> tuple[Results, Results]:
    """Return the completions of the rows that both systems have: the first of a fold, with the same gaps."""
    keys = [f"{key}_{percent}" for key in ("right", "labels", "squares", "numbers")]
    n = min(len(own[keys[0]]) for own in (ours, theirs))
    if not np.array_equal(ours[keys[1]][:n], theirs[keys[1]][:n]):
        raise ValueError("the completions are of different rows: begin anew in an empty folder of jobs")
    first, second = ({key: own[key][:n] for key in keys} for own in (ours, theirs))
    return first, second


def _accuracy(own: Results, percent: int) -> tuple[float, Floats]:
    return _ratio(own, f"right_{percent}", f"labels_{percent}")


def _rmse(own: Results, percent: int) -> tuple[float, Floats]:
    value, again = _ratio(own, f"squares_{percent}", f"numbers_{percent}")
    return math.sqrt(value), np.sqrt(again)


def _ratio(own: Results, above: str, below: str) -> tuple[float, Floats]:
    """Return a ratio of sums over rows, and of rows drawn with replacement; NaN where nothing is summed."""
    top, bottom = (np.asarray(own[key], dtype=np.float64) for key in (above, below))
    if not bottom.sum():
        return math.nan, np.full(_N_BOOTSTRAP, np.nan)
    n = len(top)
    counts = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=_N_BOOTSTRAP)
    return float(top.sum() / bottom.sum()), (counts @ top) / (counts @ bottom)


def page_of(found: Mapping[str, Any], systems: Sequence[str], ours: str, hidden: Sequence[int]) -> str:
    """Return all figures in Markdown, joined over folds."""
    tables = {name: _joined(own, systems) for name, own in found.items()}
    parts = [
        _WORD.format(ours=ours),
        *(("## Held-out rows", OF_SCORES, scores) if (scores := scores_table(tables)) else ()),
        "## Synthetic rows",
        _OF_ROWS,
        _synthetic(tables),
        "## Completed rows",
        _OF_COMPLETIONS,
        _completions(tables, hidden),
        "## Seconds and size",
        _OF_COSTS,
        _costs(tables),
    ]
    if failed := [
        f"- {table}, {system}: {reason}"
        for table, found in tables.items()
        for system, reason in found["failed"].items()
    ]:
        parts += ["## What failed, or was not measured", "\n".join(failed) + "\n"]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def _joined(found: Mapping[str, Any], systems: Sequence[str]) -> dict[str, Any]:
    absent = [own for own in systems if own not in found["systems"] and own not in found["failed"]]
    parts = {own: joined(found["systems"][own]) for own in systems if own in found["systems"]}
    return {**found, "systems": parts, "failed": found["failed"] | dict.fromkeys(absent, "not measured")}


def _cell(figures: Mapping[str, Any] | None) -> str:
    if figures is None:
        return ""
    word = f", {figures['ours is']}" if "ours is" in figures else ""
    return f"{figures['value']:.3f} ± {figures['error']:.3f}{word}"


def _named(system: str, own: Mapping[str, Any]) -> str:
    n = len(own["folds"])
    return f"{system} ({n} fold{'s' if n > 1 else ''})"


def _synthetic(tables: Mapping[str, Any]) -> str:
    lines = [
        "| table | training rows x columns | system | two-sample AUC | predicts | associations | close "
        "| distance (test rows) | copies (test rows) |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for table, found in tables.items():
        for system, own in found["systems"].items():
            if "audit" not in own:
                continue
            audit = own["audit"]
            lines.append(
                f"| {table} | {found['n_train']:,} x {found['n_columns']} | {_named(system, own)} "
                f"| {_cell(own['two-sample AUC'])} | {found['predicts']} {_cell(own['predicts'])} "
                f"| {_cell(own['association error'])} | {audit['close']:.1%} ± {audit['close error']:.1%} "
                f"| {audit['closest']:.4f} ({audit['closest, test']:.4f}) "
                f"| {audit['copies']:.2%} ({audit['copies, test']:.2%}) |"
            )
    return "\n".join(lines)


def _completions(tables: Mapping[str, Any], hidden: Sequence[int]) -> str:
    lines = [
        "| table | hidden | rows | system | accuracy | RMSE | log score |",
        "|---|---|---|---|---|---|---|",
    ]
    for table, found in tables.items():
        for percent in hidden:
            for system, own in found["systems"].items():
                if (each := own.get(f"completed {percent} %")) is not None:
                    lines.append(
                        f"| {table} | {percent} % | {each['rows']:,} | {_named(system, own)} "
                        f"| {_cell(each.get('accuracy'))} | {_cell(each.get('RMSE'))} "
                        f"| {_cell(each.get('log score'))} |"
                    )
    return "\n".join(lines)


def _costs(tables: Mapping[str, Any]) -> str:
    lines = [
        "| table | system | fit | rows | first draw | draw | first score | score | complete | MB "
        "| packages |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for table, found in tables.items():
        for system, own in found["systems"].items():
            if "size" not in own:
                continue
            fit, *times = (f"{own[what]:.1f}" if what in own else "" for what in _TIMES)
            rows = f"{own['rows timed']:,.0f}" if "rows timed" in own else ""
            seconds = own.get("completed 30 %", {}).get("seconds of 100 rows")
            filled = "" if seconds is None else f"{seconds:.1f}"
            star = " *" if own["seconds are of"] == "clock" else ""
            packages = f"{own['packages']:.0f}" if "packages" in own else ""
            cells = [table, f"{system}{star}", fit, rows, *times, filled, f"{own['size']:,.0f}", packages]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
