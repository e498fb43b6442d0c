"""The compiled uniforms are those of `support.uniforms`, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from made.kernels.one_pass import philox
from made.support import uniforms


@pytest.mark.parametrize("width", [1, 3, 4, 5, 9, 785])
@pytest.mark.parametrize(
    ("first", "n"), [(0, 0), (0, 1), (7, 3), (0, 16), (1000, 100), (2**62, 17), (2**70, 2)]
)
@pytest.mark.parametrize("seed", [0, 2**80])
def test_twins(width, first, n, seed):
    expected = uniforms.row_uniforms(seed, first, n, width)
    sampled = philox.row_uniforms(seed, first, n, width)
    assert sampled.dtype == np.float64
    np.testing.assert_array_equal(sampled, expected)
