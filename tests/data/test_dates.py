"""Which columns are dates, and what they become."""

from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from made.data.choices import Choices
from made.data.columns import infer_schema
from made.data.dates import date_form, date_variables
from made.variables.dates import DateForm

DAYS = [datetime.date(2024, 1, 1) + datetime.timedelta(days=3 * i) for i in range(80)]


def column(values):
    own = np.empty(len(values), dtype=object)
    own[:] = values
    return own


def form_of(*values):
    return date_form([column(list(values))], "when")[0]


UTC, BERLIN = datetime.timezone.utc, ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["2024-01-31", None], DateForm("date", text="%Y-%m-%d")),
        (["31.01.2024 12:30"], DateForm("datetime", "m", "%d.%m.%Y %H:%M")),
        (["2024-01-31 00:00:00"], DateForm("datetime", "D", "%Y-%m-%d %H:%M:%S")),
        (["2024-01-31T12:30:15Z"], DateForm("datetime", "s", "%Y-%m-%dT%H:%M:%SZ", "Z")),
        (["2024-01-31T12:00+01:00"], DateForm("datetime", "h", "%Y-%m-%dT%H:%M%z", "+01:00")),
        (["12:30", "08:15"], DateForm("time", "m", "%H:%M")),
        ([datetime.date(2024, 1, 31)], DateForm("date")),
        ([datetime.datetime(2024, 1, 31, 12, 30, 15, 250_000)], DateForm("datetime", "ms")),
        ([datetime.datetime(2024, 1, 31, 12, tzinfo=UTC)], DateForm("datetime", "h", zone="UTC")),
        (
            [datetime.datetime(2024, 1, 31, 12, tzinfo=BERLIN)],
            DateForm("datetime", "h", zone="Europe/Berlin"),
        ),
        ([datetime.time(12)], DateForm("time", "h")),
        ([np.datetime64("2024-01-31")], DateForm("date")),
        ([np.datetime64("2024-01-31T12:30", "ns"), np.datetime64("NaT")], DateForm("datetime", "m")),
        ([np.datetime64(1, "ns")], DateForm("datetime", "ns")),
    ],
)
def test_dates_are_known_by_their_values(values, expected):
    assert form_of(*values) == expected


@pytest.mark.parametrize(
    "values",
    [["soon"], ["2024-01-31", "soon"], [20240131], [1.5, 2.5], [None], ["20240131"], ["2024"], [True]],
)
def test_other_values_are_no_dates(values):
    assert form_of(*values) is None


def test_day_and_month_are_not_guessed(refused):
    rows = np.stack(
        [column([f"0{1 + i % 9}/0{1 + i % 7}/2024" for i in range(200)]), np.arange(200) % 3], axis=1
    )
    schema, notes = infer_schema({"train": rows}, names=["when", "size"])
    assert schema.columns[0].kind == "categorical"
    assert any("no value tells day and month apart" in note for note in notes)
    with refused("day and month apart"):
        infer_schema({"train": rows}, names=["when", "size"], choices=Choices({"when": "date"}))
    with refused("no dates of one format"):
        infer_schema({"train": rows}, names=["when", "size"], choices=Choices({"size": "date"}))


def test_times_with_and_without_a_zone_are_refused(refused):
    with refused("column when", "time zone"):
        form_of(datetime.datetime(2024, 1, 31), datetime.datetime(2024, 1, 31, tzinfo=UTC))


def test_times_of_several_zones_are_given_back_in_utc():
    form, note = date_form([column(["2024-01-31T12:00+01:00", "2024-07-31T12:00+02:00"])], "when")
    assert form.zone == "Z"
    assert "UTC" in note


@pytest.mark.parametrize("text", [True, False])
def test_a_column_of_dates_is_its_parts_and_no_name_of_rows(text):
    values = [str(day) if text else day for day in DAYS]
    rows = np.stack([column(values), np.arange(80) % 2], axis=1)
    schema, notes = infer_schema({"train": rows}, names=["when", "sold"])
    assert schema.names == ("when (week)", "when (weekday)", "sold")
    assert [own.kind for own in schema.columns] == ["numeric", "categorical", "bernoulli"]
    assert schema.columns[0].part.span == ("2024-01-01", "2024-08-25")
    assert not any("left out" in note for note in notes)
    assert schema.decode(schema.encode(rows)).tolist() == rows.tolist()


def test_a_column_of_dates_with_gaps_may_be_missing_and_says_so():
    rows = np.stack(
        [column([None if i % 4 == 0 else str(day) for i, day in enumerate(DAYS)]), np.arange(80) % 2], 1
    )
    schema, _ = infer_schema({"train": rows}, names=["when", "sold"])
    assert all(own.arguments["missing"] for own in schema.columns[:2])
    assert schema.columns[0].found.missing == 0.25
    assert schema.decode(schema.encode(rows))[0].tolist() == [None, 0]


def test_a_kind_that_is_given_counts():
    rows = np.stack([column([str(day) for day in DAYS[:20]] * 4), np.arange(80) % 2], axis=1)
    own = infer_schema({"train": rows}, names=["when", "sold"], choices=Choices({"when": "category"}))[0]
    assert own.names == ("when", "sold")


def test_times_of_day_stay_within_the_day():
    times = [f"{i % 24:02d}:{i % 60:02d}" for i in range(100)]
    schema, _ = infer_schema({"train": column(times)[:, None]}, names=["at"])
    assert schema.names == ("at (time)",)
    assert schema.columns[0].arguments["bounds"] == [0, 1439]
    assert schema.decode(schema.encode(column(times)[:, None]))[:, 0].tolist() == times


def test_of_many_columns_times_have_fewer_spikes():
    draw = np.random.default_rng(0)
    recurring, others = draw.integers(100, 86_000, 40), draw.integers(0, 86_400, 500)
    seconds = np.concatenate([np.repeat(recurring, 12), others])
    times = column([f"{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}" for s in seconds.tolist()])
    form = form_of(*times)
    alone, of_many = (
        date_variables([times], np.arange(len(times)), "at", form, "", n)[0].arguments["spikes"]
        for n in (1, 1_000)
    )
    assert (len(alone), len(of_many)) == (40, 32)


def test_arrays_of_datetime64_are_dates():
    days = np.array(DAYS, dtype="datetime64[D]")[:, None]
    schema, _ = infer_schema({"train": days})
    assert schema.names == ("x0 (week)", "x0 (weekday)")
    assert schema.decode(schema.encode(days))[:, 0].tolist() == DAYS
