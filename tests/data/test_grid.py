"""Grids and spikes of numbers: what is on one, what recurs, and what only looks like it."""

from __future__ import annotations

import numpy as np
import pytest

from made.data.grid import find_spikes, find_step, numeric_settings


@pytest.mark.parametrize(
    ("values", "step"),
    [
        ([1, 2, 300], 1.0),
        ([0.1, 0.2, 0.3], 0.1),
        ([0.1 + 0.2], 0.1),  # two units in the last place from 0.3
        ([1.25, 9.5], 0.01),
        ([0.000001], 0.000001),
        ([0.0000001], None),
        ([np.pi], None),
        ([1e300], None),
        ([2.0**60], 1.0),
        ([], 1.0),
    ],
)
def test_steps(values, step):
    assert find_step(np.array(values, dtype=float)) == step


def test_numbers_of_single_precision_are_on_a_grid_only_where_that_can_be_told():
    eps = float(np.finfo(np.float32).eps)
    cents = np.round(np.random.default_rng(0).normal(5, 2, 200), 2).astype(np.float32).astype(float)
    anything = np.random.default_rng(0).normal(50, 20, 200).astype(np.float32).astype(float)
    assert find_step(cents, eps) == 0.01
    assert find_step(anything, eps) is None


def test_spikes_stand_out_from_their_neighbours():
    draw = np.random.default_rng(0)
    amounts = np.concatenate([draw.exponential(100, 900), np.zeros(60), np.full(9, 50.0), np.full(40, 7.5)])
    assert find_spikes(amounts) == [0.0, 7.5]
    counts = draw.poisson(4, 1000).astype(float)
    assert find_spikes(counts, 1.0) == []
    heaped = np.concatenate([draw.integers(0, 200, 600), np.full(50, 100)]).astype(float)
    assert find_spikes(heaped, 1.0) == [100.0]


def places(n, rows=20_000):
    """Return rows about 45, of which n values recur 10 to 29 times, and these values with their counts."""
    draw = np.random.default_rng(0)
    again = np.repeat(draw.normal(45, 1, n).round(6), draw.integers(10, 30, n))
    values, counts = np.unique(again, return_counts=True)
    return np.concatenate([draw.normal(45, 1, rows - len(again)).round(6), again]), values, counts


def test_rare_values_that_recur_are_spikes():
    rows, values, counts = places(400)
    assert find_spikes(rows, 1e-6) == values.tolist()
    most = find_spikes(rows, 1e-6, 320)
    assert len(most) == 320
    assert counts[~np.isin(values, most)].max() <= counts[np.isin(values, most)].min()
    assert find_spikes(np.random.default_rng(0).normal(45, 1, 20_000).round(3), 1e-3) == []
    # One row in 2,000 at least.
    rows, values, counts = places(1_400, rows=40_000)
    assert find_spikes(rows, 1e-6, 1_000) == values[counts >= 20].tolist()


def test_rare_values_are_none_beside_a_body_that_has_most_rows():
    rows, _, _ = places(200)  # a fifth of the rows
    assert find_spikes(rows, 1e-6) == []
    assert find_spikes(np.concatenate([rows, np.full(500, 44.5)]), 1e-6) == [44.5]


def test_rare_values_leave_some_rows_to_the_body():
    rows, values, counts = places(500, rows=10_000)  # which have nearly all of them
    found = find_spikes(rows, 1e-6)
    assert 0.84 < np.isin(rows, found).mean() < 0.86
    inside = np.abs(values - 45) < 1
    is_found = np.isin(values, found)
    assert counts[inside & ~is_found].max() <= counts[inside & is_found].min()


def test_a_spike_beside_the_body_leaves_it_its_rows():
    rows, values, _ = places(400, rows=13_000)  # 7,600 of which have one of these values
    amounts = np.concatenate([rows, np.zeros(200_000)])  # nothing, of most
    assert find_spikes(amounts, 1e-6) == [0.0]  # fewer than one row in 2,000 each
    amounts = np.concatenate([rows, np.zeros(7_000)])
    assert find_spikes(amounts, 1e-6) == [0.0, *values]


def test_a_body_of_few_rows_has_no_rare_spikes():
    """Fees: mostly nothing, one amount in some rows, and others in too few for their tails to be known."""
    fees = np.concatenate([np.zeros(6_000), np.full(20, 15.0), np.random.default_rng(0).uniform(1, 50, 30)])
    assert find_spikes(fees.round(2), 0.01) == [0.0]
    often = np.concatenate([fees, np.random.default_rng(1).uniform(1, 50, 290), np.full(180, 15.0)])
    assert find_spikes(often.round(2), 0.01) == [0.0, 15.0]  # 200 rows in 6,520


def test_tables_of_many_columns_have_fewer_spikes_in_each():
    rows = np.concatenate([np.repeat(np.arange(600.0) ** 2, 20), np.arange(5_000.0) * 71 + 3])
    assert len(numeric_settings(rows, np.zeros(0), 2.0**-52)["spikes"]) == 512
    assert len(numeric_settings(rows, np.zeros(0), 2.0**-52, n_columns=24)["spikes"]) == 341
    assert numeric_settings(rows, np.zeros(0), 2.0**-52, n_columns=5_000)["spikes"] == []  # too few rows


def test_a_constant_is_a_spike():
    found = numeric_settings(np.full(30, 4.5), np.zeros(0), 2.0**-52)
    assert found == {"step": 0.1, "rounds": True, "spikes": [4.5]}


@np.errstate(over="raise")
def test_numbers_near_the_largest_float_may_repeat():
    assert find_spikes(np.repeat([0.0, 1e308], 30)) == find_spikes(np.repeat([0.0, 1.0], 30)) == []
    rows = np.concatenate([np.linspace(0, 1, 301), np.full(100, 0.5)])
    assert find_spikes(rows * 1e308) == [0.5e308]
