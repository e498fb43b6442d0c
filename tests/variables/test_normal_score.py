"""Marginals: normal scores and back, densities that integrate to 1, tails, cells, units."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
import torch
from scipy import integrate, stats

from made.variables.marginal_fit import fit_marginal
from made.variables.normal_score import NormalScores, Spline, log_cell, log_phi, ndtri_exp

mpmath.mp.dps = 50

COLUMNS = {
    "normal": stats.norm(3, 2),
    "uniform": stats.uniform(-1, 2),
    "skewed": stats.lognorm(2.0),
    "heavy": stats.t(2),
    "ten orders": stats.loguniform(1e-3, 1e7),
    "both ends": stats.beta(0.5, 0.5),
}


def tensor(values):
    return torch.tensor(values, dtype=torch.float64)


def fitted(name, n=1000, step=0.0, seed=0):
    values = COLUMNS[name].rvs(n, random_state=seed)
    values = np.round(values / step) * step if step else values
    return NormalScores([fit_marginal(values, step)], [step]), values


@pytest.mark.parametrize("name", COLUMNS)
def test_values_are_the_inverse_of_scores(name):
    scores, _ = fitted(name)
    z = torch.linspace(-6, 6, 2001, dtype=torch.float64)[None]
    again, log_slope = scores.point(scores.values(z))
    torch.testing.assert_close(again, z, rtol=0, atol=1e-9)
    assert log_slope.isfinite().all()


@pytest.mark.parametrize("name", COLUMNS)
def test_the_density_integrates_to_1_and_is_the_slope_of_the_cdf(name):
    scores, _ = fitted(name)
    z = torch.linspace(-8, 8, 40_001, dtype=torch.float64)[None]
    x = scores.values(z)
    density = scores.of(x).log_marginal.exp()[0].numpy()
    assert integrate.trapezoid(density, x[0].numpy()) == pytest.approx(1, abs=1e-3)
    inner = slice(15_000, 25_000)
    steps = np.diff(x[0].numpy())[inner]
    slopes = np.diff(torch.special.ndtr(z[0]).numpy())[inner] / steps
    middle = (density[1:] + density[:-1])[inner] / 2
    assert np.median(np.abs(slopes / middle - 1)) < 1e-4


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize(("n", "most"), [(100, 0.3), (20_000, 0.015)])
def test_it_is_close_to_the_distribution_that_values_come_from(name, n, most):
    scores, _ = fitted(name, n)
    fresh = COLUMNS[name].rvs(20_000, random_state=1)
    log_g = scores.of(tensor(fresh)[None]).log_marginal[0].numpy()
    assert np.mean(COLUMNS[name].logpdf(fresh) - log_g) < most


@pytest.mark.parametrize("step", [1.0, 0.01])
def test_masses_of_cells_sum_to_1(step):
    scores, values = fitted("skewed", step=step)
    grid = np.arange(np.floor(values.min()) - 500, 20_000, step) if step == 1 else np.arange(-5, 300, step)
    mass = scores.of(tensor(np.round(grid / step) * step)[None]).log_marginal.exp().sum()
    beyond = 1 - torch.special.ndtr(scores.point(tensor([[grid[-1] + step / 2]]))[0]).item()
    assert float(mass) + beyond == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("power", [-40, -3, 5, 60])
@pytest.mark.parametrize("name", COLUMNS)
def test_other_units_move_the_density_by_their_logarithm(name, power):
    values = COLUMNS[name].rvs(500, random_state=0)
    one, other = (NormalScores([fit_marginal(x)], [0.0]) for x in (values, values * 2.0**power))
    a, b = one.of(tensor(values)[None]), other.of(tensor(values * 2.0**power)[None])
    torch.testing.assert_close(a.z, b.z, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(a.log_marginal - power * math.log(2), b.log_marginal, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", COLUMNS)
def test_nothing_is_infinite_however_far_out(name):
    scores, _ = fitted(name)
    x = tensor([[-1e308, -1e300, -1e10, -1e-300, 0.0, 5e-324, 1e-300, 1e10, 1e300, 1.7e308]])
    score = scores.of(x)
    assert score.z.isfinite().all()
    assert score.log_marginal.isfinite().all()
    assert (score.z.diff() >= 0).all()


@pytest.mark.parametrize("values", [[], [5.0], [5.0, 5.0, 5.0], [0.0] * 30, [1.0, 2.0], [1e300, -1e300, 0.0]])
def test_columns_of_hardly_anything(values):
    scores = NormalScores([fit_marginal(np.array(values))], [0.0])
    score = scores.of(tensor([[*values, 0.0, 7.5]]))
    assert score.log_marginal.isfinite().all()


def test_whole_numbers_of_any_size():
    values = np.random.default_rng(0).integers(-(2**62), 2**62, 500).astype(float)
    scores = NormalScores([fit_marginal(values, 1.0)], [1.0])
    score = scores.of(tensor(values)[None])
    point = NormalScores([fit_marginal(values, 1.0)], [0.0]).of(tensor(values)[None])
    # A cell of width 1 is a point here, times its width.
    torch.testing.assert_close(score.log_marginal, point.log_marginal, rtol=1e-9, atol=1e-9)


def test_weights_count_as_rows():
    values = np.random.default_rng(0).normal(size=300)
    twice = fit_marginal(np.repeat(values, 2))
    weighted = fit_marginal(values, weights=np.full(300, 2.0))
    grid = tensor(np.linspace(-2, 2, 50))[None]
    a, b = (NormalScores([spline], [0.0]).point(grid)[0] for spline in (twice, weighted))
    torch.testing.assert_close(a, b, rtol=0, atol=0.15)


def test_marginals_of_several_columns_are_those_of_each():
    parts = [fitted(name) for name in ("normal", "ten orders", "heavy")]
    splines = [fit_marginal(values) for _, values in parts]
    together = NormalScores(splines, [0.0] * 3)
    x = tensor(np.stack([values[:50] for _, values in parts]))
    for i, spline in enumerate(splines):
        alone = NormalScores([spline], [0.0]).of(x[i : i + 1])
        for own, all_of_them in zip(alone, together.of(x), strict=True):
            assert torch.equal(own[0], all_of_them[i])


def test_a_spline_reads_what_it_wrote(refused):
    spline = fit_marginal(COLUMNS["skewed"].rvs(200, random_state=0))
    assert Spline.from_dict(spline.as_dict()) == spline
    assert 3 * len(spline.knots) + 2 <= 256
    with refused("increase"):
        Spline.from_dict({**spline.as_dict(), "knots": [0.0] * len(spline.knots)})
    with refused("scores of a marginal are at most 100 from 0"):
        Spline.from_dict({**spline.as_dict(), "scores": [-1e30, *spline.scores[1:]]})
    for slopes in ((5e-324, *spline.slopes[1:]), (*spline.slopes[:-1], 1e-12)):
        with refused("a slope of a marginal is far less"):
            Spline.from_dict({**spline.as_dict(), "slopes": slopes})


def test_knots_of_skewed_columns_reach_the_largest_number_and_no_further(refused):
    values = np.append(np.exp(3 * np.random.default_rng(0).normal(size=500)), np.finfo(np.float64).max)
    spline = fit_marginal(values)
    assert spline.scale > 0
    assert Spline.from_dict(spline.as_dict()) == spline
    with refused("knots of a skewed marginal are at most 1500 from 0"):
        Spline.from_dict({**spline.as_dict(), "knots": [*spline.knots[:-1], 1e308]})


def test_ndtri_exp_inverts_the_logarithm_of_the_cdf():
    z = tensor([-1e4, -150.0, -50.0, -20.0, -5.5, -5.0, -1.0, 0.0, 2.5])
    torch.testing.assert_close(ndtri_exp(torch.special.log_ndtr(z)), z, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_log_cell_is_the_mean_density_over_a_cell(dtype):
    for z in (0.0, 1e-3, 0.7, -3.0, 8.0, -25.0, 37.0):
        for width in (0.0, 1e-6, 1e-3, 0.029, 0.031, 0.5, 3.0, 30.0):
            own = torch.tensor([z, width], dtype=dtype)
            found = float(log_cell(own[0], own[1]))
            z_, width_ = (mpmath.mpf(float(part)) for part in own)
            low, high = abs(z_) - width_ / 2, abs(z_) + width_ / 2
            if width == 0:
                true = float(log_phi(own[0].double()))
            else:
                true = float(mpmath.log((mpmath.ncdf(-low) - mpmath.ncdf(-high)) / width_))
            assert found == pytest.approx(true, rel=1e-5 if dtype == torch.float32 else 1e-7, abs=1e-5)
