"""Inference against the joint table written out: every pattern of unknowns, one mask and mixtures."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

import made
from made.queries.density import States
from made.queries.inference import Inference
from made.queries.results import Route
from made.support.errors import PoorEstimateWarning
from made.variables.encoding import decode
from made.variables.row_type import RowType
from made.variables.rows import Rows


def encoded(codes, context=None):
    """Codes with -1 where unknown, and rows of context, as queries take them."""
    codes = torch.as_tensor(np.asarray(codes))
    return Rows(codes.clamp(min=0), codes >= 0, context)


def asked(small, rows, **options):
    """What a small model answers about rows of codes: (inference, the same rows as it takes them, rows)."""
    rows = np.asarray(rows)
    context = small.model.context.rows(small.context["context"], len(rows))
    return small.model.inference(**options), encoded(rows, context), rows


def completed(inference, rows, evidence, numbers, each=1, first=0):
    """The codes of completions, (n, each, D)."""
    states = inference.complete(rows, evidence, numbers, each, first)
    return states.codes.reshape(len(rows), each, rows.codes.shape[1])


def every_question(small, patterns):
    """Every pattern of unknowns with every value of what is known."""
    rows = np.unique(np.concatenate([patterns(state) for state in small.table.states]), axis=0)
    assert len(rows) == np.prod(small.table.n_values + 1)
    return rows


# How probable what is known is


def test_a_marginal_is_a_sum_over_the_table(small, patterns):
    inference, known, rows = asked(small, every_question(small, patterns))
    evidence = inference.evidence(known)
    expected = np.array([small.table.marginal(row) for row in rows])
    np.testing.assert_allclose(evidence.log_prob, np.log(expected), atol=2e-5)
    assert (evidence.error == 0).all()
    assert np.isposinf(evidence.ess).all()
    assert set(evidence.routes) == {Route.ORDERED, Route.SUMMED}


def test_masks_weigh_by_how_well_they_explain_what_is_known(small, patterns, table):
    inference, known, rows = asked(small, every_question(small, patterns))
    weights = inference.evidence(known).mask_weights
    of_masks = [table(small.model, k, **small.context) for k in range(small.model.n_masks)]
    expected = np.array([[one.marginal(row) for row in rows] for one in of_masks])
    np.testing.assert_allclose(weights, expected / expected.sum(axis=0), atol=2e-5)
    if small.model.n_masks > 1:
        assert np.abs(weights - 1 / len(weights)).max() > 0.1  # they do differ


def test_one_mask_of_a_mixture_and_some_of_them(small_one, patterns, table):
    small = small_one("both")
    for mask in (4, [1, 3], (5,), range(2)):
        own = table(small.model, mask)
        inference, known, rows = asked(small, patterns(np.array([1, 2, 0, 1])), mask=mask)
        expected = [np.log(own.marginal(row)) for row in rows]
        np.testing.assert_allclose(inference.evidence(known).log_prob, expected, atol=2e-5)


def test_exact_where_the_known_come_first_and_enumerated_elsewhere(small_one, patterns):
    small = small_one("one mask")
    ordering = small.model.mask().ordering
    inference, known, rows = asked(small, patterns(np.zeros(4, int)))
    for row, route in zip(rows, inference.evidence(known).routes, strict=True):
        in_order = row[ordering] >= 0
        prefix = not (np.diff(in_order.astype(int)) > 0).any()
        assert route == (Route.ORDERED if prefix else Route.SUMMED)


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
    evidence = model.inference().evidence(encoded(rows, model.context.rows(row, len(rows))))
    expected = np.log([own.marginal(row) for row in rows])
    np.testing.assert_allclose(evidence.log_prob, expected, atol=5e-5)


# Samples


def test_completions_follow_the_conditional_joint_distribution(small, patterns):
    number = 2000
    inference, known, rows = asked(small, patterns(np.array([1, 2, 0, 1])), seed=8)
    evidence = inference.evidence(known)
    drawn = completed(inference, known, evidence, np.arange(len(rows)), number)
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
    inference, known, rows = asked(small, [[-1, 2, -1, 1], [1, -1, -1, -1]], max_states=1, particles=20_000)
    evidence = inference.evidence(known)
    assert Route.PARTICLES in evidence.routes
    drawn = completed(inference, known, evidence, np.arange(2), 5000)
    for row, own in zip(rows, drawn, strict=True):
        frequency = np.bincount(small.table.cells(own), minlength=36) / 5000
        np.testing.assert_allclose(frequency, small.table.posterior(row), atol=0.03)


def test_completion_j_is_the_same_however_many_are_asked_for(small):
    rows = [[1, -1, -1, 2], [-1, -1, 0, -1], [-1, 0, 1, 1]]
    for max_states in (1, 4096):
        inference, known, rows = asked(small, rows, max_states=max_states, particles=50)
        evidence = inference.evidence(known)
        many = completed(inference, known, evidence, np.arange(3), 9)
        few = completed(inference, known, evidence, np.arange(3), 4)
        later = completed(inference, known, evidence, np.arange(3), 3, first=5)
        np.testing.assert_array_equal(few, many[:, :4])
        np.testing.assert_array_equal(later, many[:, 5:8])
        assert len(np.unique(many.reshape(-1, 4), axis=0)) > 3


@pytest.mark.parametrize("max_states", [1, 4096])
def test_what_is_asked_beside_a_row_never_matters(small, patterns, max_states):
    inference, known, rows = asked(
        small, patterns(np.array([0, 1, 1, 2])), max_states=max_states, particles=60
    )
    numbers = np.arange(len(rows))
    together = inference.evidence(known)
    drawn = completed(inference, known, together, numbers, 3)
    for i in (0, 5, 11):
        one = slice(i, i + 1)
        alone = inference.evidence(known[one], numbers[one])
        np.testing.assert_allclose(alone.log_prob, together.log_prob[one], atol=1e-6)
        np.testing.assert_allclose(alone.error, together.error[one], atol=1e-6)
        np.testing.assert_array_equal(completed(inference, known[one], alone, numbers[one], 3), drawn[one])


@pytest.mark.parametrize("max_states", [1, 4096])
def test_every_row_keeps_its_own_context(small_one, max_states):
    """In a mixture too, where only some of the rows are completed under each mask."""
    model = small_one("context of a mixture").model
    contexts = decode(model.context.variables, np.random.default_rng(0).integers(2, size=(40, 2)))
    rows = np.tile([[-1, 2, -1, 1], [1, -1, 0, -1]], (20, 1))
    inference = model.inference(max_states=max_states, particles=40)
    known = encoded(rows, model.context.rows(contexts, 40))
    together = inference.evidence(known)
    drawn = completed(inference, known, together, np.arange(40))
    assert len(np.unique(together.log_prob.round(3))) >= 8
    for i in range(40):
        one = np.array([i])
        alone = inference.evidence(known[i : i + 1], one)
        np.testing.assert_allclose(alone.log_prob, together.log_prob[one], atol=1e-6)
        np.testing.assert_array_equal(completed(inference, known[i : i + 1], alone, one), drawn[one])


def test_memory_is_bounded_by_groups_and_batches(small, patterns, monkeypatch):
    inference, known, _ = asked(small, patterns(np.array([0, 1, 1, 2])), max_states=6, particles=40)
    whole = inference.evidence(known)
    drawn = completed(inference, known, whole, np.arange(16), 3)
    monkeypatch.setattr("made.queries.inference._CODES_AT_ONCE", 100)
    inference.rows_per_batch = 7
    again = inference.evidence(known)
    np.testing.assert_allclose(again.log_prob, whole.log_prob, atol=1e-6)
    np.testing.assert_array_equal(again.routes, whole.routes)
    np.testing.assert_array_equal(completed(inference, known, again, np.arange(16), 3), drawn)


@pytest.mark.parametrize("limit", [0, 2**24])
@pytest.mark.parametrize("name", ["one mask", "both"])
def test_the_particles_of_a_single_row_are_kept(small_one, name, limit, monkeypatch):
    """What is kept, as far as memory goes, is what would be found anew."""
    monkeypatch.setattr("made.queries.inference._CODES_AT_ONCE", max(limit, 1))
    found = []
    posterior = Inference._posterior

    def counted(*args):
        found.append(1)
        return posterior(*args)

    monkeypatch.setattr(Inference, "_posterior", counted)
    small, one = small_one(name), np.zeros(1, dtype=np.int64)
    inference, known, _ = asked(small, [[-1, -1, -1, 1]], max_states=1, particles=500)
    evidence = inference.evidence(known, one)
    n = len(found)
    assert n > 0
    again = completed(inference, known, evidence, one, 20)
    later = completed(inference, known, evidence, one, 20, first=20)
    assert (len(found) == n) == (limit > 0)
    for first, own in ((0, again), (20, later)):
        fresh, _, _ = asked(small, [[-1, -1, -1, 1]], max_states=1, particles=500)
        np.testing.assert_array_equal(own, completed(fresh, known, evidence, one, 20, first))
    others = inference.evidence(known, one + 1), inference.evidence(encoded([[-1, -1, -1, 0]], known.context))
    for own in others:  # another stream, and another row
        assert (own.log_prob != evidence.log_prob).all()


def test_seed_decides_the_particles(small_one):
    small = small_one("one mask")
    rows = [[-1, -1, -1, 1]] * 3
    (one, known, _), (again, _, _), (other, _, _) = (
        asked(small, rows, seed=s, max_states=1) for s in (1, 1, 2)
    )
    values = [inference.evidence(known).log_prob for inference in (one, again, other)]
    np.testing.assert_array_equal(values[0], values[1])
    assert (np.abs(values[0] - values[2]) > 1e-4).all()
    assert (np.abs(np.diff(values[0])) > 1e-4).all()  # rows have particles of their own


# Estimates


@pytest.fixture(scope="module")
def estimates():
    """A function that estimates often and returns z-scores, standard errors and true errors."""

    def estimate(small, patterns, particles, seeds):
        rows = patterns(np.array([1, 0, 1, 2]))
        expected = np.log([small.table.marginal(row) for row in rows])
        scores, errors, off = [], [], []
        for seed in range(seeds):
            inference, known, rows = asked(small, rows, max_states=1, particles=particles, seed=seed)
            evidence = inference.evidence(known)
            unsure = evidence.routes == Route.PARTICLES
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
    scores, _, _ = estimates(small, patterns, particles=300, seeds=12)
    assert len(scores) > 50
    assert 0.7 < np.sqrt((scores**2).mean()) < 1.4
    assert abs(scores.mean()) < 0.3


def test_errors_shrink_with_the_root_of_the_number_of_particles(small_one, patterns, estimates):
    few, many = (estimates(small_one("one mask"), patterns, n, seeds=4)[1:] for n in (400, 6400))
    assert np.median(few[0]) / np.median(many[0]) == pytest.approx(4, rel=0.2)
    assert np.sqrt((few[1] ** 2).mean()) > 2.5 * np.sqrt((many[1] ** 2).mean())


def test_effective_particles_are_at_most_the_particles(small_one, patterns):
    for name in ("one mask", "context"):
        inference, known, _ = asked(
            small_one(name), patterns(np.array([1, 0, 1, 2])), max_states=1, particles=70
        )
        evidence = inference.evidence(known)
        unsure = evidence.routes == Route.PARTICLES
        assert unsure.any()
        assert (evidence.ess[unsure] <= 70 + 1e-9).all()
        assert (evidence.ess[unsure] >= 1 - 1e-9).all()


# Densities written by hand


@dataclass(frozen=True)
class Coins:
    """Two coins: log p of the one that comes first, and that of the other given it, (2, 2)."""

    number: int
    first: np.ndarray
    second: np.ndarray
    ordering: tuple[int, int]

    @property
    def ranks(self):
        return np.argsort(self.ordering) + 1

    def log_prob(self, rows):
        one, other = self.ordering
        codes = rows.codes.numpy()
        out = np.zeros(codes.shape)
        out[:, one] = self.first[codes[:, one]]
        out[:, other] = self.second[codes[:, one], codes[:, other]]
        return out

    def sample(self, u, rows):
        one, other = self.ordering
        out, known = rows.codes.numpy().copy(), rows.known.numpy()
        out[:, one] = np.where(known[:, one], out[:, one], u[:, one] >= np.exp(self.first[0]))
        zero = np.exp(self.second[out[:, one], 0])
        out[:, other] = np.where(known[:, other], out[:, other], u[:, other] >= zero)
        return States(out, np.zeros((len(out), 0), dtype=np.int64))


def by_hand(first, second, ordering=(0, 1)):
    """A function that makes a mask of two coins by its number."""
    with np.errstate(divide="ignore"):
        first, second = np.log(first), np.log(second)
    return lambda number: Coins(number, first, second, ordering)


COINS = RowType(made.Bernoulli(2))
COPY, FLIP = [[0.99, 0.01], [0.01, 0.99]], [[0.01, 0.99], [0.99, 0.01]]


@pytest.mark.parametrize("max_states", [1, 4])
def test_a_mask_that_contradicts_the_evidence_has_no_say(max_states):
    """Mask 0: the first coin is heads, the second copies it. Mask 1: tails, and the second is the other."""
    masks = [by_hand([0.01, 0.99], COPY), by_hand([0.99, 0.01], FLIP)]
    inference = Inference(COINS, lambda k: masks[k](k), [0, 1], max_states=max_states)
    rows = encoded([[1, -1], [-1, 1]])
    evidence = inference.evidence(rows)
    np.testing.assert_allclose(evidence.mask_weights[:, 0], [0.99, 0.01])
    drawn = completed(inference, rows, evidence, np.arange(2), 4000)
    truth = 0.99**2 + 0.01**2  # masks of equal weight would say 0.5
    assert drawn[0, :, 1].mean() == pytest.approx(truth, abs=0.01)
    # p(x_1 = 1) is the same under both; the first coin is heads under mask 0, tails under mask 1
    np.testing.assert_allclose(evidence.mask_weights[:, 1], [0.5, 0.5], atol=0.02)
    assert drawn[1, :, 0].mean() == pytest.approx(0.5, abs=0.03)


def test_states_of_probability_zero_are_never_drawn():
    inference = Inference(COINS, by_hand([0.5, 0.5], [[1, 0], [0.3, 0.7]]), [0])
    rows = encoded([[-1, -1], [0, -1], [-1, 1]])
    evidence = inference.evidence(rows)
    np.testing.assert_allclose(np.exp(evidence.log_prob), [1, 0.5, 0.35])
    drawn = completed(inference, rows, evidence, np.arange(3), 500)
    assert not ((drawn[..., 0] == 0) & (drawn[..., 1] == 1)).any()
    assert (drawn[2] == [1, 1]).all()


@pytest.mark.parametrize("max_states", [1, 4])
def test_evidence_of_probability_zero(refused, max_states):
    inference = Inference(COINS, by_hand([0.5, 0.5], [[1, 0], [1, 0]]), [0], max_states=max_states)
    rows = encoded([[0, -1], [-1, 1], [1, 1]])
    evidence = inference.evidence(rows)
    assert np.exp(evidence.log_prob).tolist() == [0.5, 0, 0]
    assert not np.isnan(evidence.error).any()
    assert not np.isnan(evidence.mask_weights).any()
    assert (evidence.ess[1] == 0) == (max_states == 1)
    with refused("row 1", "probability 0"):
        completed(inference, rows, evidence, np.arange(3))


def test_a_mask_that_rules_the_evidence_out_is_left_out():
    masks = [by_hand([0.5, 0.5], [[1, 0], [1, 0]]), by_hand([0.5, 0.5], [[0.2, 0.8]] * 2)]
    for max_states in (1, 4):
        inference = Inference(COINS, lambda k: masks[k](k), [0, 1], max_states=max_states)
        rows = encoded([[-1, 1]])
        evidence = inference.evidence(rows)
        assert np.exp(evidence.log_prob).tolist() == pytest.approx([0.4])
        assert evidence.mask_weights[:, 0].tolist() == [0, 1]
        assert evidence.ess[0] > 900
        assert (completed(inference, rows, evidence, np.arange(1), 200)[0, :, 1] == 1).all()


def test_an_ordering_that_ends_with_what_is_known_is_estimated_by_weights():
    """The second coin comes first: the first is drawn after it, and nothing has to be weighed."""
    inference = Inference(COINS, by_hand([0.3, 0.7], COPY, ordering=(1, 0)), [0], max_states=1, particles=50)
    evidence = inference.evidence(encoded(np.array([[-1, 1], [1, -1]])))
    assert evidence.routes.tolist() == [Route.ORDERED, Route.PARTICLES]
    assert np.exp(evidence.log_prob[0]) == pytest.approx(0.7)
    expected = np.log(0.3 * 0.01 + 0.7 * 0.99)
    assert evidence.log_prob[1] == pytest.approx(expected, abs=5 * evidence.error[1])


def test_exact_inference_says_what_stands_in_its_way(refused):
    inference = Inference(COINS, by_hand([0.5, 0.5], COPY), [0], max_states=1, exact=True)
    assert inference.evidence(encoded(np.array([[1, -1]]))).routes.tolist() == [Route.ORDERED]
    with refused("row 1 has no exact answer", "1 unknown variables", "2 states", "max_states", "'auto'"):
        inference.evidence(encoded(np.array([[1, -1], [-1, 0]])))


def test_poor_estimates_are_warned_of_and_good_ones_are_not():
    inference = Inference(COINS, by_hand([0.999, 0.001], [[1, 0], [0, 1]]), [0], max_states=1, particles=5000)
    evidence = inference.evidence(encoded(np.array([[1, -1], [-1, 1], [-1, 1]])))
    assert (evidence.ess[1:] < 30).all()
    with pytest.warns(
        PoorEstimateWarning, match=r"row 1 rests on \d\.\d effective particles \(poor for 2 of 3 rows\)"
    ):
        evidence.warn_if_poor()
    with pytest.warns(PoorEstimateWarning, match=r"row 0 .* effective particles: raise particles"):
        evidence.of(1).warn_if_poor()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        evidence.of(0).warn_if_poor()


def test_log_prob_of_complete_rows_is_that_of_the_model(small):
    inference, known, rows = asked(small, small.table.states)
    np.testing.assert_allclose(np.exp(inference.log_prob(known)), small.table.p, atol=1e-6)
    if known.context is not None:
        one_for_all = replace(known, context=known.context[:1].expand(len(rows), -1))
        np.testing.assert_allclose(np.exp(inference.log_prob(one_for_all)), small.table.p, atol=1e-6)


def test_more_states_than_a_float_can_count(refused):
    """2^1099 of them: no overflow on the way to an estimate."""
    model = made.MADE(made.Bernoulli(1100), hidden=(2,))
    row = np.full((1, 1100), -1)
    row[0, -1] = 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        evidence = model.inference(particles=2).evidence(encoded(row))
        with refused("row 0 has no exact answer", "1099 unknown variables"):
            model.inference(exact=True).evidence(encoded(row))
    assert evidence.routes.tolist() == [Route.PARTICLES]
    assert np.exp(evidence.log_prob[0]) == pytest.approx(0.5)


def test_no_rows(small):
    inference, known, _ = asked(small, np.zeros((0, 4), int))
    evidence = inference.evidence(known)
    assert evidence.log_prob.shape == (0,)
    assert evidence.mask_weights.shape == (small.model.n_masks, 0)
    assert completed(inference, known, evidence, np.zeros(0, int), 3).shape == (0, 3, 4)
    assert completed(inference, known, evidence, np.zeros(0, int)).dtype == np.int64


def test_inference_keeps_no_graph_and_moves_no_random_state(small_one):
    small = small_one("both")
    torch.manual_seed(0)
    before = torch.get_rng_state()
    inference, known, _ = asked(small, [[-1, 1, -1, 0]], max_states=1)
    evidence = inference.evidence(known)
    completed(inference, known, evidence, np.arange(1), 3)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(parameter.grad is None for parameter in small.model.parameters())
