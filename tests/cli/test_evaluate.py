"""``made evaluate``: the figures of a trained model on held-out rows, and of its masks averaged."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from PIL import Image

import made


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


def test_evaluate_with_context(here, call):
    model = made.load("conditional/model.safetensors")
    own = made.data.load("rows.csv").with_context(["kind"])
    figures = json.loads(call("evaluate", "conditional", "--json").out)
    nll = -model.log_prob(own.test, context=own.context["test"]).mean().item()
    assert figures["nll"] == pytest.approx(nll, abs=1e-9)


@pytest.mark.usefixtures("fresh")
def test_evaluate_orders(here, call):
    figures = json.loads(call("evaluate", "fresh", "--orders", "4", "--split", "all", "--json").out)
    model, rows = made.load("fresh/model.safetensors"), made.data.load("rows.csv")
    every = np.concatenate(list(rows.splits.values()))
    found = made.consistency(model, every, orders=4).as_dict()
    assert {name: figures[name] for name in found} == found
    assert (figures["n"], figures["split"], figures["data"]) == (60, "all", "rows")
    assert figures["columns"] == ["sex", "kind", "size"]
    out = call("evaluate", "fresh", "--orders", "4", "--split", "all").out
    assert f"{found['orders']['value']:+.3f}" in next(line for line in out.splitlines() if "random" in line)
    assert found["meaning"] in out


def test_evaluate_orders_of_a_model_of_one(here, call):
    out = call("evaluate", "run", "--orders", "3").out
    assert "trained under one ordering" in out
    refusal = call("evaluate", "run", "--orders", "3", "--masks", "1", code=2).err
    assert "one at a time" in refusal
