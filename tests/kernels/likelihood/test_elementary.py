"""exp, log and erfc in single precision are those of double precision."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from scipy import special

from made.kernels.likelihood import elementary

CASES = {
    "exp": (elementary.exp, np.exp, np.linspace(-86, 87, 100_001), 2e-7),
    "log": (elementary.log, np.log, np.exp(np.linspace(-80, 80, 100_001)), 2e-7),
    "erfc": (elementary.erfc, special.erfc, np.linspace(-8, 8, 100_001), 6e-6),
    "erfc near 0": (elementary.erfc, special.erfc, np.linspace(-2, 2, 100_001), 6e-7),
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_that_of_double_precision(name):
    own, reference, x, tolerance = CASES[name]

    @numba.njit
    def loop(x, out):
        for i in range(len(x)):
            out[i] = own(x[i])

    x = x.astype(np.float32)
    found = np.empty_like(x)
    loop(x, found)
    expected = reference(x.astype(np.float64))
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance if name == "log" else 0)


def test_what_is_too_small_or_too_far_ends():
    @numba.njit
    def ends(x):
        return elementary.exp(x), elementary.erfc(-x)

    low, far = ends(np.float32(-1000))
    assert 0 < low < 1e-37
    assert 0 < far < 1e-27
