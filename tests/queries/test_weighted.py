"""Weighted completions and what follows from them: means, modes and quantiles against the table."""

from __future__ import annotations

import numpy as np
import pytest

import made
from made.queries.weighted import completions, expected


def test_shares_of_completions_are_those_of_the_table(small_one):
    small = small_one("orderings")
    rows = small.model.rows(np.array([[1, None, None, 2], [None, 0, 1, None]], dtype=object))
    codes = np.array([[1, -1, -1, 2], [-1, 0, 1, -1]])
    (found,) = completions(small.model, rows)
    log_p = [np.log(small.table.marginal(row)) for row in codes]
    np.testing.assert_allclose(found.log_prob, log_p, atol=0.05)
    drawn = found.rows.codes.numpy().reshape(2, -1, 4)
    for i, row in enumerate(codes):
        for d in np.flatnonzero(row < 0):
            shares = np.bincount(drawn[i, :, d], found.weights[i], minlength=small.table.n_values[d])
            np.testing.assert_allclose(shares, small.table.conditional(row, d), atol=0.12)


def test_means_and_intervals_are_those_of_the_conditional():
    draw = np.random.default_rng(0)
    a = draw.normal(size=1000)
    table = np.stack([a, 3 * a + draw.normal(size=1000), draw.poisson(np.exp(a / 2))], axis=1)
    model = made.MADE([made.Numeric(2), made.Numeric(step=1)], hidden=(16,), direct=True)
    made.fit(model, table, epochs=5, batch_size=50, learning_rate=5e-3)
    rows = model.rows(np.array([[1.0, np.nan, 2.0], [np.nan, 3.0, 0.0], [0.0, 0.0, np.nan]]), to_fill=True)
    found = expected(model, rows, level=0.8)
    for i, d, known in ((0, 1, {0: 1.0, 2: 2}), (1, 0, {1: 3.0, 2: 0}), (2, 2, {0: 0.0, 1: 0.0})):
        own = model.conditional(d, known)
        assert found.means[i, d] == pytest.approx(own.mean, abs=0.1)
        np.testing.assert_allclose([found.low[i, d], found.high[i, d]], own.interval(0.8), atol=0.5)
    assert np.isnan(found.means[0, [0, 2]]).all()
    assert found.low[2, 2] % 1 == found.high[2, 2] % 1 == 0
