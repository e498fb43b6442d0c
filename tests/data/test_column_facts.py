"""What a sample may not show of a column: facts about parts are those about the whole."""

from __future__ import annotations

import datetime

import numpy as np
import polars
import pytest

from made.data.column_facts import facts_of, merged, with_witnesses


@pytest.fixture
def table():
    generator = np.random.default_rng(0)
    days = [
        datetime.date(2024, 1, 1) + datetime.timedelta(days=int(d)) for d in generator.integers(0, 90, 900)
    ]
    return polars.DataFrame(
        {
            "word": generator.choice(["a", "b", "c"], 900),
            "count": generator.integers(0, 5, 900),
            "price": np.round(generator.normal(size=900), 2),
            "size": generator.normal(size=900),
            "day": days,
            "gap": [None if own < 0.01 else own for own in generator.random(900)],
        }
    )


def test_parts_say_what_the_whole_does(table):
    whole = facts_of(table)
    parts = merged([facts_of(table[first : first + 200]) for first in range(0, 900, 200)])
    for own, other in zip(whole, parts, strict=True):
        assert (own.has_gaps, own.low, own.high, own.decimals) == (
            other.has_gaps,
            other.low,
            other.high,
            other.decimals,
        )
        assert own.values == other.values


def test_many_different_values_are_not_remembered():
    numbers = polars.DataFrame({"x": np.arange(5_000.0)})
    (own,) = merged([facts_of(numbers[:900]), facts_of(numbers[900:])])
    assert own.values is None
    assert own.witnesses == [0.0, 4999.0, 0.0]


def test_witnesses_are_what_a_sample_lacks(table):
    sample = table[:100]
    rare = table[500:501].with_columns(
        polars.lit("z").alias("word"),
        polars.lit(9, polars.Int64).alias("count"),
        polars.lit(0.12345).alias("price"),
    )
    all_rows = polars.concat([table, rare])
    added = with_witnesses(sample, facts_of(all_rows))
    shown = polars.concat([sample, added])
    for own, other in zip(facts_of(shown), facts_of(all_rows), strict=True):
        assert (own.has_gaps, own.low, own.high, own.decimals) == (
            other.has_gaps,
            other.low,
            other.high,
            other.decimals,
        )
    assert set(shown["word"]) == {"a", "b", "c", "z"}
    assert added.schema == sample.schema


def test_a_sample_that_shows_all_needs_none(table):
    assert len(with_witnesses(table, facts_of(table))) == 0
