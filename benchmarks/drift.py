"""How often `made.compare` is wrong where nothing has changed, and what it finds of planted changes.

Run with ``python benchmarks/drift.py ADULT.csv``: a small model of 10,000 rows of the Adult table, and tables
that are drawn from its other rows. Ten minutes on a busy core; ``--quick`` checks that it runs.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import polars

import made
from made.runs.drift import LEVEL, drift_between
from made.runs.table_features import Features, features_of

_HERE = Path(__file__).parent
_SPLITS, _REST = 200, 64


def main() -> None:
    """Measure, print, write."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("table", type=Path)
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("-o", "--out", type=Path, default=_HERE / "results" / "drift.json")
    options = arguments.parse_args()
    table = polars.read_csv(options.table, null_values="?").sample(fraction=1.0, shuffle=True, seed=0)
    fitted, others = table[: 1000 if options.quick else 10_000], table[10_000:]
    model = made.MADE(made.infer_schema(fitted), (64, 64), direct=True, orderings=2, seed=0)
    epochs = 1 if options.quick else 12
    made.fit(model, fitted[1000:] if not options.quick else fitted, fitted[:1000], epochs=epochs, seed=0)
    sizes, repeats = ((200,), 1) if options.quick else ((500, 2000), 6)
    results: dict[str, Any] = {"nll": -float(model.log_prob(others[:2000]).mean())}
    results["alarms"] = false_alarms(model, others[: 1000 if not options.quick else 100])
    print(json.dumps(results), flush=True)
    results["found"] = [
        found(model, others, name, change, column, n, repeats)
        for n in sizes
        for name, (column, change) in CHANGES.items()
    ]
    options.out.write_text(json.dumps(results, indent=1) + "\n")


def false_alarms(model: made.MADE, table: polars.DataFrame) -> dict[str, Any]:
    """Split one table at random again and again."""
    features = features_of(model, model.rows(table), rest=len(table) // 4)
    generator = np.random.default_rng(0)
    n, none = len(table), [{} for _ in range(model.n_variables)]
    p_rows, p_any = [], []
    for _ in range(_SPLITS):
        order = generator.permutation(n)
        drift = drift_between(model, _part(features, order[: n // 2]), _part(features, order[n // 2 :]), none)
        p_rows.append(drift.p_rows)
        p_any.append(drift.p)
    ordered, steps = np.sort(p_rows), np.arange(_SPLITS) / _SPLITS
    return {
        "n": n,
        "splits": _SPLITS,
        "p_rows below 0.05": float(np.mean(np.array(p_rows) < LEVEL)),
        "p below 0.05": float(np.mean(np.array(p_any) < LEVEL)),
        "largest distance from uniform": float(
            max((ordered - steps).max(), (steps + 1 / _SPLITS - ordered).max())
        ),
        "in one case of 20 beyond": 1.36 / math.sqrt(_SPLITS),
    }


def _part(features: Features, order: np.ndarray[Any, Any]) -> Features:
    """Return the features of some rows, in this order; of given_rest those of them that it is known of."""
    own: dict[str, Any] = {}
    for field in fields(features):
        values = getattr(features, field.name)
        if isinstance(values, np.ndarray):
            own[field.name] = values[order[order < len(values)]]
        else:
            own[field.name] = [None if part is None else part[order] for part in values]
    return Features(**own)


def _shifted(table: polars.DataFrame, generator: np.random.Generator) -> polars.DataFrame:
    more = polars.Series(np.where(generator.random(len(table)) < 0.1, 5, 0))
    return table.with_columns(polars.col("hours-per-week") + more)


def _broken(table: polars.DataFrame, generator: np.random.Generator) -> polars.DataFrame:
    order = generator.permutation(len(table))
    return table.with_columns(table["relationship"].gather(order))


def _new_label(table: polars.DataFrame, generator: np.random.Generator) -> polars.DataFrame:
    is_new = polars.Series(generator.random(len(table)) < 0.03)
    return table.with_columns(
        polars.when(is_new).then(polars.lit("Robot")).otherwise(polars.col("occupation")).alias("occupation")
    )


Change = Callable[[polars.DataFrame, np.random.Generator], polars.DataFrame]
#: By name: the column that changes, and how.
CHANGES: dict[str, tuple[str, Change]] = {
    "nothing": ("", lambda table, generator: table),
    "hours-per-week up by 5 in a tenth of the rows": ("hours-per-week", _shifted),
    "relationship dealt out anew": ("relationship", _broken),
    "3 % of occupations a new label": ("occupation", _new_label),
}


def found(
    model: made.MADE,
    others: polars.DataFrame,
    name: str,
    change: Change,
    column: str,
    n: int,
    repeats: int,
) -> dict[str, Any]:
    """Compare pairs of tables of n rows, of which the second is changed."""
    p, first, lost = [], [], []
    for repeat in range(repeats):
        generator = np.random.default_rng(repeat)
        picked = others[generator.choice(len(others), 2 * n, replace=False)]
        drift = made.compare(model, picked[:n], change(picked[n:], generator), rest=_REST, named=0)
        p.append(drift.p)
        first.append(drift.columns[0].name == column)
        lost.append(-drift.difference.value)
    result = {
        "change": name,
        "n": n,
        "repeats": repeats,
        "found at 5 %": float(np.mean(np.array(p) < LEVEL)),
        "named first": float(np.mean(first)),
        "median p": float(np.median(p)),
        "nats lost per row": float(np.mean(lost)),
    }
    print(json.dumps(result), flush=True)
    return result


if __name__ == "__main__":
    main()
