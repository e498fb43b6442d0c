"""Files in portions: the same rows, lines and words as at one go, wherever they are cut."""

from __future__ import annotations

import gzip
import io
import sys
from pathlib import Path

import numpy as np
import polars
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from made import data
from made.data import portions
from made.data.portions import open_portions

N = 1000


@pytest.fixture(scope="module")
def frame():
    generator = np.random.default_rng(0)
    return polars.DataFrame(
        {
            "a": generator.integers(0, 9, N),
            "b": generator.choice(["x", "y\nz", 'q"r', "u,v", ""], N),
            "c": polars.Series(generator.normal(size=N)).set(polars.Series(generator.random(N) < 0.1), None),
            "d": generator.random(N) < 0.5,
        }
    )


@pytest.fixture
def small(monkeypatch):
    """Portions of 64 rows, read by 777 bytes."""
    monkeypatch.setattr(portions, "ROWS", 64)
    monkeypatch.setattr(portions, "_BYTES", 777)


def write(frame, path):
    if path.suffix == ".parquet":
        frame.write_parquet(path, row_group_size=100)
    elif path.suffix in (".arrow", ".feather"):
        frame.write_ipc(path)
    else:
        if ".jsonl" in path.suffixes:
            text = b"\n" + frame.write_ndjson().replace("\n", "\n\n", 100).encode()
        else:
            marks = {"tsv": "\t", "semicolons": ";", "commas": ";"}
            name = path.name.split(".")[0]
            mark = "\t" if ".tsv" in path.suffixes else marks.get(name, ",")
            text = frame.write_csv(
                line_terminator="\r\n", separator=mark, decimal_comma=name == "commas"
            ).encode()
        path.write_bytes(gzip.compress(text, mtime=0) if path.suffix == ".gz" else text)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    "name",
    [
        *("x.csv", "x.csv.gz", "x.parquet", "x.arrow", "x.feather"),
        *("x.tsv", "x.tsv.gz", "semicolons.csv", "commas.csv", "commas.csv.gz", "x.jsonl", "x.jsonl.gz"),
    ],
)
def test_portions_are_the_whole(frame, tmp_path, name):
    write(frame, tmp_path / name)
    whole = data.read(tmp_path / name, missing=True)
    found = open_portions(tmp_path / name, missing=True)
    for _ in range(2):  # it can be gone through again
        parts = list(found)
        assert [len(part.rows) for part in parts] == [64] * 15 + [40]
        assert [part.first for part in parts] == list(range(0, N, 64))
        assert np.array_equal(
            np.concatenate([part.rows.astype(str) for part in parts]), whole.rows.astype(str)
        )
        assert {part.columns for part in parts} == {whole.columns}
    assert N <= found.n_rows < 1.5 * N
    if "jsonl" in name:
        lines = np.concatenate([part.lines["all"].find() for part in parts])
        np.testing.assert_array_equal(lines, whole.lines["all"].find())
        assert {part.dtypes for part in parts} == {whole.dtypes}
        assert parts[3].place(5, 1) == whole.place(3 * 64 + 5, 1)
    elif "csv" in name or "tsv" in name:
        lines = np.concatenate([part.lines["all"].find() for part in parts])
        np.testing.assert_array_equal(lines, whole.lines["all"].find())
        words = [word for part in parts for word in part.text_files["all"].words(1)]
        assert words == whole.text_files["all"].words(1)
        assert parts[3].place(5, 1) == whole.place(3 * 64 + 5, 1)
    else:
        assert parts[3].place(5, 1) == whole.place(3 * 64 + 5, 1) == "row 197, column 1 (b) (counted from 0)"


@pytest.mark.usefixtures("small")
def test_standard_input(frame, monkeypatch, tmp_path):
    frame.write_csv(tmp_path / "x.csv")
    content = (tmp_path / "x.csv").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    parts = list(open_portions(Path("-"), missing=True))
    assert sum(len(part.rows) for part in parts) == N
    assert parts[1].source == "standard input"


@pytest.mark.usefixtures("small")
def test_rows_that_are_none_keep_their_numbers(tmp_path):
    lines = ["a,b", *(f"{i},{i % 3}" for i in range(300))]
    lines[101], lines[200] = "1,2,3", "4"
    (tmp_path / "x.csv").write_text("\n".join(lines))
    parts = list(open_portions(tmp_path / "x.csv", lenient=True))
    whole = data.read(tmp_path / "x.csv", lenient=True)
    faults = [(part.first + fault.row, fault.value, fault.reason) for part in parts for fault in part.faults]
    assert faults == [(own.row, own.value, own.reason) for own in whole.faults]
    assert sum(part.n_rows for part in parts) == whole.n_rows == 300


@pytest.mark.usefixtures("small")
def test_without_a_header_the_first_row_says_the_width(tmp_path):
    (tmp_path / "x.csv").write_text("".join(f"{i},{i % 3}\n" for i in range(128)) + "7\n" + "1,2\n" * 80)
    parts = list(open_portions(tmp_path / "x.csv", lenient=True))
    assert [len(part.rows) for part in parts] == [64, 64, 63, 17]
    assert parts[2].faults[0].reason == "has 1 column where the first has 2"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("x.csv", b"", ["empty"]),
        ("x.csv", b"age,job\n", ["a header and no rows"]),
        ("x.csv", b"a,b\n1,\xff\n", ["UTF-8"]),
        ("x.csv", b"a,b\n1,2,3\n", ["line 2", "has 3 columns"]),
        ("x.csv.gz", gzip.compress(b"a,b\n1,2\n" * 9, mtime=0)[:-9], ["damaged gzip"]),
        ("x.parquet", b"no table", ["not a Parquet file"]),
        ("x.jsonl", b"\n", ["empty"]),
        ("x.jsonl", b'{"a": 1}\n[]\n', ["line 2", "is no object"]),
        ("x.jsonl", b'{"a": "\xff"}\n', ["UTF-8"]),
        ("x.jsonl.gz", gzip.compress(b'{"a": 1}\n' * 9, mtime=0)[:-9], ["damaged gzip"]),
    ],
)
def test_what_is_refused(tmp_path, refused, name, content, words):
    (tmp_path / name).write_bytes(content)
    with refused(name, *words):
        list(open_portions(tmp_path / name))


def test_other_files_are_read_as_a_whole(tmp_path):
    np.save(tmp_path / "x.npy", np.eye(4))
    assert open_portions(tmp_path / "x.npy") is None
    polars.DataFrame({"n": [1]}).write_ipc_stream(tmp_path / "x.arrow")
    assert open_portions(tmp_path / "x.arrow") is None


@pytest.mark.usefixtures("small")
def test_all_of_a_file_decides_whether_commas_are_decimal(tmp_path):
    """One number with a decimal point, far below, makes all others of its column text."""
    lines = [f"{i},5;{i},5;{i}" for i in range(200)]
    lines[150] = "150,5;150.5;150"
    (tmp_path / "x.csv").write_text("\n".join(["a;b;c", *lines]))
    parts = list(open_portions(tmp_path / "x.csv"))
    whole = data.read(tmp_path / "x.csv")
    assert len(parts) == 4
    rows = np.concatenate([part.rows.astype(object) for part in parts])
    assert rows[:3].tolist() == [[0.5, "0,5", 0], [1.5, "1,5", 1], [2.5, "2,5", 2]]
    assert rows.astype(str).tolist() == whole.rows.astype(str).tolist()


@pytest.mark.usefixtures("small")
def test_all_of_a_file_decides_what_columns_json_lines_have(tmp_path):
    lines = [f'{{"a": {i}, "b": {i}}}' for i in range(200)]
    lines[90], lines[91], lines[150] = "{", '{"a": [1]}', '{"c": true, "b": "x", "a": 0.5}'
    lines[170] = "\n"
    (tmp_path / "x.jsonl").write_text("\n".join(lines))
    parts = list(open_portions(tmp_path / "x.jsonl", lenient=True))
    whole = data.read(tmp_path / "x.jsonl", lenient=True)
    assert len(parts) == 4
    assert {part.columns for part in parts} == {("a", "b", "c")}
    assert {part.dtypes for part in parts} == {whole.dtypes}
    assert np.concatenate([part.rows for part in parts]).tolist() == whole.rows.tolist()
    faults = [(part.first + own.row, own.value, own.reason) for part in parts for own in part.faults]
    assert faults == [(own.row, own.value, own.reason) for own in whole.faults]
    assert [part.lines["all"].find()[0] for part in parts] == [1, 65, 129, 195]


def test_a_mark_without_a_partner_ends_with_its_line(tmp_path, monkeypatch):
    """Not all that follows is one row, which would have to fit into memory."""
    monkeypatch.setattr(portions, "ROWS", 64)
    monkeypatch.setattr(portions, "_BYTES", 777)
    monkeypatch.setattr(portions, "_MOST_BYTES", 2000)
    lines = [f"{i},x" for i in range(2000)]
    lines[500] = '500,"x'
    (tmp_path / "x.csv").write_text("a,b\n" + "\n".join(lines))
    parts = list(open_portions(tmp_path / "x.csv", lenient=True))
    assert max(len(part.rows) for part in parts) <= 64
    faults = [(part.first + fault.row, fault.value) for part in parts for fault in part.faults]
    assert faults == [(500, '500,"x')]
    assert sum(len(part.rows) for part in parts) == 1999


@given(st.text(st.sampled_from('a1,"\n\r'), max_size=60), st.integers(1, 9), st.integers(1, 4))
@settings(max_examples=50, deadline=None)
def test_blocks_join_to_the_text(text, n_bytes, rows):
    """Wherever it is cut, nothing is lost, and lines end as in the whole text."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(portions, "_BYTES", n_bytes)
        chunks = portions._unified_chunks("x.csv", io.BytesIO(text.encode()))
        blocks = list(portions._blocks(chunks, rows))
    whole = text.replace("\r\n", "\n").replace("\r", "\n").encode()
    assert b"".join(blocks) == whole
    for block in blocks[:-1]:
        assert block.endswith(b"\n")
        assert len(portions._ends_of_rows(block)) == rows


@pytest.mark.usefixtures("small")
def test_a_number_that_is_rounded_makes_its_column_text_in_every_portion(tmp_path):
    lines = [f'{{"a": {i}.5, "b": {i}}}' for i in range(150)]
    lines[140] = '{"a": 9007199254740993, "b": 36893488147419103233}'
    (tmp_path / "x.jsonl").write_text("\n".join(lines))
    parts = list(open_portions(tmp_path / "x.jsonl"))
    whole = data.read(tmp_path / "x.jsonl")
    assert {part.dtypes for part in parts} == {whole.dtypes} == {("str", "str")}
    assert np.concatenate([part.rows for part in parts]).tolist() == whole.rows.tolist()
