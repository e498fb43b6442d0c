"""Chains that redraw unknown entries: their distributions against the table, and rows that need them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import made
from made.queries import gibbs, weighted
from made.queries.density import States
from made.queries.gibbs import N_CHAINS, redrawn
from made.queries.weighted import expected

BITS = 16


@pytest.mark.parametrize("name", ["one mask", "both"])
def test_chains_that_start_from_the_conditional_stay_there(small_one, name):
    small = small_one(name)
    row, n = np.array([-1, 2, -1, -1]), 1500
    shares = small.table.posterior(row)
    starts = small.table.states[np.random.default_rng(0).choice(len(shares), n * N_CHAINS, p=shares)]
    rows = small.model.rows(np.array([[None, 2, None, None]] * n, dtype=object))
    found = {own.variable: own for own in redrawn(small.model, rows, States.of(small.model.rows(starts)))}
    assert sorted(found) == [0, 2, 3]
    for d, own in found.items():
        np.testing.assert_array_equal(own.places, np.arange(n))
        np.testing.assert_allclose(own.weights.sum(axis=1), 1)
        totals = [(own.weights * (own.codes == code)).sum() / n for code in range(small.table.n_values[d])]
        np.testing.assert_allclose(totals, small.table.conditional(row, d), atol=0.04)


@pytest.fixture(scope="module")
def model():
    """Sixteen bits, their sum, and noisy copies of the bits, which come last in the ordering."""
    draw = np.random.default_rng(0)
    bits = draw.integers(0, 2, (4000, BITS))
    total = bits.sum(axis=1) + draw.normal(size=4000).round(1)
    copies = bits ^ (draw.random(bits.shape) < 0.01)
    table = np.hstack([bits, total[:, None], copies])
    variables = [made.Bernoulli(BITS), made.Numeric(step=0.1), made.Bernoulli(BITS)]
    model = made.MADE(variables, hidden=(64,), direct=True, seed=0)
    made.fit(model, table[:3600], table[3600:], epochs=20, batch_size=50, learning_rate=0.01, seed=0)
    return model


@pytest.fixture(scope="module")
def copies():
    return np.random.default_rng(1).integers(0, 2, (40, BITS)).astype(float)


def asked(model, copies):
    """Return rows of which the copies alone are known."""
    unknown = np.full((len(copies), BITS + 1), np.nan)
    return model.rows(np.hstack([unknown, copies]), to_fill=True)


def test_bits_follow_from_copies_that_come_after_them(model, copies, monkeypatch):
    rows = asked(model, copies)
    found = expected(model, rows, level=0.8)
    right = (found.codes[:, :BITS] == copies).mean()
    assert right > 0.95
    apart = found.means[:, BITS] - copies.sum(axis=1)
    assert np.abs(apart).mean() < 0.5
    within = (found.low[:, BITS] <= copies.sum(axis=1)) & (copies.sum(axis=1) <= found.high[:, BITS])
    assert within.mean() > 0.8
    monkeypatch.setattr(weighted, "FEWEST", 0.0)  # without chains
    before = expected(model, rows)
    assert (before.codes[:, :BITS] == copies).mean() < right - 0.05
    np.testing.assert_array_equal(before.log_prob, found.log_prob)


def test_an_answer_depends_on_its_row_alone(model, copies):
    rows = asked(model, copies)
    together, alone = expected(model, rows, level=0.8), expected(model, rows[7:8], level=0.8)
    np.testing.assert_array_equal(together.codes[7:8], alone.codes)
    for name in ("means", "low", "high"):
        np.testing.assert_allclose(getattr(together, name)[7:8], getattr(alone, name), rtol=1e-6)


def test_conditions_hold(model, copies):
    rows = np.hstack([np.full((len(copies), BITS + 1), np.nan), copies])
    with pytest.warns(made.PoorEstimateWarning):  # of log p, which chains do not change
        answer = model.complete(rows, "mean", where={BITS: made.Range(6.0, 7.5), 0: [1]})
    assert (answer.means[:, BITS] >= 6).all()
    assert (answer.means[:, BITS] <= 7.5).all()
    assert (np.asarray(answer)[:, 0] == 1).all()


def test_one_mask_of_several_has_no_chains(small_one):
    model = small_one("orderings").model
    rows = model.rows(np.array([[1, None, None, 2]], dtype=object))
    assert len(expected(model, rows, [1]).codes) == 1


def test_rows_on_which_chains_start_are_whole(model, copies):
    rows = asked(model, copies[:3])
    starts = States.of(replace(rows, known=None).repeat(N_CHAINS))
    for own in redrawn(model, rows, starts):
        assert np.isfinite(own.weights).all()
    assert torch.isfinite(model.log_prob(starts.rows(rows.repeat(N_CHAINS)))).all()


def test_draws_that_few_particles_are_behind_are_redrawn(model, copies, monkeypatch):
    rows = np.hstack([np.full((len(copies), BITS + 1), np.nan), copies])
    with pytest.warns(made.PoorEstimateWarning):
        answer = model.complete(rows, number=4, seed=1)
    drawn = np.asarray(answer)
    right = (drawn[..., :BITS] == copies[:, None]).mean()
    assert right > 0.9
    assert np.abs(drawn[..., BITS] - copies.sum(axis=1)[:, None]).mean() < 1.5
    assert set(answer.how) == {
        "estimated: weighted completions, of which each entry was redrawn given all others"
    }
    monkeypatch.setattr(gibbs, "FEWEST", 0.0)
    with pytest.warns(made.PoorEstimateWarning):
        before = np.asarray(model.complete(rows, number=4, seed=1))
    assert (before[..., :BITS] == copies[:, None]).mean() < right - 0.05


@pytest.mark.filterwarnings("ignore::made.PoorEstimateWarning")
def test_a_draw_depends_on_its_row_and_number_alone(model, copies):
    rows = np.hstack([np.full((len(copies), BITS + 1), np.nan), copies])
    together = np.asarray(model.complete(rows, number=3, seed=1))
    alone = np.asarray(model.complete(rows[7:8], number=2, seed=1, first=7))
    other = np.asarray(model.complete(rows[7:8], number=2, seed=2, first=7))
    np.testing.assert_array_equal(together[7:8, :2], alone)
    assert (other != alone).any()


@pytest.mark.parametrize("name", ["one mask", "both"])
def test_draws_follow_the_conditional_where_two_particles_are_behind_them(small_one, name):
    small = small_one(name)
    n = 1500
    rows = np.array([[None, 2, None, None]] * n, dtype=object)
    with pytest.warns(made.PoorEstimateWarning):
        drawn = np.asarray(small.model.complete(rows, particles=2, method="auto", max_states=1, seed=0))
    for d in (0, 2, 3):
        share = np.bincount(drawn[:, d].astype(int), minlength=small.table.n_values[d]) / n
        np.testing.assert_allclose(share, small.table.conditional(np.array([-1, 2, -1, -1]), d), atol=0.06)


def test_numbers_are_redrawn_anywhere_not_at_some_quantiles(model, copies):
    row = np.hstack([np.full(BITS + 1, np.nan), copies[0]])[None]
    with pytest.warns(made.PoorEstimateWarning):
        drawn = np.asarray(model.complete(row, number=60, seed=0))
    assert len(np.unique(drawn[0, :, BITS])) > 30


@pytest.mark.filterwarnings("ignore::made.PoorEstimateWarning")
def test_the_most_probable_value_of_each_variable_is_found_by_chains(model, copies, monkeypatch):
    rows = np.hstack([np.full((len(copies), BITS + 1), np.nan), copies])
    answer = model.complete(rows, "variable", where={BITS: made.Range(0.0, 20.0)})
    found = np.asarray(answer)
    right = (found[:, :BITS] == copies).mean()
    assert right > 0.95
    assert np.abs(found[:, BITS] - copies.sum(axis=1)).mean() < 0.7
    assert answer.how[0].endswith("of which each entry was redrawn given all others")
    monkeypatch.setattr(gibbs, "FEWEST", 0.0)
    assert (np.asarray(model.complete(rows, "variable"))[:, :BITS] == copies).mean() < right - 0.04
