"""A fitted table behind an application, and requests to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest

import made
from made.runs.folder import RunFolder
from made.runs.held_out import HeldOut

pytest.importorskip("fastapi", reason="needs made[service]")


@pytest.fixture(scope="session")
def people() -> polars.DataFrame:
    """A table of text, numbers, dates and gaps."""
    rng = np.random.default_rng(0)
    n = 400
    age = rng.integers(17, 90, n)
    job = np.where(age > 60, "retired", rng.choice(["clerk", "cook", "vet"], n))
    pay = np.where(rng.random(n) < 0.2, np.nan, (rng.normal(30, 5, n) + age / 10).round(2))
    since = np.datetime64("2020-01-01") + rng.integers(0, 700, n)
    return polars.DataFrame({"age": age, "job": job, "pay": pay, "since": since}).with_columns(
        polars.col("pay").fill_nan(None)
    )


@pytest.fixture(scope="session")
def run(people: polars.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run on it, as far as a service reads it."""
    folder = tmp_path_factory.mktemp("service") / "people"
    folder.mkdir()
    model = made.auto_fit(people, max_time=1.0)
    model.save(folder / "model.safetensors")
    held_out = HeldOut.of(model.log_prob(people).numpy())
    assert held_out is not None
    held_out.write(RunFolder(folder))
    return folder


@pytest.fixture(scope="session")
def model(run: Path) -> made.MADE:
    """Its model."""
    return made.load(run)


@pytest.fixture
def client(run: Path) -> Iterator[Any]:
    """What asks a service with the default limits, but for time: tests run on busy machines."""
    from fastapi.testclient import TestClient

    from made.service.app import create_app
    from made.service.models import Models
    from made.service.settings import Limits

    with TestClient(create_app(Models([run]), Limits(max_seconds=600))) as own:
        yield own


@pytest.fixture(scope="session")
def rows(people: polars.DataFrame) -> list[dict[str, Any]]:
    """Complete rows as a client sends them."""
    complete = people.drop_nulls().head(6).with_columns(polars.col("since").dt.strftime("%Y-%m-%d"))
    return complete.to_dicts()
