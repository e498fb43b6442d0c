"""Batches on engines for clusters: pickled, of any table, and the same however rows are cut."""

from __future__ import annotations

import pickle

import numpy as np
import polars
import pytest

import made
from made.runs.batches import BatchCompleter, BatchScorer, DrawnBatches
from made.runs.row_keys import row_keys
from made.runs.unit_work import Packed
from made.variables.column import Column
from made.variables.schema import Schema

FRAME = polars.DataFrame(
    {"size": [1, None, 3, 9], "city": ["Bern", "Oslo", None, "Rome"], "note": list("abcd")}
)


@pytest.fixture(scope="module")
def model(randomize):
    columns = (
        Column("size", "categorical", {"classes": [1, 2, 3]}),
        Column("city", "categorical", {"classes": ["Bern", "Oslo", "Rome"]}),
    )
    return randomize(made.MADE(Schema(columns), (8,), seed=1))


def test_scores_go_beside_the_columns(model, refused):
    work = pickle.loads(pickle.dumps(BatchScorer(Packed.of(model))))
    found = work.log_prob(FRAME)
    assert np.flatnonzero(np.isnan(found)).tolist() == [3]
    np.testing.assert_allclose(found[:3], model.log_prob(FRAME.drop("note")[:3]).numpy(), rtol=1e-12)
    assert len(pickle.dumps(work)) < 20_000 + len(work.packed.content)  # the model is not sent twice
    assert work.log_prob(FRAME.clear()).shape == (0,)
    with refused("there is a column 'log_prob'"):
        work.log_prob(FRAME.with_columns(log_prob=1.0))


@pytest.mark.parametrize("library", ["pandas", "pyarrow"])
def test_tables_of_libraries(model, library):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    table = FRAME.to_arrow() if library == "pyarrow" else FRAME.to_pandas()
    scored = polars.DataFrame(BatchScorer(Packed.of(model), column="score")(table))
    assert scored.columns == [*FRAME.columns, "score"]
    filled = polars.DataFrame(BatchCompleter(Packed.of(model), seed=1)(table))
    assert filled.columns == FRAME.columns
    assert filled["note"].to_list() == ["a", "b", "c"]


def test_completions_do_not_depend_on_the_batch(model, refused):
    work = BatchCompleter(Packed.of(model), number=3, seed=2)
    table = polars.concat([FRAME[:3]] * 5).with_columns(id=polars.arange(15, eager=True))
    whole = work.complete(table)
    assert whole.height == 45
    parts = [work.complete(table[first : first + 4]) for first in range(0, 15, 4)]
    assert polars.concat(parts).equals(whole)
    by_id = BatchCompleter(Packed.of(model), key="id", seed=2)
    expected = model.complete(table.drop("note", "id"), seed=2)
    found = by_id.complete(table)
    assert found["size"].to_list() == (expected.codes[:, 0] + 1).tolist()
    assert found["city"].to_list() == [["Bern", "Oslo", "Rome"][code] for code in expected.codes[:, 1]]
    with refused("id: there is no column 'key'"):
        BatchCompleter(Packed.of(model), key="key").complete(table)
    with refused("id: column 'size' is one of the model's"):
        BatchCompleter(Packed.of(model), key="size").complete(table)


def test_portions_are_those_of_one_draw(model):
    work = DrawnBatches(Packed.of(model), 10, 4, 7)
    parts = polars.concat([work.draw(number) for number in range(3)])
    assert parts.rows() == model.sample(10, 7, output="polars").rows()


def test_keys_are_those_of_values(refused):
    table = polars.DataFrame(
        {"a": [1, 2, 2, None], "b": [0.5, None, None, 0.5], "t": ["x", "y", "y", None], "d": [None] * 4}
    )
    keys = row_keys(table)
    assert keys.min() >= 0
    assert len(set(keys.tolist())) == 3
    assert keys[1] == keys[2]
    assert (row_keys(table.select("t", "a", "d", "b")) == keys).all()
    assert (row_keys(table.with_columns(a=polars.col("a").cast(float))) == keys).all()
    assert (row_keys(table.rename({"a": "c"})) != keys).all()
    large = polars.DataFrame({"a": [2**53, 2**53 + 1]})
    assert len(set(row_keys(large).tolist())) == 2
    # The same for ever, on every machine.
    assert row_keys(polars.DataFrame({"a": [1], "t": ["x"]})).tolist() == [4400092491329259387]
    assert row_keys(table.with_columns(a=polars.Series(range(4))), "a").tolist() == [0, 1, 2, 3]
    with refused("id: column 't' has rows without a value"):
        row_keys(table, "t")
