"""Tests of two samples: p-values are uniform where nothing differs, ties or not, and small where it does."""

from __future__ import annotations

import math

import numpy as np
import pytest

from made.support.two_samples import holm, label_scores, log_p_value, rank_scores

# Of 400 uniform p-values the largest distance from their CDF is beyond this in one case of 1,000.
N_SPLITS, FARTHEST = 400, 1.95 / math.sqrt(400)


def distance_from_uniform(p):
    """Kolmogorov's: the largest distance of the empirical CDF from that of a uniform."""
    ordered, n = np.sort(p), len(p)
    steps = np.arange(n)
    return max((ordered - steps / n).max(), ((steps + 1) / n - ordered).max())


def values_of(kind, generator, n=300):
    return {
        "continuous": generator.normal(size=n),
        "heavy tails": generator.standard_cauchy(n),
        "ties": generator.poisson(1.5, n).astype(float),
        "mostly one": np.where(generator.random(n) < 0.9, 0.0, generator.normal(size=n)),
    }[kind]


@pytest.mark.parametrize("kind", ["continuous", "heavy tails", "ties", "mostly one", "labels"])
def test_p_values_of_random_splits_are_uniform(kind):
    generator = np.random.default_rng(1)
    if kind == "labels":
        scores = label_scores(generator.geometric(0.4, 300))
    else:
        scores = rank_scores(values_of(kind, generator))
    found = []
    for _ in range(N_SPLITS):
        scores = scores[generator.permutation(len(scores))]
        found.append(math.exp(log_p_value(scores[:120], scores[120:])))
    assert distance_from_uniform(np.array(found)) < FARTHEST


@pytest.mark.parametrize(
    "change",
    [
        lambda values, generator: values + 0.4,
        lambda values, generator: values * 1.6,
        lambda values, generator: np.where(generator.random(len(values)) < 0.1, -9.0, values),
        lambda values, generator: np.sign(values) * np.abs(values) ** 0.25,
    ],
    ids=["shift", "spread", "lower tail", "two humps"],
)
def test_changes_are_found(change):
    generator = np.random.default_rng(2)
    first, second = generator.normal(size=500), change(generator.normal(size=500), generator)
    scores = rank_scores(np.concatenate([first, second]))
    assert log_p_value(scores[:500], scores[500:]) < math.log(1e-5)


def test_the_statistic_of_two_labels_is_that_of_a_contingency_table():
    from scipy.stats import chi2_contingency

    codes = np.repeat([0, 1, 0, 1], [30, 70, 50, 50])
    scores = label_scores(codes)
    expected = chi2_contingency([[30, 70], [50, 50]], correction=False).statistic * 199 / 200
    assert math.exp(log_p_value(scores[:100], scores[100:])) == pytest.approx(
        math.erfc(math.sqrt(expected / 2)), rel=1e-9
    )


def test_ranks_share_their_mean():
    scores = rank_scores([5.0, 1.0, 1.0, 3.0])
    assert scores[:, 0].tolist() == pytest.approx([0.75, -0.5, -0.5, 0.25])
    assert (scores[1] == scores[2]).all()


def test_rare_labels_are_counted_together():
    codes = np.concatenate([np.repeat([7, 3], 50), np.arange(100, 130)])
    scores = label_scores(codes)
    assert scores.shape == (130, 3)
    assert (scores.sum(axis=1) == 1).all()
    assert scores[100:, 2].all()
    assert label_scores(np.repeat(np.arange(100), 20)).shape == (2000, 32)


def test_nothing_to_compare_has_the_p_value_1():
    assert log_p_value(np.zeros((0, 4)), np.ones((5, 4))) == 0
    assert log_p_value(np.ones((4, 2)), np.ones((5, 2))) == 0


def test_holm_by_hand():
    p = [0.01, 0.5, 0.02, 0.9]
    assert holm([math.log(own) for own in p]) == pytest.approx([0.04, 1.0, 0.06, 1.0])
    assert holm([]) == []
    assert holm([-2000.0, 0.0]) == [0.0, 1.0]
