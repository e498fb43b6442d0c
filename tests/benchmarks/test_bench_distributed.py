"""The bench of several ranks: its tables are what it says, and it calls torchrun as users do."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def distributed(bench):
    """The bench."""
    return bench("bench_distributed")


def test_tables(distributed, tmp_path):
    table = distributed.mixed(200)
    assert table.width == 50
    assert len(set(table["x4"])) == 3
    assert table["x0"].is_nan().any()
    folder = distributed.stored(table, tmp_path / "rows")
    assert len(list(folder.glob("*.parquet"))) == distributed.FILES
    assert distributed.images(20).shape == (20, 784)


def test_commands(distributed):
    alone = distributed.command(0, Path("rows"), Path("run"), ("--epochs", "1"))
    ranks = distributed.command(2, Path("rows"), Path("run"), (), "--max-restarts", "3")
    assert "torch.distributed.run" not in alone
    assert " ".join(ranks).count("--nproc-per-node 2 --max-restarts 3") == 1
