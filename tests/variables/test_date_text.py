"""Dates as text: which format words are in, and that nothing is guessed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from made.variables.date_text import AmbiguousDatesError, Moment, format_of, is_date, read, write

FORMATS = [
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%d.%m.%Y",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%d-%m-%Y",
    "%-m/%-d/%Y",
    "%-d.%-m.%Y",
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y-%m-%d %H:%M:%S.%3f",
    "%Y-%m-%dT%H:%M:%S%z",
    "%m/%d/%Y %I:%M %p",
    "%H:%M",
    "%H:%M:%S.%6f",
]


@pytest.mark.parametrize("text", FORMATS)
def test_a_format_is_found_from_what_is_written_in_it(text):
    # The 31st of a month, the 5th, and times before and after noon.
    moments = [Moment(19_753, 45_015_250_000_000), Moment(19_393, 3_599_999_000_000)]
    words = [write(own, text) for own in moments]
    assert format_of(words) == text


@given(st.sampled_from(FORMATS), st.integers(-719_162, 2_932_896), st.integers(0, 86_399))
def test_what_is_written_is_read(text, day, seconds):
    moment = Moment(day, seconds * 10**9)
    found = read(write(moment, text), text)
    assert found is not None
    assert found.day == (day if "%Y" in text else 0)
    finest = 1 if "%S" in text else 60
    assert found.nanos == ((seconds // finest) * finest * 10**9 if "%M" in text else 0)


@pytest.mark.parametrize(
    "words",
    [
        ["2024-01-31", "soon"],
        ["2024-01-31", "31.01.2024"],
        ["2024-01-31", "2024-01-31 12:30"],
        ["2024-01-31T12:30", "2024-01-31 12:30"],
        ["2024-01-31 12:30", "2024-01-31 12:30Z"],
        ["2024-13-01"],
        ["2023-02-29"],
        ["13/13/2024"],
        ["20240131"],
        ["1:30"],
        ["24:30"],
        ["24-01-31"],
        ["2024-01"],
        ["1.5"],
        [],
    ],
)
def test_other_words_have_no_format(words):
    assert format_of(words) is None


def test_day_and_month_are_told_apart_or_nothing_is():
    with pytest.raises(AmbiguousDatesError):
        format_of(["01/02/2024", "11/12/2024"])
    assert format_of(["01/02/2024", "13/02/2024"]) == "%d/%m/%Y"
    assert format_of(["01/02/2024", "02/13/2024"]) == "%m/%d/%Y"
    assert format_of(["01/13/2024", "13/01/2024"]) is None


def test_a_word_of_another_order_is_not_guessed():
    assert read("01/02/2024") is None
    assert read("01/02/2024", "%Y-%m-%d") is None
    assert read("01/02/2024", "%d/%m/%Y") == Moment(19_754, 0)
    assert read("01/02/2024", "%-m/%-d/%Y") == Moment(19_724, 0)
    assert read("2024-02-01", "%d/%m/%Y") == Moment(19_754, 0)


def test_what_looks_like_a_date():
    assert is_date("13/13/2024")
    assert not is_date("2024")
    assert not is_date("a-b-c")
