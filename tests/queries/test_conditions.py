"""Conditions as sets and ranges: against sums and fine integrals, and against rows drawn from the model."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

import made
from made.support.errors import InputError

ORDERINGS = {"natural": "natural", "reversed": [2, 1, 0], "mixture": None}


@pytest.fixture(scope="module", params=list(ORDERINGS))
def small(request):
    """A class, a number that is often 0, a count that may be missing; one mask, or a mixture of three."""
    draw = np.random.default_rng(0)
    n = 600
    a = draw.integers(0, 3, n)
    b = np.where(draw.random(n) < 0.3, 0.0, draw.normal(a - 1, 1.0))
    c = np.where(draw.random(n) < 0.2, np.nan, draw.poisson(np.exp(0.5 + 0.3 * b)))
    rows = np.stack([a, b, c], axis=1)
    variables = [made.Categorical(3), made.Numeric(spikes=[0.0]), made.Numeric(step=1, missing=True)]
    masks = {"orderings": 3} if request.param == "mixture" else {"ordering": ORDERINGS[request.param]}
    model = made.MADE(variables, hidden=(16,), seed=2, **masks)
    made.fit(model, rows, epochs=8, batch_size=50, learning_rate=1e-2, seed=0)
    return model


@pytest.fixture(scope="module")
def table(small):
    """Every value of the class and of the count, nodes of the number; and the mass that each stands for."""
    x = np.arange(-350, 400) * 0.02 + 0.01  # so that -1, 0 and 0.5 are ends of cells
    width = np.full(len(x), 0.02)
    counts = [*range(-2, 22), np.nan]
    parts, masses = [], []
    for a in range(3):
        for c in counts:
            parts.append(
                np.stack([np.full(len(x) + 1, a), np.append(x, 0.0), np.full(len(x) + 1, c)], axis=1)
            )
            masses.append(np.append(width, 1.0))
    rows, mass = np.concatenate(parts), np.concatenate(masses)
    return rows, mass * np.exp(small.log_prob(rows).numpy())


CONDITIONS = {
    "x0 in {0, 2}": lambda r: np.isin(r[:, 0], [0, 2]),
    "x0 != 1": lambda r: r[:, 0] != 1,
    "x0 >= 1": lambda r: r[:, 0] >= 1,
    "x1 >= 0.5": lambda r: r[:, 1] >= 0.5,
    "x1 = 0": lambda r: r[:, 1] == 0,
    "x1 > 0": lambda r: r[:, 1] > 0,
    "-1 <= x1 <= 0": lambda r: (r[:, 1] >= -1) & (r[:, 1] <= 0),
    "x2 < 3": lambda r: r[:, 2] < 3,
    "x2 in {1, 4, 5}": lambda r: np.isin(r[:, 2], [1, 4, 5]),
    "x2 not in {2}": lambda r: ~np.isnan(r[:, 2]) & (r[:, 2] != 2),
    "x2 is missing": lambda r: np.isnan(r[:, 2]),
    "x2 is not missing": lambda r: ~np.isnan(r[:, 2]),
}
PAIRS = [("x1 >= 0.5", "x2 < 3"), ("x0 != 1", "x1 = 0"), ("x1 > 0", "x2 is not missing", "x0 >= 1")]


@pytest.mark.parametrize("where", [*[(one,) for one in CONDITIONS], *PAIRS], ids=" and ".join)
def test_their_probability_is_that_of_the_rows_that_meet_them(small, table, where):
    rows, mass = table
    met = np.logical_and.reduce([CONDITIONS[one](rows) for one in where])
    truth = np.log(mass[met].sum() / mass.sum())
    answer = small.marginal(np.zeros((1, 3)), unknown=np.ones(3, bool), where=list(where))
    many = answer.method[0] == "estimated"  # a count beside a number has too many states
    assert answer.log_prob[0] == pytest.approx(truth, abs=2e-3 + answer.error[0] * (5 if many else 1))
    if len(where) > 1:
        return
    estimate = small.marginal(
        np.zeros((1, 3)), unknown=np.ones(3, bool), where=list(where), method="estimate", particles=1000
    )
    assert estimate.log_prob[0] == pytest.approx(answer.log_prob[0], abs=5 * estimate.error[0] + 5e-3)


@pytest.mark.parametrize("where", PAIRS, ids=" and ".join)
def test_samples_meet_them_and_follow_the_model(small, table, where):
    rows, mass = table
    drawn = np.asarray(small.sample(2000, seed=1, where=list(where)), dtype=float)
    for one in where:
        assert CONDITIONS[one](drawn).all()
    met = np.logical_and.reduce([CONDITIONS[one](rows) for one in where])
    for d in range(3):
        own, p = rows[met, d], mass[met] / mass[met].sum()
        there = ~np.isnan(own)
        truth = (own[there] * p[there]).sum() / p[there].sum()
        sample = drawn[~np.isnan(drawn[:, d]), d]
        assert sample.mean() == pytest.approx(truth, abs=5 * sample.std() / len(sample) ** 0.5 + 0.01)


def test_a_known_value_and_a_condition_are_both_evidence(small, table):
    rows, mass = table
    answer = small.marginal([[1, None, None]], unknown=[False, True, True], where="x1 >= 0.5")
    met = (rows[:, 0] == 1) & (rows[:, 1] >= 0.5)
    assert answer.log_prob[0] == pytest.approx(np.log(mass[met].sum()), abs=2e-3 + answer.error[0])
    given = small.conditional(0, where="x1 >= 0.5")
    truth = [mass[(rows[:, 0] == k) & (rows[:, 1] >= 0.5)].sum() for k in range(3)]
    np.testing.assert_allclose(given.probabilities, truth / np.sum(truth), atol=2e-3)


def test_completions_meet_conditions_and_keep_what_is_known(small):
    answer = small.complete([[None, 1.0, None]], number=500, where="x2 >= 2", seed=0)
    values = np.asarray(answer.values, dtype=float)[0]
    assert (values[:, 1] == 1.0).all()
    assert (values[:, 2] >= 2).all()
    for kind in ("variable", "joint"):
        best = np.asarray(small.complete([[None, 1.0, None]], kind, where="x2 >= 2").values, dtype=float)
        assert best[0, 2] >= 2


def test_what_is_filled_in_was_recorded(small, table):
    """Its having been recorded is evidence about what comes before it."""
    rows, mass = table
    drawn = np.asarray(small.complete([[None, None, None]], number=2000, seed=0).values, dtype=float)[0]
    assert not np.isnan(drawn).any()
    there = ~np.isnan(rows[:, 2])
    p = mass[there] / mass[there].sum()
    expected = [p[rows[there, 0] == k].sum() for k in range(3)]
    found = np.bincount(drawn[:, 0].astype(int), minlength=3)
    assert stats.chisquare(found, np.array(expected) * len(drawn)).pvalue > 1e-4


def test_stated_errors_hold_at_their_rate(small):
    answer = small.marginal(np.zeros((1, 3)), unknown=np.ones(3, bool), where=["x1 >= 0.5", "x2 < 3"])
    scores = []
    for seed in range(30):
        own = small.marginal(
            np.zeros((1, 3)),
            unknown=np.ones(3, bool),
            where=["x1 >= 0.5", "x2 < 3"],
            method="estimate",
            particles=300,
            seed=seed,
        )
        scores.append((own.log_prob[0] - answer.log_prob[0]) / max(own.error[0], 1e-9))
    if own.error[0] > 1e-9:
        assert np.mean(np.abs(scores) < 2) > 0.85
    else:
        assert np.abs(scores).max() * 1e-9 < 1e-4


def test_given_first_answers_them_under_orderings_of_their_own(small):
    if small.n_masks == 1:
        pytest.skip("one ordering")
    answer = small.marginal(np.zeros((1, 3)), unknown=np.ones(3, bool), where="x2 < 3", method="given-first")
    assert answer.method[0] == "exact"
    assert np.isfinite(answer.log_prob[0])


def test_far_tails_keep_their_digits(small):
    answer = small.marginal(np.zeros((1, 3)), unknown=np.ones(3, bool), where="x1 > 1e6")
    assert np.isfinite(answer.log_prob[0])
    drawn = np.asarray(small.sample(5, seed=0, where="x1 > 1e6"), dtype=float)
    assert (drawn[:, 1] > 1e6).all()


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("x9 > 1", "x9"),
        ("x0 is missing", "never missing"),
        ("x0 in {7}", "cannot be"),
        ("x1 in {0.25}", "probability 0"),
        ("x2 in {0.5}", "multiple of its step"),
        ("x1 > much", "no number"),
        ("something else", "no condition"),
        ({"x1": made.Range(2), 1: made.Range(None, 1)}, "no value of x1"),
        ({"x1": set()}, "empty set"),
        (["x1 > 3", 4], "where is"),
    ],
)
def test_what_is_no_condition_is_said_in_a_line(small, where, message):
    with pytest.raises(InputError, match=message) as caught:
        small.marginal(np.zeros((1, 3)), unknown=np.ones(3, bool), where=where)
    assert "\n" not in str(caught.value)


def test_a_known_value_that_does_not_meet_a_condition_is_named(small):
    with pytest.raises(InputError, match=r"row 1 \(counted from 0\): what is given as x1 does not meet"):
        small.marginal([[0, 1.0, 1], [0, -1.0, 1]], where="x1 > 0")


def test_conditions_may_be_objects(small):
    by_text = small.marginal(np.zeros((1, 3)), unknown=np.ones(3, bool), where=["x1 >= 0.5", "x0 in {0, 2}"])
    own = {"x1": made.Range(0.5), 0: {0, 2}}
    assert small.marginal(np.zeros((1, 3)), unknown=np.ones(3, bool), where=own).log_prob == by_text.log_prob
    recorded = small.marginal(np.zeros((1, 3)), unknown=np.ones(3, bool), where={"x2": made.RECORDED})
    missing = small.marginal(np.zeros((1, 3)), unknown=np.ones(3, bool), where={"x2": made.MISSING})
    total = np.logaddexp(recorded.log_prob[0], missing.log_prob[0])
    assert total == pytest.approx(0, abs=1e-4 + recorded.error[0] + missing.error[0])


def test_rows_drawn_are_the_same_in_portions(small):
    whole = small.sample(6, seed=3, where="x1 >= 0.5")
    parts = torch.cat([small.sample(3, seed=3, where="x1 >= 0.5", first=first) for first in (0, 3)])
    np.testing.assert_allclose(np.asarray(whole, float), np.asarray(parts, float), rtol=1e-6)
