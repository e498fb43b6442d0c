"""Association of pairs of columns."""

from __future__ import annotations

import numpy as np
import pytest

from made.report.association import associations, binned, edges_of


def test_independent_columns_have_none_and_copies_have_all():
    draw = np.random.default_rng(0)
    a, b = draw.integers(0, 4, 5000), draw.integers(0, 3, 5000)
    found = associations([a, b, (a + 1) % 4, np.where(draw.random(5000) < 0.5, a, draw.integers(0, 4, 5000))])
    assert found[0, 1] < 0.03
    assert found[0, 2] == pytest.approx(1, abs=1e-6)
    assert found[0, 3] == pytest.approx(0.5, abs=0.03)
    np.testing.assert_array_equal(found, found.T)


@pytest.mark.parametrize("column", [np.zeros(50, int), np.arange(50)])
def test_constant_and_unique_columns_are_no_trouble(column):
    found = associations([column, np.tile([0, 1], 25)])
    assert np.isfinite(found).all()
    assert found[0, 1] < 0.5


def test_bins_hold_about_as_many_values_each_and_gaps_have_their_own():
    values = np.random.default_rng(1).lognormal(0, 3, 8000)
    values[:100] = np.nan
    counts = np.bincount(binned(values, edges_of(values)))
    assert len(counts) == 9
    assert counts[8] == 100
    assert counts[:8].min() > 0.95 * counts[:8].max()
    assert edges_of(np.full(3, np.nan)).size == 0
