"""Log p of entries of columns with many spikes, by the compiled loop, is that of the variables."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

import made
from made.kernels.likelihood import compiled_log_prob as module
from made.kernels.likelihood.compiled_log_prob import compiled_log_prob
from made.variables.conditions import RECORDED

N = 1_000
SPIKES = np.round(np.linspace(-2, 2, 80), 3)


@pytest.fixture(scope="module")
def asked(randomize):
    """A model of numbers that repeat, gaps, a grid and labels; its rows, and outputs of its network."""
    draw = np.random.default_rng(0)
    z = draw.normal(size=N)
    values = np.empty((N, 4), dtype=object)
    values[:, 0] = np.where(draw.random(N) < 0.5, draw.choice(SPIKES, N), z)
    values[:, 1] = np.where(draw.random(N) < 0.2, None, np.where(z > 1, 3.0, np.rint(9 * z)))
    values[:, 2] = np.where(z > 0, "a", "b")
    values[:, 3] = 1e6 * z**3
    blocks = [
        made.Numeric(spikes=SPIKES.tolist()),
        made.Numeric(step=1.0, spikes=[3.0], missing=True),
        made.Categorical(["a", "b"], unseen=0.1),
        made.Numeric(),
    ]
    model = randomize(made.MADE(blocks, hidden=(32,), seed=0), scale=0.3)
    model.set_marginals(values)
    rows = model.scored(model.rows(values))
    with torch.no_grad():
        return model, rows, model.outputs(rows)


def test_twins(asked):
    model, rows, outputs = asked
    found = compiled_log_prob(model.variables, outputs, rows)
    expected = model.variables.log_prob(outputs.double(), rows.codes, rows.scores)
    assert found.dtype == torch.float64
    torch.testing.assert_close(found, expected, rtol=5e-5, atol=5e-5)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_number_of_threads_does_not_matter(asked, threads):
    model, rows, outputs = asked
    before = torch.get_num_threads()
    expected = compiled_log_prob(model.variables, outputs, rows)
    try:
        torch.set_num_threads(threads)
        assert torch.equal(compiled_log_prob(model.variables, outputs, rows), expected)
    finally:
        torch.set_num_threads(before)


def test_the_model_asks_it_where_it_pays(asked, monkeypatch):
    model, rows, outputs = asked
    taken = []

    def noted(*arguments):
        taken.append(compiled_log_prob(*arguments) is not None)

    monkeypatch.setattr("made.masked.compiled_log_prob", noted)
    plain = model.log_prob(rows)
    one = model.log_prob(rows[:1])
    gradient = model.log_prob(rows, grad=True)
    assert taken == [True, False, False]
    torch.testing.assert_close(one, plain[:1], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(gradient.detach(), plain, rtol=1e-5, atol=1e-5)
    monkeypatch.undo()
    torch.testing.assert_close(model.log_prob(rows), plain, rtol=5e-5, atol=5e-5)
    assert compiled_log_prob(model.variables, outputs.double(), rows) is None
    without = made.MADE(made.Numeric(), hidden=(8,))
    without.set_marginals(np.arange(9.0)[:, None])
    own = without.scored(without.rows(np.arange(9.0)[:, None]))
    assert compiled_log_prob(without.variables, without.outputs(own).detach(), own) is None


def test_without_numba(asked, monkeypatch):
    model, rows, outputs = asked
    monkeypatch.setattr(module, "_loop", lambda: None)
    assert compiled_log_prob(model.variables, outputs, rows) is None


def test_questions_about_rows_with_gaps_and_conditions_have_the_same_answers(asked, monkeypatch):
    model, _, _ = asked
    rows = np.array([[None, 2.0, "a", None], [0.5, None, None, 1e5]], dtype=object)
    settings = {"where": {"x3": RECORDED}, "particles": 1_000}
    fast = model.marginal(rows, **settings)
    monkeypatch.setattr(module, "_loop", lambda: None)
    plain = model.marginal(rows, **settings)
    np.testing.assert_allclose(fast.log_prob, plain.log_prob, rtol=1e-4, atol=1e-4)


def test_a_model_that_goes_is_not_kept(asked):
    model, rows, outputs = asked
    other = copy.deepcopy(model)
    assert compiled_log_prob(other.variables, outputs, rows) is not None
    n = len(module._plans)
    del other
    import gc

    gc.collect()
    assert len(module._plans) == n - 1
