"""Footers of Parquet files: the rows of their groups, and files that are none."""

from __future__ import annotations

import numpy as np
import polars
import pytest

from made.data.row_groups import read_row_groups
from made.support.errors import InputError

FRAME = polars.DataFrame(
    {
        "n": range(10),
        "x": np.linspace(0, 1, 10),
        "t": ["a", None] * 5,
        "b": [True, None, False, True, None] * 2,
    }
)


@pytest.mark.parametrize("size", [1, 3, 10, 100])
def test_row_groups_are_those_written(tmp_path, size):
    path = tmp_path / "rows.parquet"
    FRAME.write_parquet(path, row_group_size=size)
    found = read_row_groups(path).sizes
    assert sum(found) == 10
    assert max(found) <= size


def test_a_peer_reads_the_same(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    path = tmp_path / "rows.parquet"
    nested = FRAME.with_columns(polars.struct("n", "t").alias("s"), polars.concat_list("n", "n").alias("l"))
    parquet.write_table(nested.to_arrow(), path, row_group_size=3)
    about = parquet.read_metadata(path)
    assert (
        list(read_row_groups(path).sizes) == [about.row_group(i).num_rows for i in range(4)] == [3, 3, 3, 1]
    )


def test_files_are_told_apart(tmp_path):
    paths = [tmp_path / name for name in "abc"]
    for path, frame in zip(paths, (FRAME, FRAME, FRAME.reverse()), strict=True):
        frame.write_parquet(path)
    digests = [read_row_groups(path).digest for path in paths]
    assert digests[0] == digests[1] != digests[2]


def test_what_is_no_parquet_file_is_refused(tmp_path, refused):
    path = tmp_path / "rows.parquet"
    with refused("cannot read", "rows.parquet"):
        read_row_groups(path)
    FRAME.write_parquet(path)
    good = path.read_bytes()
    length = int.from_bytes(good[-8:-4], "little")
    for content in (b"", b"PAR1", good[:-1], good[:-4] + b"PARX", good[-8 - length + 1 :]):
        path.write_bytes(content)
        with refused("not a Parquet file"):
            read_row_groups(path)
    path.write_bytes(good[:-4] + b"PARE")
    with refused("encrypted"):
        read_row_groups(path)


def test_damaged_footers_are_refused_or_read(tmp_path):
    """Whatever a byte of the footer becomes, the answer is row groups or one line."""
    path = tmp_path / "rows.parquet"
    FRAME.write_parquet(path, row_group_size=3)
    good = path.read_bytes()
    length = int.from_bytes(good[-8:-4], "little")
    generator = np.random.default_rng(0)
    refusals = 0
    for _ in range(100):
        content = bytearray(good)
        content[len(good) - 8 - int(generator.integers(1, length + 1))] = int(generator.integers(256))
        path.write_bytes(bytes(content))
        try:
            assert sum(read_row_groups(path).sizes) >= 0
        except InputError:
            refusals += 1
    assert 0 < refusals < 100
