"""Captured steps are plain steps: the same numbers, in fixed memory, whatever comes in between."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pytest
import torch

import made
from made.training import captured_step
from made.training.batches import Batch
from made.training.captured_step import CapturedStep
from made.training.fit import fit
from made.training.settings import TrainingSettings
from made.training.steps import PlainStep
from made.variables.rows import Rows

SIZE = 8
SETTINGS = TrainingSettings(batch_size=SIZE)


class Again:
    """What CUDA's recorder does, without a device: a replay runs the function once more."""

    def __init__(self):
        self.calls = []

    def aside(self, run):
        self.calls.append("aside")
        return run()

    def record(self, run, generator=None):
        self.calls.append("record")
        result = torch.zeros(())

        def replay():
            self.calls.append("replay")
            result.copy_(run())

        return replay, result


class Unable(Again):
    """Fails after some of the step was gone through, as a capture does."""

    def record(self, run, generator=None):
        super().record(run, generator)
        raise RuntimeError("no graphs here")


def batch_of(n, seed, *, weighted=False, context=0):
    draw = torch.Generator().manual_seed(seed)
    return Batch(
        torch.randint(0, 2, (n, 6), generator=draw).to(torch.uint8),
        torch.randn(n, context, generator=draw) if context else None,
        torch.rand(n, generator=draw) + 0.5 if weighted else None,
    )


def take(step, sizes, first=0, **kinds):
    """Take a step for each size in rows; the rates are float32 numbers, as in a graph."""
    losses = []
    for number, n in enumerate(sizes, start=first):
        generator = torch.Generator().manual_seed(1000 + number)
        rate = 2.0 ** -(5 + number % 3)
        losses.append(step.take(batch_of(n, number, **kinds), 0, rate, generator))
    return losses


@pytest.mark.parametrize(
    ("model_settings", "kinds"),
    [
        ({}, {}),
        ({"dropout": 0.3, "hidden": (16, 16), "residual": True, "direct": True}, {}),
        ({"dropout": 0.3}, {"weighted": True}),
        ({"context": 2}, {"context": 2, "weighted": True}),
    ],
    ids=["plain", "dropout", "weighted", "context"],
)
@pytest.mark.parametrize("optimizer", ["adamw", "adam"])
def test_twins(tiny, randomize, same_weights, model_settings, kinds, optimizer):
    settings = TrainingSettings(batch_size=SIZE, optimizer=optimizer)
    sizes = [SIZE, SIZE, SIZE, SIZE, 3, SIZE, SIZE, SIZE, SIZE, 3] * 2
    one, other = (randomize(tiny(**model_settings)) for _ in range(2))
    recorder = Again()
    expected = take(PlainStep(one, settings), sizes, **kinds)
    losses = take(CapturedStep(other, settings, recorder), sizes, **kinds)
    assert torch.equal(torch.stack(losses), torch.stack(expected))
    assert same_weights(one, other)
    assert recorder.calls == ["aside"] * 3 + ["record"] + ["replay"] * 13


def test_a_loss_outlives_the_next_replay(tiny):
    step = CapturedStep(tiny(), SETTINGS, Again())
    losses = take(step, [SIZE] * 7)
    assert len({float(loss) for loss in losses}) == 7
    assert not any(loss.requires_grad for loss in losses)


def test_a_graph_leaves_the_batch_alone(tiny):
    step = CapturedStep(tiny(), SETTINGS, Again())
    batches = [batch_of(SIZE, seed, weighted=True) for seed in range(6)]
    copies = [Batch(batch.rows.clone(), None, batch.weight.clone()) for batch in batches]
    for batch in batches:
        step.take(batch, 0, 0.01, torch.Generator())
    for batch, copy in zip(batches, copies, strict=True):
        assert torch.equal(batch.rows, copy.rows)
        assert torch.equal(batch.weight, copy.weight)


def test_every_replay_drops_what_its_own_step_drops(tiny, randomize):
    step = CapturedStep(randomize(tiny(hidden=(64,), dropout=0.5)), SETTINGS, Again())
    take(step, [SIZE] * 4)
    rows, losses = batch_of(SIZE, 0), []
    for seed in (5, 6, 5):
        generator = torch.Generator().manual_seed(seed)
        losses.append(float(step.take(rows, 0, 0.0, generator)))  # at a rate of zero nothing is learned
    assert losses[0] == losses[2] != losses[1]


def test_only_full_batches_are_captured(tiny):
    recorder = Again()
    take(CapturedStep(tiny(), SETTINGS, recorder), [SIZE - 1, SIZE + 1] * 5)
    assert recorder.calls == []


def test_where_capturing_fails_training_goes_on(tiny, same_weights, caplog):
    one, other = tiny(dropout=0.3), tiny(dropout=0.3)
    recorder = Unable()
    sizes = [SIZE] * 8 + [3]
    expected = take(PlainStep(one, SETTINGS), sizes)
    with caplog.at_level(logging.WARNING):
        losses = take(CapturedStep(other, SETTINGS, recorder), sizes)
    assert torch.equal(torch.stack(losses), torch.stack(expected))
    assert same_weights(one, other)
    assert recorder.calls == ["aside"] * 3 + ["record"]
    assert len(caplog.records) == 1
    assert "no graphs here" in caplog.text


class Unseen(Again):
    """A replay that torch knows nothing of, as on CUDA."""

    def record(self, run, generator=None):
        self.calls.append("record")
        return lambda: self.calls.append("replay"), torch.zeros(())


def test_a_replay_counts_as_a_change_of_the_weights(tiny):
    model, recorder = tiny(), Unseen()
    step = CapturedStep(model, SETTINGS, recorder)
    take(step, [SIZE] * 4)
    before = [parameter._version for parameter in model.parameters()]
    take(step, [SIZE], first=4)
    assert recorder.calls[-1] == "replay"
    assert all(p._version > old for p, old in zip(model.parameters(), before, strict=True))


@pytest.mark.parametrize("steps", [0, 2, 3, 6])
@pytest.mark.parametrize("way", ["plain to captured", "captured to plain", "captured to captured"])
def test_a_state_is_read_by_the_other(tiny, same_weights, way, steps):
    def step_of(name, model):
        return PlainStep(model, SETTINGS) if name == "plain" else CapturedStep(model, SETTINGS, Again())

    before, after = way.split(" to ")
    whole, resumed = tiny(dropout=0.2), tiny(dropout=0.2)
    expected = take(PlainStep(whole, SETTINGS), [SIZE] * 14)

    stopped = step_of(before, tiny(dropout=0.2))
    take(stopped, [SIZE] * steps)
    state = {name: tensor.clone() for name, tensor in stopped.state().items()}
    step = step_of(after, resumed)
    take(step, [SIZE] * 6, first=50)  # its own past is forgotten, graph and all
    resumed.load_state_dict(stopped.model.state_dict())
    step.restore(state)
    losses = take(step, [SIZE] * (14 - steps), first=steps)
    assert torch.equal(torch.stack(losses), torch.stack(expected[steps:]))
    assert same_weights(resumed, whole)


def test_what_was_captured_is_forgotten(tiny):
    """A graph works on the optimizer's tensors, which others take the place of."""
    recorder = Again()
    step = CapturedStep(tiny(), SETTINGS, recorder)
    take(step, [SIZE] * 5)
    step.restore({name: tensor.clone() for name, tensor in step.state().items()})
    take(step, [SIZE] * 5)
    assert recorder.calls == (["aside"] * 3 + ["record"] + ["replay"] * 2) * 2


@pytest.fixture
def on_cuda(monkeypatch):
    """Have fits take captured steps, with a recorder that needs no device."""
    recorder = Again()
    monkeypatch.setattr(CapturedStep, "suits", staticmethod(lambda model: True))
    monkeypatch.setattr(captured_step, "CudaRecorder", lambda device: recorder)
    return recorder


def test_a_fit_is_the_plain_fit(tiny, rows, valid, on_cuda, monkeypatch):
    settings = {"epochs": 3, "batch_size": 16, "sample_weight": np.linspace(0, 2, 100)}
    history = fit(tiny(dropout=0.2), rows, valid, **settings)
    assert on_cuda.calls.count("replay") == 3 * 6 - 3  # six full batches an epoch
    monkeypatch.undo()
    plain = fit(tiny(dropout=0.2), rows, valid, **settings)
    # The learning rates of a graph are float32.
    assert history.batch_losses == pytest.approx(plain.batch_losses, rel=1e-5)
    assert history.valid_nll == pytest.approx(plain.valid_nll, rel=1e-5)


@pytest.mark.usefixtures("on_cuda")
def test_resumed_is_uninterrupted(tiny, rows, valid, tmp_path, press_ctrl_c, same_weights):
    settings = {"epochs": 3, "batch_size": 16, "seed": 3}
    whole, stopped, resumed = (tiny(dropout=0.2) for _ in range(3))
    expected = fit(whole, rows, valid, **settings)
    press_ctrl_c(stopped, 12)
    assert fit(stopped, rows, valid, checkpoint=tmp_path / "c", **settings).ended == "interrupted"
    history = fit(resumed, rows, valid, checkpoint=tmp_path / "c", resume=True, **settings)
    assert history.batch_losses == expected.batch_losses
    assert same_weights(resumed, whole)


@pytest.mark.usefixtures("on_cuda")
def test_an_autoencoder_is_captured_too(rows, valid):
    model = made.Autoencoder(made.Bernoulli(6), (8, 3, 8), dropout=0.1)
    history = fit(model, rows, valid, epochs=10, batch_size=16, learning_rate=0.02)
    assert history.best.valid_nll < history.epochs[0].valid_nll - 0.5


SUITS = {
    "bits": (lambda: made.MADE(made.Bernoulli(6), (8,)), True),
    "one-hot": (lambda: made.MADE(made.Categorical(4, n=2), (8,), ordering="random"), True),
    "numbers as context": (lambda: made.MADE(made.Bernoulli(6), (8,), context=2), True),
    "autoencoder": (lambda: made.Autoencoder(made.Bernoulli(6), (8,)), True),
    "two masks": (lambda: made.MADE(made.Bernoulli(6), (8,), orderings=2), False),
    "fresh masks": (lambda: made.MADE(made.Bernoulli(6), (8,), connectivities="fresh"), False),
    "table": (lambda: made.MADE(made.Categorical(4, coding="scaled"), (8,)), True),
    "smooth": (lambda: made.MADE(made.Categorical(4, smooth=1.0), (8,)), True),
    "unseen": (lambda: made.MADE([made.Bernoulli(1), made.Categorical(4, unseen=0.1)], (8,)), True),
    "grouped": (lambda: made.MADE(made.Categorical(3_000), (8,)), True),
    "table in the context": (
        lambda: made.MADE(made.Bernoulli(6), (8,), context=made.Categorical(4, coding="raw")),
        True,
    ),
    "numbers": (lambda: made.MADE(made.Numeric(2), (8,)), True),
    "a mixed row": (
        lambda: made.MADE(
            [
                made.Numeric(1),
                made.Categorical(4, missing=True),
                made.Numeric(1, step=1, missing=True, spikes=[0.0]),
                made.Numeric(1, step=1, periods=(7,)),
            ],
            (8,),
        ),
        True,
    ),
}


@pytest.mark.parametrize("name", SUITS)
def test_what_is_captured(monkeypatch, name):
    make, suits = SUITS[name]
    model = make()
    assert not CapturedStep.suits(model)  # on the CPU nothing is
    monkeypatch.setattr(type(model), "device", torch.device("cuda", 0))
    assert CapturedStep.suits(model) == suits


@pytest.mark.parametrize("name", [name for name, (_, suits) in SUITS.items() if suits])
def test_nothing_waits_for_the_device_or_leaves_it(monkeypatch, name):
    # Tensors on "meta" hold no numbers: whatever looks at one, or mixes devices, raises.
    model = SUITS[name][0]().to("meta")
    settings = TrainingSettings(batch_size=SIZE)
    step = CapturedStep(model, settings, Again())
    monkeypatch.setattr(type(step.optimizer), "step", lambda self: None)  # torch has none for "meta"
    context = None
    if model.context:
        kind = torch.float32 if model.context.variables is None else torch.uint8
        context = torch.empty(SIZE, model.context.n_columns, dtype=kind, device="meta")
    rows = Rows(torch.empty(SIZE, model.n_variables, dtype=torch.uint8, device="meta"), context=context)
    if model.variables.numbers is not None:
        width = len(model.variables.numbers.columns)
        bodies = torch.empty(SIZE, width, dtype=torch.int64, device="meta")
        rows = model.scored(replace(rows, bodies=bodies))
    batch = Batch.of(rows, torch.empty(SIZE, device="meta"))
    loss = step._take_one_by_one(batch, 0, None)
    assert (loss.device.type, loss.shape) == ("meta", ())
    assert all(parameter.grad.device.type == "meta" for parameter in model.parameters())


NEEDS_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@NEEDS_GPU
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_twins_on_cuda(tiny, rows, valid, monkeypatch, caplog, precision):
    settings = {"epochs": 6, "batch_size": 16, "device": "cuda", "precision": precision}
    with caplog.at_level(logging.WARNING):
        history = fit(tiny(hidden=(32, 32), dropout=0.3), rows, valid, **settings)
    assert caplog.records == []
    monkeypatch.setattr(CapturedStep, "suits", staticmethod(lambda model: False))
    plain = fit(tiny(hidden=(32, 32), dropout=0.3), rows, valid, **settings)
    assert history.batch_losses == pytest.approx(plain.batch_losses, rel=1e-3)


@NEEDS_GPU
def test_resumed_on_cuda(tiny, rows, valid, tmp_path, press_ctrl_c):
    settings = {"epochs": 4, "batch_size": 16, "device": "cuda"}
    expected = fit(tiny(dropout=0.2), rows, valid, **settings)
    stopped = tiny(dropout=0.2)
    press_ctrl_c(stopped, 3)
    assert fit(stopped, rows, valid, checkpoint=tmp_path / "c", **settings).ended == "interrupted"
    history = fit(tiny(dropout=0.2), rows, valid, checkpoint=tmp_path / "c", resume=True, **settings)
    assert history.batch_losses == pytest.approx(expected.batch_losses, rel=1e-4)


@NEEDS_GPU
@pytest.mark.parametrize("captures", [True, False])
def test_a_failed_capture_on_cuda_leaves_training_whole(tiny, caplog, captures):
    model = tiny(dropout=0.3).to("cuda")
    step = CapturedStep(model, SETTINGS)
    if not captures:
        plain = model.loss

        def waits(*args, **kwargs):
            loss = plain(*args, **kwargs)
            loss.item()
            return loss

        model.loss = waits
    generator = torch.Generator(device="cuda")
    with caplog.at_level(logging.WARNING):
        for seed in range(8):
            batch = Batch(batch_of(SIZE, seed).rows.cuda())
            loss = step.take(batch, 0, 0.01, generator.manual_seed(seed))
    assert torch.isfinite(loss)
    assert len(caplog.records) == (not captures)
