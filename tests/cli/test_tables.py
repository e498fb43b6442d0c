"""Tables of people from the command line: fitted, scored, completed and drawn, whatever the file."""

from __future__ import annotations

import gzip
import io
import sys

import numpy as np
import polars
import pytest

CITIES = ["Rome", "Oslo", "Bern, CH"]


@pytest.fixture(scope="module")
def frame() -> polars.DataFrame:
    generator = np.random.default_rng(0)
    age = generator.integers(18, 80, 120)
    return polars.DataFrame(
        {
            "age": age,
            "city": [CITIES[i] if i < 3 else None for i in generator.integers(0, 4, 120)],
            "paid": generator.normal(age, 3).round(2),
            "sold": generator.choice(["yes", "no"], 120),
        }
    )


@pytest.fixture
def people(here, call, frame, monkeypatch):
    """The current folder, with the run people fitted on people.csv and nothing set but a short fit."""
    monkeypatch.chdir(here)
    frame.write_csv("people.csv", null_value="?")
    call("fit", "people.csv", "-o", "people", "--hidden", "8", "--epochs", "2", "--quiet")
    return here


def scores(path) -> np.ndarray:
    return polars.read_csv(path)["log_prob"].to_numpy()


def test_a_table_of_people(people, call, frame, monkeypatch):
    call("score", "people", "people.csv", "-o", "whole.csv")
    whole = scores("whole.csv")
    assert (whole.shape, np.isfinite(whole).all()) == ((120,), True)

    # the same table, written otherwise
    shuffled = frame.select("sold", "paid", polars.lit("x").alias("note"), "city", "age")
    shuffled.write_csv("shuffled.csv", separator=";", decimal_comma=True, null_value="NA")
    frame.write_parquet("people.parquet")
    frame.write_ndjson("people.jsonl")
    frame.write_ipc("people.feather")
    (people / "people.tsv.gz").write_bytes(gzip.compress(frame.write_csv(separator="\t").encode()))
    for name in ("shuffled.csv", "people.parquet", "people.jsonl", "people.feather", "people.tsv.gz"):
        result = call("score", "people", name, "-o", "again.csv")
        np.testing.assert_allclose(scores("again.csv"), whole, rtol=1e-12)
        assert ("passed over, as the run has no such column: note" in result.err) == (name == "shuffled.csv")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(frame.write_csv().encode())))
    call("score", "people", "-", "-o", "again.csv")
    np.testing.assert_allclose(scores("again.csv"), whole, rtol=1e-12)

    # an absent column is unknown
    frame.drop("city").head(9).write_csv("absent.csv")
    result = call("score", "people", "absent.csv", "-o", "absent_scores.csv")
    assert "unknown in every row, as the file has no such column: city" in result.err
    assert (scores("absent_scores.csv") >= whole[:9]).all()
    call("complete", "people", "absent.csv", "-o", "filled.csv")
    filled = polars.read_csv("filled.csv")
    assert filled.columns == [*frame.drop("city").columns, "city"]
    assert filled.drop("city").equals(frame.drop("city").head(9))
    assert set(filled["city"]) <= set(CITIES)


def test_rows_that_cannot_be_read_go_to_a_side_file(people, call, frame):
    lines = frame.write_csv(null_value="?").splitlines()
    lines[3], lines[5] = "old,Rome,30.5,yes", "30,Rome"
    lines[7] = "30,Atlantis,30.5,yes"
    (people / "bad.csv").write_text("\n".join(lines))
    result = call("score", "people", "bad.csv", "-o", "scores.csv")
    found = polars.read_csv("scores.csv")
    assert np.flatnonzero(found["log_prob"].is_null()).tolist() == [2, 4]
    assert len(found) == 120
    assert found["unseen"][6] == 1
    assert "line 8, column city, 'Atlantis'" in result.err
    assert "2 rows could not be read: the first: line 4, column 1 (age) holds 'old'" in result.err
    assert "without a score, see scores.rejected.csv" in result.err
    side = polars.read_csv("scores.rejected.csv")
    assert side.rows()[0][:3] == (4, "age", "old")
    assert side.rows()[1][0] == 6
    call("score", "people", "people.csv", "-o", "scores.csv")
    assert not (people / "scores.rejected.csv").exists()  # it was of the scores that are replaced
    call("score", "people", "bad.csv", "-o", "scores.parquet")
    assert polars.read_parquet("scores.parquet")["log_prob"].null_count() == 2
    result = call("complete", "people", "bad.csv", "-o", "filled.parquet")
    assert polars.read_parquet("filled.parquet").height == 118
    assert "left out, see filled.rejected.csv" in result.err


def test_samples_have_the_columns_and_labels_of_the_table(people, call, frame):
    for name, read in (("drawn.csv", polars.read_csv), ("drawn.parquet", polars.read_parquet)):
        call("sample", "people", "-n", "50", "--seed", "1", "-o", name)
        drawn = read(name)
        assert drawn.columns == frame.columns
        assert drawn.dtypes == frame.dtypes
        assert set(drawn["city"].drop_nulls()) <= set(CITIES)


def test_several_files_are_one_table(people, call, frame):
    frame.head(50).write_csv("part-1.csv")
    frame.tail(70).select("sold", "city", "age", "paid").write_csv("part-2.csv")
    few = ("--hidden", "8", "--epochs", "2", "--quiet")
    call("fit", "part-1.csv", "part-2.csv", "-o", "both", *few)
    call("fit", "part-*.csv", "-o", "pattern", *few)
    results = [(people / name / "results.json").read_text() for name in ("people", "both", "pattern")]
    assert len({text.split('"ended"')[0] for text in results}) == 1
    call("evaluate", "both")
    call("fit", "-o", "both", "--resume", "--epochs", "3", "--quiet")
    frame.drop("city").write_csv("part-3.csv")
    result = call("fit", "part-*.csv", "-o", "other", code=2)
    assert result.err == (
        "error: part-3.csv lacks the column 'city' of part-1.csv: files that are read as one have the same "
        "columns\n"
    )


def test_rows_from_standard_input_are_not_there_again(here, call, frame, monkeypatch):
    text = frame.write_csv().encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    call("fit", "-", "-o", "piped", "--hidden", "8", "--epochs", "2", "--quiet")
    for arguments in (("evaluate", "piped"), ("fit", "-o", "piped", "--resume")):
        assert "standard input" in call(*arguments, code=2).err
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    call("evaluate", "piped", "-")


def test_a_column_without_values_is_left_out_and_said(here, call, tiny):
    (here / "gap.csv").write_text("a,b,c\n0,,10\n0,NA,20\n1,?,20\n")
    result = call("fit", "gap.csv", "-o", "new", *tiny)
    assert "  column b is missing in every row: left out\n" in result.out
    assert "gap: 2 variables" in result.out
    call("score", "new", "gap.csv", "-o", "scores.csv")
    assert len(scores("scores.csv")) == 3


def test_samples_have_the_types_of_the_file(here, call, frame, monkeypatch):
    """Parquet in, Parquet out; and text in the style of the table."""
    monkeypatch.chdir(here)
    table = frame.with_columns(
        age=frame["age"].cast(polars.Int16),
        paid=frame["paid"].cast(polars.Float32),
        city=frame["city"].cast(polars.Categorical),
        member=frame["age"] > 40,
        sure=polars.when(frame["age"] % 5 > 0).then(frame["age"] % 2 > 0),
    )
    table.write_parquet("people.parquet")
    call("fit", "people.parquet", "-o", "typed", "--hidden", "8", "--epochs", "2", "--quiet")
    call("sample", "typed", "-n", "50", "-o", "drawn.parquet")
    assert polars.read_parquet_schema("drawn.parquet") == table.schema
    call("sample", "typed", "-n", "50", "-o", "drawn.csv")
    drawn = polars.read_csv("drawn.csv")
    assert drawn.schema == table.schema | {"age": polars.Int64, "paid": polars.Float64, "city": polars.String}
    call("score", "typed", "drawn.csv", "-o", "of_text.csv")
    call("score", "typed", "drawn.parquet", "-o", "of_table.csv")
    np.testing.assert_allclose(scores("of_text.csv"), scores("of_table.csv"), rtol=1e-6)


def test_text_is_written_as_it_was_read(here, call, frame, monkeypatch):
    monkeypatch.chdir(here)
    words = frame.select(
        "age",
        ok=polars.Series(["TRUE", "FALSE"] * 60),
        tall=polars.Series([f"{i % 40}.0" for i in range(120)]),
        kids=polars.Series([None if i % 7 == 0 else i % 3 for i in range(120)]),
    )
    words.write_csv("words.csv")
    call("fit", "words.csv", "-o", "words", "--hidden", "8", "--epochs", "2", "--quiet")
    drawn = call("sample", "words", "-n", "60").out
    again = polars.read_csv(io.StringIO(drawn), infer_schema=False)
    assert again["age"].str.contains(r"^-?\d+$").all()
    assert set(again["ok"]) <= {"TRUE", "FALSE"}
    assert again["tall"].str.contains(r"^-?\d+\.0$").all()
    assert set(again["kids"]) <= {"0", "1", "2", None}
