"""Averaged weights: which steps count how much, and that the training weights come back."""

import pytest
import torch

import made
from made.training.averaging import WeightAverage


def _model():
    return made.MADE(made.Bernoulli(6), hidden=(5,))


def _fill(model, value):
    with torch.no_grad():
        for tensor in model.state_dict().values():
            tensor.fill_(value)


def test_older_weights_count_less():
    model = _model()
    _fill(model, 0.0)
    average = WeightAverage(model, decay=0.9)
    _fill(model, 1.0)
    for step in range(1, 200):
        average.update(step)
    # From step 80 on each step counts 0.9 times what the next one does; before, fewer did.
    value = float(average.weights["network.biases.0"][0])
    assert 1 - 0.9 ** (199 - 80) - 1e-5 < value <= 1
    _fill(model, 3.0)
    average.update(200)
    assert float(average.weights["network.biases.0"][0]) == pytest.approx(3 - 2 * 0.9**8, rel=1e-4)


def test_the_first_weights_are_forgotten_soon():
    model = _model()
    _fill(model, 100.0)
    average = WeightAverage(model, decay=0.9999)
    _fill(model, 1.0)
    for step in range(1, 401):
        average.update(step)
    assert float(average.weights["network.biases.0"][0]) < 1.1


def test_the_weights_come_back():
    model = _model()
    average = WeightAverage(model, 0.5)
    _fill(model, 2.0)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with average.in_place():
        assert not torch.equal(model.network.biases[0], before["network.biases.0"])
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name])


@pytest.mark.parametrize("decay", [0.5, 0.998])
def test_every_step_is_added_by_its_rule(decay):
    """Every step up to the 64th, then every 8th: bit by bit what a plain lerp gives."""
    model = _model()
    generator = torch.Generator().manual_seed(0)
    average = WeightAverage(model, decay)
    expected = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for step in range(1, 130):
        with torch.no_grad():
            for weight in model.parameters():
                weight.normal_(generator=generator)
        average.update(step)
        if step <= 64 or step % 8 == 0:
            kept = min(decay, (1 + step) / (10 + step)) ** (1 if step <= 64 else 8)
            for name, tensor in model.state_dict().items():
                expected[name].lerp_(tensor, 1 - kept)
    assert expected.keys() == average.weights.keys()
    assert all(torch.equal(average.weights[name], tensor) for name, tensor in expected.items())


def test_the_averages_of_a_checkpoint():
    model = _model()
    average, other = WeightAverage(model, 0.9), WeightAverage(model, 0.9)
    for step, value in ((1, 1.0), (2, 5.0)):
        _fill(model, value)
        average.update(step)
    other.restore({name: tensor.clone() for name, tensor in average.weights.items()})
    _fill(model, 2.0)
    for own in (average, other):
        own.update(3)
    assert all(torch.equal(tensor, other.weights[name]) for name, tensor in average.weights.items())


@pytest.mark.parametrize("compiled", [False, True])
def test_a_fit_leaves_the_average_of_its_best_epoch(compiled):
    data = made.data.load("digits")
    models = []
    for ema in (0.0, 0.99):
        model = made.MADE(made.Bernoulli(64), hidden=(40,), ordering="random")
        history = made.fit(
            model, data.train, data.valid, epochs=4, learning_rate=0.02, schedule="constant",
            compiled=compiled, ema=ema,
        )  # fmt: skip
        nll = -float(model.log_prob(data.valid).mean())
        assert nll == pytest.approx(min(history.valid_nll), rel=1e-6)
        models.append(model)
    assert not torch.equal(models[0].network.biases[0], models[1].network.biases[0])
    assert models[1].count_violations() == 0


def test_a_resumed_fit_has_the_same_average(tmp_path):
    data = made.data.load("digits")
    settings = {"ema": 0.95, "schedule": "constant", "learning_rate": 0.01}
    whole = made.MADE(made.Bernoulli(64), hidden=(40,))
    made.fit(whole, data.train, data.valid, epochs=4, **settings)
    parts = made.MADE(made.Bernoulli(64), hidden=(40,))
    file = tmp_path / "checkpoint.safetensors"
    made.fit(parts, data.train, data.valid, epochs=2, checkpoint=file, **settings)
    again = made.MADE(made.Bernoulli(64), hidden=(40,))
    made.fit(again, data.train, data.valid, epochs=4, checkpoint=file, resume=True, **settings)
    for one, other in zip(whole.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)
