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
    """Return what was found of a table now, with earlier figures that were not measured again.

    Where only one of the two was measured now, the difference of another system from ours is that of the two
    values, with the error of independent figures: a larger one than by row.

    Examples
    --------
    >>> own = [{"folds": [0], "fit": 1}, {"folds": [1], "fit": 2, "draw": 1}]
    >>> old = {"systems": {"a": own}, "failed": {}}
    >>> with_earlier({"systems": {"a": [{"folds": [1], "fit": 3}]}, "failed": {}}, old, "a")["systems"]
    {'a': [{'folds': [0], 'fit': 1}, {'folds': [1], 'fit': 3, 'draw': 1}]}
    """
    if earlier is None:
        return dict(now)
    new_ours, old_ours = (_by_folds(found["systems"].get(ours, [])) for found in (now, earlier))
    parts: dict[str, list[Figures]] = {}
    for system in dict.fromkeys([*earlier["systems"], *now["systems"]]):
        new, old = (_by_folds(found["systems"].get(system, [])) for found in (now, earlier))
        if system != ours:
            old = {folds: _held_against(own, new_ours.get(folds, {})) for folds, own in old.items()}
            new = {
                folds: own if folds in new_ours else _held_against(own, old_ours.get(folds, {}))
                for folds, own in new.items()
            }
        parts[system] = [{**old.get(folds, {}), **new.get(folds, {})} for folds in sorted(old | new)]
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


def _by_folds(parts: Sequence[Figures]) -> dict[tuple[int, ...], Figures]:
    return {tuple(own["folds"]): own for own in parts}


def _held_against(theirs: Figures, ours: Mapping[str, Any], name: str = "") -> Figures:
    """Return figures with the differences from those of ours that there are."""
    found = {
        key: _held_against(own, ours[key], key) if isinstance(own, dict) and key in ours else own
        for key, own in theirs.items()
    }
    if "value" in theirs and "value" in ours:
        ahead = theirs["value"] - ours["value"]
        found["difference"] = -ahead if name in _OURS_FIRST else ahead
        found["difference error"] = math.hypot(theirs["error"], ours["error"])
    return found
