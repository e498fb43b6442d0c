"""The audit of attacks on training rows."""

from __future__ import annotations

import numpy as np
import pytest

from made.report.memorization import audit, distances_to_closest

N = 600


def rows(seed, n=N):
    draw = np.random.default_rng(seed)
    table = np.stack([draw.normal(size=n), draw.integers(0, 3, n), draw.exponential(size=n)], axis=1)
    table[draw.random(n) < 0.1, 2] = np.nan
    return table


IS_CLASS = [False, True, False]


def test_a_model_that_knows_nothing_of_single_rows_is_not_told_otherwise():
    scores = np.random.default_rng(5).normal(size=2 * N)
    found = audit((scores[:N], scores[N:]), rows(0), rows(1), rows(2), IS_CLASS)
    assert abs(found.auc - 0.5) < 3 * found.auc_error
    assert found.copies == found.held_out_copies == 0
    assert found.closest == pytest.approx(found.held_out_closest, rel=0.2)
    assert "no guarantee" in found.verdict
    assert found.verdict.startswith("No attack did better than chance by 3 standard errors")


def test_higher_scores_and_copies_of_training_rows_are_found():
    scores = np.random.default_rng(5).normal(size=2 * N)
    train = rows(0)
    found = audit((scores[:N] + 1, scores[N:]), train, rows(1), train[:300].repeat(2, axis=0), IS_CLASS)
    assert found.auc == pytest.approx(0.76, abs=0.05)  # Phi(1 / sqrt 2)
    assert found.gap == pytest.approx(1, abs=0.2)
    assert (found.copies, found.closest, found.close) == (1, 0, 1)
    assert "AUC" in found.verdict
    assert "100.0% of samples" in found.verdict
    assert "no guarantee" in found.verdict


def test_distances_are_those_found_one_by_one():
    train, others = rows(0, 40), rows(1, 30)
    found = distances_to_closest(others, train, IS_CLASS)
    distinct = [np.unique(train[~np.isnan(train[:, d]), d]) for d in range(3)]

    def apart(a, b):
        total = 0.0
        for d, is_label in enumerate(IS_CLASS):
            if np.isnan(a[d]) or np.isnan(b[d]):
                total += float(np.isnan(a[d]) != np.isnan(b[d]))
            elif is_label:
                total += float(a[d] != b[d])
            else:
                ranks = np.linspace(0, 1, len(distinct[d]))
                total += abs(np.interp(a[d], distinct[d], ranks) - np.interp(b[d], distinct[d], ranks))
        return total / 3

    expected = [min(apart(row, own) for own in train) for row in others]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    np.testing.assert_array_equal(distances_to_closest(train, train, IS_CLASS), 0)
