"""The network: products with one mask and with any mask agree, masked weights stay zero, dropout is told."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch.nn import functional

import made
from made.masks.tensors import float_masks
from made.network.network import ACTIVATIONS, Network
from made.network.products import Masked

MIXED = [made.Bernoulli(3), made.Categorical(3, n=2)]


@pytest.fixture
def model(randomize):
    return randomize(made.MADE(MIXED, (8, 8), direct=True, residual=True, activation="tanh", dropout=0.25))


def all_dead_are_zero(pairs):
    assert any((~mask).any() for _, mask in pairs)
    return all(bool((weight[~mask] == 0).all()) for weight, mask in pairs)


def test_a_stored_mask_is_the_mask_given(model):
    """The same outputs and the same gradients, though one way multiplies by the masks and one does not."""
    stored, given = (
        model.network,
        Network(9, (8, 8), 9, activation="tanh", residual=[False, True], direct=True),
    )
    given.load_state_dict(stored.state_dict())
    x = torch.randn(7, 9, generator=torch.Generator().manual_seed(0))
    mask = Masked(float_masks(model.mask(), torch.device("cpu"), direct=True))
    inputs = [x.clone().requires_grad_() for _ in range(2)]
    outs = [stored(inputs[0], model._product(0)), given(inputs[1], mask)]
    torch.testing.assert_close(*outs)
    for out in outs:
        out.square().sum().backward()
    torch.testing.assert_close(inputs[0].grad, inputs[1].grad)
    for one, other in zip(stored.parameters(), given.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)
        assert one.grad.any()


def test_the_stored_linear_map_has_the_right_gradients(model):
    network = model.network.double()
    x = torch.randn(3, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, *biases: network(x, model._product(0)), (x, *network.biases))


@pytest.mark.parametrize("settings", [{}, {"direct": True, "residual": True}, {"hidden": ()}])
def test_dead_weights_are_zero_at_the_start(masked_weights, settings):
    model = made.MADE(MIXED, **{"hidden": (16, 16), **settings})
    assert all_dead_are_zero(masked_weights(model))
    assert model.count_violations() == 0
    for weight, mask in masked_weights(model)[: len(model.hidden)]:
        assert (weight[mask] != 0).all()


@pytest.mark.parametrize("copied", [False, True])
def test_dead_weights_stay_zero_through_training(model, masked_weights, copied):
    model = copy.deepcopy(model) if copied else model
    before = copy.deepcopy(model.state_dict())
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.5)
    x = model.sample(30, seed=0)
    for step in range(5):
        optimizer.zero_grad()
        model.loss(x, generator=torch.Generator().manual_seed(step)).backward()
        for weight, mask in masked_weights(model):
            assert (weight.grad[~mask] == 0).all()
            assert weight.grad[mask].any()
        optimizer.step()
    assert all_dead_are_zero(masked_weights(model))
    assert all(not torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_dead_weights_are_counted(model, masked_weights):
    with torch.no_grad():
        for weight, mask in masked_weights(model):
            weight[tuple((~mask).nonzero()[0])] = 0.1
    assert model.count_violations() == len(masked_weights(model)) == 4


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_by_name(name):
    network = Network(2, (3,), 1, activation=name)
    expected = getattr(functional, name, None) or getattr(torch, name)
    with torch.no_grad():
        network.biases[0].copy_(torch.tensor([-1.0, 0.5, 2.0]))
    assert torch.equal(network.hidden_layer(0, torch.zeros(1, 2)), expected(torch.tensor([[-1.0, 0.5, 2.0]])))
    assert made.MADE(made.Bernoulli(3), hidden=(4,), activation=name).log_prob([[0, 1, 1]]) < 0


def test_a_residual_layer_adds_the_layer_before():
    network = Network(2, (3, 3), 1, residual=[False, True])
    h = torch.tensor([[1.0, -2.0, 3.0]])
    with torch.no_grad():
        network.biases[1].fill_(0.5)
    assert network.hidden_layer(1, h).tolist() == [[1.5, -1.5, 3.5]]
    assert network.hidden_layer(0, torch.zeros(1, 2)).tolist() == [[0, 0, 0]]


def test_only_layers_of_one_size_are_residual():
    model = made.MADE(made.Bernoulli(4), (4, 4, 6, 6), residual=True)
    assert model.network.residual == (False, True, False, True)
    assert not any(made.MADE(made.Bernoulli(4), (4, 4)).network.residual)


def test_dropped_units_are_zero_and_the_others_grow():
    network = Network(1, (10_000,), 1, activation="relu", dropout=0.2)
    with torch.no_grad():
        network.biases[0].fill_(1.0)
    h = network.hidden_layer(0, torch.zeros(1, 1), drop=True, generator=torch.Generator().manual_seed(0))
    assert set(h.unique().tolist()) == {0.0, 1.25}
    assert float((h == 0).float().mean()) == pytest.approx(0.2, abs=0.02)
    assert (network.hidden_layer(0, torch.zeros(1, 1)) == 1).all()


@pytest.mark.parametrize("variables", [made.Bernoulli(64), made.Categorical(5, n=20, coding="raw")])
def test_initial_weights_are_scaled_by_the_live_fan_in_of_each_unit(variables):
    """Units that see two inputs and units that see all get the same variance through their layer."""
    model = made.MADE(variables, hidden=(4000, 4000), activation="relu", connectivity="even")
    first, second = model.network.weights[0], model.network.weights[1]
    live = [torch.from_numpy(matrix).sum(1) for matrix in model.mask().layers]
    power = variables.input_power
    for weight, fan_in, mean_square in [(first, live[0], power), (second, live[1], 1.0)]:
        variance = weight.detach().square().sum(1) * mean_square
        for part in (fan_in < fan_in.median(), fan_in >= fan_in.median()):
            assert float(variance[part].mean()) == pytest.approx(2.0, rel=0.15)


def test_seed_decides_the_initial_weights():
    one, again, other = (
        made.MADE(made.Bernoulli(5), (7,), seed=seed).network.weights[0] for seed in (1, 1, 2)
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"activation": "swish"}, ["activation", "relu", "'swish'"]),
        ({"activation": None}, ["activation", "None"]),
        ({"dropout": 1.0}, ["dropout", "[0, 1)", "1.0"]),
        ({"dropout": -0.1}, ["dropout", "-0.1"]),
        ({"dropout": math.nan}, ["dropout", "nan"]),
    ],
)
def test_settings_that_make_no_sense_are_refused(refused, settings, words):
    with refused(*words):
        made.MADE(made.Bernoulli(3), (4,), **settings)


# Context


@pytest.mark.parametrize("hidden", [(), (8,), (8, 8)])
def test_context_has_weights_of_its_own_to_every_output(hidden):
    network = Network(4, hidden, 3, n_context=2)
    assert network.context.shape == (3, 2)
    assert network.weights[0].shape[1] == (6 if hidden else 4)
    with torch.no_grad():
        network.context.copy_(torch.tensor([[1.0, 0], [0, 2], [3, 3]]))
    out = network(torch.zeros(1, 4), context=torch.tensor([[10.0, 1.0]]))
    assert out.tolist() == [[10, 2, 33]]


def test_the_first_hidden_layer_sees_inputs_and_then_context():
    network = Network(2, (1,), 1, activation="elu", n_context=1)
    with torch.no_grad():
        network.weights[0].copy_(torch.tensor([[1.0, 10, 100]]))
        network.weights[1].fill_(1)
    assert network(torch.tensor([[1.0, 2]]), context=torch.tensor([[3.0]])).item() == 321


def test_a_stored_mask_is_the_mask_given_with_context(randomize):
    model = randomize(made.MADE(MIXED, (8, 8), direct=True, residual=True, activation="tanh", context=2))
    given = Network(9, (8, 8), 9, activation="tanh", residual=[False, True], direct=True, n_context=2)
    given.load_state_dict(model.network.state_dict())
    generator = torch.Generator().manual_seed(0)
    x, c = torch.randn(7, 9, generator=generator), torch.randn(7, 2, generator=generator)
    mask = Masked(float_masks(model.mask(), torch.device("cpu"), direct=True))
    outs = [model.network(x, model._product(0), context=c), given(x, mask, context=c)]
    torch.testing.assert_close(*outs)
    for out in outs:
        out.square().sum().backward()
    for one, other in zip(model.network.parameters(), given.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)
        assert one.grad.any()


def test_no_weight_of_context_is_dead(randomize, masked_weights):
    model = randomize(made.MADE(MIXED, (8, 8), context=2))
    first = masked_weights(model)[0][1]
    assert first.shape == (8, 11)
    assert first[:, 9:].all()
    assert model.count_violations() == 0
    assert not Network(4, (8,), 3).context


def test_initial_weights_count_context_among_what_a_unit_sees():
    """Standardized context and variables together have the variance that variables alone would have."""
    model = made.MADE(made.Bernoulli(16), hidden=(4000,), activation="relu", connectivity="even", context=48)
    live = torch.from_numpy(model.mask().layers[0]).sum(1)
    variance = model.network.weights[0].detach().square().sum(1)
    for part in (live == 48, live > 48):
        assert float(variance[part].mean()) == pytest.approx(2.0, rel=0.15)
    assert not model.network.context.any()
    assert not model.network.weights[-1].any()
