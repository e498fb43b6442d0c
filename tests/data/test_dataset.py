"""From the arrays of a file to a data set: splits, sizes, codes and what is said about them."""

from __future__ import annotations

import numpy as np
import pytest

from made.data.dataset import build
from made.data.readers import Raw
from made.data.splits import split_rows
from made.support.errors import InputError


def rows(n: int, d: int = 2) -> np.ndarray:
    return np.arange(n * d).reshape(n, d) % 2


@pytest.mark.parametrize(
    ("n", "sizes"), [(3, (1, 1, 1)), (4, (2, 1, 1)), (10, (8, 1, 1)), (1000, (800, 100, 100))]
)
def test_one_array_is_split_80_10_10(n, sizes):
    whole = np.arange(n)[:, None]
    parts, notes = split_rows({"all": whole}, "rows", seed=5)
    assert tuple(len(part) for part in parts.values()) == sizes
    assert sorted(np.concatenate(list(parts.values()))[:, 0]) == list(range(n))
    assert notes == (f"one array of {n:,} rows: split 80/10/10 with seed 5",)


def test_the_seed_decides_the_split():
    whole = {"all": np.arange(100)[:, None]}
    first, again, other = (split_rows(whole, "rows", seed)[0]["test"] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_train_without_valid_is_split_90_10():
    parts, notes = split_rows({"train": np.arange(20)[:, None], "test": np.array([[99]])}, "rows", seed=1)
    assert {split: len(part) for split, part in parts.items()} == {"train": 18, "valid": 2, "test": 1}
    assert parts["test"].tolist() == [[99]]
    assert notes == ("no valid rows: the 20 train rows are split 90/10 with seed 1",)


def test_given_splits_are_kept():
    splits = {"train": rows(4), "valid": rows(2), "test": rows(3)}
    data = build(Raw("a.npz", splits), "a")
    assert data.notes == ()
    for split, part in splits.items():
        np.testing.assert_array_equal(data.splits[split], part)
        assert data.splits[split].dtype == np.uint8
    assert repr(data) == "Dataset('a': 2 binary variables; rows: 4 train, 2 valid, 3 test)"
    assert data.is_binary
    assert data.n_variables == 2


def test_coding_is_that_of_the_training_rows():
    splits = {"train": np.array([[10], [20], [20]] * 20), "valid": np.array([[30]]), "test": np.array([[20]])}
    data = build(Raw("a.csv", splits, columns=("age",)), "a")
    assert data.classes == (2,)
    assert data.schema.labels == ((10, 20),)
    assert [part.tolist() for part in data.splits.values()] == [[[10], [20], [20]] * 20, [[30]], [[20]]]
    assert [data.codes(split).tolist() for split in data.splits] == [[[0], [1], [1]] * 20, [[2]], [[1]]]
    assert data.schema.unseen(data.splits["valid"]).tolist() == [[True]]
    assert data.notes == (
        "column 0 (age) (counted from 0) holds labels that are not 0 to K-1: coded in ascending order",
    )
    assert data.columns == ("age",)
    assert not data.is_binary


def test_whole_numbers_that_are_many_are_numbers():
    data = build(Raw("a.npy", {"all": np.arange(300)[:, None]}), "a")
    assert data.schema.columns[0].kind == "numeric"
    assert data.schema.columns[0].arguments["step"] == 1
    assert data.train.dtype == np.int64


def test_points_of_a_table():
    table = np.array([[0.5, 0.0, 0.0], [0.0, 0.25, 0.25]])
    raw = Raw("t.npy", {}, table=table, notes=("first",))
    data = build(raw, "t", seed=4, n_points=1000)
    assert {split: part.shape for split, part in data.splits.items()} == {
        "train": (800, 2),
        "valid": (100, 2),
        "test": (100, 2),
    }
    assert data.classes == (2, 3)
    assert data.schema.labels == (None, None)
    assert data.train.dtype == np.uint8
    assert data.table is table
    assert data.notes == ("first", "1,000 points drawn from the joint table with seed 4, split 80/10/10")


@pytest.mark.parametrize("n_points", [2, -1, 2.5, True, "many"])
def test_n_points_is_checked(n_points):
    with pytest.raises(InputError, match="n_points must be a whole number of at least 3"):
        build(Raw("t.npy", {}, table=np.full((2, 2), 0.25)), "t", n_points=n_points)


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        ({"all": rows(0)}, r"a\.npz: no rows"),
        ({"all": np.zeros((3, 0))}, r"a\.npz: no columns"),
        ({"all": rows(1)}, "1 row cannot be split; give at least 3"),
        ({"all": rows(2)}, "2 rows cannot be split; give at least 3"),
        ({"train": rows(1), "test": rows(1)}, "1 row cannot be split; give at least 2"),
        ({"train": rows(3), "valid": rows(0), "test": rows(1)}, r"a\.npz, valid: no rows"),
        ({"train": rows(3), "test": rows(1, 3)}, "differ in their number of columns: train 2, test 3"),
        ({"train": rows(3) + 0.5, "test": rows(1) + np.inf}, r"a\.npz, test: row 0, column 0 .* is infinite"),
    ],
)
def test_arrays_that_make_no_data_set(splits, message):
    with pytest.raises(InputError, match=message):
        build(Raw("a.npz", splits), "a")


# context


@pytest.fixture
def people():
    """80 rows of four columns: two classes, three classes, labels and a constant."""
    generator = np.random.default_rng(0)
    table = np.stack(
        [
            generator.integers(0, 2, 80),
            np.arange(80) % 3,
            np.array([10, 20, 40])[generator.integers(0, 3, 80)],
            np.zeros(80, dtype=int),
        ],
        axis=1,
    )
    return build(Raw("p.csv", {"all": table}, columns=("sex", "age", "size", "job")), "p")


@pytest.mark.parametrize("names", [["size", "sex"], [2, 0], ["2", "sex"]])
def test_with_context(people, names):
    parted = people.with_context(names)
    assert parted.columns == ("age", "job")
    given = parted.schema.context_columns
    assert [column.name for column in given] == ["size", "sex"]
    assert (parted.n_variables, len(given)) == (2, 2)
    assert (parted.classes, tuple(column.n_values for column in given)) == ((3, 2), (3, 2))
    assert parted.schema.labels == ((0, 1, 2), None)
    assert [column.labels for column in given] == [(10, 20, 40), None]
    for split, rows in people.splits.items():
        np.testing.assert_array_equal(parted.splits[split], rows[:, [1, 3]])
        np.testing.assert_array_equal(parted.context_of(split), rows[:, [2, 0]])
    assert parted.notes == people.notes
    assert people.context is None
    assert people.context_of("train") is None


def test_no_context(people):
    assert people.with_context([]) is people


def test_context_without_a_header_is_called_by_place(people):
    bare = build(Raw("p.npy", {"all": np.concatenate(list(people.splits.values()))}), "p")
    parted = bare.with_context(["x3", 1])
    assert [column.name for column in parted.schema.context_columns] == ["x3", "x1"]
    assert [column.name for column in parted.schema.modelled] == ["x0", "x2"]


def test_rows_given_context_are_no_images():
    images = build(Raw("i.npy", {"all": np.eye(12)}, image_shape=(3, 4)), "i")
    assert images.with_context([0]).image_shape is None
    table = build(Raw("t.npy", {}, table=np.full((2, 3), 1 / 6)), "t", n_points=100)
    parted = table.with_context([1])
    assert parted.table is None
    assert (parted.classes, parted.schema.context_columns[0].n_values) == ((2,), 3)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["sice"], "no variable 'sice'; there are size"),
        (["size", 2], "p: a column is named twice as context"),
        (["sex", "age", "size", "job"], "p: all columns are context, and none is left to model"),
    ],
)
def test_context_that_makes_no_sense(people, names, message):
    with pytest.raises(InputError, match=message):
        people.with_context(names)
