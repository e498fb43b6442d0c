"""What a user sees during a fit: lines without a terminal, a bar on one."""

from __future__ import annotations

import io
import re

import rich.console

import made
from made.support import progress
from made.training.history import EpochRecord
from made.training.progress import FitProgress


def test_lines_without_a_terminal(tiny, rows, valid, capsys, monkeypatch):
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_LINES", -1.0)
    history = made.fit(tiny(), rows, valid, epochs=2, progress=True)
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == ""
    assert len(lines) == 3
    for line, record in zip(lines, history.epochs, strict=True):
        assert line.startswith(f"epoch {record.epoch}/2")
        assert f"valid {record.valid_nll:.2f} ± {record.valid_se:.2f} nats" in line
        assert re.search(r"about \d+ s left$", line)
    assert f"train {history.epochs[1].train_loss:.2f}" in lines[1]
    assert lines[-1].endswith("about 0 s left")


def test_time_left_is_that_of_the_steps_left(capsys, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    screen = FitProgress(40, 4, first=10)
    now[0] = 120.0  # 10 steps in 20 s: 20 more take 40 s
    screen.epoch(EpochRecord(2, 20, 1.0, None, None, 0.1, 20.0))
    assert capsys.readouterr().err.splitlines() == ["epoch 2/4  train 1.00 nats  about 40 s left"]


def test_a_single_validation_row_has_no_error(tiny, rows, capsys):
    made.fit(tiny(), rows, rows[:1], epochs=1, progress=True)
    (line,) = capsys.readouterr().err.splitlines()[-1:]
    assert re.search(r"  valid \d+\.\d\d nats", line)
    assert "nan" not in line


def test_lines_are_few(tiny, rows, capsys):
    made.fit(tiny(), rows, epochs=5, progress=True)
    assert len(capsys.readouterr().err.splitlines()) < 5  # five epochs in no time


def test_nothing_unless_asked(tiny, rows, valid, capsys):
    made.fit(tiny(), rows, valid, epochs=1)
    assert capsys.readouterr() == ("", "")
    with FitProgress(1, 1, visible=False) as screen:
        screen.step(1, 0.5)
        screen.epoch(EpochRecord(1, 1, 0.5, None, None, 0.1, 1.0))
        screen.print("a note")
    assert capsys.readouterr() == ("", "")


def test_bar_on_a_terminal(tiny, rows, valid, monkeypatch):
    screen = io.StringIO()

    def terminal(**settings):
        return plain(file=screen, force_terminal=True, width=120, color_system=None, highlight=False)

    plain = rich.console.Console
    monkeypatch.setattr(rich.console, "Console", terminal)
    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_UPDATES", 0.0)
    history = made.fit(tiny(), rows, valid, epochs=2, progress=True)
    shown_text = screen.getvalue()
    assert "epoch 2/2" in shown_text
    assert "left" in shown_text
    assert f"train {history.batch_losses[-1]:.2f}" in shown_text
    assert "\x1b[?25h" in shown_text  # the cursor is back
    assert "about" not in shown_text  # no lines beside the bar


def test_a_long_epoch_has_lines_too(capsys, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    screen = FitProgress(4000, 2)
    for step in range(1, 101):
        now[0] += 0.7
        screen.step(step, 3.0)
    assert capsys.readouterr().err.splitlines() == [
        "epoch 1/2  step 43 of 4,000  train 3.00 nats  about 46 min 10 s left",
        "epoch 1/2  step 86 of 4,000  train 3.00 nats  about 45 min 40 s left",
    ]
