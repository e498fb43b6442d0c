"""Values become codes 0..K-1, and every value that cannot is named."""

from __future__ import annotations

import numpy as np
import pytest

from made.data.choices import Choices
from made.data.columns import infer_schema
from made.data.whole_numbers import whole_numbers
from made.support.errors import InputError
from made.variables.schema import Schema


@pytest.mark.parametrize(
    "dtype", [bool, np.uint8, np.int8, np.int64, np.uint64, np.float16, np.float32, np.float64]
)
def test_every_type_of_zeros_and_ones_is_taken(dtype):
    values = whole_numbers(np.array([[0, 1], [1, 0]], dtype=dtype), "rows")
    assert values.dtype.kind in "iu"
    np.testing.assert_array_equal(values, [[0, 1], [1, 0]])


def test_whole_floats_become_integers():
    values = whole_numbers(np.array([[-3.0, 7.0]]), "rows")
    assert values.dtype == np.int64
    np.testing.assert_array_equal(values, [[-3, 7]])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.nan, r"rows\.csv: row 1, column 2 \(c\) \(counted from 0\) holds nan: fill it"),
        (np.inf, r"row 1, column 2 .* holds inf: fill it"),
        (2.5, r"holds 2\.5: binary and categorical variables are whole numbers; round or bin it$"),
        (0.5, r"holds 0\.5: .* \(a joint table would sum to 1\)$"),
        (1e300, r"holds 1e\+300: too large"),
    ],
)
def test_the_first_bad_value_is_named_with_its_place(value, message):
    rows = np.zeros((3, 3))
    rows[1, 2] = value
    with pytest.raises(InputError, match=message):
        whole_numbers(rows, "rows.csv", ("a", "b", "c"))


def test_unsigned_values_beyond_63_bits_are_refused():
    with pytest.raises(InputError, match=r"row 0, column 0 .* holds 9223372036854775808: too large"):
        whole_numbers(np.array([[2**63]], dtype=np.uint64), "rows")


@pytest.mark.parametrize(
    ("column", "classes", "labels"),
    [
        ([0, 1, 1], 2, None),
        ([0, 1, 2], 3, None),
        ([0, 3, 1], 4, None),  # half of 0..3 and more
        ([0, 5, 1], 6, None),  # 3 of 6 values: just codes
        ([0, 6, 1], 3, (0, 1, 6)),  # 3 of 7 values: labels
        ([1, 2, 3], 3, (1, 2, 3)),  # there is no 0: labels
        ([10, 30, 20], 3, (10, 20, 30)),
        ([-1, 1, 1], 2, (-1, 1)),
        ([0, 0, 0], 2, None),
        ([5, 5, 5], 1, (5,)),
        ([-(2**63), 0, 2**63 - 1], 3, (-(2**63), 0, 2**63 - 1)),
        ([2**63 - 1] * 3, 1, (2**63 - 1,)),
    ],
)
def test_classes_of_a_column(column, classes, labels):
    rows = np.repeat(np.array(column)[:, None], 2, axis=1)  # two columns alike
    rows = np.tile(rows, (20, 1))  # few rows of many numbers would be numbers
    schema = infer_schema({"all": rows})[0]
    assert (schema.classes, schema.labels) == ((classes,) * 2, (labels,) * 2)
    codes = schema.encode(rows).codes[:, 0].numpy()
    np.testing.assert_array_equal(codes if labels is None else np.array(labels)[codes], rows[:, 0])


def test_classes_come_from_all_splits_together():
    splits = {"train": np.array([[0], [1]] * 40), "valid": np.array([[2]]), "test": np.array([[3]])}
    assert infer_schema(splits)[0].classes == (4,)


@pytest.mark.filterwarnings("error")
def test_half_floats_are_numbers_like_others():
    for values in ([[2.0], [3.0]], [[0.5], [2.25]]):
        schema, _ = infer_schema({"all": np.array(values, dtype=np.float16)})
        other, _ = infer_schema({"all": np.array(values)})
        assert str(schema) == str(other)
    np.testing.assert_array_equal(whole_numbers(np.array([[2.0]], dtype=np.float16), "rows"), [[2]])


def test_small_signed_types_do_not_overflow():
    schema, _ = infer_schema({"all": np.array([[-128], [127]], dtype=np.int8)})
    assert (schema.classes, schema.labels) == ((2,), ((-128, 127),))


def test_labels_are_noted():
    rows = np.array([[7, 0, 70], [9, 1, 90]])
    (note,) = infer_schema({"all": rows}, names=("a", "b", "c"))[1]
    assert note.startswith("columns 0 (a), 2 (c) (counted from 0) hold labels that are not 0 to K-1")
    (note,) = infer_schema({"all": rows[:, :1]})[1]
    assert note.startswith("column 0 (counted from 0) holds labels")
    (note,) = infer_schema({"all": np.tile(rows[:, :1], 9)})[1]
    assert note.startswith("columns 0, 1, 2, 3, 4 and 4 more (")


@pytest.mark.parametrize(
    ("column", "kind", "arguments"),
    [
        (np.arange(100), "numeric", {"step": 1.0, "rounds": True}),
        (np.arange(700) % 33, "numeric", {"step": 1.0, "rounds": True}),
        (
            np.arange(640) % 32,
            "categorical",
            {"classes": 32, "coding": "one-hot", "ordered": True},
        ),
        (np.arange(639) % 32, "numeric", {"step": 1.0, "rounds": True}),
        (np.arange(60) / 4, "numeric", {"step": 0.01, "rounds": True}),
        (np.sqrt(np.arange(2.0, 60)), "numeric", {}),
        (np.append(np.sqrt(np.arange(2.0, 60)), np.nan), "numeric", {"missing": True}),
        (np.array([2.5, 7.5] * 20), "numeric", {"step": 0.1, "rounds": True, "spikes": [2.5, 7.5]}),
        (
            np.append([1.0, 0.0] * 20, np.nan),
            "categorical",
            {"classes": 2, "coding": "one-hot", "missing": True},
        ),
    ],
)
def test_what_numbers_are(column, kind, arguments):
    found = infer_schema({"train": column[:, None]})[0].columns[0]
    assert (found.kind, found.arguments) == (kind, arguments)
    as_objects = infer_schema({"train": column.astype(object)[:, None]})[0].columns[0]
    if arguments.get("ordered"):  # objects are a table, of which whole numbers may be unseen
        assert as_objects.arguments == {**arguments, "classes": list(range(32)), "unseen": 1 / 673}
    else:
        assert (as_objects.kind, as_objects.arguments) == (kind, arguments)


def test_whole_numbers_of_a_table_are_in_order_and_others_have_a_mass():
    column = np.repeat([1, 2, 4, 7], [30, 30, 30, 1])[:, None]
    (own,) = infer_schema({"train": column}, names=["n"])[0].columns
    assert own.arguments["classes"] == [1, 2, 4, 7]
    assert (own.arguments["unseen"], own.arguments["ordered"]) == (1 / 91, True)
    (apart,) = infer_schema({"train": column}, names=["n"], train=lambda n: np.arange(90))[0].columns
    assert apart.labels == (1, 2, 4)
    (said,) = infer_schema({"train": column}, names=["n"], choices=Choices({"n": "category"}))[0].columns
    assert (said.arguments["unseen"], said.arguments.get("ordered")) == (1 / 91, None)


def test_rows_of_codes_refuse_other_numbers():
    column = np.repeat([0, 1, 2], 30)[:, None]
    assert "unseen" not in infer_schema({"train": column})[0].columns[0].arguments
    table = infer_schema(
        {"train": np.tile(column, 64)}, image_shape=(8, 8), names=[f"p{d}" for d in range(64)]
    )
    assert "unseen" not in table[0].columns[0].arguments


def test_a_grid_holds_the_values_of_all_rows():
    train, valid = np.arange(60)[:, None] / 2, np.array([[0.25]])
    assert infer_schema({"train": train, "valid": valid})[0].columns[0].arguments["step"] == 0.01


@pytest.mark.parametrize("value", [-1, 15, 300])
def test_a_schema_refuses_what_a_column_does_not_take(value):
    labelled, coded = Schema.of_classes([2], [(10, 20)]), Schema.of_classes([3])
    with pytest.raises(InputError, match=rf"row 1, column 0 .* holds {value}, which is none of its 2 labels"):
        labelled.encode(np.array([[10], [value]]))
    with pytest.raises(InputError, match=rf"row 1, column 0 .* holds {value}: a categorical variable takes"):
        coded.encode(np.array([[0], [value]]))


def test_text_is_a_category():
    rows = [["red", 1, 10], ["blue", 0, 30], ["red", 1, 10]]
    schema, _ = infer_schema({"train": rows})
    assert schema.classes == (2, 2, 2)
    assert schema.labels == (("blue", "red"), None, (10, 30))
    assert schema.encode(rows).codes.tolist() == [[1, 1, 0], [0, 0, 1], [1, 1, 0]]
    assert schema.decode([[1, 1, 0]]).tolist() == [["red", 1, 10]]


def test_numbers_beside_text_are_noted_and_named_by_their_own_column(refused):
    names = ["colour", "size"]
    _, (note,) = infer_schema({"train": [["red", 10], ["blue", 30]]}, names=names)
    assert note.startswith("column 1 (size) (counted from 0) holds labels")
    many = np.array([["red"] * 10_001, [f"word {i}" for i in range(10_001)]], dtype=object).T
    with refused("column 1 (counted from 0)", "10,001 different texts"):
        infer_schema({"train": many})
    schema, (note,) = infer_schema({"train": many}, names=names)
    assert schema.names == ("colour",)
    assert note.startswith("column size holds 10,001 different texts")


def test_a_constant_text_is_one_class_beside_what_no_training_row_had():
    schema = infer_schema({"train": [["a"], ["a"]]})[0]
    assert schema.labels == (("a",),)
    assert schema.columns[0].arguments["unseen"] == 1 / 4


class NAType:
    """Stands for pandas.NA, which answers comparisons with itself."""

    def __eq__(self, other):
        return self

    def __ne__(self, other):
        return self

    def __bool__(self):
        raise TypeError("boolean value of NA is ambiguous")

    __hash__ = None


@pytest.mark.parametrize("mark", [None, float("nan"), NAType(), np.datetime64("NaT")])
def test_a_text_column_with_gaps_may_be_missing(mark):
    schema, _ = infer_schema({"train": np.array([["red", 1], [mark, 0], ["blue", 1]], dtype=object)})
    assert schema.columns[0].arguments["missing"] is True
    assert schema.labels == (("blue", "red"), None)
    assert schema.encode(np.array([[mark, 1]], dtype=object)).codes.tolist() == [[2, 1]]


def test_a_column_without_any_value_is_refused(refused):
    with refused("column 0", "missing in every row", "leave it out"):
        infer_schema({"train": np.array([[np.nan, 1.0], [np.nan, 0.0]])})


def test_a_column_with_a_name_and_without_any_value_is_left_out():
    schema, notes = infer_schema({"train": np.array([[np.nan, 1.0], [np.nan, 0.0]])}, names=["a", "b"])
    assert schema.names == ("b",)
    assert notes == ("column a is missing in every row: left out",)


def test_other_things_are_refused():
    with pytest.raises(
        InputError, match=r"row 0, column 1 .* holds \[1\], which is neither a number nor text"
    ):
        infer_schema({"train": np.array([["red", [1]], ["blue", {}]], dtype=object)})
    with pytest.raises(InputError, match="the rows, train: no rows; give at least one"):
        infer_schema({"train": np.zeros((0, 3))})


def test_masked_entries_are_no_missing_values(refused):
    rows = np.ma.MaskedArray([[1.5, 2.5], [3.5, 0.5]], mask=[[False, False], [False, True]])
    with refused("the rows, train: row 1, column 1 (counted from 0) is masked", "NaN or None"):
        infer_schema({"train": rows})
    assert len(infer_schema({"train": rows[:1]})[0].columns) == 2


def test_columns_of_one_name_are_told_apart():
    schema, notes = infer_schema({"all": np.array([[0, 1, 2], [1, 0, 0]])}, "a.csv", ["a", "a", "a_2"])
    assert schema.names == ("a", "a_2", "a_2_2")
    assert notes[-1] == "columns that shared a name are renamed: a_2, a_2_2"
