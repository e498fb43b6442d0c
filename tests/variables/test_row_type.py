"""Rows: what is accepted and at what shape, which bad entry is named, labels and back."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import made
from made.variables.discrete import Bernoulli, Categorical
from made.variables.row_type import RowType

MIXED = RowType([Bernoulli(1), Categorical(3, n=2), Categorical(4)])


@pytest.mark.parametrize("K", [2, 200, 256, 300, 70_000])
@pytest.mark.parametrize(
    "dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8", ">i4", ">f8", "?"]
)
def test_every_type_of_number_is_read(K, dtype):
    x = np.array([[1, 0], [0, 1]]).astype(dtype)
    rows = RowType(Categorical(K, n=2)).rows(x)
    assert rows.tolist() == [[1, 0], [0, 1]]
    assert rows.dtype == (torch.uint8 if K <= 256 else torch.int64)


@pytest.mark.parametrize("K", [2, 200, 256, 300])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int64, torch.float32, torch.bool])
def test_every_type_of_tensor_is_read(K, dtype):
    assert RowType(Categorical(K, n=2)).rows(torch.eye(2, dtype=dtype)).tolist() == [[1, 0], [0, 1]]


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
        assert MIXED.rows(x).shape == (3, 4)
        assert MIXED.rows(np.array([[0, 1, 2, 3]])[:, ::-1] % 2).tolist() == [[1, 0, 1, 0]]


def test_the_largest_codes_survive():
    variables = RowType([Categorical(256), Categorical(100_000)])
    assert variables.rows(np.array([[255, 99_999]])).tolist() == [[255, 99_999]]


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
        MIXED.rows(form(x))


def test_the_first_bad_entry_is_the_first_in_its_row(refused):
    x = np.zeros((5, 3), int)
    x[3, 0] = x[1, 2] = 7
    with refused("row 1, column 2", "holds 7"):
        RowType(Bernoulli(3)).rows(x)


def test_the_first_bad_row_counts_over_all_kinds(refused):
    x = np.zeros((5, 4), int)
    x[3, 0] = x[1, 3] = 7
    with refused("row 1, column 3", "holds 7"):
        MIXED.rows(x)


def test_true_is_no_code_of_a_single_class(refused):
    with refused("row 0, column 0"):
        RowType(Categorical(1)).rows(np.array([[True]]))


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (np.zeros((2, 3)), ["3 columns", "4 variables"]),
        (np.zeros((0, 5)), ["5 columns", "4 variables"]),
        (np.zeros(4), ["(4,)", "x[None, :]"]),
        (np.zeros((1, 2, 4)), ["(1, 2, 4)"]),
        (0, ["table (n, 4)"]),
        ("rows", ["shape"]),
        (None, ["shape"]),
        (np.zeros((1, 4), complex), ["complex"]),
        ([[0, 0, 0, 0], [0, 0]], ["columns"]),
        ([["0", "0", "blue", "0"]], ["row 0, column 2", "labels"]),
        ([[0, None, 0, 0]], ["column 1"]),
    ],
)
def test_tables_that_make_no_sense_are_refused(refused, x, words):
    with refused(*words):
        MIXED.rows(x)


def test_no_rows_are_no_error():
    assert MIXED.rows(np.zeros((0, 4))).shape == (0, 4)


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
    assert variables.rows(rows).tolist() == codes.tolist()
    values = variables.values(codes)
    assert values.tolist() == rows.tolist()


def test_labels_beside_columns_of_codes():
    variables = RowType([Bernoulli(1), Categorical(["no", "yes"]), Categorical([10, 30])])
    codes = np.array([[1, 0, 1], [0, 1, 0]])
    values = variables.values(codes)
    assert values.tolist() == [[1, "no", 30], [0, "yes", 10]]
    assert variables.rows(values).tolist() == codes.tolist()
    assert variables.values(torch.from_numpy(codes)).tolist() == values.tolist()
    assert variables.has_labels
    assert not MIXED.has_labels


def test_numbers_of_a_file_stand_for_labels_of_text_and_the_other_way():
    variables = RowType(Categorical([10, 20]))
    assert variables.rows([["20"], ["10"]]).tolist() == [[1], [0]]
    assert variables.rows([[20], [10]]).tolist() == [[1], [0]]
    assert variables.rows(np.array([[20.0]])).tolist() == [[1]]


def test_rows_of_strings_are_scored():
    model = made.MADE([Categorical(["no", "yes"]), Categorical(["a", "b", "c"])], hidden=(4,))
    model.set_marginals([["yes", "a"], ["yes", "c"]])
    assert model.log_prob([["yes", "b"]]).tolist() == model.log_prob(np.array([["yes", "b"]])).tolist()
    assert float(model.log_prob([["yes", "b"]])) == pytest.approx(np.log(3 / 4 * 1 / 5))


def test_a_label_itself_comes_before_what_looks_like_it():
    variables = RowType(Categorical(["1", 1]))
    assert variables.rows(np.array([["1"], [1]], dtype=object)).tolist() == [[0], [1]]


def test_an_unknown_label_is_named(refused):
    variables = RowType([Categorical(["no", "yes"]), Categorical([10, 20])])
    with refused("row 1, column 0", "'maybe'", "2 labels"):
        variables.rows([["no", "10"], ["maybe", "10"]])
    with refused("row 0, column 1", "30"):
        variables.rows(np.array([["no", 30]], dtype=object))
    with refused("row 0, column 0", "holds 0", "none of its 2 labels ('no', 'yes')"):
        variables.rows([[0, 10]])


@pytest.mark.parametrize("code", [-1, 2])
def test_a_code_without_a_label_is_refused(refused, code):
    with refused(f"{code}"):
        RowType(Categorical(["no", "yes"])).values([[code]])


def test_neighbours_of_one_kind_are_joined():
    blocks = [Bernoulli(1), Bernoulli(2), Categorical(2), Categorical(2, coding="raw"), Categorical([1, 2])]
    variables = RowType(blocks)
    assert [block.n for block in variables.blocks] == [3, 1, 1, 1]
    again = RowType.from_settings(variables.settings())
    assert repr(again) == repr(variables)


@pytest.mark.parametrize(
    ("blocks", "words"),
    [([], ["at least one variable"]), ([3], ["Bernoulli", "3"]), (["a"], ["'a'"]), ([Bernoulli], ["list"])],
)
def test_what_is_no_variable_is_refused(refused, blocks, words):
    with refused(*words):
        RowType(blocks)
