"""Values as a user writes them on the command line."""

from __future__ import annotations

import pytest

import made
from made.runs.given_text import parse_values, read_context, read_given_values
from made.variables.column import find_column
from made.variables.row_type import RowType


@pytest.fixture
def model(finished):
    """The model of the finished run: a bit, three classes, labels 10, 20 and 40."""
    return finished[1].model


@pytest.fixture
def given_b(conditional):
    """The model of the run that is conditional on the classes."""
    return conditional[1].model


VARIABLES = RowType([made.Bernoulli(2), made.Categorical([10, 20, 40]), made.Categorical(["no", "yes", "0"])])
NAMES = ["a", "b", "size", "answer"]


def place_of(columns, n_columns=4):
    """A function from the name of a column to its number."""
    return lambda name: find_column(name, columns, n_columns)


@pytest.mark.parametrize(
    ("text", "columns", "values"),
    [
        ("", NAMES, {}),
        (" ,, ", NAMES, {}),
        ("a=1", NAMES, {0: 1}),
        ("size=40, b = 0", NAMES, {2: 40, 1: 0}),
        ("2=20", NAMES, {2: 20}),
        ("size=2e1,b=1.0", NAMES, {2: 20, 1: 1}),
        ("answer=yes", NAMES, {3: "yes"}),
        ("answer=0", NAMES, {3: "0"}),
        ("'answer'=\"yes\", `size`=40", NAMES, {3: "yes", 2: 40}),
        ("a=1,a=1,0=1", NAMES, {0: 1}),
        ("x2=10,3=no", None, {2: 10, 3: "no"}),
        ("x2=10", ["x2", "x0", "b", "c"], None),  # the name of a column stands before its number
    ],
)
def test_parse_values(text, columns, values, refused):
    if values is None:
        with refused("--given", "x2 cannot be 10", "0, 1"):
            parse_values(text, "--given", VARIABLES, place_of(columns))
    else:
        assert parse_values(text, "--given", VARIABLES, place_of(columns)) == values


def test_names_and_labels_with_commas_stand_in_quotation_marks(refused):
    cities = RowType(
        [made.Categorical(["New York, NY", "Coeur d'Alene, ID", "'s-Hertogenbosch"]), *VARIABLES.blocks]
    )
    names = ["city, state", "a=b", *NAMES[1:]]
    texts = {
        '"city, state"="New York, NY",\'a=b\'=1': {0: "New York, NY", 1: 1},
        '`city, state` = "Coeur d\'Alene, ID"': {0: "Coeur d'Alene, ID"},
        "0='s-Hertogenbosch, size=10": {0: "'s-Hertogenbosch", 3: 10},
    }
    for text, values in texts.items():
        assert parse_values(text, "--given", cities, place_of(names, 5)) == values
    with refused("0 cannot be New York; it takes 'New York, NY', \"Coeur d'Alene, ID\", 's-Hertogenbosch"):
        parse_values("0=New York, NY", "--given", cities, place_of(names, 5))
    with refused("--given takes name=value", "quotation marks", "got 'city'"):
        parse_values("city, state=x", "--given", cities, place_of(names, 5))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a=1,a=0", ["a two values, 1 and 0"]),
        ("size=10,2=20", ["2 two values"]),
        ("a", ["name=value", "'a'"]),
        ("a=", ["name=value", "'a='"]),
        ("a=1;b=0", ["a cannot be 1;b=0"]),
        ("a=2", ["a cannot be 2", "it takes 0, 1"]),
        ("size=30", ["size cannot be 30", "10, 20, 40"]),
        ("answer=maybe", ["answer cannot be maybe", "no, yes, 0"]),
        ("size=inf", ["size cannot be inf"]),
        ("aa=1", ["no variable 'aa'", "there are a"]),
        ("x0=1", ["no variable 'x0'"]),
        ("4=1", ["no variable '4'", "0..3"]),
        ("-1=1", ["no variable '-1'"]),
    ],
)
def test_values_that_make_no_sense(text, words, refused):
    with refused("--option", *words):
        parse_values(text, "--option", VARIABLES, place_of(NAMES))


def test_many_values_are_not_all_listed(refused):
    with refused("it takes 0, 1, 2, 3, 4, 5, ..., 299"):
        parse_values("x0=300", "--given", RowType(made.Categorical(300)), place_of(None, 1))


def test_given_values_are_a_row_of_codes(model, refused):
    row = read_given_values("c=40,a=1", model)
    assert row.codes.tolist() == [[1, 0, 2]]
    assert row.known.tolist() == [[True, False, True]]
    assert read_given_values(None, model) is None
    with refused("--given is empty"):
        read_given_values(" ", model)


def test_context_is_a_row(model, given_b, refused):
    assert read_context("b=2", given_b).tolist() == [2]
    assert read_context(None, model) is None
    with refused("--context", "has none"):
        read_context("b=2", model)
    with refused("conditional", '--context "b=..."'):
        read_context(None, given_b)
    with refused("lacks b"):
        read_context("", given_b)
    with refused("--context", "'a'", "b"):
        read_context("b=2,a=1", given_b)


def test_context_of_several_columns(refused):
    model = made.MADE(made.Bernoulli(1), (4,), context=[made.Categorical([10, 20]), made.Bernoulli(1)])
    assert read_context("c1=1,c0=20", model).tolist() == [20, 1]
    with refused("lacks c1", "all of c0, c1"):
        read_context("c0=10", model)
    with refused('--context "c0=...,c1=..."'):
        read_context(None, model)
    numbers = made.MADE(made.Bernoulli(1), (4,), context=2)
    with refused("numbers", "Python"):
        read_context("c0=1,c1=1", numbers)
