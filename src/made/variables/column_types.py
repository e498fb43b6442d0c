"""The types of columns of pandas and polars: described for files, found again, and given to values.

A description is a name, as numpy and pandas have it (``"int64"``, ``"float32"``, ``"bool"``, ``"str"``,
``"Int64"`` with room for gaps), or a mapping of a name and what else makes the type.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from made.support.checks import LARGEST_EXACT, are_whole
from made.variables.missing import has_gaps, is_missing

__all__ = [
    "ColumnType",
    "cast",
    "described",
    "pandas_type",
    "polars_type",
    "range_of",
    "series_of",
    "simple_name",
]

ColumnType = str | Mapping[str, Any] | None
"""JSON-ready; None says nothing, and the values decide."""

_NUMBERS = [f"{sign}Int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)]
# Names of types of polars, by what comes first in a description, in small letters.
_OF_POLARS = {
    **{name.lower(): name for name in (*_NUMBERS, "Float32", "Float64", "Date", "Time")},
    "bool": "Boolean",
    "str": "String",
    "category": "Categorical",
}
_NAMES_OF_POLARS = {"Boolean": "bool", "String": "str", "Categorical": "category"}
# What pandas calls a type of whole numbers or truth values that has room for gaps.
_WITH_GAPS = {"bool": "boolean", **{name.lower(): name for name in _NUMBERS}}


def simple_name(own: ColumnType) -> str:
    """Return a name in small letters without what belongs to a library: int8, float32, bool, category, ...

    Examples
    --------
    >>> simple_name("boolean"), simple_name("int64[pyarrow]"), simple_name(None)
    ('bool', 'int64', '')
    """
    name = "" if own is None else own if isinstance(own, str) else str(own["name"])
    first = re.match(r"[A-Za-z]+\d*", name)
    simple = "" if first is None else first[0].lower()
    return {"boolean": "bool", "string": "str", "float": "float32", "double": "float64"}.get(simple, simple)


def range_of(own: ColumnType) -> tuple[float, float]:
    """Return the least and the largest number that a type of whole numbers holds; of others, infinities.

    Examples
    --------
    >>> range_of("Int8"), range_of("float32")
    ((-128.0, 127.0), (-inf, inf))
    """
    name = simple_name(own)
    if _WITH_GAPS.get(name) not in _NUMBERS:
        return -np.inf, np.inf
    limits = np.iinfo(name)
    largest = float(limits.max)
    return float(limits.min), largest if int(largest) == limits.max else float(np.nextafter(largest, 0))


def described(library: Any, column: Any) -> ColumnType:
    """Return the type of a column of a frame, JSON-ready; None where no values could be given it.

    Of pandas, whole numbers and truth values that gaps made floats or objects are described with room for
    gaps, and objects that are all whole numbers or truth values as these.

    Examples
    --------
    >>> import polars
    >>> described(polars, polars.Series(["a"])), described(polars, polars.Series([1], dtype=polars.Int8))
    ('str', 'int8')
    """
    dtype = column.dtype
    if library.__name__ == "polars":
        return _described_polars(library, dtype)
    if isinstance(dtype, library.CategoricalDtype):
        categories = dtype.categories.tolist()
        if not all(isinstance(own, str | bool | int | float) for own in categories):
            return "category"
        return {"name": "category", "categories": categories, "ordered": bool(dtype.ordered)}
    if dtype == np.dtype(object):
        kinds = {"boolean": "bool", "integer": "int64"}
        own = kinds.get(library.api.types.infer_dtype(column, skipna=True), "object")
        return _WITH_GAPS.get(own, own) if column.isna().any() else own
    if isinstance(dtype, np.dtype) and dtype.kind == "f" and column.isna().any():
        known = column.to_numpy()[~column.isna().to_numpy()]
        if len(known) and are_whole(known):
            return "Int64"
    return str(dtype)


def _described_polars(polars: Any, dtype: Any) -> ColumnType:
    name = dtype.base_type().__name__
    if name == "Enum":
        return {"name": "enum", "categories": dtype.categories.to_list()}
    if name == "Datetime":
        return {"name": "datetime", "unit": dtype.time_unit, "zone": dtype.time_zone}
    if name == "Duration":
        return {"name": "duration", "unit": dtype.time_unit}
    if name == "Decimal":
        return {"name": "decimal", "precision": dtype.precision, "scale": dtype.scale}
    name = _NAMES_OF_POLARS.get(name, name.lower())
    return name if name in _OF_POLARS else None


def polars_type(polars: Any, own: ColumnType) -> Any:
    """Return the type of polars for a description; None where it has none.

    Examples
    --------
    >>> import polars
    >>> polars_type(polars, "Int64"), polars_type(polars, "object")
    (Int64, None)
    """
    if own is None:
        return None
    about: Mapping[str, Any] = {"name": own} if isinstance(own, str) else own
    name = str(about["name"])
    if name == "enum":
        return polars.Enum(about["categories"])
    if name == "datetime":
        return polars.Datetime(about["unit"], about["zone"])
    if name == "duration":
        return polars.Duration(about["unit"])
    if name == "decimal":
        return polars.Decimal(about["precision"], about["scale"])
    moment = re.fullmatch(r"datetime64\[(\w+)(?:, (.*))?\]", name)
    if moment is not None:
        unit = moment[1] if moment[1] in ("ms", "us", "ns") else "us"
        return polars.Datetime(unit, moment[2])
    known = _OF_POLARS.get(simple_name(name))
    return None if known is None else getattr(polars, known)


def pandas_type(pandas: Any, own: ColumnType, *, gaps: bool = False) -> Any:
    """Return the type of pandas for a description; None where it has none.

    With `gaps`, whole numbers and truth values need room for gaps.
    """
    if own is None:
        return None
    about: Mapping[str, Any] = {"name": own} if isinstance(own, str) else own
    name = str(about["name"])
    if name in ("category", "enum") and "categories" in about:
        return pandas.CategoricalDtype(about["categories"], about.get("ordered", False))
    if name == "datetime":
        zone = about["zone"]
        name = f"datetime64[{about['unit']}{'' if zone is None else f', {zone}'}]"
    elif name == "duration":
        name = f"timedelta64[{about['unit']}]"
    elif name in ("date", "time", "decimal"):  # the objects that values are anyway
        return None
    try:
        dtype = pandas.api.types.pandas_dtype(_WITH_GAPS.get(name, name) if gaps else name)
    except (TypeError, ImportError):
        return None
    return None if name == "str" and str(dtype) != "str" else dtype  # before version 3 text has no type


def series_of(library: Any, name: Any, values: NDArray[Any] | Sequence[Any], index: Any = None) -> Any:
    """Return values (n,) as a column of the type that the library finds for them; NaN of numbers is a gap.

    `index` is one of pandas.
    """
    if isinstance(values, np.ndarray) and values.dtype == object:
        values = values.tolist()
    if library.__name__ != "polars":
        return library.Series(values, index=index, name=name, dtype=_exact_type(values))
    if isinstance(values, list) and has_gaps(values):
        values = [None if is_missing(value) else value for value in values]
    column = library.Series(name, values, strict=False)
    return column.fill_nan(None) if column.dtype.is_float() else column


def _exact_type(values: NDArray[Any] | Sequence[Any]) -> str | None:
    """Return the type with which pandas does not round whole numbers beside gaps; None where it does not."""
    if not isinstance(values, list) or int not in set(map(type, values)):
        return None
    there = [value for value in values if not is_missing(value)]
    if len(there) == len(values) or not all(type(value) is int for value in there):
        return None
    if all(abs(value) <= LARGEST_EXACT for value in there):
        return None
    return "Int64" if all(-(2**63) <= value < 2**63 for value in there) else "object"


def cast(library: Any, column: Any, kinds: Sequence[Any]) -> Any:
    """Return a column as the first of some types that holds its values; as it is, where none does.

    A type of floats or decimals holds numbers to its precision; any other holds values exactly.

    Examples
    --------
    >>> import polars
    >>> column = polars.Series([1.0, 300.0])
    >>> cast(polars, column, [polars.Int8, polars.Int64]).dtype
    Int64
    """
    is_polars, errors = library.__name__ == "polars", _errors_of(library)
    for kind in kinds:
        if kind is None:
            continue
        if column.dtype == kind:
            return column
        categories = None if is_polars else getattr(kind, "categories", None)
        if categories is not None and not set(column.dropna()) <= set(categories):
            continue
        try:
            with np.errstate(over="ignore", invalid="ignore"):  # what does not fit is seen below
                typed = column.cast(kind) if is_polars else column.astype(kind)
            if _holds(typed, column, is_polars=is_polars):
                return typed
        except errors:
            continue
    return column


def _errors_of(library: Any) -> tuple[type[Exception], ...]:
    own = (library.exceptions.PolarsError,) if library.__name__ == "polars" else ()
    return (TypeError, ValueError, OverflowError, *own)


def _holds(typed: Any, column: Any, *, is_polars: bool) -> bool:
    """Return whether a column of another type holds the same entries."""
    gaps = (own.is_null() if is_polars else own.isna() for own in (typed, column))
    there, before = (np.asarray(own.to_numpy(), dtype=bool) for own in gaps)
    if (there != before).any():
        return False
    if before.all():
        return True
    if _is_float(typed, is_polars) and _is_number(column, is_polars):
        known = typed.filter(~typed.is_null()) if is_polars else typed[~there]
        return bool(np.isfinite(np.asarray(known.to_numpy(), dtype=np.float64)).all())
    if is_polars:
        return _comes_back(typed, column)
    entries, others = (own[~there].tolist() for own in (typed, column))
    return entries == others or all(a == b or str(a) == str(b) for a, b in zip(entries, others, strict=True))


def _comes_back(typed: Any, column: Any) -> bool:
    """Return whether a column of polars is found again from one of another type."""
    is_text, is_category = str(column.dtype) == "String", str(typed.dtype).startswith(("Enum", "Categorical"))
    if typed.dtype.is_temporal() != column.dtype.is_temporal() or (is_category and not is_text):
        return False  # numbers of days, or of categories, would come back
    back = typed.cast(column.dtype, strict=False)
    return bool((back.is_null() == column.is_null()).all() and (back == column).fill_null(value=True).all())


def _is_float(column: Any, is_polars: bool) -> bool:
    if is_polars:
        return bool(column.dtype.is_float() or column.dtype.is_decimal())
    return bool(getattr(column.dtype, "kind", "") == "f")


def _is_number(column: Any, is_polars: bool) -> bool:
    return bool(column.dtype.is_numeric() if is_polars else getattr(column.dtype, "kind", "") in "iuf")
