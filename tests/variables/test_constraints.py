"""Conditions between columns: read as they are written, exact on grids, dates against dates, or refused."""

from __future__ import annotations

import datetime
from fractions import Fraction

import numpy as np
import polars
import pytest
from hypothesis import given
from hypothesis import strategies as st

import made
from made.variables.column import Column
from made.variables.constraint_text import read_sides
from made.variables.constraints import constraints_of


def holds(model, text, rows):
    """Which rows meet a condition between columns."""
    alone, between = constraints_of(model.schema, text)
    assert alone is None
    return np.logical_and.reduce([own.holds(model.rows(rows)) for own in between]).tolist()


def named(*columns):
    """A model of columns with names."""
    return made.MADE(made.Schema(tuple(columns)), hidden=(4,))


@pytest.fixture(scope="module")
def amounts():
    """Three numbers in cents, dimes and quarters, a count, and a continuous one."""
    variables = [
        made.Numeric(step=0.01),
        made.Numeric(step=0.1, missing=True),
        made.Numeric(step=0.25, spikes=[0.0]),
        made.Categorical([0, 1, 2, 3]),
        made.Numeric(),
    ]
    return made.MADE(variables, hidden=(4,))


# Text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a<=b", [({"a": 1}, 0), ({"b": 1}, 0)]),
        ("a + b == total", [({"a": 1, "b": 1}, 0), ({"total": 1}, 0)]),
        ("-a - 2*b + 1.5 > 0", [({"a": -1, "b": -2}, 1.5), ({}, 0)]),
        ("b * 0.1 = a", [({"b": "0.1"}, 0), ({"a": 1}, 0)]),
        ("a-b - a != b", [({"a-b": 1, "a": -1}, 0), ({"b": 1}, 0)]),
        ('"per cent" < a', [({"per cent": 1}, 0), ({"a": 1}, 0)]),
        ("per cent < a", [({"per cent": 1}, 0), ({"a": 1}, 0)]),
        ("a + a >= 1e3", [({"a": 2}, 0), ({}, 1000)]),
    ],
)
def test_sums_are_read(text, expected):
    sides, signs = read_sides(text, ["a", "b", "total", "a-b", "per cent"])
    assert len(signs) == 1
    found = [(dict(side.weights), side.number) for side in sides]
    assert found == [
        ({name: Fraction(str(weight)) for name, weight in weights.items()}, Fraction(str(number)))
        for weights, number in expected
    ]


@pytest.mark.parametrize(
    "text",
    ["", "a", "a +", "a <=", "<= a", "a in {b}", "a is missing", "a <= c", "ab <= b", "a < b b", "a ** b"],
)
def test_other_text_is_none(text):
    assert read_sides(text, ["a", "b"]) is None


def test_a_chain_is_one_comparison_after_the_other(amounts):
    _, between = constraints_of(amounts.schema, "0 <= x0 < x2 <= x3")
    assert [own.text for own in between] == ["0 <= x0", "x0 < x2", "x2 <= x3"]
    rows = [[0.5, 0.1, 0.75, 1, 0.0], [-0.5, 0.1, 0.75, 1, 0.0], [0.75, 0.1, 0.75, 1, 0.0]]
    assert holds(amounts, "0 <= x0 < x2 <= x3", rows) == [True, False, False]


def test_conditions_on_one_column_stay_what_they_are(amounts):
    for where in (None, "x0 >= 1", ["x0 >= 1", "x3 in {1, 2}"], {"x0": made.Range(1)}):
        alone, between = constraints_of(amounts.schema, where)
        assert alone == where
        assert between == ()
    alone, between = constraints_of(amounts.schema, ["x3 = 1", "x0 <= x1"])
    assert alone == ["x3 = 1"]
    assert [own.text for own in between] == ["x0 <= x1"]


def test_a_label_that_is_called_like_a_column_is_a_label():
    cities = {"classes": ["Rome", "home"]}
    model = named(Column("city", "categorical", cities), Column("home", "categorical", cities))
    alone, between = constraints_of(model.schema, "city = home")
    assert alone == "city = home"
    assert between == ()
    assert holds(model, "home = city", [["Rome", "Rome"], ["Rome", "home"]]) == [True, False]


# Grids


def test_sums_on_grids_are_exact(amounts):
    """0.1 + 0.2 is no 0.3 in float64."""
    assert 0.1 + 0.2 != 0.3
    rows = [[0.3, 0.2, 0.0, 1, 0.0], [0.3, 0.1, 0.0, 1, 0.0], [0.35, 0.1, 0.25, 0, 0.0]]
    assert holds(amounts, "x1 + 0.1 == x0", rows) == [True, False, False]
    assert holds(amounts, "x1 + x2 == x0", rows) == [False, False, True]
    assert holds(amounts, "0.1 * x3 + x1 == x0", rows) == [True, False, False]
    assert holds(amounts, "x1 + 0.1 != x0", rows) == [False, True, True]


@given(
    dimes=st.integers(-(10**8), 10**8),
    quarters=st.integers(-(10**8), 10**8),
    off=st.integers(-2, 2),
)
def test_every_comparison_is_that_of_fractions(amounts, dimes, quarters, off):
    total = Fraction(dimes, 10) + Fraction(quarters, 4)
    near = round(total * 100) + off
    rows = [[near / 100, dimes / 10, quarters / 4, 0, 0.0]]
    own = Fraction(near, 100)
    assert holds(amounts, "x1 + x2 == x0", rows) == [total == own]
    assert holds(amounts, "x1 + x2 <= x0", rows) == [total <= own]
    assert holds(amounts, "x0 < x1 + x2", rows) == [own < total]


def test_whole_numbers_beyond_int64_do_not_wrap():
    model = made.MADE([made.Numeric(step=1), made.Numeric(step=1)], hidden=(4,))
    rows = np.array([[2**62, 2**62 - 1], [-(2**62), 2**62]], dtype=np.int64)
    assert holds(model, "4 * x0 > 4 * x1", rows) == [True, False]
    assert holds(model, "4 * x0 == 4 * x1 + 4", rows) == [True, False]


def test_continuous_numbers_compare_and_are_never_equal(amounts, refused):
    rows = [[0.3, 0.1, 0.0, 1, 0.25], [0.2, 0.1, 0.0, 1, 0.25]]
    assert holds(amounts, "x4 < x0", rows) == [True, False]
    assert holds(amounts, "x4 != x0", rows) == [True, True]
    with refused("x4 == x0", "probability 0", "continuous"):
        constraints_of(amounts.schema, "x4 == x0")


def test_a_missing_entry_meets_nothing(amounts):
    rows = [[0.3, None, 0.0, 1, 0.25]]
    assert holds(amounts, "x1 <= x0", rows) == [False]
    assert holds(amounts, "x1 != x0", rows) == [False]


def test_what_cancels_is_refused(amounts, refused):
    with refused("x0 - x0 <= x1 - x1", "cancels"):
        constraints_of(amounts.schema, "x0 - x0 <= x1 - x1")


# Dates and labels


@pytest.fixture(scope="module")
def stays():
    """A model of rows with two dates, two points in time, a time of day, a number and a word."""
    days = [datetime.date(2024, 1, 1) + datetime.timedelta(days=i) for i in range(40)]
    frame = polars.DataFrame(
        {
            "start": days,
            "end": days[::-1],
            "seen": [datetime.datetime.combine(day, datetime.time(12, 30)) for day in days],
            "at": [datetime.time(hour % 24, 15) for hour in range(40)],
            "nights": range(40),
            "room": ["a", "b"] * 20,
            "other room": ["b", "c"] * 20,
        }
    )
    return made.MADE(made.infer_schema(frame), hidden=(4,)), frame


@pytest.mark.parametrize("sign", ["<=", "<", ">=", ">", "==", "!="])
@pytest.mark.parametrize(("left", "right"), [("start", "end"), ("seen", "end"), ("start", "seen")])
def test_dates_compare_with_dates(stays, left, right, sign):
    model, frame = stays
    columns = (frame[name].cast(polars.Datetime) for name in (left, right))
    first, second = columns
    expected = {
        "<=": first <= second,
        "<": first < second,
        ">=": first >= second,
        ">": first > second,
        "==": first == second,
        "!=": first != second,
    }[sign]
    assert holds(model, f"{left} {sign} {right}", frame) == expected.to_list()


def test_parts_of_dates_are_numbers(stays):
    model, frame = stays
    expected = (frame["start"].dt.truncate("1w") == frame["end"].dt.truncate("1w")).to_list()
    assert holds(model, "start (week) == end (week)", frame) == expected


def test_labels_compare_with_labels(stays):
    model, frame = stays
    assert holds(model, "room == other room", frame) == [False] * 40
    assert holds(model, "other room != room", frame) == [True] * 40


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("start <= nights", ["start", "dates compare with dates"]),
        ("start + 3 <= end", ["start", "one with one"]),
        ("end - start <= nights", ["dates compare with dates"]),
        ("2024-01-01 <= start <= end", ["dates compare with dates"]),
        ("at <= start", ["time of day"]),
        ("room <= other room", ["no order"]),
        ("room == nights", ["labels, which compare with labels"]),
    ],
)
def test_what_does_not_compare_is_refused(stays, refused, text, words):
    with refused(text.split(" <= end")[0], *words):
        constraints_of(stays[0].schema, text)
