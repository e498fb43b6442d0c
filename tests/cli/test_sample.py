"""``made sample``: rows drawn from a trained model, alone, with values given and with context."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from PIL import Image

import made


def test_sample_csv_brings_labels_back(here, call, parse):
    assert call("sample", "run", "-n", "50", "--seed", "3", "-o", "new.csv").out == ""
    text = (here / "new.csv").read_text()
    header, values = parse(text)
    assert header == ["sex", "kind", "size"]
    assert values.shape == (50, 3)
    assert set(values[:, 2]) <= {10, 20, 40}
    model = made.load("run/model.safetensors")
    np.testing.assert_array_equal(values, model.sample(50, seed=3))
    assert call("sample", "run", "-n", "50", "--seed", "3").out == text
    assert call("sample", "run", "-n", "50", "--seed", "4").out != text
    assert call("sample", "run", "-n", "20", "--seed", "3").out == "".join(text.splitlines(True)[:21])


def test_sample_npy(here, call):
    result = call("sample", "pictures", "-n", "12", "--seed", "5", "-o", "new.npy")
    assert "12 rows drawn with seed 5: new.npy" in result.err
    rows = np.load("new.npy")
    assert rows.dtype == np.uint8
    np.testing.assert_array_equal(rows, made.load("pictures/model.safetensors").sample(12, seed=5))


@pytest.mark.parametrize("run", ["run", "pictures", "run/model.safetensors"])
def test_sample_png(here, call, run):
    call("sample", run, "-n", "9", "-o", "new.png")
    with Image.open("new.png") as image:
        assert image.format == "PNG"
        assert min(image.size) > 50


def test_sample_without_names(here, call):
    assert call("sample", "pictures", "-n", "1").out.splitlines()[0] == ",".join(f"x{i}" for i in range(12))


def test_sample_none(here, call):
    call("sample", "run", "-n", "0", "-o", "new.csv")
    assert (here / "new.csv").read_text() == "sex,kind,size\n"
    call("sample", "run", "-n", "0", "-o", "new.npy")
    assert np.load("new.npy").shape == (0, 3)


def test_sample_in_portions_is_the_same(here, call, monkeypatch):
    files = ("new.csv", "new.npy")

    def draw():
        for name in files:
            call("sample", "pictures", "-n", "25", "-o", name)
        return [call("sample", "pictures", "-n", "25").out, *((here / name).read_bytes() for name in files)]

    whole = draw()
    monkeypatch.setattr("made.runs.samples.rows_per_portion", lambda model: 7)
    assert draw() == whole
    assert whole[1].decode() == whole[0]


GIVEN = {
    "size=20": {2: 20},
    "2=20,sex=1": {2: 20, 0: 1},
    " kind = 2 , size=40 ": {1: 2, 2: 40},
    "sex=1,sex=1": {0: 1},
    "sex=0,kind=1,size=10": {0: 0, 1: 1, 2: 10},
}


@pytest.mark.parametrize("text", GIVEN)
def test_sample_given(here, call, text, parse):
    result = call("sample", "run", "-n", "40", "--seed", "3", "--given", text)
    header, rows = parse(result.out)
    assert header == ["sex", "kind", "size"]
    model = made.load("run/model.safetensors")
    np.testing.assert_array_equal(rows, model.sample(40, seed=3, given=GIVEN[text]))
    for variable, value in GIVEN[text].items():
        assert (rows[:, variable] == value).all()
    assert result.err == f"drawn given {text}; {how(model, GIVEN[text])}\n"


def how(model, given):
    row = [given.get(d) for d in range(model.n_variables)]
    return made.marginal(model, [row]).how[0]


def test_sample_given_says_how(here, call):
    assert "exact: what is given comes first" in call("sample", "run", "--given", "sex=1").err
    result = call("sample", "run", "--given", "size=10", "-o", "new.npy")
    assert result.err.splitlines()[0] == "100 rows drawn with seed 0: new.npy"
    assert "exact: summed over all states" in result.err
    assert (np.load("new.npy")[:, 2] == 10).all()


def test_sample_with_context(here, call, parse):
    result = call("sample", "conditional", "-n", "30", "--seed", "2", "--context", "kind=2")
    header, rows = parse(result.out)
    assert header == ["sex", "size"]
    model = made.load("conditional/model.safetensors")
    np.testing.assert_array_equal(rows, model.sample(30, seed=2, context=[2]))
    assert result.err == ""
    other = call("sample", "conditional", "-n", "30", "--seed", "2", "--context", "0=0").out
    np.testing.assert_array_equal(parse(other)[1], model.sample(30, seed=2, context=[0]))
    assert other != result.out


def test_sample_with_context_and_given(here, call, parse):
    result = call("sample", "conditional", "-n", "30", "--context", "kind=1", "--given", "size=40")
    model = made.load("conditional/model.safetensors")
    expected = model.sample(30, seed=0, context=[1], given={1: 40})
    np.testing.assert_array_equal(parse(result.out)[1], expected)


@pytest.mark.filterwarnings("default")
def test_warnings_are_one_line(here, call, monkeypatch):
    own = made.MADE.sample

    def sample(model, *args, **kwargs):
        warnings.warn("few\ndraws", made.PoorEstimateWarning, stacklevel=2)
        return own(model, *args, **kwargs)

    monkeypatch.setattr(made.MADE, "sample", sample)
    assert call("sample", "run", "-n", "1").err == "warning: few draws\n"


def test_interrupted_sample_leaves_the_earlier_file(here, call, snapshot, monkeypatch):
    (here / "new.npy").write_bytes(b"earlier")
    before, own = snapshot(here), made.MADE.sample

    def sample(model, n, seed=None, *, first=0, output=None):
        if first:
            raise KeyboardInterrupt
        return own(model, n, seed, first=first, output=output)

    monkeypatch.setattr("made.runs.samples.rows_per_portion", lambda model: 7)
    monkeypatch.setattr(made.MADE, "sample", sample)
    assert call("sample", "pictures", "-n", "25", "-o", "new.npy", code=130).out == ""
    assert snapshot(here) == before


def test_a_picture_of_too_many_rows_is_refused(here, call, monkeypatch):
    monkeypatch.setattr("made.cli.sample._ROWS_PER_PICTURE", 9)
    call("sample", "pictures", "-n", "9", "-o", "new.png")
    result = call("sample", "pictures", "-n", "10", "-o", "more.png", code=2)
    assert result.err.startswith("error: a picture shows at least one row and at most 9, not 10")
    assert not (here / "more.png").exists()


@pytest.mark.parametrize("where", ["kind <= sex", "sex + kind == 2"])
def test_sample_under_a_condition_between_columns(here, call, parse, where):
    result = call("sample", "run", "-n", "40", "--where", where, "-o", "drawn.csv")
    names, rows = parse((here / "drawn.csv").read_text())
    sex, kind = (rows[:, names.index(name)] for name in ("sex", "kind"))
    assert (kind <= sex if "<=" in where else sex + kind == 2).all()
    assert len(rows) == 40
    assert f"drawn given {where}; exact: drawn until they meet what is between columns" in result.err
    assert "40 rows kept of" in result.err
    assert f"% meet {where}" in result.err
    expected = made.load("run/model.safetensors").sample(40, seed=0, where=[where])
    assert (rows == np.asarray(expected, dtype=float)).all()


def test_conditions_of_both_kinds_and_values(here, call, parse):
    options = ("--where", "kind <= sex", "--where", "kind in {1, 2}", "--given", "size=20")
    result = call("sample", "run", "-n", "10", *options)
    names, rows = parse(result.out)
    assert (rows[:, names.index("size")] == 20).all()
    assert (rows[:, names.index("kind")] == 1).all()
    assert (rows[:, names.index("sex")] == 1).all()
    assert "10 rows kept of" in result.err


def test_conditions_between_columns_in_files_of_a_folder(here, call):
    import polars

    call("sample", "run", "-n", "30", "--where", "kind <= sex", "-o", "drawn/")
    rows = polars.read_parquet("drawn/*.parquet")
    assert len(rows) == 30
    assert (rows["kind"] <= rows["sex"]).all()


def test_too_few_rows_that_meet_a_condition(here, call):
    refusal = call("sample", "run", "-n", "5", "--where", "sex + kind == size", code=2).err
    assert refusal.startswith("error: too few rows meet 'sex + kind == size': ")
    assert refusal.count("\n") == 1
