"""Figures of the benches of columns and of planted anomalies, and how rows are altered."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import r2_score, roc_auc_score

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def beside_benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def test_auc_counts_rows_and_ties() -> None:
    from ranking import auc, bootstrap_counts

    draw = np.random.default_rng(0)
    scores, labels = draw.integers(0, 8, size=60).astype(float), draw.integers(0, 2, size=60)
    counts = bootstrap_counts(60)[:3]
    found = auc(scores, counts * labels, counts * (1 - labels))
    each = [roc_auc_score(labels, scores, sample_weight=count) for count in counts]
    assert np.allclose(found, each)


def test_macro_auc_and_r2_are_those_of_scikit_learn() -> None:
    from ranking import macro_auc, r2

    draw = np.random.default_rng(1)
    chances, classes = draw.dirichlet(np.ones(3), size=90), draw.integers(0, 3, size=90)
    once = np.ones((1, 90))
    expected = roc_auc_score(classes, chances, multi_class="ovr")
    assert np.allclose(macro_auc(chances, classes, once, 1), expected)
    values = draw.normal(size=90)
    assert np.allclose(r2(chances[:, 0], values, once), r2_score(values, chances[:, 0]))


def test_altered_rows_have_two_entries_of_another_row() -> None:
    from anomalies import altered

    draw = np.random.default_rng(2)
    letters = np.array(["a", "b", None], dtype=object)[draw.integers(0, 3, size=200)]
    plain = pd.DataFrame({"x": draw.normal(size=200), "letter": letters, "y": draw.normal(size=200)})
    planted = altered(plain, "two entries", 0)
    same = (plain == planted) | (plain.isna() & planted.isna())
    assert (same.sum(axis=1) == 1).all()
    shuffled = altered(plain, "marginals", 0)
    assert np.allclose(np.sort(shuffled["x"]), np.sort(plain["x"]))
    assert not np.allclose(shuffled["x"], plain["x"])
