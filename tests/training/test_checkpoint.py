"""Checkpoints: a resumed fit is the fit that never stopped, and goes on with nothing else."""

from __future__ import annotations

import signal

import numpy as np
import pytest
import torch

import made
from made.support.files import read_tensors, write_tensors
from made.training import trainer

FIT = {"epochs": 4, "batch_size": 16, "seed": 3}
STEPS = 28


def without_seconds(history):
    records = [{**record, "seconds": None} for record in history.as_dict()["epochs"]]
    return {**history.as_dict(), "epochs": records}


@pytest.mark.parametrize(
    ("model_settings", "fit_settings"),
    [
        ({}, {}),
        ({"dropout": 0.3, "hidden": (8, 8), "residual": True, "direct": True}, {}),
        ({"orderings": 3, "connectivities": 2, "dropout": 0.2}, {"resample_every": 2}),
        ({"orderings": "fresh", "fresh_masks": 2}, {}),
        ({}, {"sample_weight": np.linspace(0, 2, 100)}),
        ({}, {"optimizer": "adam"}),
        ({}, {"patience": 1, "learning_rate": 0.5, "epochs": 12}),
        ({"hidden": (32, 32)}, {"precision": "bfloat16"}),
    ],
    ids=["plain", "dropout", "mixture", "fresh", "weighted", "adam", "patience", "bfloat16"],
)
@pytest.mark.parametrize("step", [1, 10, 14])
def test_resumed_is_uninterrupted(
    tiny, rows, valid, tmp_path, press_ctrl_c, same_weights, model_settings, fit_settings, step
):
    settings = {**FIT, **fit_settings}
    whole = tiny(**model_settings)
    expected = made.fit(whole, rows, valid, **settings)

    stopped, resumed = tiny(**model_settings), tiny(**model_settings)
    press_ctrl_c(stopped, step)
    file = tmp_path / "checkpoint.safetensors"
    assert made.fit(stopped, rows, valid, checkpoint=file, **settings).ended == "interrupted"
    history = made.fit(resumed, rows, valid, checkpoint=file, resume=True, **settings)

    assert without_seconds(history) == without_seconds(expected)
    assert same_weights(resumed, whole)


def test_resumed_without_validation(tiny, rows, tmp_path, press_ctrl_c, same_weights):
    whole, stopped, resumed = tiny(), tiny(), tiny()
    made.fit(whole, rows, **FIT)
    press_ctrl_c(stopped, 9)
    made.fit(stopped, rows, checkpoint=tmp_path / "c", **FIT)
    made.fit(resumed, rows, checkpoint=tmp_path / "c", resume=True, **FIT)
    assert same_weights(resumed, whole)


def test_checkpoints_in_between(tiny, rows, valid, tmp_path, monkeypatch, same_weights):
    """A fit that was killed goes on from the end of an epoch."""
    monkeypatch.setattr(trainer, "_SECONDS_BETWEEN_CHECKPOINTS", -1.0)
    whole, killed, resumed = tiny(), tiny(), tiny()
    expected = made.fit(whole, rows, valid, **FIT)

    def kill(record):
        if record.epoch == 3:
            raise SystemError("killed")

    with pytest.raises(SystemError):
        made.fit(killed, rows, valid, checkpoint=tmp_path / "c", on_epoch=kill, **FIT)
    epochs = []
    history = made.fit(
        resumed,
        rows,
        valid,
        checkpoint=tmp_path / "c",
        resume=True,
        on_epoch=lambda record: epochs.append(record.epoch),
        **FIT,
    )
    assert epochs == [3, 4]
    assert without_seconds(history) == without_seconds(expected)
    assert same_weights(resumed, whole)


def test_time_of_all_sittings_is_counted(tiny, rows, tmp_path, monkeypatch):
    clock = iter(range(0, 100_000, 10))
    monkeypatch.setattr(trainer.time, "monotonic", lambda: float(next(clock)))
    made.fit(tiny(), rows, epochs=1, batch_size=50, checkpoint=tmp_path / "c")
    history = made.fit(tiny(), rows, epochs=2, batch_size=50, checkpoint=tmp_path / "c", resume=True)
    seconds = [record.seconds for record in history.epochs]
    assert seconds == sorted(seconds)
    assert seconds[2] > seconds[1] > 0


@pytest.mark.parametrize("schedule", ["constant", "one-cycle"])
def test_more_epochs_on_resume(tiny, rows, valid, tmp_path, same_weights, schedule):
    file, settings = tmp_path / "c", {"batch_size": 16, "schedule": schedule}
    made.fit(tiny(), rows, valid, epochs=2, checkpoint=file, **settings)
    longer, whole = tiny(), tiny()
    history = made.fit(longer, rows, valid, epochs=5, checkpoint=file, resume=True, **settings)
    assert history.ended == "finished"
    assert [record.epoch for record in history.epochs] == [0, 1, 2, 3, 4, 5]
    assert len(history.batch_losses) == 35
    if schedule == "constant":  # nothing depends on how many epochs there are
        made.fit(whole, rows, valid, epochs=5, **settings)
        assert same_weights(longer, whole)


@pytest.mark.parametrize("schedule", ["constant", "one-cycle", "trapezoid"])
def test_pauses_change_nothing(tiny, rows, valid, tmp_path, same_weights, schedule):
    settings = {**FIT, "epochs": 6, "schedule": schedule, "ema": 0.9}
    whole = tiny()
    expected = made.fit(whole, rows, valid, **settings)
    for until, ended, epochs in ((2, "paused", 2), (1, "paused", 2), (5, "paused", 5), (9, "finished", 6)):
        model = tiny()
        file = tmp_path / "c"
        history = made.fit(
            model, rows, valid, checkpoint=file, resume=file.exists(), pause_after=until, **settings
        )
        assert history.ended == ended
        assert history.epochs[-1].epoch == epochs
        assert -model.log_prob(valid).mean().item() == pytest.approx(min(history.valid_nll), abs=1e-9)
    assert without_seconds(history) == without_seconds(expected)
    assert same_weights(model, whole)


def test_finished_fit_resumes_to_itself(tiny, rows, valid, tmp_path, same_weights):
    model, again = tiny(), tiny()
    history = made.fit(model, rows, valid, checkpoint=tmp_path / "c", **FIT)
    assert without_seconds(
        made.fit(again, rows, valid, checkpoint=tmp_path / "c", resume=True, **FIT)
    ) == without_seconds(history)
    assert same_weights(model, again)


@pytest.fixture
def checkpoint(tiny, rows, valid, tmp_path):
    """The checkpoint of a fit."""
    made.fit(tiny(), rows, valid, checkpoint=tmp_path / "c.safetensors", **FIT)
    return tmp_path / "c.safetensors"


@pytest.mark.parametrize(
    ("model_settings", "fit_settings", "words"),
    [
        ({"seed": 1}, {}, ["model with other settings"]),
        ({"hidden": (9,)}, {}, ["model with other settings"]),
        ({"direct": True}, {}, ["model with other settings"]),
        ({}, {"seed": 4}, ["another seed"]),
        ({}, {"batch_size": 17}, ["another batch_size"]),
        ({}, {"precision": "bfloat16"}, ["another precision"]),
        ({}, {"learning_rate": 0.1, "optimizer": "adam"}, ["optimizer", "learning_rate", "schedule"]),
        ({}, {"sample_weight": np.ones(100)}, ["the same data"]),
    ],
)
def test_other_fits_are_refused(
    tiny, rows, valid, checkpoint, refused, same_weights, model_settings, fit_settings, words
):
    content, model = checkpoint.read_bytes(), tiny(**model_settings)
    with refused(*words, str(checkpoint)):
        made.fit(model, rows, valid, checkpoint=checkpoint, resume=True, **{**FIT, **fit_settings})
    assert checkpoint.read_bytes() == content


def test_a_checkpoint_from_before_there_was_a_precision(tiny, rows, valid, checkpoint):
    kind, header, tensors = read_tensors(checkpoint)
    del header["training"]["precision"]
    write_tensors(checkpoint, kind, header, tensors)
    history = made.fit(tiny(), rows, valid, checkpoint=checkpoint, resume=True, **{**FIT, "epochs": 5})
    assert history.epochs[-1].epoch == 5


def test_other_data_are_refused(tiny, rows, valid, checkpoint, refused):
    changed = rows.copy()
    changed[0, 0] ^= 1
    for other in (changed, rows[:-1], rows[::-1]):
        with refused("the same data"):
            made.fit(tiny(), other, valid, checkpoint=checkpoint, resume=True, **FIT)


@pytest.mark.parametrize("part", ["other rows", "fewer rows", "none"])
def test_other_validation_data_are_refused(tiny, rows, valid, checkpoint, refused, part):
    """Epochs are compared by their validation NLL, which must then be about the same rows."""
    other = {"other rows": 1 - valid, "fewer rows": valid[:-1], "none": None}[part]
    with refused("valid"):
        made.fit(tiny(), rows, other, checkpoint=checkpoint, resume=True, **{**FIT, "epochs": 5})


def test_what_is_no_checkpoint_is_refused(tiny, rows, valid, checkpoint, refused, tmp_path):
    model = tiny()
    model.save(tmp_path / "model.safetensors")
    (tmp_path / "text").write_text("nothing of the kind")
    (tmp_path / "short").write_bytes(checkpoint.read_bytes()[:-10])
    for name, word in {
        "model.safetensors": "not a checkpoint",
        "text": "no model file",
        "short": "truncated",
        "missing": "there is no",
    }.items():
        with refused(word, name):
            made.fit(tiny(), rows, valid, checkpoint=tmp_path / name, resume=True, **FIT)
    with refused("checkpoint"):
        made.fit(tiny(), rows, valid, resume=True, **FIT)
    with refused("checkpoint", "not a model"):
        made.load(checkpoint)


def test_refused_resume_leaves_the_model_alone(tiny, rows, valid, checkpoint, refused, same_weights):
    model, before = tiny(seed=5), tiny(seed=5)
    made.fit(model, rows, epochs=1)
    made.fit(before, rows, epochs=1)
    with refused("settings"):
        made.fit(model, rows, valid, checkpoint=checkpoint, resume=True, **FIT)
    assert same_weights(model, before)


def test_checkpoint_into_a_missing_folder(tiny, rows, refused, tmp_path):
    with refused("cannot write"):
        made.fit(tiny(), rows, epochs=1, checkpoint=tmp_path / "missing" / "c")


def test_interrupted_at_the_last_step_of_an_epoch(tiny, rows, valid, tmp_path, same_weights):
    whole, stopped, resumed = tiny(), tiny(), tiny()
    made.fit(whole, rows, valid, **FIT)

    def press(record):
        if record.epoch == 2:
            signal.raise_signal(signal.SIGINT)

    made.fit(stopped, rows, valid, checkpoint=tmp_path / "c", on_epoch=press, **FIT)
    history = made.fit(resumed, rows, valid, checkpoint=tmp_path / "c", resume=True, **FIT)
    assert [record.epoch for record in history.epochs] == [0, 1, 2, 3, 4]
    assert len(history.batch_losses) == STEPS
    assert same_weights(resumed, whole)


def test_autoencoder_resumes(rows, valid, tmp_path, press_ctrl_c, same_weights):
    whole, stopped, resumed = (made.Autoencoder(made.Bernoulli(6), (8, 3, 8), dropout=0.1) for _ in range(3))
    made.fit(whole, rows, valid, **FIT)
    press_ctrl_c(stopped, 5)
    made.fit(stopped, rows, valid, checkpoint=tmp_path / "c", **FIT)
    made.fit(resumed, rows, valid, checkpoint=tmp_path / "c", resume=True, **FIT)
    assert same_weights(resumed, whole)
    assert all(torch.isfinite(parameter).all() for parameter in whole.parameters())
