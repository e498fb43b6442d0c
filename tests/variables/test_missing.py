"""Rows with unknown entries: every way to mark one reads as the same codes, and what is wrong is said."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import made
from made.variables.frames import is_missing
from made.variables.missing import has_unknown, read_given, read_incomplete
from made.variables.row_type import RowType

NAN = float("nan")
NUMBERS = RowType([made.Bernoulli(2), made.Categorical(3)])
LABELS = RowType([made.Categorical(["no", "yes"]), made.Bernoulli(1), made.Categorical(["red", "green"])])
ROWS = [[0, 1, 2], [1, 0, 1]]
MARKED = [[0, -1, 2], [-1, 0, -1]]  # of ROWS; -1 where unknown


def marked(rows):
    """Encoded rows as a list, -1 where unknown; an unknown entry has code 0."""
    assert rows.codes.shape == rows.known.shape
    assert not rows.codes[~rows.known].any()
    return torch.where(rows.known, rows.codes.long(), -1).tolist()


class NotAvailable:
    """As ``pd.NA``: a comparison with it is itself, and has no truth value."""

    def __eq__(self, other):
        return self

    __ne__ = __eq__
    __hash__ = object.__hash__

    def __bool__(self):
        raise TypeError("boolean value of NA is ambiguous")


MARKINGS = {
    "NaN in a list": [[0, NAN, 2], [NAN, 0, NAN]],
    "NaN in an array": np.array([[0, NAN, 2], [NAN, 0, NAN]]),
    "NaN in float32": np.array([[0, NAN, 2], [NAN, 0, NAN]], dtype=np.float32),
    "None": [[0, None, 2], [None, 0, None]],
    "None and NaN": np.array([[0, None, 2], [NAN, 0, np.float32(NAN)]], dtype=object),
    "None, and as pandas marks it": [[0, None, 2], [NotAvailable(), 0, NotAvailable()]],
    "in an array, as pandas marks it": np.array([[0, NotAvailable(), 2], [NAN, 0, None]], dtype=object),
    "no time": [[0, np.datetime64("NaT"), 2], [np.timedelta64("NaT"), 0, None]],
    "masked": np.ma.masked_array(ROWS, [[0, 1, 0], [1, 0, 1]]),
    "masked, with garbage": np.ma.masked_array([[0, 9, 2], [-7, 0, 99]], [[0, 1, 0], [1, 0, 1]]),
    "masked, and NaN": np.ma.masked_array([[0, NAN, 2], [5, 0, NAN]], [[0, 0, 0], [1, 0, 0]]),
    "a tensor": torch.tensor([[0, NAN, 2], [NAN, 0, NAN]]),
    "a half tensor": torch.tensor([[0, NAN, 2], [NAN, 0, NAN]], dtype=torch.float16),
    "a tensor with a gradient": torch.tensor([[0, NAN, 2], [NAN, 0, NAN]], requires_grad=True),
}


@pytest.mark.parametrize("marking", MARKINGS)
def test_every_marking_reads_alike(marking):
    rows = MARKINGS[marking]
    read = read_incomplete(NUMBERS, rows)
    assert read.codes.dtype == torch.uint8
    assert read.context is None
    assert marked(read) == MARKED
    assert has_unknown(rows)


UNKNOWN = [[False, True, False], [True, False, True]]


@pytest.mark.parametrize("form", [list, np.array, torch.tensor])
@pytest.mark.parametrize(
    "rows",
    [
        ROWS,
        np.array(ROWS),
        np.array(ROWS, np.uint8),
        np.array(ROWS, float),
        torch.tensor(ROWS),
        [[0, 9, 2], [-3, 0, 7]],
    ],
)
def test_unknown_may_be_said_beside_the_rows(rows, form):
    assert marked(read_incomplete(NUMBERS, rows, form(UNKNOWN))) == MARKED


def test_unknown_adds_to_what_the_rows_mark():
    rows = [[0, NAN, 2], [1, 0, None]]
    assert marked(read_incomplete(NUMBERS, rows, [[False] * 3, [True, False, False]])) == MARKED


def test_one_pattern_for_all_rows():
    assert marked(read_incomplete(NUMBERS, ROWS, [False, True, False])) == [[0, -1, 2], [1, -1, 1]]


def test_what_comes_in_is_left_alone():
    rows, unknown = np.array([[0, NAN, 2], [1, 0, 1]]), np.array(UNKNOWN)
    before = rows.copy(), unknown.copy()
    read_incomplete(NUMBERS, rows, unknown)
    np.testing.assert_array_equal(rows, before[0])
    np.testing.assert_array_equal(unknown, before[1])
    masked = np.ma.masked_array(ROWS, UNKNOWN)
    read_incomplete(NUMBERS, masked, unknown)
    assert masked.mask.tolist() == UNKNOWN
    assert masked.data.tolist() == ROWS


@pytest.mark.parametrize(
    ("rows", "codes"),
    [
        ([["yes", None, "red"], [None, 1, "green"]], [[1, -1, 0], [-1, 1, 1]]),
        (np.array([["yes", NAN, None], [NAN, 1, "green"]], dtype=object), [[1, -1, -1], [-1, 1, 1]]),
        ([["yes", "0", "green"]], [[1, 0, 1]]),
        (np.ma.masked_array([["yes", "0", "pink"]], [[0, 0, 1]]), [[1, 0, -1]]),
        ([[None, None, None]], [[-1, -1, -1]]),
        ([["yes", None, "red"]], [[1, -1, 0]]),
    ],
)
def test_labels_with_unknown_entries(rows, codes):
    assert marked(read_incomplete(LABELS, rows)) == codes


def test_labels_with_a_pattern_beside_them():
    rows = np.array([["yes", "0", "pink"]])
    assert marked(read_incomplete(LABELS, rows, [False, True, True])) == [[1, -1, -1]]


@given(st.data())
def test_complete_rows_read_as_they_are(data):
    rows = data.draw(st.lists(st.tuples(*[st.integers(0, k - 1) for k in NUMBERS.n_values]), max_size=4))
    table = np.array(rows, dtype=int).reshape(-1, 3)
    hidden = np.array(data.draw(st.lists(st.booleans(), min_size=table.size, max_size=table.size)), bool)
    hidden = hidden.reshape(table.shape)
    assert not has_unknown(table)
    assert marked(read_incomplete(NUMBERS, table)) == table.tolist()
    expected = np.where(hidden, -1, table)
    assert marked(read_incomplete(NUMBERS, table, hidden)) == expected.tolist()
    assert marked(read_incomplete(NUMBERS, np.where(hidden, NAN, table))) == expected.tolist()
    assert has_unknown(np.where(hidden, NAN, table)) == hidden.any()


@pytest.mark.parametrize(
    "rows",
    [
        [[0, 1, 2]],
        np.array(ROWS),
        torch.tensor(ROWS),
        [["yes", 0, "red"]],
        np.ma.masked_array(ROWS, np.zeros((2, 3), bool)),
        [[0, 1], [0]],  # ragged: for whoever reads it
    ],
)
def test_nothing_unknown(rows):
    assert not has_unknown(rows)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([[0, NAN, 3]], ["row 0, column 2", "holds 3"]),
        ([[0, None, 1], [None, 2, 0]], ["row 1, column 1", "holds 2"]),
        ([[0, None, -1]], ["row 0, column 2", "holds -1"]),
        ([[0.5, NAN, 1]], ["row 0, column 0", "0.5"]),
        ([[float("inf"), NAN, 1]], ["row 0, column 0", "inf"]),
        ([[None, None]], ["2 columns", "3 variables"]),
        ([None, 1, 0], ["(n, 3)", "(3,)"]),
        ([[[None, 1, 0]]], ["(n, 3)", "(1, 1, 3)"]),
        (None, ["(n, 3)"]),
        ([[0, None, 1], [0]], ["rows differ"]),
        ([[0, None, "blue"]], ["column 2", "'blue'"]),
        ([[0, None, object()]], ["numbers, labels, NaN or None"]),
        (torch.tensor([[0, NAN]]), ["2 columns"]),
    ],
)
def test_rows_that_make_no_sense_are_refused(refused, rows, words):
    with refused(*words):
        read_incomplete(NUMBERS, rows)


def test_a_label_that_is_none_is_refused(refused):
    with refused("row 0, column 2", "'blue'", "2 labels"):
        read_incomplete(LABELS, [[None, 1, "blue"]])
    with refused("row 0, column 2", "holds 1", "2 labels"):
        read_incomplete(LABELS, [[None, 1, 1]])  # its code


@pytest.mark.parametrize(
    ("unknown", "words"),
    [
        ([[0, 1, 0], [1, 0, 1]], ["True and False", "int64"]),
        ([[0.0, 1.0, 0.0], [1, 0, 1]], ["True and False", "float64"]),
        ([[True, False], [True, False]], ["(2, 2)", "(2, 3)"]),
        ([True, False], ["(2,)", "(2, 3)"]),
        ([[True, False, True]], ["(1, 3)", "(2, 3)"]),
        (True, ["()", "(2, 3)"]),
    ],
)
def test_patterns_that_make_no_sense_are_refused(refused, unknown, words):
    with refused("unknown", *words):
        read_incomplete(NUMBERS, ROWS, unknown)


@pytest.mark.parametrize(
    ("values", "codes"),
    [
        ({}, [[-1, -1, -1]]),
        ({2: 1}, [[-1, -1, 1]]),
        ({np.int64(0): 1, 1: 0}, [[1, 0, -1]]),
        ({0: None, 1: NAN, 2: 2.0}, [[-1, -1, 2]]),
        ({0: True}, [[1, -1, -1]]),
        ([None, 1, 2], [[-1, 1, 2]]),
        (np.array([NAN, 1, 2]), [[-1, 1, 2]]),
        (torch.tensor([NAN, 1, 2]), [[-1, 1, 2]]),
        ([[0, None, 2], [1, 1, NAN]], [[0, -1, 2], [1, 1, -1]]),
    ],
)
def test_what_is_given(values, codes):
    assert marked(read_given(NUMBERS, values)) == codes


@pytest.mark.parametrize(
    ("values", "codes"),
    [({2: "green"}, [[-1, -1, 1]]), ({2: "green", 0: "yes"}, [[1, -1, 1]]), ({0: "yes", 1: 1}, [[1, 1, -1]])],
)
def test_given_by_label_or_by_code(values, codes):
    assert marked(read_given(LABELS, values)) == codes


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({3: 0}, ["no variable 3", "0..2"]),
        ({-1: 0}, ["no variable -1", "0..2"]),
        ({True: 0}, ["no variable True"]),
        ({1.0: 0}, ["no variable 1.0"]),
        ({"x1": 0}, ["no variable 'x1'"]),
        ({2: 3}, ["column 2", "holds 3", "0..2"]),
        ({0: 0.5}, ["column 0", "0.5"]),
        ({0: "yes"}, ["column 0", "'yes'"]),
        ([0, 1], ["2 columns"]),
        (1, ["(n, 3)"]),
    ],
)
def test_givens_that_make_no_sense_are_refused(refused, values, words):
    with refused(*words):
        read_given(NUMBERS, values)


@pytest.mark.parametrize(
    "mark",
    [None, NAN, np.float32(NAN), np.datetime64("NaT"), np.timedelta64("NaT"), Decimal("NaN"), NotAvailable()],
)
def test_marks(mark):
    assert is_missing(mark)


VALUES = [0, 1, False, True, np.False_, np.True_, 0.0, float("inf"), "", "NaN", "?", np.int64(3), object()]
ODD_VALUES = [(), [1], np.array([1, 2]), np.array([NAN, NAN]), np.datetime64("2026-01-01")]


@pytest.mark.parametrize("value", VALUES + ODD_VALUES)
def test_values_are_no_marks(value):
    assert not is_missing(value)


def test_marks_of_pandas():
    pandas = pytest.importorskip("pandas")
    for mark in (pandas.NA, pandas.NaT):
        assert is_missing(mark)
        assert marked(read_incomplete(NUMBERS, [[0, mark, 2], [mark, 0, mark]])) == MARKED
        assert marked(read_given(NUMBERS, {0: mark, 2: 1})) == [[-1, -1, 1]]
    frame = pandas.DataFrame({"a": [0, None], "b": [None, 0], "c": [2, None]})
    for read in (frame, frame.astype("Int64"), frame.astype("Int8"), frame.astype(object)):
        assert has_unknown(read)
        assert marked(read_incomplete(NUMBERS, read)) == MARKED
    words = pandas.DataFrame({"a": ["yes", None], "b": [None, 1], "c": ["red", "green"]})
    for read in (words, words.convert_dtypes(), words.astype({"a": "category", "c": "string"})):
        assert marked(read_incomplete(LABELS, read)) == [[1, -1, 0], [-1, 1, 1]]


def test_times_that_are_all_unknown_and_times_that_are_none(refused):
    nothing = np.full((2, 3), np.datetime64("NaT", "s"))
    assert marked(read_incomplete(NUMBERS, nothing)) == [[-1] * 3] * 2
    nothing[0, 0] = np.datetime64("2026-01-01", "s")
    with refused("rows hold numbers"):
        read_incomplete(NUMBERS, nothing)


NUMBERED = RowType([made.Categorical([10, 20, 40]), made.Bernoulli(1), made.Categorical(["1", "2"])])


@pytest.mark.parametrize(
    ("rows", "codes"),
    [
        ([[20, 1, "2"]], [[1, 1, 1]]),
        ([[20.0, NAN, NAN]], [[1, -1, -1]]),
        ([[None, 1, "2"]], [[-1, 1, 1]]),
        ([[None] * 3], [[-1] * 3]),
        (np.ma.masked_array([[40, 7, 1]], [[0, 1, 1]]), [[2, -1, -1]]),
    ],
)
def test_numbers_may_be_labels(rows, codes):
    assert marked(read_incomplete(NUMBERED, rows)) == codes


def test_a_number_that_is_no_label_is_refused(refused):
    with refused("row 1, column 0", "30", "3 labels"):
        read_incomplete(NUMBERED, [[20, NAN, NAN], [30, 0, NAN]])
