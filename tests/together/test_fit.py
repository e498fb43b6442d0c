"""Fits by several ranks: the same weights again, dead weights, mask sets, context, shares that differ."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest
import torch

import made

from .conftest import TINY, mixed, write

# With fewer rows than this, there is a sample.
SAMPLED = "made.data.shared_rows.MOST_ROWS, made.data.shared_rows._HELD_OUT = 200, 40\n"


def results(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "results.json").read_text())


def load(folder: Path) -> made.MADE:
    return made.load(folder / "model.safetensors")


def assert_same_weights(one: Path, other: Path) -> None:
    own, others = load(one).state_dict(), load(other).state_dict()
    for name, tensor in own.items():
        assert torch.equal(tensor, others[name]), name


def test_same_ranks_give_the_same_weights(launch, rows, tmp_path):
    for run in ("a", "b"):
        first, second = launch("fit", rows / "*.parquet", "-o", tmp_path / run, *TINY)
    assert "Exact NLL of the 40 test rows" in first.out
    assert "fitted by 2 ranks together" in first.out
    assert second.out == second.err == first.err == ""
    assert_same_weights(tmp_path / "a", tmp_path / "b")
    # The rows are split as those of one process are, and the columns are the same.
    alone = made.data.load([str(own) for own in sorted(rows.glob("*.parquet"))])
    model = load(tmp_path / "a")
    assert [own.kind for own in model.schema.columns] == [own.kind for own in alone.schema.columns]
    nll = -float(model.log_prob(alone.test).mean())
    assert nll == pytest.approx(results(tmp_path / "a")["model"]["test"]["nll"], rel=1e-6)


@pytest.mark.parametrize(
    ("n", "options"),
    [
        (1, ("--epochs", "4", "--patience", "1")),
        (3, ("--orderings", "3", "--ema", "0.9", "--dropout", "0.2")),
        (4, ("--context", "kind,size", "--column", "age=category")),
    ],
)
def test_kinds_of_fits(launch, rows, tmp_path, n, options, masked_weights):
    launch("fit", rows, "-o", tmp_path / "run", *TINY, *options, n=n)
    own, model = results(tmp_path / "run"), load(tmp_path / "run")
    assert np.isfinite(own["model"]["test"]["nll"])
    assert (model.network.weights[0] != 0).any()
    for weight, mask in masked_weights(model):
        assert (weight[mask == 0] == 0).all()
    losses = (tmp_path / "run" / "batches.csv").read_text().splitlines()
    assert len(losses) - 1 == own["epochs"] * 10  # of 320 rows, 32 a step


SHRUNK = """
from dataclasses import replace
import made.tuning.recipes as recipes
by_hand = recipes.when_set_by_hand
def shrunk(facts):
    own = by_hand(facts)
    return replace(own, training={**own.training, "shrink": True})
recipes.when_set_by_hand = shrunk
"""


def test_all_validation_rows_say_how_much_of_a_fit_to_take(launch, rows, tmp_path):
    first, *_ = launch("fit", rows, "-o", tmp_path / "run", *TINY, n=3, code=SHRUNK)
    assert "variables take all of the fit" in first.out
    valid = made.data.load([str(own) for own in sorted(rows.glob("*.parquet"))]).valid
    kept = -float(load(tmp_path / "run").log_prob(valid).mean())
    metrics = polars.read_csv(tmp_path / "run" / "metrics.csv")
    assert kept - 1e-6 <= metrics["valid_nll"].min() < kept + 0.2  # what is taken for luck is added


def test_dates_groups_and_rare_values(launch, tmp_path):
    table = mixed(300)
    days = polars.date_range(polars.date(2024, 1, 1), polars.date(2024, 10, 26), eager=True)
    table = table.with_columns(days.alias("day"), (polars.int_range(300) // 10).alias("house"))
    folder = write(tmp_path / "rows", table, [0, 170, 300])
    options = ("--group", "house", "--protect", "--drop", "gap")
    launch("fit", folder, "-o", tmp_path / "run", *TINY, *options)
    alone = made.data.load(
        [str(own) for own in sorted(folder.iterdir())],
        choices=made.data.choices.Choices(group="house", protect=True, drop=("gap",)),
    )
    model = load(tmp_path / "run")
    nll = -float(model.log_prob(alone.test).mean())
    assert nll == pytest.approx(results(tmp_path / "run")["model"]["test"]["nll"], rel=1e-6)
    assert results(tmp_path / "run")["model"]["test"]["n"] == len(alone.test)


def test_ranks_without_rows(launch, tmp_path):
    # The last of four ranks has only rows that are held out, or one: the epoch ends all the same.
    folder = write(tmp_path / "few", mixed(12), [0, 12])
    launch("fit", folder, "-o", tmp_path / "run", *TINY, "--batch-size", "2", n=4)
    assert results(tmp_path / "run")["epochs"] == 3


def test_the_gradient_is_that_of_the_whole_batch(launch, rows, tmp_path):
    # Without dropout, and with all rows in each batch, ranks take the steps of one process.
    options = (*TINY, "--batch-size", "1000", "--dropout", "0", "--epochs", "6", "--learning-rate", "0.01")
    for n in (1, 3):
        launch("fit", rows, "-o", tmp_path / f"{n}", *options, n=n)
    one, three = (load(tmp_path / f"{n}").state_dict() for n in (1, 3))
    for name, tensor in one.items():
        torch.testing.assert_close(three[name], tensor, rtol=1e-3, atol=1e-4)


def test_more_rows_than_the_sample(launch, tmp_path):
    table = mixed(600)
    # What only a row beyond the sample has is known all the same: a gap, a label, a finer price.
    changed = {"kind": [None], "city": ["Bern"], "price": [1.125]}
    rare = table[300:301].with_columns(
        *(polars.Series(name, own, dtype=table[name].dtype) for name, own in changed.items())
    )
    table = polars.concat([table[:300], rare, table[301:]])
    folder = write(tmp_path / "rows", table, [0, 250, 600])
    code = SAMPLED + "made.training.shares.MOST_BYTES = 2000"  # and a share is read in several buffers
    for run, n in (("a", 2), ("b", 2), ("c", 3)):
        launch("fit", folder, "-o", tmp_path / run, *TINY, code=code, n=n)
    assert_same_weights(tmp_path / "a", tmp_path / "b")
    model, own = load(tmp_path / "a"), results(tmp_path / "a")
    columns = {column.name: column.arguments for column in model.schema.columns}
    assert columns["kind"]["missing"]
    assert "Bern" in columns["city"]["classes"]
    assert columns["price"]["step"] == 0.001
    assert own["model"]["test"]["n"] == own["model"]["valid"]["n"] == 40
    assert len((tmp_path / "c" / "batches.csv").read_text().splitlines()) - 1 == 3 * 17  # of 520 rows


def test_settings_are_compared_one_per_rank(launch, rows, tmp_path):
    code = "made.tuning.candidates._STEPS = ((None, 80),)"
    fitted = launch("fit", rows, "-o", tmp_path / "run", "--device", "cpu", code=code)
    settings = json.loads((tmp_path / "run" / "settings.json").read_text())
    assert len(settings["plan"]["candidates"]) > 1
    assert settings["chosen"] in [own["about"] for own in settings["plan"]["candidates"]]
    assert "settings are compared" in fitted[0].err
    assert fitted[1].err == ""
    figures = results(tmp_path / "run")
    assert figures["model"]["test"]["nll"] < figures["baselines"]["product of marginals"]["test"]["nll"]


def test_other_data_are_shared_out_in_memory(launch, tmp_path):
    mixed(120).write_csv(tmp_path / "rows.csv")
    launch("fit", tmp_path / "rows.csv", "-o", tmp_path / "run", *TINY, n=2)
    assert results(tmp_path / "run")["epochs"] == 3
