"""Numbers among completions: quantiles of weighted ones."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from made.queries.numbers import weighted_quantiles


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
