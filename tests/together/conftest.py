"""What the tests of several ranks share: ranks that begin at once, and small tables in Parquet files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars
import pytest

#: Options that make a fit quick.
TINY = ("--hidden", "8", "--epochs", "3", "--batch-size", "32", "--quiet", "--device", "cpu")


class Rank(NamedTuple):
    """What a rank left."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def launch() -> Iterator[Callable[..., list[Rank]]]:
    """A function that runs ``made`` as several ranks; all must end well unless told otherwise."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TORCH_CPP_LOG_LEVEL": "FATAL"}
    with subprocess.Popen(
        [sys.executable, str(Path(__file__).parent / "server.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as server:

        def launch(
            *arguments: Any,
            n: int = 2,
            code: str = "",
            ends: bool = True,
            seconds: float = 60,
            **environment: str,
        ) -> list[Rank]:
            job = {"n": n, "arguments": [str(own) for own in arguments], "code": code, "seconds": seconds}
            job["environment"] = environment
            server.stdin.write(json.dumps(job) + "\n")
            server.stdin.flush()
            ranks = [Rank(**own) for own in json.loads(server.stdout.readline())]
            if ends:
                assert [own.code for own in ranks] == [0] * n, ranks
            return ranks

        yield launch
        server.stdin.close()


def mixed(n: int, seed: int = 0) -> polars.DataFrame:
    """A table of categories, whole numbers, prices, text and gaps."""
    generator = np.random.default_rng(seed)
    kind = generator.integers(0, 4, n)
    size = generator.normal(size=n) + kind
    return polars.DataFrame(
        {
            "kind": kind,
            "age": generator.integers(18, 90, n),
            "price": np.round(generator.lognormal(2, 1, n), 2),
            "size": size,
            "city": np.array(["Rome", "Paris", "Oslo"])[generator.integers(0, 3, n)],
            "gap": np.where(generator.random(n) < 0.1, np.nan, 2 * size + generator.normal(size=n)),
        }
    )


def write(folder: Path, table: polars.DataFrame, edges: list[int]) -> Path:
    """Write a table as one file for each pair of edges."""
    folder.mkdir(exist_ok=True)
    for number, (first, stop) in enumerate(pairwise(edges)):
        table[first:stop].write_parquet(folder / f"part-{number}.parquet", row_group_size=50)
    return folder


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """A folder with three files of 400 rows in all, of unequal size."""
    return write(tmp_path / "rows", mixed(400), [0, 230, 260, 400])


@pytest.fixture(scope="session")
def one_line() -> Callable[[list[Rank]], str]:
    """A function that checks that one rank said one line, that all have ended, and returns the line."""

    def check(ranks: list[Rank]) -> str:
        assert all(own.code != 0 for own in ranks), ranks
        assert all(own.code != -9 for own in ranks), ranks
        said = [line for own in ranks for line in own.err.splitlines() if line.strip()]
        assert len(said) == 1, said
        return said[0]

    return check
