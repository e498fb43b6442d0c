"""Baselines of rows with numbers: they are distributions, and find what two columns say of each other."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import integrate

import made
from made.baselines import ChowLiuTree, MixedMarginals, MixedTree, ProductOfMarginals, mixed
from made.variables.row_type import RowType
from made.variables.rows import Rows
from made.variables.schema import Schema

BOTH = pytest.mark.parametrize("baseline", [MixedMarginals, MixedTree])
VARIABLES = [
    made.Numeric(),
    made.Numeric(step=1, spikes=[3, 4, 17]),
    made.Categorical(["a", "b", "c"], missing=True),
    made.Numeric(spikes=[0.0], missing=True),
]


def schema_of(*variables):
    return Schema.of_variables(RowType(list(variables)))


def rows_of(n, seed=0):
    """Rows of a number, a count with spikes, a class with gaps, and an amount that is often 0 or missing."""
    draw = np.random.default_rng(seed)
    a = draw.normal(size=n)
    b = np.where(draw.random(n) < 0.3, draw.choice([3, 4, 17], n), np.rint(6 + 3 * a + draw.normal(size=n)))
    c = np.array(["a", "b", "c", None], dtype=object)[np.clip(np.rint(a + 1.5), 0, 3).astype(int)]
    e = np.where(draw.random(n) < 0.3, 0.0, np.exp(a / 2 + draw.normal(size=n)))
    e[draw.random(n) < 0.2] = np.nan
    return np.stack([a, b, c, e], axis=1).astype(object)


@BOTH
@pytest.mark.parametrize("n", [3, 40, 3_000])
def test_a_mixed_table_of_masses_sums_to_1(baseline, n):
    draw = np.random.default_rng(0)
    a = draw.normal(size=3_000)
    count = np.where(draw.random(3_000) < 0.3, draw.choice([3, 4, 17], 3_000), np.rint(6 + 3 * a))
    kind = np.where(draw.random(3_000) < 0.2, np.nan, np.clip(np.rint(a + 1), 0, 2))
    even = np.where(draw.random(3_000) < 0.2, np.nan, 2 * np.rint(a + draw.normal(size=3_000)))
    rows = np.stack([count, kind, even], axis=1)
    schema = schema_of(
        made.Numeric(step=1, spikes=[3, 4, 17]),
        made.Categorical(3, missing=True),
        made.Numeric(step=2.0, missing=True),
    )
    # Of few rows marginals have wide tails, which no table holds: they are those of all rows.
    schema = schema.fitted(schema.encode_complete(rows))
    model = baseline(schema, rows[:n])
    sides = np.arange(-200, 300.0), [0, 1, 2, np.nan], [*np.arange(-40, 41, 2.0), np.nan]
    table = np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 3)
    assert np.exp(model.log_prob(table)).sum() == pytest.approx(1, abs=1e-5)


@BOTH
def test_masses_of_a_grid_with_spikes_sum_to_1(baseline):
    rows = rows_of(2_000)[:, [1]].astype(float)
    model = baseline(schema_of(VARIABLES[1]), rows)
    cells = np.arange(-10_000, 10_000.0)[:, None]
    assert np.exp(model.log_prob(cells)).sum() == pytest.approx(1, abs=1e-9)


@BOTH
@pytest.mark.parametrize("step", [1.0, 0.25, 50.0])
def test_pairs_of_columns_on_grids_sum_to_1(baseline, step):
    draw = np.random.default_rng(1)
    x = step * np.rint(draw.normal(scale=4, size=(1_000, 1)))
    rows = np.hstack([x, x + step * draw.integers(-1, 2, (1_000, 1))])
    model = baseline(schema_of(made.Numeric(2, step=step, spikes=[0.0, step])), rows)
    side = step * np.arange(-120, 121.0)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    assert np.exp(model.log_prob(grid)).sum() == pytest.approx(1, abs=1e-6)


@BOTH
def test_a_density_with_a_spike_and_gaps_integrates_to_1(baseline):
    rows = rows_of(2_000)[:, [3]].astype(float)
    model = baseline(schema_of(VARIABLES[3]), rows)
    ends = np.concatenate([-np.logspace(6, -6, 4_000), np.logspace(-6, 6, 40_000)])
    ends = np.union1d(ends, np.linspace(-20, 60, 40_001)[1::2])
    density = np.exp(model.log_prob(ends[ends != 0][:, None]))
    atoms = np.exp(model.log_prob([[0.0], [np.nan]]))
    assert integrate.trapezoid(density, ends[ends != 0]) + atoms.sum() == pytest.approx(1, abs=1e-4)
    assert atoms[0] == pytest.approx(np.mean(rows == 0), abs=0.01)
    assert atoms[1] == pytest.approx(np.isnan(rows).mean(), abs=0.01)


def test_a_density_of_two_numbers_integrates_to_1():
    draw = np.random.default_rng(2)
    x = draw.normal(size=(2_000, 1))
    model = MixedTree(schema_of(made.Numeric(2)), np.hstack([x, x + draw.normal(size=(2_000, 1))]))
    side = np.linspace(-12, 12, 481)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    density = np.exp(model.log_prob(grid)).reshape(481, 481)
    # The density jumps at the edges of bins, which costs the sum over points a little.
    assert density.sum() * (side[1] - side[0]) ** 2 == pytest.approx(1, abs=5e-3)


@pytest.mark.parametrize(("correlation", "least"), [(0.6, 0.85), (0.95, 0.85)])
def test_a_correlation_gives_most_of_its_mutual_information(correlation, least):
    draw = np.random.default_rng(3)
    cov = np.array([[1, correlation], [correlation, 1]])
    train, test = (draw.multivariate_normal([0, 0], cov, n) for n in (20_000, 20_000))
    schema = schema_of(made.Numeric(2))
    gain = (MixedTree(schema, train).log_prob(test) - MixedMarginals(schema, train).log_prob(test)).mean()
    information = -0.5 * math.log(1 - correlation**2)
    assert least * information < gain < 1.02 * information


def test_the_tree_of_mixed_columns_is_recovered():
    draw = np.random.default_rng(4)
    a = draw.normal(size=5_000)
    b = a + 0.5 * draw.normal(size=5_000)
    c = (b > 0).astype(float)
    d = np.where(draw.random(5_000) < 0.7, np.rint(3 * a), np.nan)
    rows = np.stack([a, b, c, d], axis=1)
    schema = schema_of(made.Numeric(2), made.Bernoulli(), made.Numeric(step=1, missing=True))
    assert MixedTree(schema, rows).tree.parents.tolist() == [-1, 0, 1, 0]


def test_few_rows_get_few_bins_and_many_rows_more():
    draw = np.random.default_rng(5)
    schema = schema_of(made.Numeric(2))
    bins = []
    for n in (30, 10_000):
        x = draw.normal(size=(n, 1))
        bins.append(MixedTree(schema, np.hstack([x, x + 0.3 * draw.normal(size=(n, 1))])).n_bins)
    assert bins[0] <= 5
    assert bins[1] >= 12


def test_rows_without_numbers_have_the_plain_baselines():
    codes = np.random.default_rng(6).integers(0, 3, (200, 4))
    schema = schema_of(made.Categorical(3, n=4))
    for own, plain in ((MixedTree, ChowLiuTree), (MixedMarginals, ProductOfMarginals)):
        expected = plain(codes, [3] * 4).log_prob(codes)
        np.testing.assert_array_equal(own(schema, codes).log_prob(codes), expected)


def test_marginals_are_those_of_an_untrained_model():
    rows = rows_of(500)
    numbers = [made.Numeric(), made.Numeric(step=1), *VARIABLES[2:]]
    model = made.MADE(numbers, hidden=(4,))
    model.set_marginals(rows)
    marginals = MixedMarginals(model.schema, rows)
    difference = model.log_prob(rows).numpy() - marginals.log_prob(rows)
    assert abs(difference.mean()) < 1e-3


@BOTH
def test_blocks_of_rows_change_nothing(baseline, monkeypatch):
    rows = rows_of(101)
    whole = baseline(schema_of(*VARIABLES), rows).log_prob(rows)
    monkeypatch.setattr(mixed, "_ROWS_AT_ONCE", 10)
    np.testing.assert_array_equal(baseline(schema_of(*VARIABLES), rows).log_prob(rows), whole)


@BOTH
def test_more_rows_than_a_block_are_scored_like_their_parts(baseline):
    rows = rows_of(2 * mixed._ROWS_AT_ONCE + 100)
    model = baseline(schema_of(*VARIABLES), rows[:500])
    parts = [model.log_prob(part) for part in np.array_split(rows, 5)]
    np.testing.assert_array_equal(model.log_prob(rows), np.concatenate(parts))


@BOTH
def test_a_weight_counts_as_that_many_copies(baseline):
    rows = rows_of(60)
    weights = np.random.default_rng(1).integers(0, 4, size=60)
    # The marginals of bodies interpolate between values: they are set once, for both.
    schema = schema_of(*VARIABLES).fitted(schema_of(*VARIABLES).encode_complete(rows))
    settings = {} if baseline is MixedMarginals else {"n_bins": 5}
    weighted = baseline(schema, rows, sample_weight=weights, **settings)
    copied = baseline(schema, np.repeat(rows, weights, axis=0), **settings)
    np.testing.assert_allclose(weighted.log_prob(rows), copied.log_prob(rows), atol=1e-12)


@BOTH
def test_encoded_rows_are_taken_as_they_are(baseline):
    rows = rows_of(50)
    model = baseline(schema_of(*VARIABLES), rows)
    encoded = schema_of(*VARIABLES).encode_complete(rows)
    np.testing.assert_array_equal(model.log_prob(encoded), model.log_prob(rows))
    assert model.log_prob(encoded[:0]).shape == (0,)


@BOTH
def test_what_is_unknown_is_refused(baseline, refused):
    rows = np.array([[1.0], [2.0], [np.nan]])
    with refused("row 2", "missing=True"):
        baseline(schema_of(made.Numeric()), rows)
    encoded = Rows(
        torch.zeros(2, 1, dtype=torch.uint8),
        torch.tensor([[True], [False]]),
        bodies=torch.zeros(2, 1, dtype=torch.int64),
    )
    with refused("row 1"):
        baseline(schema_of(made.Numeric()), rows[:2]).log_prob(encoded)


@BOTH
@pytest.mark.parametrize("column", [[7.5] * 20, [1e300, -1e300] * 9, [0.0] * 5 + [1e-300], [2.0**62, 1.0]])
def test_odd_columns_are_scored(baseline, column):
    rows = np.array(column)[:, None]
    model = baseline(schema_of(made.Numeric()), rows)
    far = [[1e308], [-1e308], [5e-324], [0.0]]
    assert np.isfinite(model.log_prob([*rows.tolist(), *far])).all()
