"""The recipes of docs/clusters.md for Spark and Dask; skipped where these are not installed."""

from __future__ import annotations

import shutil
import sys

import numpy as np
import polars
import pytest

import made
from made.runs.batches import BatchCompleter, BatchScorer
from made.variables.column import Column
from made.variables.schema import Schema

pytest.importorskip("pyarrow", reason="pyarrow is not installed")
N = 1000


@pytest.fixture(scope="module")
def model(randomize, tmp_path_factory):
    columns = (
        Column("size", "categorical", {"classes": [1, 2, 3]}),
        Column("city", "categorical", {"classes": ["Bern", "Oslo", "Rome"]}),
    )
    model = randomize(made.MADE(Schema(columns), (8,), seed=1))
    path = tmp_path_factory.mktemp("engines") / "model.safetensors"
    model.save(path)
    return path, model


@pytest.fixture(scope="module")
def frame():
    generator = np.random.default_rng(0)
    city = generator.choice(["Bern", "Oslo", "Rome"], N).tolist()
    return polars.DataFrame({"id": np.arange(N), "size": generator.integers(1, 4, N), "city": city})


@pytest.fixture
def gaps(frame):
    hidden = polars.Series(np.random.default_rng(1).random(N) < 0.1)
    return frame.with_columns(
        city=frame["city"].set(hidden, None), size=frame["size"].set(hidden.shift(1), None)
    )


def expected_of(model, frame):
    scores = model.log_prob(model.rows(frame.select("size", "city"))).tolist()
    filled = model.complete(model.rows(frame.select("size", "city"), to_fill=True), seed=3)
    return scores, (filled.codes[:, 0] + 1).tolist()


@pytest.mark.long
def test_spark(model, frame, gaps, tmp_path, monkeypatch):
    pyspark = pytest.importorskip("pyspark.sql", reason="pyspark is not installed")
    from pyspark.sql.types import DoubleType, StructField, StructType

    if shutil.which("java") is None:
        pytest.skip("Spark needs a JVM")
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    path, own = model
    builder = pyspark.SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.sql.execution.arrow.maxRecordsPerBatch", 130)
    spark = builder.config("spark.sql.warehouse.dir", str(tmp_path)).getOrCreate()
    try:
        for table in (frame, gaps):
            rows = spark.createDataFrame(table.rows(), "id long, size int, city string")
            scorer = BatchScorer.of(path)
            schema = StructType([*rows.schema.fields, StructField("log_prob", DoubleType())])
            scored = rows.mapInPandas(lambda frames, scorer=scorer: map(scorer, frames), schema)
            completer = BatchCompleter.of(path, key="id", seed=3)
            schema = "size int, city string, id long"
            filled = rows.mapInPandas(lambda frames, own=completer: map(own, frames), schema)
            scores, sizes = expected_of(own, table)
            found = sorted((row["id"], row["log_prob"]) for row in scored.collect())
            np.testing.assert_allclose([score for _, score in found], scores, rtol=1e-12)
            assert [row["size"] for row in sorted(filled.collect(), key=lambda row: row["id"])] == sizes
    finally:
        spark.stop()


@pytest.mark.parametrize("scheduler", ["threads", pytest.param("processes", marks=pytest.mark.long)])
def test_dask(model, frame, gaps, scheduler):
    dask = pytest.importorskip("dask.dataframe", reason="dask is not installed")
    path, own = model
    for table in (frame, gaps):
        rows = dask.from_pandas(table.to_pandas(), npartitions=3)
        scorer = BatchScorer.of(path)
        scored = rows.map_partitions(scorer, meta=rows._meta.assign(log_prob=0.0))
        scores, sizes = expected_of(own, table)
        found = scored.compute(scheduler=scheduler)
        np.testing.assert_allclose(found["log_prob"], scores, rtol=1e-12)
        completer = BatchCompleter.of(path, key="id", seed=3)
        filled = rows.map_partitions(completer, meta=completer(rows._meta))
        found = filled.compute(scheduler=scheduler)
        assert found["size"].tolist() == sizes
        assert found["id"].tolist() == list(range(N))
