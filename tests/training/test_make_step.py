"""Which step a fit takes."""

import pytest

import made
import made.kernels.jit.processor
from made.training import make_step as module
from made.training.compiled_step import CompiledStep
from made.training.make_step import make_step
from made.training.settings import TrainingSettings
from made.training.steps import PlainStep

_AVX2 = made.kernels.jit.processor.Processor("AVX2", 8, 6, 2)


def _kind(model, n_steps=1, **settings):
    return type(make_step(model, TrainingSettings(**settings), n_steps))


def test_compiling_is_for_long_fits():
    model = made.MADE(made.Bernoulli(100), hidden=(400,))
    per_step = 3.0 * 2 * 100 * 400 * 128
    few = int(module._MIN_MULTIPLICATIONS / per_step)
    assert _kind(model, few) is PlainStep
    assert _kind(model, few + 2) is CompiledStep


def test_what_is_asked_for_overrules():
    model = made.MADE(made.Bernoulli(10), hidden=(20,))
    assert _kind(model, compiled=True) is CompiledStep
    assert _kind(model, 10**12, compiled=False) is PlainStep


@pytest.mark.parametrize(
    ("model", "settings"),
    [
        (made.MADE(made.Bernoulli(10), hidden=(20,), orderings=2), {}),
        (made.MADE(made.Bernoulli(10), hidden=(20,), orderings="fresh"), {}),
        (made.Autoencoder(made.Bernoulli(10), hidden=(20,)), {}),
        (made.MADE(made.Bernoulli(10), hidden=(20,)), {"precision": "bfloat16"}),
        (made.MADE(made.Categorical(5000, n=2, coding="one-hot"), hidden=(20,)), {"batch_size": 2000}),
        (made.MADE(made.Bernoulli(10), hidden=(20,)).half(), {}),
    ],
    ids=["mixture", "fresh", "autoencoder", "bfloat16", "portions", "half"],
)
def test_what_cannot_be_compiled_is_not(model, settings):
    assert _kind(model, 10**12, compiled=True, **settings) is PlainStep


def test_products_are_compiled_where_they_are_ahead(monkeypatch):
    small, large = (made.MADE(made.Bernoulli(10), hidden=(width,)) for width in (20, 4000))
    monkeypatch.setattr(made.kernels.jit.processor, "PROCESSOR", _AVX2)
    assert make_step(small, TrainingSettings(), 10**12).kind == "compiled likelihood"
    assert make_step(large, TrainingSettings(), 10**12).kind == "compiled"
    monkeypatch.setattr(made.kernels.jit.processor, "PROCESSOR", _AVX2._replace(name="baseline"))
    assert make_step(large, TrainingSettings(), 10**12).kind == "compiled likelihood"


def test_a_fit_stays_with_its_steps(caplog):
    model, settings = made.MADE(made.Bernoulli(10), hidden=(20,)), TrainingSettings()
    for kind in ("plain", "compiled likelihood", "compiled"):
        assert make_step(model, settings, 1, kind).kind == kind
    assert make_step(model, TrainingSettings(compiled=False), 1, "compiled").kind == "plain"
    assert not caplog.records
    assert make_step(model, settings, 1, "captured").kind == "plain"
    assert "captured ones, as before, cannot be taken here" in caplog.text
