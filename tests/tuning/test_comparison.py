"""Comparing candidates: the best wins wherever it stands, goes on where it is, and nothing is done twice."""

from __future__ import annotations

import io
import signal
from contextlib import redirect_stderr

import numpy as np
import pytest
import torch

import made
from made.support.log import log_on_stderr
from made.training.checkpoint import best_weights, history_of
from made.training.divergence import TrainingDivergedError
from made.tuning.candidates import Candidate
from made.tuning.comparison import Comparison
from made.tuning.plan import Plan, Rung
from made.tuning.side_by_side import one_thread

_WILD = {"epochs": 8, "learning_rate": 1e30, "schedule": "constant", "optimizer": "adam"}
SMALL = Candidate("small", {"hidden": (1,)}, {"epochs": 16})
WIDE = Candidate("wide", {"hidden": (64,)}, {"epochs": 64, "batch_size": 32})
WILD = Candidate("wild", {"hidden": (8,)}, _WILD)


@pytest.fixture(scope="module")
def rows():
    draw = np.random.default_rng(0)
    first = draw.integers(0, 2, (600, 1))
    return made.MADE(made.Bernoulli(6)).rows(np.where(draw.random((600, 6)) < 0.9, first, 1 - first))


RUNGS = (Rung(1 / 8, 2), Rung(1 / 4, 2), Rung(1 / 2, 1))
SCHEMA = made.Schema.of_classes([2] * 6)


@pytest.fixture
def compare(rows, tmp_path):
    """A function that compares candidates, and returns the outcome and what was logged."""

    def compare(*candidates, **others):
        plan = candidates[0] if isinstance(candidates[0], Plan) else Plan(candidates, RUNGS)
        folder = others.pop("folder", tmp_path / "comparison")
        others = {"n_workers": 0, **others}
        comparison = Comparison(plan, build, SCHEMA, rows[:500], rows[500:], folder, **others)
        with redirect_stderr(io.StringIO()) as logged, log_on_stderr():
            outcome = comparison.run()
        return outcome, logged.getvalue()

    return compare


def build(candidate):
    return made.MADE(made.Bernoulli(6), **candidate.model)


def press_ctrl_c(monkeypatch, step):
    """Press Ctrl-C in one training step, counted from 1 over all fits."""
    plain, done = made.MADE.loss, []

    def loss(self, *args, **kwargs):
        done.append(None)
        if len(done) == step:
            signal.raise_signal(signal.SIGINT)
        return plain(self, *args, **kwargs)

    monkeypatch.setattr(made.MADE, "loss", loss)
    return done


@pytest.mark.parametrize("order", [(SMALL, WIDE), (WIDE, SMALL)])
def test_the_best_is_chosen_whatever_its_place(compare, order):
    outcome, logged = compare(*order)
    assert outcome.candidate is WIDE
    assert outcome.ended == "chosen"
    for words in ("comparing 2 settings after", "small: validation NLL", "nats after", "chosen: wide"):
        assert words in logged


def test_the_winner_goes_on_as_if_it_had_never_paused(compare, rows):
    outcome, _ = compare(SMALL, WIDE)
    model, whole = build(WIDE), build(WIDE)
    settings = {**WIDE.training, "seed": 0}
    with one_thread():
        history = made.fit(
            model, rows[:500], rows[500:], checkpoint=outcome.checkpoint, resume=True, **settings
        )
        expected = made.fit(whole, rows[:500], rows[500:], **settings)
    assert history.batch_losses == expected.batch_losses
    assert history.valid_nll == expected.valid_nll
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), whole.parameters(), strict=True))


def test_one_candidate_is_not_fitted(compare, tmp_path):
    outcome, logged = compare(SMALL)
    assert outcome.candidate is SMALL
    assert outcome.model is None
    assert logged == ""
    assert not (tmp_path / "comparison").exists()


def test_one_that_diverges_is_skipped(compare):
    outcome, logged = compare(WILD, SMALL)
    assert outcome.candidate is SMALL
    assert "wild: training diverged" in logged


def test_if_all_diverge_it_is_said(compare):
    with pytest.raises(TrainingDivergedError, match="lower the learning rate"):
        compare(WILD, WILD)


def test_what_was_done_before_ctrl_c_is_not_done_again(compare, monkeypatch, tmp_path):
    """The outcome is that of a comparison that was never interrupted, and no step is taken twice."""
    third = Candidate("third", {"hidden": (16,)}, {"epochs": 16, "batch_size": 64})
    plan = Plan((SMALL, WIDE, third), (Rung(1 / 8, 2), Rung(1 / 2, 1)))
    with monkeypatch.context() as patch:
        steps = press_ctrl_c(patch, step=-1)
        expected, _ = compare(plan, folder=tmp_path / "whole")
        n_steps = len(steps)
    with monkeypatch.context() as patch:
        steps = press_ctrl_c(patch, step=n_steps // 2)
        stopped, _ = compare(plan)
        assert stopped.ended == "interrupted"
        assert len(steps) == n_steps // 2
    with monkeypatch.context() as patch:
        steps = press_ctrl_c(patch, step=-1)
        outcome, _ = compare(plan)
        assert len(steps) == n_steps - n_steps // 2
    assert outcome.candidate.about == expected.candidate.about
    assert outcome.checkpoint.read_bytes()[-1000:] == expected.checkpoint.read_bytes()[-1000:]
    again, logged = compare(plan)
    assert again.candidate.about == outcome.candidate.about
    assert logged == f"chosen: {outcome.candidate.about}\n"


@pytest.mark.parametrize("candidates", [(SMALL, WIDE), (WIDE, SMALL)])
def test_its_history_says_that_it_was_stopped_whichever_was(compare, monkeypatch, tmp_path, candidates):
    """Of two the first is at the end of its rung: it may be the best, and a run would count as finished."""
    plan = Plan(candidates, (Rung(1 / 2, 1),))
    with monkeypatch.context() as patch:
        steps = press_ctrl_c(patch, step=-1)
        compare(plan, folder=tmp_path / "whole")
    press_ctrl_c(monkeypatch, step=len(steps) - 1)
    outcome, _ = compare(plan)
    assert outcome.ended == outcome.history.ended == "interrupted"


def test_stopped_it_has_the_best_model_so_far(compare, rows, monkeypatch):
    press_ctrl_c(monkeypatch, step=100)
    seen = []
    outcome, _ = compare(SMALL, WIDE, on_best=lambda model, nll: seen.append(model))
    assert outcome.ended == "interrupted"
    nll = -outcome.model.log_prob(rows[500:]).mean().item()
    assert nll == pytest.approx(min(outcome.history.valid_nll), abs=1e-9)
    assert nll < 6 * np.log(2)
    assert nll == -seen[-1].log_prob(rows[500:]).mean().item()


def test_the_best_model_is_reported_again_when_it_gets_better(compare):
    twins = (WIDE, Candidate("twin", WIDE.model, WIDE.training))
    seen = []
    compare(Plan(twins, (Rung(1 / 16, 2), Rung(1 / 4, 1))), on_best=lambda model, nll: seen.append(model))
    assert len(seen) == 3  # untrained, then at both rungs, and not for the twin that is no better


def test_out_of_time_it_has_a_model_too(compare):
    outcome, _ = compare(SMALL, WIDE, deadline=0.0)
    assert outcome.ended == "out of time"
    assert outcome.model is not None


def test_decisions_of_another_comparison_are_refused(compare, refused, tmp_path):
    compare(SMALL, WIDE)
    decisions = tmp_path / "comparison" / "decisions.json"
    for content in ("[[7]]", "[[0], [0], [0], [0]]", "nothing", '{"a": 1}'):
        decisions.write_text(content)
        with refused("decisions.json", "delete it"):
            compare(SMALL, WIDE)


@pytest.mark.parametrize("helps", [True, False])
def test_two_finalists_go_to_the_end_and_are_mixed_where_that_helps(compare, rows, monkeypatch, helps):
    twin = Candidate("twin", {"hidden": (48,)}, WIDE.training)
    plan = Plan((WIDE, twin), (Rung(1 / 2, 2), Rung(1.0, 1)))
    seen = []
    monkeypatch.setattr("made.tuning.comparison.mixes", lambda one, other: seen.append((one, other)) or helps)
    outcome, logged = compare(plan)
    ((winner, other),) = seen
    assert winner.mean() < other.mean()
    assert (outcome.partner is not None) == (" mixed with " in logged) == helps
    assert history_of(outcome.checkpoint).ended == "finished"
    if helps:
        partner, file = outcome.partner
        assert {outcome.candidate.about, partner.about} == {"wide", "twin"}
        model = build(partner)
        model.load_state_dict(best_weights(file, model))
        assert model.nll(rows[500:]).numpy() == pytest.approx(other)
    again, logged = compare(plan)
    assert again.partner == outcome.partner
    assert logged.startswith("chosen: ")


def test_a_finalist_that_cannot_win_alone_goes_to_the_end(compare):
    """What it adds to a mixture is known at the end only."""
    outcome, logged = compare(Plan((SMALL, WIDE), (Rung(1 / 2, 2), Rung(1.0, 1))))
    assert outcome.candidate is WIDE
    assert "comparing 2 settings at the end" in logged
