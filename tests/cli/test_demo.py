"""``made demo``: both halves, in folders of their own; with small models, so that it is quick."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import polars
import pytest

import made
from made.cli import demo
from made.data.example_table import NAMES, write_example
from made.tuning import plan
from made.tuning import recipes as recipe

SECTIONS = (
    "digits: 64 variables",
    "442 people with diabetes",
    "column              kind",
    "diabetes: 11 variables",
    "Exact NLL of the 44 test rows",
    "The oddest test row",
    "filled in from the rest",
    "5 new people",
    "report.html",
)


@pytest.fixture
def quick(monkeypatch):
    """Small models, and the shortest plan: what is shown is the same."""
    monkeypatch.setitem(recipe._MODEL, "hidden", (8,))
    monkeypatch.setattr(plan, "_DEFAULT_BUDGETS", ((None, 1),))


@pytest.mark.usefixtures("quick")
def test_both_halves(here, call):
    result = call("demo", "-o", "demo")
    places = [(result.out + result.err).find(section) for section in SECTIONS]
    assert -1 not in places
    for word in ("product of marginals", "Chow-Liu tree", "bits/dim", "Try next", "samples.png"):
        assert word in result.out
    assert result.out.index("digits: 64") < result.out.index("diabetes: 11") < result.out.index("new people")
    for file in ("demo/samples.png", "demo-table/report.html", "demo-table/diabetes.csv"):
        assert (here / file).exists()
    assert result.out.splitlines()[-1].strip() == "made serve demo demo-table"
    # A second demo replaces both, and no others.
    assert all(demo._is_again(job) for job in demo._jobs(Path("demo")))
    assert not any(demo._is_again(job) for job in demo._jobs(Path("other")))
    commands = [line.split("made ", 1)[1] for line in result.out.splitlines() if line.startswith("  made ")]
    scored = next(own for own in commands if own.startswith("score demo-table"))
    call(*shlex.split(scored))
    assert len(polars.read_csv("demo-table/scores.csv", infer_schema_length=None)) == 442
    filled = result.out[result.out.index("filled in") :].splitlines()
    assert [line.split()[0] for line in filled[3 : 3 + len(demo._TAKEN_AWAY)]] == list(demo._TAKEN_AWAY)
    people = result.out[result.out.index("5 new people") :].splitlines()
    assert people[2].split() == list(NAMES)
    rows = np.array([line.split() for line in people[3:8]], dtype=float)
    assert np.isfinite(made.load("demo-table").log_prob(rows).numpy()).all()


@pytest.mark.parametrize("taken", ["run", "free"])
def test_it_replaces_no_other_run(here, call, snapshot, taken):
    """Neither where the images go nor where the table does; and that is known before the first fit."""
    if taken == "free":
        (here / "pictures").rename(here / "free-table")
    before = snapshot(here)
    result = call("demo", "-o", taken, code=2)
    assert "already holds a run" in result.err
    assert snapshot(here) == before


def test_the_table_is_that_of_scikit_learn(tmp_path):
    from sklearn.datasets import load_diabetes

    found = load_diabetes(scaled=False)
    assert write_example(tmp_path / "rows.csv") == 442
    table = polars.read_csv(tmp_path / "rows.csv", infer_schema_length=None)
    assert table.columns == list(NAMES)
    np.testing.assert_array_equal(table.to_numpy(), np.column_stack([found.data, found.target]))


@pytest.mark.usefixtures("quick")
def test_serve_without_a_run_offers_those_of_the_demo(here, call, monkeypatch):
    pytest.importorskip("fastapi", reason="needs made[service]")
    served = []
    monkeypatch.setattr("made.service.server.serve", lambda app, *_: served.append(app.title))
    fitted = call("serve").err
    assert "has left none here" in fitted
    for name in ("demo: MADE", "demo-table: MADE"):
        assert name in fitted
    assert not (here / demo.OUT).exists()
    result = call("demo")
    assert result.out.splitlines()[-1].strip() == "made serve"
    again = call("serve").err
    assert "these are the runs of made demo" in again
    assert "demo-table: MADE" in again
    assert served == ["made", "made"]
