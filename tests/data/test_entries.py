"""What no column can hold is named; see also `tests/fuzz`."""

from __future__ import annotations

import datetime
import decimal
import fractions

import numpy as np
import pytest

import made
from made.data.entries import check_entries


def table(*entries):
    column = np.empty((len(entries), 1), dtype=object)
    column[:, 0] = entries
    return column


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (1j, "1j"),
        (np.complex128(2j), "holds 2j"),
        (b"ab", "b'ab'"),
        ([1, 2], "[1, 2]"),
        ((1, 2), "(1, 2)"),
        ({"a": 1}, "{'a': 1}"),
        (np.arange(2), "array([0, 1])"),
        (list(range(100)), "[0, 1, 2, 3, 4, 5"),
        (datetime.timedelta(1), "a duration: turn it into a number"),
        (np.timedelta64(1, "s"), "a duration"),
    ],
)
def test_the_first_that_is_no_value_is_named(refused, value, words):
    column = np.empty((3, 1), dtype=object)
    column[0, 0], column[1, 0], column[2, 0] = "a", None, value
    with refused("mine: row 2, column 0 (x) (counted from 0) holds", words):
        check_entries(column, [0], "mine", ["x"])
    check_entries(column, [], "mine")  # a column that is left out may hold anything


def test_values_are_values():
    values = [
        1,
        1.5,
        True,
        "a",
        None,
        float("nan"),
        10**30,
        np.int8(1),
        np.float16(1),
        np.bool_(True),
        made.MISSING,
    ]
    values += [decimal.Decimal("1.5"), fractions.Fraction(1, 3), datetime.date(2020, 1, 1), datetime.time(1)]
    pandas = pytest.importorskip("pandas")
    check_entries(table(*values, pandas.NA, pandas.NaT, pandas.Timestamp("2020")), [0], "mine")


def test_a_column_of_lists_is_no_column_of_numbers(refused):
    for library in map(pytest.importorskip, ("pandas", "polars")):
        for entries in ([[1, 2]] * 4, [{"a": 1}] * 4):
            with refused("column 1 (b) (counted from 0)", "neither a number nor text"):
                made.auto_fit(library.DataFrame({"a": [1, 2, 3, 4], "b": entries}))
