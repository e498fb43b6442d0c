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
