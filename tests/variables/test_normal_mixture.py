"""The head integrates to 1, starts as the marginal, is exact in float32; its quantiles invert its CDF."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from made.variables.fast_ratio import FastRatio
from made.variables.normal_mixture import (
    N_PARAMETERS,
    SHARE,
    log_ratio,
    mixture_of,
    outputs_of,
    quantile,
    quantiles,
)
from made.variables.normal_score import log_cell, log_phi

_GRID = torch.linspace(-37, 37, 200_001, dtype=torch.float64)


def outputs(seed, n=1, spread=3.0, dtype=torch.float64):
    draw = torch.Generator().manual_seed(seed)
    return (torch.randn(n, N_PARAMETERS, generator=draw, dtype=torch.float64) * spread).to(dtype)


def cdf(own, z):
    log_weights, positions, widths = mixture_of(own.double())
    inner = (log_weights.exp() * torch.special.ndtr((z.unsqueeze(-1) - positions) / widths)).sum(-1)
    return SHARE * torch.special.ndtr(z) + (1 - SHARE) * inner


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10_000), spread=st.sampled_from([0.1, 1.0, 4.0]))
def test_densities_and_cells_integrate_to_1(seed, spread):
    own = outputs(seed, spread=spread)
    density = (log_ratio(own.expand(len(_GRID), -1), _GRID, None) + log_phi(_GRID)).exp()
    edges = torch.linspace(-37, 37, 500, dtype=torch.float64)
    middle, width = (edges[1:] + edges[:-1]) / 2, edges.diff()
    masses = log_ratio(own.expand(len(middle), -1), middle, width) + log_cell(middle, width) + width.log()
    assert float(masses.exp().sum()) == pytest.approx(1, abs=1e-6)
    narrowest = float(mixture_of(own)[2].min())
    if narrowest > 3e-3:
        assert float(torch.trapezoid(density, _GRID)) == pytest.approx(1, abs=1e-5)


def test_an_untrained_variable_is_its_marginal():
    own = outputs_of().double().expand(len(_GRID), -1)
    ratio = log_ratio(own, _GRID, None)
    divergence = -(log_phi(_GRID).exp() * ratio * (_GRID[1] - _GRID[0])).sum()
    assert abs(float(divergence)) < 1e-8
    _, positions, _ = mixture_of(outputs_of())
    assert len(set(positions.tolist())) == len(positions)


def test_outputs_stand_for_any_normal():
    own = outputs_of(1.7, 0.2).double()
    z = torch.linspace(1.2, 2.2, 29, dtype=torch.float64)
    exact = -0.5 * ((z - 1.7) / 0.2) ** 2 - math.log(0.2) + 0.5 * z**2
    torch.testing.assert_close(log_ratio(own.expand(len(z), -1), z, None), exact, rtol=2e-3, atol=2e-3)


def test_an_outlier_costs_the_logarithm_of_the_share_of_the_marginal():
    own = outputs_of(0.0, 0.01).double()
    for z in (3.0, 20.0, 37.0, 118.0):
        cost = float(log_ratio(own[None], torch.tensor([z], dtype=torch.float64), None))
        assert cost == pytest.approx(math.log(SHARE), abs=1e-6)


@pytest.mark.parametrize("width", [None, 1e-7, 1e-3, 0.1, 3.0])
def test_float32_is_close_to_float64(width):
    own = outputs(0, 20_000, dtype=torch.float32)
    z = torch.randn(20_000, generator=torch.Generator().manual_seed(1)) * 4
    widths = None if width is None else torch.full_like(z, width)
    single = log_ratio(own, z, widths).double()
    double = log_ratio(own.double(), z.double(), None if widths is None else widths.double())
    assert float(((single - double).abs() / (1 + double.abs())).max()) < 1e-4


@pytest.mark.parametrize("width", [None, 1e-7, 0.5])
def test_gradients_are_finite_and_right(width):
    own = outputs(0, 5).requires_grad_()
    z = torch.tensor([-30.0, -2.0, 0.0, 1.0, 36.0], dtype=torch.float64)
    widths = None if width is None else torch.full_like(z, width)
    assert torch.autograd.gradcheck(lambda at: log_ratio(at, z, widths), own)
    far = outputs(1, 2000, spread=10.0, dtype=torch.float32).requires_grad_()
    at = torch.randn(2000, generator=torch.Generator().manual_seed(1)) * 20
    log_ratio(far, at, None if width is None else torch.full_like(at, width)).sum().backward()
    assert far.grad.isfinite().all()


@settings(deadline=None)
@given(seed=st.integers(0, 10_000), spread=st.sampled_from([0.1, 1.0, 4.0]))
def test_quantiles_invert_the_cdf(seed, spread):
    own = outputs(seed, 50, spread)
    draw = torch.Generator().manual_seed(seed)
    uniforms = torch.rand(50, generator=draw, dtype=torch.float64).clamp(1e-12, 1 - 1e-12)
    z = quantile(own, uniforms)
    assert float((cdf(own, z) - uniforms).abs().max()) < 1e-7


def test_quantiles_of_many_uniforms_are_those_of_each():
    own = outputs(3, n=7)
    uniforms = torch.tensor([1e-9, 0.2, 0.5, 0.7, 1 - 1e-6], dtype=torch.float64)
    expected = torch.stack([quantile(own, u.expand(7)) for u in uniforms], dim=1)
    torch.testing.assert_close(quantiles(own, uniforms), expected, rtol=1e-12, atol=1e-12)


def test_what_rounding_took_from_a_score_counts_in_a_narrow_component():
    """In float32 a place near 5.3 is known to 5e-7, half a hundredth of the narrowest width."""
    own = torch.tensor([0.0, -99, -99, -99, -99, 5.25, 0, 0, 0, 0, -60, 0, 0, 0, 0], dtype=torch.float64)
    exact = 5.25 + torch.linspace(-3e-4, 3e-4, 50, dtype=torch.float64)
    z = exact.float()
    rest = (exact - z).float()
    expected = log_ratio(own, exact, None)
    assert float((log_ratio(own.float(), z, None) - expected).abs().max()) > 1e-3
    torch.testing.assert_close(log_ratio(own.float(), z, None, rest).double(), expected, rtol=0, atol=2e-5)
    at = own.float()[:, None].expand(-1, 50)
    fast = FastRatio(torch.arange(15), 1, torch.zeros(0, dtype=torch.int64), torch.zeros(0))
    nothing = torch.zeros(0, 50)
    found = fast.log_ratio(at, z[None], nothing, nothing, rest[None])
    torch.testing.assert_close(found[0].double(), expected, rtol=0, atol=2e-5)
