"""Columns that name rows, constants and repeats."""

from __future__ import annotations

import numpy as np
import pytest

from made.data.remarks import left_out, remarks

N = 200
DRAW = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("column", "name", "reason"),
    [
        (np.arange(N), "x", "counts the rows"),
        (DRAW.permutation(N) + 1, "x", "counts the rows"),
        (DRAW.permutation(10**6)[:N], "customer_id", "differs in every row"),
        (DRAW.permutation(10**6)[:N].astype(float), "ID", "differs in every row"),
        (np.array([f"n{i}" for i in range(N)], dtype=object), "name", "200 different texts"),
        # Amounts, years and ordinary numbers stay.
        (DRAW.permutation(10**6)[:N], "price", None),
        (np.array([np.datetime64("2020-01-01") + i for i in range(N)], dtype=object), "day", None),
        (np.arange(1800, 1800 + N), "year", None),
        (DRAW.normal(size=N), "id", None),
        (np.arange(N) // 2, "id", None),
        (np.array([f"n{i % 90}" for i in range(N)], dtype=object), "street", None),
    ],
)
def test_what_names_rows_is_left_out(column, name, reason):
    other = DRAW.normal(size=N)
    table = np.empty((N, 2), dtype=object if column.dtype == object else np.float64)
    table[:, 0], table[:, 1] = other, column
    found = left_out(table, ["height", name])
    assert list(found) == ([] if reason is None else [1])
    assert reason is None or reason in found[1]


def test_of_few_rows_nothing_is_left_out_and_something_stays():
    assert left_out(np.arange(20)[:, None], ["id"]) == {}
    assert left_out(np.arange(N)[:, None], ["id"]) == {}


def test_repeats_of_text_are_found_with_their_gaps():
    a = np.array(["x", None, "y", "x"], dtype=object)
    b = np.array(["x", "y", "y", "x"], dtype=object)
    found = remarks(np.stack([a, b, a, np.full(4, None)], axis=1), ["a", "b", "c", "d"])
    assert found == {2: "the same as a"}
    assert remarks(np.array([["x", "x"], ["y", "y"]]), ["a", "b"]) == {1: "the same as a"}


def test_a_column_without_a_value_is_left_out_of_few_rows_too():
    empty = np.full(3, np.nan)
    assert left_out(np.stack([empty, np.arange(3)], axis=1), ["a", "b"]) == {0: "is missing in every row"}
    assert left_out(empty[:, None], ["a"]) == {}


def test_large_whole_numbers_that_differ_are_no_repeats():
    a = np.array([2**53, 1])
    assert remarks(np.stack([a, a + 1, a], axis=1), ["a", "b", "c"]) == {2: "the same as a"}
    zeros = np.array([0.0, 1.5])
    assert remarks(np.stack([zeros, -zeros * [1, -1]], axis=1), ["a", "b"]) == {1: "the same as a"}
    # What is not asked for may hold what has no equal.
    odd = np.empty((2, 2), dtype=object)
    odd[:, 0], odd[:, 1] = [np.arange(2), np.arange(3)], ["x", "x"]
    assert remarks(odd, ["a", "b"], [1]) == {1: "one value only"}
