"""Data frames: completed copies of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas
import polars
import pytest

import made
from made.variables import frames


@pytest.fixture(params=["pandas", "polars"])
def library(request):
    """Each library of data frames that is installed."""
    return pytest.importorskip(request.param)


def filled_column(library, column, values, name="x"):
    """The column of a frame, a Series, with its gaps filled with values from the same places."""
    frame = library.DataFrame({name: column})
    known = [[not frames.is_missing(value)] for value in frame[name].to_list()]
    values = np.array(values, dtype=object)[:, None]
    return frames.fill(frame, [name], values, np.array(known))[name]


def test_the_other_columns_and_their_order_stay(library):
    frame = library.DataFrame(
        {"id": ["u", "v"], "size": [None, 20], "note": [0.5, None], "job": ["cook", None]}
    )
    known = np.array([[True, False], [False, True]])
    values = np.array([["cook", 10], ["clerk", 20]], dtype=object)
    filled = frames.fill(frame, ["job", "size"], values, known)
    assert list(filled.columns) == ["id", "size", "note", "job"]
    assert filled["job"].to_list() == ["cook", "clerk"]
    assert filled["size"].to_list() == [10, 20]
    assert filled["id"].to_list() == ["u", "v"]
    assert filled["note"].to_list()[0] == 0.5
    assert frames.is_missing(filled["note"].to_list()[1])
    assert frames.is_missing(frame["size"].to_list()[0])  # the frame that came in is as it was


def test_what_is_known_stays_and_what_is_not_goes(library):
    """Whatever the frame holds there: `unknown=` marks entries that it has."""
    frame = library.DataFrame({"x": ["3", "2", None]})
    filled = frames.fill(frame, ["x"], np.array([[3], [7], [5]]), np.array([[True], [False], [False]]))
    assert filled["x"].to_list() == ["3", "7", "5"]


def test_several_completions_of_a_row_follow_one_another(library):
    frame = library.DataFrame({"id": ["u", "v"], "x": [1, None]})
    values = np.array([[1], [1], [0], [2]])
    filled = frames.fill(frame, ["x"], values, np.array([[True], [False]]))
    assert filled["id"].to_list() == ["u", "u", "v", "v"]
    assert filled["x"].to_list() == [1, 1, 0, 2]
    none = frames.fill(frame, ["x"], values[:0], np.array([[True], [False]]))
    assert list(none.columns) == ["id", "x"]
    assert len(none) == 0


def test_columns_of_one_name_are_told_apart():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame([[1, 2.5, "x"], [3, None, "y"]], columns=["a", "a", 1])
    assert frames.names_of(frame) == ["a", "a_2", "1"]
    assert frames.told_apart(["1", "1", "1_2", "1"]) == ["1", "1_2", "1_2_2", "1_3"]
    values = frames.values_of(frame, ["a_2", "1"])
    assert values[0].tolist() == [2.5, "x"]
    filled = frames.fill(frame, ["a", "a_2"], np.array([[1, 2.5], [3, 7.5]]))
    assert list(filled.columns) == ["a", "a", 1]
    assert filled.iloc[:, 1].tolist() == [2.5, 7.5]
    assert filled.iloc[:, 0].tolist() == [1, 3]


def test_large_whole_numbers_stay_as_they_are(library):
    entries = [2**60 + 1, None, 3]
    own = library.Series(entries, dtype=object) if library.__name__ == "pandas" else entries
    column = filled_column(library, own, [0.0, 2.0**60, 0.0])
    assert column.to_list() == [2**60 + 1, 2**60, 3]


@pytest.mark.parametrize("entry", [[1, 2], {"a": 1}])
def test_an_entry_that_is_a_list_is_one_entry(library, entry):
    values = frames.values_of(library.DataFrame({"x": [entry, entry], "y": [1, 2]}), ["y", "x"])
    assert values.shape == (2, 2)
    assert values[1, 0] == 2


def test_rows_are_joined(library):
    frame = library.DataFrame({"x": [1, 2], "y": ["a", "b"]})
    joined = frames.join([frame, frame[:1]])
    assert joined["x"].to_list() == [1, 2, 1]
    assert joined["y"].to_list() == ["a", "b", "a"]
    assert frames.is_frame(joined)


@pytest.mark.parametrize(
    ("column", "own", "values", "full", "filled"),
    [
        ([1, None], "float64", [1, 4], "int64", [1, 4]),
        ([1, None], "float32", [1, 4], "int64", [1, 4]),
        ([1, None], "Int64", [1, 4], "Int64", [1, 4]),
        ([1, None], "UInt8", [1, 4], "UInt8", [1, 4]),
        ([1, None], "UInt8", [1, 400], "int64", [1, 400]),
        ([1, None], "Float64", [1, 4], "Float64", [1, 4]),
        ([1, None], "object", [1, 4], "int64", [1, 4]),
        ([0.5, None], "float64", [0.5, 1.5], "float64", [0.5, 1.5]),
        ([None, None], "float64", [3, 4], "int64", [3, 4]),
        ([True, None], "object", [1, 0], "bool", [True, False]),
        ([True, None], "boolean", [1, 0], "boolean", [True, False]),
        (["a", None], "object", ["a", "b"], "object", ["a", "b"]),
        (["a", None], "string", ["a", "b"], "string", ["a", "b"]),
        (["a", None, "b"], "category", ["a", "b", "b"], "category", ["a", "b", "b"]),
        ([3, None], "category", [3, 3], "category", [3, 3]),
    ],
)
def test_types_of_pandas(column, own, values, full, filled):
    """A column that gaps made float or object is whole again; others keep their type where it holds all."""
    pandas = pytest.importorskip("pandas")
    result = filled_column(pandas, pandas.Series(column, dtype=own), values)
    assert result.dtype == full
    assert result.tolist() == filled


def test_a_category_that_pandas_does_not_know_makes_text():
    pandas = pytest.importorskip("pandas")
    result = filled_column(pandas, pandas.Series(["a", None], dtype="category"), ["a", "z"])
    assert result.tolist() == ["a", "z"]
    assert result.dtype != "category"


def test_names_and_index_of_pandas():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({7: [1, None], 8: [0, 1]}, index=["first", "second"])
    values = np.array([[1], [1], [4], [2]])
    filled = frames.fill(frame, ["7"], values, np.array([[True], [False]]))
    assert list(filled.columns) == [7, 8]
    assert filled[7].tolist() == [1, 1, 4, 2]
    assert filled.index.tolist() == ["first", "first", "second", "second"]


@pytest.mark.parametrize(
    ("column", "own", "values", "full", "filled"),
    [
        ([1, None], "Int64", [1, 4], "Int64", [1, 4]),
        ([1, None], "Int8", [1, 4], "Int8", [1, 4]),
        ([1, None], "Int8", [1, 400], "Int64", [1, 400]),
        ([1.0, None], "Float64", [1, 4], "Float64", [1, 4]),
        ([1, None], "Int64", [1, 0.5], "Float64", [1, 0.5]),
        ([None, None], "Null", [3, 4], "Int64", [3, 4]),
        ([True, None], "Boolean", [1, 0], "Boolean", [True, False]),
        (["a", None], "String", ["a", "b"], "String", ["a", "b"]),
        (["a", None], "Categorical", ["a", "b"], "Categorical", ["a", "b"]),
    ],
)
def test_types_of_polars(column, own, values, full, filled):
    """Gaps change no type of polars: a column keeps its own where that holds all."""
    polars = pytest.importorskip("polars")
    result = filled_column(polars, polars.Series(column, dtype=getattr(polars, own)), values)
    assert result.dtype == getattr(polars, full)
    assert result.to_list() == filled


def test_an_enumeration_of_polars_keeps_to_its_words():
    polars = pytest.importorskip("polars")
    words = polars.Series(["a", None], dtype=polars.Enum(["a", "b"]))
    assert filled_column(polars, words, ["a", "b"]).dtype == polars.Enum(["a", "b"])
    result = filled_column(polars, words, ["a", "z"])
    assert result.dtype == polars.String
    assert result.to_list() == ["a", "z"]


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_whole_numbers_beyond_2_53_stay_exact_beside_floats_and_gaps(library):
    own = pytest.importorskip(library)
    large = 2**53 + 1
    whole = {"dtype": "Int64"} if library == "pandas" else {"dtype": own.Int64}
    columns = {"id": own.Series([large, large - 1]), "share": own.Series([0.5, 1.0])}
    assert frames.values_of(own.DataFrame(columns), ["id", "share"]).tolist() == [
        [large, 0.5],
        [large - 1, 1.0],
    ]
    gaps = own.DataFrame({"id": own.Series([-large, None], **whole), "n": own.Series([1, 2])})
    values = frames.values_of(gaps, ["id", "n"])
    assert values[0].tolist() == [-large, 1]
    assert frames.is_missing(values[1, 0])
    small = own.DataFrame({"id": own.Series([large - 1, 2]), "share": own.Series([0.5, 1.0])})
    assert frames.values_of(small, ["id", "share"]).dtype == np.float64


def test_a_constant_beyond_2_53_is_scored_beside_a_column_with_gaps():
    polars = pytest.importorskip("polars")
    large = -(2**53) - 1
    frame = polars.DataFrame({"n": [8, 6, 5, 3, 2, None, 0, 1, 4, 7] * 13, "constant": [large] * 130})
    model = made.auto_fit(frame, max_time=1)
    assert np.isfinite(model.log_prob(frame).numpy()).all()
    assert model.sample(3)["constant"].to_list() == [large] * 3


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize("rest", [None, 2**60 + 3])
def test_large_labels_with_gaps_come_back_exact(library, rest):
    own = pytest.importorskip(library)
    large = 804739052780421055
    whole = {"dtype": "Int64"} if library == "pandas" else {"dtype": own.Int64}
    frame = own.DataFrame({"id": own.Series([None, large, large, rest or large] * 30, **whole)})
    model = made.auto_fit(frame, max_time=1)
    drawn = model.sample(60, seed=0)
    found = {value for value in drawn["id"].to_list() if not frames.is_missing(value)}
    assert found == {large, rest or large}
    assert np.isfinite(model.log_prob(drawn).numpy()).all()
    filled = model.complete(frame[:4], seed=0).rows["id"].to_list()
    assert set(filled) <= {large, rest or large}


def test_drawn_numbers_beside_floats_are_exact():
    large = 2**60 + 1
    rows = np.array([[large, 0.5], [large + 2, None]] * 60, dtype=object)
    model = made.auto_fit(rows, max_time=1)
    assert {row[0] for row in np.asarray(model.sample(40, seed=0)).tolist()} == {large, large + 2}


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("people.csv", ["text ('people.csv')", "read a file first"]),
        (Path("people.csv"), ["text ('people.csv')", "read a file first"]),
        ({"age": [30, 40]}, ["a dict", "make it a frame"]),
        ([{"age": 30}, {"age": 40}], ["a list of dicts", "make it a frame"]),
        (polars.LazyFrame({"age": [30, 40]}), ["a lazy frame", "collect()"]),
        (polars.Series("age", [30, 40]), ["one column", "to_frame()"]),
        (pandas.Series([30, 40]), ["one column", "to_frame()"]),
    ],
)
def test_what_is_no_table_is_told_how_to_become_one(rows, words, refused):
    model = made.MADE([made.Numeric()], (4,))
    for ask in (made.auto_fit, made.infer_schema, model.log_prob, model.complete):
        with refused("a table, got", *words):
            ask(rows)
    with refused("a table, got", *words):
        made.auto_fit(rows, group="age")
