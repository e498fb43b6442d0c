"""The second experiment: exact figures, the leak, the report, and the same numbers twice."""

from __future__ import annotations

import io
import json
import signal
from contextlib import redirect_stderr

import numpy as np
import pytest
import torch

import made
from made.reproduce.two_dim import TwoDimPlan, _RowsByEpoch, exact_kl, reproduce_two_dim
from made.reproduce.two_dim_report import write_two_dim
from made.support.log import log_on_stderr
from made.training.settings import TrainingSettings

PLAN = TwoDimPlan(points=2000, epochs=2, naive_epochs=3, own_epochs=2, seed=0)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A smooth joint table of 12 x 10 cells in a file."""
    x, y = np.indices((12, 10))
    table = np.exp(-0.5 * (((x - 5) / 3) ** 2 + ((y - 0.6 * x) / 2) ** 2)) + 0.01
    path = tmp_path_factory.mktemp("table") / "table.npy"
    np.save(path, table / table.sum())
    return str(path)


@pytest.fixture(scope="module")
def outcome(source):
    with redirect_stderr(io.StringIO()) as shown, log_on_stderr():
        found = reproduce_two_dim(source, PLAN)
    return (*found, shown.getvalue())


def test_kl_of_a_model_that_is_the_truth_is_zero():
    model = made.MADE(made.Categorical(3, n=2), hidden=(4,))
    truth = np.full((3, 3), 1 / 9)
    kl, table = exact_kl(truth, model)
    assert kl == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(table, truth, atol=1e-6)


def test_kl_is_the_sum_over_cells_by_hand():
    model = made.MADE(made.Categorical(2, n=2), hidden=(4,))
    model.set_marginals([[0, 0], [0, 1], [0, 0]])
    first, second = np.array([4, 1]) / 5, np.array([3, 2]) / 5
    truth = np.array([[0.4, 0.1], [0.0, 0.5]])
    table = np.outer(first, second)
    lit = truth > 0
    assert exact_kl(truth, model)[0] == pytest.approx(
        (truth[lit] * np.log(truth[lit] / table[lit])).sum(), abs=1e-5
    )


def test_five_models_are_run_on_a_fixed_split(outcome):
    truth, train, test, results, shown = outcome
    assert [result.name for result in results] == ["a", "b", "c", "d", "e"]
    assert (len(train), len(test)) == (1600, 400)
    for result in results:
        epochs = {"d": 3}.get(result.name, 2)
        assert len(result.kl_by_epoch) == len(result.nll_by_epoch) == epochs + 1
        assert len(result.leaking) == epochs
        assert result.table.sum() == pytest.approx(1, abs=1e-4)
        assert result.kl == pytest.approx(result.kl_by_epoch[-1])
        lit = truth > 0
        by_hand = (truth[lit] * np.log(truth[lit] / result.table[lit])).sum()
        assert result.kl == pytest.approx(by_hand, abs=1e-5)
        assert result.score.nll == pytest.approx(result.nll_by_epoch[-1])
        assert len(result.samples) == 2000
    assert "smoothing over" in shown


def test_ours_is_the_closest_and_beats_the_marginals(outcome):
    truth, _, _, results, _ = outcome
    product = truth.sum(1, keepdims=True) * truth.sum(0)
    independent = (truth * np.log(truth / product)).sum()
    kls = {result.name: result.kl for result in results}
    assert kls["e"] == min(kls.values())
    assert kls["e"] < independent


def test_smoothing_is_chosen_by_validation(outcome):
    notes = outcome[3][-1].notes
    tried = notes["validation NLL by width"]
    assert len(tried) == 3
    assert tried[f"{notes['smooth']:g}"] == min(tried.values())


def test_report_and_figures(outcome, source, tmp_path):
    truth, train, test, results, _ = outcome
    content = write_two_dim(tmp_path, source, PLAN, truth, np.concatenate([train, test]), test, results)
    assert json.loads((tmp_path / "results.json").read_text()) == json.loads(json.dumps(content))
    figures = content["figures"]
    assert figures["entropy of the truth"] == pytest.approx(-(truth * np.log(truth)).sum())
    page = (tmp_path / "report.html").read_text()
    for result in results:
        assert figures["models"][result.name]["kl"] == result.kl
        assert f"{result.kl:.4f}" in page
        assert f"{result.leaking[-1]:.4f}" in page
    assert page.count("data:image/png;base64,") >= 8
    assert "http://" not in page
    assert "https://" not in page


def test_same_seed_same_figures(source, tmp_path):
    plan = TwoDimPlan(points=1000, epochs=1, naive_epochs=1, own_epochs=1, seed=3)
    torch.manual_seed(0)
    written = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        truth, train, test, results = reproduce_two_dim(source, plan)
        rows = np.concatenate([train, test])
        written.append(write_two_dim(tmp_path / name, source, plan, truth, rows, test, results))
        torch.rand(7)  # whatever else uses torch must not matter
    assert written[0]["figures"] == written[1]["figures"]


def test_batches_may_differ_from_epoch_to_epoch():
    rows = np.arange(46).reshape(23, 2)
    batches = _RowsByEpoch(lambda epoch: rows + 100 * epoch, TrainingSettings(batch_size=5, seed=4))
    assert (batches.steps_per_epoch, batches.sizes) == (4, [5] * 4)
    for step in (0, 5, 7, 1):
        epoch, place = divmod(step, 4)
        order = np.random.default_rng([4, epoch]).permutation(23)
        expected = rows[order[place * 5 :][:5]] + 100 * epoch
        np.testing.assert_array_equal(batches.batch(step).rows.numpy(), expected)


def test_ctrl_c_during_a_fit_ends_the_experiment(source, monkeypatch):
    plain, calls = made.MADE.loss, []

    def loss(self, *args, **kwargs):
        calls.append(1)
        if len(calls) == 5:
            signal.raise_signal(signal.SIGINT)
        return plain(self, *args, **kwargs)

    monkeypatch.setattr(made.MADE, "loss", loss)
    with pytest.raises(KeyboardInterrupt):
        reproduce_two_dim(source, PLAN)
    assert len(calls) == 5
