"""What `synthetic.py` measures of synthetic rows and of completed rows; all rows are numbers, see `Code`.

Where a measure is a mean over rows, the part of each row is returned, so that two systems can be compared
over the same rows and all folds together.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.metrics import r2_score
from sklearn.model_selection import StratifiedKFold

from made.report.association import MOST_CLASSES, associations, binned, edges_of
from made.report.memorization import distances_to_closest
from synthetic_data import Code

__all__ = ["completed", "hidden_cells", "measured"]

Floats = NDArray[np.float64]
Arrays = dict[str, Any]
# Rows whose distance to all training rows is found; the share of held-out rows that are called close.
_MOST_AUDITED, _CLOSE = 2_000, 0.05
_N_BOOTSTRAP = 50
# Classes that boosted trees take as such; beyond it their codes are taken as numbers.
_MOST_LABELS = 255


def measured(code: Code, target: str, drawn: Floats, parts: tuple[Floats, Floats], whole: Floats) -> Arrays:
    """Return all measures of synthetic rows.

    Parameters
    ----------
    code : Code
        Of the table.
    target : str
        The column to be predicted.
    drawn : (m, D) array
        Rows that a model drew.
    parts : two arrays
        Training and test rows.
    whole : (k, D) array
        Rows to train on in place of the training rows, for what is predicted: mostly `drawn`.
    """
    train, test = parts
    own = drawn[: len(test)]
    found = _two_samples(code, own, test)
    found |= _utility(code, code.column(target), whole, test)
    found |= _association(code, own, test)
    found |= _closest(code, own, test, train)
    return found


def _trees(code: Code, places: list[int], kind: Any) -> Any:
    categories = [code.is_class[d] and len(code.labels[d]) <= _MOST_LABELS for d in places]
    return kind(categorical_features=np.array(categories), random_state=0)


def _features(rows: Floats, places: list[int]) -> Floats:
    features: Floats = rows[:, places].copy()
    features[features == np.inf] = np.nan
    return features


def _two_samples(code: Code, drawn: Floats, test: Floats) -> Arrays:
    """Return how well boosted trees tell drawn rows from test rows: by row its part of the AUC.

    That of a drawn row is the share of test rows that look less drawn, that of a test row the share of drawn
    rows that look more so, among those of the same fifth.
    """
    places = list(range(len(code.names)))
    rows = _features(np.concatenate([drawn, test]), places)
    for d in places:
        if code.is_class[d]:
            rows[rows[:, d] < 0, d] = np.nan
    is_drawn = np.repeat([1, 0], [len(drawn), len(test)])
    found = np.empty(len(rows))
    for rest, fifth in StratifiedKFold(5, shuffle=True, random_state=0).split(rows, is_drawn):
        model = _trees(code, places, HistGradientBoostingClassifier).fit(rows[rest], is_drawn[rest])
        scores = model.predict_proba(rows[fifth])[:, 1]
        found[fifth] = _placements(scores, is_drawn[fifth] == 1)
    return {"two drawn": found[: len(drawn)], "two test": found[len(drawn) :]}


def _placements(scores: Floats, is_higher: NDArray[np.bool_]) -> Floats:
    """Return the part of each row of the AUC, the mean of which is the AUC within both groups."""
    higher, lower = np.sort(scores[is_higher]), np.sort(scores[~is_higher])
    below = (np.searchsorted(lower, scores, "left") + np.searchsorted(lower, scores, "right")) / 2
    under = (np.searchsorted(higher, scores, "left") + np.searchsorted(higher, scores, "right")) / 2
    placements: Floats = np.where(is_higher, below / max(len(lower), 1), 1 - under / max(len(higher), 1))
    return placements


def _utility(code: Code, target: int, train: Floats, test: Floats) -> Arrays:
    """Return how well trees that are fitted to some rows predict a column of test rows."""
    places = [d for d in range(len(code.names)) if d != target]
    is_class = code.is_class[target]
    usable = [
        rows[~np.isnan(rows[:, target]) & ~(is_class & (rows[:, target] < 0))] for rows in (train, test)
    ]
    (x, y), (x_test, y_test) = ((_features(rows, places), rows[:, target]) for rows in usable)
    for rows in (x, x_test):
        for place, d in enumerate(places):
            if code.is_class[d]:
                rows[rows[:, place] < 0, place] = np.nan
    if not is_class:
        predicted = _trees(code, places, HistGradientBoostingRegressor).fit(x, y).predict(x_test)
        return {
            "R2 errors": (y_test - predicted) ** 2,
            "R2 variance": y_test.var(),
            "R2": r2_score(y_test, predicted),
        }
    if len(np.unique(y)) < 2:
        scores = np.zeros(len(x_test))  # the rows have one label only: nothing is learned
    else:
        scores = _trees(code, places, HistGradientBoostingClassifier).fit(x, y).predict_proba(x_test)[:, 1]
    placements = _placements(scores, y_test == 1)
    return {"utility higher": placements[y_test == 1], "utility lower": placements[y_test == 0]}


def _association(code: Code, drawn: Floats, test: Floats) -> Arrays:
    """Return the mean absolute error of the associations of all pairs of columns, also of resampled rows."""
    pairs = [_codes(test[:, d], drawn[:, d], is_class) for d, is_class in enumerate(code.is_class)]
    real, own = (list(columns) for columns in zip(*pairs, strict=True))
    upper = np.triu_indices(len(pairs), 1)

    def error(of_test: Any, of_drawn: Any) -> float:
        both = (
            associations([column[some] for column in columns])[upper]
            for columns, some in ((real, of_test), (own, of_drawn))
        )
        return float(np.mean(np.abs(np.subtract(*both))))

    # The same test rows for all systems.
    draw, draw_own = np.random.default_rng(0), np.random.default_rng(1)
    resampled = [
        error(draw.integers(len(test), size=len(test)), draw_own.integers(len(drawn), size=len(drawn)))
        for _ in range(_N_BOOTSTRAP)
    ]
    return {"association": error(slice(None), slice(None)), "association, resampled": np.array(resampled)}


def _codes(first: Floats, second: Floats, is_class: bool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return a column of two tables as codes: classes, the rare ones as one; bins of numbers."""
    if not is_class:
        edges = edges_of(first)
        return binned(first, edges), binned(second, edges)
    first, second = (
        np.where(np.isnan(own), MOST_CLASSES + 1, np.where(own < 0, MOST_CLASSES, own.clip(max=MOST_CLASSES)))
        for own in (first, second)
    )
    return first.astype(np.int64), second.astype(np.int64)


def _closest(code: Code, drawn: Floats, test: Floats, train: Floats) -> Arrays:
    """Return how far rows are from the closest training row, beside test rows, and how many are copies."""
    some, others = drawn[:_MOST_AUDITED], test[:_MOST_AUDITED]
    of_drawn, of_test = (distances_to_closest(rows, train, code.is_class) for rows in (some, others))
    known = {row.tobytes() for row in np.nan_to_num(train, nan=np.inf) + 0.0}
    copies = [
        float(np.mean([row.tobytes() in known for row in np.nan_to_num(rows, nan=np.inf) + 0.0]))
        for rows in (drawn, test)
    ]
    return {
        "closest": float(np.median(of_drawn)),
        "closest, test": float(np.median(of_test)),
        "close": float((of_drawn < np.quantile(of_test, _CLOSE)).mean()),
        "close, rows": min(len(some), len(others)),
        "copies": copies[0],
        "copies, test": copies[1],
    }


def hidden_cells(rows: Floats, percent: int, seed: int) -> NDArray[np.bool_]:
    """Return which entries are hidden, (n, D): so many percent of those that are known, at random."""
    drawn = np.random.default_rng([seed, percent]).random(rows.shape) < percent / 100
    hidden: NDArray[np.bool_] = drawn & ~np.isnan(rows)
    return hidden


def completed(code: Code, filled: Floats, rows: Floats, hidden: NDArray[np.bool_], scale: Floats) -> Arrays:
    """Return by row how good its completed entries are.

    Parameters
    ----------
    code : Code
        Of the table.
    filled, rows : (n, D) arrays
        As completed, and as they are.
    hidden : (n, D) bool array
        Which entries were completed.
    scale : (D,) array
        Standard deviations of the training rows.
    """
    is_class = np.array(code.is_class)
    labels, numbers = hidden & is_class, hidden & ~is_class & (scale > 0)
    if np.isnan(filled[labels | numbers]).any():
        raise ValueError("entries were left empty")
    apart = np.where(numbers, (filled - rows) / np.where(scale > 0, scale, 1.0), 0.0)
    return {
        "right": (labels & (filled == rows)).sum(axis=1),
        "labels": labels.sum(axis=1),
        "squares": (apart**2).sum(axis=1),
        "numbers": numbers.sum(axis=1),
    }
