"""The door of training: settings and changes by name, and batches that are ready."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch

import made
from made.training.batches import Batch, Batches, InMemory
from made.training.fit import fit
from made.training.settings import TRAINING_SETTINGS, TrainingSettings


def losses(tiny, rows, *arguments, **named):
    return fit(tiny(dropout=0.2), rows, False, *arguments, **named).batch_losses


# Settings


def test_settings_and_changes_are_the_same(tiny, rows):
    by_name = losses(tiny, rows, epochs=2, batch_size=16, seed=3)
    assert losses(tiny, rows, TrainingSettings(epochs=2, batch_size=16, seed=3)) == by_name
    assert losses(tiny, rows, settings=TrainingSettings(epochs=9, batch_size=16), epochs=2, seed=3) == by_name


def test_the_first_call_that_was_promised(tiny, rows, valid):
    history = made.fit(tiny(), rows, valid=valid, epochs=2, batch_size=64, seed=0, progress=False)
    assert history.epoch_steps == [0, 2, 4]


def test_a_new_optimizer_brings_what_follows_from_it():
    settings = TrainingSettings(epochs=3, weight_decay=0.5)
    changed = settings.changed(optimizer="adam")
    assert (changed.peak, changed.decay, changed.schedule) == (1e-3, 0.5, "constant")
    assert settings.changed(optimizer="adam", learning_rate=0.1).peak == 0.1
    assert settings.changed() == settings


@pytest.mark.parametrize(
    ("name", "closest"),
    [("epoch", "epochs"), ("lr", "learning_rate"), ("valid_contxt", "valid_context"), ("warm_up", "warmup")],
)
def test_an_unknown_setting_names_the_closest(tiny, rows, refused, same_weights, name, closest):
    model = tiny()
    with refused(f"made.fit has no setting {name!r}: did you mean {closest!r}?", "epochs, batch_size"):
        fit(model, rows, **{name: 1})
    assert same_weights(model, tiny())


@pytest.mark.parametrize("settings", [30, {"epochs": 3}, False])
def test_what_is_no_settings_is_refused(tiny, rows, valid, refused, settings):
    with refused("settings is a TrainingSettings", repr(settings), "by name"):
        fit(tiny(), rows, valid, settings)


def test_every_setting_is_taken_and_documented(tiny, rows):
    defaults = {name: getattr(TrainingSettings(), name) for name in TRAINING_SETTINGS}
    assert fit(tiny(), rows, **{**defaults, "epochs": 1}).epoch_steps == [0, 1]
    for name in TRAINING_SETTINGS:
        assert f"\n{name} : " in TrainingSettings.__doc__
    others = [name for name in inspect.signature(fit).parameters if name != "changes"]
    assert all(name in fit.__doc__ for name in others)
    assert not set(others) & set(TRAINING_SETTINGS)


# Ready batches


class Reversed(Batches):
    """The rows from last to first, in every epoch."""

    def __init__(self, rows, settings):
        super().__init__(len(rows), settings)
        self.rows, self.started = torch.from_numpy(rows[::-1].copy()), []

    def set_marginals(self, model):
        self.started.append(model)

    def identity(self):
        return self.rows, None, None

    def _batch(self, epoch, first, stop):
        return Batch(self.rows[first:stop])


def test_ready_batches_are_trained_on_as_they_are(tiny, rows, valid, monkeypatch):
    settings = TrainingSettings(epochs=2, batch_size=30)
    batches, model, seen = Reversed(rows, settings), tiny(), []
    plain = model.loss

    def loss(x, *args, **kwargs):
        seen.append(x.codes.numpy())
        return plain(x, *args, **kwargs)

    monkeypatch.setattr(model, "loss", loss)
    history = fit(model, batches, None, settings)
    assert history.notes == []  # nothing is set apart
    assert history.valid_nll == []
    assert batches.started == [model]
    np.testing.assert_array_equal(np.concatenate(seen), np.concatenate([rows[::-1]] * 2))
    assert [len(own) for own in seen] == [30, 30, 30, 10] * 2
    watched = fit(tiny(), Reversed(rows, settings), valid, settings)
    assert len(watched.valid_nll) == 3


def test_batches_of_rows_in_memory_are_the_rows(tiny, rows, valid, same_weights):
    settings = TrainingSettings(epochs=2, batch_size=16)
    weight = np.linspace(0, 2, 100)
    one, other = tiny(), tiny()
    fit(one, InMemory(one, rows, settings, sample_weight=weight), valid, settings)
    fit(other, rows, valid, settings, sample_weight=weight)
    assert same_weights(one, other)


def test_resumed_batches(tiny, rows, tmp_path, press_ctrl_c, same_weights):
    settings = TrainingSettings(epochs=3, batch_size=16)
    whole, stopped, resumed = (tiny(dropout=0.1) for _ in range(3))
    fit(whole, Reversed(rows, settings), settings=settings)
    press_ctrl_c(stopped, 5)
    fit(stopped, Reversed(rows, settings), settings=settings, checkpoint=tmp_path / "c")
    fit(resumed, Reversed(rows, settings), settings=settings, checkpoint=tmp_path / "c", resume=True)
    assert same_weights(whole, resumed)


def test_what_batches_contradict_is_refused(tiny, rows, refused):
    settings = TrainingSettings(batch_size=16)
    batches = Reversed(rows, settings)
    with refused("16 rows", "batch_size", "128"):
        fit(tiny(), batches)
    for others in ({"sample_weight": np.ones(100)}, {"context": np.ones(100)}):
        with refused("batches", "context and weights"):
            fit(tiny(), batches, settings=settings, **others)
