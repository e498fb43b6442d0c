"""``made complete``: unknown entries are filled, known ones stay, and it says how the answers were found."""

from __future__ import annotations

import csv
import io

import numpy as np
import polars
import pytest
from PIL import Image

import made

INCOMPLETE = "sex,kind,size\n0,,10\n?,1,NA\n1,2,40\n,nan,20\n"
# The same rows.
ROWS = [[0, None, 10], [None, 1, None], [1, 2, 40], [None, None, 20]]


@pytest.fixture
def incomplete(here):
    """The template's folder, with a file of incomplete rows."""
    (here / "incomplete.csv").write_text(INCOMPLETE)
    return here


@pytest.fixture
def wide(here, randomize):
    """A model file with more states than are summed over, and rows that know its last variable alone."""
    randomize(made.MADE(made.Bernoulli(14), (8,)), scale=2.0).save(here / "wide.safetensors")
    (here / "last.csv").write_text(f"{'?,' * 13}1\n" * 3)
    return here / "wide.safetensors"


def parse(text):
    header, *lines = list(csv.reader(io.StringIO(text)))
    return header, np.array(lines, dtype=float).reshape(-1, len(header))


def values(model, rows):
    return model.schema.decode(np.asarray(rows).reshape(-1, model.n_variables))


def test_unknown_entries_are_filled_and_labels_come_back(incomplete, call):
    result = call("complete", "run", "incomplete.csv", "--seed", "3")
    header, found = parse(result.out)
    assert header == ["sex", "kind", "size"]
    model = made.load("run/model.safetensors")
    np.testing.assert_array_equal(found, values(model, made.complete(model, ROWS, seed=3).codes))
    known = np.array([[0, np.nan, 10], [np.nan, 1, np.nan], [1, 2, 40], [np.nan, np.nan, 20]])
    np.testing.assert_array_equal(np.where(np.isnan(known), np.nan, found), known)
    assert set(found[:, 2]) <= {10, 20, 40}


def test_it_says_what_they_are_and_how_they_were_found(incomplete, call):
    said = call("complete", "run", "incomplete.csv").err.splitlines()
    assert (
        said[0] == "incomplete.csv: 4 rows, 5 unknown entries; drawn from the conditional joint distribution"
    )
    # The other row is known: nothing of it was asked for.
    assert said[1:] == ["  3 rows exact: summed over all states of what is unknown"]


def test_files_hold_what_the_screen_shows(incomplete, call):
    shown = call("complete", "run", "incomplete.csv").out
    result = call("complete", "run", "incomplete.csv", "-o", "filled.csv")
    assert result.out == ""
    assert result.err.splitlines()[0].endswith(": filled.csv")
    assert (incomplete / "filled.csv").read_text() == shown
    call("complete", "run", "incomplete.csv", "-o", "filled.npy")
    np.testing.assert_array_equal(np.load("filled.npy"), parse(shown)[1])
    call("complete", "run", "incomplete.csv", "-o", "filled.parquet")
    found = polars.read_parquet("filled.parquet")
    assert found.columns == parse(shown)[0]
    np.testing.assert_array_equal(found.to_numpy(), parse(shown)[1])


def test_rows_of_a_table_are_completed(incomplete, call):
    rows = polars.read_csv("incomplete.csv", null_values=["?", "NA", "nan", "none", "null", "None", "NaN"])
    rows.write_parquet("incomplete.parquet")
    assert call("complete", "run", "incomplete.parquet").out == call("complete", "run", "incomplete.csv").out


def test_several_of_each_row(incomplete, call):
    result = call("complete", "run", "incomplete.csv", "-n", "3")
    model = made.load("run/model.safetensors")
    expected = made.complete(model, ROWS, number=3, seed=0).codes
    np.testing.assert_array_equal(parse(result.out)[1], values(model, expected))
    assert "3 of each row" in result.err
    assert (expected != expected[:, :1]).any()
    call("complete", "run", "incomplete.csv", "-n", "3", "-o", "filled.npy")
    assert np.load("filled.npy").shape == (12, 3)


def test_none_of_each_row(incomplete, call):
    assert call("complete", "run", "incomplete.csv", "-n", "0").out == "sex,kind,size\n"
    call("complete", "run", "incomplete.csv", "-n", "0", "-o", "filled.npy")
    assert np.load("filled.npy").shape == (0, 3)


@pytest.mark.parametrize(("kind", "words"), [("variable", "each variable alone"), ("joint", "as a whole")])
def test_kinds(incomplete, call, kind, words):
    result = call("complete", "run", "incomplete.csv", "--kind", kind)
    model = made.load("run/model.safetensors")
    expected = values(model, made.complete(model, ROWS, kind).codes)
    np.testing.assert_array_equal(parse(result.out)[1], expected)
    assert f"the most probable {'completion' if kind == 'joint' else 'value'}" in result.err
    assert words in result.err


def test_complete_rows_come_back(here, call):
    result = call("complete", "run", "other.csv")
    assert result.out == (here / "other.csv").read_text()
    assert "60 rows, 0 unknown entries" in result.err


def test_rows_of_nothing_known_are_samples_of_the_model(here, call):
    (here / "nothing.csv").write_text("sex,kind,size\n,,\n,,\n")
    _, found = parse(call("complete", "run", "nothing.csv", "-n", "400").out)
    drawn = np.loadtxt(io.StringIO(call("sample", "run", "-n", "800").out), delimiter=",", skiprows=1)
    assert (abs(found.mean(axis=0) - drawn.mean(axis=0)) < 5 * drawn.std(axis=0) / 800**0.5).all()


def test_settings_of_an_estimate(wide, call):
    result = call("complete", wide, "last.csv", "--particles", "7", "--seed", "5")
    model = made.load(wide)
    with pytest.warns(made.PoorEstimateWarning):
        expected = made.complete(model, [[None] * 13 + [1]] * 3, particles=7, seed=5)
    header, found = parse(result.out)
    assert header == [f"x{i}" for i in range(14)]
    np.testing.assert_array_equal(found, expected.rows)
    *_, how, warning = result.err.splitlines()
    assert how == (
        "  3 rows estimated: weighted completions, of which each entry was redrawn given all others"
    )
    assert warning.startswith("  3 of the estimates rest on few effective particles")
    assert f"{expected.ess.min():.1f} at the worst: raise --particles" in warning
    exact = call("complete", wide, "last.csv", "--max-states", "8192", "--method", "exact")
    assert "3 rows exact: summed over" in exact.err
    assert "effective" not in exact.err


def test_exact_is_refused(wide, call):
    result = call("complete", wide, "last.csv", "--method", "exact", code=2)
    assert result.out == ""
    assert result.err.startswith("error: row 0 has no exact answer: 13 unknown variables")


@pytest.mark.usefixtures("no_pictures")
def test_given_first_is_called_what_it_is(incomplete, call, tiny):
    call("fit", "rows.csv", "-o", "fresh", "--orderings", "fresh", *tiny)
    result = call("complete", "fresh", "incomplete.csv", "--method", "given-first")
    model = made.load("fresh/model.safetensors")
    expected = made.complete(model, ROWS, method="given-first").codes
    np.testing.assert_array_equal(parse(result.out)[1], values(model, expected))
    assert "4 rows exact under orderings with the given variables first" in result.err
    assert "not the model's own mixture" in result.err


def test_portions_change_nothing(here, call, monkeypatch):
    rows = np.loadtxt("rows.csv", delimiter=",", skiprows=1, dtype=str)
    rows[np.random.default_rng(0).random(rows.shape) < 0.4] = "?"
    text = "sex,kind,size\n" + "".join(",".join(row) + "\n" for row in rows)
    (here / "incomplete.csv").write_text(text)
    whole = call("complete", "run", "incomplete.csv", "-n", "2").out
    monkeypatch.setattr("made.runs.completer._MOST_AT_ONCE", 1)
    monkeypatch.setattr("made.data.portions.ROWS", 7)
    assert call("complete", "run", "incomplete.csv", "-n", "2").out == whole
    assert len(whole.splitlines()) == 121


def test_progress_is_on_standard_error(incomplete, call, monkeypatch):
    monkeypatch.setattr("made.support.progress._SECONDS_BETWEEN_LINES", 0.0)
    result = call("complete", "run", "incomplete.csv")
    assert "completing: 1 of 4 rows" in result.err
    assert "completing" not in result.out


HALVES = {
    "top": [1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0],
    "bottom": [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1],
    "left": [1, 1, 0, 0] * 3,
    "right": [0, 0, 1, 1] * 3,
}


@pytest.mark.parametrize(("half", "known"), HALVES.items())
def test_half_of_held_out_images(here, call, half, known):
    result = call("complete", "pictures", "--half", half, "-n", "5")
    images = made.data.load("images.npy").test
    picked = images[np.random.default_rng(0).permutation(len(images))[:8]]
    found = parse(result.out)[1].reshape(len(picked), 5, 12)
    known = np.array(known, dtype=bool)
    np.testing.assert_array_equal(found[:, :, known], np.repeat(picked[:, None, known], 5, axis=1))
    assert (found[:, :, ~known] != picked[:, None, ~known]).any()
    unknown = (~known).sum() * len(picked)
    assert f"4 test images of images, {half} half given: 4 rows, {unknown} unknown entries" in result.err
    assert call("complete", "pictures", "--half", half, "-n", "5", "--seed", "1").out != result.out


@pytest.mark.parametrize("options", [(), ("-n", "1"), ("--kind", "variable"), ("--kind", "joint")])
def test_pictures(here, call, options):
    result = call("complete", "pictures", "--half", "left", "-o", "filled.png", *options)
    assert result.out == ""
    assert ("6 of each row" in result.err) == (options == ())
    with Image.open("filled.png") as image:
        assert image.format == "PNG"
        # given, completions and truth side by side, four images down
        assert (image.width > 2 * image.height) == (options == ())


def test_a_picture_completes_no_more_than_it_shows(here, call):
    images = np.load("images.npy").reshape(40, 12).astype(float)
    images[:, 5] = np.nan
    np.save("incomplete.npy", images)
    assert (
        "incomplete.npy: 8 rows, 8 unknown entries"
        in call("complete", "pictures", "incomplete.npy", "-o", "filled.png").err
    )
    assert (here / "filled.png").stat().st_size > 1000


def test_context_is_read_from_the_file(here, call):
    (here / "incomplete.csv").write_text("sex,kind,size\n,0,\n1,2,\n,1,20\n")
    header, found = parse(call("complete", "conditional", "incomplete.csv", "-n", "4").out)
    model = made.load("conditional/model.safetensors")
    rows = [[None, None], [1, None], [None, 20]]
    expected = made.complete(model, rows, number=4, context=[[0], [2], [1]]).codes
    assert header == ["sex", "kind", "size"]  # context is passed on
    np.testing.assert_array_equal(found[:, [0, 2]], values(model, expected))
    assert [float(kind) for kind in found[:, 1]] == [0] * 4 + [2] * 4 + [1] * 4


def test_a_model_file_without_its_run(incomplete, call):
    by_file = call("complete", "run/model.safetensors", "incomplete.csv").out
    (incomplete / "run" / "model.safetensors").rename(incomplete / "mine.safetensors")
    assert call("complete", "mine.safetensors", "incomplete.csv").out == by_file
    assert parse(by_file)[0] == ["sex", "kind", "size"]  # the file knows its columns


def test_means_have_intervals_beside_them(here, call):
    rows = np.random.default_rng(0).normal(size=(200, 2))
    kinds = np.random.default_rng(1).choice(["car", "ship"], 200)
    lines = [f"{a:.6f},{kind},{a + b:.2f}" for (a, b), kind in zip(rows, kinds, strict=True)]
    (here / "mixed.csv").write_text("\n".join(["a,kind,b", *lines]) + "\n")
    call("fit", "mixed.csv", "-o", "mixed", "--epochs", "2", "--hidden", "4", "--quiet")
    (here / "gaps.csv").write_text("b,kind,a\n,car,0.5\n1.5,,\n0.25,ship,0.5\n")
    result = call("complete", "mixed", "gaps.csv", "--kind", "mean", "-o", "filled.parquet")
    assert "the mean of numbers" in result.err
    table = polars.read_parquet("filled.parquet")
    assert table.columns == ["b", "kind", "a", "a_low", "a_high", "b_low", "b_high"]
    assert table["a"].to_list()[0::2] == [0.5, 0.5]
    assert table["a_low"].is_null().to_list() == [True, False, True]
    assert table["b_low"].is_null().to_list() == [False, True, True]
    assert table["b_low"][0] < table["b"][0] < table["b_high"][0]
    call("complete", "mixed", "gaps.csv", "--kind", "mean", "--level", "0.5", "-o", "narrow.csv")
    narrow = polars.read_csv("narrow.csv")
    assert narrow.columns == table.columns
    assert table["b_low"][0] < narrow["b_low"][0] < narrow["b_high"][0] < table["b_high"][0]
    assert (here / "narrow.csv").read_text() == call(
        "complete", "mixed", "gaps.csv", "--kind", "mean", "--level", "0.5"
    ).out


def test_a_column_that_has_the_name_of_an_interval_is_refused(here, call):
    rows = np.random.default_rng(0).normal(size=(200, 2))
    (here / "pairs.csv").write_text("a,b\n" + "\n".join(f"{a:.4f},{a + b:.4f}" for a, b in rows) + "\n")
    call("fit", "pairs.csv", "-o", "pairs", "--epochs", "2", "--hidden", "4", "--quiet")
    (here / "gaps.csv").write_text("id,b,a_low,a\n1,0.5,x,\n2,,y,0.1\n")
    for out in ("filled.csv", "filled.parquet"):
        said = call("complete", "pairs", "gaps.csv", "--kind", "mean", "-o", out, code=2).err
        assert "gaps.csv: there is a column 'a_low', and what is written beside it has that name too" in said
        assert not (here / out).exists()
    lines = call("complete", "pairs", "gaps.csv").out.splitlines()
    assert lines[0] == "id,b,a_low,a"
    assert [line.split(",")[2] for line in lines[1:]] == ["x", "y"]


def test_intervals_belong_to_means(here, call):
    for options, words in (
        (("--level", "0.5"), "--kind draw has none"),
        (("--kind", "mean", "-o", "x.npy"), "write .csv or .parquet"),
        (("--kind", "mean", "--level", "2"), "level is the share of an interval"),
    ):
        (here / "gaps.csv").write_text("sex,kind,size\n0,,10\n")
        result = call("complete", "run", "gaps.csv", *options, code=2)
        assert words in result.err
        assert result.err.count("\n") == 1
