"""Edits of a schema: each returns a new one, and what has to follow from rows is left open."""

from __future__ import annotations

import pytest

from made.variables.column import Column, Found
from made.variables.dates import WEEKDAYS, DateForm, DatePart
from made.variables.schema import Schema

TEXTS = ["high", "low", "mid"]
SCHEMA = Schema(
    (
        Column("age", "numeric", {"step": 1.0, "rounds": True, "spikes": [0.0], "marginal": {"x": 1}}),
        Column("zip", "categorical", {"classes": [10, 30, 70], "coding": "one-hot", "missing": True}),
        Column("price", "categorical", {"classes": TEXTS, "coding": "one-hot", "unseen": 0.01}),
        Column("sold", "bernoulli", found=Found("two values", 0.25)),
    ),
    left_out=(("id", "counts the rows"),),
)


def column(schema, name):
    return schema.columns[schema.place(name)]


def test_another_kind_is_left_open():
    edited = SCHEMA.with_column("zip", "numeric")
    assert column(edited, "zip") == Column("zip", "numeric", {"missing": True}, is_open=True)
    assert column(SCHEMA, "zip").kind == "categorical"
    assert edited.is_open
    assert not SCHEMA.is_open
    assert column(SCHEMA.with_column("age", "category"), "age").describe() == "follow from the rows"


def test_no_model_has_an_open_column(refused):
    with refused("not all is said of zip", "made.auto_fit(rows, schema=schema)"):
        SCHEMA.with_column("zip", "numeric").row_type  # noqa: B018


def test_classes_in_an_order():
    own = column(SCHEMA.with_column("price", classes=["low", "mid", "high"], unseen=0.02), "price")
    assert own.labels == ("low", "mid", "high")
    assert own.arguments["unseen"] == 0.02
    assert not own.is_open
    assert column(SCHEMA.with_column("price", classes=["low", "mid", "high"]), "price").is_open
    assert column(SCHEMA.with_column("zip", classes=[0, 1]), "zip").arguments["classes"] == 2


def test_a_step_that_is_said_does_not_round():
    own = column(SCHEMA.with_column("age", step=0.5, spikes=[]), "age")
    assert own.arguments == {"step": 0.5}
    own = column(SCHEMA.with_column("age", step=0.5, spikes=[1.5], rounds=True), "age")
    assert own.arguments == {"step": 0.5, "rounds": True, "spikes": [1.5]}
    assert column(SCHEMA.with_column("age", step=0.5), "age").is_open


def test_missing_alone_leaves_the_rest_as_it_is():
    own = column(SCHEMA.with_column("price", missing=True), "price")
    assert own.arguments == {"classes": TEXTS, "coding": "one-hot", "unseen": 0.01, "missing": True}
    own = column(SCHEMA.with_column("sold", missing=True), "sold")
    assert (own.kind, own.arguments["classes"], own.found) == ("categorical", 2, Found("two values", 0.25))
    assert "missing" not in column(SCHEMA.with_column("zip", missing=False), "zip").arguments


def test_columns_are_dropped_and_come_back():
    edited = SCHEMA.with_context(["sold"]).drop("zip", "age")
    assert edited.names == ("price", "sold")
    assert edited.context_places == (1,)
    assert edited.left_out == (("id", "counts the rows"), ("age", "dropped"), ("zip", "dropped"))
    again = edited.with_column("id", "category")
    assert again.names == ("price", "sold", "id")
    assert ("id", "counts the rows") not in again.left_out
    lines = str(edited).splitlines()
    assert lines[3].split() == ["id", "left", "out", "counts", "the", "rows"]


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda: SCHEMA.with_column("agee", "numeric"), ["no variable 'agee'"]),
        (lambda: SCHEMA.with_column("age", "number"), ["'age'", "numeric, category or date", "'number'"]),
        (lambda: SCHEMA.with_column("age", classes=["a", "b"]), ["'age'", "numeric", "'classes'", "step"]),
        (lambda: SCHEMA.with_column("price", "numeric"), ["'price'", "holds text"]),
        (lambda: SCHEMA.with_column("price", classes=[]), ["'price'", "one or more"]),
        (lambda: SCHEMA.with_column("price", classes=["a", "a"]), ["'a' stands there twice"]),
        (lambda: SCHEMA.with_column("price", classes=["a", 1]), ["texts, or of whole numbers"]),
        (lambda: SCHEMA.with_column("zip", classes=1), ["at least two"]),
        (lambda: SCHEMA.with_column("age", step=0), ["step", "above 0"]),
        (lambda: SCHEMA.with_column("age", step=1.0, spikes=[0.5]), ["0.5 is no multiple of its step 1"]),
        (lambda: SCHEMA.with_column("price", unseen=1.5), ["unseen", "between 0 and 1"]),
        (lambda: SCHEMA.with_column("price", missing="yes"), ["missing is true or false", "'yes'"]),
        (lambda: SCHEMA.with_column("id"), ["'id' is left out", "give it a kind"]),
        (lambda: SCHEMA.drop("idd"), ["no variable 'idd'"]),
        (lambda: SCHEMA.drop(*SCHEMA.names), ["none is left to model"]),
        (lambda: Schema.of_classes([2, 2]).drop("x0"), ["only columns with names"]),
    ],
)
def test_edits_that_make_no_sense_are_one_line(refused, edit, words):
    with refused(*words):
        edit()


def test_what_rows_set_is_forgotten():
    assert column(SCHEMA.unfitted(), "age").arguments == {"step": 1.0, "rounds": True, "spikes": [0.0]}
    assert SCHEMA.unfitted().columns[1:] == SCHEMA.columns[1:]


SPAN = ("2024-01-01", "2024-12-31")
PARTS = [DatePart("when", part, DateForm("date"), SPAN) for part in ("week", "weekday")]
DATED = Schema(
    (
        Column("age", "numeric", {"step": 1.0}),
        Column(PARTS[0].name, "numeric", {"step": 1.0}, part=PARTS[0]),
        Column(PARTS[1].name, "categorical", {"classes": list(WEEKDAYS), "coding": "one-hot"}, part=PARTS[1]),
        Column("sold", "bernoulli"),
    ),
    (3,),
)


def test_a_date_is_one_column_of_the_table(refused):
    assert DATED.drop("when").names == ("age", "sold")
    assert DATED.drop("when").context_places == (1,)
    assert DATED.drop("when").left_out == (("when", "dropped"),)
    text = DATED.with_column("when", "category")
    assert text.names == ("age", "when", "sold")
    assert text.context_places == (2,)
    assert text.columns[1].is_open
    assert DATED.with_column("when", "date") == DATED
    assert text.with_column("when", "date").columns[1] == Column("when", "date", is_open=True)
    with refused("'when'", "no settings", "step"):
        DATED.with_column("when", step=1)
    assert DATED.rename({"when": "day"}).names == ("age", "day (week)", "day (weekday)", "sold")
