"""Numbers among completions: how they count in means, and quantiles of weighted ones."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

import made
from made.queries.numbers import in_means, weighted_quantiles


def test_a_draw_far_beyond_all_rows_counts_as_one_at_their_end():
    values = np.exp(2 * np.random.default_rng(0).normal(size=(2_000, 1)))
    model = made.MADE(made.Numeric(), hidden=(4,))
    model.set_marginals(values)
    number = model.variables.numbers
    z = torch.tensor([[-20.0, -4.753424308822899, 0.0, 4.753424308822899, 20.0]], dtype=torch.float64)
    far = number.scores.values(z).numpy()
    assert far[0, 4] > 1e3 * far[0, 3]
    counted = in_means(model, 0, far)
    np.testing.assert_array_equal(counted, far[:, [1, 1, 2, 3, 3]])
    assert far[0, 3] > values.max()


def test_spikes_count_as_they_are():
    draw = np.random.default_rng(0)
    values = np.where(draw.random(2_000) < 0.1, 1e6, draw.normal(size=2_000))[:, None]
    model = made.MADE(made.Numeric(spikes=[1e6]), hidden=(4,))
    model.set_marginals(values)
    assert in_means(model, 0, np.array([[1e6, 1e9]])).tolist() == [[1e6, 1e6]]


def test_what_lies_far_beyond_the_range_of_the_rows_counts_as_a_little_beyond():
    values = np.exp(2 * np.random.default_rng(0).normal(size=(400, 1)))
    model = made.auto_fit(values, training={"epochs": 1})
    low, high = values.min(), values.max()
    margin = (high - low) / 10
    counted = in_means(model, 0, np.array([[low, high, high + margin / 2, 100 * high]]))
    np.testing.assert_allclose(counted, [[low, high, high + margin / 2, high + margin]])


@given(
    st.lists(st.tuples(st.integers(-5, 5), st.integers(1, 9)), min_size=1, max_size=9),
    st.floats(0.01, 0.99),
)
def test_quantiles_of_repeated_values_are_those_of_numpy(pairs, level):
    values, counts = (np.array(own) for own in zip(*pairs, strict=True))
    repeated = np.repeat(values, counts)
    levels = np.array([level])
    weights = counts[None] / counts.sum()
    (found,) = weighted_quantiles(values[None] * 1.0, weights, levels, interpolated=False)[0]
    assert found == np.quantile(repeated, level, method="inverted_cdf")
    (between,) = weighted_quantiles(values[None] * 1.0, weights, levels, interpolated=True)[0]
    assert repeated.min() <= between <= repeated.max()
