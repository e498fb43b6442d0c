"""Compiled log p of rows, and its slopes, are those of the variables themselves in float64."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import made
from made.kernels.likelihood.log_likelihood import CompiledLikelihood
from made.training.make_step import make_step
from made.training.settings import TrainingSettings
from made.variables.fast_ratio import FARTHEST
from made.variables.normal_mixture import LARGEST_Z
from made.variables.normal_score import log_cell, log_phi

N = 150  # not a multiple of what lies side by side
GROUPED = made.Categorical(list(range(3000)))


def tables():
    """Variables of every kind, and values of one column each."""
    draw = np.random.default_rng(0)
    z = draw.normal(size=N)
    gaps = draw.random(N) < 0.2
    return {
        "binary": (made.Bernoulli(1), (z > 0).astype(int)),
        "classes": (made.Categorical(5), np.clip(np.rint(z + 2), 0, 4).astype(int)),
        "one class": (made.Categorical(1), np.zeros(N, dtype=int)),
        "classes and gaps": (made.Categorical(3, missing=True), np.where(gaps, None, (z > 1).astype(int))),
        "unseen labels": (
            made.Categorical(["a", "b"], unseen=0.1),
            np.where(gaps, "new", np.where(z > 0, "a", "b")).astype(object),
        ),
        "very many classes": (GROUPED, draw.integers(0, 3000, size=N)),
        "continuous": (made.Numeric(), 10 * z),
        "periods": (made.Numeric(periods=[12.0]), 10 * z),
        "a wide grid": (made.Numeric(step=1.0), np.rint(3 * z)),
        "a fine grid": (made.Numeric(step=0.001), np.rint(3000 * z) / 1000),
        "gaps": (made.Numeric(missing=True), np.where(gaps, None, 10 * z)),
        "spikes inside": (made.Numeric(spikes=[0.0, 2.0]), np.where(gaps, 0.0, np.where(z > 1, 2.0, z))),
        "a spike on a grid": (made.Numeric(step=1.0, spikes=[2.0]), np.where(gaps, 2.0, np.rint(5 * z))),
        "a spike at the end, on a grid, and gaps": (
            made.Numeric(step=1.0, spikes=[0.0], missing=True),
            np.where(gaps, 0.0, np.where(z > 1, None, np.rint(np.exp(z + 3)))),
        ),
        "a spike far from all others": (made.Numeric(spikes=[-1e9]), np.where(gaps, -1e9, 10 * z)),
        "a spike far off, on a grid": (
            made.Numeric(step=1.0, spikes=[0.0]),
            np.where(gaps, 0.0, np.rint(1e9 + 100 * z)),
        ),
        "a spike far off, on a fine grid": (
            made.Numeric(step=0.001, spikes=[-1e7]),
            np.where(gaps, -1e7, np.rint(1000 * (20 + z)) / 1000),
        ),
    }


def model_of(names):
    chosen = [tables()[name] for name in names]
    values = np.empty((N, len(names)), dtype=object)
    for d, (_, column) in enumerate(chosen):
        values[:, d] = column
    model = made.MADE([block for block, _ in chosen], hidden=(16,), seed=1)
    model.set_marginals(values)
    return model, model.scored(model.rows(values))


def both(model, rows, spread, seed, dtype=torch.float32):
    """Log p and slopes, by the loop and by the variables in float64."""
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        outputs = model.outputs(rows)
    outputs = (outputs + spread * torch.randn(outputs.shape, generator=draw)).to(dtype).requires_grad_()
    weight = torch.randn(len(rows), generator=draw, dtype=torch.float64)
    plain = outputs.detach().double().requires_grad_()
    expected = model.variables.log_likelihood(plain, rows)
    found = CompiledLikelihood(model.variables)(outputs, rows)
    (slopes,) = torch.autograd.grad((found * weight).sum(), outputs)
    (expected_slopes,) = torch.autograd.grad((expected * weight).sum(), plain)
    return found.double(), expected, slopes.double(), expected_slopes


def test_spikes_lie_far_off():
    names = [name for name in tables() if "far" in name]
    _, rows = model_of(names)
    assert (rows.scores[:, :, 0].abs().amax(dim=0) > FARTHEST).all()


@pytest.mark.parametrize("name", tables())
@pytest.mark.parametrize("spread", [0.0, 0.5, 3.0])
def test_twins(name, spread):
    model, rows = model_of([name])
    found, expected, slopes, expected_slopes = both(model, rows, spread, seed=0)
    torch.testing.assert_close(found, expected, rtol=5e-5, atol=5e-5)
    torch.testing.assert_close(slopes, expected_slopes, rtol=1e-3, atol=5e-4)


@settings(deadline=None, max_examples=20)
@given(
    names=st.lists(st.sampled_from(list(tables())), min_size=1, max_size=8),
    spread=st.sampled_from([0.3, 1.0]),
    seed=st.integers(0, 10_000),
)
def test_any_mix_of_them(names, spread, seed):
    model, rows = model_of(names)
    found, expected, slopes, expected_slopes = both(model, rows, spread, seed)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(slopes, expected_slopes, rtol=1e-3, atol=5e-4)


@pytest.mark.parametrize(
    ("variable", "power"),
    [(made.Numeric(), 300), (made.Numeric(step=1.0), 15), (made.Numeric(step=1e-3), 12)],
)
@pytest.mark.parametrize("spread", [0.0, 1.0, 3.0])
def test_values_far_beyond_all_that_were_seen(variable, power, spread):
    model = made.MADE(variable, hidden=(16,))
    model.set_marginals(np.rint(100 * np.random.default_rng(0).normal(size=(N, 1))))
    sizes = np.rint(10 ** np.linspace(6, power, 100))
    rows = model.scored(model.rows(np.concatenate([sizes, -sizes])[:, None]))
    assert (rows.scores[:, :, 0].abs() > FARTHEST).sum() > 100
    found, expected, slopes, expected_slopes = both(model, rows, spread, seed=0)
    torch.testing.assert_close(found, expected, rtol=5e-5, atol=5e-5)
    torch.testing.assert_close(slopes, expected_slopes, rtol=1e-3, atol=5e-4)


@pytest.mark.parametrize("step", [None, 1.0])
@pytest.mark.parametrize("width", [-12.0, -6.0, -2.0, 1.0])
def test_all_the_way_out(step, width):
    model = made.MADE(made.Numeric(step=step), hidden=(16,))
    model.set_marginals(np.arange(N)[:, None])
    z = torch.linspace(-LARGEST_Z - 3, LARGEST_Z + 3, 20_001, dtype=torch.float64)
    rows = model.scored(model.rows(np.zeros((len(z), 1))))
    widths = torch.full_like(z, math.exp(width))
    log_g = log_phi(z) if step is None else widths.log() + log_cell(z, widths)
    rows = replace(rows, scores=torch.stack([z, widths, log_g], dim=1)[:, None])
    found, expected, slopes, expected_slopes = both(model, rows, 1.5, seed=0)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(slopes, expected_slopes, rtol=3e-3, atol=3e-3)


def test_float64_goes_the_plain_way():
    model, rows = model_of(["a fine grid", "classes"])
    found, expected, *_ = both(model, rows, 1.0, seed=0, dtype=torch.float64)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_the_number_of_threads_does_not_matter():
    model, rows = model_of(list(tables()))
    answers = []
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found, _, slopes, _ = both(model, rows, 1.0, seed=0)
            answers.append((found, slopes))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(answers[0][0], answers[1][0])
    assert torch.equal(answers[0][1], answers[1][1])


def test_a_compiled_step_takes_it(monkeypatch):
    model, _ = model_of(["continuous", "classes"])
    taken = []
    monkeypatch.setattr(
        CompiledLikelihood, "__call__", lambda own, outputs, rows: taken.append(1) or outputs.sum(dim=1)
    )
    settings = TrainingSettings(compiled=True)
    step = make_step(model, settings, n_steps=1)
    from made.training.batches import Batch

    step.take(Batch.of(model_of(["continuous", "classes"])[1]), 0, 1e-3, torch.Generator())
    assert taken == [1]
