"""Ctrl-C during a fit: the model has its best weights, and Ctrl-C means again what it did before."""

from __future__ import annotations

import signal
import threading

import pytest
import torch

import made
from made.training import interrupt
from made.training.interrupt import interruptible


@pytest.fixture(autouse=True)
def handler():
    """What Ctrl-C does before and after every test here."""
    before = signal.getsignal(signal.SIGINT)
    yield before
    after = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, before)
    assert after is before


def test_ctrl_c_leaves_the_best_weights(tiny, rows, valid, press_ctrl_c):
    model = tiny()
    press_ctrl_c(model, step=10)
    history = made.fit(model, rows, valid, epochs=50, batch_size=32)
    assert history.ended == "interrupted"
    assert len(history.batch_losses) == 10  # the step in hand is finished
    assert [record.epoch for record in history.epochs] == [0, 1, 2]
    assert history.best_epoch == 2
    assert -model.log_prob(valid).mean().item() == pytest.approx(min(history.valid_nll), abs=1e-9)


def test_ctrl_c_between_epochs(tiny, rows, valid):
    model = tiny()

    def press(record):
        if record.epoch == 1:
            signal.raise_signal(signal.SIGINT)

    history = made.fit(model, rows, valid, epochs=5, batch_size=50, on_epoch=press)
    assert history.ended == "interrupted"
    assert history.epoch_steps == [0, 2]


def test_ctrl_c_is_told(tiny, rows, press_ctrl_c, capsys):
    model = tiny()
    press_ctrl_c(model, step=3)
    made.fit(model, rows, epochs=2, batch_size=50, progress=True)
    assert "interrupted after 3 of 4 steps" in capsys.readouterr().err


def test_a_fit_ends_when_its_time_is_over(tiny, rows, valid, monkeypatch, same_weights, tmp_path):
    """After the step in hand; going on later gives what a fit without an end gives."""
    whole, model = tiny(), tiny()
    expected = made.fit(whole, rows, valid, epochs=4, batch_size=32)
    clock = iter(range(100_000))  # a second passes at every look
    with monkeypatch.context() as patch:
        patch.setattr(interrupt.time, "monotonic", lambda: float(next(clock)))
        stopped = made.fit(
            model, rows, valid, epochs=4, batch_size=32, checkpoint=tmp_path / "c", max_time=20
        )
    assert stopped.ended == "out of time"
    assert 0 < len(stopped.batch_losses) < len(expected.batch_losses)
    assert -model.log_prob(valid).mean().item() == pytest.approx(min(stopped.valid_nll), abs=1e-9)
    resumed = tiny()
    made.fit(resumed, rows, valid, epochs=4, batch_size=32, checkpoint=tmp_path / "c", resume=True)
    assert same_weights(resumed, whole)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), True, "1"])
def test_a_time_that_makes_no_sense_is_refused(tiny, rows, refused, seconds):
    with refused("max_time", "seconds above 0"):
        made.fit(tiny(), rows, max_time=seconds)


def test_second_ctrl_c_ends_at_once(tiny, rows, valid, press_ctrl_c):
    model = tiny()
    press_ctrl_c(model, step=6, times=2)
    with pytest.raises(KeyboardInterrupt):
        made.fit(model, rows, valid, epochs=50, batch_size=32)
    untrained = tiny()
    untrained.set_marginals(rows)
    assert model.log_prob(valid).mean() > untrained.log_prob(valid).mean()  # epoch 1 was kept


def test_handler_is_restored_after_an_error(tiny, rows):
    with pytest.raises(ZeroDivisionError):
        made.fit(tiny(), rows, epochs=1, on_epoch=lambda record: 1 / 0)
    # the fixture looks at the handler


def test_fit_in_another_thread(tiny, rows, valid, same_weights):
    models, ended = [tiny(), tiny()], []

    def work():
        ended.append(made.fit(models[1], rows, valid, epochs=2).ended)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    made.fit(models[0], rows, valid, epochs=2)
    assert ended == ["finished"]
    assert same_weights(*models)


def test_interruptible_notes_the_first_press_only():
    with interruptible() as interrupt:
        assert not interrupt.pressed
        signal.raise_signal(signal.SIGINT)
        assert interrupt.pressed
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_without_validation_the_last_step_is_kept(tiny, rows, press_ctrl_c):
    model, other = tiny(), tiny()
    press_ctrl_c(model, step=4)
    history = made.fit(model, rows, False, epochs=5, batch_size=50, schedule="constant")
    assert history.ended == "interrupted"
    assert history.best_epoch is None
    made.fit(other, rows, False, epochs=2, batch_size=50, schedule="constant")
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))
