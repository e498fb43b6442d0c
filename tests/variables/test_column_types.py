"""Types of columns of pandas and polars: described, found again, given to values."""

from __future__ import annotations

import json

import numpy as np
import pytest

from made.variables.column_types import cast, described, pandas_type, polars_type, series_of

pandas = pytest.importorskip("pandas")
polars = pytest.importorskip("polars")

OF_POLARS = [
    *(polars.Int8, polars.Int64, polars.UInt8, polars.UInt64, polars.Float32, polars.Float64),
    *(polars.Boolean, polars.String, polars.Categorical(), polars.Enum(["b", "a"]), polars.Date, polars.Time),
    *(polars.Datetime("ms", "UTC"), polars.Datetime("us"), polars.Duration("ns"), polars.Decimal(10, 2)),
]
OF_PANDAS = [
    *(
        "int8",
        "int64",
        "uint8",
        "float32",
        "float64",
        "bool",
        "object",
        "string",
        "boolean",
        "Int16",
        "Float64",
    ),
    *("datetime64[ns]", "datetime64[us, UTC]", "timedelta64[ns]"),
    pandas.CategoricalDtype(["b", "a"], ordered=True),
    pandas.CategoricalDtype([3, 1]),
]


@pytest.mark.parametrize("dtype", OF_POLARS, ids=str)
def test_a_type_of_polars_is_found_again(dtype):
    own = json.loads(json.dumps(described(polars, polars.Series([], dtype=dtype))))
    assert polars_type(polars, own) == dtype


@pytest.mark.parametrize("dtype", OF_PANDAS, ids=str)
def test_a_type_of_pandas_is_found_again(dtype):
    own = json.loads(json.dumps(described(pandas, pandas.Series([], dtype=dtype))))
    assert pandas_type(pandas, own) == dtype


@pytest.mark.parametrize(
    ("entries", "own"),
    [
        ([1.0, None], "Int64"),
        ([0.5, None], "float64"),
        ([1.0, 2.0], "float64"),
        (np.array([True, None], dtype=object), "boolean"),
        (np.array([True, False], dtype=object), "bool"),
        (np.array([3, None], dtype=object), "Int64"),
        (np.array(["a", None], dtype=object), "object"),
        (np.array([None, None], dtype=object), "object"),
    ],
)
def test_what_gaps_changed_in_pandas_has_room_for_them(entries, own):
    dtype = object if isinstance(entries, np.ndarray) else "float64"
    assert described(pandas, pandas.Series(entries, dtype=dtype)) == own


@pytest.mark.parametrize(
    ("own", "of_pandas", "with_gaps", "of_polars"),
    [
        ("int64", "int64", "Int64", polars.Int64),
        ("uint8", "uint8", "UInt8", polars.UInt8),
        ("Int64", "Int64", "Int64", polars.Int64),
        ("int64[pyarrow]", None, None, polars.Int64),
        ("bool", "bool", "boolean", polars.Boolean),
        ("string", "string", "string", polars.String),
        ("datetime64[ns, UTC]", "datetime64[ns, UTC]", "datetime64[ns, UTC]", polars.Datetime("ns", "UTC")),
        ("object", "object", "object", None),
        ("no such type", None, None, None),
        (None, None, None, None),
    ],
)
def test_a_type_of_one_library_is_one_of_the_other(own, of_pandas, with_gaps, of_polars):
    assert polars_type(polars, own) == of_polars
    if own != "int64[pyarrow]":  # needs pyarrow
        assert pandas_type(pandas, own) == of_pandas
        assert pandas_type(pandas, own, gaps=True) == with_gaps


def test_the_first_type_that_holds_all_values_is_taken():
    column = series_of(polars, "x", np.array([1.0, 300.0, np.nan]))
    assert cast(polars, column, [None, polars.UInt8, polars.Int64]).to_list() == [1, 300, None]
    assert cast(polars, column, [polars.UInt8, polars.Boolean]).dtype == polars.Float64
    column = series_of(pandas, "x", np.array([1.0, 0.0, np.nan]))
    assert cast(pandas, column, [None, "bool", "int64", "boolean"]).dtype == "boolean"


@pytest.mark.parametrize("library", [pandas, polars])
def test_floats_are_rounded_to_their_type_and_not_beyond_it(library):
    single = "float32" if library is pandas else polars.Float32
    tenths = cast(library, series_of(library, "x", np.array([0.1, np.nan])), [single])
    assert tenths.dtype == single
    assert tenths.to_list()[0] == np.float32(0.1)
    assert cast(library, series_of(library, "x", np.array([0.1, 1e300])), [single]).dtype != single


def test_categories_are_those_of_the_type():
    kind = pandas.CategoricalDtype(["b", "a"], ordered=True)
    column = series_of(pandas, "x", np.array(["a", None], dtype=object))
    assert cast(pandas, column, [kind]).dtype == kind
    assert cast(pandas, series_of(pandas, "x", ["a", "z"]), [kind]).dtype != kind
    assert cast(polars, series_of(polars, "x", ["a", "z"]), [polars.Enum(["a"])]).dtype == polars.String
    assert cast(polars, series_of(polars, "x", [0.5, 2.25]), [polars.Decimal(10, 2)]).dtype.is_decimal()


@pytest.mark.filterwarnings("error")
def test_numbers_that_a_type_of_pandas_does_not_hold_stay_floats():
    for column in (pandas.Series([-5.0, None]), pandas.Series([1e20, 3.0])):
        assert cast(pandas, column, [pandas.UInt64Dtype()]).dtype == column.dtype
