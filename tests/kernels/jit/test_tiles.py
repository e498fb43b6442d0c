"""Tiles against plain products of matrices."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from made.kernels.jit.tiles import LANES, PANEL, REGISTER, multiply


@settings(max_examples=60, deadline=None)
@given(
    n_sums=st.integers(1, 2 * PANEL + 3),
    n=st.integers(0, 40),
    registers=st.integers(1, 5),
    step=st.integers(1, 3),
    anew=st.booleans(),
    kind=st.sampled_from([np.float32, np.float64]),
)
def test_multiply_is_a_product_of_matrices(n_sums, n, registers, step, anew, kind):
    draw, lanes = np.random.default_rng(n_sums), registers * REGISTER
    length = 2 + step * max(n, 1)
    order = draw.permutation(n_sums + 1)  # rows of weights may lie anywhere
    a = draw.standard_normal((n_sums + 1) * length).astype(kind)
    b = draw.standard_normal((n + 1, lanes + 3)).astype(kind)
    c = draw.standard_normal((n_sums, lanes + 5)).astype(kind)
    own = np.stack([a[order[1 + i] * length + 2 :][: step * n : step] for i in range(n_sums)])
    expected = c.copy()
    expected[:, 2 : 2 + lanes] = own @ b[:n, 1 : 1 + lanes] + (0 if anew else c[:, 2 : 2 + lanes])
    multiply(
        c.reshape(-1), 2, lanes + 5, n_sums, a, order * length, 1, 2, step,
        b.reshape(-1), 1, lanes + 3, n, lanes, anew,
    )  # fmt: skip
    np.testing.assert_allclose(c, expected, atol=1e-4 if kind == np.float32 else 1e-12)


def test_a_register_is_a_part_of_the_lanes():
    assert LANES % REGISTER == 0


@pytest.mark.parametrize("lanes", [REGISTER, LANES, LANES + REGISTER])
def test_nothing_beside_the_lanes_is_written(lanes):
    c = np.full((3, lanes + 1), np.nan, np.float32)
    ones = np.ones(3 * 4, np.float32)
    multiply(
        c.reshape(-1), 0, lanes + 1, 3, ones, np.arange(3) * 4, 0, 0, 1,
        np.ones(4 * lanes, np.float32), 0, lanes, 4, lanes, True,
    )  # fmt: skip
    assert (c[:, :lanes] == 4).all()
    assert np.isnan(c[:, lanes:]).all()
