"""Rows that a user may come with: each gives a fitted model without a warning, or one line that says why."""

from __future__ import annotations

import warnings
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import torch

import made

DRAW = np.random.default_rng(0)
N = 60
BASE = DRAW.normal(size=(N, 2))
HUGE = np.finfo(np.float64).max


def beside(column):
    """The column, and one of ordinary numbers."""
    column = np.asarray(column)
    other = BASE[:, 0] if len(column) == N else np.resize(BASE[:, 0], len(column))
    return np.stack([column, other.astype(column.dtype if column.dtype == object else float)], axis=1)


FITTED = {
    "1e-300": beside(DRAW.normal(size=N) * 1e-300),
    "1e300": beside(DRAW.normal(size=N) * 1e300),
    "1e-300 to 1e300": beside(10.0 ** DRAW.uniform(-300, 300, N)),
    "denormal": beside(DRAW.integers(0, 50, N) * 5e-324),
    "the largest": beside([HUGE, -HUGE] * (N // 2)),
    "the largest and small ones": beside([1e308, -1e308, HUGE, -HUGE, *DRAW.normal(size=N - 4)]),
    "heavy tails": beside(DRAW.standard_cauchy(N) ** 3),
    "whole numbers of 64 bits": DRAW.integers(-(2**63), 2**63 - 1, (N, 2), endpoint=True),
    "the ends of 64 bits": np.array([[2**63 - 1, 1], [-(2**63), 2], [0, 3]] * 20),
    "unsigned": DRAW.integers(0, 2**64 - 1, (N, 2), dtype=np.uint64, endpoint=True),
    "beyond 64 bits": np.array([[2**70 + 2**30 * i, i] for i in range(N)], dtype=object),
    "negative zero": beside([0.0, -0.0, 1.25] * 20),
    "constant": beside(np.full(N, 7.5)),
    "constant whole": np.stack([np.full(N, 5), np.arange(N)], axis=1),
    "all constant": np.full((N, 2), 7.5),
    "two values": beside([1.5, 2.5] * (N // 2)),
    "mostly one": beside([0.0] * (N - 1) + [1.75]),
    "mostly missing": beside(np.where(np.arange(N) < N - 2, np.nan, BASE[:, 1])),
    "a row of gaps": np.array([[np.nan, np.nan]] + [[1.5, 2.25]] * 20),
    "one row": BASE[:1],
    "two rows": BASE[:2],
    "two rows alike": np.array([[1.5, 2.5]] * 2),
    "text in a column of numbers": beside(np.array(["x", *BASE[1:, 1]], dtype=object)),
    "text and gaps": np.array([[None, "a"], ["b", None]] * 20, dtype=object),
    "decimals and fractions": np.array([[Decimal("1.5"), Fraction(1, 3)], [2.5, Fraction(2, 3)]] * 20),
    "single precision": BASE.astype(np.float32),
    "half precision": BASE.astype(np.float16),
    "a tensor": torch.from_numpy(BASE),
    "a list": BASE.tolist(),
    "bits": BASE > 0,
}

REFUSED = {
    "infinite": (beside([np.inf, *BASE[1:, 1]]), ["row 0, column 0", "finite"]),
    "minus infinity": (beside([*BASE[1:, 1], -np.inf]), ["row 59, column 0", "finite"]),
    "no value": (beside(np.full(N, np.nan)), ["column 0", "missing in every row", "leave it out"]),
    "no value, as None": (beside(np.array([None] * N)), ["column 0", "missing in every row"]),
    "no rows": (np.zeros((0, 2)), ["no rows"]),
    "no columns": (np.zeros((5, 0)), ["no columns"]),
    "nothing": ([], ["table"]),
    "one dimension": (BASE[:, 0], ["table", "(60,)"]),
    "three dimensions": (BASE[None], ["table", "(1, 60, 2)"]),
    "rows of different lengths": ([[1.0, 2.0], [3.0]], ["differ"]),
    "complex numbers": (BASE.astype(complex), ["complex128"]),
    "other objects": (
        np.array([[{}, 1]] * 5, dtype=object),
        ["row 0, column 0", "{}", "neither a number nor text"],
    ),
}


def fit(rows):
    return made.auto_fit(rows, network={"hidden": (8,)}, training={"epochs": 2})


@pytest.mark.parametrize("name", FITTED)
def test_odd_rows_are_fitted_scored_and_sampled(name):
    rows = FITTED[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = fit(rows)
        assert model.log_prob(rows).isfinite().all()
        sample = np.asarray(model.sample(20, seed=0))
        assert model.log_prob(sample).isfinite().all()
    assert sample.shape == (20, 2)
    assert sample.dtype == object or not np.isinf(sample.astype(float)).any()


@pytest.mark.parametrize("name", REFUSED)
def test_rows_that_make_no_sense_are_refused_in_a_line(refused, name):
    rows, words = REFUSED[name]
    with refused(*words):
        fit(rows)


def test_whole_numbers_stay_whole():
    rows = FITTED["whole numbers of 64 bits"]
    model = fit(rows)
    np.testing.assert_array_equal(model.schema.decode(model.schema.encode(rows)), rows)
    assert np.asarray(model.sample(5, seed=0)).dtype == np.int64


@pytest.mark.parametrize(
    ("rows", "scored", "words"),
    [
        (BASE, [["x", 1.0]], ["row 0, column 0", "'x'", "finite numbers"]),
        (BASE, [[1.0, np.inf]], ["row 0, column 1", "finite"]),
        (
            np.array([["b", "a"], ["c", "d"]] * 10, dtype=object),
            [[1.5, "a"]],
            ["row 0, column 0", "1.5", "labels"],
        ),
        (FITTED["constant whole"], [[5, 2**70]], ["row 0, column 1", "2^63"]),
    ],
)
def test_values_of_another_kind_are_refused_when_scored(refused, rows, scored, words):
    model = fit(rows)
    with refused(*words):
        model.log_prob(np.array(scored, dtype=object))
