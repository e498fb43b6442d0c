"""Rows of files as a model takes them, and what is said of entries that it cannot take."""

from __future__ import annotations

import numpy as np
import polars
import pytest

import made


def test_labels_of_a_file_that_lacks_some(find, tmp_path):
    """A column that holds 20 and 40 alone still means the second and the third class."""
    np.save(tmp_path / "few.npy", np.array([[0, 0, 40], [0, 0, 20]]))
    assert find(str(tmp_path / "few.npy")).rows.codes[:, 2].tolist() == [2, 1]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (
            [0, 0, "x"],
            ["bad.csv: line 3, column 3 (c) holds 'x', which is none of its 3 labels (10, 20,"],
        ),
        ([0, "x", 10], ["bad.csv: line 3, column 2 (b) holds 'x', which is none of its 3 labels (0, 1, 2)"]),
        ([2, 0, 10], ["bad.csv: line 3, column 1 (a) holds 2: ", "0 or 1"]),
        ([-1, 0, 10], ["bad.csv: line 3, column 1 (a) holds -1: ", "0 or 1"]),
    ],
)
def test_values_that_no_variable_takes(find, tmp_path, refused, write_csv, row, words):
    path = write_csv(tmp_path / "bad.csv", [[0, 0, 10], row])
    with refused(*words):
        find(str(path))


@pytest.mark.parametrize(
    ("name", "text", "where"),
    [
        ("bad.csv", "0,0,10\n2,0,10\n", "line 2, column 1"),
        ("bad.csv", "a,b,c\n\n0,0,10\n\n2,0,10\n", "line 5, column 1 (a)"),
        ("bad.csv", "c,b,a\n10,0,0\n10,0,2\n", "line 3, column 3 (a)"),
        ("bad.tsv", "a\tb\tc\r\n2\t0\t10\r\n", "line 2, column 1 (a)"),
        ("bad.amat", "0 0 10\n\n2 0 10\n", "line 3, column 1"),
    ],
)
def test_bad_values_are_named_as_the_file_has_them(find, tmp_path, refused, name, text, where):
    """Lines and columns as an editor shows them, also where columns are in another order."""
    (tmp_path / name).write_text(text)
    for missing in (False, True):
        with refused(f"{tmp_path / name}: {where} holds 2: "):
            find(str(tmp_path / name), missing=missing)


def test_bad_values_of_a_split_are_named_as_the_file_has_them(find, tmp_path, table, write_csv, refused):
    """The split shuffles the rows; the line is that of the file."""
    bad = table.copy()
    bad[41, 0] = 2
    path = str(write_csv(tmp_path / "bad.csv", bad))
    refusals = []
    for split in ("train", "valid", "test"):
        try:
            find(path, split)
        except made.InputError as error:
            refusals.append(str(error))
    assert len(refusals) == 1
    assert refusals[0].startswith(f"{path}: line 43, column 1 (a) holds 2: ")


def test_bad_values_of_arrays_are_named_by_row(find, tmp_path, table, refused):
    """Files without lines have rows, counted from 0 in their split, and names where they have any."""
    bad = np.array([[0, 0, 10], [2, 0, 10]])
    np.save(tmp_path / "bad.npy", bad)
    with refused(f"{tmp_path / 'bad.npy'}: row 1, column 0 (counted from 0) holds 2"):
        find(str(tmp_path / "bad.npy"))
    np.savez(tmp_path / "bad.npz", train=table[:5], test=bad)
    for split in (None, "test", "all"):
        with refused(f"{tmp_path / 'bad.npz'}, test: row 1, column 0 (counted from 0) holds 2"):
            find(str(tmp_path / "bad.npz"), split)
    assert len(find(str(tmp_path / "bad.npz"), "train").rows) == 4
    polars.DataFrame(bad, schema=["a", "b", "c"]).write_parquet(tmp_path / "bad.parquet")
    with refused("bad.parquet: row 1, column 0 (a) (counted from 0) holds 2"):
        find(str(tmp_path / "bad.parquet"))


def test_entries_may_be_unknown(find, tmp_path, refused):
    (tmp_path / "gaps.csv").write_text("a,b,c\n0,?,10\n1,2,40\n")
    found = find(str(tmp_path / "gaps.csv"), missing=True)
    assert found.rows.mask.tolist() == [[True, False, True], [True, True, True]]
    assert (found.name, found.split) == ("gaps.csv", "all")
    with refused("gaps.csv: line 2, column 2 (b) holds '?'"):
        find(str(tmp_path / "gaps.csv"))
    with refused("gaps.csv", "2 rows cannot be split"):
        find(str(tmp_path / "gaps.csv"), "test", missing=True)


def test_a_bad_label_of_context_is_named_as_the_file_has_it(find_given_b, tmp_path, refused):
    (tmp_path / "bad.csv").write_text("b,c,a\n1,10,0\ntwo,10,0\n")
    with refused("bad.csv: line 3, column 1 (b) holds 'two'"):
        find_given_b(str(tmp_path / "bad.csv"))
    (tmp_path / "gap.csv").write_text("c,b,a\n\n10,1,0\n10,?,0\n")
    with refused("gap.csv: line 4, column 2 (b) is missing: context must be known"):
        find_given_b(str(tmp_path / "gap.csv"), missing=True)


def test_context_that_does_not_fit(find_given_b, tmp_path, refused, write_csv):
    with refused("narrow.csv", "2 columns", "takes 3", "2 variables and 1 of context"):
        find_given_b(str(write_csv(tmp_path / "narrow.csv", [[0, 1], [1, 1]], header="")))
    with refused("bad.csv: line 3, column 2 (b) holds 'x'"):
        find_given_b(str(write_csv(tmp_path / "bad.csv", [[0, 2, 10], [0, "x", 10]])))
    with refused("label.csv: line 2, column 1 (a) holds 2"):
        find_given_b(str(write_csv(tmp_path / "label.csv", [[2, 2, 10]])))
