"""What the tests of experiments share: small files of rows, a quick job, and one run that is finished."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from made.runs.config import RunConfig
from made.runs.folder import RunFolder
from made.runs.rows import FoundRows, find_rows
from made.runs.run import RunResult, run

MODEL = {"hidden": [8], "dropout": 0.0}
TRAINING = {"epochs": 3, "batch_size": 32}


@pytest.fixture(autouse=True)
def no_data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No data directory from the environment, and an empty cache."""
    monkeypatch.delenv("MADE_DATA_DIR", raising=False)
    monkeypatch.setenv("MADE_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def table() -> np.ndarray:
    """100 rows: a bit, a class out of three, and labels 10, 20 or 40 that go with the class."""
    generator = np.random.default_rng(0)
    kinds = generator.integers(0, 3, 100)
    kinds[:3] = 0, 1, 2
    return np.stack([generator.integers(0, 2, 100), kinds, np.array([10, 20, 40])[kinds]], axis=1)


@pytest.fixture(scope="session")
def write_csv() -> Callable[..., Path]:
    """A function that writes rows to a CSV file, with the header a,b,c unless told otherwise."""

    def write(path: Path, rows: Any, header: str = "a,b,c") -> Path:
        table = np.asarray(rows)
        fmt = "%s" if table.dtype.kind == "U" else "%d"
        np.savetxt(path, table, fmt=fmt, delimiter=",", header=header, comments="")
        return path

    return write


@pytest.fixture(scope="session")
def job_for() -> Callable[..., RunConfig]:
    """A function that makes a quick job."""

    def make(data: Any, folder: Path, **changes: Any) -> RunConfig:
        settings = {"seed": 0, "data_dir": None, "model": MODEL, "training": TRAINING, "device": "cpu"}
        return RunConfig(data=str(data), folder=folder, **{**settings, **changes})

    return make


@pytest.fixture(scope="session")
def finished(
    tmp_path_factory: pytest.TempPathFactory,
    table: np.ndarray,
    write_csv: Callable[..., Path],
    job_for: Callable[..., RunConfig],
) -> tuple[RunConfig, RunResult]:
    """A run on the table, with seed 1; do not change it."""
    folder = tmp_path_factory.mktemp("finished")
    job = job_for(write_csv(folder / "table.csv", table), folder / "run", seed=1)
    return job, run(job)


@pytest.fixture(scope="session")
def conditional(
    tmp_path_factory: pytest.TempPathFactory,
    table: np.ndarray,
    write_csv: Callable[..., Path],
    job_for: Callable[..., RunConfig],
) -> tuple[RunConfig, RunResult]:
    """A run on the table given its column b, which decides column c; do not change it."""
    folder = tmp_path_factory.mktemp("conditional")
    data = write_csv(folder / "table.csv", table)
    job = job_for(data, folder / "run", seed=1, context=("b",), training={"epochs": 60, "batch_size": 16})
    return job, run(job)


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs draw no pictures, which is most of the time that a tiny one takes."""
    for name in ("draw_loss", "draw_samples"):
        monkeypatch.setattr(f"made.runs.run.{name}", lambda path, *others: path)


@pytest.fixture
def find(finished: tuple[RunConfig, RunResult]) -> Callable[..., FoundRows]:
    """`find_rows` for the finished run."""
    return _find_rows_for(finished)


@pytest.fixture
def find_given_b(conditional: tuple[RunConfig, RunResult]) -> Callable[..., FoundRows]:
    """`find_rows` for the run that is conditional on column b, the middle one."""
    return _find_rows_for(conditional)


def _find_rows_for(finished: tuple[RunConfig, RunResult]) -> Callable[..., FoundRows]:
    job, outcome = finished
    return lambda *arguments, **switches: find_rows(
        RunFolder(job.folder), outcome.model, *arguments, **switches
    )
