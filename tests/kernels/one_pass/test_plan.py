"""The plan of a mask: its rows and columns are the weights of the network, and changes are noticed."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch

import made
from made.kernels.jit.vector import VECTOR
from made.kernels.one_pass import plan_cache
from made.kernels.one_pass.plan import make_plan
from made.kernels.one_pass.plan_cache import PlanCache


def weights_of(model):
    return [w.detach().numpy() for w in model.network.weights]


def in_order(model):
    """The weights of a model with one mask, its outputs sorted by rank and its units by degree."""
    mask = model.mask()
    orders = [np.argsort(degrees, kind="stable") for degrees in mask.connectivity]
    starts = np.concatenate([[0], np.cumsum(model.variables.output_sizes)])
    outputs = np.concatenate([np.arange(starts[d], starts[d + 1]) for d in mask.ordering])
    first, *rest = weights_of(model)
    layers = [first[orders[0]][:, : model.variables.n_inputs]]
    for i, weight in enumerate(rest):
        layers.append(weight[(*orders[1:], outputs)[i]][:, orders[i]])
    return layers


@pytest.fixture(params=[{}, {"context": 2}, {"direct": True}])
def model(request, randomize):
    variables = [made.Bernoulli(5), made.Categorical(3, n=2), made.Categorical(4, coding="radial-basis")]
    return randomize(made.MADE(variables, (20, 30), "random", **request.param))


def test_rows_and_columns_hold_every_weight(model):
    plan = make_plan(model.network, model.mask(), model.variables)
    first, hidden, output = in_order(model)
    np.testing.assert_array_equal(plan.first, first.T)
    for own, expected in zip(plan.matrices, (hidden, output), strict=True):
        np.testing.assert_array_equal(own, expected)
    ends = [*plan.column_starts[1:], len(plan.columns)]
    columns = [*hidden.T, *output.T]
    for column, begin, end in zip(columns, plan.column_starts, ends, strict=True):
        filled = np.pad(column, (0, -len(column) % VECTOR))
        np.testing.assert_array_equal(plan.columns[begin:end], filled[len(filled) - (end - begin) :])
        assert not filled[: len(filled) - (end - begin)].any()


def test_vectors_begin_with_lines_of_the_cache(model):
    plan = make_plan(model.network, model.mask(), model.variables)
    for array in (plan.columns, plan.first_columns, plan.direct_columns):
        assert array.size == 0 or array.ctypes.data % (4 * VECTOR) == 0
        assert array.shape[-1] % VECTOR == 0


def test_plans_are_kept_until_weights_change(randomize):
    model = randomize(made.MADE(made.Bernoulli(20), (30,), orderings=2))
    plans = PlanCache()

    def is_kept(k=0):
        before = plans._plans.get(k)
        return plans.get(model.network, model.variables, k, model.mask) is before

    assert not is_kept()
    assert is_kept()
    assert not is_kept(1)
    assert is_kept(1)
    assert is_kept()
    with torch.no_grad():
        model.network.weights[1][3, 4] = 7.0
    assert not is_kept(1)
    model.network.biases[0].data = torch.zeros(30)
    assert not is_kept(1)
    with torch.inference_mode():
        model.network.weights[0].mul_(2)
    assert not is_kept(1)
    model.load_state_dict(model.state_dict())
    assert not is_kept(1)
    for fused in (False, True):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, fused=fused)
        model.loss(torch.zeros(1, 20)).backward()
        optimizer.step()
        assert not is_kept(1)
        assert is_kept(1)


@pytest.mark.parametrize(
    "write",
    [
        lambda weight: weight.data.mul_(2),
        lambda weight: weight.detach().numpy().fill(1.0),
        lambda weight: weight.data[0, 1].add_(1),
    ],
    ids=["data", "numpy", "one weight"],
)
def test_a_change_that_torch_does_not_see_counts_once_it_is_told(randomize, write):
    model, plans = randomize(made.MADE(made.Bernoulli(5), (9,))), PlanCache()
    before = plans.get(model.network, model.variables, 0, model.mask)
    weight = model.network.weights[0]
    write(weight)
    torch.autograd.graph.increment_version(weight)
    after = plans.get(model.network, model.variables, 0, model.mask)
    fresh = make_plan(model.network, model.mask(), model.variables)
    assert after is not before
    np.testing.assert_array_equal(after.first, fresh.first)


def test_weights_made_in_inference_mode_are_never_taken_for_unchanged(randomize):
    with torch.inference_mode():
        model = made.MADE(made.Bernoulli(5), (9,))
    plans = PlanCache()
    before = plans.get(model.network, model.variables, 0, model.mask)
    with torch.inference_mode():
        model.network.weights[0].fill_(2.0)
    after = plans.get(model.network, model.variables, 0, model.mask)
    assert not np.array_equal(after.first, before.first)
    with torch.inference_mode():
        model.network.biases[-1].fill_(50.0)
    assert bool((model.sample(3, seed=0) == 1).all())


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda plans: pickle.loads(pickle.dumps(plans))])
def test_copies_of_the_memory_are_empty(copied):
    model, plans = made.MADE(made.Bernoulli(2), (3,)), PlanCache()
    plans.get(model.network, model.variables, 0, model.mask)
    assert not copied(plans)._plans


def test_plans_are_dropped_beyond_their_number_and_their_bytes(monkeypatch):
    model, plans = made.MADE(made.Bernoulli(20), (30,), orderings=70), PlanCache()
    for k in range(70):
        plans.get(model.network, model.variables, k, model.mask)
    assert list(plans._plans) == list(range(6, 70))
    plans.get(model.network, model.variables, 6, model.mask)
    one = sum(part.nbytes for part in plans._plans[6] if isinstance(part, np.ndarray))
    monkeypatch.setattr(plan_cache, "_MOST_BYTES", 3 * one)
    plans.get(model.network, model.variables, 0, model.mask)
    assert list(plans._plans)[-2:] == [6, 0]
    assert len(plans._plans) <= 3
    monkeypatch.setattr(plan_cache, "_MOST_BYTES", 0)
    plans.get(model.network, model.variables, 1, model.mask)
    assert list(plans._plans) == [1]


def test_of_recorded_values_the_code_of_a_missing_entry_is_not_drawn():
    variables = [
        made.Bernoulli(1),
        made.Categorical(3, missing=True),
        made.Numeric(spikes=[0.0], missing=True),
    ]
    model = made.MADE([*variables, made.Categorical(300)], (8,))
    plan = make_plan(model.network, model.mask(), model.variables)
    assert plan.n_drawn.tolist() == [2, 4, 3, 300]
    assert plan.of_recorded.n_drawn.tolist() == [2, 3, 2, 300]
