"""It is a distribution: states sum to one, samples match them, and a mixture is the mean of its masks."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

import made
from made.baselines import ProductOfMarginals
from made.support.uniforms import row_uniforms

B, C = made.Bernoulli, made.Categorical
CASES = {
    "binary": (B(7), {}),
    "random ordering, deep": (B(6), {"ordering": "random", "hidden": (9, 12, 9), "residual": True}),
    "no hidden layer": (B(6), {"hidden": (), "ordering": [5, 3, 1, 0, 2, 4]}),
    "direct, even": (B(6), {"direct": True, "connectivity": "even"}),
    "one-hot": (C(3, n=4), {"ordering": [2, 0, 3, 1]}),
    "scaled": (C(4, n=3, coding="scaled"), {"activation": "tanh"}),
    "raw": (C(4, n=3, coding="raw"), {"connectivity": [1, 3]}),
    "of many kinds": ([B(2), C(3), C(1), C(2, coding="raw"), C(4, coding="scaled")], {"ordering": "random"}),
    "mixture of orderings": (B(6), {"orderings": 3}),
    "mixture of both": ([B(3), C(3, n=2)], {"orderings": 3, "connectivities": 2, "direct": True}),
    "fresh": ([B(4), C(4)], {"orderings": "fresh", "connectivities": "fresh", "fresh_masks": 5}),
}


def build(case, **settings):
    variables, given = CASES[case]
    return made.MADE(variables, **{"hidden": (12, 12), "seed": 1, **given, **settings})


@pytest.fixture(params=CASES)
def model(request, randomize):
    return randomize(build(request.param), seed=2, scale=2.0)


@pytest.fixture
def mixture(randomize):
    return randomize(build("mixture of both"), seed=2, scale=2.0)


def test_probabilities_of_all_states_sum_to_one(model, states):
    rows = states(model)
    p = model.log_prob(rows).exp()
    assert p.dtype == torch.float64
    assert float(p.sum()) == pytest.approx(1, abs=1e-5)
    assert p.max() > 2 * p.mean()  # random weights: far from uniform
    for k in range(model.n_masks):
        assert float(model.log_prob(rows, mask=k).exp().sum()) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("settings", [{}, {"orderings": 2, "connectivities": 3}])
def test_twelve_binary_variables_sum_to_one(randomize, states, settings):
    model = randomize(made.MADE(B(12), (20, 20), ordering="random", **settings), scale=2.0)
    assert float(model.log_prob(states(model)).exp().sum()) == pytest.approx(1, abs=1e-5)


def test_samples_match_the_probabilities(model, states):
    n, rows = 100_000, states(model)
    expected = model.log_prob(rows).exp().numpy() * n
    cells = np.ravel_multi_index(model.sample(n, seed=5).numpy().T, model.variables.n_values)
    observed = np.bincount(cells, minlength=len(rows)).astype(float)
    rare = expected < 5
    pooled = [np.append(counts[~rare], counts[rare].sum()) for counts in (observed, expected)]
    keep = pooled[1] > 0
    assert keep.sum() > 8
    assert chisquare(pooled[0][keep], pooled[1][keep] * n / pooled[1].sum()).pvalue > 1e-3


def test_every_sample_lies_in_the_bracket_of_its_uniform(model):
    """Teacher-forced: F(x - 1) <= u <= F(x) under the mask which the last uniform of the row chose."""
    n, D = 500, model.n_variables
    rows, u = model.sample(n, seed=3), row_uniforms(3, 0, n, D + 1)
    chosen = (u[:, -1] * model.n_masks).astype(int)
    for k in range(model.n_masks):
        own = torch.from_numpy(chosen == k)
        outputs = model.outputs(rows[own], k).detach().double()
        start = 0
        for d, size in enumerate(model.variables.output_sizes):
            mine = outputs[:, start : start + size]
            start += size
            p = torch.softmax(torch.cat([0 * mine, mine], 1) if size == 1 and binary(model, d) else mine, 1)
            value = rows[own, d].long()[:, None]
            upper = p.cumsum(1).gather(1, value)[:, 0].numpy()
            lower = upper - p.gather(1, value)[:, 0].numpy()
            assert (lower - 1e-6 <= u[own, d]).all()
            assert (u[own, d] <= upper + 1e-6).all()


def binary(model, variable):
    return model.variables.n_values[variable] == 2 and model.variables.output_sizes[variable] == 1


def test_per_variable_sums_to_the_row(model, states):
    rows = states(model)[::3]
    for k in range(model.n_masks):
        parts = model.log_prob(rows, per_variable=True, mask=k)
        assert parts.shape == rows.shape
        assert parts.dtype == torch.float64
        torch.testing.assert_close(parts.sum(1), model.log_prob(rows, mask=k), atol=1e-9, rtol=0)


def test_per_variable_is_the_conditional(randomize, states):
    """p(x_d | those before it) is a quotient of sums over all states."""
    model = randomize(build("one-hot"), seed=2, scale=2.0)
    rows, ordering = states(model), model.mask().ordering
    p, parts = model.log_prob(rows).exp().numpy(), model.log_prob(rows, per_variable=True).exp().numpy()

    def marginal(row, columns):
        return p[(rows[:, columns] == row[columns]).all(1)].sum()

    for i in range(0, len(rows), 10):
        for place, d in enumerate(ordering):
            quotient = marginal(rows[i], ordering[: place + 1]) / marginal(rows[i], ordering[:place])
            assert parts[i, d] == pytest.approx(quotient, rel=1e-4)


def test_per_variable_needs_one_mask(refused, mixture, states):
    for masks in (None, [0, 1]):
        with refused("per_variable", "mixture of 6 masks", "mask=k"):
            mixture.log_prob(states(mixture), per_variable=True, mask=masks)


def test_log_prob_is_that_of_the_mixture(mixture, states):
    rows = states(mixture)
    each = torch.stack([mixture.log_prob(rows, mask=k) for k in range(6)])
    assert not torch.allclose(each[0], each[1])
    for masks in (None, range(6), [1, 4], [3]):
        chosen = each if masks is None else each[list(masks)]
        expected = torch.logsumexp(chosen, 0) - math.log(len(chosen))
        torch.testing.assert_close(mixture.log_prob(rows, mask=masks), expected, atol=1e-9, rtol=0)


def test_fresh_evaluation_takes_the_first_masks_of_the_seed(randomize, states):
    model = randomize(build("fresh"), seed=2)
    rows = states(model)
    torch.testing.assert_close(model.log_prob(rows), model.log_prob(rows, mask=range(5)), atol=0, rtol=0)
    assert model.log_prob(rows, mask=99).shape == (len(rows),)


def test_a_mask_by_a_numpy_number(mixture, states):
    rows = states(mixture)[:3]
    assert torch.equal(mixture.log_prob(rows, mask=np.int64(2)), mixture.log_prob(rows, mask=2))


def test_no_masks_are_no_mixture(refused, mixture):
    with refused("at least one mask"):
        mixture.log_prob([[0] * 5], mask=[])


def test_evaluation_changes_no_state(model, states):
    rows, before = states(model), copy.deepcopy(model.state_dict())

    def look():
        return [model.log_prob(rows), model.log_prob(rows, mask=model.n_masks - 1), model.sample(9, seed=1)]

    first = look()
    torch.manual_seed(123)
    model.train(not model.training)
    str(model.summary()), model.settings(), model.sample(3)
    assert all(map(torch.equal, first, look()))
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("weighted", [False, True])
def test_with_marginals_set_it_is_the_product_of_marginals(case, weighted):
    model = build(case)
    rng = np.random.default_rng(0)
    n_values = model.variables.n_values
    train, test = (rng.binomial(n_values - 1, 0.2, size=(n, len(n_values))) for n in (57, 40))
    weight = rng.integers(0, 5, size=57) * 0.75 if weighted else None
    assert model.at_initialization
    model.set_marginals(train, weight)
    expected = ProductOfMarginals(train, n_values.tolist(), sample_weight=weight).log_prob(test)
    np.testing.assert_allclose(model.log_prob(test).numpy(), expected, atol=1e-4, rtol=0)


def test_a_weight_counts_as_that_many_rows():
    rng = np.random.default_rng(0)
    train, weight = rng.integers(2, size=(20, 7)), rng.integers(0, 4, size=20)
    weighted, copied = build("binary"), build("binary")
    weighted.set_marginals(train, weight)
    copied.set_marginals(np.repeat(train, weight, axis=0))
    torch.testing.assert_close(weighted.network.biases[-1], copied.network.biases[-1])


def test_marginals_in_slices_are_the_same(monkeypatch):
    train = np.random.default_rng(0).integers(2, size=(50, 7))
    whole, sliced = build("binary"), build("binary")
    whole.set_marginals(train)
    monkeypatch.setattr("made.base._NUMBERS_PER_BATCH", 21)
    sliced.set_marginals(train)
    torch.testing.assert_close(whole.network.biases[-1], sliced.network.biases[-1])


@pytest.mark.parametrize(
    "weight", [[1, 2], [[1.0]] * 4, [1, 1, -1, 1], [1, np.nan, 1, 1], [0, 0, 0, 0], ["a"] * 4]
)
def test_weights_that_make_no_sense_are_refused(refused, weight):
    model = build("binary")
    with refused("sample_weight"):
        model.set_marginals(np.zeros((4, 7)), weight)
    assert model.at_initialization


def test_an_untrained_model_is_uniform(states):
    for case in CASES:
        model = build(case)
        rows = states(model)
        assert model.log_prob(rows).tolist() == pytest.approx([-math.log(len(rows))] * len(rows), abs=1e-5)
