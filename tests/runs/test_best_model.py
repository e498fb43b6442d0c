"""The best model on disk: written when it is better, and known again after an interruption."""

from __future__ import annotations

import pytest

import made
from made.runs.best_model import BestModel
from made.runs.folder import RunFolder


@pytest.fixture
def folder(tmp_path):
    return RunFolder(tmp_path)


def _model(seed):
    return made.MADE(made.Bernoulli(3), hidden=(4,), seed=seed)


def test_only_better_models_are_written(folder):
    best = BestModel(folder)
    for seed, nll in ((0, 2.0), (1, 3.0), (2, 1.0)):
        best(_model(seed), nll)
    assert made.load(folder.model_file).seed == 2
    assert best.nll == 1.0


def test_how_good_it_is_is_known_again(folder):
    BestModel(folder)(_model(0), 2.0)
    again = BestModel(folder)
    again(_model(1), 2.5)
    assert made.load(folder.model_file).seed == 0
    folder.model_file.unlink()
    BestModel(folder)(_model(1), 2.5)
    assert made.load(folder.model_file).seed == 1
