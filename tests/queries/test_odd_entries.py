"""Which entry is odd: log p of each entry given all others, against tables written out and other queries."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars
import pytest

import made
from made.queries.odd_entries import shown
from made.support.errors import InputError


@pytest.fixture(scope="module")
def mixed():
    """A number that follows a class, an amount that is often 0, a count, gaps: rows and two models."""
    draw = np.random.default_rng(0)
    n = 1000
    kind = draw.integers(0, 3, n)
    size = 10.0 * kind + draw.normal(size=n)
    amount = np.where(draw.random(n) < 0.6, 0.0, draw.exponential(5.0, n) + kind)
    count = draw.poisson(2 + kind)
    gaps = np.where(draw.random(n) < 0.2, np.nan, kind + draw.normal(size=n))
    rows = np.stack([kind, size, amount, count, gaps], axis=1)
    variables = [
        made.Categorical(3),
        made.Numeric(),
        made.Numeric(spikes=[0.0]),
        made.Numeric(step=1),
        made.Numeric(missing=True),
    ]
    schema = made.Schema.of_variables(made.MADE(variables).variables).rename(
        ["kind", "size", "amount", "count", "gaps"]
    )
    models = []
    for ordering in ([0, 1, 2, 3, 4], [4, 3, 2, 1, 0]):
        model = made.MADE(schema, hidden=(8,), direct=True, ordering=ordering)
        made.fit(model, rows[:800], rows[800:], epochs=12, batch_size=25, learning_rate=1e-2)
        models.append(model)
    return rows, models[0], made.Mixture(models)


def test_log_p_given_the_rest_is_that_of_the_table(small):
    rows = small.table.states
    found = made.odd_entries(small.model, rows, **small.context)
    for d in range(rows.shape[1]):
        without = rows.copy()
        without[:, d] = -1
        p = np.array([small.table.conditional(row, d) for row in without])
        own = p[np.arange(len(rows)), rows[:, d]]
        np.testing.assert_allclose(found.log_prob[:, d], np.log(own), atol=2e-5)
        np.testing.assert_allclose(found.surprise[:, d], (p * np.log(p)).sum(1) - np.log(own), atol=2e-5)


def test_the_oddest_entry_is_named_with_the_most_probable_value(small):
    rows = small.table.states
    found = made.odd_entries(small.model, rows, **small.context)
    worst = found.surprise.argmax(axis=1)
    assert found.column == [f"x{d}" for d in worst]
    values = np.asarray(small.model.schema.decode(rows))
    assert found.value == [str(own[d]) for own, d in zip(values, worst, strict=True)]
    for i, (row, d) in enumerate(zip(rows, worst, strict=True)):
        p = small.table.conditional(np.where(np.arange(4) == d, -1, row), d)
        name, share = found.expected[i].split(" ")
        assert p[int(name)] == pytest.approx(p.max(), abs=1e-6)
        assert share == f"({p.max():.0%})"


@pytest.mark.parametrize("which", [1, 2])
def test_numbers_are_scored_as_a_marginal_without_them_says(mixed, which):
    rows, model = mixed[0][:5], mixed[which]
    found = made.odd_entries(model, rows)
    whole = model.log_prob(rows).numpy()
    for d in range(rows.shape[1]):
        unknown = np.zeros(rows.shape, bool)
        unknown[:, d] = True
        rest = model.marginal(rows, unknown=unknown)
        np.testing.assert_allclose(found.log_prob[:, d], whole - rest.log_prob, atol=2e-3)


def test_an_odd_number_is_named_with_the_interval_of_its_conditional(mixed):
    rows, _, model = mixed
    odd = rows[:3].copy()
    odd[:, 0], odd[:, 1] = 0, [20.0, 0.5, 1e4]
    found = made.odd_entries(model, odd)
    assert found.column[0] in ("size", "kind")
    entry = found.odd[0][1]
    low, high = (float(end) for end in entry.expected.removesuffix(" (80%)").split(" to "))
    given = {d: float(odd[0, d]) for d in (0, 2, 3)}
    given[4] = made.MISSING if np.isnan(odd[0, 4]) else float(odd[0, 4])
    below = model.conditional(1, given).cdf(np.array([low, high]))
    np.testing.assert_allclose(below, [0.1, 0.9], atol=0.03)
    assert entry.value == "20"
    assert found.surprise[1, 1] < 2 < found.surprise[0, 1] < found.surprise[2, 1]


def test_units_matter_to_log_p_and_not_to_which_entry_is_odd():
    draw = np.random.default_rng(1)
    own = np.stack([draw.normal(size=400), draw.normal(size=400)], axis=1)
    own[:, 1] += own[:, 0]
    found = []
    for scale in (1.0, 2.0**20):
        scaled = own * [1.0, scale]
        model = made.MADE(made.Numeric(2), hidden=(8,), direct=True)
        made.fit(model, scaled, epochs=3, batch_size=50)
        found.append(made.odd_entries(model, scaled[:20]))
    np.testing.assert_allclose(found[0].surprise, found[1].surprise, atol=1e-3)
    np.testing.assert_allclose(found[0].log_prob[:, 1] - found[1].log_prob[:, 1], 20 * np.log(2), atol=1e-3)


def test_an_answer_depends_on_its_row_alone(mixed):
    rows, model, _ = mixed
    together = made.odd_entries(model, rows[:70])
    alone = made.odd_entries(model, rows[66:67])
    np.testing.assert_allclose(together.log_prob[66], alone.log_prob[0], atol=1e-5)
    assert (together.column[66], together.expected[66]) == (alone.column[0], alone.expected[0])


def test_what_is_unknown_is_averaged_over(small_one):
    """The number of completions is fixed: the mean is close to that of the table, not equal to it."""
    small = small_one("orderings")
    rows = small.table.states
    values = rows.astype(object)
    values[:, 1] = None
    found = made.odd_entries(small.model, values)
    assert np.isnan(found.log_prob[:, 1]).all()
    assert "x1" not in found.column
    for d in (0, 2, 3):
        asked = np.where(np.isin(np.arange(4), [1, d]), -1, rows)
        p = np.array([small.table.conditional(row, d) for row in asked])
        own = np.log(p[np.arange(len(rows)), rows[:, d]])
        assert np.abs(found.log_prob[:, d] - own).max() < 0.25
        assert np.abs(found.log_prob[:, d] - own).mean() < 0.05
    nothing = made.odd_entries(small.model, [[None] * 4])
    assert (nothing.column, nothing.value, nothing.expected) == ([None], [None], [None])


def test_frames_and_tables(mixed):
    rows, model, _ = mixed
    frame = polars.DataFrame(rows[:4], schema=["kind", "size", "amount", "count", "gaps"])
    found = made.odd_entries(model, frame)
    table = polars.DataFrame(found.as_dict())
    assert table.columns[:5] == ["odd_column", "odd_value", "expected", "odd_log_prob", "odd_surprise"]
    assert table.columns[5:] == [f"{name}_log_prob" for name in frame.columns]
    worst = frame.columns.index(found.column[0])
    assert table["odd_log_prob"][0] == found.log_prob[0, worst] == table[0, 5 + worst]
    renamed = replace(found, names=("odd", *found.names[1:])).as_dict()
    np.testing.assert_array_equal(renamed["odd_log_prob_2"], found.log_prob[:, 0])
    np.testing.assert_array_equal(renamed["odd_log_prob"], table["odd_log_prob"])
    assert len(made.odd_entries(model, frame[:0]).as_dict()["odd_column"]) == 0
    with pytest.raises(InputError):
        made.odd_entries(model, [[0, 0, 0]])


def test_what_is_missing_may_be_odd_and_may_be_expected():
    draw = np.random.default_rng(0)
    known = draw.random(600) < 0.5
    rows = np.stack([known, np.where(known, draw.normal(size=600), np.nan)], axis=1)
    model = made.MADE([made.Bernoulli(1), made.Numeric(missing=True)], hidden=(8,), direct=True)
    made.fit(model, rows, epochs=15, batch_size=20, learning_rate=0.02)
    found = made.odd_entries(model, [[1, np.nan], [0, 0.3], [0, np.nan]])
    assert found.odd[0][1].value == shown(None) == "missing"
    assert " to " in found.odd[0][1].expected
    assert found.odd[1][1].expected.startswith("missing (")
    assert found.surprise[2].max() < 1


def test_very_many_classes_are_sampled():
    draw = np.random.default_rng(0)
    kinds = draw.integers(0, 2, 4000)
    names = kinds * 2500 + draw.integers(0, 2500, 4000)
    model = made.MADE([made.Categorical(5000), made.Bernoulli(1)], hidden=(8,), direct=True)
    made.fit(model, np.stack([names, kinds], axis=1), epochs=3, batch_size=50)
    rows = [[17, 0], [17, 1]]
    found = made.odd_entries(model, rows)
    expected = [
        float(model.log_prob([row])[0] - model.marginal([[None, row[1]]], particles=4000).log_prob[0])
        for row in rows
    ]
    np.testing.assert_allclose(found.log_prob[:, 0], expected, atol=0.1)
