"""Choosing among candidates: the best is taken, one that diverges is skipped, and all of it is logged."""

import io
from contextlib import redirect_stderr

import numpy as np
import pytest

import made
from made.support.log import log_on_stderr
from made.training.divergence import TrainingDivergedError
from made.tuning.candidates import Candidate
from made.tuning.successive_halving import choose

_WILD = {"epochs": 3, "learning_rate": 1e30, "schedule": "constant", "optimizer": "adam"}
SMALL = Candidate("small", {"hidden": (1,)}, {"epochs": 18})
WIDE = Candidate("wide", {"hidden": (64,)}, {"epochs": 60, "batch_size": 32})
WILD = Candidate("wild", {"hidden": (8,)}, _WILD)


def _rows(n: int) -> np.ndarray:
    draw = np.random.default_rng(0)
    first = draw.integers(0, 2, (n, 1))
    return np.where(draw.random((n, 6)) < 0.9, first, 1 - first)


def _build(candidate):
    return made.MADE(made.Bernoulli(6), **candidate.model)


def _choose(*tried):
    rows = _rows(600)
    with redirect_stderr(io.StringIO()) as said, log_on_stderr():
        chosen = choose(tried, _build, rows[:500], rows[500:])
    return chosen, said.getvalue()


def test_the_best_is_chosen_whatever_its_place():
    for tried in ((SMALL, WIDE), (WIDE, SMALL)):
        chosen, said = _choose(*tried)
        assert chosen is WIDE
        for words in (
            "comparing 2 settings by fits of 50% of the epochs",
            "small: validation NLL",
            "after 9 epochs (about ",
            " left in all)",
            "after 30 epochs",
            "chosen: wide",
        ):
            assert words in said


def _history(nll):
    record = made.training.history.EpochRecord(0, 0, None, nll, 0.1, 1e-3, 0.0)
    return made.History(epochs=[record], best_epoch=0, ended="finished")


def test_the_first_round_leaves_three_and_the_second_decides(monkeypatch):
    # By dropout and epochs: 0.1 learns quickly, 0.2 gets further, 0.4 does neither.
    first = {(0.1, 20): 5.0, (0.2, 20): 5.5, (0.3, 20): 5.6, (0.4, 20): 6.0}
    found = first | {(0.1, 30): 4.9, (0.2, 30): 4.0, (0.3, 30): 5.0}
    asked = []

    def fit(model, *_, epochs, **__):
        asked.append((model.network.dropout, epochs))
        return _history(found[asked[-1]])

    monkeypatch.setattr("made.tuning.successive_halving.fit", fit)
    tried = [Candidate(str(p), {"dropout": p}, {"epochs": 60}) for p in (0.1, 0.2, 0.3, 0.4)]
    chosen, _ = _choose(*tried)
    assert chosen is tried[1]
    assert asked == list(found)


def test_one_candidate_is_not_tried():
    chosen, said = _choose(SMALL)
    assert chosen is SMALL
    assert said == "too few validation rows to compare settings; taken: small\n"


def test_one_that_diverges_is_skipped():
    chosen, said = _choose(WILD, SMALL)
    assert chosen is SMALL
    assert "wild: training diverged" in said


def test_if_all_diverge_it_is_said():
    with pytest.raises(TrainingDivergedError, match="lower the learning rate"):
        _choose(WILD, WILD)


def test_ctrl_c_chooses_nothing(monkeypatch):
    def fit(*_, **__):
        history = made.History()
        history.ended = "interrupted"
        return history

    monkeypatch.setattr("made.tuning.successive_halving.fit", fit)
    with pytest.raises(KeyboardInterrupt):
        _choose(SMALL, WIDE)
