"""Conditions on dates: exact on their parts, or refused."""

from __future__ import annotations

import datetime

import pytest

from made.variables.column import Column
from made.variables.conditions import RECORDED, OneOf, Range
from made.variables.date_conditions import where_parts
from made.variables.dates import DateForm, DatePart
from made.variables.missing import MISSING


def columns(form):
    parts = [DatePart("when", part, form) for part in form.parts]
    return (*(Column(part.name, "numeric", part=part) for part in parts), Column("age", "numeric"))


DAYS, MINUTES = columns(DateForm("date")), columns(DateForm("datetime", "m"))
WEEK, PARTS = "when (week)", ("when (week)", "when (weekday)")
# 2024-01-29 is the Monday of week 2821.


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("when >= 2024-01-29", Range(2821)),
        ("when > 2024-01-28", Range(2821)),
        ("when < 2024-01-29", Range(None, 2820)),
        ("when <= 2024-01-28", Range(None, 2820)),
        ("2024-01-29 <= when < 2024-02-12", Range(2821, 2822)),
        ({"when": Range(datetime.date(2024, 1, 29), datetime.date(2024, 2, 4))}, Range(2821, 2821)),
    ],
)
def test_ranges_of_weeks_are_ranges_of_the_week(where, expected):
    found = [condition for name, condition in where_parts(DAYS, where) if name == WEEK]
    for week in (2819, 2820, 2821, 2822, 2823):
        assert all(week in condition for condition in found) == (week in expected)


def test_one_date_fixes_all_parts():
    found = dict(where_parts(MINUTES, "when = 2024-01-31 12:30"))
    assert {name: own.values for name, own in found.items()} == {
        "when (week)": (2821,),
        "when (weekday)": ("Wednesday",),
        "when (time)": (750,),
    }
    assert where_parts(MINUTES, {"when": datetime.datetime(2024, 1, 31, 12, 30)}) == list(found.items())


def test_missing_or_not_holds_for_all_parts():
    assert where_parts(DAYS, "when is not missing") == [(name, RECORDED) for name in PARTS]
    assert where_parts(DAYS, "when is missing") == [(name, OneOf((MISSING,))) for name in PARTS]


def test_other_conditions_pass_as_they_are():
    assert where_parts(DAYS, ["age >= 30", "when (weekday) in {Sunday}"]) == [
        "age >= 30",
        "when (weekday) in {Sunday}",
    ]
    assert where_parts(DAYS, None) is None
    assert where_parts((Column("age", "numeric"),), "age >= 30") == "age >= 30"


def test_times_of_day_are_compared():
    own = columns(DateForm("time", "m"))
    assert where_parts(own, "when >= 12:30") == [("when (time)", Range(750.0))]


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("when >= 2024-01-31", ["within one", "2024-01-29 and 2024-02-05"]),
        ("when <= 2024-01-29", ["within one"]),
        ("when in {2024-01-29, 2024-01-30}", ["one date", "Saturday"]),
        ("when != 2024-01-29", ["one date"]),
        ("when >= soon", ["numbers or dates", "soon"]),
        ("when = soon", ["no date such as 2024-01-31"]),
        ("2024-02-05 > when > 2024-01-29", ["no range"]),
    ],
)
def test_what_parts_do_not_say_is_refused(where, words, refused):
    with refused(*words):
        where_parts(DAYS, where)
