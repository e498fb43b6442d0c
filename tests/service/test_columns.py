"""Columns answered together: weighted rows stand for what is given, in bars that stay."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import made
from made.service.columns import Weighted, edges_of
from made.support.errors import InputError
from made.variables.rows import Rows


def weighted(weights, codes=None):
    """Return rows of one column with these weights."""
    model = made.MADE(made.Bernoulli(1), hidden=(2,))
    codes = np.zeros(len(weights), dtype=np.int64) if codes is None else codes
    return Weighted(model, Rows(torch.as_tensor(codes)[:, None]), np.asarray(weights), 0.0)


def test_shares_and_their_errors_are_those_of_weighted_means():
    rng = np.random.default_rng(0)
    weights = rng.random(50)
    weights /= weights.sum()
    places = rng.integers(-1, 3, 50)
    rows = weighted(weights)
    shares, errors = rows.shares(places, 3)
    for place in range(3):
        share, error = rows.share(places == place)
        assert shares[place] == pytest.approx(share)
        assert errors[place] == pytest.approx(error)
    assert rows.ess == pytest.approx(1 / (weights**2).sum())


def test_an_error_is_as_large_as_what_repeated_answers_differ_by():
    rng = np.random.default_rng(0)
    found = [weighted(np.full(400, 1 / 400)).share(rng.random(400) < 0.3) for _ in range(300)]
    shares, errors = np.array(found).T
    assert errors.mean() == pytest.approx(shares.std(), rel=0.15)


@pytest.mark.parametrize("step", [None, 1, 0.5, 20])
def test_bars_hold_what_the_marginal_has(step):
    rng = np.random.default_rng(0)
    values = rng.normal(100, 30, 2_000)
    values = values if step is None else np.round(values / step) * step
    model = made.MADE([made.Numeric(step=step)], hidden=(4,))
    made.fit(model, values[:, None], epochs=1, batch_size=500, seed=0)
    marginal = Weighted.given(model, {}, None, 1_024)
    block = model.variables.block_of(0)
    edges = edges_of(block, marginal, 0)
    assert (np.diff(edges) > 0).all()
    assert len(edges) <= 42
    drawn = block.floats_of(np.ascontiguousarray(marginal.rows.bodies[:, 0].numpy()))
    assert np.mean((drawn >= edges[0]) & (drawn < edges[-1])) > 0.99
    if step is not None:  # no value lies on an edge
        assert np.abs(edges / step - np.floor(edges / step) - 0.5).max() < 1e-9


def test_a_model_with_context_is_refused():
    model = made.MADE([made.Bernoulli(1)], hidden=(4,), context=2)
    with pytest.raises(InputError, match="give it context"):
        Weighted.given(model, {}, None, 64)


def test_all_masks_of_a_mixture_are_drawn_from():
    model = made.MADE(made.Bernoulli(4), hidden=(8,), orderings=3, seed=0)
    found = Weighted.given(model, {0: 1}, None, 600)
    shares, errors = found.shares(found.codes[:, 1], 2)
    expected = model.conditional(1, {0: 1}).probabilities
    assert np.abs(shares - expected).max() < 5 * errors.max() + 1e-3
    assert (found.codes[:, 0] == 1).all()
