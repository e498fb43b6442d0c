"""Columns of numbers and text as CSV and Parquet."""

from __future__ import annotations

import io

import numpy as np
import polars
import pytest

from made.runs.table_out import columns_text, write_columns

COLUMNS = [
    ("log_prob", np.array([-1.5, np.nan, -123456.789012])),
    ("odd", np.array(["a, b", None, 'say "x"'], dtype=object)),
]


def test_csv_has_nine_digits_and_nothing_for_what_is_not_there():
    text = columns_text(COLUMNS)
    assert text.splitlines() == ["log_prob,odd", '-1.5,"a, b"', ",", '-123456.789,"say ""x"""']
    assert columns_text(COLUMNS, header=False) == text.split("\n", 1)[1]
    again = polars.read_csv(io.StringIO(text))
    assert again["odd"].to_list() == COLUMNS[1][1].tolist()


def test_a_line_of_one_empty_field_is_no_blank_line():
    assert columns_text([COLUMNS[0]]).splitlines() == ["log_prob", "-1.5", '""', "-123456.789"]


def test_parquet_holds_all_digits_and_nulls(tmp_path):
    write_columns(tmp_path / "x.parquet", COLUMNS)
    table = polars.read_parquet(tmp_path / "x.parquet")
    assert table["log_prob"].to_list() == [-1.5, None, -123456.789012]
    assert table.schema == {"log_prob": polars.Float64, "odd": polars.String}
    empty = [(name, values[:0]) for name, values in COLUMNS]
    write_columns(tmp_path / "x.parquet", empty)
    assert polars.read_parquet(tmp_path / "x.parquet").schema == table.schema
    assert columns_text(empty) == "log_prob,odd\n"


@pytest.mark.parametrize("n", [1, 3])
def test_names_of_parquet_differ_and_those_of_csv_need_not(tmp_path, refused, n):
    twice = [("a", np.zeros(n)), ("a", np.ones(n))]
    with refused("x.parquet", "two columns called 'a'", ".csv"):
        write_columns(tmp_path / "x.parquet", twice)
    assert list(tmp_path.iterdir()) == []
    write_columns(tmp_path / "x.csv", twice)
    assert (tmp_path / "x.csv").read_text() == "a,a\n" + "0,1\n" * n
