"""Tables with dates and variables that are their parts: one becomes the other and comes back."""

from __future__ import annotations

import datetime

import numpy as np
import pytest

from made.support.errors import EntryError
from made.variables.column import Column
from made.variables.date_columns import (
    are_parts,
    given_parts,
    join,
    known_in_table,
    mask_of_parts,
    split,
    split_leniently,
    table_columns,
)
from made.variables.dates import WEEKDAYS, DateForm, DatePart
from made.variables.missing import MISSING
from made.variables.schema import Schema

FORM = DateForm("datetime", "m", "%d.%m.%Y %H:%M")


def date(name, form):
    columns = []
    for part in form.parts:
        own = DatePart(name, part, form, ("first", "last") if part == form.parts[0] else ())
        if part == "weekday":
            arguments = {"classes": list(WEEKDAYS), "coding": "one-hot", "missing": True}
            columns.append(Column(own.name, "categorical", arguments, part=own))
        else:
            bounds = {"bounds": [0, form.n_times - 1]} if part == "time" else {}
            arguments = {"step": 1.0, "rounds": True, "missing": True, **bounds}
            columns.append(Column(own.name, "numeric", arguments, part=own))
    return columns


COLUMNS = (Column("size", "numeric", {"step": 1.0}), *date("when", FORM), Column("sold", "bernoulli"))
SCHEMA = Schema(COLUMNS)
TABLE = np.array([[3, "31.01.2024 12:30", 1], [4, None, 0]], dtype=object)


def test_a_date_is_three_variables_and_comes_back():
    values = split(COLUMNS, TABLE)
    assert values.tolist() == [[3, 2821, "Wednesday", 750, 1], [4, None, None, None, 0]]
    assert join(COLUMNS, values).tolist() == TABLE.tolist()
    assert [own.name for own in table_columns(COLUMNS)] == ["size", "when", "sold"]
    assert are_parts(COLUMNS, values)
    assert not are_parts(COLUMNS, TABLE)


def test_what_is_no_date_is_named_or_left_out():
    table = np.array([[3, "31.01.2024 12:30", 1], [4, "soon", 0]], dtype=object)
    with pytest.raises(EntryError, match=r"row 1, column 1 \(when\).*'soon'.*such as 31.01.2024 12:30"):
        split(COLUMNS, table)
    values, faults = split_leniently(COLUMNS, table)
    assert values[1].tolist() == [4, None, None, None, 0]
    assert [fault[:2] for fault in faults] == [(1, 1)]


def test_a_mark_of_a_missing_date_is_that_of_its_parts():
    assert split(COLUMNS, np.array([[3, MISSING, 1]], dtype=object))[0, 1:4].tolist() == [MISSING] * 3


def test_masks_of_a_table_are_masks_of_variables():
    assert mask_of_parts(COLUMNS, [True, False, True]).tolist() == [True, False, False, False, True]
    assert mask_of_parts(COLUMNS, [True] * 5).tolist() == [True] * 5
    known = np.array([[True, True, True, False, True]])
    assert known_in_table(COLUMNS, known).tolist() == [[True, False, True]]
    masked = np.ma.masked_array(TABLE, [[False, True, False]] * 2)
    assert np.ma.getmaskarray(split(COLUMNS, masked))[0].tolist() == [False, True, True, True, False]


def test_a_given_date_is_given_in_its_parts(refused):
    when = datetime.datetime(2024, 1, 31, 12, 30)
    expected = {"when (week)": 2821, "when (weekday)": "Wednesday", "when (time)": 750}
    assert given_parts(COLUMNS, {"when": when, "size": 3}) == {**expected, "size": 3}
    assert given_parts(COLUMNS, {"when": MISSING}) == dict.fromkeys(expected, MISSING)
    assert given_parts(COLUMNS, {0: 3}) == {0: 3}
    with refused("when holds 'soon'", "31.01.2024 12:30"):
        given_parts(COLUMNS, {"when": "soon"})


def test_a_schema_encodes_tables_and_their_variables_alike_and_gives_tables_back():
    rows = SCHEMA.encode(TABLE)
    assert rows.codes.tolist() == SCHEMA.encode(split(COLUMNS, TABLE)).codes.tolist()
    assert SCHEMA.decode(rows).tolist() == [[3, "31.01.2024 12:30", 1], [4, None, 0]]
    unknown = SCHEMA.encode(TABLE, unknown=[False, True, False])
    assert unknown.mask.tolist() == [[True, False, False, False, True]] * 2


def test_a_schema_is_written_read_renamed_and_printed():
    assert Schema.from_dict(SCHEMA.as_dict()) == SCHEMA
    named = SCHEMA.rename({"when": "sold at"})
    assert named.names[1:4] == ("sold at (week)", "sold at (weekday)", "sold at (time)")
    assert [own.name for own in named.table] == ["size", "sold at", "sold"]
    assert SCHEMA.rename(["a", "b", "c"]).names == ("a", "b (week)", "b (weekday)", "b (time)", "c")
    (line,) = [own for own in str(SCHEMA).splitlines() if own.startswith("when")]
    assert line.split() == ["when", "datetime", "first..last,", "in", "minutes,", "or", "missing", "mass"]
    assert SCHEMA.with_context(["when"]).context_places == (1, 2, 3)


def test_context_may_be_a_date():
    schema = SCHEMA.with_context(["when"])
    modelled, context = schema.table_of(TABLE)
    assert modelled.tolist() == [[3, 1], [4, 0]]
    assert context[0].tolist() == [2821, "Wednesday", 750]


def test_a_date_is_no_variable_by_itself(refused):
    with refused("when is a date", "'when (week)', 'when (weekday)', 'when (time)'"):
        SCHEMA.variable("when")
