"""Entries that are no values of their variables: all of them, as `encode` would name each."""

from __future__ import annotations

import numpy as np
import pytest

import made
from made.support.errors import EntryError
from made.variables.encoding import encode
from made.variables.faulty_entries import faulty_entries
from made.variables.row_type import RowType

VARIABLES = RowType(
    [made.Numeric(step=1.0), made.Categorical(["a", "b"]), made.Bernoulli(1), made.Categorical(3, unseen=0.1)]
)
GOOD = [7, "a", 1, 9]


@pytest.mark.parametrize(
    ("column", "value"), [(0, "x"), (0, 0.5), (0, np.inf), (1, "c"), (1, 0), (2, 2), (2, "x"), (3, 0.5)]
)
def test_each_is_found_with_the_complaint_of_encode(column, value):
    rows = np.array([GOOD, GOOD, GOOD], dtype=object)
    rows[[0, 2], column] = value
    with pytest.raises(EntryError) as caught:
        encode(VARIABLES, rows)
    found = faulty_entries(VARIABLES, rows)
    assert [(entry.row, entry.column, entry.value) for entry in found] == [
        (0, column, value),
        (2, column, value),
    ]
    assert {entry.complaint for entry in found} == {caught.value.complaint}


def test_gaps_and_variables_that_are_passed_over_are_none():
    rows = np.array([[None, None, None, None], GOOD], dtype=object)
    assert faulty_entries(VARIABLES, rows) == []
    rows[1, 1] = "c"
    assert faulty_entries(VARIABLES, rows, np.array([False, True, False, False])) == []
    assert faulty_entries(VARIABLES, rows[:0]) == []
