"""Schema files: what may be said, an entry for each column, and what is wrong in one line."""

from __future__ import annotations

import json

import numpy as np
import pytest

from made.data.choices import Choices
from made.data.columns import infer_schema
from made.variables.schema import Schema
from made.variables.schema_file import entries_of

N = 400
DRAW = np.random.default_rng(0)
TABLE = np.empty((N, 6), dtype=object)
TABLE[:, 0] = np.arange(N)
TABLE[:, 1] = DRAW.integers(0, 90, N)
TABLE[:, 2] = DRAW.choice(["Oslo", "Rome", "Bern", "Wien"], N)
TABLE[:, 3] = np.where(DRAW.random(N) < 0.2, None, np.round(DRAW.exponential(size=N), 2))
TABLE[:, 4] = DRAW.integers(0, 2, N)
TABLE[:, 5] = DRAW.choice([10, 30, 70], N)
NAMES = ["id", "age", "city", "price", "sold", "zip"]


def inferred(schema=None, **choices):
    return infer_schema({"all": TABLE}, "people.csv", NAMES, choices=Choices(schema=schema, **choices))


@pytest.fixture
def file(tmp_path):
    """A schema file of the table, and a function that writes an edited one."""
    path = tmp_path / "schema.json"
    inferred()[0].write(path)
    content = json.loads(path.read_text())

    def write(edit=lambda entries: None):
        own = json.loads(json.dumps(content))
        edit({entry["name"]: entry for entry in own["columns"]})
        path.write_text(json.dumps(own))
        return path

    return write


def test_a_file_that_is_not_edited_changes_nothing(file):
    schema, notes = inferred(Schema.read(file()))
    assert schema.same_columns(inferred()[0])
    assert schema.names == ("age", "city", "price", "sold", "zip")
    assert schema.left_out == (("id", "counts the rows"),)
    assert not any("passed over" in note for note in notes)


def test_it_holds_what_a_user_would_set(file):
    lines = file().read_text().splitlines()
    assert len(lines) == 1  # as the test writes it
    entries = {entry["name"]: entry for entry in json.loads(lines[0])["columns"]}
    assert entries["id"] == {"name": "id", "kind": "drop", "why": "counts the rows"}
    assert entries["sold"] == {"name": "sold", "kind": "category", "classes": 2, "why": "two values"}
    assert set(entries["price"]) == {"name", "kind", "step", "rounds", "spikes", "missing", "why"}


def test_a_written_file_has_a_line_for_each_column(tmp_path):
    inferred()[0].write(tmp_path / "schema.json")
    lines = (tmp_path / "schema.json").read_text().splitlines()
    assert len(lines) == 2 + 6
    assert lines[1].startswith('  {"name": "age", "kind": "numeric", "step": 1.0')


def test_what_is_taken_out_follows_from_the_values(file):
    def edit(entries):
        for key in ("step", "rounds", "spikes", "missing"):
            entries["price"].pop(key, None)
        del entries["city"]["classes"], entries["city"]["unseen"]
        entries["zip"] = entries["zip"].update(kind="numeric") or entries["zip"]
        for key in ("classes", "unseen", "ordered"):
            del entries["zip"][key]
        entries["id"]["kind"] = "numeric"

    schema, _ = inferred(Schema.read(file(edit)))
    plain = inferred()[0]
    by_name = {own.name: own for own in schema.columns}
    for name in ("price", "city"):
        assert by_name[name].arguments == plain.columns[plain.place(name)].arguments
    assert by_name["zip"].kind == by_name["id"].kind == "numeric"
    assert by_name["zip"].arguments["step"] == 1.0
    assert by_name["zip"].found.why.startswith("as said; 3 different whole numbers")


def test_said_classes_have_their_order_and_others_are_unseen(file):
    def edit(entries):
        entries["city"]["classes"] = ["Wien", "Oslo", "Rome"]
        del entries["city"]["unseen"]

    own = inferred(Schema.read(file(edit)))[0].columns[1]
    assert own.labels == ("Wien", "Oslo", "Rome")
    assert own.arguments["unseen"] == (TABLE[:, 2] == "Bern").mean()


def test_columns_that_are_not_named_are_passed_over_and_options_count_first():
    said = Schema.of_entries(
        [{"name": "zip", "kind": "category"}, {"name": "age", "kind": "numeric", "step": 0.5}]
    )
    schema, notes = inferred(said)
    assert schema.names == ("zip", "age")
    assert schema.columns[1].arguments == {"step": 0.5}
    assert notes[-1] == "passed over, as the schema does not name them: id, city, price, sold"
    schema, _ = inferred(said, kinds={"zip": "numeric", "city": "category"}, drop=("age",))
    assert [(own.name, own.kind) for own in schema.columns] == [("zip", "numeric"), ("city", "categorical")]


def test_dates_are_one_entry():
    table = np.empty((90, 2), dtype=object)
    table[:, 0] = [f"2024-{1 + i // 28:02d}-{1 + i % 28:02d}" for i in range(90)]
    table[:, 1] = DRAW.normal(size=90)
    plain, _ = infer_schema({"all": table}, names=["day", "size"])
    entries = entries_of(plain)
    assert entries[0] == {"name": "day", "kind": "date", "why": "dates, as 2024-01-31"}
    again, _ = infer_schema(
        {"all": table}, names=["day", "size"], choices=Choices(schema=Schema.of_entries(entries))
    )
    assert again.same_columns(plain)
    entries[0]["kind"] = "category"
    said = Choices(schema=Schema.of_entries(entries))
    assert infer_schema({"all": table}, names=["day", "size"], choices=said)[0].names == ("day", "size")


def test_context_and_notes_go_through_files():
    schema = inferred()[0].with_context(["city"]).with_note("age", "at the interview")
    again, _ = inferred(Schema.of_entries(entries_of(schema)))
    assert [own.name for own in again.context_columns] == ["city"]
    assert again.columns[0].note == "at the interview"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"columns": [\n {"name": "age",}]}', ["not JSON", "line 2"]),
        ("[]", ['{"columns": [...]}']),
        ('{"columns": []}', ['{"columns": [...]}']),
        ('{"columns": [{"name": "age", "kind": "numeric"}], "seed": 1}', ["'seed'", "leave it out"]),
        ('{"columns": [{"kind": "numeric"}]}', ["entry 0", '"name"']),
        ('{"columns": [{"name": "age"}]}', ["'age'", 'has no "kind"', "numeric, category, date or drop"]),
        (
            '{"columns": [{"name": "age", "kind": "real"}]}',
            ["'age'", '"real"', "date or drop"],
        ),
        ('{"columns": [{"name": "age", "kind": "numeric", "stpe": 1}]}', ["'age'", "'stpe'", "step"]),
        ('{"columns": [{"name": "age", "kind": "numeric", "step": "1"}]}', ["'age'", "step", "'1'"]),
        ('{"columns": [{"name": "a", "kind": "numeric"}, {"name": "a", "kind": "numeric"}]}', ["called 'a'"]),
        ('{"columns": [{"name": "a", "kind": "drop"}]}', ["none is left to model"]),
    ],
)
def test_what_is_wrong_is_one_line_that_names_the_file(refused, tmp_path, text, words):
    (tmp_path / "schema.json").write_text(text)
    with refused("schema.json", *words):
        Schema.read(tmp_path / "schema.json")


def test_a_file_that_is_not_there_and_a_column_that_is_not(refused, tmp_path):
    with refused("nowhere.json", "made schema DATA -o FILE"):
        Schema.read(tmp_path / "nowhere.json")
    with refused("people.csv lacks a column of the schema", "'agee'", "age"):
        inferred(Schema.of_entries([{"name": "agee", "kind": "numeric"}]))
    with refused("city", "holds text"):
        inferred(Schema.of_entries([{"name": "city", "kind": "numeric"}]))
    with refused("price", "fractions"):
        inferred(Schema.of_entries([{"name": "price", "kind": "category"}]))
