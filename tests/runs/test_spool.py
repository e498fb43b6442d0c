"""A Parquet file in portions: the table of one go, whatever fits into memory, and nothing left beside."""

from __future__ import annotations

import os

import polars
import pytest

from made.runs import spool
from made.runs.spool import Spool
from made.support.errors import InputError


def write_parquet(path, tables):
    """Write tables as one file by way of a spool."""
    with Spool(path) as spool:
        for table in tables:
            spool.add(table)
        spool.lazy().sink_parquet(path)


@pytest.mark.parametrize("entries", [1, 7, 2**22])
def test_tables_follow_one_another(tmp_path, monkeypatch, entries):
    monkeypatch.setattr(spool, "_ENTRIES", entries)
    kind = polars.Enum(["a", "b"])
    tables = [
        polars.DataFrame({"n": [i, None], "kind": polars.Series(["a", "b"], dtype=kind), "ok": [True, None]})
        for i in range(9)
    ]
    write_parquet(tmp_path / "x.parquet", tables)
    found = polars.read_parquet(tmp_path / "x.parquet")
    assert found.equals(polars.concat(tables))
    assert found.schema == tables[0].schema
    assert [path.name for path in tmp_path.iterdir()] == ["x.parquet"]


@pytest.mark.parametrize("entries", [1, 2**22])
def test_a_column_has_a_type_that_holds_all(tmp_path, monkeypatch, entries):
    monkeypatch.setattr(spool, "_ENTRIES", entries)
    narrow, wide = (
        polars.DataFrame({"n": polars.Series([1], dtype=own)}) for own in (polars.UInt8, polars.Int64)
    )
    write_parquet(tmp_path / "x.parquet", [narrow, wide - 2, narrow])
    assert polars.read_parquet(tmp_path / "x.parquet")["n"].to_list() == [1, -1, 1]
    assert polars.read_parquet_schema(tmp_path / "x.parquet") == {"n": polars.Int64}


def test_a_table_without_rows(tmp_path):
    write_parquet(tmp_path / "x.parquet", [polars.DataFrame({"n": []}, schema={"n": polars.Int8})])
    assert polars.read_parquet(tmp_path / "x.parquet").schema == {"n": polars.Int8}


def test_an_error_leaves_nothing_beside(tmp_path, monkeypatch):
    monkeypatch.setattr(spool, "_ENTRIES", 1)

    def tables():
        yield polars.DataFrame({"n": [1]})
        assert len(os.listdir(tmp_path)) == 1
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        write_parquet(tmp_path / "x.parquet", tables())
    assert os.listdir(tmp_path) == []


def test_a_full_disk_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(spool, "_ENTRIES", 1)

    def full(*_, **__):
        raise polars.exceptions.ComputeError("parquet: IO error: No space left on device (os error 28)")

    monkeypatch.setattr(polars.DataFrame, "write_parquet", full)
    with pytest.raises(InputError, match=r"beside .*x.parquet: No space left on device; what was there"):
        write_parquet(tmp_path / "x.parquet", [polars.DataFrame({"n": [1]})])
    assert os.listdir(tmp_path) == []
