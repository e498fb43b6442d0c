"""``made score``: log-probabilities of rows, complete and incomplete."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars
import pytest

import made
from made.variables.column import Column


def test_samples_are_understood_by_score(here, call, parse):
    for name in ("new.csv", "new.npy"):
        call("sample", "run", "-n", "30", "-o", name)
        header, values = parse(call("score", "run", name).out)
        assert header == ["log_prob", "percentile"]
        model = made.load("run/model.safetensors")
        expected = model.log_prob(model.sample(30, seed=0)).numpy()
        np.testing.assert_allclose(values[:, 0], expected, rtol=1e-8)


def test_score(here, call, parse):
    result = call("score", "run", "other.csv", "-o", "scores.csv")
    assert result.out == ""
    text = (here / "scores.csv").read_text()
    header, values = parse(text)
    assert header == ["log_prob", "percentile"]
    model = made.load("run/model.safetensors")
    rows = np.loadtxt("other.csv", delimiter=",", skiprows=1, dtype=int)
    np.testing.assert_allclose(values[:, 0], model.log_prob(rows).numpy(), rtol=1e-8)
    held_out = np.array(json.loads((here / "run" / "held_out.json").read_text())["log_prob"])
    less = (held_out < values[:, :1] - 1e-4).mean(axis=1)
    assert (100 * less <= values[:, 1] + 1e-6).all()
    assert (values[:, 1] <= 100 * (held_out <= values[:, :1] + 1e-4).mean(axis=1) + 1e-6).all()
    assert len(text.splitlines()) == 61
    assert call("score", "run", "other.csv").out == text


def test_score_per_variable(here, call, parse):
    header, values = parse(call("score", "run", "other.csv", "--per-variable").out)
    assert header == ["log_prob", "percentile", "sex", "kind", "size"]
    assert values.shape == (60, 5)
    np.testing.assert_allclose(values[:, 2:].sum(axis=1), values[:, 0], rtol=1e-6)
    header, _ = parse(call("score", "pictures", "images.npy", "--per-variable", "--split", "all").out)
    assert header == ["log_prob", "percentile", *(f"x{i}" for i in range(12))]


def test_score_per_column(here, call):
    """The twin of `made.odd_entries`, of complete rows and of others."""
    model = made.load("run/model.safetensors")
    for name, text, rows in (
        ("all.csv", "sex,kind,size\n0,1,10\n1,2,40\n", [[0, 1, 10], [1, 2, 40]]),
        ("gaps.csv", "sex,kind,size\n0,,10\n,,\n1,2,40\n", [[0, None, 10], [None] * 3, [1, 2, 40]]),
    ):
        (here / name).write_text(text)
        call("score", "run", name, "--per-column", "-o", "scores.parquet")
        table = polars.read_parquet("scores.parquet")
        expected = made.odd_entries(model, rows).as_dict()
        first = (
            ["log_prob", "percentile"] if name == "all.csv" else ["log_prob", "standard_error", "percentile"]
        )
        assert table.columns == [*first, *expected]
        for own, values in expected.items():
            found = table[own].to_list()
            if values.dtype == object:
                assert found == values.tolist()
            else:
                np.testing.assert_allclose(np.array(found, dtype=float), values, atol=1e-6)
    text = call("score", "run", "gaps.csv", "--per-column").out
    assert text.splitlines()[0] == ",".join(table.columns)
    assert text.splitlines()[2].startswith("0,0,50,,,,,,")


def test_without_held_out_rows_there_are_no_percentiles(here, call, parse):
    result = call("score", "run/model.safetensors", "other.csv")
    assert parse(result.out)[0] == ["log_prob"]
    assert result.err == "no percentiles: a model file has no held-out rows to compare with\n"


def test_score_in_parts(here, call, parse, randomize):
    model = randomize(made.MADE([made.Categorical(2, missing=True), made.Categorical(3)], hidden=(4,)))
    model.save(here / "gappy.safetensors")
    (here / "gaps.csv").write_text("x0,x1\n,2\n1,0\n0,2\n")
    header, found = parse(call("score", "gappy.safetensors", "gaps.csv", "--parts").out)
    parts = made.log_prob_parts(model, [[None, 2], [1, 0], [0, 2]]).as_dict()
    assert header == ["log_prob", *parts]
    np.testing.assert_allclose(found[:, 1:], np.stack(list(parts.values()), axis=1), atol=1e-6)
    np.testing.assert_allclose(found[:, 1] + found[:, 3], found[:, 0], atol=1e-6)
    result = call("score", "run", "other.csv", "--parts", code=2)
    assert result.err.endswith("log p of a row has one part, that of the values\n")


GAPS = [[0, None, 10], [None, 1, None], [1, 2, 40], [None, None, None]]


def test_score_of_incomplete_rows(here, call, parse):
    (here / "gaps.csv").write_text("sex,kind,size\n0,,10\n?,1,NA\n1,2,40\n,none,null\n")
    result = call("score", "run", "gaps.csv")
    header, found = parse(result.out)
    assert header == ["log_prob", "standard_error", "percentile"]
    model = made.load("run/model.safetensors")
    np.testing.assert_allclose(found[:, 0], made.marginal(model, GAPS).log_prob, rtol=1e-8)
    assert found[2, 0] == pytest.approx(float(model.log_prob([[1, 2, 40]])[0]))
    assert found[3, 0] == pytest.approx(0, abs=1e-9)
    assert (found[:, 1] == 0).all()
    assert "what is known in 4 rows (gaps.csv), 0 of them estimated" in result.err
    assert call("score", "run", "gaps.csv", "-o", "scores.csv").out == ""
    assert (here / "scores.csv").read_text() == result.out


@pytest.mark.parametrize("text", ["sex,kind,size\n0,1,10\n", "sex,kind,size\n0,,10\n"])
def test_a_file_is_not_read_as_a_whole(here, call, monkeypatch, text):
    """Whether its entries are all known or not: files may be large."""
    (here / "new.csv").write_text(text)
    opened = []
    read = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: opened.append(path.name) or read(path))
    call("score", "run", "new.csv")
    assert "new.csv" not in opened


def test_incomplete_rows_of_a_split(here, call, parse):
    """A split is the same rows whether or not entries of the file are unknown."""
    rows = np.loadtxt("other.csv", delimiter=",", skiprows=1, dtype=float)
    whole = parse(call("score", "run", "other.csv", "--split", "valid").out)[1]
    rows[:, 2] = np.nan
    np.save("gaps.npy", rows)
    _, found = parse(call("score", "run", "gaps.npy", "--split", "valid").out)
    assert len(found) == len(whole) == 6
    assert (found[:, 0] >= whole[:, 0]).all()  # a sum over what the third column may be


@pytest.mark.parametrize("command", ["score", "complete", "evaluate"])
@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("\n0,1,30\n", "line 2, column 3 holds 30"),
        ("size,sex,kind\n\n\n30,0,1\n", "line 4, column 1 (size) holds 30"),
    ],
)
def test_bad_values_are_named_by_line_and_column(here, call, command, text, where):
    (here / "bad.csv").write_text(text)
    result = call(command, "run", "bad.csv", code=2)
    assert result.err == f"error: bad.csv: {where}, which is none of its 3 labels (10, 20, 40)\n"


def test_score_of_estimated_rows(here, call, randomize, monkeypatch, parse):
    model = randomize(made.MADE(made.Bernoulli(14), (8,)), scale=2.0)
    model.save(here / "wide.safetensors")
    (here / "gaps.csv").write_text(f"{'?,' * 13}1\n" * 3)
    result = call("score", "wide.safetensors", "gaps.csv", "--particles", "20")
    with pytest.warns(made.PoorEstimateWarning):
        expected = made.marginal(model, [[None] * 13 + [1]] * 3, particles=20)
    table = np.stack([expected.log_prob, expected.error], axis=1)
    np.testing.assert_allclose(parse(result.out)[1], table, rtol=1e-6)
    assert (expected.error > 0).all()
    first, second = result.err.splitlines()[-2:]  # on a slow machine, lines of progress come before
    assert first.endswith("3 rows (gaps.csv), 3 of them estimated")
    assert second.startswith("  3 of the estimates rest on few effective particles")
    assert second.endswith("raise --particles")
    assert "few" not in call("score", "wide.safetensors", "gaps.csv", "--particles", "500").err
    monkeypatch.setattr("made.support.progress._SECONDS_BETWEEN_LINES", 0.0)
    assert "scoring: 1 of 3 rows" in call("score", "wide.safetensors", "gaps.csv").err


def test_score_with_context(here, call, parse):
    model = made.load("conditional/model.safetensors")
    rows = np.loadtxt("other.csv", delimiter=",", skiprows=1, dtype=int)
    values = rows[:, [0, 2]]
    _, found = parse(call("score", "conditional", "other.csv").out)
    np.testing.assert_allclose(found[:, 0], model.log_prob(values, context=rows[:, [1]]).numpy(), rtol=1e-8)
    (here / "gaps.csv").write_text("sex,kind,size\n,1,20\n1,2,\n")
    _, found = parse(call("score", "conditional", "gaps.csv").out)
    expected = made.marginal(model, [[None, 20], [1, None]], context=[[1], [2]]).log_prob
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-8)


def test_per_variable_of_a_mixture_is_that_of_its_first_mask(here, call, tiny, parse):
    call("fit", "rows.csv", "-o", "new", "--orderings", "2", *tiny)
    result = call("score", "new", "other.csv", "--per-variable")
    assert "mixture of 2 masks" in result.err
    assert "mask 0" in result.err
    model = made.load("new/model.safetensors")
    rows = np.loadtxt("other.csv", delimiter=",", skiprows=1, dtype=int)
    _, values = parse(result.out)
    np.testing.assert_allclose(values[:, 0], model.log_prob(rows).numpy(), rtol=1e-8)
    np.testing.assert_allclose(values[:, 2:].sum(axis=1), model.log_prob(rows, mask=0).numpy(), rtol=1e-6)


def test_tables_in_and_out(here, call, parse):
    """Parquet holds what CSV holds, and is read like it."""
    text, _ = call("sample", "run", "-n", "9").out, call("sample", "run", "-n", "9", "-o", "new.parquet")
    header, rows = parse(text)
    table = polars.read_parquet("new.parquet")
    assert table.columns == header
    np.testing.assert_array_equal(table.to_numpy(), rows)
    scores = parse(call("score", "run", "new.parquet").out)
    call("score", "run", "new.parquet", "--per-variable", "-o", "scores.parquet")
    found = polars.read_parquet("scores.parquet")
    assert found.columns == ["log_prob", "percentile", *header]
    np.testing.assert_allclose(found["log_prob"].to_numpy(), scores[1][:, 0], rtol=1e-8)
    (here / "new.csv").write_text(text)
    assert call("score", "run", "new.csv").out == call("score", "run", "new.parquet").out


def test_values_off_an_inferred_grid_are_counted_by_column(here, call):
    rows = np.round(np.random.default_rng(0).normal(size=(60, 2)), 2)
    np.savetxt(here / "rows.csv", rows, fmt="%.2f", delimiter=",", header="a,b", comments="")
    assert call("fit", "rows.csv", "-o", "grid", "--epochs", "1", "--hidden", "4").code == 0
    (here / "off.csv").write_text("a,b\n0.501,0.25\n0.502,1.5\n")
    scored = call("score", "grid", "off.csv")
    assert scored.code == 0
    assert "column a: 2 values are not multiples of its step 0.01, and rounded\n" in scored.err
    assert "column b" not in scored.err


def test_labels_that_no_training_row_had_are_scored_and_pointed_at(here, call, parse):
    columns = [
        Column("kind", "categorical", {"classes": [3, 5, 7], "unseen": 0.1}),
        Column("sold", "bernoulli"),
    ]
    (here / "unseen").mkdir()
    made.MADE(made.Schema(tuple(columns)), hidden=(4,)).save("unseen/model.safetensors")
    (here / "new.csv").write_text("kind,sold\n3,1\n9,0\n7,1\n8,1\n")
    result = call("score", "unseen", "new.csv", "--per-variable")
    header, values = parse(result.out)
    assert header == ["log_prob", "unseen", "kind", "sold"]
    assert values[:, 1].tolist() == [0, 1, 0, 1]
    np.testing.assert_allclose(values[[1, 3], 2], np.log(0.1), rtol=1e-6)
    assert "2 entries are labels that no training row had" in result.err
    assert "line 3, column kind, 9" in result.err
    (here / "gaps.csv").write_text("kind,sold\n9,\n3,0\n")
    header, values = parse(call("score", "unseen", "gaps.csv").out)
    assert header == ["log_prob", "standard_error", "unseen"]
    assert values[:, 2].tolist() == [1, 0]
    call("complete", "unseen", "gaps.csv", "-o", "full.csv")
    assert (here / "full.csv").read_text().splitlines()[1].startswith("9,")
    call("sample", "unseen", "-n", "3", "--given", "kind=9", "-o", "drawn.csv")
    assert [line[:2] for line in (here / "drawn.csv").read_text().splitlines()[1:]] == ["9,"] * 3
