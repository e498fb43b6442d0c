"""The commands on a file with dates: text of one format in, the same out; types in Parquet."""

from __future__ import annotations

import datetime

import numpy as np
import polars
import pytest

N = 120
START = datetime.datetime(2021, 1, 4)


@pytest.fixture
def sales(here, call):
    """The current folder, with the run sales fitted on sales.csv."""
    random = np.random.default_rng(0)
    when = [START + datetime.timedelta(days=i % 70, hours=i % 24) for i in range(N)]
    polars.DataFrame(
        {
            "when": [own.strftime("%d.%m.%Y %H:%M") for own in when],
            "born": [None if i % 7 == 0 else f"19{50 + i % 50}-0{1 + i % 9}-1{i % 10}" for i in range(N)],
            "amount": random.integers(0, 500, N) / 4,
        }
    ).write_csv("sales.csv")
    call("fit", "sales.csv", "-o", "sales", "--hidden", "8", "--epochs", "2", "--quiet")
    return here


def test_a_file_with_dates_is_fitted_scored_completed_and_drawn(sales, call):
    drawn = call("sample", "sales", "-n", "20", "--seed", "1", "-o", "drawn.csv")
    assert "20 rows" in drawn.err
    text = polars.read_csv("drawn.csv")
    assert text.columns == ["when", "born", "amount"]
    assert text["when"].str.to_datetime("%d.%m.%Y %H:%M").is_not_null().all()
    call("sample", "sales", "-n", "20", "--seed", "1", "-o", "drawn.parquet")
    typed = polars.read_parquet("drawn.parquet")
    assert typed.schema["when"] == polars.Datetime("us")
    assert typed.schema["born"] == polars.Date
    assert typed["when"].dt.strftime("%d.%m.%Y %H:%M").to_list() == text["when"].to_list()

    call("score", "sales", "drawn.csv", "-o", "a.csv")
    call("score", "sales", "drawn.parquet", "-o", "b.csv")
    assert polars.read_csv("a.csv").equals(polars.read_csv("b.csv"))
    call("score", "sales", "drawn.csv", "--per-variable", "-o", "c.csv")
    parts = polars.read_csv("c.csv")
    assert {"when (week)", "when (weekday)", "when (time)", "born (week)", "born (weekday)"} <= set(
        parts.columns
    )

    holes = text.with_columns(polars.lit(None, polars.String).alias("when"))
    holes.write_csv("holes.csv")
    call("complete", "sales", "holes.csv", "-o", "full.csv")
    full = polars.read_csv("full.csv")
    assert full["when"].str.to_datetime("%d.%m.%Y %H:%M").is_not_null().all()
    assert full["amount"].to_list() == text["amount"].to_list()


def test_dates_are_given_and_compared(sales, call):
    given = call("sample", "sales", "-n", "3", "--given", "when=03.02.2021 12:00").out.splitlines()[1:]
    assert [line.split(",")[0] for line in given] == ["03.02.2021 12:00"] * 3
    weeks = call("sample", "sales", "-n", "3", "--where", "when < 2021-01-18").out.splitlines()[1:]
    assert all(line.split(",")[0].endswith(".01.2021 " + line.split(",")[0][-5:]) for line in weeks)


def test_what_is_no_date_is_told_and_set_apart(sales, call):
    lines = ["when,born,amount", "05.01.2021 03:00,1970-01-13,3", "31.02.2021 03:00,1970-01-13,3"]
    (sales / "new.csv").write_text("\n".join([*lines, "05.01.2021 03:00,soon,3"]) + "\n")
    found = call("score", "sales", "new.csv", "-o", "scores.csv")
    assert (
        "2 rows could not be read: the first: line 3, column 1 (when) holds '31.02.2021 03:00'" in found.err
    )
    rejected = (sales / "scores.rejected.csv").read_text()
    assert "4,born,soon,\"holds 'soon', which is no date such as 2024-01-31\"" in rejected
    for options, words in (
        (("--given", "when=31.02.2021 10:00"), "no date such as 31.01.2024 12:30"),
        (("--where", "when < 2021-01-20"), "weeks begin on 2021-01-18 and 2021-01-25"),
        (("--given", "amount=2021-01-20"), "numbers"),
    ):
        assert words in call("sample", "sales", *options, code=2).err


def test_a_kind_that_is_said_counts(here, call):
    days = [START.date() + datetime.timedelta(days=i % 20) for i in range(100)]
    polars.DataFrame({"when": days, "sold": [i % 2 for i in range(100)]}).with_columns(
        polars.col("when").cast(polars.String)
    ).write_csv("days.csv")
    options = ("--hidden", "4", "--epochs", "1", "--quiet")
    call("fit", "days.csv", "-o", "text", "--column", "when=category", *options)
    assert call("sample", "text", "-n", "1").out.startswith("when,sold")
    assert "when (week)" not in call("score", "text", "days.csv", "--per-variable").out.splitlines()[0]
    said = call("fit", "days.csv", "-o", "wrong", "--column", "sold=date", *options, code=2).err
    assert "no dates of one format" in said
