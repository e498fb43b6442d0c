"""What the commands print beside results: lists that are read, and progress where it belongs."""

from __future__ import annotations

import pytest

from made.cli import console
from made.cli.console import counting, parse_counts


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("1", [1]),
        ("1, 2,7", [1, 2, 7]),
        ("1,2,4,...,16", [1, 2, 4, 8, 16]),
        ("1,...,4", [1, 2, 4]),
        ("1,2, ... ,3", [1, 2, 3]),
        ("3,6,…,20", [3, 6, 12, 20]),
        ("5,1,2,...,8", [5, 1, 2, 4, 8]),
    ],
)
def test_numbers_of_masks(text, numbers):
    assert parse_counts(text, "--masks") == numbers


@pytest.mark.parametrize(
    "text", ["", "  ", ",", "a", "1,2,", "1,,2", "1,...", "1,...,", "...", "1,2,...,8,9", "1,...,2,...,4"]
)
def test_no_numbers_of_masks(refused, text):
    with refused("--masks"):
        parse_counts(text, "--masks")


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes only when told to."""
    now = [100.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])
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
