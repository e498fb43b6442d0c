"""The consistency gap: zero for a model whose orderings agree, and what is planted for one whose do not."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

import made
from made.masks.ordering import ranks_of
from made.runs.consistency import consistency, orders_of

SETTINGS = {
    "one": {},
    "connectivities": {"connectivities": 3},
    "several": {"orderings": 3, "connectivities": 2},
    "fresh": {"orderings": "fresh", "connectivities": "fresh", "fresh_masks": 4},
}
TRAINED_FOR = {
    "one": "one ordering",
    "connectivities": "one ordering",
    "several": "3 orderings",
    "fresh": "fresh orderings",
}


@pytest.fixture
def build(randomize):
    """A function that makes a model of five variables with random weights."""

    def make(**settings):
        variables = [made.Bernoulli(4), made.Categorical(3)]
        return randomize(made.MADE(variables, (12, 12), seed=1, direct=True, **settings), seed=2, scale=2.0)

    return make


def some_rows(model, n=30):
    generator = np.random.default_rng(0)
    return generator.integers(0, model.variables.n_values, (n, model.n_variables))


@pytest.mark.parametrize("case", SETTINGS)
def test_figures_are_those_of_log_prob(build, case):
    """Computed anew from log p of each mask and each ordering, one at a time."""
    model = build(**SETTINGS[case])
    rows = some_rows(model)
    found = consistency(model, rows, 5, evidence_rows=4)
    own = model.log_prob(rows).numpy()
    alone = np.mean([model.log_prob(rows, mask=k).numpy() for k in range(model.n_masks)], axis=0)
    each = []
    for number, order in enumerate(orders_of(5, 5)):
        mask = model.mask_set.reordered(ranks_of(order), number % model.n_masks)
        assert mask.ordering.tolist() == order.tolist()
        with torch.no_grad():
            outputs = model.outputs(rows, mask)
            each.append(model.variables.log_prob(outputs, model.rows(rows).codes).double().sum(dim=1).numpy())
    each = np.array(each)
    expected = {
        "nll": -own,
        "alone": own - alone,
        "orders": own - each.mean(axis=0),
        "together": own - (np.logaddexp.reduce(each, axis=0) - np.log(5)),
        "spread": each.std(axis=0, ddof=1),
    }
    for name, by_row in expected.items():
        figure = getattr(found, name)
        assert figure.value == pytest.approx(by_row.mean(), abs=1e-5), name
        assert figure.error == pytest.approx(by_row.std(ddof=1) / np.sqrt(30), abs=1e-5), name
    assert (found.n, found.n_masks, found.trained_for) == (30, model.n_masks, TRAINED_FOR[case])
    assert [own.ordering.tolist() for own in found.by_order] == [own.tolist() for own in orders_of(5, 5)]
    assert found.spread.value > 0.1  # random weights agree on nothing


@pytest.mark.parametrize("case", SETTINGS)
def test_every_ordering_makes_a_distribution(build, states, case):
    """Of a model of one mask too, whose weights were zeroed under another ordering."""
    model = build(**SETTINGS[case])
    rows = model.rows(states(model))
    for number, order in enumerate(orders_of(5, 4)):
        density = model.reordered(number % model.n_masks, ranks_of(order))
        assert np.exp(density.log_prob(rows).sum(axis=1)).sum() == pytest.approx(1, abs=1e-5)


def test_a_product_of_marginals_is_the_same_in_any_ordering():
    model = made.MADE([made.Bernoulli(4), made.Categorical(3)], (8,), orderings="fresh", fresh_masks=3)
    rows = some_rows(model)
    model.set_marginals(rows)
    found = consistency(model, rows, 6, evidence_rows=5)
    for figure in (found.alone, found.orders, found.together, found.spread, found.evidence_difference):
        assert figure.value == pytest.approx(0, abs=1e-6)
        assert figure.error == pytest.approx(0, abs=1e-6)
    assert all(own.root_mean_square < 1e-6 and own.is_exact for own in found.given_first)
    assert "No ordering is worse" in found.meaning


def test_evidence_given_first_is_that_of_the_method(build):
    model = build(**SETTINGS["several"])
    rows = some_rows(model, 6)
    found = consistency(model, rows, 4, evidence_rows=6)
    assert [len(own.columns) for own in found.given_first] == [1, 2, 3, 4]
    for own in found.given_first:
        unknown = np.ones(5, dtype=bool)
        unknown[list(own.columns)] = False
        first = model.marginal(rows, unknown=unknown, method="given-first").log_prob
        mixture = model.marginal(rows, unknown=unknown, method="exact").log_prob
        assert own.difference.value == pytest.approx((first - mixture).mean(), abs=1e-5)
        assert own.root_mean_square == pytest.approx(np.sqrt(((first - mixture) ** 2).mean()), abs=1e-5)
        assert own.is_exact
    mean = np.mean([own.difference.value for own in found.given_first])
    assert found.evidence_difference.value == pytest.approx(mean)


def test_members_of_a_mixture_are_asked_together(build):
    members = [build(), build(ordering=[4, 3, 2, 1, 0])]
    model = made.Mixture(members)
    rows = some_rows(model)
    found = consistency(model, rows, 3, evidence_rows=2)
    assert found.trained_for == "one ordering"
    encoded = model.rows(rows)
    for number, order in enumerate(orders_of(5, 3)):
        by_member = [own.reordered(0, ranks_of(order)).log_prob(encoded).sum(axis=1) for own in members]
        together = np.logaddexp(*by_member) - np.log(2)
        above = model.log_prob(rows).numpy() - together
        assert found.by_order[number].above.value == pytest.approx(above.mean(), abs=1e-6)


def test_what_the_figures_mean_follows_from_the_training():
    """Two columns that are equal, learned under one ordering: in the other, nothing of that is left."""
    generator = np.random.default_rng(0)
    first = generator.integers(0, 2, 400)
    rows = np.stack([first, first, generator.integers(0, 2, 400)], axis=1)
    one = made.MADE(made.Bernoulli(3), (16,), seed=0, direct=True)
    fresh = made.MADE(made.Bernoulli(3), (16,), seed=0, direct=True, orderings="fresh", fresh_masks=4)
    for model in (one, fresh):
        made.fit(model, rows, epochs=20, batch_size=16, learning_rate=0.02, seed=0)
    lost, kept = (consistency(model, rows, 6, evidence_rows=10) for model in (one, fresh))
    # In three of the six orderings the second comes before the first, and costs log 2 more.
    worse = [
        own.above.value for own in lost.by_order if ranks_of(own.ordering)[1] < ranks_of(own.ordering)[0]
    ]
    assert len(worse) == 3
    assert min(worse) > 0.4
    assert lost.orders.value > 0.2
    assert kept.orders.value < 0.05
    assert kept.spread.value < lost.spread.value
    assert "trained under one ordering" in lost.meaning
    assert "trained under one ordering" not in kept.meaning


def test_figures_are_json_ready_and_the_same_again(build):
    model = build(**SETTINGS["several"])
    rows = some_rows(model)
    one, two = (consistency(model, rows, 4, evidence_rows=3).as_dict() for _ in range(2))
    assert one == two
    content = json.loads(json.dumps(one, allow_nan=False))
    assert len(content["by_order"]) == 4
    assert content["given_first"][0]["difference"].keys() == {"value", "error"}


def test_progress_counts_masks_and_orderings(build, monkeypatch):
    model = build(**SETTINGS["several"])
    rows, done = some_rows(model), []
    whole = consistency(model, rows, 4, evidence_rows=3)
    monkeypatch.setattr(type(model), "rows_per_pass", 7)
    cut = consistency(model, rows, 4, evidence_rows=3, advance=done.append)
    assert sum(done) == 30 * (6 + 4)
    assert cut.orders.value == pytest.approx(whole.orders.value, abs=1e-6)


def test_refusals(build, refused):
    model = build()
    with refused("two at least"):
        consistency(model, some_rows(model, 1))
    with refused("orders", "at least 2"):
        consistency(model, some_rows(model), 1)
    with refused("one variable", "one ordering"):
        consistency(made.MADE(made.Categorical(3)), [[0], [1]])
