"""The plan of a mask: its rows and columns are the weights of the network, and changes are noticed."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch

import made
from made.kernels.one_pass.plan import VECTOR, make_plan
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
    np.testing.assert_array_equal(plan.hidden, hidden.ravel())
    np.testing.assert_array_equal(plan.output, output)
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


def test_the_latest_plan_is_kept_until_weights_change(randomize):
    model = randomize(made.MADE(made.Bernoulli(20), (30,), orderings=2))
    plans = PlanCache()

    def is_kept(k=0):
        before = plans._plan
        return plans.get(model.network, model.variables, k, model.mask) is before

    assert not is_kept()
    assert is_kept()
    assert not is_kept(1)
    assert is_kept(1)
    with torch.no_grad():
        model.network.weights[1][3, 4] = 7.0
    assert not is_kept(1)
    model.network.biases[0].data = torch.zeros(30)
    assert not is_kept(1)
    model.network.weights[0].data.mul_(2)
    assert not is_kept(1)
    model.network.weights[1].detach().numpy()[...] = 1.0
    assert not is_kept(1)
    model.load_state_dict(model.state_dict())
    assert not is_kept(1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model.loss(torch.zeros(1, 20)).backward()
    optimizer.step()
    assert not is_kept(1)
    assert is_kept(1)
    model.network.weights[1].data[0, 1] += 1  # one weight, behind torch's back: it must be told
    plans.forget()
    assert not is_kept(1)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda plans: pickle.loads(pickle.dumps(plans))])
def test_copies_of_the_memory_are_empty(copied):
    model, plans = made.MADE(made.Bernoulli(2), (3,)), PlanCache()
    plans.get(model.network, model.variables, 0, model.mask)
    assert copied(plans)._plan is None
