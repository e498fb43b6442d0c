"""Text files of any layout, and files with text of any kind: one table, whatever it is written as."""

from __future__ import annotations

import datetime
import gzip
import io
import sys

import numpy as np
import polars
import pytest

import made
from made.data.content import read_content
from made.data.layout import open_text
from made.data.readers import read, read_several
from made.data.several import expanded
from made.data.suffixes import kind_of
from made.support.errors import EntryError, InputError

COLUMNS = ("age", "city", "size")
ROWS = [[39, "Rome", 1.5], [50, None, 2.25], [None, "Oslo, N", -3.0], [9007199254740993, "a\nb", None]]
FRAME = polars.DataFrame(
    ROWS, schema=dict(zip(COLUMNS, (polars.Int64, polars.String, polars.Float64), strict=True)), orient="row"
)


def same_table(raw) -> None:
    assert raw.columns == COLUMNS
    assert raw.rows.dtype == object
    assert raw.rows.tolist() == ROWS


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("mark", ["", "?", "NA", "N/A", "NaN", "None", "null"])
def test_any_separator_and_mark(tmp_path, separator, mark):
    FRAME.write_csv(tmp_path / "a.csv", separator=separator, null_value=mark)
    same_table(read(tmp_path / "a.csv", missing=True))


@pytest.mark.parametrize("separator", [";", "\t"])
def test_decimal_commas(tmp_path, separator):
    FRAME.write_csv(tmp_path / "a.csv", separator=separator, decimal_comma=True)
    same_table(read(tmp_path / "a.csv", missing=True))
    # alone, without a header, and without a gap
    (tmp_path / "b.csv").write_text(f"1,5{separator}2\n2,25{separator}3\n")
    assert read(tmp_path / "b.csv").rows.tolist() == [[1.5, 2], [2.25, 3]]


def test_a_comma_and_a_point_in_one_column_are_text(tmp_path):
    (tmp_path / "a.csv").write_text("x;y\n1.234,5;1\n2,5;1\n")
    assert read(tmp_path / "a.csv").rows.tolist() == [["1.234,5", 1], ["2,5", 1]]


@pytest.mark.parametrize("quote", ["always", "necessary", "non_numeric"])
def test_quotes_and_the_mark_of_the_encoding(tmp_path, quote):
    FRAME.write_csv(tmp_path / "a.csv", quote_style=quote, include_bom=True, line_terminator="\r\n")
    same_table(read(tmp_path / "a.csv", missing=True))


def test_lines_of_rows_that_span_several(tmp_path):
    (tmp_path / "a.csv").write_text('a,b\n"x\ny",1\n\nz,2\n')
    raw = read(tmp_path / "a.csv")
    assert raw.rows.tolist() == [["x\ny", 1], ["z", 2]]
    assert [raw.place(row, 0) for row in (0, 1)] == ["line 2, column 1 (a)", "line 5, column 1 (a)"]


def test_a_quote_inside_a_word_is_no_quotation(tmp_path):
    (tmp_path / "a.csv").write_text('a,b\n5" pipe,1\n6" pipe,2\n')
    assert read(tmp_path / "a.csv").rows[:, 0].tolist() == ['5" pipe', '6" pipe']


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".jsonl", ".data"])
def test_compressed(tmp_path, ending):
    plain = tmp_path / f"a{ending}"
    if ending == ".jsonl":
        FRAME.write_ndjson(plain)
    else:
        FRAME.write_csv(plain, separator="\t" if ending == ".tsv" else ",", include_header=ending != ".data")
    (tmp_path / f"a{ending}.gz").write_bytes(gzip.compress(plain.read_bytes()))
    raw, own = (read(path, missing=True) for path in (tmp_path / f"a{ending}.gz", plain))
    assert raw.rows.tolist() == own.rows.tolist() == ROWS
    (tmp_path / f"b{ending}.gz").write_bytes(gzip.compress(plain.read_bytes())[:-9])
    with pytest.raises(InputError, match="a damaged gzip file"):
        read(tmp_path / f"b{ending}.gz")


def test_zstandard(tmp_path):
    if not hasattr(polars, "read_lines"):
        pytest.skip("no reader of Zstandard is installed")
    FRAME.lazy().sink_csv(tmp_path / "a.csv.zst", compression="zstd")
    same_table(read(tmp_path / "a.csv.zst", missing=True))
    (tmp_path / "b.csv.zst").write_bytes((tmp_path / "a.csv.zst").read_bytes()[:-9])
    with pytest.raises(InputError, match="a damaged Zstandard file"):
        read(tmp_path / "b.csv.zst", missing=True)


def test_tables(tmp_path):
    FRAME.write_parquet(tmp_path / "a.parquet")
    FRAME.write_ipc(tmp_path / "a.feather")
    FRAME.write_ipc(tmp_path / "a.arrow")
    FRAME.write_ipc_stream(tmp_path / "b.arrow")
    FRAME.write_ndjson(tmp_path / "a.ndjson")
    for name in ("a.parquet", "a.feather", "a.arrow", "b.arrow", "a.ndjson"):
        same_table(read(tmp_path / name))


def test_types_of_tables(tmp_path):
    frame = polars.DataFrame(
        {
            "kind": polars.Series(["x", "y", "?"], dtype=polars.Categorical),
            "sold": [True, None, False],
            "tenth": polars.Series([0.1, 0.2, 0.3], dtype=polars.Float32),
            "day": polars.Series(["2020-01-31"] * 3).str.to_date(),
        }
    )
    frame.write_parquet(tmp_path / "a.parquet")
    rows = read(tmp_path / "a.parquet").rows.tolist()
    day = datetime.date(2020, 1, 31)
    assert rows == [["x", 1, 0.1, day], ["y", None, 0.2, day], [None, 0, 0.3, day]]


def test_numbers_of_tables_stay_arrays_of_numbers(tmp_path):
    frame = polars.DataFrame({"a": [1, 2], "b": [0.5, None]})
    frame.write_ipc(tmp_path / "a.ipc")
    frame.write_ndjson(tmp_path / "a.jsonl")
    for name in ("a.ipc", "a.jsonl"):
        rows = read(tmp_path / name).rows
        assert rows.dtype == np.float64
        np.testing.assert_array_equal(rows, [[1, 0.5], [2, np.nan]])


def test_whole_numbers_beside_gaps_and_fractions_are_exact(tmp_path):
    large = 2**63 - 1
    (tmp_path / "a.csv").write_text(f"a,b\n{large},0.5\n,1\n")
    assert read(tmp_path / "a.csv", missing=True).rows.tolist() == [[large, 0.5], [None, 1.0]]


def test_json_lines(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"a": 1}\n\n{"b": "x", "a": true}\n{"a": "9"}\n')
    assert read(tmp_path / "a.jsonl").rows.tolist() == [["1", None], ["true", "x"], ["9", None]]
    for line, words in (
        ("{bad", "line 2 is not JSON"),
        ("[1]", "is no object"),
        ('{"a": [1]}', "has a list"),
    ):
        (tmp_path / "b.jsonl").write_text('{"a": 1}\n' + line + "\n")
        with pytest.raises(InputError, match=f"b.jsonl: line 2.*{words.removeprefix('line 2 ')}"):
            read(tmp_path / "b.jsonl")
        raw = read(tmp_path / "b.jsonl", lenient=True)
        assert (raw.rows.tolist(), raw.n_rows, raw.faults[0].row) == ([[1]], 2, 1)


def test_excel_without_a_reader_is_refused(tmp_path, monkeypatch):
    (tmp_path / "a.xlsx").write_bytes(b"PK")

    def none(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("no")

    monkeypatch.setattr(polars, "read_excel", none)
    with pytest.raises(InputError, match=r"a\.xlsx: Excel files need a reader: pip install fastexcel"):
        read(tmp_path / "a.xlsx")
    monkeypatch.setattr(polars, "read_excel", lambda *_, **__: FRAME.vstack(FRAME.head(1).clear(1)))
    same_table(read(tmp_path / "a.xlsx"))


def test_standard_input(monkeypatch):
    stdin = io.TextIOWrapper(io.BytesIO(FRAME.write_csv().encode()))
    monkeypatch.setattr(sys, "stdin", stdin)
    raw = read("-", missing=True)
    same_table(raw)
    assert raw.source == "standard input"
    assert raw.place(1, 1) == "line 3, column 2 (city)"  # which is not read twice
    assert raw.text_files["all"].words(0)[0] == "39"


# headers


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("age,2019,2020\nx,1,2\n", None),
        ("2019,age\n1,30\n2,40\n", ("2019", "age")),
        ("age,2019\n30,1\n40,2\n", ("age", "2019")),
        ("1,x\n2,y\n", None),
        ("x,1\n1,2\n1,x\n", None),
        ("?,1\n2,3\n", None),
    ],
)
def test_a_header_may_hold_numbers(tmp_path, text, columns):
    (tmp_path / "a.csv").write_text(text)
    assert open_text(tmp_path / "a.csv").columns == columns


def test_names_that_stand_twice_are_made_unique(tmp_path):
    (tmp_path / "a.csv").write_text("a,b,a\n1,2,3\n")
    raw = read(tmp_path / "a.csv")
    assert raw.columns == ("a", "b", "a_2")
    assert raw.notes == ("columns that shared a name are renamed: a_2",)


def test_numbers_beside_text_are_text_and_said_so(tmp_path):
    (tmp_path / "a.csv").write_text("a\n1\n02\n\nold\n")
    raw = read(tmp_path / "a.csv")
    assert raw.rows.tolist() == [["1"], ["02"], ["old"]]
    assert raw.notes == ("column 1 (a) holds text among numbers, first 'old' in line 5: it is read as text",)


# lines that are no row


@pytest.mark.parametrize("quote", ["", '"'])
def test_lines_that_are_no_row(tmp_path, quote):
    text = f"a,b\n1,{quote}x{quote}\n2\n3,y,4\n\n5,z\n"
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(InputError, match="line 3 has 1 column where the header has 2"):
        read(tmp_path / "a.csv")
    raw = read(tmp_path / "a.csv", missing=True, lenient=True)
    assert raw.rows.tolist() == [[1, "x"], [5, "z"]]
    assert [(fault.row, fault.value) for fault in raw.faults] == [(1, "2"), (2, "3,y,4")]
    assert (raw.n_rows, raw.kept.tolist(), raw.place(1, 0)) == (4, [0, 3], "line 6, column 1 (a)")


def test_infinite_numbers(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n1,x\ninf,y\n")
    with pytest.raises(InputError, match=r"line 3, column 1 \(a\) holds 'inf'"):
        read(tmp_path / "a.csv", missing=True)
    assert read(tmp_path / "a.csv", missing=True, lenient=True).rows[1, 0] == np.inf
    polars.DataFrame({"a": [1.5, np.inf], "b": ["x", "y"]}).write_parquet(tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"row 1, column 0 \(a\) \(counted from 0\) is infinite"):
        made.data.load(tmp_path / "a.parquet")


# several files


def test_several_files_are_one_table(tmp_path):
    (tmp_path / "a-1.csv").write_text("a,b\n1,x\n2,y\n")
    (tmp_path / "a-2.csv").write_text("b,a\nz,3\n\nw,4\n")
    raw = read_several([tmp_path / "a-1.csv", tmp_path / "a-2.csv"])
    assert raw.rows.tolist() == [[1, "x"], [2, "y"], [3, "z"], [4, "w"]]
    error = raw.located(EntryError(3, 0, "is odd"))
    assert str(error) == f"{tmp_path / 'a-2.csv'}: line 4, column 2 (a) is odd"
    for name in (str(tmp_path / "a-*.csv"), [tmp_path / "a-1.csv", tmp_path / "a-2.csv"]):
        assert len(made.data.load(name).train) == 2
    assert expanded([str(tmp_path / "a-*.csv")]) == [str(tmp_path / f"a-{n}.csv") for n in (1, 2)]
    with pytest.raises(InputError, match="no file matches"):
        made.data.load(str(tmp_path / "b-*.csv"))


def test_labels_that_are_numbers_in_one_file_are_text_in_all(tmp_path):
    (tmp_path / "a.csv").write_text("a\nx\n")
    (tmp_path / "b.csv").write_text("a\n01\n")
    assert read_several([tmp_path / "a.csv", tmp_path / "b.csv"]).rows.tolist() == [["x"], ["01"]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,c\n1,2\n", "b.csv lacks the column 'b' of a.csv"),
        ("a,b,c\n1,2,3\n", "b.csv has a column 'c' beside those of a.csv"),
        ("1,2\n", "a.csv names its columns and b.csv does not"),
    ],
)
def test_files_that_differ_are_refused(tmp_path, text, words):
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    (tmp_path / "b.csv").write_text(text)
    with pytest.raises(InputError, match=words):
        read_several([tmp_path / "a.csv", tmp_path / "b.csv"])


def test_kinds_of_compressed_files(tmp_path):
    assert kind_of(tmp_path / "a.CSV.GZ") == (".csv", ".gz")
    (tmp_path / "a.npy.gz").write_bytes(b"")
    with pytest.raises(InputError, match="compressed files are read where they are text"):
        read(tmp_path / "a.npy.gz")
    (tmp_path / "a.csv").write_bytes(gzip.compress(b"1"))  # told by what it holds
    assert read_content(tmp_path / "a.csv") == b"1"
