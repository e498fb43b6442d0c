"""Progress of work on rows: lines without a terminal, a bar on one, time spans in words."""

from __future__ import annotations

import pytest

from made.support import progress
from made.support.progress import counting, duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (3599.4, "59 min 59 s"), (3600, "1 h 0 min")],
)
def test_duration(seconds, text):
    assert duration(seconds) == text


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes only when told to."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_without_a_terminal_there_is_a_line_now_and_then(clock, capsys):
    with counting("drawing", 1000) as advance:
        for _ in range(10):
            clock[0] += 1.5
            advance(100)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "drawing: 200 of 1,000 rows, about 12 s left",
        "drawing: 400 of 1,000 rows, about 9 s left",
        "drawing: 600 of 1,000 rows, about 6 s left",
        "drawing: 800 of 1,000 rows, about 3 s left",
    ]


def test_what_is_done_in_a_moment_or_hidden_says_nothing(clock, capsys):
    with counting("drawing", 2) as advance:
        clock[0] += 1.0
        advance(1)
        clock[0] += 5.0
        advance(1)
    with counting("drawing", 2, hidden=True) as advance:
        clock[0] += 5.0
        advance(1)
    assert capsys.readouterr() == ("", "")


def test_results_stay_on_standard_output_beside_a_bar(capsys, monkeypatch):
    """On a terminal rich would send what is printed meanwhile to standard error."""
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes any stream for a terminal
    with counting("drawing", 2) as advance:
        print("a result")
        advance(1)
    out, err = capsys.readouterr()
    assert out == "a result\n"
    assert "drawing" in err
