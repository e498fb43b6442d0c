"""The record of a fit: as JSON, as CSV, in one line."""

from __future__ import annotations

import csv
import json

import pytest

import made
from made.training.history import History


@pytest.fixture(scope="module")
def history(tiny, rows, valid):
    """Of three epochs of four steps."""
    return made.fit(tiny(), rows, valid, epochs=3, batch_size=32)


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_csv_holds_the_record(history, tmp_path):
    history.save_csv(tmp_path)
    metrics, batches = read(tmp_path / "metrics.csv"), read(tmp_path / "batches.csv")
    assert len(metrics) == 4
    assert metrics[0]["train_loss"] == ""
    for line, record in zip(metrics, history.epochs, strict=True):
        assert int(line["epoch"]) == record.epoch
        assert int(line["step"]) == record.step
        for name in ("valid_nll", "valid_se", "learning_rate", "seconds"):
            assert float(line[name]) == getattr(record, name)
    assert [float(line["train_loss"]) for line in metrics[1:]] == [r.train_loss for r in history.epochs[1:]]
    assert [int(line["step"]) for line in batches] == list(range(1, 13))
    assert [float(line["train_loss"]) for line in batches] == history.batch_losses


def test_csv_without_validation_leaves_blanks(tiny, rows, tmp_path):
    made.fit(tiny(), rows, False, epochs=1).save_csv(tmp_path)
    assert {line["valid_nll"] + line["valid_se"] for line in read(tmp_path / "metrics.csv")} == {""}


def test_csv_into_no_folder(history, refused, tmp_path):
    with refused("cannot write", "metrics.csv"):
        history.save_csv(tmp_path / "missing")


def test_json_and_back(history):
    assert History.from_dict(json.loads(json.dumps(history.as_dict()))) == history


def test_what_it_says(history):
    assert history.best is history.epochs[history.best_epoch]
    assert history.best.valid_nll == min(history.valid_nll)
    assert history.epoch_steps == [0, 4, 8, 12]
    assert str(history) == (
        f"finished after 3 epochs, 12 steps; best epoch {history.best_epoch}: "
        f"validation NLL {history.best.valid_nll:.3f} nats"
    )
    assert str(History()) == "running after 0 epochs, 0 steps"
    assert History().best is None
