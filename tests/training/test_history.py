"""The record of a fit: as JSON, as CSV, in one line."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

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
    shrunk = replace(history, shares=[0.0, 0.25, 1.0])
    assert str(shrunk) == f"{history}; 1 of 3 variables take all of the fit, 1 nothing"
    assert History().best is None


def test_it_is_one_line(history):
    assert repr(history) == f"History({history})"
    assert "\n" not in repr(history)


def test_it_plots_itself(history, rows, tiny):
    figure = history.plot(baselines={"marginals": 5.0})
    (axes,) = figure.axes
    drawn = {str(line.get_label()).split(":")[0]: line for line in axes.lines}
    assert list(drawn["mini-batch loss"].get_xdata()) == list(range(1, 13))
    assert list(drawn["mini-batch loss"].get_ydata()) == history.batch_losses
    assert list(drawn["validation NLL"].get_xdata()) == history.epoch_steps
    assert list(drawn["validation NLL"].get_ydata()) == history.valid_nll
    assert list(drawn["best"].get_xdata()) == [history.best.step]
    without = made.fit(tiny(), rows, False, epochs=1).plot()
    assert [str(line.get_label()) for line in without.axes[0].lines] == ["mini-batch loss"]


def test_it_plots_into_given_axes(history):
    from matplotlib.figure import Figure

    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert history.plot(left) is figure
    assert left.get_legend() is not None
    assert left.lines
    assert not right.lines


def test_nothing_to_plot(refused):
    with refused("at least one"):
        History().plot()


class Writer:
    """What TensorBoard's SummaryWriter has of methods that docs/training.md calls."""

    def __init__(self):
        self.scalars, self.figures = [], []

    def add_scalar(self, tag, scalar_value, global_step=None):
        self.scalars.append((tag, float(scalar_value), int(global_step)))

    def add_figure(self, tag, figure, global_step=None):
        self.figures.append((tag, figure.axes[0].get_ylabel()))


def test_a_writer_gets_every_epoch(tiny, rows, valid):
    """As docs/training.md shows it for TensorBoard."""
    writer = Writer()

    def log_epoch(record):
        for name in ("train_loss", "valid_nll", "learning_rate"):
            if (value := getattr(record, name)) is not None:
                writer.add_scalar(name, value, record.step)

    history = made.fit(tiny(), rows, valid, epochs=2, batch_size=50, on_epoch=log_epoch)
    writer.add_figure("loss", history.plot())
    assert [entry[::2] for entry in writer.scalars] == [
        *[("valid_nll", 0), ("learning_rate", 0)],
        *[(name, step) for step in (2, 4) for name in ("train_loss", "valid_nll", "learning_rate")],
    ]
    assert [value for tag, value, _ in writer.scalars if tag == "valid_nll"] == history.valid_nll
    assert writer.figures == [("loss", "nats per row")]


def test_metrics_go_to_mlflow_as_shown(tiny, rows):
    """As docs/training.md shows it for MLflow; a single validation row has no standard error."""
    logged = []

    def log_metrics(metrics, step):
        logged.append((step, {name: float(value) for name, value in metrics.items()}))

    def log_epoch(record):
        figures = {"train_loss": record.train_loss, "valid_nll": record.valid_nll}
        log_metrics({name: own for name, own in figures.items() if own is not None}, step=record.step)

    history = made.fit(tiny(), rows, rows[:1], epochs=1, batch_size=50, on_epoch=log_epoch)
    assert [step for step, _ in logged] == [0, 2]
    assert logged[0][1] == {"valid_nll": history.valid_nll[0]}
    assert all(record.valid_se is None for record in history.epochs)
    assert "NaN" not in json.dumps(history.as_dict())
