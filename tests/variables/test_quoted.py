"""Names and values in quotation marks, in conditions and between columns."""

from __future__ import annotations

import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

import made
from made.variables.quoted import quoted, spellings, split_at_commas, unquoted


@pytest.fixture(scope="module")
def model():
    """A model, hardly trained, of columns whose names and labels have signs and commas."""
    cities = ["New York, NY", "Coeur d'Alene, ID", "'s-Hertogenbosch"]
    frame = pandas.DataFrame(
        {
            "city, state": cities * 50,
            "a > b": ["x", "y", "x"] * 50,
            "rent (EUR)": [n / 10 for n in range(150)],
        }
    )
    days = pandas.to_datetime("2024-01-01") + pandas.to_timedelta(range(150), "D")
    frame = frame.assign(**{"the day": days, "end = due": days})
    model = made.MADE(made.infer_schema(frame), (8,))
    made.fit(model, frame, epochs=1)
    return model


@given(st.text(st.characters(exclude_characters="\"'`"), min_size=1))
def test_every_spelling_is_read_as_the_name(name):
    assert {unquoted(word) for word in spellings(name)} == {name}
    quoted = spellings(name)[1:]
    assert split_at_commas(", ".join(quoted)) == list(quoted)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("a, b,,c ,", ["a", "b", "c"]),
        ("'a, b', c", ["'a, b'", "c"]),
        ("d'Or, l'An", ["d'Or", "l'An"]),
        ("'s, t'", ["'s, t'"]),
        ("'s, t", ["'s", "t"]),
        ('x="1, 2",y=3', ['x="1, 2"', "y=3"]),
    ],
)
def test_commas_within_quotation_marks_part_nothing(text, pieces):
    assert split_at_commas(text) == pieces


def test_what_marks_hold_may_be_empty_or_have_marks_of_its_own():
    assert [unquoted(word) for word in ("''", '"say "so""', "'", "", "'a\"")] == [
        "",
        'say "so"',
        "'",
        "",
        "'a\"",
    ]


@pytest.mark.parametrize("mark", ['"', "'", "`"])
def test_conditions_name_columns_in_quotation_marks(model, mark):
    def rows(text):
        return model.sample(200, where=text.replace("|", mark), seed=0)

    assert set(rows("|a > b| = x")["a > b"]) == {"x"}
    assert set(rows("|city, state| not in {'s-Hertogenbosch}")["city, state"]) == {
        "New York, NY",
        "Coeur d'Alene, ID",
    }
    assert set(rows('|city, state| in {"New York, NY"}')["city, state"]) == {"New York, NY"}
    assert rows("|rent (EUR)| >= 5")["rent (EUR)"].min() >= 5
    assert rows("2 <= |rent (EUR)| < 3")["rent (EUR)"].between(2, 2.9).all()
    assert rows("|the day| >= 2024-02-05")["the day"].min() >= pandas.Timestamp("2024-02-05")
    assert rows("|end = due| is not missing")["end = due"].notna().all()
    both = rows("|the day| <= |end = due|")
    assert (both["the day"] <= both["end = due"]).all()


def test_a_name_with_marks_of_its_own_is_found(refused):
    frame = pandas.DataFrame({'"a"': ["x", "y"] * 50, "a": ["u", "v"] * 50})
    model = made.MADE(made.infer_schema(frame), (8,))
    assert model.schema.variable('"a"') == 0
    assert model.schema.variable("a") == model.schema.variable("'a'") == 1
    with refused("there is no variable", "'b'"):
        model.schema.variable("'b'")


@given(st.text(), st.sampled_from([",", ",="]))
def test_a_word_in_marks_is_read_as_it_was(word, signs):
    marks = {mark for mark in "\"'`" if mark in word}
    if len(marks) < 3:  # else no mark is left for it
        assert unquoted(quoted(word, signs)) == word
        assert split_at_commas(quoted(word)) == ([quoted(word)] if quoted(word) else [])
