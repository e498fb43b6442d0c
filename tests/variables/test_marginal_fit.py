"""Marginals of values of any size: every number of a spline is finite, and nothing overflows on the way."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from made.variables.marginal_fit import fit_marginal
from made.variables.normal_score import NormalScores

EXTREME = np.array([1.7e308, 1e308, -1e308, 1e300, 1.0, 0.0, -1.0, 1e-300, 5e-324])


def extreme_values(seed):
    """Return values of any size, beside others that recur at the ends of what a float can be."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 120))
    with np.errstate(over="ignore"):
        values = np.clip(rng.normal(size=n) * 10.0 ** int(rng.integers(-320, 309)), -1.7e308, 1.7e308)
    some = rng.choice(EXTREME, int(rng.integers(1, 4)), replace=False)
    return np.where(rng.random(n) < rng.random(), rng.choice(some, n), values)


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_values_of_any_size_have_a_finite_spline(first):
    with np.errstate(divide="raise", over="raise", invalid="raise"):
        for seed in range(first, first + 50):
            spline = fit_marginal(extreme_values(seed), 0.0)
            parts = [np.ravel(part) for part in vars(spline).values()]
            assert all(np.isfinite(part).all() for part in parts), seed


@pytest.mark.parametrize("power", [-900, -600, 600, 1000])
def test_values_too_large_or_small_for_sums_have_scores_like_others(power):
    values = np.random.default_rng(0).normal(size=400)
    far = np.ldexp(values, power)
    z = [
        NormalScores([fit_marginal(own, 0.0)], [0.0]).point(torch.from_numpy(own)[None])[0]
        for own in (values, far)
    ]
    assert torch.isfinite(z[1]).all()
    # Large ones are seen through asinh: not the same spline, but the same distribution.
    assert float((z[0] - z[1]).abs().max()) < 0.6
    assert float((z[0] - z[1]).abs().mean()) < 0.1
