"""Several files into a folder: units that are done once, whatever ends the command before."""

from __future__ import annotations

import json

import numpy as np
import polars
import pytest

import made
from made.runs.unit_work import ScoreUnits
from made.support.locks import locked

N = {"a": 500, "b": 130}


@pytest.fixture(scope="module")
def model(build_sales):
    return build_sales()


def frame_of(n, seed, gaps=False):
    generator = np.random.default_rng(seed)
    frame = polars.DataFrame(
        {
            "size": generator.integers(1, 4, n),
            "city": generator.choice(["Bern", "Oslo", "Rome"], n).tolist(),
            "sold": generator.random(n) < 0.5,
        }
    )
    hidden = polars.Series(generator.random(n) < 0.3)
    return frame.with_columns(sold=frame["sold"].set(hidden, None)) if gaps else frame


@pytest.fixture
def place(tmp_path, monkeypatch, model):
    """A model and two files; units have at most 100 rows."""
    monkeypatch.chdir(tmp_path)
    for name in ("ROWS", "ROWS_OF_SLOW"):
        monkeypatch.setattr(f"made.runs.units.{name}", 100)
    model.save("model.safetensors")
    (tmp_path / "rows").mkdir()
    for seed, (name, n) in enumerate(N.items()):
        frame_of(n, seed).write_parquet(f"rows/{name}.parquet", row_group_size=180)
    return tmp_path


def test_every_row_has_a_score_under_its_file_and_number(place, call):
    said = call("score", "model.safetensors", "rows/b.parquet", "rows/a.parquet", "-o", "scores/").err
    found = polars.read_parquet("scores")
    assert found.columns == ["file", "row", "log_prob", "standard_error", "unseen"]
    for name, n in N.items():
        own = found.filter(polars.col("file") == f"{name}.parquet").sort("row")
        assert own["row"].to_list() == list(range(n))
        call("score", "model.safetensors", f"rows/{name}.parquet", "-o", "one.parquet")
        # to the last bit, though batches are cut elsewhere
        assert own["log_prob"].to_list() == polars.read_parquet("one.parquet")["log_prob"].to_list()
    mean = found["log_prob"].mean()
    n_units = len(list((place / "scores").iterdir()))
    assert n_units == 8
    assert said.endswith(f"log p of 630 rows (2 files, 8 units), mean {mean:.3f} nats: scores\n")
    assert not list(place.glob(".scores*"))
    call("score", "model.safetensors", "rows", "-o", "again")
    assert polars.read_parquet("again").equals(found.sort("file", "row"))
    call("score", "model.safetensors", "rows/*.parquet", "-o", "again")


def test_what_is_finished_is_not_done_again(place, call, monkeypatch):
    command = ("score", "model.safetensors", "rows", "-o", "scores")
    done, plain = [], ScoreUnits.__call__

    def interrupted(self, unit, advance):
        if len(done) == 4:
            raise KeyboardInterrupt
        done.append(unit.name)
        return plain(self, unit, advance)

    monkeypatch.setattr(ScoreUnits, "__call__", interrupted)
    call(*command, code=130)
    files = {path.name: path.stat().st_mtime_ns for path in (place / "scores").iterdir()}
    assert sorted(files) == sorted(done)
    monkeypatch.setattr(ScoreUnits, "__call__", plain)
    (place / "scores" / f".{done[0]}.999999.abcdefgh").write_bytes(b"half")  # what a kill left
    said = call(*command).err
    assert "scores: 4 of 8 units are there, and not done again" in said
    assert all((place / "scores" / name).stat().st_mtime_ns == time for name, time in files.items())
    found = polars.read_parquet("scores")
    assert found.group_by("file").len().sort("file")["len"].to_list() == list(N.values())
    assert not found.select("file", "row").is_duplicated().any()
    assert "8 of 8 units are there" in call(*command).err


def test_a_folder_holds_one_thing(place, call, randomize, model):
    call("score", "model.safetensors", "rows/a.parquet", "-o", "scores/")
    # another file is added
    call("score", "model.safetensors", "rows", "-o", "scores/")
    assert len(polars.read_parquet("scores")) == 630
    randomize(made.MADE(model.schema, (8,), seed=1), seed=9).save("other.safetensors")
    refused = [
        ("other.safetensors", "rows"),
        ("model.safetensors", "rows", "--per-column"),
        ("model.safetensors", "rows/a.parquet"),
    ]
    for arguments in refused:
        said = call("score", *arguments, "-o", "scores/", code=2).err
        assert "which belongs to other rows, another model or other options" in said
    frame_of(130, 7).write_parquet("rows/b.parquet")
    assert "other rows" in call("score", "model.safetensors", "rows", "-o", "scores/", code=2).err
    with locked(place, ".scores.lock"):
        said = call("score", "model.safetensors", "rows", "-o", "scores/", code=2).err
        assert "scores is in use by process" in said


def test_bad_files_are_one_line(place, call):
    call_bad = lambda *files: call("score", "model.safetensors", *files, "-o", "scores/", code=2).err  # noqa: E731
    frame_of(9, 0).drop("city").write_parquet("rows/c.parquet")
    assert "c.parquet lacks the column 'city' of " in call_bad("rows")
    frame_of(9, 0).with_columns(note=1).write_parquet("rows/c.parquet")
    assert "c.parquet has a column 'note' beside those of " in call_bad("rows")
    (place / "rows/c.parquet").write_bytes(b"")
    assert "c.parquet: not a Parquet file" in call_bad("rows")
    (place / "rows/c.parquet").unlink()
    assert "rows/a.parquet is given twice" in call_bad("rows/a.parquet", "rows")
    assert "none*.parquet: no file matches" in call_bad("none*.parquet")
    assert "cannot read nothing.parquet" in call_bad("nothing.parquet", "rows")
    (place / "new.csv").write_text("a\n1\n")
    assert "new.csv: into a folder go the rows of .parquet files alone" in call_bad("rows", "new.csv")
    (place / "empty").mkdir()
    assert "empty: there is no .parquet file" in call_bad("empty")
    assert not (place / "scores").exists()
    said = call("score", "model.safetensors", "rows", "-o", "scores.csv", code=2).err
    assert "scores.csv: several files are written into a folder, as in -o scores/" in said
    for out in ([], ["-o", "-"]):
        assert "-o scores/" in call("score", "model.safetensors", "rows", *out, code=2).err
    assert "--split" in call("score", "model.safetensors", "rows", "-o", "s/", "--split", "test", code=2).err


def test_files_without_rows_have_no_units(place, call):
    frame_of(9, 0).clear().write_parquet("rows/c.parquet")
    call("score", "model.safetensors", "rows", "-o", "scores")
    assert len(polars.read_parquet("scores")) == 630
    said = call("score", "model.safetensors", "rows/c.parquet", "-o", "none/").err
    assert "log p of 0 rows (c.parquet, 0 units): none" in said


def test_a_damaged_row_group_is_named_and_the_others_are_kept(place, call):
    path = place / "rows/a.parquet"
    frame_of(2000, 0).write_parquet(path, row_group_size=500, compression="zstd")
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 200] = b"\xff" * 200
    path.write_bytes(bytes(content))
    said = call("score", "model.safetensors", "rows", "-o", "scores", code=2).err
    line = said.splitlines()[-1]
    assert line.startswith("error: ")
    assert "a.parquet: row group " in line
    assert "damaged" in line
    there = len(list((place / "scores").iterdir()))
    assert line.endswith(f"{there} of 22 units are in scores")


def test_rows_that_cannot_be_read_have_no_score(place, call):
    frame = frame_of(250, 3)
    sizes = frame["size"].to_list()
    sizes[3], sizes[207] = 7, 8
    frame.with_columns(size=polars.Series(sizes)).write_parquet("rows/c.parquet")
    said = call("score", "model.safetensors", "rows", "-o", "scores").err
    assert (
        "2 rows could not be read: the first: c.parquet: row 3, column 0 (size) (counted from 0) holds 7"
        in said
    )
    assert "without a score, see " in said
    own = polars.read_parquet("scores").filter(polars.col("file") == "c.parquet").sort("row")
    assert own["log_prob"].is_null().arg_true().to_list() == [3, 207]
    reasons = [polars.read_csv(file) for file in sorted((place / "scores.rejected").iterdir())]
    assert [own["row"].to_list() for own in reasons] == [[3], [207]]
    polars.DataFrame({"size": [7, 8], "city": ["Bern"] * 2, "sold": [True] * 2}).write_parquet("bad.parquet")
    assert "no row can be read" in call("score", "model.safetensors", "bad.parquet", "-o", "b/", code=2).err


def test_options_of_scores_reach_the_folder(place, call):
    gaps = frame_of(150, 4, gaps=True)
    gaps.with_columns(city=polars.lit("Pisa")).write_parquet("gaps.parquet")
    said = call("score", "model.safetensors", "gaps.parquet", "-o", "scores/", "--per-column").err
    assert "150 entries are labels that no training row had" in said
    assert "gaps.parquet, row 0 (counted from 0), column city, 'Pisa'" in said
    assert "rows have unknown entries, 0 of them were estimated" in said
    assert "city_log_prob" in polars.read_parquet("scores").columns
    said = call("score", "model.safetensors", "gaps.parquet", "-o", "parts/", "--per-variable", code=2).err
    assert "--per-variable needs complete rows" in said


def test_completions_are_keyed_by_file_and_number(place, call, model):
    for seed, name in enumerate("abc"):
        frame = frame_of(150, 0, gaps=True).with_columns(note=polars.lit(seed))
        frame.write_parquet(f"rows/{name}.parquet")
    said = call("complete", "model.safetensors", "rows", "-n", "4", "-o", "filled").err
    found = polars.read_parquet("filled")
    assert found.columns == ["size", "city", "sold", "note", "file", "row"]
    gaps = int(frame["sold"].is_null().sum())
    assert f"3 files: 450 rows, {3 * gaps} unknown entries" in said
    assert f"{3 * gaps} rows exact" in said
    assert found["row"].to_list() == np.tile(np.repeat(np.arange(150), 4), 3).tolist()
    parts = [own["sold"].to_list() for _, own in found.group_by("file", maintain_order=True)]
    known = np.repeat(frame["sold"].is_not_null().to_numpy(), 4)
    for own in parts:  # rows that are the same in all files are drawn anew in each
        assert np.array_equal(np.array(own)[known], np.array(parts[0])[known])
    assert parts[0] != parts[1] != parts[2]
    call("complete", "model.safetensors", "rows/b.parquet", "-n", "4", "-o", "alone/")
    assert polars.read_parquet("alone")["sold"].to_list() == parts[1]
    frame.with_columns(row=1).write_parquet("named.parquet")
    assert (
        "there is a column 'row', and what is written"
        in call("complete", "model.safetensors", "named.parquet", "-o", "x/", code=2).err
    )


def test_samples_in_a_folder_are_those_of_one_file(place, call, monkeypatch):
    monkeypatch.setattr("made.runs.samples._ROWS_PER_PORTION", 1)
    monkeypatch.setattr(made.MADE, "rows_per_batch", 64)
    given = ("--given", "size=2")
    for more in ((), given):
        name = f"d{len(more)}"
        said = call("sample", "model.safetensors", "-n", "200", "--seed", "5", *more, "-o", f"{name}/").err
        assert "200 rows drawn with seed 5, 4 files: " in said
        call("sample", "model.safetensors", "-n", "200", "--seed", "5", *more, "-o", "one.parquet")
        assert polars.read_parquet(name).equals(polars.read_parquet("one.parquet"))
    assert "4 of 4 units" in call("sample", "model.safetensors", "-n", "200", "--seed", "5", "-o", "d0").err
    assert "other options" in call("sample", "model.safetensors", "-n", "200", "-o", "d0", code=2).err


def test_percentiles_are_there_where_the_run_has_them(here, call):
    polars.read_csv("other.csv").write_parquet("other.parquet")
    call("score", "run", "other.parquet", "-o", "scores/")
    found = polars.read_parquet("scores")
    call("score", "run", "other.parquet", "-o", "one.parquet")
    assert found["percentile"].to_list() == polars.read_parquet("one.parquet")["percentile"].to_list()
    assert json.loads((here / "run/held_out.json").read_text())["n_rows"] == 12
