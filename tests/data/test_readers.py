"""Files as they are: which arrays come out of which file, and what is refused."""

from __future__ import annotations

import os
import zipfile

import numpy as np
import polars
import pytest
from PIL import Image

from made.data.readers import read, read_with_siblings
from made.data.suffixes import SUFFIXES, in_words
from made.support.errors import InputError

ROWS = np.array([[0, 1, 2], [2, 1, 0]])


@pytest.mark.parametrize(
    "keys",
    [
        ("train_data", "valid_data", "test_data"),
        ("test", "val", "train"),
        ("train", "Validation", "test_data"),
    ],
)
def test_npz_with_splits(tmp_path, keys):
    arrays = {key: np.full((i + 1, 2), i) for i, key in enumerate(keys)}
    np.savez(tmp_path / "a.npz", **arrays)
    raw = read(tmp_path / "a.npz")
    assert list(raw.splits) == ["train", "valid", "test"]
    for key, array in arrays.items():
        split = {"v": "valid", "t": "train"}[key[0].lower()] if not key.startswith("test") else "test"
        np.testing.assert_array_equal(raw.splits[split], array)
    assert len(raw.rows) == 6


def test_npz_without_valid_and_with_more(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", train=ROWS, test=ROWS[:1], train_labels=[1, 2])
    raw = read(tmp_path / "a.npz")
    assert list(raw.splits) == ["train", "test"]
    assert raw.notes == ("not read from a.npz: train_labels",)


def test_one_array_keeps_its_type(tmp_path):
    np.savez(tmp_path / "a.npz", anything=ROWS.astype(np.int8))
    np.save(tmp_path / "b.npy", ROWS.astype(np.float32))
    assert read(tmp_path / "a.npz").splits["all"].dtype == np.int8
    raw = read(str(tmp_path / "b.npy"))
    assert raw.splits["all"].dtype == np.float32
    assert raw.table is None
    assert raw.source == str(tmp_path / "b.npy")


def test_images_are_flattened(tmp_path):
    images = np.arange(12).reshape(2, 2, 3)
    np.save(tmp_path / "a.npy", images)
    raw = read(tmp_path / "a.npy")
    assert raw.image_shape == (2, 3)
    np.testing.assert_array_equal(raw.splits["all"], images.reshape(2, 6))
    np.savez(tmp_path / "b.npz", train=images, test=images.reshape(2, 6))
    assert read(tmp_path / "b.npz").image_shape is None
    np.savez(tmp_path / "b.npz", train=images, test=images)
    assert read(tmp_path / "b.npz").image_shape == (2, 3)


def test_tables_have_no_rows(tmp_path):
    np.save(tmp_path / "a.npy", np.full((2, 4), 0.125, dtype=np.float32))
    Image.fromarray(np.full((2, 4), 9, dtype=np.uint8)).save(tmp_path / "b.png")
    for name in ("a.npy", "b.png"):
        raw = read(tmp_path / name)
        assert raw.splits == {}
        assert raw.table is not None
        np.testing.assert_allclose(raw.table, np.full((2, 4), 0.125))
        with pytest.raises(InputError, match="a joint table, which holds no rows"):
            raw.rows  # noqa: B018


def test_text_keeps_its_header(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    raw = read(tmp_path / "a.csv")
    assert raw.columns == ("x", "y")
    np.testing.assert_array_equal(raw.splits["all"], [[1, 2]])


def test_parquet(tmp_path):
    table = {"bit": [True, False, True], "kind": [3, 1, 2**53 + 1], "size": [1.0, 2.0, 0.0]}
    polars.DataFrame(table).write_parquet(tmp_path / "a.parquet")
    raw = read(tmp_path / "a.parquet")
    assert raw.columns == ("bit", "kind", "size")
    assert raw.rows.tolist() == [[1, 3, 1], [0, 1, 2], [1, 2**53 + 1, 0]]


def test_parquet_with_missing_values(tmp_path):
    polars.DataFrame({"bit": [True, None], "kind": [3, 1]}).write_parquet(tmp_path / "a.parquet")
    for missing in (True, False):
        np.testing.assert_array_equal(
            read(tmp_path / "a.parquet", missing=missing).rows, [[1, 3], [np.nan, 1]]
        )


def test_parquet_that_holds_no_rows(tmp_path):
    polars.DataFrame({"id": [1], "names": [["a"]]}).write_parquet(tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"a\.parquet: column 'names' holds List\(String\) values; a column"):
        read(tmp_path / "a.parquet")
    (tmp_path / "b.parquet").write_text("0 1")
    with pytest.raises(InputError, match=r"b\.parquet: not a Parquet file"):
        read(tmp_path / "b.parquet")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": ROWS, "b": ROWS}, "holds the arrays a, b; name them train_data, valid_data and test_data"),
        ({"train": ROWS, "valid": ROWS}, "holds the arrays train, valid; name them"),
        ({"train": ROWS, "train_data": ROWS}, "both train and train_data look like the train rows"),
        ({}, "holds the arrays none"),
        ({"a": np.array([object()])}, r"a\.npz: holds Python objects, which are not read"),
        ({"a": np.array([["x", "y"]])}, r"holds <U1 values; rows are whole numbers"),
        ({"a": np.ones((2, 2), dtype=complex)}, r"holds complex128 values"),
        ({"a": np.arange(3)}, r"shape \(3,\) where .* is expected; for one variable, reshape\(-1, 1\)"),
        ({"a": np.int64(3)}, r"shape \(\) where"),
        ({"a": np.zeros((1, 1, 1, 1))}, r"shape \(1, 1, 1, 1\) where \(rows, variables\)"),
        ({"train": ROWS, "test": np.arange(3)}, r"a\.npz, test: shape \(3,\)"),
        ({"train": np.full((2, 2, 2), 0.5), "test": ROWS}, "images are whole numbers; round or bin them"),
    ],
)
def test_arrays_that_are_no_rows(tmp_path, arrays, message):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(InputError, match=message):
        read(tmp_path / "a.npz")


def test_objects_in_npy(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[None]]), allow_pickle=True)
    with pytest.raises(InputError, match=r"a\.npy: holds Python objects"):
        read(tmp_path / "a.npy")


@pytest.mark.parametrize("suffix", ["npy", "npz"])
@pytest.mark.parametrize("keep", [0, 3, 20, 100, 0.5, 0.9, -1])
def test_files_cut_short(tmp_path, suffix, keep):
    path = tmp_path / f"a.{suffix}"
    if suffix == "npy":
        np.save(path, np.ones((50, 50)))
    else:
        np.savez_compressed(path, train=np.random.default_rng(0).integers(0, 2, (50, 50)))
    whole = path.read_bytes()
    path.write_bytes(whole[: keep if isinstance(keep, int) else int(keep * len(whole))])
    with pytest.raises(InputError, match=r"not a NumPy file, or a damaged one; write it again") as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_files_overwritten(tmp_path):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, train=np.random.default_rng(0).integers(0, 2, (50, 50)))
    whole = bytearray(path.read_bytes())
    whole[150:180] = bytes(30)
    path.write_bytes(whole)
    with pytest.raises(InputError, match="a damaged one"):
        read(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "no array")
    with pytest.raises(InputError, match=r"holds \|S8 values"):
        read(path)


def test_paths_that_are_no_file(tmp_path):
    with pytest.raises(InputError, match=r"no\.csv: no such file"):
        read(tmp_path / "no.csv")
    with pytest.raises(InputError, match="a directory; give a file in it, or a pattern"):
        read(tmp_path)
    (tmp_path / "a.doc").touch()
    with pytest.raises(InputError, match=r"unknown kind of file \.doc; known are \.npz") as caught:
        read(tmp_path / "a.doc")
    for suffix in SUFFIXES:
        assert suffix in str(caught.value)
        assert suffix in in_words()
    (tmp_path / "bare").touch()
    with pytest.raises(InputError, match=r"unknown kind of file \(no suffix\)"):
        read(tmp_path / "bare")
    with pytest.raises(InputError, match="not a path"):
        read("a\0.csv")
    with pytest.raises(InputError, match=r"cannot be read \(Not a directory\)"):
        read(tmp_path / "bare" / "a.csv")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read(tmp_path):
    (tmp_path / "a.csv").write_text("1\n")
    (tmp_path / "a.csv").chmod(0)
    with pytest.raises(InputError, match="cannot be read"):
        read(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        (("a.train.data", "a.valid.data", "a.test.data"), ["train", "valid", "test"]),
        (("a_train.csv", "a_val.csv", "a_test.csv"), ["train", "valid", "test"]),
        (("a-train.csv", "a-validation.csv", "a-test.csv"), ["train", "valid", "test"]),
        (("a_train.amat", "a_test.amat"), ["train", "test"]),
        (("a_train.amat", "a_valid.amat"), ["all"]),
        (("a_train.csv", "b_test.csv", "a_test.data"), ["all"]),
        (("a.csv", "a_test.csv"), ["all"]),
    ],
)
def test_siblings(tmp_path, names, splits):
    for i, name in enumerate(names):
        mark = " " if name.endswith("amat") else ","
        (tmp_path / name).write_text(f"{i}{mark}{i}\n")
    raw = read_with_siblings(tmp_path / names[0])
    assert sorted(raw.splits) == sorted(splits)
    assert list(read(tmp_path / names[0]).splits) == ["all"]  # one file is one file there
    if len(splits) == 3:
        assert {split: rows[0, 0] for split, rows in raw.splits.items()} == {
            "train": 0,
            "valid": 1,
            "test": 2,
        }
        assert raw.notes == (f"{names[0]} is read together with {names[1]} and {names[2]}",)
