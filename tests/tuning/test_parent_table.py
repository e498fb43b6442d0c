"""The table of one parent: its counts, which parent is taken, and what the start of a model makes of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import made
from made.data.columns import infer_schema
from made.tuning.copula_init import build_as_copula
from made.tuning.parent_table import best_table, parents_of

SETTINGS = {"hidden": (8,), "direct": True}


def mixed(n=3_000, seed=0):
    """A label, one that follows from it in no order, a number of many spikes, and a label that it sets."""
    draw = np.random.default_rng(seed)
    rates = np.round(np.random.default_rng(9).uniform(5, 30, 40), 2)
    a, rate = draw.integers(0, 12, n), draw.integers(0, 40, n)
    after = np.where(draw.random(n) < 0.95, 5 * a % 12, draw.integers(0, 12, n))
    grade = np.searchsorted(np.sort(rates), rates)[rate] // 2
    rows = np.empty((n, 5), dtype=object)
    rows[:, 0], rows[:, 1] = [f"a{v:02}" for v in a], [f"b{v:02}" for v in after]
    rows[:, 2], rows[:, 3] = rates[rate], [f"g{v:02}" for v in grade]
    rows[:, 4] = draw.normal(size=n)
    return rows


def started(rows, **settings):
    schema, _ = infer_schema({"train": rows})
    train = schema.encode(rows)
    return build_as_copula(schema.fitted(train), {**SETTINGS, **settings}, train)


def test_a_row_is_predicted_from_all_others():
    model = started(mixed(200))
    codes = model.rows(mixed(200)).codes.numpy().astype(np.int64)
    parents = parents_of(model.variables, codes)
    child = codes[:, 1]
    table = best_table(parents[:1], child, 12)
    shares = (np.bincount(child, minlength=12) + 1) / (200 + 12)
    for i in (0, 17, 199):
        others = np.arange(200) != i
        like = others & (parents[0].codes == parents[0].codes[i])
        counts = np.bincount(child[like], minlength=12)
        expected = np.log((counts + 2 * shares) / (counts.sum() + 2)) - np.log(shares)
        np.testing.assert_allclose(table.evidence(np.array([i]))[0], expected)


def test_the_parent_is_the_one_that_predicts_best():
    rows = mixed()
    model = started(rows)
    codes = model.rows(rows).codes.numpy().astype(np.int64)
    parents = parents_of(model.variables, codes)
    assert [own.variable for own in parents] == [0, 1, 2, 3]  # the last column is a number without spikes
    firsts = np.cumsum(model.variables.input_sizes) - model.variables.input_sizes
    for child, parent in ((1, 0), (3, 2)):
        table = best_table([own for own in parents if own.variable != child], codes[:, child], 24)
        assert (table.inputs >= firsts[parent]).all()
        assert (table.inputs < firsts[parent + 1]).all()


def test_what_says_nothing_is_no_parent():
    draw = np.random.default_rng(0)
    rows = np.column_stack([draw.integers(0, 9, 500), draw.integers(0, 5, 500), draw.normal(size=500)])
    model = started(rows)
    codes = model.rows(rows).codes.numpy().astype(np.int64)
    assert best_table(parents_of(model.variables, codes)[:1], codes[:, 1], 5) is None


@pytest.mark.parametrize("ordering", ["natural", [4, 3, 2, 1, 0]])
def test_a_start_has_the_table(ordering):
    """A label follows from another, and from a number's spikes, though no straight line tells which."""
    model, test = started(mixed(), ordering=ordering), mixed(seed=1)
    own = model.log_prob(test, per_variable=True).mean(dim=0).numpy()
    after, grade = (1, 3) if ordering == "natural" else (0, 3)
    marginal = -np.log(12)
    assert own[after] > marginal + 1.9  # of 2.48, of which 0.34 is noise
    if ordering == "natural":
        assert own[grade] > -0.25


def test_features_and_biases_are_those_of_the_table():
    """Two answers that depend on a yes or no: one input says both lines of the table."""
    draw = np.random.default_rng(0)
    yes = draw.integers(0, 2, 4_000)
    label = np.where(
        yes == 1, draw.choice(3, 4_000, p=[0.8, 0.1, 0.1]), draw.choice(3, 4_000, p=[0.1, 0.1, 0.8])
    )
    rows = np.empty((4_000, 3), dtype=object)
    rows[:, 0], rows[:, 1], rows[:, 2] = yes, [f"c{v}" for v in label], draw.normal(size=4_000)
    model = started(rows)
    for value in (0, 1):
        found = model.conditional(1, {0: value}).probabilities
        counts = np.bincount(label[yes == value], minlength=3)
        np.testing.assert_allclose(found, counts / counts.sum(), atol=0.01)


def test_a_label_that_is_no_class_says_nothing():
    rows = mixed()
    model = started(rows)
    some = rows[:1].repeat(2, axis=0)
    some[1, 0] = "never seen"
    known, unseen = model.log_prob(some, per_variable=True)[:, 1].tolist()
    shares = np.bincount(model.rows(rows).codes[:, 1].long(), minlength=12) / len(rows)
    assert unseen == pytest.approx(np.log(shares[int(model.rows(some).codes[0, 1])]), abs=0.1)
    assert known > unseen + 1


def test_a_fit_starts_from_it():
    train, test = (pd.DataFrame(mixed(n, seed)).infer_objects() for n, seed in ((1_000, 0), (500, 2)))
    model = made.auto_fit(train, max_time=1)
    assert float(model.log_prob(test, per_variable=True)[:, 3].mean()) > -0.6
