"""Tables with dates in, tables with dates out: frames, files, gaps, what is given."""

from __future__ import annotations

import datetime

import numpy as np
import polars
import pytest
import torch

import made
from made.data.dataset import build
from made.data.readers import read

START = datetime.datetime(2021, 1, 4)
N = 240


def table():
    """Sales: those of weekends are larger, and some birthdays are missing."""
    random = np.random.default_rng(0)
    when = [START + datetime.timedelta(days=i % 210, minutes=5 * int(random.integers(288))) for i in range(N)]
    born = [
        datetime.date(1960, 1, 1) + datetime.timedelta(days=int(random.integers(15_000))) for _ in range(N)
    ]
    return polars.DataFrame(
        {
            "when": when,
            "born": [None if i % 9 == 0 else day for i, day in enumerate(born)],
            "weekend": ["yes" if own.weekday() > 4 else "no" for own in when],
            "amount": np.round(random.exponential(20, N), 2),
        }
    )


def as_pandas(frame):
    pandas = pytest.importorskip("pandas")
    return pandas.DataFrame({name: frame[name].to_list() for name in frame.columns})


@pytest.fixture(scope="module")
def model():
    return made.auto_fit(table(), max_time=1, seed=0)


def test_the_schema_has_a_line_for_each_column_of_the_table(model):
    lines = str(model.schema).splitlines()[1:]
    assert [line.split()[:2] for line in lines] == [
        ["when", "datetime"],
        ["born", "date"],
        ["weekend", "categorical"],
        ["amount", "numeric"],
    ]
    assert "missing" in lines[1]


def test_frames_arrays_and_text_are_scored_alike(model):
    frame = table().head(20)
    expected = model.log_prob(frame)
    assert torch.isfinite(expected).all()
    assert torch.equal(model.log_prob(as_pandas(frame)), expected)
    assert torch.equal(model.log_prob(np.array(frame.rows(), dtype=object)), expected)
    assert torch.equal(
        model.log_prob(frame.with_columns(polars.col("when", "born").cast(polars.String))), expected
    )
    # A column a variable.
    parts = model.log_prob(frame, per_variable=True, mask=0)
    assert parts.shape == (20, 7)
    assert torch.allclose(parts.sum(dim=1), model.log_prob(frame, mask=0))
    assert torch.equal(model.log_prob(model.schema.decode_parts(model.rows(frame))), expected)


def test_samples_are_rows_of_the_table(model):
    drawn = model.sample(200, seed=0)
    assert drawn.shape == (200, 4)
    assert all(isinstance(value, datetime.datetime) and value.second == 0 for value in drawn[:, 0])
    assert all(value is None or type(value) is datetime.date for value in drawn[:, 1])
    assert torch.isfinite(model.log_prob(drawn)).all()


@pytest.mark.parametrize("library", ["polars", "pandas"])
def test_what_is_missing_in_a_frame_is_filled_in_with_dates_of_its_type(model, library):
    frame = table().head(6)
    holes = frame.with_columns(frame["when"].set(polars.Series([True, True] + [False] * 4), None))
    given = holes if library == "polars" else as_pandas(holes)
    filled = model.complete(given, seed=1).rows
    assert list(filled.columns) == frame.columns
    assert filled["when"].dtype == given["when"].dtype
    found, before = filled["when"].to_list(), holes["when"].to_list()
    assert not any(value is None or value != value for value in found)
    assert [a for a, b in zip(found, before, strict=True) if b] == [b for b in before if b]
    assert [own for own in filled["born"].to_list() if own] == filled["born"].to_list()


def test_a_date_is_given_as_a_whole(model):
    when = datetime.datetime(2021, 2, 3, 12, 30)
    for value in (when, "2021-02-03 12:30", np.datetime64(when)):
        assert model.sample(5, seed=0, given={"when": value}, output="numpy")[:, 0].tolist() == [when] * 5
    weeks = model.sample(20, seed=0, where="2021-02-01 <= when < 2021-02-15", output="numpy")[:, 0]
    assert all(datetime.datetime(2021, 2, 1) <= value < datetime.datetime(2021, 2, 15) for value in weeks)
    days = model.sample(
        20, seed=0, where=["when (weekday) in {Sunday}", "born is not missing"], output="numpy"
    )
    assert all(value.weekday() == 6 for value in days[:, 0])
    assert not any(value is None for value in days[:, 1])


def test_what_no_date_says_is_one_line(model, refused):
    with refused("when is a date", "when (week)"):
        model.conditional("when")
    with refused("when holds 'soon'", "no date such as"):
        model.sample(1, given={"when": "soon"})
    with refused("row 0, column 0 (when)", "no date such as"):
        model.log_prob(table().head(1).with_columns(polars.lit("31.02.2021").alias("when")))
    assert model.conditional("when (weekday)", {"weekend": "yes"}).pmf("Monday") < 0.2


def test_a_model_is_written_and_read_with_its_dates(model, tmp_path):
    model.save(tmp_path / "model.safetensors")
    again = made.load(tmp_path / "model.safetensors")
    assert again.schema == model.schema
    assert again.sample(5, seed=3).equals(model.sample(5, seed=3))


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_parquet_holds_dates_of_any_type(tmp_path, unit, zone):
    frame = table().with_columns(polars.col("when").cast(polars.Datetime(unit)).dt.replace_time_zone(zone))
    frame.write_parquet(tmp_path / "sales.parquet")
    data = build(read(tmp_path / "sales.parquet", missing=True), "sales")
    assert data.schema.names[:3] == ("when (week)", "when (weekday)", "when (time)")
    form = data.schema.columns[0].part.form
    assert (form.unit, form.zone) == ("m", zone or "")
    values = data.schema.decode(data.schema.encode(data.test))
    assert all((own.tzinfo is not None) == (zone is not None) for own in values[:, 0])
    known = set(frame["when"].to_list())
    assert all(own in known for own in values[:, 0])


def test_dates_do_not_wrap_where_nanoseconds_end(model):
    drawn = model.schema.decode(
        model.schema.encode(np.array([["1500-01-01 00:00", None, "no", 1.0]], dtype=object))
    )
    assert drawn[0, 0] == datetime.datetime(1500, 1, 1)
