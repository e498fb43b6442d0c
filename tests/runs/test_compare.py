"""Two tables compared: false alarms are as rare as they should be, planted changes are found and named."""

from __future__ import annotations

import json
import math
from dataclasses import fields, replace

import numpy as np
import polars
import pytest
import torch

import made
from made.runs.compare import compare, compare_portions
from made.runs.drift import drift_between
from made.runs.table_features import Features, features_of
from made.runs.table_sample import TableSample


def people(n, seed):
    """A table whose columns go with each other: a height with three, and an answer with none."""
    generator = np.random.default_rng(seed)
    sex = generator.integers(0, 2, n)
    height = 165 + 12 * sex + generator.normal(0, 6, n)
    weight = 0.9 * height - 90 + generator.normal(0, 5, n)
    shoe = np.rint(height / 4 - 2 + generator.normal(0, 0.7, n)).astype(int)
    answer = np.array(["no", "yes", "perhaps"])[generator.integers(0, 3, n)]
    return polars.DataFrame(
        {
            "sex": np.array(["f", "m"])[sex],
            "height": height.round(1),
            "weight": weight.round(1),
            "shoe": shoe,
            "answer": answer,
        }
    )


@pytest.fixture(scope="module")
def model():
    schema = made.infer_schema(people(1500, 0))
    made_anew = made.MADE(schema, hidden=(32,), direct=True, orderings=2, seed=0)
    settings = {"epochs": 8, "batch_size": 64, "learning_rate": 0.005, "seed": 0}
    made.fit(made_anew, people(1500, 0), people(300, 1), **settings)
    return made_anew


@pytest.fixture(scope="module")
def held_out():
    return people(800, 2)


def other(seed=3, n=800):
    return people(n, seed)


def test_two_tables_alike(model, held_out):
    found = compare(model, held_out, other(), rest=50)
    assert found.p > 0.05
    assert found.changed == ()
    assert found.n_rows == found.n_compared == (800, 800)
    assert found.n_rest == (50, 50)
    assert found.n_tests == 1 + 3 * 5
    assert abs(found.difference.value) < 4 * found.difference.error
    assert found.low_share < 0.04


def part_of(features, rows):
    """The features of some of the rows, of which there are as many of each."""
    some = {}
    for field in fields(features):
        own = getattr(features, field.name)
        is_table = isinstance(own, np.ndarray)
        some[field.name] = own[rows] if is_table else [None if part is None else part[rows] for part in own]
    return Features(**some)


def test_p_values_of_200_splits_are_uniform(model):
    """Of one table, split at random: of every test, and no more false alarms than 5 % of all splits have."""
    rows = model.rows(people(200, 5))
    features = features_of(model, rows, rest=200)
    generator = np.random.default_rng(0)
    p_rows, p_any = [], []
    for _ in range(200):
        order = generator.permutation(200)
        found = drift_between(model, part_of(features, order[:100]), part_of(features, order[100:]), [{}] * 5)
        p_rows.append(found.p_rows)
        p_any.append(found.p)
    ordered = np.sort(p_rows)
    steps = np.arange(200) / 200
    farthest = max((ordered - steps).max(), (steps + 1 / 200 - ordered).max())
    assert farthest < 1.95 / math.sqrt(200)  # beyond in one case of 1,000
    assert sum(p < 0.05 for p in p_any) <= 22  # 10 expected at most; beyond in one case of 5,000


def test_a_shifted_column_is_found_and_named(model, held_out):
    frame = other()
    moved = frame.with_columns((polars.col("weight") + 6).round(1))
    found = compare(model, held_out, moved, rest=80)
    assert found.p < 1e-6
    assert found.columns[0].name == "weight"
    assert found.columns[0].what == "its values, and how they go with others"
    assert found.columns[0].p_values["values"] < 1e-6
    assert found.columns[0].difference["given_rest"].value < -0.3
    answer = next(own for own in found.columns if own.name == "answer")
    assert answer.p_values["values"] > 0.05
    assert answer.difference["given_rest"].value > -0.05


def test_a_broken_dependency_is_found_and_named(model, held_out):
    """The heights of the rows are dealt out anew: how they are distributed is as it was."""
    frame = other()
    order = np.random.default_rng(0).permutation(len(frame))
    broken = frame.with_columns(frame["height"].gather(order))
    found = compare(model, held_out, broken, rest=80)
    assert found.p < 1e-6
    assert found.columns[0].name == "height"
    assert found.columns[0].what == "how it goes with others"
    assert found.columns[0].p_values["values"] > 0.05
    assert found.columns[0].p_values["given_rest"] < 1e-6
    lost = {own.name: own.difference["given_rest"].value for own in found.columns}
    assert lost["height"] < 1.5 * min(lost[name] for name in ("sex", "weight", "shoe", "answer"))
    assert lost["answer"] > -0.1


def test_one_new_label_is_found_and_named(model, held_out):
    frame = other()
    answers = frame["answer"].to_list()
    answers[:40] = ["never"] * 40
    found = compare(model, held_out, frame.with_columns(polars.Series("answer", answers)), rest=80)
    assert found.p < 1e-3
    assert [own.name for own in found.changed] == ["answer"]
    assert found.columns[0].new_labels == {"never": 40}
    named = [row.odd["answer"].value for row in found.rows if "answer" in row.odd]
    assert len(named) > 2
    assert set(named) == {"never"}


def test_what_keeps_the_distribution_of_log_p_is_seen_in_the_values():
    """A fair coin turned over, of a model that knows it is fair: log p is the same, the values are not."""
    generator = np.random.default_rng(0)
    rows = generator.integers(0, 2, (600, 2))
    coin = made.MADE(made.Bernoulli(2), hidden=(4,))  # not trained: all states are equally probable
    second = np.where(generator.random((300, 1)) < 0.8, 1, rows[300:])
    found = compare(coin, rows[:300], second, rest=50)
    assert found.p_rows == 1.0
    assert found.p < 1e-6
    assert {own.what for own in found.columns} == {"its values"}


def test_the_least_likely_rows_are_those_of_log_prob(model, held_out):
    frame = other()
    found = compare(model, held_out, frame, rest=0, named=4)
    log_prob = model.log_prob(frame).numpy()
    assert [own.number for own in found.rows] == np.argsort(log_prob)[:4].tolist()
    among = model.log_prob(held_out).numpy()
    for own in found.rows:
        assert own.log_prob == pytest.approx(log_prob[own.number], abs=1e-6)
        assert own.percentile == pytest.approx(100 * (among < own.log_prob).mean(), abs=1e-6)
    assert "given_rest" not in found.columns[0].p_values


def test_portions_change_nothing(model, held_out):
    frame = other()
    whole = compare(model, held_out, frame, rows=300, rest=20, named=3)
    parts = [model.rows(own) for own in (frame[:11], frame[11:500], frame[500:])]
    cut = compare_portions(model, [model.rows(held_out)], parts, rows=300, rest=20, named=3)
    assert whole.n_rows == cut.n_rows == (800, 800)
    assert whole.n_compared == cut.n_compared == (300, 300)
    one, two = json.loads(json.dumps(whole.as_dict())), json.loads(json.dumps(cut.as_dict()))
    assert [own["name"] for own in one["columns"]] == [own["name"] for own in two["columns"]]
    assert one["p"] == pytest.approx(two["p"], rel=1e-3)
    assert [own["number"] for own in one["rows"]] == [own["number"] for own in two["rows"]]


def test_the_sample_is_a_fixed_one_of_bounded_size(model):
    rows = model.rows(other())
    one, two = (TableSample(model, 50, 0, seed=1) for _ in range(2))
    one.add(rows)
    for part in rows.batches(37):
        two.add(part)
        assert len(two.sample) <= 50
    assert torch.equal(one.sample.codes, two.sample.codes)
    assert torch.equal(one.sample.bodies, two.sample.bodies)
    another = TableSample(model, 50, 1, seed=1)
    another.add(rows)
    assert not torch.equal(one.sample.bodies, another.sample.bodies)


def test_rows_with_unknown_entries_count_by_their_values(model, held_out):
    frame = other()
    gaps = frame.with_columns(
        polars.when(polars.Series(np.arange(800) % 4 == 0))
        .then(None)
        .otherwise(polars.col("shoe"))
        .alias("shoe")
    )
    found = compare(model, held_out, gaps, rest=0)
    assert found.n_incomplete == (0, 200)
    assert found.columns[0].name == "shoe"
    assert found.columns[0].what == "its values"


def test_figures_are_json_ready(model, held_out):
    content = json.loads(json.dumps(compare(model, held_out, other(), rest=20).as_dict(), allow_nan=False))
    assert content["n_rows"] == [800, 800]
    assert len(content["columns"]) == 5
    assert len(content["rows"]) == 10


def test_refusals(model, held_out, refused):
    with refused("second table", "19 complete rows", "20"):
        compare(model, held_out, held_out[:19])
    with refused("first table", "complete rows"):
        compare(model, held_out.with_columns(polars.lit(None, dtype=polars.Int64).alias("shoe")), held_out)
    with refused("rows", "at least 20"):
        compare(model, held_out, held_out, rows=5)
    with refused("no rows"):
        compare(model, held_out[:0], held_out)


def test_context_conditions_both_tables():
    generator = np.random.default_rng(0)
    context = generator.integers(0, 2, (600, 1))
    rows = (generator.random((600, 2)) < np.where(context, 0.9, 0.1)).astype(int)
    given = made.MADE(made.Bernoulli(2), hidden=(16,), context=made.Bernoulli(1), seed=0)
    made.fit(given, rows, epochs=20, batch_size=32, learning_rate=0.02, context=context, seed=0)
    first, second = given.rows(rows[:300], context[:300]), given.rows(rows[300:], context[300:])
    assert compare(given, first, second, rest=50).p > 0.05
    turned = replace(second, context=given.rows(rows[300:], 1 - context[300:]).context)
    assert compare(given, first, turned, rest=50).p_rows < 1e-6
