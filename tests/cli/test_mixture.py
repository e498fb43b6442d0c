"""The commands on a run whose model is a mixture of models."""

from __future__ import annotations

import json

import numpy as np
import pytest

import made


@pytest.fixture
def mixed(here, randomize):
    """The folder, with a mixture in place of the models of its runs of a table and of images."""
    for run in ("run", "pictures"):
        settings = made.load(run).settings()
        others = {"orderings": 1, "connectivities": 1, "seed": 1}
        members = [
            made.MADE.from_settings({**settings, **own}) for own in (others, {**others, "orderings": 3})
        ]
        made.Mixture([randomize(member, seed=i) for i, member in enumerate(members)]).save(
            f"{run}/model.safetensors"
        )
    return here


def test_score(mixed, call, parse):
    rows = np.loadtxt("rows.csv", delimiter=",", skiprows=1)
    expected = made.load("run").log_prob(rows)
    names, table = parse(call("score", "run", "rows.csv").out)
    assert names == ["log_prob", "percentile"]
    assert table[:, 0] == pytest.approx(expected.numpy(), abs=1e-5)
    result = call("score", "run", "rows.csv", "--per-variable")
    assert "mixture of 2 models" in result.err
    assert parse(result.out)[1].shape == (60, 5)


def test_sample(mixed, call, parse):
    names, _ = parse(call("sample", "run", "-n", "5", "--seed", "1").out)
    assert names == ["sex", "kind", "size"]
    call("sample", "pictures", "-n", "4", "-o", "drawn.png")
    assert (mixed / "drawn.png").stat().st_size > 100


def test_complete(mixed, call, parse):
    (mixed / "holes.csv").write_text("sex,kind,size\n1,,20\n,2,\n")
    _, table = parse(call("complete", "run", "holes.csv").out)
    assert table[0, [0, 2]].tolist() == [1, 20]
    assert table[1, 1] == 2


def test_summary(mixed, call):
    assert "member 0 of a mixture of 2 models: " in call("summary", "run").out
    assert "member 1 of" in call("summary", "run", "--mask", "3").out


def test_evaluate(mixed, call):
    figures = json.loads(call("evaluate", "run", "--json").out)
    dataset = made.data.load("rows.csv")
    assert figures["nll"] == pytest.approx(-float(made.load("run").log_prob(dataset.test).mean()), abs=1e-9)
    assert "mixture of 2 models" in call("evaluate", "run").out
    averaged = json.loads(call("evaluate", "run", "--masks", "1,6", "--json").out)["masks_averaged"]
    assert averaged[1]["mixture"]["nll"] == pytest.approx(figures["nll"], abs=1e-5)


def test_show(mixed, call):
    for run in ("run", "pictures"):
        for path in call("show", run).out.split():
            assert (mixed / path).stat().st_size > 100
