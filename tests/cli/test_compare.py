"""``made compare``: two tables, or one and the held-out rows of the run; what is printed is what is found."""

from __future__ import annotations

import json

import numpy as np
import pytest

import made
from made.runs.compare import compare
from made.runs.folder import RunFolder
from made.runs.held_out import held_out_rows


@pytest.fixture
def tables(here):
    """Files of rows like those of the run, and of rows whose sizes do not go with their kinds."""
    generator = np.random.default_rng(1)
    kinds = generator.integers(0, 3, 200)
    sizes = np.array([10, 20, 40])
    header = "sex,kind,size"
    for name, own in (("alike.csv", sizes[kinds]), ("broken.csv", sizes[generator.integers(0, 3, 200)])):
        rows = np.stack([generator.integers(0, 2, 200), kinds, own], axis=1)
        np.savetxt(name, rows, fmt="%d", delimiter=",", header=header, comments="")
    return here


def test_compare_json(tables, call):
    result = call("compare", "run", "alike.csv", "broken.csv", "--rest", "30", "--json")
    assert result.out.count("\n") == 1
    figures = json.loads(result.out)
    model = made.load("run/model.safetensors")
    names = ("alike.csv", "broken.csv")
    first, second = (np.loadtxt(name, delimiter=",", skiprows=1, dtype=int) for name in names)
    expected = compare(model, first, second, rest=30).as_dict()
    assert figures["first"] == "alike.csv"
    assert figures["second"] == "broken.csv"
    assert {name: figures[name] for name in ("n_rows", "n_tests", "n_compared")} == {
        "n_rows": [200, 200],
        "n_tests": 10,
        "n_compared": [200, 200],
    }
    assert figures["p"] == pytest.approx(expected["p"])
    assert [own["name"] for own in figures["columns"]] == [own["name"] for own in expected["columns"]]


def test_compare_with_held_out_rows(tables, call, tiny):
    call("fit", "alike.csv", "-o", "new", *tiny)
    result = call("compare", "new", "broken.csv", "--rest", "10", "--worst", "2", "--json")
    figures = json.loads(result.out)
    folder = RunFolder(tables / "new")
    model = folder.load_model("cpu")
    held_out = held_out_rows(folder, model)
    assert figures["first"] == "held-out rows of the run"
    assert figures["n_rows"] == [len(held_out), 200] == [40, 200]
    assert len(figures["rows"]) == 2
    assert figures["p_rows"] == pytest.approx(
        compare(
            model, held_out, np.loadtxt("broken.csv", delimiter=",", skiprows=1, dtype=int), rest=0
        ).p_rows
    )


def test_compare_prints_what_changed(tables, call):
    out = call("compare", "run", "alike.csv", "broken.csv", "--rest", "20", "--rows", "150").out
    lines = out.splitlines()
    assert lines[0] == "A: alike.csv, 200 rows, of which 150 are compared"
    assert lines[1] == "B: broken.csv, 200 rows, of which 150 are compared"
    columns = [line.split()[0] for line in lines if line.startswith(("sex ", "kind ", "size "))]
    assert sorted(columns) == ["kind", "sex", "size"]
    assert sum(" nats" in line and " %" in line for line in lines) == 10


def test_rows_of_the_fit_are_pointed_at(tables, call, tiny):
    call("fit", "alike.csv", "-o", "new", *tiny)
    assert "fitted on" in call("compare", "new", "alike.csv", "broken.csv", "--rest", "0").err
    assert "fitted on" not in call("compare", "new", "other.csv", "broken.csv", "--rest", "0").err


def test_refusals(tables, call):
    assert "12 complete rows" in call("compare", "run", "alike.csv", code=2).err
    assert "no held-out rows" in call("compare", "run/model.safetensors", "alike.csv", code=2).err
    assert "two tables" in call("compare", "run", *["alike.csv"] * 3, code=2).err
