"""Inference against the joint table written out: every pattern of unknowns, one mask and mixtures."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

import made
from made.queries.inference import ENUMERATED, ESTIMATED, EXACT, Density, Inference
from made.support.errors import PoorEstimateWarning
from made.variables.row_type import RowType


def asked(small, rows, **options):
    """What a small model answers about rows of codes: (inference, rows, context)."""
    rows = np.asarray(rows)
    return (
        small.model.inference(**options),
        rows,
        small.model.context_rows(small.context["context"], len(rows)),
    )


def every_question(small, patterns):
    """Every pattern of unknowns with every value of what is known."""
    rows = np.unique(np.concatenate([patterns(state) for state in small.table.states]), axis=0)
    assert len(rows) == np.prod(small.table.n_values + 1)
    return rows


# How probable what is known is


def test_a_marginal_is_a_sum_over_the_table(small, patterns):
    inference, rows, context = asked(small, every_question(small, patterns))
    evidence = inference.evidence(rows, context)
    expected = np.array([small.table.marginal(row) for row in rows])
    np.testing.assert_allclose(evidence.log_prob, np.log(expected), atol=2e-5)
    assert (evidence.error == 0).all()
    assert np.isposinf(evidence.ess).all()
    assert set(evidence.how) == {EXACT, ENUMERATED}


def test_masks_weigh_by_how_well_they_explain_what_is_known(small, patterns, table):
    inference, rows, context = asked(small, every_question(small, patterns))
    weights = inference.evidence(rows, context).mask_weights
    of_masks = [table(small.model, k, **small.context) for k in range(small.model.n_masks)]
    expected = np.array([[one.marginal(row) for row in rows] for one in of_masks])
    np.testing.assert_allclose(weights, expected / expected.sum(axis=0), atol=2e-5)
    if small.model.n_masks > 1:
        assert np.abs(weights - 1 / len(weights)).max() > 0.1  # they do differ


def test_one_mask_of_a_mixture_and_some_of_them(small_one, patterns, table):
    small = small_one("both")
    for mask in (4, [1, 3], (5,), range(2)):
        own = table(small.model, mask)
        inference, rows, _ = asked(small, patterns(np.array([1, 2, 0, 1])), mask=mask)
        expected = [np.log(own.marginal(row)) for row in rows]
        np.testing.assert_allclose(inference.evidence(rows, None).log_prob, expected, atol=2e-5)


def test_exact_where_the_known_come_first_and_enumerated_elsewhere(small_one, patterns):
    small = small_one("one mask")
    ordering = small.model.mask().ordering
    inference, rows, _ = asked(small, patterns(np.zeros(4, int)))
    for row, how in zip(rows, inference.evidence(rows, None).how, strict=True):
        known = row[ordering] >= 0
        prefix = not (np.diff(known.astype(int)) > 0).any()
        assert how == (EXACT if prefix else ENUMERATED)


@settings(max_examples=40, deadline=None)
@given(data=st.data(), seed=st.integers(0, 1000), conditional=st.booleans())
def test_any_model_any_pattern(data, seed, conditional, draw_model, randomize, table):
    model = randomize(draw_model(data, max_variables=4, conditional=conditional), seed, scale=2.0)
    rng = np.random.default_rng(seed)
    row = None
    if conditional:
        of = model.context.variables
        row = rng.normal(size=model.context.n_columns) if of is None else rng.integers(of.n_values)
    own = table(model, context=row)
    rows = own.states[rng.integers(len(own.states), size=6)]
    rows = np.where(rng.random(rows.shape) < 0.5, -1, rows)
    evidence = model.inference().evidence(rows, model.context_rows(row, len(rows)))
    expected = np.log([own.marginal(row) for row in rows])
    np.testing.assert_allclose(evidence.log_prob, expected, atol=5e-5)


# Draws


def test_completions_follow_the_conditional_joint_distribution(small, patterns):
    number = 2000
    inference, rows, context = asked(small, patterns(np.array([1, 2, 0, 1])), seed=8)
    evidence = inference.evidence(rows, context)
    drawn = inference.complete(rows, context, evidence, np.arange(len(rows)), number)
    assert drawn.shape == (16, number, 4)
    for row, own in zip(rows, drawn, strict=True):
        assert (own[:, row >= 0] == row[row >= 0]).all()
        expected = small.table.posterior(row) * number
        observed = np.bincount(small.table.cells(own), minlength=len(expected))
        assert observed[expected == 0].sum() == 0
        rare = expected < 5
        pooled = [np.append(counts[~rare], counts[rare].sum()) for counts in (observed, expected)]
        keep = pooled[1] > 0
        if keep.sum() > 1:
            assert chisquare(pooled[0][keep], pooled[1][keep] * number / pooled[1].sum()).pvalue > 1e-4


@pytest.mark.parametrize("name", ["one mask", "both", "context of a mixture"])
def test_completions_that_are_estimated_follow_it_too(small_one, name):
    small = small_one(name)
    inference, rows, context = asked(small, [[-1, 2, -1, 1], [1, -1, -1, -1]], max_states=1, draws=20_000)
    evidence = inference.evidence(rows, context)
    assert ESTIMATED in evidence.how
    drawn = inference.complete(rows, context, evidence, np.arange(2), 5000)
    for row, own in zip(rows, drawn, strict=True):
        frequency = np.bincount(small.table.cells(own), minlength=36) / 5000
        np.testing.assert_allclose(frequency, small.table.posterior(row), atol=0.03)


def test_completion_j_is_the_same_however_many_are_asked_for(small):
    rows = [[1, -1, -1, 2], [-1, -1, 0, -1], [-1, 0, 1, 1]]
    for max_states in (1, 4096):
        inference, rows, context = asked(small, rows, max_states=max_states, draws=50)
        evidence = inference.evidence(rows, context)
        many = inference.complete(rows, context, evidence, np.arange(3), 9)
        few = inference.complete(rows, context, evidence, np.arange(3), 4)
        later = inference.complete(rows, context, evidence, np.arange(3), 3, first=5)
        np.testing.assert_array_equal(few, many[:, :4])
        np.testing.assert_array_equal(later, many[:, 5:8])
        assert len(np.unique(many.reshape(-1, 4), axis=0)) > 3


@pytest.mark.parametrize("max_states", [1, 4096])
def test_what_is_asked_beside_a_row_never_matters(small, patterns, max_states):
    inference, rows, context = asked(small, patterns(np.array([0, 1, 1, 2])), max_states=max_states, draws=60)
    numbers = np.arange(len(rows))
    together = inference.evidence(rows, context)
    drawn = inference.complete(rows, context, together, numbers, 3)
    for i in (0, 5, 11):
        one = slice(i, i + 1)
        own = None if context is None else context[one]
        alone = inference.evidence(rows[one], own, numbers[one])
        np.testing.assert_allclose(alone.log_prob, together.log_prob[one], atol=1e-6)
        np.testing.assert_allclose(alone.error, together.error[one], atol=1e-6)
        np.testing.assert_array_equal(inference.complete(rows[one], own, alone, numbers[one], 3), drawn[one])


@pytest.mark.parametrize("max_states", [1, 4096])
def test_every_row_keeps_its_own_context(small_one, max_states):
    """In a mixture too, where only some of the rows are completed under each mask."""
    model = small_one("context of a mixture").model
    contexts = np.random.default_rng(0).integers(2, size=(40, 2))
    rows = np.tile([[-1, 2, -1, 1], [1, -1, 0, -1]], (20, 1))
    inference = model.inference(max_states=max_states, draws=40)
    context = model.context_rows(contexts, 40)
    together = inference.evidence(rows, context)
    drawn = inference.complete(rows, context, together, np.arange(40))
    assert len(np.unique(together.log_prob.round(3))) >= 8
    for i in range(40):
        one, own = np.array([i]), context[i : i + 1]
        alone = inference.evidence(rows[one], own, one)
        np.testing.assert_allclose(alone.log_prob, together.log_prob[one], atol=1e-6)
        np.testing.assert_array_equal(inference.complete(rows[one], own, alone, one), drawn[one])


def test_memory_is_bounded_by_groups_and_batches(small, patterns, monkeypatch):
    inference, rows, context = asked(small, patterns(np.array([0, 1, 1, 2])), max_states=6, draws=40)
    whole = inference.evidence(rows, context)
    drawn = inference.complete(rows, context, whole, np.arange(16), 3)
    monkeypatch.setattr("made.queries.inference._CODES_AT_ONCE", 100)
    inference.rows_per_batch = 7
    again = inference.evidence(rows, context)
    np.testing.assert_allclose(again.log_prob, whole.log_prob, atol=1e-6)
    np.testing.assert_array_equal(again.how, whole.how)
    np.testing.assert_array_equal(inference.complete(rows, context, again, np.arange(16), 3), drawn)


def test_seed_decides_the_draws(small_one):
    small = small_one("one mask")
    rows = [[-1, -1, -1, 1]] * 3
    (one, rows, _), (again, _, _), (other, _, _) = (
        asked(small, rows, seed=s, max_states=1) for s in (1, 1, 2)
    )
    values = [inference.evidence(rows, None).log_prob for inference in (one, again, other)]
    np.testing.assert_array_equal(values[0], values[1])
    assert (np.abs(values[0] - values[2]) > 1e-4).all()
    assert (np.abs(np.diff(values[0])) > 1e-4).all()  # rows have draws of their own


# Estimates


@pytest.fixture(scope="module")
def estimates():
    """A function that estimates often and returns z-scores, standard errors and true errors."""

    def estimate(small, patterns, draws, seeds):
        rows = patterns(np.array([1, 0, 1, 2]))
        expected = np.log([small.table.marginal(row) for row in rows])
        scores, errors, off = [], [], []
        for seed in range(seeds):
            inference, rows, context = asked(small, rows, max_states=1, draws=draws, seed=seed)
            evidence = inference.evidence(rows, context)
            unsure = evidence.how == ESTIMATED
            assert (np.abs(evidence.log_prob - expected) <= 5 * evidence.error + 2e-5).all()
            assert (evidence.error[~unsure] == 0).all()
            assert np.isposinf(evidence.ess[~unsure]).all()
            real = evidence.error > 1e-4
            assert real[unsure].mean() > 0.5
            off.append((evidence.log_prob - expected)[real])
            errors.append(evidence.error[real])
            scores.append(off[-1] / errors[-1])
        return np.concatenate(scores), np.concatenate(errors), np.concatenate(off)

    return estimate


def test_estimates_are_as_wrong_as_they_say(small, patterns, estimates):
    """z-scores within 5, and spread as they should be: errors are neither too small nor too large."""
    scores, _, _ = estimates(small, patterns, draws=300, seeds=12)
    assert len(scores) > 50
    assert 0.7 < np.sqrt((scores**2).mean()) < 1.4
    assert abs(scores.mean()) < 0.3


def test_errors_shrink_with_the_root_of_draws(small_one, patterns, estimates):
    few, many = (estimates(small_one("one mask"), patterns, draws, seeds=4)[1:] for draws in (400, 6400))
    assert np.median(few[0]) / np.median(many[0]) == pytest.approx(4, rel=0.2)
    assert np.sqrt((few[1] ** 2).mean()) > 2.5 * np.sqrt((many[1] ** 2).mean())


def test_effective_draws_are_at_most_the_draws(small_one, patterns):
    for name in ("one mask", "context"):
        inference, rows, context = asked(
            small_one(name), patterns(np.array([1, 0, 1, 2])), max_states=1, draws=70
        )
        evidence = inference.evidence(rows, context)
        unsure = evidence.how == ESTIMATED
        assert unsure.any()
        assert (evidence.ess[unsure] <= 70 + 1e-9).all()
        assert (evidence.ess[unsure] >= 1 - 1e-9).all()


# Densities written by hand


def by_hand(first, second, ordering=(0, 1)):
    """Two coins: log p of the one that comes first, and that of the other given it, (2, 2)."""
    one, other = ordering
    with np.errstate(divide="ignore"):
        first, second = np.log(first), np.log(second)

    def log_prob(codes, context):
        out = np.zeros(codes.shape)
        out[:, one] = first[codes[:, one]]
        out[:, other] = second[codes[:, one], codes[:, other]]
        return out

    def draw(u, codes, context):
        out = codes.copy()
        out[:, one] = np.where(codes[:, one] < 0, u[:, one] >= np.exp(first[0]), codes[:, one])
        zero = np.exp(second[out[:, one], 0])
        out[:, other] = np.where(codes[:, other] < 0, u[:, other] >= zero, codes[:, other])
        return out

    ranks = np.empty(2, dtype=np.int64)
    ranks[list(ordering)] = [1, 2]
    return lambda number: Density(number, ranks, log_prob, draw)


COINS = RowType(made.Bernoulli(2))
COPY, FLIP = [[0.99, 0.01], [0.01, 0.99]], [[0.01, 0.99], [0.99, 0.01]]


@pytest.mark.parametrize("max_states", [1, 4])
def test_a_mask_that_contradicts_the_evidence_has_no_say(max_states):
    """Mask 0: the first coin is heads, the second copies it. Mask 1: tails, and the second is the other."""
    masks = [by_hand([0.01, 0.99], COPY), by_hand([0.99, 0.01], FLIP)]
    inference = Inference(COINS, lambda k: masks[k](k), [0, 1], max_states=max_states)
    rows = np.array([[1, -1], [-1, 1]])
    evidence = inference.evidence(rows, None)
    np.testing.assert_allclose(evidence.mask_weights[:, 0], [0.99, 0.01])
    drawn = inference.complete(rows, None, evidence, np.arange(2), 4000)
    truth = 0.99**2 + 0.01**2  # masks of equal weight would say 0.5
    assert drawn[0, :, 1].mean() == pytest.approx(truth, abs=0.01)
    # p(x_1 = 1) is the same under both; the first coin is heads under mask 0, tails under mask 1
    np.testing.assert_allclose(evidence.mask_weights[:, 1], [0.5, 0.5], atol=0.02)
    assert drawn[1, :, 0].mean() == pytest.approx(0.5, abs=0.03)


def test_states_of_probability_zero_are_never_drawn():
    inference = Inference(COINS, by_hand([0.5, 0.5], [[1, 0], [0.3, 0.7]]), [0])
    rows = np.array([[-1, -1], [0, -1], [-1, 1]])
    evidence = inference.evidence(rows, None)
    np.testing.assert_allclose(np.exp(evidence.log_prob), [1, 0.5, 0.35])
    drawn = inference.complete(rows, None, evidence, np.arange(3), 500)
    assert not ((drawn[..., 0] == 0) & (drawn[..., 1] == 1)).any()
    assert (drawn[2] == [1, 1]).all()


@pytest.mark.parametrize("max_states", [1, 4])
def test_evidence_of_probability_zero(refused, max_states):
    inference = Inference(COINS, by_hand([0.5, 0.5], [[1, 0], [1, 0]]), [0], max_states=max_states)
    rows = np.array([[0, -1], [-1, 1], [1, 1]])
    evidence = inference.evidence(rows, None)
    assert np.exp(evidence.log_prob).tolist() == [0.5, 0, 0]
    assert not np.isnan(evidence.error).any()
    assert not np.isnan(evidence.mask_weights).any()
    assert (evidence.ess[1] == 0) == (max_states == 1)
    with refused("row 1", "probability 0"):
        inference.complete(rows, None, evidence, np.arange(3))


def test_a_mask_that_rules_the_evidence_out_is_left_out():
    masks = [by_hand([0.5, 0.5], [[1, 0], [1, 0]]), by_hand([0.5, 0.5], [[0.2, 0.8]] * 2)]
    for max_states in (1, 4):
        inference = Inference(COINS, lambda k: masks[k](k), [0, 1], max_states=max_states)
        rows = np.array([[-1, 1]])
        evidence = inference.evidence(rows, None)
        assert np.exp(evidence.log_prob).tolist() == pytest.approx([0.4])
        assert evidence.mask_weights[:, 0].tolist() == [0, 1]
        assert evidence.ess[0] > 900
        assert (inference.complete(rows, None, evidence, np.arange(1), 200)[0, :, 1] == 1).all()


def test_an_ordering_that_ends_with_what_is_known_is_estimated_by_weights():
    """The second coin comes first: the first is drawn after it, and nothing has to be weighed."""
    inference = Inference(COINS, by_hand([0.3, 0.7], COPY, ordering=(1, 0)), [0], max_states=1, draws=50)
    evidence = inference.evidence(np.array([[-1, 1], [1, -1]]), None)
    assert evidence.how.tolist() == [EXACT, ESTIMATED]
    assert np.exp(evidence.log_prob[0]) == pytest.approx(0.7)
    expected = np.log(0.3 * 0.01 + 0.7 * 0.99)
    assert evidence.log_prob[1] == pytest.approx(expected, abs=5 * evidence.error[1])


def test_exact_inference_says_what_stands_in_its_way(refused):
    inference = Inference(COINS, by_hand([0.5, 0.5], COPY), [0], max_states=1, exact=True)
    assert inference.evidence(np.array([[1, -1]]), None).how.tolist() == [EXACT]
    with refused("row 1 has no exact answer", "1 unknown variables", "2 states", "max_states", "'auto'"):
        inference.evidence(np.array([[1, -1], [-1, 0]]), None)


def test_poor_estimates_are_warned_of_and_good_ones_are_not():
    inference = Inference(COINS, by_hand([0.999, 0.001], [[1, 0], [0, 1]]), [0], max_states=1, draws=5000)
    evidence = inference.evidence(np.array([[1, -1], [-1, 1], [-1, 1]]), None)
    assert (evidence.ess[1:] < 30).all()
    with pytest.warns(
        PoorEstimateWarning, match=r"row 1 rests on \d\.\d effective draws \(poor for 2 of 3 rows\)"
    ):
        evidence.warn_if_poor()
    with pytest.warns(PoorEstimateWarning, match=r"row 0 .* effective draws: raise draws"):
        evidence.of(1).warn_if_poor()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        evidence.of(0).warn_if_poor()


def test_log_prob_of_complete_rows_is_that_of_the_model(small):
    inference, rows, context = asked(small, small.table.states)
    np.testing.assert_allclose(np.exp(inference.log_prob(rows, context)), small.table.p, atol=1e-6)
    if context is not None:
        np.testing.assert_allclose(np.exp(inference.log_prob(rows, context[:1])), small.table.p, atol=1e-6)


def test_more_states_than_a_float_can_count(refused):
    """2^1099 of them: no overflow on the way to an estimate."""
    model = made.MADE(made.Bernoulli(1100), hidden=(2,))
    row = np.full((1, 1100), -1)
    row[0, -1] = 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        evidence = model.inference(draws=2).evidence(row, None)
        with refused("row 0 has no exact answer", "1099 unknown variables"):
            model.inference(exact=True).evidence(row, None)
    assert evidence.how.tolist() == [ESTIMATED]
    assert np.exp(evidence.log_prob[0]) == pytest.approx(0.5)


def test_no_rows(small):
    inference, rows, context = asked(small, np.zeros((0, 4), int))
    evidence = inference.evidence(rows, context)
    assert evidence.log_prob.shape == (0,)
    assert evidence.mask_weights.shape == (small.model.n_masks, 0)
    assert inference.complete(rows, context, evidence, np.zeros(0, int), 3).shape == (0, 3, 4)
    assert inference.complete(rows, context, evidence, np.zeros(0, int)).dtype == np.int64


def test_inference_keeps_no_graph_and_moves_no_random_state(small_one):
    small = small_one("both")
    torch.manual_seed(0)
    before = torch.get_rng_state()
    inference, rows, _ = asked(small, [[-1, 1, -1, 0]], max_states=1)
    evidence = inference.evidence(rows, None)
    inference.complete(rows, None, evidence, np.arange(1), 3)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(parameter.grad is None for parameter in small.model.parameters())
