"""Text files: layouts that are read, and faults that are named by line and column."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from made.data.layout import open_text
from made.data.tables import as_array
from made.data.text import TextFile, _careful, _quick, read_text
from made.support.errors import InputError


def write(tmp_path: Path, name: str, text: str | bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    ("name", "text", "columns"),
    [
        ("a.csv", "1,0\n0,2\n", None),
        ("a.csv", "1;0\n0;2\n", None),
        ("a.csv", "1\t0\n0\t2", None),
        ("a.tsv", "x\ty\n1\t0\n0\t2\n", ("x", "y")),
        ("a.csv", "x,y\n1,0\n0,2\n", ("x", "y")),
        ("a.csv", '"x, or",y\r\n"1",0\r\n0,"2"\r\n', ("x, or", "y")),
        ("a.csv", "\ufeffx;y\n1;0\n0;2\n", ("x", "y")),
        ("a.csv", "\n\nx,y\n\n1,0\n\n0,2\n\n", ("x", "y")),
        ("a.csv", "1.0, 0e0\n 0,+2\n   \n", None),
        ("a.CSV", "x,\n1,0\n0,2\n", ("x", "")),
        ("a.data", "1,0\n0,2\n", None),
        ("a.amat", "1 0\n0   2 \n", None),
        ("a.amat", " 1.0\t0.0\n0.0\t2.0\n", None),
    ],
)
def test_layouts(tmp_path, name, text, columns):
    path = write(tmp_path, name, text)
    rows, found = read_text(path)[:2]
    np.testing.assert_array_equal(rows, [[1, 0], [0, 2]])
    assert rows.dtype == (np.float64 if "1.0" in text else np.int64)
    assert rows.flags.c_contiguous
    assert found == columns
    # the careful pass is the plain twin of the quick one
    np.testing.assert_array_equal(as_array(_careful(open_text(path, False), False)[0]), rows)


def test_one_row_and_one_column(tmp_path):
    assert read_text(write(tmp_path, "a.csv", "1,2,3"))[0].shape == (1, 3)
    assert read_text(write(tmp_path, "b.csv", "1\n2\n3\n"))[0].shape == (3, 1)
    assert read_text(write(tmp_path, "c.csv", "age\n2\n3\n"))[0].shape == (2, 1)


def test_whole_numbers_stay_whole(tmp_path):
    large = 2**53 + 1
    rows = read_text(write(tmp_path, "a.csv", f"{large},1\n2,0\n")).rows
    assert rows.tolist() == [[large, 1], [2, 0]]
    rows = read_text(write(tmp_path, "b.csv", f"{large},1.0\n2, 0\n")).rows
    assert rows.tolist() == [[large, 1], [2, 0]]


def test_numbers_beyond_64_bits_are_left_to_later_checks(tmp_path):
    rows = read_text(write(tmp_path, "a.csv", f"{2**63},1\n2,0\n")).rows
    assert rows.tolist() == [[2.0**63, 1], [2, 0]]


def test_a_fraction_after_many_whole_numbers(tmp_path):
    rows = read_text(write(tmp_path, "a.csv", "1,0\n" * 5000 + "1.5,0\n")).rows
    assert (len(rows), rows[-1, 0], rows[0, 0]) == (5001, 1.5, 1)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_ends_of_lines(tmp_path, end):
    path = write(tmp_path, "a.csv", end.join(["x,y", "1,0", "", "0,2", ""]))
    np.testing.assert_array_equal(read_text(path)[0], [[1, 0], [0, 2]])
    assert [TextFile(path).line_of(row) for row in (0, 1)] == [2, 4]


def test_lines_of_rows_with_missing_values(tmp_path):
    """A first line of marks is a row where values may be missing, and a header where not."""
    path = write(tmp_path, "a.csv", "?,NA\n1,0\n")
    assert [TextFile(path, missing=True).line_of(row) for row in (0, 1)] == [1, 2]
    assert TextFile(path).line_of(0) == 2


FIFTEEN = ",".join("1" * 15)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", f"{FIFTEEN}\n" * 6 + FIFTEEN[:-2], "line 7 has 14 columns where the first has 15"),
        ("a.csv", "x,y\n\n1,0\n1,0,1\n", "line 4 has 3 columns where the header has 2"),
        ("a.csv", "x,y,z\n1,0\n1,0\n", "line 2 has 2 columns where the header has 3"),
        ("a.csv", "1,0\n1,\n", "line 2, column 2 is empty; fill it or drop the row"),
        ("a.csv", "1,0,\n1,0,\n", "line 1, column 3 is empty"),
        ("a.csv", "age,job\n1,?\n", r"line 2, column 2 \(job\) holds '\?'"),
        ("a.csv", "1,0\n1,nan\n", "line 2, column 2 holds 'nan', which is not a number"),
        ("a.csv", "1,0\n-inf,1\n", "line 2, column 1 holds '-inf'"),
        ("a.amat", "1 0\n1\n", "line 2 has 1 column where the first has 2"),
        ("a.csv", "", "empty; it should hold one row a line"),
        ("a.csv", " \n\n", "empty; it should hold one row a line"),
        ("a.csv", "x,y\n", "a header and no rows"),
        ("a.csv", "x,y\n  \n", "a header and no rows"),
        ("a.csv", b"x,y\n\xff\xfe,1\n", "not text in UTF-8"),
        ("a.csv", b"1,0\n\x00,1\n", "not text in UTF-8 .it holds zero bytes"),
        ("a.csv", "1,0\n1,inf\n1,0,1\n", "line 2, column 2 holds 'inf'"),  # the first of two wrong lines
        ("a.csv", "1,0\n1,0,1\n1,inf\n", "line 2 has 3 columns"),
        ("a.csv", "1,inf\ninf,0\n", "line 1, column 2 holds 'inf'"),  # and the first column in it
        ("a.csv", '1,0\n"1,0\n', "line 2 has a quotation mark without its partner"),
        ("a.csv", '1,0\n1,"0\n1,0\n', "line 2 has a quotation mark without its partner"),
    ],
)
def test_faults_are_named(tmp_path, name, text, message):
    path = write(tmp_path, name, text)
    with pytest.raises(InputError, match=message) as caught:
        read_text(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


# missing values

MARKS = ["", " ", "?", "NA", "na", "N/A", "NaN", "nan", "None", "null", "NULL", " ? ", '"?"']


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize(
    ("name", "delimiter", "header"),
    [
        ("a.csv", ",", True),
        ("a.csv", ",", False),
        ("a.csv", ";", True),
        ("a.tsv", "\t", True),
        ("a.tsv", "\t", False),
        ("a.data", ",", False),
    ],
)
def test_every_mark_of_a_missing_value(tmp_path, mark, name, delimiter, header):
    lines = [["x", "y", "z"]] * header + [["1", mark, "0"], ["0", "2", mark], [mark, "1", "1"]]
    path = write(tmp_path, name, "".join(delimiter.join(line) + "\n" for line in lines))
    rows, columns = read_text(path, missing=True)[:2]
    np.testing.assert_array_equal(rows, [[1, np.nan, 0], [0, 2, np.nan], [np.nan, 1, 1]])
    assert columns == (("x", "y", "z") if header else None)
    assert _quick(open_text(path, True)) is None
    with pytest.raises(InputError, match=f"line {1 + header}, column 2"):
        read_text(path)


@pytest.mark.parametrize("mark", ["?", "NaN", "none"])
def test_missing_values_between_blanks(tmp_path, mark):
    path = write(tmp_path, "a.amat", f"1 {mark} 0\n0   2 {mark}\n")
    np.testing.assert_array_equal(read_text(path, missing=True)[0], [[1, np.nan, 0], [0, 2, np.nan]])


@pytest.mark.parametrize(
    ("text", "columns", "rows"),
    [
        ("?,NA,\n1,2,3\n", None, [[np.nan] * 3, [1, 2, 3]]),  # a row of marks is no header
        ("nan,nan\n1,2\n", None, [[np.nan] * 2, [1, 2]]),
        ("?,1\n1,2\n", None, [[np.nan, 1], [1, 2]]),
        ("x,?\n1,2\n", ("x", "?"), [[1, 2]]),  # with a name in it, it is one
        ("x,\n1,2\n", ("x", ""), [[1, 2]]),
        ("x,y\n?,?\n", ("x", "y"), [[np.nan] * 2]),
        ("x,y\n,\n1,\n", ("x", "y"), [[np.nan] * 2, [1, np.nan]]),
        ("x\n?\n1\n", ("x",), [[np.nan], [1]]),
    ],
)
def test_a_header_is_told_from_missing_values(tmp_path, text, columns, rows):
    found, names = read_text(write(tmp_path, "a.csv", text), missing=True)[:2]
    assert names == columns
    np.testing.assert_array_equal(found, rows)


@pytest.mark.parametrize("missing", [True, False])
def test_complete_files_are_read_the_same(tmp_path, missing):
    rows, columns = read_text(write(tmp_path, "a.csv", "x,y\n1,0\n0,2\n"), missing=missing)[:2]
    np.testing.assert_array_equal(rows, [[1, 0], [0, 2]])
    assert columns == ("x", "y")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x,y\n?,1\n1,inf\n", r"line 3, column 2 \(y\) holds 'inf', which is not a number"),
        ("x,y\n?,1\n-inf,\n", r"line 3, column 1 \(x\) holds '-inf'"),
        ("x,y\n1,1\n1,inf\n", r"line 3, column 2 \(y\) holds 'inf'"),  # numpy alone would take it
        ("x,y\n?,1\n1\n", "line 3 has 1 column where the header has 2"),
        ("?,1\n1,1,1\n", "line 2 has 3 columns where the first has 2"),
        ("x,y\n", "a header and no rows"),
        ("", "empty; it should hold one row a line"),
    ],
)
def test_faults_beside_missing_values_are_named(tmp_path, text, message):
    path = write(tmp_path, "a.csv", text)
    with pytest.raises(InputError, match=message) as caught:
        read_text(path, missing=True)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
