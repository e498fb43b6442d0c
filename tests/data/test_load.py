"""The door: a name or a path, and words that are neither."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import polars
import pytest

import made.data
from made.support.errors import InputError


def test_a_file_by_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.csv").write_text("a,b\n" + "0,10\n1,30\n" * 10)
    data = made.data.load("rows.csv", seed=np.int64(2))
    assert (data.name, data.classes, data.schema.labels) == ("rows", (2, 2), (None, (10, 30)))
    assert data.columns == ("a", "b")
    assert {split: len(rows) for split, rows in data.splits.items()} == {"train": 16, "valid": 2, "test": 2}
    assert data.notes[-1] == "one array of 20 rows: split 80/10/10 with seed 2"


def test_parts_by_path(tmp_path):
    for part in ("train", "valid", "test"):
        (tmp_path / f"a_{part}.amat").write_text("0 1\n1 0\n")
    data = made.data.load(tmp_path / "a_train.amat")
    assert (data.name, len(data.valid)) == ("a", 2)
    assert made.data.read(tmp_path / "a_test.amat").rows.tolist() == [[0, 1], [1, 0]]


def test_a_table_by_path(tmp_path):
    polars.DataFrame({"a": [0, 1] * 10, "b": [10, 30] * 10}).write_parquet(tmp_path / "rows.parquet")
    (tmp_path / "rows.csv").write_text("a,b\n" + "0,10\n1,30\n" * 10)
    table, text = made.data.load(tmp_path / "rows.parquet"), made.data.load(tmp_path / "rows.csv")
    assert (table.name, table.classes, table.schema.labels, table.columns) == (
        text.name,
        text.classes,
        text.schema.labels,
        text.columns,
    )
    for split, rows in table.splits.items():
        np.testing.assert_array_equal(rows, text.splits[split])


def test_rows_of_text_are_named_by_their_lines(tmp_path):
    """Also where a check fails after the file was read: lines and columns are counted one way."""
    (tmp_path / "a.csv").write_text("age,job\n\n1,0\n  \n0.5,inf\n")
    with pytest.raises(InputError, match=r"^\S+a\.csv: line 5, column 2 \(job\) holds 'inf'"):
        made.data.load(tmp_path / "a.csv")
    (tmp_path / "b.amat").write_text("1.5 0\n1 inf\n")
    with pytest.raises(InputError, match=r"^\S+b\.amat: line 2, column 2 holds 'inf'"):
        made.data.load(tmp_path / "b.amat")


def test_lines_of_a_sibling(tmp_path):
    for part, value in (("train", "1"), ("valid", "-inf"), ("test", "0")):
        (tmp_path / f"a.{part}.data").write_text(f"0,1\n1,{value}\n")
    with pytest.raises(InputError, match=r"^\S+a\.valid\.data: line 2, column 2 holds '-inf'"):
        made.data.load(tmp_path / "a.train.data")


def test_rows_of_an_array_are_counted_from_0(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[0.0, 1.0], [1.0, np.inf]]))
    with pytest.raises(InputError, match=r"a\.npy: row 1, column 1 \(counted from 0\) is infinite"):
        made.data.load(tmp_path / "a.npy")


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("digit", "no data set and no file is called 'digit'; did you mean digits"),
        ("MNIST", "did you mean binarized_mnist"),
        ("quux", "no data set and no file is called 'quux'; known are digits, binarized_mnist"),
        ("dna.npz", r"dna\.npz: no such file; to load it by name, say 'dna'"),
        ("rows.csv", r"^rows\.csv: no such file"),
        ("here/digits", "here/digits: no such file"),
        ("", "no data set is named; known are"),
        ("a\0b", "a"),
        (3, "given by its name or a path, not by int"),
        (None, "given by its name or a path, not by NoneType"),
    ],
)
def test_words_that_lead_nowhere(tmp_path, monkeypatch, word, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message):
        made.data.load(word)


@pytest.mark.parametrize("seed", [-1, 1.5, True, None, "0"])
def test_the_seed_is_checked(seed):
    with pytest.raises(InputError, match="seed must be a whole number of at least 0"):
        made.data.load("digits", seed=seed)


def test_importing_is_light():
    heavy = ("torch", "sklearn", "pooch", "PIL", "scipy", "rich", "requests", "polars")
    assert imported("from made.data import load", heavy) == "[]"
    # what the help of the command line shows
    assert imported("import made.data.registry, made.data.suffixes", ("numpy", *heavy)) == "[]"


def imported(code, modules):
    code = f"{code}\nimport sys; print([m for m in {modules} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_face_is_whole():
    assert set(made.data.__all__) == set(dir(made.data))
    for name in made.data.__all__:
        assert getattr(made.data, name).__module__.startswith("made.data.")
    with pytest.raises(AttributeError, match="fetch_all"):
        made.data.fetch_all  # noqa: B018
