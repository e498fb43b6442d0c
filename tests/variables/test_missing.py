"""Which entries are missing, of arrays of any objects: all at once as one by one."""

from __future__ import annotations

import datetime
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from made.variables.missing import MISSING, are_missing, has_gaps, is_missing, marks_of

PLAIN = [None, float("nan"), np.float64("nan"), 0, -2.5, float("inf"), "", "nan", "a", True, b"x", 2**70]
ODD = [MISSING, Decimal("nan"), np.datetime64("NaT"), np.float32("nan"), np.int8(3), (1,), datetime.date.max]


@given(values=st.lists(st.sampled_from(PLAIN)) | st.lists(st.sampled_from(PLAIN + ODD)))
def test_objects_are_looked_at_all_at_once_as_one_by_one(values):
    array = np.fromiter(values, dtype=object, count=len(values))
    expected = [value is MISSING or is_missing(value) for value in values]
    marks = marks_of(array)
    assert (marks is None) == (not any(expected))
    assert [False] * len(values) == expected if marks is None else marks.tolist() == expected
    assert are_missing(array).tolist() == [value is MISSING for value in values]
    assert has_gaps(values) == any(is_missing(value) for value in values)


def test_gaps_of_pandas():
    pandas = pytest.importorskip("pandas")
    values = [pandas.NA, pandas.NaT, 1, "a"]
    assert marks_of(np.array(values, dtype=object)).tolist() == [True, True, False, False]
    assert has_gaps(values)


def test_other_arrays():
    assert marks_of(np.array([[0, np.nan]])).tolist() == [[False, True]]
    assert marks_of(np.array(["NaT", "2020-01-01"], dtype="M8[D]")).tolist() == [True, False]
    masked = np.ma.array(np.array([1, None, 2], dtype=object), mask=[True, False, False])
    assert marks_of(masked).tolist() == [True, True, False]
    assert not are_missing(np.zeros(2)).any()
