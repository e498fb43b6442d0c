"""Marginals with edges: all mass is within, and evenly spread where no value says otherwise."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from made.variables.bounded_spline import bounded, uniform_spline
from made.variables.marginal_fit import fit_marginal
from made.variables.normal_score import NormalScores, Spline
from made.variables.numeric import Numeric


def masses(spline, n):
    """The mass of each of the cells 0..n-1, and of those beside them."""
    points = torch.arange(-1.0, n + 1, dtype=torch.float64)[None]
    return NormalScores([spline], [1.0]).of(points).log_marginal.exp()[0].numpy()


@pytest.mark.parametrize("n", [2, 24, 1440])
def test_the_cells_of_a_uniform_marginal_are_alike(n):
    found = masses(uniform_spline(-0.5, n - 0.5), n)
    assert found[1:-1] == pytest.approx(np.full(n, 1 / n), rel=0.02)
    assert found[[0, -1]] == pytest.approx([0, 0], abs=1e-14)


@pytest.mark.parametrize("kind", ["one", "few", "many", "ends"])
def test_a_fitted_marginal_has_all_its_mass_within_the_edges(kind):
    random = np.random.default_rng(0)
    values = {
        "one": np.full(50, 12.0),
        "few": np.array([3.0, 20.0]),
        "many": random.integers(0, 24, 2000).astype(float),
        "ends": np.repeat([0.0, 23.0], 100),
    }[kind]
    found = masses(fit_marginal(values, 1.0, edges=(-0.5, 23.5)), 24)
    assert found[1:-1].sum() == pytest.approx(1, abs=1e-10)
    assert found[1:-1].min() > 0
    if kind == "many":
        assert found[1:-1] == pytest.approx(np.bincount(values.astype(int), minlength=24) / 2000, abs=0.02)


def test_a_normal_score_comes_back_from_its_value():
    scores = NormalScores([bounded(Spline((3.0, 9.0), (-0.5, 0.5), (1 / 6, 1 / 6)), -0.5, 23.5)], [1.0])
    z = torch.linspace(-7.5, 7.5, 101, dtype=torch.float64)[None]
    assert torch.allclose(scores.point(scores.values(z))[0], z, atol=1e-6)


def test_without_edges_a_marginal_stays_as_it_is():
    spline = Spline((3.0, 9.0), (-0.5, 0.5), (1 / 6, 1 / 6))
    assert bounded(spline, -np.inf, np.inf) == spline


def test_a_numeric_variable_with_bounds_refuses_what_lies_beyond(refused):
    own = Numeric(step=1.0, bounds=(0, 23))
    assert own.encode(np.array([-1, 0, 23, 24])).wrong.tolist() == [True, False, False, True]
    assert own.bodies_near(np.array([-3.0, 99.0])).tolist() == [0, 23]
    again = {name: value for name, value in own.settings().items() if name != "kind"}
    assert Numeric(**again).settings() == own.settings()
    with refused("bounds"):
        Numeric(step=1.0, bounds=(3, 3))
    with refused("bounds"):
        Numeric(bounds=(0, 1))
