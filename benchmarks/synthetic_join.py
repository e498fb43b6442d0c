"""Figures of single folds, joined: folds may be measured in several runs, on several days.

The figures of a system are a list of parts, each over some folds. What is joined is the mean over folds, its
error that of the mean of independent figures; for the test rows of folds are different ones.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from table_report import verdict

__all__ = ["joined", "with_earlier"]

Figures = dict[str, Any]
# What counts rows is summed; what is no number is the first part's.
_SUMMED = ("rows",)
_LOWER_IS_BETTER = ("two-sample AUC", "association error", "RMSE")
# Differences of these are ours less theirs.
_OURS_FIRST = ("log mass", "log score")


def with_earlier(now: Mapping[str, Any], earlier: Mapping[str, Any] | None, ours: str) -> Figures:
    """Return what was found of a table now, with earlier parts of other folds.

    Where ours was fitted anew, an earlier difference of another system from it is left out.

    Examples
    --------
    >>> old = {"systems": {"a": [{"folds": [0], "fit": 1}, {"folds": [1], "fit": 2}]}, "failed": {}}
    >>> with_earlier({"systems": {"a": [{"folds": [1], "fit": 3}]}, "failed": {}}, old, "a")["systems"]
    {'a': [{'folds': [0], 'fit': 1}, {'folds': [1], 'fit': 3}]}
    """
    if earlier is None:
        return dict(now)
    systems = [*earlier["systems"], *(own for own in now["systems"] if own not in earlier["systems"])]
    fitted_anew = _folds(now["systems"].get(ours, []))
    parts: dict[str, list[Figures]] = {}
    for system in systems:
        new = now["systems"].get(system, [])
        kept = [own for own in earlier["systems"].get(system, []) if not _folds([own]) & _folds(new)]
        kept = [_without_differences(own) if _folds([own]) & fitted_anew else own for own in kept]
        parts[system] = sorted([*kept, *new], key=lambda own: own["folds"])
    failed = {system: why for system, why in earlier["failed"].items() if system not in now["systems"]} | now[
        "failed"
    ]
    return {**earlier, **now, "systems": {k: own for k, own in parts.items() if own}, "failed": failed}


def joined(parts: Sequence[Figures], name: str = "") -> Figures:
    """Return the figures over the folds of all parts.

    Parameters
    ----------
    parts : sequence of dict
        Each with its ``folds``.
    name : str
        Of the figure, if it is one.

    Examples
    --------
    >>> joined([{"folds": [0], "rows": 5, "fit": 1.0}, {"folds": [1, 2], "rows": 9, "fit": 4.0}])
    {'folds': [0, 1, 2], 'rows': 14, 'fit': 3.0}
    """
    found: Figures = {}
    for key in dict.fromkeys(key for own in parts for key in own):
        have = [own for own in parts if key in own]
        values = [own[key] for own in have]
        if key == "folds":
            found[key] = sorted(fold for own in values for fold in own)
        elif isinstance(values[0], dict):
            of_folds = [{**value, "folds": own["folds"]} for own, value in zip(have, values, strict=True)]
            found[key] = {k: own for k, own in joined(of_folds, key).items() if k != "folds"}
        elif key in _SUMMED:
            found[key] = sum(values)
        elif isinstance(values[0], str):
            found[key] = values[0]
        else:
            found[key] = _mean(values, [len(own["folds"]) for own in have], is_error="error" in key)
    if "difference" in found:
        better = found["difference"] * (1 if name in (*_LOWER_IS_BETTER, *_OURS_FIRST) else -1)
        found["ours is"] = verdict(better, found["difference error"])
    return found


def _mean(values: Sequence[float], n_folds: Sequence[int], *, is_error: bool) -> float:
    total = sum(n_folds)
    weighted = [own * n / total for own, n in zip(values, n_folds, strict=True)]
    return math.sqrt(sum(own**2 for own in weighted)) if is_error else sum(weighted)


def _folds(parts: Sequence[Mapping[str, Any]]) -> set[int]:
    return {fold for own in parts for fold in own["folds"]}


def _without_differences(figures: Any) -> Any:
    if not isinstance(figures, dict):
        return figures
    stale = ("difference", "difference error")
    return {key: _without_differences(own) for key, own in figures.items() if key not in stale}
