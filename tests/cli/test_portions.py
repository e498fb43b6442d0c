"""Files of more rows than a portion: scored and completed as at one go, with one summary."""

from __future__ import annotations

import numpy as np
import polars
import pytest
import torch

import made
from made.data.portions import ROWS
from made.variables.column import Column
from made.variables.schema import Schema

N = ROWS + 9_000


@pytest.fixture(scope="module")
def model(randomize):
    """Of a number that may be missing, text with other labels, and a truth value."""
    columns = (
        Column("size", "numeric", {"step": 0.5, "missing": True}),
        Column("city", "categorical", {"classes": ["Bern", "Oslo", "Rome"], "unseen": 0.01}),
        Column("sold", "bernoulli"),
    )
    return randomize(made.MADE(Schema(columns), (8,), seed=1))


@pytest.fixture(scope="module")
def frame():
    """N rows: a label of its own in row 10 and in the second portion, and few unknown entries."""
    generator = np.random.default_rng(0)
    city = generator.choice(["Bern", "Oslo", "Rome"], N).astype(object)
    city[[10, ROWS + 3]] = "Pisa"
    sold = polars.Series(generator.random(N) < 0.5)
    return polars.DataFrame(
        {
            "size": generator.integers(-3, 4, N) / 2,
            "city": polars.Series(city.tolist()),
            "sold": sold.set(polars.Series(np.arange(N) % 5000 == 4999), None),
            "note": ["x"] * N,
        }
    )


@pytest.fixture
def place(tmp_path, monkeypatch, model):
    monkeypatch.chdir(tmp_path)
    model.save("model.safetensors")
    return tmp_path


def test_scores_are_those_of_one_go(place, call, model, frame):
    frame.write_parquet("rows.parquet")
    said = call("score", "model.safetensors", "rows.parquet", "-o", "scores.parquet").err
    found = polars.read_parquet("scores.parquet")
    rows = model.rows(frame.drop("note"))
    complete = rows.mask.all(dim=1)
    scores = found["log_prob"].to_numpy()
    expected = model.log_prob(rows[complete.nonzero()[:, 0]]).numpy()
    np.testing.assert_allclose(scores[complete.numpy()], expected, rtol=1e-6)
    assert found["unseen"].to_numpy().nonzero()[0].tolist() == [10, ROWS + 3]
    assert found["standard_error"].null_count() == 0
    assert said.count("passed over") == 1
    assert "2 entries are labels that no training row had, scored as any such: the first is row 10" in said
    assert f"log p of what is known in {N:,} rows (rows.parquet), 0 of them estimated: scores.parquet" in said
    # CSV is the same
    frame.write_csv("rows.csv")
    call("score", "model.safetensors", "rows.csv", "-o", "scores.csv")
    np.testing.assert_allclose(polars.read_csv("scores.csv")["log_prob"].to_numpy(), scores, rtol=1e-6)
    complete_rows = frame.filter(polars.col("sold").is_not_null())
    complete_rows.write_parquet("rows.parquet")
    call("score", "model.safetensors", "rows.parquet", "-o", "scores.csv")
    assert polars.read_csv("scores.csv").columns == ["log_prob", "unseen"]


def test_rows_that_cannot_be_read_are_named_by_their_line(place, call, frame):
    lines = frame.write_csv().splitlines()
    lines[6], lines[ROWS + 60] = "old,Bern,true,x", "1,2"
    (place / "rows.csv").write_text("\n".join(lines))
    said = call("score", "model.safetensors", "rows.csv", "-o", "scores.csv").err
    scores = polars.read_csv("scores.csv")["log_prob"]
    assert (len(scores), scores.is_null().arg_true().to_list()) == (N, [5, ROWS + 59])
    assert "2 rows could not be read: the first: line 7, column 1 (size) holds 'old'" in said
    rejected = polars.read_csv("scores.rejected.csv")
    assert rejected["line"].to_list() == [7, ROWS + 61]
    filled = call("complete", "model.safetensors", "rows.csv", "-o", "filled.csv").err
    assert len(polars.read_csv("filled.csv")) == N - 2
    assert "2 rows could not be read" in filled
    (place / "bad.csv").write_text("size,city,sold\nold,Bern,true\nnew,Bern,true\n")
    bad = call("score", "model.safetensors", "bad.csv", code=2)
    assert "bad.csv: no row can be read: line 2, column 1 (size) holds 'old'" in bad.err


def test_completions_are_drawn_by_the_number_of_the_row(place, call, model, frame):
    frame.write_parquet("rows.parquet")
    said = call("complete", "model.safetensors", "rows.parquet", "--seed", "3", "-o", "filled.parquet").err
    found = polars.read_parquet("filled.parquet")
    gaps = frame["sold"].is_null().arg_true().to_numpy().astype(np.int64)
    assert len(gaps) > 10
    assert gaps[-1] > ROWS
    rows = model.rows(frame.drop("note"), to_fill=True)
    expected = model.complete(rows[torch.from_numpy(gaps)], seed=3, first=gaps)
    assert found["sold"].to_numpy()[gaps].tolist() == expected.codes[:, 2].tolist()
    known = frame["sold"].is_not_null()
    assert found["sold"].filter(known).to_list() == frame["sold"].filter(known).cast(int).to_list()
    assert found["city"].to_list() == frame["city"].to_list()
    assert f"rows.parquet: {N:,} rows, {len(gaps)} unknown entries" in said
    assert f"{len(gaps)} rows exact" in said


def test_nothing_is_left_where_a_later_portion_is_damaged(place, call, frame):
    text = frame.write_csv()
    (place / "rows.csv").write_bytes(text.encode() + b"1,\xff,true,x\n")
    before = sorted(path.name for path in place.iterdir())
    for command in ("score", "complete"):
        said = call(command, "model.safetensors", "rows.csv", "-o", "out.csv", code=2).err
        assert "rows.csv: not text in UTF-8" in said
    assert sorted(path.name for path in place.iterdir()) == before
