"""Rows that meet conditions between columns: the model's rows given them, keyed by row, or a refusal."""

from __future__ import annotations

import logging

import numpy as np
import polars
import pytest
import torch

import made
from made.queries.constrained import Acceptance

# Of chi-squared with k degrees of freedom, k + 5 sqrt(2 k) is beyond its value in far less than one of 1,000.
N_ROWS = 4000


@pytest.fixture
def build(randomize):
    """A function that makes a model of three small numbers and a class with random weights."""

    def make(**settings):
        variables = [made.Categorical([0, 1, 2], 2), made.Categorical([0, 1, 2, 3, 4]), made.Bernoulli(1)]
        return randomize(made.MADE(variables, (12,), seed=1, **settings), seed=2, scale=1.5)

    return make


def expected_of(model, table, holds):
    """The states of a model that meet a condition, and their probabilities given that."""
    own = table(model)
    met = np.array([holds(*state) for state in own.states])
    return own, np.where(met, own.p, 0) / own.p[met].sum(), float(own.p[met].sum())


def check_frequencies(own, p, rows):
    """Frequencies of states agree with their probabilities, by a chi-squared statistic."""
    counts = np.bincount(own.cells(rows), minlength=len(p))
    assert counts[p == 0].sum() == 0
    there = p * len(rows) >= 5
    expected = p[there] * len(rows)
    statistic = ((counts[there] - expected) ** 2 / expected).sum()
    degrees = there.sum()
    assert statistic < degrees + 5 * np.sqrt(2 * degrees)


CONDITIONS = {
    "x0 <= x1": lambda a, b, total, bit: a <= b,
    "x0 + x1 == x2": lambda a, b, total, bit: a + b == total,
    "x0 != x1": lambda a, b, total, bit: a != b,
    "2 * x0 - x1 < x2 + 0.5": lambda a, b, total, bit: 2 * a - b < total + 0.5,
    "x3 <= x0 < x2": lambda a, b, total, bit: bit <= a < total,
}


@pytest.mark.parametrize("orderings", [1, 3])
@pytest.mark.parametrize("text", CONDITIONS)
def test_rows_are_those_of_the_model_given_the_condition(build, table, text, orderings):
    model = build(orderings=orderings)
    own, p, probability = expected_of(model, table, CONDITIONS[text])
    tally = Acceptance()
    rows = model.sample(N_ROWS, seed=3, where=text, tally=tally)
    check_frequencies(own, p, rows)
    assert tally.n_kept == N_ROWS
    assert tally.rate == pytest.approx(probability, abs=4 * tally.error)
    assert 0 < tally.error < 0.02


def test_conditions_hold_together_and_are_counted_apart(build, table):
    model = build()
    own, p, probability = expected_of(model, table, lambda a, b, total, bit: a <= b < total)
    tally = Acceptance()
    rows = model.sample(N_ROWS, seed=3, where=["x0 <= x1", "x1 < x2"], tally=tally)
    check_frequencies(own, p, rows)
    assert tally.rate == pytest.approx(probability, abs=4 * tally.error)
    for text, holds in (("x0 <= x1", lambda s: s[0] <= s[1]), ("x1 < x2", lambda s: s[1] < s[2])):
        alone = float(own.p[[holds(state) for state in own.states]].sum())
        assert tally.n_met[text] / tally.n_drawn == pytest.approx(alone, abs=0.03)


@pytest.mark.parametrize(
    "more", [{"given": {3: 1}}, {"where": ["x0 + x1 == x2", "x3 = 1"]}], ids=["given", "a column's condition"]
)
@pytest.mark.parametrize("orderings", [1, 3])
def test_beside_what_is_given(build, table, more, orderings):
    model = build(orderings=orderings)
    own, p, _ = expected_of(model, table, lambda a, b, total, bit: a + b == total and bit == 1)
    rows = model.sample(N_ROWS, seed=3, **{"where": "x0 + x1 == x2", **more})
    check_frequencies(own, p, rows)


def test_rows_with_their_own_given_values(build, table):
    model = build()
    given = np.full((400, 4), np.nan)
    given[:, 0] = np.arange(400) % 3
    rows = model.sample(400, seed=0, given=given, where="x0 <= x1").numpy()
    assert (rows[:, 0] == given[:, 0]).all()
    assert (rows[:, 0] <= rows[:, 1]).all()
    again = model.sample(150, seed=0, given=given[50:200], where="x0 <= x1", first=50).numpy()
    assert (again == rows[50:200]).all()


@pytest.mark.parametrize("more", [{}, {"given": {3: 1}}])
@pytest.mark.parametrize("text", ["x0 <= x1", "x0 + x1 == x2"])
def test_rows_are_a_function_of_the_seed_and_their_number(build, monkeypatch, text, more):
    model = build(orderings=2)
    tally, parts = Acceptance(), Acceptance()
    whole = model.sample(300, seed=5, where=text, tally=tally, **more)
    sizes = ((0, 7), (7, 200), (207, 93))
    cut = [model.sample(n, seed=5, where=text, first=first, tally=parts, **more) for first, n in sizes]
    assert torch.equal(whole, torch.cat(cut))
    assert (tally.n_kept, tally.n_drawn, tally.n_met) == (parts.n_kept, parts.n_drawn, parts.n_met)
    monkeypatch.setattr(type(model), "rows_per_batch", 64)
    assert torch.equal(whole, model.sample(300, seed=5, where=text, **more))
    assert not torch.equal(whole, model.sample(300, seed=6, where=text, **more))


def test_context_stays_with_its_row(randomize):
    model = randomize(made.MADE(made.Bernoulli(3), (8,), context=made.Bernoulli(1), seed=1), scale=3.0)
    context = np.arange(2000)[:, None] % 2
    rows = model.sample(2000, seed=0, context=context, where="x0 <= x1").numpy()
    assert (rows[:, 0] <= rows[:, 1]).all()
    states = np.array([[i >> 2 & 1, i >> 1 & 1, i & 1] for i in range(8)])
    for own in (0, 1):
        p = model.log_prob(states, context=[own]).exp().numpy()
        p = np.where(states[:, 0] <= states[:, 1], p, 0)
        counts = np.bincount(rows[context[:, 0] == own] @ [4, 2, 1], minlength=8)
        assert counts / 1000 == pytest.approx(p / p.sum(), abs=0.06)


def test_no_rows(build):
    tally = Acceptance()
    assert build().sample(0, where="x0 <= x1", tally=tally).shape == (0, 4)
    assert build().sample(0, where="x0 <= x1", given={3: 1}).shape == (0, 4)
    assert (tally.n_kept, tally.n_drawn) == (0, 0)


def test_what_was_drawn_is_logged_or_counted(build, caplog):
    model = build()
    with caplog.at_level(logging.INFO):
        model.sample(20, seed=0, where="x0 <= x1")
    assert "20 rows kept of" in caplog.text
    assert "meet x0 <= x1" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.INFO):
        model.sample(20, seed=0, where="x0 <= x1", tally=Acceptance())
    assert "kept" not in caplog.text


def test_too_few_rows_are_refused_by_the_condition(build, refused):
    model = build()
    with refused("too few rows meet", "'x0 + x1 == 3 * x2 + 7'", "0 of", "compute it"):
        model.sample(5, seed=0, where=["x0 <= x1", "x0 + x1 == 3 * x2 + 7"])
    with refused("too few rows meet", "'x0 + 9 < x1'", "loosen"):
        model.sample(5, seed=0, where="x0 + 9 < x1")


@pytest.mark.parametrize(
    "ask",
    [
        lambda model: model.marginal([[None] * 4], where="x0 <= x1"),
        lambda model: model.complete([[None] * 4], where="x0 <= x1"),
        lambda model: model.conditional(3, where="x0 <= x1"),
    ],
    ids=["marginal", "complete", "conditional"],
)
def test_other_questions_refuse_conditions_between_columns(build, refused, ask):
    with refused("'x0 <= x1'", "between columns", "sample"):
        ask(build())


def test_frames_of_amounts_and_dates():
    """Parts that sum to a total, in cents, and a stay that ends after it begins."""
    generator = np.random.default_rng(0)
    parts = generator.integers(0, 12, (600, 2)) / 10
    start = np.datetime64("2024-01-01") + generator.integers(0, 30, 600)
    frame = polars.DataFrame(
        {
            "rent": parts[:, 0],
            "food": parts[:, 1],
            "total": parts.sum(axis=1).round(1),
            "start": start,
            "end": start + generator.integers(0, 20, 600),
        }
    )
    model = made.MADE(made.infer_schema(frame), hidden=(32,), seed=0)
    made.fit(model, frame, epochs=15, batch_size=32, learning_rate=0.01, seed=0)
    where = ["rent + food == total", "start <= end"]
    tally = Acceptance()
    rows = model.sample(200, seed=0, where=where, tally=tally)
    cents = [(rows[name] * 10).round(0).cast(polars.Int64) for name in ("rent", "food", "total")]
    assert (cents[0] + cents[1] == cents[2]).all()
    assert (rows["start"] <= rows["end"]).all()
    assert 0.01 < tally.rate < 0.9
    assert rows.schema == frame.schema


def test_acceptance_in_words():
    tally = Acceptance()
    assert tally.describe() == "no row was drawn"
    assert np.isnan(tally.rate)
    tally.add(Acceptance(3, 1000, {"a <= b": 3}))
    tally.add(Acceptance(2, 1000, {"a <= b": 2}))
    assert tally.describe() == "5 rows kept of 2,000 drawn: 0.25 ± 0.11 % meet a <= b"
    assert Acceptance(5, 5, {"a <= b": 5}).describe() == "5 rows kept of 5 drawn: 100.0 ± 0.0 % meet a <= b"
