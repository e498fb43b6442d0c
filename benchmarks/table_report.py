"""What `tables.py` and `heads.py` report: differences of systems over the same rows, as JSON and Markdown."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from table_data import FOLDS

__all__ = ["difference", "summary", "table_of", "verdict"]

Floats = NDArray[np.float64]
_ERRORS_APART = 2.0


def difference(ours: Floats, theirs: Floats) -> dict[str, Any]:
    """Return by how many nats a row our log-probabilities are the higher ones, and what follows from it.

    Examples
    --------
    >>> difference(np.array([-1.0, -2.0, -1.0]), np.array([-2.0, -3.5, -2.5]))["verdict"]
    'ahead'
    """
    each = ours - theirs
    mean, error = float(each.mean()), float(each.std(ddof=1) / math.sqrt(len(each)))
    return {"difference": mean, "error": error, "verdict": verdict(mean, error)}


def verdict(better_by: float, error: float) -> str:
    """Say whether a difference is beyond two standard errors.

    Examples
    --------
    >>> verdict(0.5, 0.2), verdict(-0.5, 0.2), verdict(0.5, 0.3)
    ('ahead', 'behind', 'level')
    """
    return "level" if not abs(better_by) > _ERRORS_APART * error else "ahead" if better_by > 0 else "behind"


def summary(
    results: Callable[[str, int], dict[str, Any] | None], systems: Sequence[str], ours: str
) -> dict[str, Any]:
    """Join the results of jobs on one table.

    Parameters
    ----------
    results : callable
        Returns those of a system and a fold; None where there are none.
    systems : sequence of str
        Their names.
    ours : str
        The system that the others are held against, on the folds that both have.
    """
    found: dict[str, Any] = {"systems": {}}
    by_fold = {system: {fold: results(system, fold) for fold in range(FOLDS)} for system in systems}
    for system, folds in by_fold.items():
        done = {fold: own for fold, own in folds.items() if own is not None}
        if not done:
            continue
        first = next(iter(done.values()))
        found |= {"n_train": int(first["n_train"]), "n_columns": int(first["n_columns"])}
        own = _of_system(done)
        both = [fold for fold in done if by_fold.get(ours, {}).get(fold) is not None]
        if system != ours and both:
            pairs = [_paired(by_fold[ours][fold], done[fold]) for fold in both]
            own |= difference(*(np.concatenate(part) for part in zip(*pairs, strict=True)))
            own["difference by fold"] = [float(np.mean(mine - other)) for mine, other in pairs]
        found["systems"][system] = own
    return found


def _of_system(folds: Mapping[int, dict[str, Any]]) -> dict[str, Any]:
    """Return what is known of one system alone."""
    log_prob = np.concatenate([own["log_prob"] for own in folds.values()])
    found = {
        "nll": -float(log_prob.mean()),
        "nll error": float(log_prob.std(ddof=1) / math.sqrt(len(log_prob))),
        "n_test": len(log_prob),
        "folds": sorted(folds),
        "seconds": [round(float(own["seconds"]), 1) for own in folds.values()],
    }
    if "n_draws" in (first := next(iter(folds.values()))):
        found["draws"] = [int(own["n_draws"]) for own in folds.values()]
        found["moved"] = [round(float(own["moved"]), 4) for own in folds.values()]
        found["setting"] = json.loads(str(first["setting"]))
    return found


def _paired(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> tuple[Floats, Floats]:
    if not np.array_equal(ours["numbers"], theirs["numbers"]):
        raise ValueError("the results are of different rows: begin anew in an empty folder of jobs")
    return ours["log_prob"], theirs["log_prob"]


def table_of(tables: Mapping[str, Any], ours: str) -> str:
    """Return the figures as a table in Markdown: a line for each other system."""
    lines = [
        f"| table | rows x columns | test rows | {ours}, NLL in nats a row "
        f"| other system | NLL | difference | {ours} is |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, found in tables.items():
        mine = found["systems"].get(ours)
        for system, own in found["systems"].items():
            if system == ours or mine is None or "verdict" not in own:
                continue
            size = f"{found['n_train']:,} x {found['n_columns']}"
            partly = "" if len(own["folds"]) == FOLDS else f" ({len(own['folds'])} folds)"
            capped = " *" if max(own.get("moved", [0.0])) >= 0.01 else ""
            lines.append(
                f"| {name} | {size} | {own['n_test']:,} | {mine['nll']:.3f} | {system}{partly}{capped} "
                f"| {own['nll']:.3f} | {own['difference']:+.3f} ± {own['error']:.3f} | {own['verdict']} |"
            )
    return "\n".join(lines) + "\n"
