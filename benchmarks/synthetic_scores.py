"""Held-out log-masses in what `synthetic.py` reports: nats per row, those of a peer held against ours."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["OF_SCORES", "mean_of", "scores_of", "scores_table"]

Results = Mapping[str, Any]
_KEY = "log mass"
OF_SCORES = (
    "Mean log-mass of the cells that test rows stand for, in nats per row; a cell is as wide as the grid of "
    "its column in the whole table. Bins of TabularARGN and of the Bayesian network are uniform within, as "
    "they draw; what is beyond their training rows has the mass of the outermost bin. Rows with a missing "
    "number that TabularARGN writes in digits are left out of both: it scores random digits there.\n\n"
    "In brackets, how many folds."
)


def scores_of(own: Results, ours: Results | None) -> dict[str, Any]:
    """Return the mean log-mass of a system over the test rows of a fold, and how far ours is ahead."""
    return {_KEY: mean_of(own, ours, _KEY)} if _KEY in own else {}


def mean_of(own: Results, ours: Results | None, key: str) -> dict[str, Any]:
    """Return the mean of log-masses by row, how many there are, and how far ours is ahead."""
    found: dict[str, Any] = {"rows": int(np.isfinite(own[key]).sum()), **_mean(own[key])}
    if ours is not None and key in ours:
        n = min(len(own[key]), len(ours[key]))
        apart = _mean(np.subtract(ours[key][:n], own[key][:n]))
        found |= {"difference": apart["value"], "difference error": apart["error"]}
    return found


def _mean(values: Any) -> dict[str, float]:
    own = values[~np.isnan(values)]
    return {"value": float(own.mean()), "error": float(own.std(ddof=1) / math.sqrt(len(own)))}


def scores_table(tables: Mapping[str, Any]) -> str:
    """Return the figures in Markdown; empty if no system scored rows."""
    lines = [
        "| table | system | test rows | nats per row | ours is higher by | it is |",
        "|---|---|---|---|---|---|",
    ]
    for table, found in tables.items():
        for system, own in found["systems"].items():
            if (each := own.get("log mass")) is None:
                continue
            apart = ("", "")
            if "difference" in each:
                apart = (f"{each['difference']:+.3f} ± {each['difference error']:.3f}", each["ours is"])
            lines.append(
                f"| {table} | {system} ({len(own['folds'])}) | {each['rows']:,} "
                f"| {each['value']:.3f} ± {each['error']:.3f} | {apart[0]} | {apart[1]} |"
            )
    return "\n".join(lines) if len(lines) > 2 else ""
