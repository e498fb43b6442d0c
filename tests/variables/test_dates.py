"""Dates as integers: every value of every kind and resolution comes back, and nothing wraps."""

from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from made.variables.date_text import DAY, Moment, write
from made.variables.dates import (
    UNITS,
    WEEKDAYS,
    DateForm,
    DatePart,
    Instants,
    instants_of,
    parts_of,
    unit_of,
    values_of_instants,
    whole_of,
)

FIRST_DAY = datetime.date(1, 1, 1).toordinal() - 719_163
LAST_DAY = datetime.date(9999, 12, 31).toordinal() - 719_163


def objects(*values):
    own = np.empty(len(values), dtype=object)
    own[:] = values
    return own


def back(values, form):
    """Values through their parts."""
    return values_of_instants(whole_of(parts_of(instants_of(values, form), form), form), form).tolist()


@given(st.dates())
def test_dates_come_back(value):
    assert back(objects(value), DateForm("date")) == [value]


@given(st.datetimes())
def test_points_in_time_come_back(value):
    assert back(objects(value), DateForm("datetime", "us")) == [value]


@given(st.datetimes(timezones=st.sampled_from([datetime.timezone.utc, ZoneInfo("Asia/Kolkata")])))
def test_points_in_time_come_back_in_a_time_zone(value):
    in_utc = value.astimezone(datetime.timezone.utc)
    for zone in ("UTC", "+05:30", "-08:00"):
        (found,) = back(objects(value), DateForm("datetime", "us", zone=zone))
        assert found == in_utc


@given(st.times())
def test_times_of_day_come_back(value):
    assert back(objects(value), DateForm("time", "us")) == [value]


@given(
    st.integers(FIRST_DAY, LAST_DAY),
    st.sampled_from(sorted(UNITS)),
    st.integers(0, DAY - 1),
    st.sampled_from(["%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%-d/%-m/%Y"]),
)
def test_text_of_any_resolution_comes_back(day, unit, nanos, date_text):
    nanos -= nanos % UNITS[unit]
    text = date_text if unit == "D" else f"{date_text} %H:%M:%S.%9f"
    word = write(Moment(day, nanos), text)
    form = DateForm("date" if unit == "D" else "datetime", unit, text)
    found = instants_of(objects(word), form)
    assert (found.days.tolist(), found.nanos.tolist(), found.wrong) == ([day], [nanos], {})
    assert back(objects(word), form) == [word]


@given(st.integers(-(2**62), 2**62).filter(lambda n: n != np.iinfo(np.int64).min))
def test_nanoseconds_of_numpy_come_back(number):
    value = np.datetime64(number, "ns")
    found = instants_of(np.array([value]), DateForm("datetime", "ns"))
    assert int(found.days[0]) * DAY + int(found.nanos[0]) == number
    assert instants_of(objects(value), DateForm("datetime", "ns")).days.tolist() == found.days.tolist()


@pytest.mark.parametrize("unit", ["D", "h", "m", "s", "ms", "us"])
def test_all_of_numpy_within_the_calendar_is_read(unit):
    for day in (FIRST_DAY, -1, 0, LAST_DAY):
        value = np.datetime64(day, "D").astype(f"datetime64[{unit}]")
        assert instants_of(np.array([value]), DateForm("datetime")).days.tolist() == [day]


@pytest.mark.parametrize(
    "value",
    [np.datetime64(LAST_DAY + 1, "D"), np.datetime64(FIRST_DAY - 1, "D"), np.datetime64("30000-01-01", "s")],
)
def test_what_lies_outside_the_calendar_is_no_date(value):
    found = instants_of(np.array([value]), DateForm("datetime"))
    assert list(found.wrong) == [0]
    assert "no date such as" in found.wrong[0]


@pytest.mark.parametrize(
    "value", ["2024-02-30", "2023-02-29", "24:00", "2016-12-31 23:59:60", 20240131, 1.5, [1]]
)
def test_what_is_no_date_is_said_to_be_none(value):
    found = instants_of(objects(value), DateForm("datetime", "s"))
    assert list(found.wrong) == [0]
    assert found.wrong[0].startswith("holds ")


def test_a_time_zone_where_there_is_none_is_refused_and_a_local_time_is_of_the_zone():
    aware = datetime.datetime(2024, 1, 31, 12, tzinfo=datetime.timezone.utc)
    assert "time zone" in instants_of(objects(aware), DateForm("datetime", "h")).wrong[0]
    assert "time zone" in instants_of(objects("2024-01-31T12:00Z"), DateForm("datetime", "h")).wrong[0]
    own = DateForm("datetime", "h", zone="Europe/Berlin")
    winter, summer = datetime.datetime(2024, 1, 31, 12), datetime.datetime(2024, 7, 31, 12)
    found = instants_of(objects(winter, summer), own)
    assert (found.nanos // UNITS["h"]).tolist() == [11, 10]
    assert [value.replace(tzinfo=None) for value in back(objects(winter, summer), own)] == [winter, summer]


def test_the_hour_that_comes_twice_stays_two():
    form = DateForm("datetime", "m", zone="Europe/Berlin")
    first = datetime.datetime(2024, 10, 27, 0, 30, tzinfo=datetime.timezone.utc)
    later = first + datetime.timedelta(hours=1)
    found = back(objects(first, later), form)
    assert [value.timestamp() for value in found] == [first.timestamp(), later.timestamp()]
    # The same objects once more: they are equal, and not the same time.
    assert [value.fold for value in back(objects(*found), form)] == [0, 1]
    assert [value.hour for value in found] == [2, 2]


def test_weeks_begin_on_mondays():
    form = DateForm("date")
    parts = parts_of(instants_of(objects("1970-01-04", "1970-01-05", "1970-01-11"), form), form)
    assert parts["week"].tolist() == [-1, 0, 0]
    assert parts["weekday"].tolist() == ["Sunday", "Monday", "Sunday"]


def test_missing_values_are_missing_in_all_parts_and_come_back():
    form = DateForm("datetime", "m")
    values = objects(None, "2024-01-31 12:30", float("nan"), np.datetime64("NaT"))
    parts = parts_of(instants_of(values, form), form)
    assert all(own.tolist().count(None) == 3 for own in parts.values())
    assert back(values, form)[0] is None
    half = {"week": objects(3), "weekday": objects(None), "time": objects(5)}
    assert whole_of(half, form).missing.tolist() == [True]


def test_what_no_calendar_has_becomes_its_first_or_last_day():
    form = DateForm("date")
    far = {"week": objects(10**15, -(10**15)), "weekday": objects("Sunday", "Monday")}
    assert values_of_instants(whole_of(far, form), form).tolist() == [datetime.date.max, datetime.date.min]


def test_a_finer_time_is_a_fraction_within_the_day():
    form = DateForm("datetime", "m")
    parts = parts_of(instants_of(objects("2024-01-31 12:30:15", "2024-01-31 23:59:59"), form), form)
    assert parts["time"].tolist() == [750.25, 1439.49]


@given(st.sampled_from(sorted(UNITS)))
def test_the_coarsest_unit_is_found(unit):
    other = np.array([0, UNITS[unit]]) % DAY
    assert unit_of(other) == unit


def test_parts_are_written_and_read():
    part = DatePart("when", "time", DateForm("datetime", "ms", "%Y", "Z"), ("a", "b"))
    assert DatePart.from_dict(part.as_dict()) == part
    assert DatePart.from_dict(DatePart("when", "week", DateForm("date")).as_dict()).form.parts == (
        "week",
        "weekday",
    )
    assert len(WEEKDAYS) == 7
    assert Instants(*instants_of(objects(None), DateForm("date"))).missing.all()
