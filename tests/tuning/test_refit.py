"""Fitting anew on all rows: as many steps as validation chose, goes on where it stopped."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import made
from made.tuning.candidates import Candidate
from made.tuning.pipeline import Pipeline
from made.tuning.refit import Fit, refit

SCHEMA = made.Schema.of_classes([2] * 6)
SMALL = Candidate("small", {"hidden": (8,)}, {"epochs": 8, "batch_size": 50, "ema": 0.9})
WIDE = Candidate("wide", {"hidden": (16,)}, {"epochs": 4, "batch_size": 50})


@pytest.fixture(scope="module")
def pipeline():
    draw = np.random.default_rng(0)
    first = draw.integers(0, 2, (600, 1))
    rows = SCHEMA.encode(np.where(draw.random((600, 6)) < 0.9, first, 1 - first))
    return Pipeline(SCHEMA, rows[:300], rows[300:])


def _validated(pipeline, candidate):
    model, training = pipeline.prepare(candidate)
    return Fit(candidate, training, pipeline.fit(model, training))


def test_it_is_the_fit_of_all_rows_to_the_same_step(pipeline):
    own = _validated(pipeline, SMALL)
    steps = 6 * own.history.best_epoch
    model, ended = refit(pipeline, [own])
    assert ended == "finished"
    rows = type(pipeline.train).cat([pipeline.train, pipeline.valid])
    expected, training = pipeline.on(rows).prepare(SMALL)
    history = made.fit(expected, rows, False, **{**training, "epochs": 4}, pause_after=steps // 12)
    assert len(history.batch_losses) == steps // 12 * 12
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, expected.state_dict()[name])


def test_variables_take_as_much_of_it_as_they_took(pipeline):
    shrunk = replace(SMALL, training={**SMALL.training, "shrink": True})
    own = _validated(pipeline, shrunk)
    assert len(own.history.shares) == 6
    shares = [0.0, 1.0, 0.5, 0.0, 1.0, 1.0]
    own.history.shares = shares
    model, _ = refit(pipeline, [own])
    whole, _ = refit(pipeline, [own._replace(history=replace(own.history, shares=[]))])
    rows = SCHEMA.encode([[0, 1, 0, 1, 0, 1], [1, 1, 1, 1, 1, 1]])
    rows_of_fit = type(pipeline.train).cat([pipeline.train, pipeline.valid])
    start, _ = pipeline.on(rows_of_fit).prepare(shrunk)
    between = torch.lerp(start.outputs(rows), whole.outputs(rows), torch.tensor(shares))
    assert torch.allclose(model.outputs(rows), between, atol=1e-5)


def test_members_of_a_mixture_are_fitted_each(pipeline):
    fits = [_validated(pipeline, own) for own in (SMALL, WIDE)]
    model, _ = refit(pipeline, fits)
    assert [member.hidden for member in model.members] == [(8,), (16,)]


def test_it_goes_on_where_it_was_stopped(pipeline, tmp_path):
    own = _validated(pipeline, SMALL)
    stopped, ended = refit(pipeline, [own], tmp_path, deadline=0.0)
    assert (stopped, ended) == (None, "out of time")
    again, _ = refit(pipeline, [own], tmp_path)
    whole, _ = refit(pipeline, [own])
    for name, tensor in again.state_dict().items():
        assert torch.equal(tensor, whole.state_dict()[name])


def test_without_validation_rows_all_have_been_trained_on(pipeline):
    assert refit(pipeline.on(pipeline.train), []) == (None, "finished")
