"""A table with a column of 100,000 classes: it is trained, scored, sampled and asked about as any other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import made
from made.data.columns import infer_schema
from made.data.dataset import build
from made.data.readers import Raw
from made.kernels.one_pass.supported import unsupported
from made.runs.scores import fit_baselines
from made.tuning.facts import Facts
from made.tuning.pipeline import Pipeline
from made.variables.many_classes import ManyClasses
from made.variables.rows import Rows

K = 100_000
VARIABLES = [made.Categorical(20), made.Categorical(K), made.Bernoulli(1)]


def table(n, seed):
    """Codes with Zipf frequencies whose neighbourhood the first column tells and whose parity the last."""
    rng = np.random.default_rng(seed)
    region = rng.integers(0, 20, n)
    place = (rng.zipf(1.2, n) * 7_919) % 5_000
    code = region * 5_000 + place
    return np.stack([region, code, (code % 2) ^ (rng.random(n) < 0.1)], axis=1)


@pytest.fixture(scope="module")
def model():
    model = made.MADE(VARIABLES, hidden=(64,), direct=True, ordering=[0, 1, 2])
    made.fit(model, table(10_000, 0), table(1_000, 1), epochs=4, seed=0, learning_rate=4e-3)
    return model


def test_it_learns_what_the_others_say_of_the_column(model):
    test = table(2_000, 2)
    untrained = made.MADE(VARIABLES, hidden=())
    untrained.set_marginals(table(10_000, 0))
    gain = model.log_prob(test, per_variable=True) - untrained.log_prob(test, per_variable=True)
    assert gain.mean(dim=0)[1] > 0.8
    assert gain.mean(dim=0)[2] > 0.02


def test_layers_have_a_few_hundred_units_whatever_the_number_of_classes(model):
    assert model.widths == (20 + 1_024 + 1, 64, 20 + 512 + 1)


def test_the_probabilities_of_all_classes_sum_to_1(model):
    rows = np.stack([np.full(K, 3), np.arange(K), np.full(K, 1)], axis=1)
    own = model.log_prob(rows, per_variable=True)[:, 1]
    assert own.exp().sum() == pytest.approx(1, abs=1e-5)


def test_samples_are_of_the_region_that_they_are_given(model):
    rows = model.sample(500, seed=0, given={0: 7}).numpy()
    share = (rows[:, 1] // 5_000 == 7).mean()
    assert share > 0.5
    assert torch.equal(model.sample(100, seed=1)[50:], model.sample(50, seed=1, first=50))


@pytest.fixture(scope="module")
def small(randomize):
    """A model of so few classes that each can be asked about."""
    grouping = {"frequent": 6, "groups": 5, "hashes": 2, "buckets": 8}
    variables = [
        made.Bernoulli(1),
        made.Categorical(60, coding="grouped", grouping=grouping),
        made.Bernoulli(2),
    ]
    return randomize(made.MADE(variables, (16,), ordering=[0, 1, 2, 3]))


def by_asking(model, given):
    """The conditional of variable 1, from the probability of all rows."""
    states = torch.cartesian_prod(torch.arange(2), torch.arange(60), torch.arange(2), torch.arange(2))
    p = model.log_prob(Rows(states)).exp()
    for variable, value in given.items():
        p = p * (states[:, variable] == value)
    sums = torch.zeros(60, dtype=torch.float64).index_add_(0, states[:, 1], p)
    return (sums / sums.sum()).numpy()


@pytest.mark.parametrize("given", [{}, {0: 1}, {0: 1, 2: 0}, {0: 0, 2: 1, 3: 1}])
def test_a_conditional_is_exact_whether_the_column_is_last_or_not(small, given):
    answer = small.conditional(1, given)
    assert answer.method == "exact"
    np.testing.assert_allclose(answer, by_asking(small, given), atol=1e-6)


@pytest.mark.parametrize("method", ["auto", "exact"])
def test_what_would_have_to_be_estimated_is_counted_unless_it_must_be_exact(small, method):
    answer = small.conditional(1, {3: 1}, method=method)
    expected = by_asking(small, {3: 1})
    if method == "exact":
        assert answer.method == "exact"
        np.testing.assert_allclose(answer, expected, atol=1e-6)
    else:
        assert answer.method == "estimated"
        assert np.abs(np.asarray(answer) - expected).max() < 0.05
        assert np.asarray(answer).sum() == pytest.approx(1)


def test_the_conditional_of_100_000_classes_asks_about_few(model):
    answer = model.conditional(1, {0: 7})
    assert answer.method == "exact"
    assert len(answer) == K
    assert np.asarray(answer).sum() == pytest.approx(1)
    assert np.asarray(answer)[35_000:40_000].sum() > 0.5


@pytest.mark.parametrize("kind", ["draw", "variable", "joint"])
def test_completions_of_every_kind(model, kind):
    answer = model.complete([[7, None, 1], [None, 35_000, None]], kind=kind, seed=0, particles=200)
    rows = answer.rows
    assert rows[0].tolist()[::2] == [7, 1]
    assert rows[1, 1] == 35_000
    assert (rows < [20, K, 2]).all()


def test_a_marginal_over_the_column_is_estimated_or_summed(model):
    answer = model.marginal([[7, None, 1]], max_states=K)
    estimate = model.marginal([[7, None, 1]])
    assert answer.method[0] == "exact"
    assert abs(answer.log_prob[0] - estimate.log_prob[0]) < 5 * estimate.error[0] + 1e-6


def test_text_of_20_000_labels_is_fitted_as_it_is():
    rng = np.random.default_rng(0)
    labels = np.concatenate([rng.permutation(20_000), rng.integers(0, 20_000, 30_000)])
    rows = np.array([[f"code {k:05}", "yes" if k < 7_000 else "no"] for k in labels], dtype=object)
    model = made.auto_fit(rows, seed=0, network={"hidden": (8,)}, training={"epochs": 1})
    column = model.schema.columns[0]
    assert column.arguments["coding"] == "grouped"
    assert "counts" in column.arguments["grouping"]
    assert len(column.labels) + model.schema.unseen(rows).sum() > 19_000
    assert torch.isfinite(model.log_prob(rows[:100])).all()
    assert model.sample(5, seed=0)[0, 0].startswith("code ")


def test_text_that_names_each_row_is_refused(refused):
    rows = np.array([[f"name {k}", k % 2] for k in range(12_000)], dtype=object)
    with refused("column 0", "12,000 different texts", "leave it out"):
        infer_schema({"train": rows})


def test_baselines_leave_the_tree_out():
    rows = table(300, 0)
    data = build(Raw("rows.npy", {"all": rows}), "rows")
    schema = made.MADE(VARIABLES, hidden=()).schema
    baselines = fit_baselines(replace(data, schema=schema))
    assert list(baselines) == ["product of marginals"]


def test_recipes_start_without_a_tree():
    rows = table(2_000, 0)
    schema = made.MADE(VARIABLES, hidden=()).schema
    encoded = schema.encode(rows)
    facts = Facts.of(schema, encoded[:1_800], encoded[1_800:], tree=lambda: pytest.fail("a tree of pairs"))
    assert not facts.can_be_tree
    assert facts.n_features == 1_045
    assert facts.entropy > 0


def test_all_models_of_a_pipeline_have_the_counts_of_the_training_rows():
    schema = made.MADE(VARIABLES, hidden=()).schema
    rows = schema.encode(table(300, 0))
    pipeline = Pipeline(schema, rows[:250], rows[250:], network={"hidden": (8,)})
    model, _ = pipeline.prepare()
    assert model.variables.blocks[1].groups.counts.sum() == 250


def test_a_model_of_such_columns_is_sampled_the_plain_way(model):
    assert "grouped" in unsupported(model.network, model.variables)


def test_context_of_many_classes(randomize):
    model = randomize(made.MADE(made.Bernoulli(2), (8,), context=made.Categorical(5_000)))
    rows = [[0, 0], [0, 1], [1, 0], [1, 1]]
    near, far = (model.log_prob(rows, context=[[code]]).exp() for code in (17, 4_321))
    assert near.sum() == pytest.approx(1, abs=1e-6)
    assert not torch.allclose(near, far)
    assert isinstance(model.context.variables.blocks[0], ManyClasses)
