"""Where values lie in the conditionals of a model."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import made
from made.report.calibration import LEVELS, coverage, places


@pytest.fixture(scope="module")
def model(randomize):
    """Random weights: whatever it says, rows drawn from it lie in its conditionals as they should."""
    variables = [
        made.Numeric(spikes=[0.5]),
        made.Categorical(3, missing=True),
        made.Numeric(step=1, missing=True, spikes=[2]),
        made.Bernoulli(1),
    ]
    return randomize(made.MADE(variables, hidden=(16,), direct=True, ordering=[2, 0, 3, 1]))


def test_samples_lie_uniformly_in_the_conditionals_they_were_drawn_from(model):
    rows = model.rows(model.sample(20_000, seed=3, tails=True))
    found = places(model, rows, seed=1)
    codes = rows.codes.numpy()
    for d, missing in ((0, None), (1, 3), (2, 2), (3, None)):
        is_gone = np.zeros(len(codes), bool) if missing is None else codes[:, d] == missing
        np.testing.assert_array_equal(np.isnan(found[:, d]), is_gone)
        assert stats.kstest(found[~is_gone, d], "uniform").pvalue > 1e-3, d
    for level, (share, error) in coverage(found).items():
        assert abs(share - level) < 4 * error


def test_values_of_another_distribution_do_not(model):
    drawn = np.asarray(model.sample(5_000, seed=3), dtype=float)
    drawn[:, 0] += 1.5
    found = places(model, model.rows(drawn), seed=1)
    assert stats.kstest(found[:, 0], "uniform").pvalue < 1e-6


def test_of_a_mixture_the_first_model_is_asked():
    model = made.MADE(made.Bernoulli(2), hidden=())
    mixture = made.Mixture([model, made.MADE(made.Bernoulli(2), hidden=(4,))])
    rows = model.rows([[0, 1], [1, 1]])
    np.testing.assert_array_equal(places(mixture, rows), places(model, rows))


def test_coverage_of_nothing_is_no_trouble():
    assert set(coverage(np.array([0.5, np.nan]))) == set(LEVELS)
