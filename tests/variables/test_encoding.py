"""Values to codes and back: what is accepted, how unknown entries are marked, which bad entry is named."""

from __future__ import annotations

import warnings
from decimal import Decimal

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import made
from made.variables.discrete import Bernoulli, Categorical
from made.variables.encoding import decode, encode, encode_complete, encode_given
from made.variables.frames import is_missing
from made.variables.row_type import RowType

MIXED = RowType([Bernoulli(1), Categorical(3, n=2), Categorical(4)])


def _codes(variables, x):
    return encode_complete(variables, x).codes


@pytest.mark.parametrize("K", [2, 200, 256, 300, 70_000])
@pytest.mark.parametrize(
    "dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8", ">i4", ">f8", "?"]
)
def test_every_type_of_number_is_read(K, dtype):
    x = np.array([[1, 0], [0, 1]]).astype(dtype)
    rows = _codes(RowType(Categorical(K, n=2)), x)
    assert rows.tolist() == [[1, 0], [0, 1]]
    assert rows.dtype == (torch.uint8 if K <= 256 else torch.int64)


@pytest.mark.parametrize("K", [2, 200, 256, 300])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int64, torch.float32, torch.bool])
def test_every_type_of_tensor_is_read(K, dtype):
    assert _codes(RowType(Categorical(K, n=2)), torch.eye(2, dtype=dtype)).tolist() == [
        [1, 0],
        [0, 1],
    ]


def test_rows_of_a_sample_are_read_at_the_border_of_bytes():
    model = made.MADE(Categorical(256, n=2, coding="scaled"), hidden=(4,))
    rows = model.sample(50, seed=0)
    assert rows.max() > 127
    assert model.log_prob(rows).tolist() == pytest.approx([-2 * np.log(256)] * 50)


def test_read_only_and_reversed_arrays_are_read_in_silence():
    x = np.zeros((3, 4), np.uint8)
    x.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert _codes(MIXED, x).shape == (3, 4)
        assert _codes(MIXED, np.array([[0, 1, 2, 3]])[:, ::-1] % 2).tolist() == [[1, 0, 1, 0]]
        assert _codes(MIXED, np.array([[1, 0, 1, 0]])[::-1]).tolist() == [[1, 0, 1, 0]]
        assert decode(MIXED, np.array([[1, 0, 1, 0], [0, 1, 0, 1]])[::-1])[0].tolist() == [0, 1, 0, 1]


def test_the_largest_codes_survive():
    variables = RowType([Categorical(256), Categorical(100_000)])
    assert _codes(variables, np.array([[255, 99_999]])).tolist() == [[255, 99_999]]


@pytest.mark.parametrize(
    ("row", "column", "value", "words"),
    [
        (1, 0, 2, ["holds 2", "bernoulli", "0 or 1"]),
        (0, 0, -1, ["holds -1"]),
        (2, 1, 3, ["holds 3", "categorical", "0..2"]),
        (1, 3, 4, ["holds 4", "0..3"]),
        (0, 2, 0.5, ["holds 0.5"]),
        (2, 3, np.nan, ["NaN"]),
        (2, 0, np.inf, ["inf"]),
        (2, 2, 1e30, ["1e+30"]),
    ],
)
@pytest.mark.parametrize("form", [np.asarray, torch.tensor, np.ndarray.tolist])
def test_the_first_bad_entry_is_named(refused, row, column, value, words, form):
    x = np.zeros((3, 4))
    x[row, column] = value
    with refused(f"row {row}, column {column}", *words):
        _codes(MIXED, form(x))


def test_the_first_bad_entry_is_the_first_in_its_row(refused):
    x = np.zeros((5, 3), int)
    x[3, 0] = x[1, 2] = 7
    with refused("row 1, column 2", "holds 7"):
        _codes(RowType(Bernoulli(3)), x)


def test_the_first_bad_row_counts_over_all_kinds(refused):
    x = np.zeros((5, 4), int)
    x[3, 0] = x[1, 3] = 7
    with refused("row 1, column 3", "holds 7"):
        _codes(MIXED, x)


def test_true_is_no_code_of_a_single_class(refused):
    with refused("row 0, column 0"):
        _codes(RowType(Categorical(1)), np.array([[True]]))


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (np.zeros((2, 3)), ["3 columns", "4 variables"]),
        (np.zeros((0, 5)), ["5 columns", "4 variables"]),
        (np.zeros(4), ["(4,)", "x[None, :]"]),
        (np.zeros((1, 2, 4)), ["(1, 2, 4)"]),
        (0, ["table (n, 4)"]),
        ("rows", ["text ('rows')", "read a file first"]),
        (None, ["shape"]),
        (np.zeros((1, 4), complex), ["complex"]),
        ([[0, 0, 0, 0], [0, 0]], ["columns"]),
        ([["0", "0", "blue", "0"]], ["row 0, column 2", "labels"]),
        ([[0, None, 0, 0]], ["column 1"]),
    ],
)
def test_tables_that_make_no_sense_are_refused(refused, x, words):
    with refused(*words):
        _codes(MIXED, x)


def test_no_rows_are_no_error():
    assert _codes(MIXED, np.zeros((0, 4))).shape == (0, 4)


LABELS = st.lists(
    st.one_of(st.integers(-5, 300), st.text("abc01", min_size=1, max_size=3)),
    min_size=1,
    max_size=5,
    unique_by=str,
)


@given(st.lists(LABELS, min_size=1, max_size=3))
def test_labels_are_translated_and_back(columns):
    variables = RowType([Categorical(labels) for labels in columns])
    n = max(map(len, columns))
    codes = np.array([[i % len(labels) for labels in columns] for i in range(n)])
    rows = np.array([[labels[i % len(labels)] for labels in columns] for i in range(n)], dtype=object)
    assert _codes(variables, rows).tolist() == codes.tolist()
    values = decode(variables, codes)
    assert values.tolist() == rows.tolist()


def test_labels_beside_columns_of_codes():
    variables = RowType([Bernoulli(1), Categorical(["no", "yes"]), Categorical([10, 30])])
    codes = np.array([[1, 0, 1], [0, 1, 0]])
    values = decode(variables, codes)
    assert values.tolist() == [[1, "no", 30], [0, "yes", 10]]
    assert _codes(variables, values).tolist() == codes.tolist()
    assert decode(variables, torch.from_numpy(codes)).tolist() == values.tolist()
    assert variables.has_labels
    assert not MIXED.has_labels


def test_numbers_of_a_file_stand_for_labels_of_text_and_the_other_way():
    variables = RowType(Categorical([10, 20]))
    assert _codes(variables, [["20"], ["10"]]).tolist() == [[1], [0]]
    assert _codes(variables, [[20], [10]]).tolist() == [[1], [0]]
    assert _codes(variables, np.array([[20.0]])).tolist() == [[1]]


def test_rows_of_strings_are_scored():
    model = made.MADE([Categorical(["no", "yes"]), Categorical(["a", "b", "c"])], hidden=(4,))
    model.set_marginals([["yes", "a"], ["yes", "c"]])
    assert model.log_prob([["yes", "b"]]).tolist() == model.log_prob(np.array([["yes", "b"]])).tolist()
    assert float(model.log_prob([["yes", "b"]])) == pytest.approx(np.log(3 / 4 * 1 / 5))


def test_a_label_itself_comes_before_what_looks_like_it():
    variables = RowType(Categorical(["1", 1]))
    assert _codes(variables, np.array([["1"], [1]], dtype=object)).tolist() == [[0], [1]]


def test_an_unknown_label_is_named(refused):
    variables = RowType([Categorical(["no", "yes"]), Categorical([10, 20])])
    with refused("row 1, column 0", "'maybe'", "2 labels"):
        _codes(variables, [["no", "10"], ["maybe", "10"]])
    with refused("row 0, column 1", "30"):
        _codes(variables, np.array([["no", 30]], dtype=object))
    with refused("row 0, column 0", "holds 0", "none of its 2 labels ('no', 'yes')"):
        _codes(variables, [[0, 10]])


@pytest.mark.parametrize("code", [-1, 2])
def test_a_code_without_a_label_is_refused(refused, code):
    with refused(f"{code}"):
        decode(RowType(Categorical(["no", "yes"])), [[code]])


NAN = float("nan")
NUMBERS = RowType([made.Bernoulli(2), made.Categorical(3)])
LABELS = RowType([made.Categorical(["no", "yes"]), made.Bernoulli(1), made.Categorical(["red", "green"])])
ROWS = [[0, 1, 2], [1, 0, 1]]
MARKED = [[0, -1, 2], [-1, 0, -1]]  # of ROWS; -1 where unknown


def marked(rows):
    """Encoded rows as a list, -1 where unknown; an unknown entry has code 0."""
    assert rows.codes.shape == rows.mask.shape
    assert not rows.codes[~rows.mask].any()
    return torch.where(rows.mask, rows.codes.long(), -1).tolist()


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
    read = encode(NUMBERS, rows)
    assert read.codes.dtype == torch.uint8
    assert read.context is None
    assert marked(read) == MARKED
    assert not read.is_complete


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
    assert marked(encode(NUMBERS, rows, form(UNKNOWN))) == MARKED


def test_unknown_adds_to_what_the_rows_mark():
    rows = [[0, NAN, 2], [1, 0, None]]
    assert marked(encode(NUMBERS, rows, [[False] * 3, [True, False, False]])) == MARKED


def test_one_pattern_for_all_rows():
    assert marked(encode(NUMBERS, ROWS, [False, True, False])) == [[0, -1, 2], [1, -1, 1]]


def test_what_comes_in_is_left_alone():
    rows, unknown = np.array([[0, NAN, 2], [1, 0, 1]]), np.array(UNKNOWN)
    before = rows.copy(), unknown.copy()
    encode(NUMBERS, rows, unknown)
    np.testing.assert_array_equal(rows, before[0])
    np.testing.assert_array_equal(unknown, before[1])
    masked = np.ma.masked_array(ROWS, UNKNOWN)
    encode(NUMBERS, masked, unknown)
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
    assert marked(encode(LABELS, rows)) == codes


def test_labels_with_a_pattern_beside_them():
    rows = np.array([["yes", "0", "pink"]])
    assert marked(encode(LABELS, rows, [False, True, True])) == [[1, -1, -1]]


@given(st.data())
def test_complete_rows_read_as_they_are(data):
    rows = data.draw(st.lists(st.tuples(*[st.integers(0, k - 1) for k in NUMBERS.n_values]), max_size=4))
    table = np.array(rows, dtype=int).reshape(-1, 3)
    hidden = np.array(data.draw(st.lists(st.booleans(), min_size=table.size, max_size=table.size)), bool)
    hidden = hidden.reshape(table.shape)
    assert encode(NUMBERS, table).known is None
    assert marked(encode(NUMBERS, table)) == table.tolist()
    expected = np.where(hidden, -1, table)
    assert marked(encode(NUMBERS, table, hidden)) == expected.tolist()
    assert marked(encode(NUMBERS, np.where(hidden, NAN, table))) == expected.tolist()
    assert encode(NUMBERS, np.where(hidden, NAN, table)).is_complete == (not hidden.any())


@pytest.mark.parametrize(
    ("variables", "rows"),
    [
        (NUMBERS, [[0, 1, 2]]),
        (NUMBERS, np.array(ROWS)),
        (NUMBERS, torch.tensor(ROWS)),
        (LABELS, [["yes", 0, "red"]]),
        (NUMBERS, np.ma.masked_array(ROWS, np.zeros((2, 3), bool))),
    ],
)
def test_nothing_unknown(variables, rows):
    assert encode(variables, rows).known is None


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
        ([[0, None, object()]], ["row 0, column 2", "takes numbers"]),
        (torch.tensor([[0, NAN]]), ["2 columns"]),
    ],
)
def test_rows_that_make_no_sense_are_refused(refused, rows, words):
    with refused(*words):
        encode(NUMBERS, rows)


def test_a_label_that_is_none_is_refused(refused):
    with refused("row 0, column 2", "'blue'", "2 labels"):
        encode(LABELS, [[None, 1, "blue"]])
    with refused("row 0, column 2", "holds 1", "2 labels"):
        encode(LABELS, [[None, 1, 1]])  # its code


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
        encode(NUMBERS, ROWS, unknown)


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
    assert marked(encode_given(NUMBERS, values)) == codes


@pytest.mark.parametrize(
    ("values", "codes"),
    [({2: "green"}, [[-1, -1, 1]]), ({2: "green", 0: "yes"}, [[1, -1, 1]]), ({0: "yes", 1: 1}, [[1, 1, -1]])],
)
def test_given_by_label_or_by_code(values, codes):
    assert marked(encode_given(LABELS, values)) == codes


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
        encode_given(NUMBERS, values)


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
        assert marked(encode(NUMBERS, [[0, mark, 2], [mark, 0, mark]])) == MARKED
        assert marked(encode_given(NUMBERS, {0: mark, 2: 1})) == [[-1, -1, 1]]
    frame = pandas.DataFrame({"a": [0, None], "b": [None, 0], "c": [2, None]})
    for read in (frame, frame.astype("Int64"), frame.astype("Int8"), frame.astype(object)):
        assert marked(encode(NUMBERS, read)) == MARKED
    words = pandas.DataFrame({"a": ["yes", None], "b": [None, 1], "c": ["red", "green"]})
    for read in (words, words.convert_dtypes(), words.astype({"a": "category", "c": "string"})):
        assert marked(encode(LABELS, read)) == [[1, -1, 0], [-1, 1, 1]]


def test_times_that_are_all_unknown_and_times_that_are_none(refused):
    nothing = np.full((2, 3), np.datetime64("NaT", "s"))
    assert marked(encode(NUMBERS, nothing)) == [[-1] * 3] * 2
    nothing[0, 0] = np.datetime64("2026-01-01", "s")
    with refused("rows hold numbers"):
        encode(NUMBERS, nothing)


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
    assert marked(encode(NUMBERED, rows)) == codes


def test_a_number_that_is_no_label_is_refused(refused):
    with refused("row 1, column 0", "30", "3 labels"):
        encode(NUMBERED, [[20, NAN, NAN], [30, 0, NAN]])


def test_what_stands_beside_text_is_read_as_it_is_written():
    """A column of text and other values has labels of text alone."""
    values = ["a", True, 1.5, np.float32(0.1), np.int8(3), Decimal("1.10"), 2.0]
    row_type = RowType(made.Categorical([str(value) for value in values[:-1]] + ["2"]))
    column = np.array(values, dtype=object)[:, None]
    assert encode(row_type, column).codes[:, 0].tolist() == [0, 1, 2, 3, 4, 5, 6]


def test_codes_of_numbers_are_no_numbers(refused):
    variables = RowType([made.Numeric(step=0.5), Categorical(2)])
    with refused("decode the rows"):
        decode(variables, [[0, 1]])
