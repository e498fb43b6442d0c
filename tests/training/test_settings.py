"""Settings of a fit: what is refused, what follows from the optimizer, the learning rate at each step."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from made.training.settings import TrainingSettings, learning_rate


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("optimizer", "sgd", ["optimizer", "adamw", "'sgd'"]),
        ("schedule", "cosine", ["schedule", "one-cycle", "'cosine'"]),
        ("epochs", 0, ["epochs", "at least 1", "0"]),
        ("epochs", -3, ["epochs", "-3"]),
        ("epochs", 1.5, ["epochs", "1.5"]),
        ("epochs", math.nan, ["epochs", "nan"]),
        ("epochs", "3", ["epochs", "'3'"]),
        ("batch_size", 0, ["batch_size", "at least 1"]),
        ("batch_size", 2.5, ["batch_size", "2.5"]),
        ("resample_every", 0, ["resample_every", "at least 1"]),
        ("valid_masks", 0, ["valid_masks", "at least 1"]),
        ("patience", 0, ["patience", "at least 1"]),
        ("patience", -1, ["patience", "-1"]),
        ("seed", -1, ["seed", "at least 0", "-1"]),
        ("seed", 0.5, ["seed", "0.5"]),
        ("learning_rate", 0.0, ["learning_rate", "above 0"]),
        ("learning_rate", -1e-3, ["learning_rate"]),
        ("learning_rate", math.nan, ["learning_rate"]),
        ("learning_rate", math.inf, ["learning_rate"]),
        ("weight_decay", -0.1, ["weight_decay", "at least 0"]),
        ("weight_decay", math.nan, ["weight_decay"]),
        ("warmup", -0.1, ["warmup", "[0, 1)"]),
        ("warmup", 1.0, ["warmup", "1.0"]),
        ("warmup", math.nan, ["warmup"]),
        ("precision", "half", ["precision", "float32, bfloat16", "'half'"]),
        ("precision", None, ["precision", "None"]),
    ],
)
def test_refused(refused, name, value, words):
    with refused(*words):
        TrainingSettings(**{name: value})


@pytest.mark.parametrize(
    ("optimizer", "rate", "decay", "schedule"),
    [("adamw", 4e-3, 0.05, "one-cycle"), ("adam", 1e-3, 0.0, "constant")],
)
def test_defaults_follow_from_the_optimizer(optimizer, rate, decay, schedule):
    settings = TrainingSettings(optimizer=optimizer)
    assert (settings.peak, settings.decay, settings.schedule) == (rate, decay, schedule)
    given = TrainingSettings(optimizer=optimizer, learning_rate=0.5, weight_decay=0.25, schedule="constant")
    assert (given.peak, given.decay, given.schedule) == (0.5, 0.25, "constant")


def test_settings_survive_a_dict():
    settings = TrainingSettings(epochs=3, optimizer="adam", patience=2, precision="bfloat16")
    assert TrainingSettings(**settings.as_dict()) == settings


def test_settings_from_before_there_was_a_precision():
    earlier = {name: value for name, value in TrainingSettings().as_dict().items() if name != "precision"}
    assert TrainingSettings(**earlier).differences(TrainingSettings()) == []
    assert TrainingSettings(**earlier).differences(TrainingSettings(precision="bfloat16")) == ["precision"]


def test_differences_leave_out_what_a_resumed_fit_may_change():
    one = TrainingSettings(epochs=3, patience=2, seed=1, batch_size=8)
    assert one.differences(TrainingSettings(epochs=9, patience=None, seed=1, batch_size=8)) == []
    assert one.differences(TrainingSettings(seed=2, batch_size=9)) == ["batch_size", "seed"]


def test_one_cycle_warms_up_peaks_and_falls_to_zero():
    settings = TrainingSettings(learning_rate=2.0, warmup=0.1)
    rates = [learning_rate(settings, step, 1000) for step in range(1000)]
    assert rates[0] == pytest.approx(2.0 / 100)
    assert max(rates) == 2.0
    assert rates[99] == 2.0
    assert rates[100] == 2.0
    assert all(before < after for before, after in pairwise(rates[:100]))
    assert all(before > after for before, after in pairwise(rates[100:]))
    assert rates[550] == pytest.approx(1.0, abs=1e-9)
    assert 0 < rates[-1] < 2.0 * 1e-4


@pytest.mark.parametrize("steps", [1, 2, 3])
@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.9])
def test_one_cycle_of_a_few_steps_stays_within_bounds(steps, warmup):
    settings = TrainingSettings(learning_rate=1.0, warmup=warmup)
    assert all(0 < learning_rate(settings, step, steps) <= 1 for step in range(steps))


def test_constant_is_constant():
    settings = TrainingSettings(learning_rate=0.3, schedule="constant")
    assert {learning_rate(settings, step, 50) for step in range(50)} == {0.3}
