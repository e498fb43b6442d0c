"""Panels: products with windows, and the step of Adam within, against plain matrices."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from made.kernels.jit.tiles import LANES
from made.kernels.jit.vector import VECTOR
from made.kernels.masked_adam import panels
from made.kernels.masked_adam.active_weight import AdamNumbers, _by_panel, _parts, _windows

_OWN_ORDER = np.empty(0, np.int64)


def _masked(n_out: int, n_in: int, seed: int, kind: str):
    draw = np.random.default_rng(seed)
    if kind == "block-triangular":
        active = np.arange(n_in) < np.sort(draw.integers(0, n_in + 1, n_out))[:, None]
    elif kind == "band":
        middle = np.arange(n_out)[:, None] * n_in / n_out
        active = np.abs(np.arange(n_in) - middle) < max(n_in / 6, 1)
    else:
        active = draw.random((n_out, n_in)) < 0.3
    return active, draw.standard_normal((n_out, n_in)) * active, draw


@settings(max_examples=40, deadline=None)
@given(
    n_out=st.integers(1, 70),
    n_in=st.integers(1, 70),
    rows=st.integers(1, 5),
    threads=st.integers(1, 3),
    kind=st.sampled_from(["block-triangular", "band", "gaps"]),
)
def test_products_are_those_of_the_whole_matrix(n_out, n_in, rows, threads, kind):
    active, weight, draw = _masked(n_out, n_in, n_out, kind)
    n = rows * VECTOR
    x, g = draw.standard_normal((n_in, n)), draw.standard_normal((n_out, n))
    out, to_x = np.full((n_out, n), np.nan), np.full((n_in, n), np.nan)
    by_row, by_column = _by_panel(_windows(active)), _by_panel(_windows(active.T))
    panels.forward(out, weight, x, by_row, _parts(by_row, threads))
    panels.to_inputs(to_x, weight, g, by_column, _parts(by_column, threads))
    np.testing.assert_allclose(out, weight @ x, atol=1e-12)
    np.testing.assert_allclose(to_x, weight.T @ g, atol=1e-12)


@pytest.mark.parametrize("shape", [(1500, 30), (30, 1500)])
def test_long_sums_are_cut_and_joined(shape):
    active, weight, draw = _masked(*shape, 0, "block-triangular")
    x, g = draw.standard_normal((shape[1], 16)), draw.standard_normal((shape[0], 16))
    out, to_x = np.empty((shape[0], 16)), np.empty((shape[1], 16))
    by_row, by_column = _by_panel(_windows(active)), _by_panel(_windows(active.T))
    panels.forward(out, weight, x, by_row, _parts(by_row, 2))
    panels.to_inputs(to_x, weight, g, by_column, _parts(by_column, 2))
    np.testing.assert_allclose(out, weight @ x, atol=1e-11)
    np.testing.assert_allclose(to_x, weight.T @ g, atol=1e-11)


@settings(max_examples=40, deadline=None)
@given(
    n_out=st.integers(1, 60),
    n_in=st.integers(1, 600),
    n=st.integers(1, 40),
    kind=st.sampled_from(["block-triangular", "band", "gaps"]),
    step=st.integers(1, 1000),
)
def test_an_update_is_adams(n_out, n_in, n, kind, step):
    active, weight, draw = _masked(n_out, n_in, n_in, kind)
    first, second = draw.standard_normal(active.shape) * active, draw.random(active.shape) * active
    x, g = draw.standard_normal((n, n_in)), draw.standard_normal((n_out, n))
    n_blocks = -(-n_in // LANES)
    blocks = np.full((n_blocks, n, LANES), np.nan)
    panels.in_blocks(blocks, x.T.copy(), np.array([0, n_blocks // 2, n_blocks]))
    numbers = AdamNumbers.at(step, 0.01, 0.1, (0.9, 0.999), 1e-8)
    arrays = [weight.copy(), first.copy(), second.copy()]
    windows = _windows(active)
    has_gaps = bool(active.sum() < (windows[:, 1] - windows[:, 0]).sum())
    panels.update(
        *(array.reshape(-1) for array in arrays), g, blocks, active, has_gaps, windows,
        _parts(_by_panel(windows), 2), tuple(map(np.float64, numbers)),
    )  # fmt: skip
    gradient = (g @ x) * active
    first = 0.9 * first + 0.1 * gradient
    second = 0.999 * second + 0.001 * gradient**2
    below = np.sqrt(second / (1 - 0.999**step)) + 1e-8
    weight = weight * (1 - 0.01 * 0.1) - 0.01 * first / (1 - 0.9**step) / below
    for own, wanted in zip(arrays, (weight, first, second), strict=True):
        np.testing.assert_allclose(own, wanted, rtol=1e-9, atol=1e-12)
        assert (own[~active] == 0).all()


@given(rows=st.integers(1, 40), n=st.integers(1, 40), more=st.integers(0, 5), ordered=st.booleans())
@settings(max_examples=30, deadline=None)
def test_transposing_keeps_every_number_and_fills_up_with_zeros(rows, n, more, ordered):
    draw = np.random.default_rng(rows)
    x, order = draw.standard_normal((rows, n)), draw.permutation(n) if ordered else _OWN_ORDER
    out = np.full((n, rows + more), np.nan)
    panels.transpose(out, x, order, np.array([0, n // 2, n]))
    np.testing.assert_array_equal(out[:, :rows], (x[:, order] if ordered else x).T)
    assert (out[:, rows:] == 0).all()


@given(rows=st.integers(1, 40), n=st.integers(1, 100), more=st.integers(0, 5))
@settings(max_examples=30, deadline=None)
def test_blocks_hold_every_feature_and_zeros_beyond(rows, n, more):
    x = np.random.default_rng(n).standard_normal((n, rows + more))
    out = np.full((-(-n // LANES), rows, LANES), np.nan)
    panels.in_blocks(out, x, np.array([0, len(out)]))
    flat = out.transpose(0, 2, 1).reshape(-1, rows)
    np.testing.assert_array_equal(flat[:n], x[:, :rows])
    assert (flat[n:] == 0).all()
