"""A schema: columns in and out, by name and by place, printed, edited, written and read again."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import made
from made.variables.column import Column
from made.variables.context import Context
from made.variables.row_type import RowType
from made.variables.schema import Schema

PEOPLE = Schema.of_classes(
    [4, 3, 2, 2], [None, (10, 30, 70), None, ("no", "yes")], ["age", "kind", "sex", "member"]
)
ROWS = np.array([[3, 30, 1, "yes"], [0, 10, 0, "no"]], dtype=object)
CODES = [[3, 1, 1, 1], [0, 0, 0, 0]]


def frames():
    """The rows as frames of the libraries that are there, columns in another order."""
    columns = {name: ROWS[:, d].tolist() for d, name in enumerate(PEOPLE.names)}
    shuffled = {name: columns[name] for name in ("member", "sex", "age", "kind")}
    found = []
    for library in ("polars", "pandas"):
        try:
            found.append(__import__(library).DataFrame(shuffled))
        except ImportError:
            continue
    return found


def test_values_become_codes_and_codes_values():
    rows = PEOPLE.encode(ROWS)
    assert rows.codes.tolist() == CODES
    assert rows.codes.dtype == torch.uint8
    assert rows.context is None
    assert PEOPLE.decode(rows.codes).tolist() == ROWS.tolist()


@pytest.mark.parametrize("frame", frames(), ids=lambda frame: type(frame).__module__.split(".")[0])
def test_columns_of_a_frame_are_found_by_name(frame):
    assert PEOPLE.encode(frame).codes.tolist() == CODES


@pytest.mark.parametrize("frame", frames()[:1])
def test_a_column_that_a_frame_lacks_is_unknown_unless_it_has_to_be_there(frame, refused):
    lacking = frame.select("member", "sex", "age")
    rows = PEOPLE.encode(lacking)
    there = [column.name != "kind" for column in PEOPLE.modelled]
    assert rows.known.tolist() == [there] * len(ROWS)
    np.testing.assert_array_equal(rows.codes[:, there], np.array(CODES)[:, there])
    with refused("no column 'kind'", "age, kind, sex, member", "member, sex, age"):
        PEOPLE.table_of(lacking)


def test_labels_of_numbers_mean_labels(refused):
    schema = Schema.of_classes([3], [(10, 30, 70)])
    assert schema.encode([[70], [10]]).codes.tolist() == [[2], [0]]
    assert schema.encode(torch.tensor([[70], [10]])).codes.tolist() == [[2], [0]]
    assert schema.encode(np.array([[30.0]])).codes.tolist() == [[1]]
    assert schema.encode([["70"]]).codes.tolist() == [[2]]
    with refused("row 0, column 0", "holds 2, which is none of its 3 labels (10, 30, 70)"):
        schema.encode([[2]])


def test_numbers_stand_for_labels_of_text():
    schema = Schema.of_classes([3], [("1", "2", "3")])
    assert schema.encode(np.array([[1], [3]])).codes.tolist() == [[0], [2]]
    assert schema.encode(np.array([[2.0]])).codes.tolist() == [[1]]
    assert schema.encode([["1"]]).codes.tolist() == [[0]]


def test_whole_numbers_above_two_to_the_53_stay_apart():
    large = 2**53
    schema = Schema.of_classes([2], [(large, large + 1)])
    assert schema.encode(np.array([[large + 1], [large]])).codes.tolist() == [[1], [0]]


def test_context_is_parted_by_place_and_keeps_its_order():
    schema = PEOPLE.with_context(["sex", "age"])
    assert schema.context_places == (2, 0)
    assert [column.name for column in schema.modelled] == ["kind", "member"]
    assert [column.name for column in schema.context_columns] == ["sex", "age"]
    rows = schema.encode(ROWS)
    assert rows.codes.tolist() == [[1, 1], [0, 0]]
    assert rows.context.tolist() == [[1, 3], [0, 0]]
    again = schema.encode(ROWS[:, [1, 3]], context=[[1, 3], [0, 0]])
    assert again.codes.tolist() == rows.codes.tolist()
    assert again.context.tolist() == rows.context.tolist()


def test_rows_of_different_lengths_are_refused(refused):
    for schema in (PEOPLE, PEOPLE.with_context(["age"])):
        with refused("rows differ in their number of columns"):
            schema.encode([[3, 30, 1, "yes"], [0]])


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda: PEOPLE.with_context(["aeg"]), ["no variable 'aeg'", "age"]),
        (lambda: PEOPLE.with_context(["age", 0]), ["named twice as context"]),
        (lambda: PEOPLE.with_context(PEOPLE.names), ["none is left to model"]),
        (lambda: PEOPLE.rename(["a", "b"]), ["2 names for 4 columns"]),
        (lambda: PEOPLE.rename({"age": "sex"}), ["two columns are called 'sex'"]),
        (lambda: PEOPLE.rename({"height": "h"}), ["no variable 'height'"]),
        (lambda: PEOPLE.with_image_shape((3, 3)), ["3 x 3 have 9 pixels", "4 modelled columns"]),
        (lambda: Schema(()), ["none is left to model"]),
    ],
)
def test_edits_that_make_no_sense_are_refused(refused, edit, words):
    with refused(*words):
        edit()


def test_edits_return_a_new_schema():
    renamed = PEOPLE.rename({"age": "years"}).with_note("years", "at the interview").with_image_shape((2, 2))
    assert PEOPLE.names == ("age", "kind", "sex", "member")
    assert renamed.names == ("years", "kind", "sex", "member")
    assert renamed.columns[0].note == "at the interview"
    assert renamed.image_shape == (2, 2)
    assert renamed.same_columns(PEOPLE)
    assert not PEOPLE.with_coding("scaled").same_columns(PEOPLE)


def test_it_prints_as_a_table():
    assert str(PEOPLE.with_context(["sex"]).with_note("age", "in decades")).splitlines() == [
        "column  kind         values       measure  why",
        "age     categorical  0..3         mass     in decades",
        "kind    categorical  10, 30, 70   mass",
        "sex     bernoulli    0..1         context",
        "member  categorical  'no', 'yes'  mass",
    ]
    pixels = Schema.of_classes([2] * 64, image_shape=(8, 8))
    assert str(pixels).splitlines()[1:] == ["x0..x63  bernoulli  0..1    mass", "rows are images of 8 x 8"]


SCHEMAS = st.builds(
    lambda kinds, names, n_context, image: Schema.of_classes(
        [2 if k < 0 else max(k, 1) for k in kinds],
        [None if k < 0 or k % 2 else [f"label {i}" for i in range(max(k, 1))] for k in kinds],
        [f"column {i}" for i in range(len(kinds))] if names else None,
        image_shape=(1, len(kinds)) if image else None,
    ).with_context(list(range(len(kinds)))[::-1][: min(n_context, len(kinds) - 1)]),
    st.lists(st.integers(-1, 5), min_size=1, max_size=6),
    st.booleans(),
    st.integers(0, 3),
    st.booleans(),
)


@given(SCHEMAS)
def test_it_is_written_and_read_again(schema):
    again = Schema.from_dict(json.loads(json.dumps(schema.as_dict())))
    assert again == schema
    assert again.row_type.settings() == schema.row_type.settings()
    assert again.context.settings() == schema.context.settings()


def test_alike_columns_are_written_once():
    assert Schema.of_classes([2] * 784, image_shape=(28, 28)).as_dict() == {
        "columns": [{"kind": "bernoulli", "n": 784}],
        "context_places": [],
        "names": None,
        "is_named": False,
        "image_shape": [28, 28],
    }


def test_the_schema_of_variables_is_theirs():
    smooth = made.Categorical(5, coding="scaled", smooth=1.0)
    blocks = [made.Bernoulli(2), made.Categorical(["a", "b"]), smooth]
    schema = Schema.of_variables(RowType(blocks), Context([made.Categorical(3)]))
    assert schema.names == ("x0", "x1", "x2", "x3", "c0")
    assert schema.context_places == (4,)
    assert schema.row_type.settings() == RowType(blocks).settings()
    assert not schema.is_named
    numbers = Schema.of_variables(RowType(blocks), Context(2))
    assert [column.kind for column in numbers.context_columns] == ["number", "number"]
    assert numbers.context.settings() == 2


def test_variables_by_name_or_number(refused):
    schema = PEOPLE.with_context(["kind"])
    assert [schema.variable(name) for name in ("age", "sex", "member", 2, "1")] == [0, 1, 2, 2, 1]
    with refused("no variable 'kind'"):
        schema.variable("kind")


def test_a_column_describes_its_values():
    ten = Column("x", "categorical", {"classes": list(range(7, 17))})
    assert ten.describe() == "7, 8, 9, 10, ... 10 in all"
    assert Column("x", "number").describe() == "any number"


def test_blocks_of_columns():
    schema = Schema.of_classes([2, 2, 5, 2], [None, None, None, ["n", "y"]], coding="scaled")
    assert repr(list(schema.row_type.blocks)) == (
        "[Bernoulli(2), Categorical(5, n=1, coding='scaled'), Categorical(['n', 'y'], n=1, coding='scaled')]"
    )


def test_it_shows_as_html():
    """Names, notes and labels are text of the user's, and must not become tags."""
    columns = (
        Column("<script>", "categorical", {"classes": ["<b>", "a&b"]}, note="see <i>"),
        Column("age", "numeric", {"step": 1}),
    )
    html = Schema(columns, context_places=(1,))._repr_html_()
    assert html.startswith("<table>")
    assert html.count("<tr>") == 3
    assert "&lt;script&gt;" in html
    assert "&#x27;&lt;b&gt;&#x27;, &#x27;a&amp;b&#x27;" in html
    assert "see &lt;i&gt;" in html
    assert "<td>context</td>" in html
    assert not any(tag in html for tag in ("<script>", "<b>", "<i>"))


def test_html_says_that_rows_are_images():
    html = Schema.of_classes([2] * 6, image_shape=(2, 3))._repr_html_()
    assert "<caption>rows are images of 2 x 3</caption>" in html
    assert "<td>x0..x5</td>" in html


def test_an_entry_is_named_by_its_column_and_counted_where_a_frame_has_it(refused):
    pandas = pytest.importorskip("pandas")
    schema = Schema.of_classes([2, 3], [("no", "yes"), None], names=["sold", "size"])
    frame = pandas.DataFrame({"note": ["x", "y"], "size": [0, 7], "sold": ["yes", "no"]})
    with refused("row 1, column 1 (size) (counted from 0) holds 7"):
        schema.encode(frame)
    with refused("row 0, column 0 (sold) (counted from 0) holds 'maybe'"):
        schema.encode([["maybe", 0]])
    with refused("row 0, column 1 (size) (counted from 0) is NaN or None"):
        schema.encode_complete([["yes", None]])
    with refused("row 0, column 0 (counted from 0) holds 2"):
        Schema.of_classes([2]).encode([[2]])
