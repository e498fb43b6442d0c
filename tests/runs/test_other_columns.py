"""Columns that a run does not know pass through beside what is completed."""

from __future__ import annotations

import datetime

import polars
import pytest

import made
from made.runs.other_columns import OtherColumns
from made.runs.row_source import portions_of_file

DAY = datetime.date(2024, 1, 31)


@pytest.fixture(scope="module")
def model():
    schema = made.Schema.of_classes([2, 2], [("no", "yes"), ("a", "b")], names=["sold", "kind"])
    return made.MADE(schema, hidden=(4,))


def test_text_is_as_it_is_written_and_rows_that_cannot_be_read_are_not_there(model, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text('id,kind,price\n007,a,1.50\n008,nobody,2\n009,?,"3,20"\n')
    (found,) = portions_of_file(model, str(path))
    assert len(found.rows) == 2
    others = OtherColumns.of(model.schema, found)
    kinds, values = others.kinds, others.values(found)
    assert kinds == {"id": "str", "price": "str"}
    assert values.tolist() == [["007", "1.50"], ["009", "3,20"]]


def test_columns_of_parquet_keep_their_types(model, tmp_path):
    path = tmp_path / "rows.parquet"
    frame = polars.DataFrame({"when": [DAY, None], "sold": ["yes", None], "n": [1, 2]})
    frame.write_parquet(path)
    (found,) = portions_of_file(model, str(path))
    others = OtherColumns.of(model.schema, found)
    kinds, values = others.kinds, others.values(found)
    assert list(kinds) == ["when", "n"]
    assert values.tolist() == [[DAY, 1], [None, 2]]


def test_arrays_have_none(model, tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"sold": "yes", "kind": "a"}\n')
    (found,) = portions_of_file(model, str(path))
    others = OtherColumns.of(model.schema, found)
    kinds, values = others.kinds, others.values(found)
    assert kinds == {}
    assert values.shape == (1, 0)
