"""The columns of a file as those of a schema."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

import made
from made.runs.file_columns import part_table
from made.variables.schema import Schema


def test_part_table(conditional, finished):
    schema = conditional[1].model.schema
    rows = np.arange(12).reshape(4, 3)
    last = replace(schema, columns=tuple(schema.columns[d] for d in (0, 2, 1)), context_places=(2,))
    first = replace(schema, columns=tuple(schema.columns[d] for d in (1, 0, 2)), context_places=(0,))
    for own, place, variables in ((schema, 1, [0, 2]), (first, 0, [1, 2]), (last, 2, [0, 1])):
        mine, context, _ = part_table(own, rows, None)
        np.testing.assert_array_equal(mine, rows[:, variables])
        np.testing.assert_array_equal(context, rows[:, [place]])
    mine, context, _ = part_table(finished[1].model.schema, rows, None)
    assert mine is rows
    assert context is None


def test_columns_are_found_by_name(conditional, refused):
    """Whatever their order; without names on both sides, by place."""
    schema = conditional[1].model.schema
    rows = np.arange(12).reshape(4, 3)
    mine, context, _ = part_table(schema, rows, ["b", "c", "a"])
    np.testing.assert_array_equal(mine, rows[:, [2, 1]])
    np.testing.assert_array_equal(context, rows[:, [0]])
    mine, context, _ = part_table(replace(schema, is_named=False), rows, ["b", "c", "a"])
    np.testing.assert_array_equal(mine, rows[:, [0, 2]])
    np.testing.assert_array_equal(context, rows[:, [1]])
    mine, context, unknown = part_table(schema, rows, ["a", "b", "d"])
    assert (mine[:, 0].tolist(), context[:, 0].tolist()) == (rows[:, 0].tolist(), rows[:, 1].tolist())
    assert unknown.tolist() == [False, True]
    with refused("'d'", "a, b, c"):
        part_table(schema, rows, ["d", "e", "f"])
    with refused("no column 'b'", "context must be known"):
        part_table(schema, rows, ["a", "c", "d"])
    with refused("'a' twice", "a, b, c"):
        part_table(schema, rows, ["a", "b", "a"])


def test_context_keeps_its_order_and_labels(refused):
    """Places are in the order of the context's columns; labels are as the file has them."""
    columns = Schema.of_classes([2, 2, 3], [None, None, (10, 20, 40)], ["sex", "sold", "age"])
    schema = columns.with_context(["age", "sex"])
    model = made.MADE(schema, (4,))
    rows = np.array([[0, 1, 40], [1, 0, 10]])
    mine, given, _ = part_table(schema, rows, None)
    assert mine.tolist() == [[1], [0]]
    assert given.tolist() == [[40, 0], [10, 1]]
    assert model.rows(mine, given).context.tolist() == [[2, 0], [0, 1]]
    assert made.MADE(columns, (4,)).rows(rows, None).context is None
    with refused("row 1, column 2 (age)", "context must be known"):
        part_table(schema, np.array([[0, 1, 10], [1, 0, np.nan]]), None)
    unnamed = made.MADE(made.Bernoulli(1), (4,), context=[made.Categorical([10, 20, 40]), made.Bernoulli(1)])
    with refused("row 0, column 2 (c1)", "context must be known"):
        part_table(unnamed.schema, np.array([[0, 10, np.nan]]), None)
