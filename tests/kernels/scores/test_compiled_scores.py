"""Compiled scores of numbers are those of the plain twin: in the body, on grids, far out in both tails."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch

import made
from made.kernels.scores import compiled_scores
from made.kernels.scores.compiled_scores import CompiledScores
from made.variables.fitting import is_fitted


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """Few numbers are enough for the compiled loop."""
    monkeypatch.setattr(compiled_scores, "_FEWEST", 1)


@pytest.fixture(scope="module")
def model():
    """Even, skewed, coarse and narrow columns, on grids and not; spikes, gaps, bounds."""
    draw = np.random.default_rng(0)
    n = 3000
    columns = {
        "even": (made.Numeric(), draw.normal(size=n)),
        "coarse": (made.Numeric(step=1), draw.poisson(2.0, n)),
        "skewed": (made.Numeric(), np.exp(3 * draw.normal(size=n))),
        "cents": (made.Numeric(step=0.01, spikes=[0.0]), np.round(draw.exponential(50, n), 2)),
        "third": (made.Numeric(step=1 / 3), draw.integers(-30, 30, n) / 3),
        "narrow": (made.Numeric(step=1e-6), np.round(draw.normal(size=n), 6)),
        "amounts": (made.Numeric(step=1, missing=True), np.rint(np.exp(8 + 2 * draw.normal(size=n)))),
        "bounded": (made.Numeric(step=1, bounds=(0, 100)), draw.integers(0, 101, n)),
    }
    model = made.MADE([block for block, _ in columns.values()], hidden=(8,))
    model.set_marginals(np.stack([values for _, values in columns.values()], axis=1))
    assert is_fitted(model.variables)
    return model


def far(model, n):
    """Rows with values from the middle to far beyond all that were seen."""
    draw = np.random.default_rng(1)
    scale = 10.0 ** draw.uniform(-3, 14, (n, 8))
    values = np.where(draw.random((n, 8)) < 0.5, 30.0 * draw.normal(size=(n, 8)), scale)
    values *= np.where(draw.random((n, 8)) < 0.5, 1.0, -1.0)
    numbers = model.variables.numbers
    return made.variables.rows.Rows(
        torch.zeros(n, 8, dtype=torch.uint8), bodies=numbers.bodies_near(torch.from_numpy(values))
    )


def test_scores_are_those_of_the_plain_twin(model):
    rows = far(model, 5000)
    rows.bodies[0] = model.variables.numbers.bodies_near(torch.full((1, 8), 1e300, dtype=torch.float64))[0]
    rows.bodies[1] = model.variables.numbers.bodies_near(torch.full((1, 8), -1e300, dtype=torch.float64))[0]
    found = CompiledScores().scoring(model.variables, rows)(rows).scores
    expected = model.variables.scored(rows).scores
    assert torch.isfinite(expected).all()
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-11)
    cells = np.array([own.step is not None for own in model.variables.numbers.columns])
    assert (found[:, ~cells, 1] == 0).all()
    assert (found[:, cells, 1] > 0).all()


def test_scores_of_points_that_are_listed_are_those_of_the_plain_twin(model):
    draw = np.random.default_rng(2)
    bodies = torch.from_numpy(draw.integers(0, 11, (1000, 8)))
    rows = made.variables.rows.Rows(torch.zeros(1000, 8, dtype=torch.uint8), bodies=bodies)
    score = CompiledScores()
    found = score.scoring(model.variables, rows)(rows).scores
    sizes = score._latest[1].size
    assert (sizes[[1, 4, 7]] > 5).all()
    assert (sizes[[0, 2, 5]] == 0).all()
    torch.testing.assert_close(found, model.variables.scored(rows).scores, rtol=1e-9, atol=1e-11)


def test_log_p_of_many_rows_is_that_of_a_few(model, monkeypatch):
    rows = far(model, 300)
    found = model.log_prob(rows)
    monkeypatch.setattr(compiled_scores, "_FEWEST", 10**9)
    torch.testing.assert_close(found, model.log_prob(rows), rtol=1e-9, atol=1e-6)


def test_few_numbers_what_has_scores_and_what_is_followed_go_the_plain_way(model, monkeypatch):
    rows = far(model, 10)
    score = CompiledScores()
    variables = model.variables
    assert score.scoring(variables, rows) != variables.scored
    assert score.scoring(variables, variables.scored(rows)) == variables.scored
    monkeypatch.setattr(compiled_scores, "_FEWEST", 81)
    assert score.scoring(variables, rows) == variables.scored
    discrete = made.MADE(made.Bernoulli(3))
    assert score.scoring(discrete.variables, discrete.rows([[0, 1, 1]]))(rows) is rows


def test_copies_are_empty(model):
    score = CompiledScores()
    rows = far(model, 10)
    score.scoring(model.variables, rows)
    for own in (copy.deepcopy(score), pickle.loads(pickle.dumps(score))):
        assert own._latest is None


def test_several_masks_share_the_scores(monkeypatch):
    draw = np.random.default_rng(0)
    rows = draw.normal(size=(200, 3))
    model = made.MADE(made.Numeric(3), hidden=(8,), orderings=3)
    made.fit(model, rows, epochs=1)
    found = model.log_prob(rows)
    each = torch.stack([model.log_prob(rows, mask=k) for k in range(3)])
    torch.testing.assert_close(found, each.logsumexp(0) - np.log(3), rtol=0, atol=1e-9)
