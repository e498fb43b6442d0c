"""exp in compiled loops is that of numpy."""

from __future__ import annotations

import math

import numba
import numpy as np

from made.kernels.jit.exponential import exp


@numba.njit
def over(x, out):
    for i in range(len(x)):
        out[i] = exp(x[i])


def test_it_is_that_of_numpy():
    x = np.concatenate([np.linspace(-708, 709, 1_000_001), np.linspace(-1e-3, 1e-3, 1001)])
    found = np.empty_like(x)
    over(x, found)
    np.testing.assert_allclose(found, np.exp(x), rtol=1e-13, atol=0)


def test_beyond_its_range_it_ends():
    x = np.array([-np.inf, -1e300, -709, 710, np.inf, np.nan])
    found = np.empty_like(x)
    over(x, found)
    np.testing.assert_array_equal(found[:3], 0)
    np.testing.assert_allclose(found[3:5], math.exp(709), rtol=1e-13)
    assert np.isnan(found[5])


def test_a_number_alone_is_that_of_a_vector_to_the_last_bit():
    x = np.linspace(-50, 50, 1003)
    together, alone = np.empty_like(x), np.empty_like(x)
    over(x, together)
    for i in range(len(x)):
        over(x[i : i + 1], alone[i : i + 1])
    np.testing.assert_array_equal(together, alone)
