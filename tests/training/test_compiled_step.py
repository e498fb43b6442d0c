"""The compiled step: losses, weights and moments are those of the plain one."""

import numpy as np
import pytest
import torch

import made
from made.training.batches import Batch
from made.training.compiled_step import CompiledStep
from made.training.settings import TrainingSettings
from made.training.steps import PlainStep

_MIXED = [made.Categorical(4, n=5), made.Bernoulli(9), made.Categorical(7, coding="radial-basis")]
_NETWORKS = [
    {"hidden": (40, 30)},
    {"hidden": (64, 64, 64), "residual": True, "direct": True, "activation": "tanh"},
    {"hidden": (50,), "ordering": "random", "direct": True},
    {"hidden": (), "direct": True},
    {"hidden": ()},
    {"hidden": (33,), "dropout": 0.3},
    {"hidden": (300, 500), "activation": "gelu"},
    {"hidden": (6, 5), "connectivity": [[3, 1, 2, 8, 5, 1], [9, 2, 4, 4, 1]]},
]


def _rows(model: made.MADE, n: int) -> torch.Tensor:
    draw = torch.Generator().manual_seed(1)
    return torch.randint(0, 2, (n, model.n_variables), generator=draw).to(torch.uint8)


def _train(kind, network, variables, n, steps=5, **settings):
    model = made.MADE(variables, **network).double()
    step = kind(model, TrainingSettings(weight_decay=0.1, **settings))
    rows = _rows(model, n)
    draw = torch.Generator()
    losses = [float(step.take(Batch(rows), 0, 0.01, draw.manual_seed(i))) for i in range(steps)]
    step.sync()
    return model, step, losses


@pytest.mark.parametrize("network", _NETWORKS, ids=str)
@pytest.mark.parametrize("variables", [made.Bernoulli(37), _MIXED], ids=["bernoulli", "mixed"])
@pytest.mark.parametrize("n", [32, 45])
def test_it_is_the_plain_step(network, variables, n):
    plain, plain_step, plain_losses = _train(PlainStep, network, variables, n)
    live, live_step, live_losses = _train(CompiledStep, network, variables, n)
    np.testing.assert_allclose(live_losses, plain_losses, rtol=1e-12)
    for name, tensor in plain.state_dict().items():
        torch.testing.assert_close(live.state_dict()[name], tensor, rtol=1e-9, atol=1e-11)
    wanted, state = plain_step.state(), live_step.state()
    assert state.keys() == wanted.keys()
    for name, tensor in wanted.items():
        torch.testing.assert_close(state[name], tensor, rtol=1e-9, atol=1e-11)
    assert live.count_violations() == 0


def test_context_and_weights_of_rows_count():
    models = []
    for kind in (PlainStep, CompiledStep):
        model = made.MADE(made.Bernoulli(12), hidden=(20,), context=3, direct=True).double()
        step = kind(model, TrainingSettings())
        draw = torch.Generator().manual_seed(0)
        context = torch.randn(21, 3, generator=draw).double()
        batch = Batch(_rows(model, 21), context, torch.rand(21, generator=draw).double())
        for i in range(4):
            step.take(batch, 0, 0.01, draw.manual_seed(i))
        step.sync()
        models.append(model)
    for one, other in zip(models[0].parameters(), models[1].parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("ordering", ["natural", "random"])
@pytest.mark.parametrize(
    "kinds", [(PlainStep, CompiledStep), (CompiledStep, PlainStep), (CompiledStep, CompiledStep)]
)
def test_each_kind_goes_on_where_another_stopped(ordering, kinds):
    network = {"hidden": (30, 20), "ordering": ordering}
    whole, _, _ = _train(PlainStep, network, made.Bernoulli(15), 20, steps=6)
    model, first, _ = _train(kinds[0], network, made.Bernoulli(15), 20, steps=3)
    state = {name: tensor.clone() for name, tensor in first.state().items()}
    second = kinds[1](model, TrainingSettings(weight_decay=0.1))
    second.restore(state)
    for i in range(3, 6):
        second.take(Batch(_rows(model, 20)), 0, 0.01, torch.Generator().manual_seed(i))
    second.sync()
    for one, other in zip(whole.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
def test_a_compiled_fit_is_a_plain_fit(optimizer):
    data = made.data.load("digits")
    fits = []
    for compiled in (False, True):
        model = made.MADE(made.Bernoulli(64), hidden=(48, 48), ordering="random", dropout=0.1, direct=True)
        history = made.fit(
            model, data.train, data.valid, epochs=3, batch_size=100, optimizer=optimizer, compiled=compiled
        )
        fits.append((history, model.log_prob(data.test)))
    assert fits[1][0].valid_nll == pytest.approx(fits[0][0].valid_nll, rel=1e-4)
    torch.testing.assert_close(fits[1][1], fits[0][1], rtol=1e-3, atol=1e-3)
