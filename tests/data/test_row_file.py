"""Rows read in slices from a file: the same as those of the array in it, and what is refused."""

from __future__ import annotations

import copy
import os
import pickle

import numpy as np
import polars
import pytest

from made.data import RowFile, open_rows

ROWS = np.random.default_rng(0).integers(0, 200, (70, 6))


@pytest.fixture
def save(tmp_path):
    """A function that writes an array to a NumPy file and returns its path."""

    def write(array, name="rows.npy", **options):
        np.save(tmp_path / name, array, **options)
        return tmp_path / name

    return write


@pytest.fixture
def save_table(tmp_path):
    """A function that writes columns by name to a Parquet file and returns its path."""

    def write(columns, **options):
        polars.DataFrame(columns).write_parquet(tmp_path / "rows.parquet", **options)
        return tmp_path / "rows.parquet"

    return write


def named(array):
    return {f"v{d}": column for d, column in enumerate(array.T)}


def assert_reads(file: RowFile, expected):
    assert (file.n, len(file), file.n_columns) == (len(expected), len(expected), expected.shape[1])
    for first, n in [(0, 0), (0, 1), (0, len(expected)), (3, 2), (len(expected) - 1, 1), (len(expected), 0)]:
        assert np.array_equal(file.read(first, n), expected[first : first + n])


# What is read


@pytest.mark.parametrize("kind", ["u1", "i1", "?", "<i8", ">i4", "<u2", "<f4", ">f8", "<f2"])
def test_every_kind_of_number(save, kind):
    array = ROWS.astype(kind)
    file = open_rows(save(array))
    assert_reads(file, array)
    assert file.read(0, 1).dtype == array.dtype
    assert (file.columns, file.first) == (None, 0)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(70, 6), (70, 2, 3), (70, 3, 2)])
@pytest.mark.parametrize("columns", [None, [4, 0, 3]])
def test_either_order_of_memory(save, order, shape, columns):
    array = np.asarray(ROWS.astype(np.uint8).reshape(shape), order=order)
    expected = ROWS if columns is None else ROWS[:, columns]
    assert_reads(open_rows(save(array), columns), expected)


def test_a_longer_header(tmp_path):
    path = tmp_path / "rows.npy"
    with path.open("wb") as out:
        np.lib.format.write_array(out, ROWS, version=(2, 0))
    assert_reads(open_rows(path), ROWS)


@pytest.mark.parametrize("row_group_size", [None, 16])
def test_parquet(save_table, row_group_size):
    file = open_rows(save_table(named(ROWS.astype(np.uint8)), row_group_size=row_group_size))
    assert_reads(file, ROWS)
    assert file.read(0, 2).dtype == np.uint8
    assert file.columns == ("v0", "v1", "v2", "v3", "v4", "v5")


def test_columns_of_parquet(save_table):
    path = save_table(named(ROWS))
    file = open_rows(path, ["v4", "v1", 0])
    assert_reads(file, ROWS[:, [4, 1, 0]])
    assert file.columns == ("v4", "v1", "v0")


def test_columns_of_several_kinds(save_table):
    bits = ROWS[:, 0] > 100
    file = open_rows(save_table({"bit": bits, "small": ROWS[:, 1].astype(np.uint8), "large": ROWS[:, 2]}))
    assert_reads(file, np.stack([bits, ROWS[:, 1], ROWS[:, 2]], axis=1))


def test_missing_values_of_parquet_are_nan(save_table):
    file = open_rows(save_table({"bit": [True, None, False], "number": [1, 2, None]}))
    assert np.array_equal(file.read(0, 3), [[1, 1], [np.nan, 2], [0, np.nan]], equal_nan=True)


def test_parts(save):
    file = open_rows(save(ROWS))
    assert_reads(file.part(0, -10), ROWS[:-10])
    assert_reads(file.part(-10), ROWS[-10:])
    assert_reads(file.part(20, 50).part(5, 10), ROWS[25:30])
    assert_reads(file.part(), ROWS)
    assert file.part(20, 50).part(5, 10).first == 25
    assert file.n == 70


def test_it_may_be_copied_and_sent(save, save_table):
    for file in (open_rows(save(ROWS)), open_rows(save_table(named(ROWS)))):
        assert_reads(copy.deepcopy(file), ROWS)
        assert_reads(pickle.loads(pickle.dumps(file)), ROWS)
        assert "70 rows, 6 columns" in repr(file)


# What tells files apart


def test_identity(save, tmp_path):
    array = ROWS.astype(np.uint8)
    path = save(array)
    first = open_rows(path)
    os.utime(path, (10**9, 10**9))
    known = first.identity()
    assert open_rows(path).identity() == known
    assert first.part(1).identity() != known
    assert first.part(0, -1).identity() != known
    assert open_rows(path, [1, 0, 2, 3, 4, 5]).identity() != known
    path.rename(tmp_path / "moved.npy")
    assert open_rows(tmp_path / "moved.npy").identity() == known
    array[35, 2] += 1
    os.utime(save(array), (10**9, 10**9))
    assert open_rows(path).identity() != known  # by its content
    array[35, 2] -= 1
    os.utime(save(array), (10**9, 10**9 + 1))
    assert open_rows(path).identity() != known  # by its time


# What is refused


def test_places_that_are_not_there(save, refused):
    file = open_rows(save(ROWS))
    for first, n in [(70, 1), (-1, 1), (0, 71), (5, -1)]:
        with refused("rows.npy", "70 rows"):
            file.read(first, n)
    with refused("without rows", "70"):
        file.part(70)


def test_files_that_cannot_be_read(tmp_path, save, refused):
    with refused("absent.npy", "no such file"):
        open_rows(tmp_path / "absent.npy")
    with refused("directory"):
        open_rows(tmp_path)
    (tmp_path / "rows.csv").write_text("0,1\n")
    with refused("rows.csv", ".npy", ".parquet"):
        open_rows(tmp_path / "rows.csv")
    (tmp_path / "text.npy").write_text("0 1 0")
    with refused("text.npy", "not a NumPy file"):
        open_rows(tmp_path / "text.npy")
    (tmp_path / "nothing.npy").touch()
    with refused("nothing.npy", "not a NumPy file"):
        open_rows(tmp_path / "nothing.npy")
    path = save(ROWS)
    path.write_bytes(path.read_bytes()[:-1])
    with refused("rows.npy", "cut short"):
        open_rows(path)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.array([[1, None]], dtype=object), ["Python objects"]),
        (np.array([["a", "b"]]), ["<U1", "whole numbers"]),
        (np.array([[1j]]), ["complex128", "whole numbers"]),
        (np.zeros(3, dtype=[("a", "i4"), ("ü", "i4")]), ["'a'", "whole numbers"]),
        (np.zeros(5), ["shape (5,)", "reshape(-1, 1)"]),
        (np.zeros((2, 2, 2, 2)), ["shape (2, 2, 2, 2)"]),
        (np.zeros((0, 5)), ["no rows"]),
        (np.zeros((5, 0)), ["no columns"]),
    ],
)
@pytest.mark.filterwarnings("ignore:Stored array in format")
def test_arrays_that_are_no_rows(save, refused, array, words):
    with refused("rows.npy", *words):
        open_rows(save(array))


def test_columns_that_are_not_there(save, refused):
    path = save(ROWS)
    with refused("rows.npy", "no variable '6'", "x0..x5"):
        open_rows(path, [6])
    with refused("named twice"):
        open_rows(path, [1, "x1"])
    with refused("columns is a list"):
        open_rows(path, [])
    with refused("columns is a list"):
        open_rows(path, "x1")


def test_tables_that_are_no_rows(save_table, tmp_path, refused):
    with refused("rows.parquet", "'name'", "String", "whole numbers"):
        open_rows(save_table({"id": [1, 2], "name": ["a", "b"]}))
    assert open_rows(tmp_path / "rows.parquet", ["id"]).n_columns == 1
    with refused("rows.parquet", "no rows"):
        open_rows(save_table({"id": np.zeros(0, dtype=int)}))
    with refused("rows.parquet", "no variable 'x'"):
        open_rows(save_table({"id": [1]}), ["x"])
    (tmp_path / "text.parquet").write_text("0 1 0")
    with refused("text.parquet", "not a Parquet file"):
        open_rows(tmp_path / "text.parquet")


def test_files_that_change_while_open(save, save_table, refused):
    path = save(ROWS)
    file = open_rows(path)
    path.write_bytes(path.read_bytes()[:-100])
    assert np.array_equal(file.read(0, 5), ROWS[:5])
    with refused("rows.npy", "changed"):
        file.read(60, 10)
    path.unlink()
    with refused("rows.npy", "changed"):
        file.read(0, 5)
    with refused("rows.npy", "changed"):
        file.identity()
    path = save_table(named(ROWS))
    file = open_rows(path)
    path.unlink()
    with refused("rows.parquet", "changed"):
        file.read(0, 5)
