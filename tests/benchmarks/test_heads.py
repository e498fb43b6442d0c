"""The bench of heads: each kind is a distribution, begins as the marginal, and is put back after use."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest
import torch

import made
from made.variables import normal_mixture, numeric, numeric_columns

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
# Ends of cells on the scale of z that cover the line, some of them very narrow.
EDGES = torch.tensor([-9.0, -3.0, -1.0, -0.99999, 0.0, 0.3, 2.0, 9.0], dtype=torch.float64)


@pytest.fixture(params=["bins", "spline"])
def kind(request, monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    kinds = importlib.import_module("head_kinds")
    return kinds.bins(20, 0.01) if request.param == "bins" else kinds.spline(8)


@pytest.fixture
def in_place(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("head_kinds").in_place


def test_the_masses_of_cells_sum_to_1(kind, in_place):
    outputs = torch.randn(30, 1, kind.n_outputs, generator=torch.Generator().manual_seed(0)).double()
    low, high = (ends.expand(30, -1) for ends in (EDGES[:-1], EDGES[1:]))
    outputs = outputs.expand(-1, low.shape[1], -1)
    with in_place(kind):
        log_ratio = normal_mixture.log_ratio(outputs, (low + high) / 2, high - low)
    marginal = torch.special.ndtr(high) - torch.special.ndtr(low)
    assert torch.allclose((log_ratio.exp() * marginal).sum(-1), torch.ones(30).double(), atol=1e-6)


def test_a_narrow_cell_is_as_good_as_a_point(kind, in_place):
    z = torch.linspace(-4.01, 4, 97).double()  # no edge of a bin among them
    outputs = torch.randn(kind.n_outputs, generator=torch.Generator().manual_seed(1)).double().expand(97, -1)
    with in_place(kind):
        point = normal_mixture.log_ratio(outputs, z, None)
        cell = normal_mixture.log_ratio(outputs, z, torch.full_like(z, 1e-5))
    assert torch.allclose(point, cell, atol=1e-3)


def test_outputs_of_0_are_the_marginal(kind, in_place):
    z = torch.linspace(-4, 4, 50).double()
    with in_place(kind):
        outputs = normal_mixture.outputs_of().double().expand(50, -1)
        assert torch.allclose(normal_mixture.log_ratio(outputs, z, None), torch.zeros(50).double(), atol=1e-9)


def test_models_in_the_block_have_the_kind_and_later_ones_do_not(kind, in_place):
    rows = np.random.default_rng(0).normal(size=(200, 2))
    with in_place(kind):
        model = made.MADE(made.Numeric(2), hidden=(16,))
        made.fit(model, rows, epochs=3, batch_size=50)
        assert model.variables.numbers.outputs.numel() == 2 * kind.n_outputs
        assert np.isfinite(model.log_prob(rows).numpy()).all()
    for module in (normal_mixture, numeric, numeric_columns):
        assert module.N_PARAMETERS == 3 * normal_mixture.N_COMPONENTS
    z = torch.zeros(1).double()
    outputs = normal_mixture.outputs_of().double()
    assert abs(float(normal_mixture.log_ratio(outputs, z, None))) < 1e-3
