"""Columns by name and by number."""

import pytest

from made.support.errors import InputError
from made.variables.column import find_column


@pytest.mark.parametrize(
    ("name", "columns", "place"),
    [
        ("age", ["sex", "age", "job"], 1),
        ("2", ["sex", "age", "job"], 2),
        (0, ["sex", "age", "job"], 0),
        ("1", ["2", "0", "1"], 2),  # a name stands before a number
        ("x1", ["x1", "x0", "b"], 0),
        ("x1", None, 1),
        ("2", None, 2),
        (2, None, 2),
    ],
)
def test_find_column(name, columns, place):
    assert find_column(name, columns, 3) == place


@pytest.mark.parametrize(
    ("name", "columns", "message"),
    [
        ("aeg", ["sex", "age", "job"], "no variable 'aeg'; there are age, ..., or a number 0..2"),
        ("zzzz", ["sex", "age", "job"], "there are sex, age, job, or a number 0..2"),
        ("Age", ["sex", "age", "job"], "no variable 'Age'; there are age"),
        ("x1", ["sex", "age", "job"], "no variable 'x1'"),
        ("3", ["sex", "age", "job"], "no variable '3'"),
        ("-1", ["sex", "age", "job"], "no variable '-1'"),
        (-1, None, "no variable '-1'; there are x0..x2"),
        ("x3", None, "no variable 'x3'; there are x0..x2"),
        ("age", None, "there are x0..x2"),
        ("", None, "no variable ''"),
        ("1.0", None, "no variable '1.0'"),
    ],
)
def test_columns_that_are_not_there(name, columns, message):
    with pytest.raises(InputError, match=message):
        find_column(name, columns, 3)
