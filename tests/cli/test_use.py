"""``made evaluate``, ``sample``, ``score``, ``show`` and ``summary``: what they say about a trained model."""

from __future__ import annotations

import csv
import io
import json
import math
import warnings

import numpy as np
import polars
import pytest
from PIL import Image

import made
from made.data.suffixes import SUFFIXES


def parse(text):
    header, *lines = list(csv.reader(io.StringIO(text)))
    return header, np.array(lines, dtype=float)


# evaluate


@pytest.mark.parametrize("split", [None, "train", "valid", "test"])
def test_evaluate_json(here, call, template, split):
    result = call("evaluate", "run", "--json", *(() if split is None else ("--split", split)))
    assert result.err == ""
    assert result.out.count("\n") == 1
    figures = json.loads(result.out)
    assert {"nll", "nll_se", "bits_per_dim", "n", "split"} <= set(figures)
    dataset = made.data.load(template / "rows.csv")
    nll = -made.load("run/model.safetensors").log_prob(dataset.splits[split or "test"]).numpy()
    assert figures["split"] == (split or "test")
    assert figures["n"] == len(nll) == (48 if split == "train" else 6)
    assert figures["nll"] == pytest.approx(nll.mean(), abs=1e-9)
    assert figures["nll_se"] == pytest.approx(nll.std(ddof=1) / math.sqrt(len(nll)), abs=1e-9)
    assert figures["bits_per_dim"] == pytest.approx(nll.mean() / (3 * math.log(2)), abs=1e-9)


def test_evaluate_table_shows_the_baselines(here, call):
    results = json.loads((here / "run" / "results.json").read_text())
    out = call("evaluate", "run").out
    assert f"{results['model']['test']['nll']:.3f}" in out
    for name, by_split in results["baselines"].items():
        assert f"{by_split['test']['nll']:.3f}" in next(line for line in out.splitlines() if name in line)


def test_evaluate_other_rows(here, call):
    figures = json.loads(call("evaluate", "run", "other.csv", "--json").out)
    assert (figures["split"], figures["n"], figures["data"]) == ("all", 60, "other.csv")
    assert json.loads(call("evaluate", "run", "other.csv", "--split", "test", "--json").out)["n"] == 6


def test_evaluate_a_model_file(here, call):
    by_file = json.loads(call("evaluate", "run/model.safetensors", "other.csv", "--json").out)
    by_run = json.loads(call("evaluate", "run", "other.csv", "--json").out)
    for name in ("nll", "nll_se", "bits_per_dim", "n", "split"):
        assert by_file[name] == by_run[name]


def test_evaluate_one_row(here, call, tiny):
    """A test set of one row has no standard error, and is evaluated all the same."""
    np.save(here / "few.npy", np.eye(6, dtype=np.uint8))
    call("fit", "few.npy", "-o", "new", *tiny)
    assert json.loads(call("evaluate", "new", "--json").out)["nll_se"] is None
    assert "this model" in call("evaluate", "new").out


# evaluate --masks


@pytest.fixture
def fresh(here, call, tiny):
    """A run with fresh orderings, on the rows of the template."""
    call("fit", "rows.csv", "-o", "fresh", "--orderings", "fresh", *tiny)
    return here / "fresh"


def picture_at(path):
    with Image.open(path) as image:
        return image.format == "PNG" and min(image.size) > 300


@pytest.mark.usefixtures("no_pictures", "fresh")
def test_evaluate_masks_json(here, call):
    result = call("evaluate", "fresh", "--masks", "1,2,...,20", "--json")
    assert result.out.count("\n") == 1
    figures = json.loads(result.out)
    assert [entry["masks"] for entry in figures["masks_averaged"]] == [1, 2, 4, 8, 16, 20]
    model, rows = made.load("fresh/model.safetensors"), made.data.load("rows.csv").test
    for entry in figures["masks_averaged"]:
        nll = -float(model.log_prob(rows, mask=range(entry["masks"])).mean())
        assert entry["mixture"]["nll"] == pytest.approx(nll, abs=1e-9)
        assert entry["mixture"]["bits_per_dim"] == pytest.approx(nll / (3 * math.log(2)), abs=1e-9)
    last = figures["masks_averaged"][-1]
    assert last["mixture"] != last["logits_averaged"]
    assert figures["logits_averaged_is"] == "not a distribution"
    assert (figures["n"], figures["split"]) == (6, "test")
    assert figures["picture"] == "fresh/masks_averaged.png"
    assert result.err == "picture: fresh/masks_averaged.png\n"
    assert picture_at(here / "fresh" / "masks_averaged.png")


@pytest.mark.usefixtures("no_pictures", "fresh")
def test_evaluate_masks_table(here, call):
    result = call("evaluate", "fresh", "--masks", "4, 1", "-o", "mine.png")
    figures = json.loads(call("evaluate", "fresh", "--masks", "1,4", "--json", "-o", "mine.png").out)
    lines = [line.split() for line in result.out.splitlines()]
    for entry in figures["masks_averaged"]:
        (found,) = [words for words in lines if words and words[0] == str(entry["masks"])]
        expected = []
        for kind in ("mixture", "logits_averaged"):
            values = entry[kind]
            expected += [f"{values['nll']:.3f}", "±", f"{values['nll_se']:.3f}"]
            expected += [f"{values['bits_per_dim']:.4f}"]
        assert found[1:] == expected
    assert "logits averaged: not a distribution" in result.out
    assert "no log-probabilities" in result.out
    assert picture_at(here / "mine.png")
    assert not (here / "fresh" / "masks_averaged.png").exists()


@pytest.mark.usefixtures("no_pictures")
def test_evaluate_masks_of_one_ordering(here, call, tiny):
    call("fit", "rows.csv", "-o", "new", "--connectivities", "3", *tiny)
    out = call("evaluate", "new", "--masks", "1,3").out
    assert "logits averaged: a distribution, not the mixture" in out
    assert "no log-probabilities" not in out
    result = call("evaluate", "new", "--masks", "4", code=2)
    for words in ("4 masks", "mixture of 3 masks", "at most 3"):
        assert words in result.err


@pytest.mark.usefixtures("no_pictures", "fresh")
def test_evaluate_masks_of_other_rows_and_of_a_model_file(here, call):
    figures = json.loads(call("evaluate", "fresh", "other.csv", "--masks", "2", "--json").out)
    assert (figures["n"], figures["split"], figures["data"]) == (60, "all", "other.csv")
    options = ("--masks", "2", "--split", "train", "--device", "cpu", "--json")
    assert json.loads(call("evaluate", "fresh", *options).out)["n"] == 48
    (here / "fresh" / "model.safetensors").rename(here / "mine.safetensors")
    assert json.loads(call("evaluate", "mine.safetensors", "other.csv", "--masks", "2", "--json").out) == {
        **figures,
        "picture": "mine_masks_averaged.png",
    }
    assert picture_at(here / "mine_masks_averaged.png")


def test_evaluate_one_mask_of_one(here, call):
    figures = json.loads(call("evaluate", "run", "--masks", "1", "--json").out)
    plain = json.loads(call("evaluate", "run", "--json").out)
    (entry,) = figures["masks_averaged"]
    assert entry["mixture"] == entry["logits_averaged"]
    assert entry["mixture"]["nll"] == pytest.approx(plain["nll"], abs=1e-9)


# sample


def test_sample_csv_brings_labels_back(here, call):
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


def test_samples_are_understood_by_score(here, call):
    for name in ("new.csv", "new.npy"):
        call("sample", "run", "-n", "30", "-o", name)
        header, values = parse(call("score", "run", name).out)
        assert header == ["log_prob"]
        model = made.load("run/model.safetensors")
        expected = model.log_prob(model.sample(30, seed=0)).numpy()
        np.testing.assert_allclose(values[:, 0], expected, rtol=1e-8)


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


# sample --given, --context


GIVEN = {
    "size=20": {2: 20},
    "2=20,sex=1": {2: 20, 0: 1},
    " kind = 2 , size=40 ": {1: 2, 2: 40},
    "sex=1,sex=1": {0: 1},
    "sex=0,kind=1,size=10": {0: 0, 1: 1, 2: 10},
}


@pytest.mark.parametrize("text", GIVEN)
def test_sample_given(here, call, text):
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


@pytest.mark.parametrize("text", ["", " , "])
def test_sample_given_nothing(here, call, text):
    assert call("sample", "run", "-n", "9", "--given", text) == call("sample", "run", "-n", "9")


def test_sample_with_context(here, call):
    result = call("sample", "conditional", "-n", "30", "--seed", "2", "--context", "kind=2")
    header, rows = parse(result.out)
    assert header == ["sex", "size"]
    model = made.load("conditional/model.safetensors")
    np.testing.assert_array_equal(rows, model.sample(30, seed=2, context=[2]))
    assert result.err == ""
    other = call("sample", "conditional", "-n", "30", "--seed", "2", "--context", "0=0").out
    np.testing.assert_array_equal(parse(other)[1], model.sample(30, seed=2, context=[0]))
    assert other != result.out


def test_sample_with_context_and_given(here, call):
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

    def sample(model, n, seed=None, *, first=0):
        if first:
            raise KeyboardInterrupt
        return own(model, n, seed, first=first)

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


# score


def test_score(here, call):
    result = call("score", "run", "other.csv", "-o", "scores.csv")
    assert result.out == ""
    text = (here / "scores.csv").read_text()
    header, values = parse(text)
    assert header == ["log_prob"]
    model = made.load("run/model.safetensors")
    rows = np.loadtxt("other.csv", delimiter=",", skiprows=1, dtype=int)
    np.testing.assert_allclose(values[:, 0], model.log_prob(rows).numpy(), rtol=1e-8)
    assert len(text.splitlines()) == 61
    assert call("score", "run", "other.csv").out == text


def test_score_per_variable(here, call):
    header, values = parse(call("score", "run", "other.csv", "--per-variable").out)
    assert header == ["log_prob", "sex", "kind", "size"]
    assert values.shape == (60, 4)
    np.testing.assert_allclose(values[:, 1:].sum(axis=1), values[:, 0], rtol=1e-6)
    header, _ = parse(call("score", "pictures", "images.npy", "--per-variable", "--split", "all").out)
    assert header == ["log_prob", *(f"x{i}" for i in range(12))]


HOLES = [[0, None, 10], [None, 1, None], [1, 2, 40], [None, None, None]]


def test_score_of_incomplete_rows(here, call):
    (here / "holes.csv").write_text("sex,kind,size\n0,,10\n?,1,NA\n1,2,40\n,none,null\n")
    result = call("score", "run", "holes.csv")
    header, found = parse(result.out)
    assert header == ["log_prob", "standard_error"]
    model = made.load("run/model.safetensors")
    np.testing.assert_allclose(found[:, 0], made.marginal(model, HOLES).log_prob, rtol=1e-8)
    assert found[2, 0] == pytest.approx(float(model.log_prob([[1, 2, 40]])[0]))
    assert found[3, 0] == pytest.approx(0, abs=1e-9)
    assert (found[:, 1] == 0).all()
    assert "what is known in 4 rows (holes.csv), 0 of them estimated" in result.err
    assert call("score", "run", "holes.csv", "-o", "scores.csv").out == ""
    assert (here / "scores.csv").read_text() == result.out


def test_score_of_estimated_rows(here, call, randomize, monkeypatch):
    model = randomize(made.MADE(made.Bernoulli(14), (8,)), scale=2.0)
    model.save(here / "wide.safetensors")
    (here / "holes.csv").write_text(f"{'?,' * 13}1\n" * 3)
    result = call("score", "wide.safetensors", "holes.csv", "--particles", "20")
    with pytest.warns(made.PoorEstimateWarning):
        expected = made.marginal(model, [[None] * 13 + [1]] * 3, particles=20)
    table = np.stack([expected.log_prob, expected.error], axis=1)
    np.testing.assert_allclose(parse(result.out)[1], table, rtol=1e-6)
    assert (expected.error > 0).all()
    first, second = result.err.splitlines()[-2:]  # on a slow machine, lines of progress come before
    assert first.endswith("3 rows (holes.csv), 3 of them estimated")
    assert second.startswith("  3 of the estimates rest on few effective particles")
    assert second.endswith("raise --particles")
    assert "few" not in call("score", "wide.safetensors", "holes.csv", "--particles", "500").err
    monkeypatch.setattr("made.support.progress._SECONDS_BETWEEN_LINES", 0.0)
    assert "scoring: 1 of 3 rows" in call("score", "wide.safetensors", "holes.csv").err


def test_score_with_context(here, call):
    model = made.load("conditional/model.safetensors")
    rows = np.loadtxt("other.csv", delimiter=",", skiprows=1, dtype=int)
    values = rows[:, [0, 2]]
    _, found = parse(call("score", "conditional", "other.csv").out)
    np.testing.assert_allclose(found[:, 0], model.log_prob(values, context=rows[:, [1]]).numpy(), rtol=1e-8)
    (here / "holes.csv").write_text("sex,kind,size\n,1,20\n1,2,\n")
    _, found = parse(call("score", "conditional", "holes.csv").out)
    expected = made.marginal(model, [[None, 20], [1, None]], context=[[1], [2]]).log_prob
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-8)


def test_show_of_a_conditional_model(here, call):
    listed = call("show", "conditional").out.split()
    names = {path.rsplit("/")[-1] for path in listed}
    assert names == {"masks.png", "network.png", "samples.png"}


def test_summary_of_a_conditional_model(here, call):
    assert "hidden 1" in call("summary", "conditional").out


def test_evaluate_with_context(here, call):
    model = made.load("conditional/model.safetensors")
    own = made.data.load("rows.csv").with_context(["kind"])
    figures = json.loads(call("evaluate", "conditional", "--json").out)
    nll = -model.log_prob(own.test, context=own.context["test"]).mean().item()
    assert figures["nll"] == pytest.approx(nll, abs=1e-9)


def test_per_variable_of_a_mixture_is_that_of_its_first_mask(here, call, tiny):
    call("fit", "rows.csv", "-o", "new", "--orderings", "2", *tiny)
    result = call("score", "new", "other.csv", "--per-variable")
    assert "mixture of 2 masks" in result.err
    assert "mask 0" in result.err
    model = made.load("new/model.safetensors")
    rows = np.loadtxt("other.csv", delimiter=",", skiprows=1, dtype=int)
    _, values = parse(result.out)
    np.testing.assert_allclose(values[:, 0], model.log_prob(rows).numpy(), rtol=1e-8)
    np.testing.assert_allclose(values[:, 1:].sum(axis=1), model.log_prob(rows, mask=0).numpy(), rtol=1e-6)


# show, summary, data


def test_show(here, call):
    listed = call("show", "pictures").out.split()
    assert {path.rsplit("/")[-1] for path in listed} == {
        "masks.png",
        "network.png",
        "predecessors.png",
        "samples.png",
        "surprise.png",
    }
    for path in listed:
        with Image.open(path) as image:
            assert image.format == "PNG"
    listed = call("show", "run", "-o", "elsewhere").out.split()
    assert {str(path.relative_to(here)) for path in (here / "elsewhere").iterdir()} == set(listed)


def test_show_worked_example(here, call):
    listed = call("show", "--worked-example", "-o", "figures").out.split()
    assert len(listed) == 4
    assert all((here / path).stat().st_size > 1000 for path in listed)


def test_summary(here, call):
    out = call("summary", "run").out
    assert out.strip() == str(made.load("run/model.safetensors").summary()).strip()
    assert "hidden 1" in out
    assert "active" in out


def test_data_lists_names(here, call):
    out = call("data").out
    for name in ("digits", "binarized_mnist", "dna", "mushrooms", "nltcs", "two_dim"):
        assert any(line.startswith(name) for line in out.splitlines())
    assert "not" not in next(line for line in out.splitlines() if line.startswith("digits"))


def test_data_describes(here, call):
    out = call("data", "digits").out
    assert "64 variables of 2 classes" in out
    assert "1,437 train, 180 valid, 180 test rows" in out
    assert "images of 8 x 8 pixels" in out
    out = call("data", "rows.csv").out
    assert "3 variables of 2 to 3 classes" in out
    assert "column 2 (size)" in out


def test_tables_in_and_out(here, call):
    """Parquet holds what CSV holds, and is read like it."""
    text, _ = call("sample", "run", "-n", "9").out, call("sample", "run", "-n", "9", "-o", "new.parquet")
    header, rows = parse(text)
    table = polars.read_parquet("new.parquet")
    assert table.columns == header
    np.testing.assert_array_equal(table.to_numpy(), rows)
    scores = parse(call("score", "run", "new.parquet").out)
    call("score", "run", "new.parquet", "--per-variable", "-o", "scores.parquet")
    found = polars.read_parquet("scores.parquet")
    assert found.columns == ["log_prob", *header]
    np.testing.assert_allclose(found["log_prob"].to_numpy(), scores[1][:, 0], rtol=1e-8)
    (here / "new.csv").write_text(text)
    assert call("score", "run", "new.csv").out == call("score", "run", "new.parquet").out


def test_help_names_every_kind_of_file_and_every_set(call):
    shown = call("fit", "--help").out
    for word in (*SUFFIXES, *made.data.names()):
        assert word in shown
    for command in ("sample", "complete", "score"):
        assert ".parquet" in call(command, "--help").out


def test_help_and_version(call):
    assert call("--version").out == f"{made.__version__}\n"
    assert "Usage: made sample" in call("sample", "--help").out


def test_bare_command_shows_help(call):
    result = call()
    assert result.out.startswith("Usage: made")
    assert "error" not in result.err
