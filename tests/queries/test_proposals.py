"""Particles of models that have learned any ordering: weighed rightly, and more of them count."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import made
from made.queries.inference import Inference
from made.queries.proposals import draw_and_weigh
from made.queries.query import Query, inference_of
from made.queries.work import index


@pytest.fixture(scope="module")
def model(randomize):
    """Classes, one of which may be missing and one with labels that are none; far from consistent."""
    variables = [
        made.Categorical(3, missing=True),
        made.Categorical(["a", "b"], unseen=0.05),
        made.Bernoulli(2),
        made.Categorical(4),
    ]
    return randomize(made.MADE(variables, (16,), orderings="fresh", fresh_masks=3, seed=1), scale=1.5)


@pytest.mark.parametrize("where", [None, {0: [0, 1], 3: [1]}, {0: made.RECORDED}])
def test_weights_are_those_of_the_evidence(model, where):
    """Their mean is p of what is given and of the conditions, whichever half a particle comes from."""
    n, question = 40_000, Query.of(model, "auto", None, 0, 2, 4096, where)
    given = np.array([[None, "a", 1, 0, 2]], dtype=object)
    rows = question.under_conditions(model.rows(given, unknown=[[True, True, False, True, False]]))
    for k in range(3):
        exact = inference_of(model, k, None).evidence(rows)
        assert exact.error[0] == 0
        density = model.density(k)
        known = rows.mask.numpy()
        counts = known.copy()
        counts[:, list(rows.regions or ())] = True
        between = ~known & (density.ranks < np.where(counts, density.ranks, 0).max(axis=1)[:, None])
        u = np.random.default_rng(k).random((n, 5))
        owner = np.zeros(n, dtype=np.int64)
        begun = rows[index(owner)]
        begun, u = Inference(model.variables, model.density, [k])._with_unseen(begun, u)
        states, weights = draw_and_weigh(density, model.density, rows, begun, between, owner, u, 4096)
        assert (states.codes[:, known[0]] == rows.codes.numpy()[0, known[0]]).all()
        own = np.exp(weights)
        error = own.std() / n**0.5
        assert abs(own.mean() - np.exp(exact.log_prob[0])) < 5 * error + 1e-6 * own.mean(), k
        assert error < 0.1 * own.mean()


@pytest.mark.parametrize("share", [0.1, 1.0])
def test_poor_rows_are_drawn_anew_and_say_how_sure_they_are(share, monkeypatch):
    """Of images of digits half of whose pixels are known; 1.0 takes every row for poor."""
    digits = made.data.load("digits")
    model = made.MADE(made.Bernoulli(64), (64,), orderings="fresh", connectivity="even", direct=True)
    made.fit(model, digits.train, digits.valid, epochs=30, batch_size=100, learning_rate=1e-2, seed=0)
    given = digits.test[:40].astype(float)
    given[np.random.default_rng(0).random(given.shape) < 0.5] = np.nan
    rows, own = model.rows(given), (model.variables, model.density, [0])
    many = Inference(*own, particles=30_000).evidence(rows)
    plain = Inference(*own, particles=500).evidence(rows)
    monkeypatch.setattr("made.queries.inference._POOR", share)
    better = Inference(*own, particles=500, proposal=model.density).evidence(rows)
    is_poor = plain.ess < share * 500
    np.testing.assert_array_equal(better.log_prob[~is_poor], plain.log_prob[~is_poor])
    apart = (better.log_prob - many.log_prob) / np.hypot(better.error, many.error)
    assert np.abs(apart).max() < 5
    if share == 1:
        assert np.median(better.ess / plain.ess) > 1.2


def test_a_row_is_answered_alike_whatever_stands_beside_it():
    model = made.MADE(made.Bernoulli(30), (16,), orderings="fresh", fresh_masks=2, seed=0)
    with torch.no_grad():
        for own in model.network.output_parameters:
            own.add_(torch.randn(own.shape, generator=torch.Generator().manual_seed(0)))
    given = np.where(np.random.default_rng(1).random((6, 30)) < 0.5, np.nan, 1.0)
    together = made.marginal(model, given, particles=50).log_prob
    for row in range(6):
        alone = made.marginal(model, given[row : row + 1], particles=50, first=row).log_prob
        assert alone[0] == pytest.approx(together[row], abs=1e-6)


def test_only_models_that_have_learned_any_ordering_are_asked_so():
    for orderings, expected in ((1, False), (4, False), ("fresh", True)):
        model = made.MADE(made.Bernoulli(4), (8,), orderings=orderings)
        assert model.has_any_ordering is expected
        assert (inference_of(model, None, None).proposal is not None) is expected
    members = [made.MADE(made.Bernoulli(4), (8,), orderings=2) for _ in range(2)]
    assert not made.Mixture(members).has_any_ordering
