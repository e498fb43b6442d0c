"""Figures: NLL, its standard error, bits per dimension, baselines."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch

import made
from made.baselines import ChowLiuTree, ProductOfMarginals
from made.data import Raw
from made.data.dataset import build
from made.runs import scores
from made.runs.scores import Score, baseline_scores, score_model, score_rows
from made.variables.rows import Rows


def test_score_of_rows():
    log_prob = torch.tensor([-1.0, -2.0, -6.0], dtype=torch.float64)
    score = score_rows(log_prob, n_variables=5)
    assert score.nll == 3.0
    assert score.nll_se == pytest.approx(math.sqrt(7) / math.sqrt(3))
    assert score.bits_per_dim == pytest.approx(3 / (5 * math.log(2)))
    assert score.n == 3
    assert score.as_dict() == {name: getattr(score, name) for name in ("nll", "nll_se", "bits_per_dim", "n")}


def test_one_row_has_no_error():
    score = score_rows(np.array([-1.0]), n_variables=1)
    assert math.isnan(score.nll_se)
    assert json.loads(json.dumps(score.as_dict(), allow_nan=False))["nll_se"] is None


def test_score_far_from_zero_keeps_its_digits():
    rng = np.random.default_rng(0)
    log_prob = torch.from_numpy(rng.normal(-1e4, 3.0, 100))  # sums of squares would lose digits
    score = score_rows(log_prob, n_variables=7)
    nll = math.fsum(-log_prob.tolist()[i] for i in range(100)) / 100
    error = math.sqrt(math.fsum((-value - nll) ** 2 for value in log_prob.tolist()) / 99 / 100)
    assert score.n == 100
    assert score.as_dict() == pytest.approx(
        {"nll": nll, "nll_se": error, "bits_per_dim": nll / (7 * math.log(2)), "n": 100}, rel=1e-12
    )


def test_score_of_one_row_and_of_none():
    none = score_rows(torch.zeros(0, dtype=torch.float64), n_variables=1)
    assert none.as_dict() == {"nll": None, "nll_se": None, "bits_per_dim": None, "n": 0}
    one = score_rows(torch.tensor([-1.0]), n_variables=1)
    assert one.nll == 1.0
    assert math.isnan(one.nll_se)


def test_score_model_in_batches(monkeypatch):
    model = made.MADE(made.Bernoulli(4), hidden=(4,))
    monkeypatch.setattr(type(model), "rows_per_batch", 3)
    rows, done = np.eye(4, dtype=np.uint8)[[0, 1, 2, 3, 0, 1, 2]], []
    log_prob = score_model(model, rows, done.append)
    assert done == [3, 3, 1]
    assert torch.equal(log_prob, model.log_prob(rows))
    assert log_prob.dtype == torch.float64
    assert len(score_model(model, rows[:0])) == 0


def test_baselines(table):
    dataset = build(Raw("table", {"all": table}), "table")
    found = baseline_scores(dataset)
    assert set(found) == {"product of marginals", "Chow-Liu tree"}
    for name, kind in (("product of marginals", ProductOfMarginals), ("Chow-Liu tree", ChowLiuTree)):
        assert list(found[name]) == ["valid", "test"]
        baseline = kind(dataset.codes("train"), dataset.classes)
        for split, score in found[name].items():
            log_prob = baseline.log_prob(dataset.codes(split))
            assert score.nll == pytest.approx(-log_prob.mean())
            assert score.n == 10
    tree, marginals = found["Chow-Liu tree"]["test"], found["product of marginals"]["test"]
    assert tree.nll < marginals.nll - 0.5  # the third column copies the second
    train = baseline_scores(dataset, {"mine": Rows(torch.from_numpy(dataset.codes("train")))})[
        "Chow-Liu tree"
    ]
    assert list(train) == ["mine"]
    assert train["mine"].n == 80


def test_tree_is_left_out_where_it_is_too_big(table, monkeypatch):
    dataset = build(Raw("table", {"all": table}), "table")
    monkeypatch.setattr(scores, "_MOST_FEATURES_BY_PRODUCT", 4)
    assert len(baseline_scores(dataset)) == 2  # few pairs
    monkeypatch.setattr(scores, "_MOST_PAIRS_BY_TABLE", 2)
    assert list(baseline_scores(dataset)) == ["product of marginals"]


@pytest.mark.parametrize(
    ("n_columns", "n_classes", "can"),
    [(4_096, 2, True), (4_097, 2, False), (100, 2_000, True), (101, 2_000, False), (2, 2_001, False)],
)
def test_how_big_a_tree_may_be(n_columns, n_classes, can):
    assert scores._can_be_tree([n_classes] * n_columns) is can


def test_score_is_plain():
    assert Score(1.0, 0.5, 0.25, 4) == Score(1.0, 0.5, 0.25, 4)


def test_baselines_of_numbers():
    draw = np.random.default_rng(0)
    a = draw.lognormal(size=2_000)
    rows = np.stack([a, np.where(draw.random(2_000) < 0.1, np.nan, a + draw.exponential(size=2_000))], axis=1)
    dataset = build(Raw("table", {"all": rows}), "table")
    found = baseline_scores(dataset)
    assert list(found) == ["Gaussian copula", "Chow-Liu tree", "product of marginals"]
    nll = {name: by_split["test"].nll for name, by_split in found.items()}
    assert nll["Chow-Liu tree"] < nll["product of marginals"] - 0.3
    untrained = made.MADE(dataset.schema.fitted(dataset.schema.encode(dataset.train)), hidden=())
    untrained.set_marginals(dataset.train)
    assert nll["product of marginals"] == pytest.approx(
        -float(untrained.log_prob(dataset.test).mean()), abs=1e-2
    )


def test_tree_of_many_numbers_is_left_out(monkeypatch):
    dataset = build(Raw("table", {"all": np.random.default_rng(0).normal(size=(60, 3))}), "table")
    monkeypatch.setattr(scores, "_MOST_FEATURES_BY_PRODUCT", 90)
    monkeypatch.setattr(scores, "_MOST_PAIRS_BY_TABLE", 2)
    assert list(baseline_scores(dataset)) == ["Gaussian copula", "product of marginals"]
