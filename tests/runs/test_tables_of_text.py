"""Runs on tables of people: columns by name, text, gaps, labels never seen, lines that are no row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars
import pytest

import made
from made.runs.completions import find_incomplete_rows, score_partly_known
from made.runs.folder import RunFolder
from made.runs.rejected import side_file
from made.runs.rows import find_rows
from made.variables.column import Column
from made.variables.schema import Schema

COLUMNS = (
    Column("age", "numeric", {"step": 1.0}),
    Column("city", "categorical", {"classes": ["Oslo", "Rome"], "unseen": 0.1, "missing": True}),
    Column("zip", "categorical", {"classes": ["01", "02", "none"]}),
    Column("sold", "bernoulli"),
)
FRAME = polars.DataFrame(
    {
        "age": [39, 50, 2**53 + 1],
        "city": ["Oslo", None, "Bern"],
        "zip": ["01", "none", "02"],
        "sold": [1, 0, 1],
    }
)


@pytest.fixture(scope="module")
def people(tmp_path_factory, randomize):
    """A folder with the model of people, and the function that finds the rows of a file by it."""
    folder = tmp_path_factory.mktemp("people")
    model = randomize(made.MADE(Schema(COLUMNS), (8,)))
    model.save(folder / "model.safetensors")
    run = RunFolder(folder)
    return model, lambda path, **own: find_rows(
        run, model, str(path), **{"missing": True, "lenient": True, **own}
    )


def write(frame: polars.DataFrame, path: Path) -> Path:
    endings = {".csv": frame.write_csv, ".parquet": frame.write_parquet, ".jsonl": frame.write_ndjson}
    endings[path.suffix](path)
    return path


@pytest.mark.parametrize("ending", [".csv", ".jsonl"])
def test_a_file_is_read_as_the_columns_of_the_run(people, tmp_path, ending):
    """Labels such as 01 and none stay labels, whole numbers exact, and labels never seen are kept."""
    model, find = people
    found = find(write(FRAME.with_columns(zip=polars.Series(["01", "02", "02"])), tmp_path / f"a{ending}"))
    expected = model.rows([[39, "Oslo", "01", 1], [50, None, "02", 0], [2**53 + 1, "Bern", "02", 1]])
    np.testing.assert_array_equal(found.rows.codes, expected.codes)
    np.testing.assert_array_equal(found.rows.bodies, expected.bodies)
    assert found.rejected is None
    assert model.schema.decode(found.rows)[2].tolist() == [2**53 + 1, "Bern", "02", 1]


def test_a_label_that_marks_a_gap_elsewhere_is_a_label(people, tmp_path):
    rows = people[1](write(FRAME, tmp_path / "a.csv")).rows
    assert rows.codes[:, 2].tolist() == [0, 2, 1]


def test_columns_are_found_by_name(people, tmp_path, caplog):
    model, find = people
    caplog.set_level("INFO", logger="made")
    whole = find(write(FRAME, tmp_path / "a.csv")).rows
    more = FRAME.select("sold", "zip", polars.lit("x").alias("note"), "age", "city")
    again = find(write(more, tmp_path / "b.csv")).rows
    np.testing.assert_array_equal(whole.codes, again.codes)
    np.testing.assert_array_equal(whole.bodies, again.bodies)
    assert "passed over, as the run has no such column: note" in caplog.text
    absent = find(write(FRAME.drop("city"), tmp_path / "c.csv")).rows
    assert absent.mask.tolist() == [[True, False, True, True]] * 3  # unknown, not missing
    assert "unknown in every row, as the file has no such column: city" in caplog.text
    log_prob, error, _ = score_partly_known(model, absent)
    assert (log_prob >= model.log_prob(whole).numpy()).all()
    assert (error == 0).all()


def test_rows_that_cannot_be_read_are_left_out(people, tmp_path):
    model, find = people
    lines = [
        "age,city,zip,sold",
        "39,Oslo,01,1",
        "old,Oslo,09,1",
        "39,Oslo",
        "",
        "40.5,Oslo,01,true",
        "inf,Rome,01,0",
        "9007199254740993,Bern,none,0",
    ]
    (tmp_path / "bad.csv").write_text("\n".join(lines))
    found = find(tmp_path / "bad.csv")
    rejected = found.rejected
    assert (len(rejected), rejected.n_rows, rejected.kept.tolist()) == (4, 6, [0, 5])
    assert [(entry.number, entry.column, entry.value) for entry in rejected.entries] == [
        (3, "age", "old"),
        (3, "zip", "09"),
        (4, "", "39,Oslo"),
        (6, "age", "40.5"),
        (7, "age", "inf"),
    ]
    assert rejected.describe().startswith(
        "4 rows could not be read: the first: line 3, column 1 (age) holds 'old'"
    )
    expected = model.rows([[39, "Oslo", "01", 1], [2**53 + 1, "Bern", "none", 0]])
    np.testing.assert_array_equal(found.rows.bodies, expected.bodies)
    np.testing.assert_array_equal(found.rows.codes, expected.codes)
    assert found.place(1) == "line 8"
    scores = rejected.in_place(np.array([[-1.0], [-2.0]]))
    np.testing.assert_array_equal(scores[:, 0], [-1, np.nan, np.nan, np.nan, np.nan, -2])
    rejected.write(side_file(tmp_path / "out.csv"))
    table = polars.read_csv(tmp_path / "out.rejected.csv")
    assert (table.columns, len(table)) == (["line", "column", "value", "reason"], 5)
    with pytest.raises(made.InputError, match="line 4 has 2 columns"):
        find(tmp_path / "bad.csv", lenient=False)
    assert len(find_incomplete_rows(model, str(tmp_path / "bad.csv"))) == 2


def test_rows_of_tables_that_cannot_be_read(people, tmp_path):
    _, find = people
    frame = polars.DataFrame({"age": [1.5, 2.0, None], "city": "Oslo", "zip": ["01", "01", "02"], "sold": 1})
    found = find(write(frame, tmp_path / "a.parquet"))
    assert found.rejected.unit == "row"
    assert [entry[:3] for entry in found.rejected.entries] == [(0, "age", "1.5")]
    assert found.rows.mask.tolist() == [[True] * 4, [False, True, True, True]]


def test_when_no_row_can_be_read_the_file_is_refused(people, tmp_path, refused):
    _, find = people
    (tmp_path / "a.csv").write_text("age,city,zip,sold\n1,2\nold,Oslo,01,1\n")
    with refused("a.csv: no row can be read: line 2 has 2 columns where the header has 4"):
        find(tmp_path / "a.csv")


def test_truth_values_are_what_the_run_has(tmp_path, randomize):
    columns = (Column("sold", "bernoulli"), Column("paid", "categorical", {"classes": ["False", "True"]}))
    model = randomize(made.MADE(Schema(columns), (4,)))
    model.save(tmp_path / "model.safetensors")
    frame = polars.DataFrame({"sold": [True, False], "paid": [False, True]})
    (tmp_path / "a.csv").write_text("sold,paid\ntrue,False\nFalse,True\n")
    for path in (tmp_path / "a.csv", write(frame, tmp_path / "a.parquet")):
        rows = find_rows(RunFolder(tmp_path / "model.safetensors"), model, str(path)).rows
        assert rows.codes.tolist() == [[1, 0], [0, 1]]
