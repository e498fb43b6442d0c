"""The door: a name or a path, and words that are neither."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
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
    heavy = ("torch", "sklearn", "pooch", "PIL", "scipy", "rich", "requests")
    code = f"import sys, made.data; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
