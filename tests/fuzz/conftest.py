"""Tables of every kind that a user may have, well-formed and not: what the tests of this folder draw from.

What makes a table odd (its columns, types, names and special values) is drawn one by one, so that hypothesis
can make a failing table smaller; its entries come out of a generator whose seed is drawn.
"""

from __future__ import annotations

import datetime
import decimal
import fractions
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas
import polars
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

# `targets.py`, `seeds.py` and `mutations.py` are imported by name, as `guided.py` imports them.
sys.path.insert(0, str(Path(__file__).parent))

#: How many tables each test draws: a few in `make test`, 2,000 in `make test-long`.
N_TABLES = int(os.environ.get("MADE_FUZZ_TABLES", "10"))

settings.register_profile(
    "tables",
    max_examples=N_TABLES,
    # The short form is the same every time; the long one looks for what has not been seen yet.
    derandomize="MADE_FUZZ_TABLES" not in os.environ,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

_N_WIDE = 2_000
_LONG = "long" * 2_500
_WORDS = 'a b A é ß 日本 🙂 ` {} %s <b> =1+1 # --help a,b a;b a|b yes no True false unseen MISSING \' " ""'
_LIKE_GAPS = "NA nan None null ? n/a NaT inf -inf"
_LIKE_NUMBERS = "0 1 01 1.0 1e5 1_000 1,5 -0 0x10 1e999 2020-01-01 9007199254740993"
_BLANKS = (
    "",
    " ",
    "a b",
    "a\tb",
    "a\nb",
    "a\r\nb",
    "\u202eabc",
    "\x00",
    "\x1b[31m",
    "\\",
    "e\u0301",
    "👩\u200d👧",
)
_TEXTS = (*_BLANKS, *_WORDS.split(), *_LIKE_GAPS.split(), *_LIKE_NUMBERS.split(), _LONG)
_BOUNDS = [side * 2**k + off for side in (1, -1) for k in (7, 8, 15, 31, 53) for off in (-1, 0, 1, 2)]
_WHOLE = (0, 1, 2, 3, -1, *_BOUNDS, 2**63 - 1, -(2**63))
_FLOATS = (
    *(0.0, -0.0, 1.0, -1.0, 0.1, 0.5, 1 / 3, 2.5, 1e-7, 5e-324, -1e-310, 2.0**53, 2.0**53 + 2, 2.0**63, 1e20),
    *(-(2.0**63), 1e308, -1e308, 1.7976931348623157e308, 123456.789, 3.4e38, 65504.0),
)
_WORDS_OF_NAMES = "a A b a_2 x0 id index log_prob unseen missing 🙂 naïve {a} %d <b>a</b> a,b a=b a'b a\"b"
_NAMES = (
    "",
    " ",
    "x" * 300,
    "a\nb",
    "a\tb",
    "\x00",
    _LONG,
    *_WORDS_OF_NAMES.split(),
    *_LIKE_NUMBERS.split(),
    "None",
)
_ODD_NAMES = (0, 1, -1, 1.5, None, True, ("a", "b"), float("nan"), "\ud800", datetime.date(2020, 1, 1))


class Case(NamedTuple):
    """A table, and how it was made.

    Attributes
    ----------
    table : data frame or array
    about : str
        The kinds of its columns.
    """

    table: Any
    about: str

    def __repr__(self) -> str:
        """Show what hypothesis is to print of a failing table."""
        head = repr(self.table) if len(str(self.about)) < 300 else type(self.table).__name__
        return f"Case({self.about}: {head[:2_000]})"


class _Kind(NamedTuple):
    """A kind of column: special values, entries spread over their range, and the types that may hold them."""

    pool: tuple[Any, ...]
    spread: Callable[[np.random.Generator, int], list[Any]]
    pandas_types: tuple[Any, ...] = (None,)
    polars_types: tuple[Any, ...] = (None,)


def _whole(low: int, high: int) -> Callable[[np.random.Generator, int], list[Any]]:
    dtype = np.uint64 if high >= 2**63 else np.int64
    return lambda generator, n: generator.integers(low, high, n, dtype=dtype, endpoint=True).tolist()


def _within(dtype: str) -> tuple[Any, ...]:
    """Return special whole numbers that a type holds, its bounds among them."""
    bounds = np.iinfo(dtype)
    return tuple(
        sorted({value for value in (*_WHOLE, bounds.min, bounds.max) if bounds.min <= value <= bounds.max})
    )


def _floats_of(dtype: Any) -> tuple[float, ...]:
    return tuple(value for value in (*_FLOATS, 5e-41) if abs(value) <= float(np.finfo(dtype).max))


def _normal(
    scale: float = 1.0, decimals: int | None = None
) -> Callable[[np.random.Generator, int], list[Any]]:
    def spread(generator: np.random.Generator, n: int) -> list[Any]:
        values = generator.normal(size=n) * scale
        return (values if decimals is None else values.round(decimals)).tolist()

    return spread


def _of(*makers: Callable[[int], Any]) -> Callable[[np.random.Generator, int], list[Any]]:
    """Return a spread of things made from whole numbers, by one of several makers each."""
    return lambda generator, n: [
        makers[int(which) % len(makers)](int(k))
        for which, k in zip(generator.integers(0, 97, n), generator.integers(-1000, 1000, n), strict=True)
    ]


def _numeric_kinds() -> dict[str, _Kind]:
    kinds = {}
    for name in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"):
        bounds = np.iinfo(name)
        own = getattr(polars, name.replace("uint", "UInt").replace("int", "Int"))
        types = (name, own.__name__)  # the second is pandas' nullable one
        kinds[name] = _Kind(_within(name), _whole(int(bounds.min), int(bounds.max)), types, (own,))
        kinds[f"small {name}"] = _Kind((0, 1), _whole(0, 9), types, (own,))
    kinds["float16"] = _Kind(_floats_of(np.float16), _normal(), ("float16",), (polars.Float32,))
    kinds["float32"] = _Kind(_floats_of(np.float32), _normal(1e3), ("float32", "Float32"), (polars.Float32,))
    kinds["float64"] = _Kind(_FLOATS, _normal(1e3), ("float64", "Float64"), (polars.Float64,))
    kinds["amounts"] = _Kind((0.0, 9.99), _normal(100, 2), ("float64",), (polars.Float64,))
    kinds["huge"] = _Kind((1e308,), _normal(1e306), ("float64",), (polars.Float64,))
    kinds["tiny"] = _Kind((0.0,), _normal(1e-308), ("float64",), (polars.Float64,))
    return kinds


_EPOCH = datetime.datetime(2020, 1, 1)
_NUMPY_SCALARS = (np.float32(0.1), np.int8(3), np.bool_(True), np.str_("b"))
_KINDS: dict[str, _Kind] = {
    **_numeric_kinds(),
    "bool": _Kind((True, False), _of(lambda k: k > 0), ("bool", "boolean", object), (polars.Boolean,)),
    "text": _Kind(_TEXTS, _of(lambda k: f"text {k}"), ("str", "string", object), (polars.String,)),
    "category": _Kind(_TEXTS, _of(lambda k: f"c{k % 7}"), ("category",), (polars.Categorical,)),
    "decimal": _Kind(
        (decimal.Decimal("1.10"), decimal.Decimal(0)),
        _of(lambda k: decimal.Decimal(k) / 100),
        (object,),
        (polars.Decimal(20, 2),),
    ),
    "date": _Kind(
        (datetime.date(1, 1, 1),),
        _of(lambda k: (_EPOCH + datetime.timedelta(k)).date()),
        (object,),
        (polars.Date,),
    ),
    "datetime": _Kind(
        (_EPOCH,),
        _of(lambda k: _EPOCH + datetime.timedelta(k / 24)),
        ("datetime64[ns]", object),
        (polars.Datetime,),
    ),
    "zone": _Kind(
        (_EPOCH,),
        _of(lambda k: _EPOCH + datetime.timedelta(k)),
        ("datetime64[us, UTC]",),
        (polars.Datetime(time_zone="UTC"),),
    ),
    "duration": _Kind(
        (datetime.timedelta(0),),
        _of(lambda k: datetime.timedelta(seconds=k)),
        ("timedelta64[ns]", object),
        (polars.Duration,),
    ),
    "time": _Kind(
        (datetime.time(),), _of(lambda k: datetime.time(k % 24, k % 60)), (object,), (polars.Time,)
    ),
    "list": _Kind(([], [1]), _of(lambda k: [k, k + 1]), (object,), (polars.List(polars.Int64),)),
    "struct": _Kind(({"a": 1},), _of(lambda k: {"a": k}), (object,), (polars.Struct({"a": polars.Int64}),)),
    "bytes": _Kind((b"", b"1", b"\xff"), _of(lambda k: bytes([k % 256])), (object,), (polars.Binary,)),
    "complex": _Kind((1j, 1 + 0j), _of(lambda k: complex(k, k)), ("complex128", object), (polars.Object,)),
    "fraction": _Kind(
        (fractions.Fraction(1, 3),), _of(lambda k: fractions.Fraction(k, 7)), (object,), (polars.Object,)
    ),
    "beyond": _Kind(
        (10**30, -(10**30), 10**400, 2**64), _of(lambda k: k * 10**25), (object,), (polars.Object,)
    ),
    "mixed": _Kind(
        (*(1, 1.5, "1", "a", True, None, float("nan"), b"1", (1, 2), [1], "", 10**30), *_NUMPY_SCALARS),
        _of(lambda k: k, str, lambda k: k / 7),
        (object,),
        (polars.Object,),
    ),
    "nothing": _Kind(
        (None,),
        lambda generator, n: [None] * n,
        (object, "float64", "str", "Int64"),
        (polars.Null, polars.String),
    ),
}
# Drawn more often: a table of odd columns alone is mostly refused for one of them.
_PLAIN = (
    *("small int64", "int64", "float64", "amounts", "text", "category", "bool", "float32", "small uint8"),
    *("uint64", "int8", "float16", "decimal", "huge", "tiny"),
)


@st.composite
def _entries(draw: Any, kind: _Kind, n: int) -> list[Any]:
    """Draw the entries of a column: special values, a spread of values, or both; some may be missing."""
    generator = np.random.default_rng(draw(st.integers(0, 99)))
    way = draw(st.sampled_from(["spread", "spread", "pool", "both", "constant", "pair"]))
    values = kind.spread(generator, n)
    if way != "spread":
        most = {"constant": 1, "pair": 2}.get(way, 5)
        pool = draw(st.lists(st.sampled_from(kind.pool), min_size=1, max_size=most))
        taken = generator.integers(0, len(pool), n)
        special = generator.random(n) < (0.1 if way == "both" else 1.0)
        values = [pool[k] if own else value for value, k, own in zip(values, taken, special, strict=True)]
    gaps = draw(st.sampled_from([0, 0, 0, 0, 0.02, 0.3, 0, 0.9, 1.0]))
    return [None if gap < gaps else value for gap, value in zip(generator.random(n), values, strict=True)]


def _numbers_of_rows() -> st.SearchStrategy[int]:
    return st.sampled_from([60, 30, 130, 3, 60, 30, 130, 2, 60, 1, 40, 150, 80, 5, 60, 30, 0, 300])


def _columns(n: int) -> st.SearchStrategy[list[tuple[str, list[Any]]]]:
    """Return a strategy for columns of n entries, each with the name of its kind."""
    # One odd kind is enough for a table to be refused: most have none.
    kinds = st.integers(0, 9).flatmap(lambda k: st.sampled_from(_PLAIN if k < 9 else tuple(_KINDS)))
    column = kinds.flatmap(lambda name: st.tuples(st.just(name), _entries(_KINDS[name], n)))
    return st.lists(column, min_size=1, max_size=6)


@st.composite
def _names(draw: Any, n: int, *, odd: bool = False) -> list[Any]:
    if draw(st.booleans()):
        return [f"c{d}" for d in range(n)]
    some = st.sampled_from([*_NAMES, *_ODD_NAMES] if odd else _NAMES)
    return draw(st.lists(some, min_size=n, max_size=n))


def _repeated(draw: Any, columns: list[Any]) -> list[Any]:
    """Repeat a column now and then."""
    if columns and draw(st.integers(0, 4)) == 4:
        columns = [*columns, columns[draw(st.integers(0, len(columns) - 1))]]
    return columns


@st.composite
def _pandas_frames(draw: Any) -> Case:
    n = draw(_numbers_of_rows())
    columns = _repeated(draw, draw(_columns(n))) if draw(st.integers(0, 24)) < 24 else []
    series = []
    for kind, entries in columns:
        wanted = draw(st.sampled_from(_KINDS[kind].pandas_types))
        series.append(_pandas_series(entries, wanted))
    index = draw(st.sampled_from([None, "shuffled", "equal", "text"]))
    frame = pandas.concat(series, axis=1) if series else pandas.DataFrame(index=range(n))
    frame.columns = pandas.Index(draw(_names(len(series), odd=True)), dtype=object)
    if index is not None:
        own = {"shuffled": list(range(n))[::-1], "equal": [7] * n, "text": [f"row {k % 3}" for k in range(n)]}
        frame.index = own[index]
    return Case(frame, f"pandas of {[kind for kind, _ in columns]}, {n} rows, index {index}")


def _pandas_series(entries: list[Any], wanted: Any) -> pandas.Series:
    for kind in (wanted, object):
        try:
            return pandas.Series(entries, dtype=kind)
        except (TypeError, ValueError, OverflowError, decimal.InvalidOperation):
            continue  # a gap in a column of int8, say
    raise AssertionError(f"objects hold everything: {entries}")


@st.composite
def _polars_frames(draw: Any) -> Case:
    n = draw(_numbers_of_rows())
    columns = _repeated(draw, draw(_columns(n)))
    names = [str(name) for name in draw(_names(len(columns)))]
    series = {}
    for name, (kind, entries) in zip(names, columns, strict=True):
        wanted = draw(st.sampled_from(_KINDS[kind].polars_types))
        series[name] = _polars_series(name, entries, wanted)
    frame = polars.DataFrame(list(series.values()))
    return Case(frame, f"polars of {[kind for kind, _ in columns]}, {n} rows")


def _polars_series(name: str, entries: list[Any], wanted: Any) -> polars.Series:
    for kind in (wanted, polars.Object):
        try:
            return polars.Series(name, entries, dtype=kind, strict=False)
        except (TypeError, ValueError, OverflowError, polars.exceptions.PolarsError):
            continue
    return polars.Series(name, [str(entry) for entry in entries])


@st.composite
def _arrays(draw: Any) -> Case:
    n = draw(_numbers_of_rows())
    width = draw(st.sampled_from([1, 2, 3, 4, 1, 2, 3, 5, 0]))
    kind = draw(st.sampled_from([*_PLAIN, *_PLAIN, *_KINDS]))
    wanted = draw(st.sampled_from(_KINDS[kind].pandas_types))
    columns = [draw(_entries(_KINDS[kind], n)) for _ in range(width)]
    table = np.empty((n, width), dtype=object)
    for d, entries in enumerate(columns):
        for row, entry in enumerate(entries):
            table[row, d] = entry
    form = draw(
        st.sampled_from(["typed", "objects", "text", "list", "flat", "cube", "masked", "swapped", "fortran"])
    )
    array: Any = table
    if form not in ("objects", "list"):
        try:
            array = table.astype(
                str if form == "text" else np.dtype(wanted if isinstance(wanted, str) else object)
            )
        except (TypeError, ValueError, OverflowError):
            array = table
    if form == "list":
        array = table.tolist()
    elif form == "flat":
        array = array.reshape(-1)
    elif form == "cube":
        array = array.reshape(n, width, 1)
    elif form == "masked":
        array = np.ma.MaskedArray(array, mask=np.random.default_rng(0).random(array.shape) < 0.1)
    elif form == "swapped":
        array = array.astype(array.dtype.newbyteorder(">"))
    elif form == "fortran":
        array = np.asfortranarray(array)
    return Case(array, f"array of {kind}, {n} x {width}, {form}")


@st.composite
def _wide(draw: Any) -> Case:
    """Draw a table of 2,000 columns."""
    n = draw(st.sampled_from([3, 40]))
    generator = np.random.default_rng(draw(st.integers(0, 9)))
    form = draw(st.sampled_from(["bits", "numbers", "text"]))
    if form == "bits":
        return Case(generator.integers(0, 2, (n, _N_WIDE)), "2,000 columns of bits")
    if form == "numbers":
        table = generator.normal(size=(n, _N_WIDE)).round(draw(st.sampled_from([0, 2, 15])))
        return Case(pandas.DataFrame(table).rename(columns=str), "2,000 columns of numbers")
    words = np.array(["a", "b", "c"], dtype=object)[generator.integers(0, 3, (n, _N_WIDE))]
    return Case(polars.DataFrame(words, schema=[f"c{d}" for d in range(_N_WIDE)]), "2,000 columns of text")


@pytest.fixture(scope="session")
def tables() -> st.SearchStrategy[Case]:
    """A strategy for tables in memory: frames of pandas and polars, arrays; one in thirty is wide."""
    common = [_pandas_frames(), _pandas_frames(), _polars_frames(), _polars_frames(), _arrays()]
    return st.integers(0, 29).flatmap(lambda k: _wide() if k == 29 else common[k % len(common)])


@pytest.fixture(scope="session")
def frames_of_polars() -> st.SearchStrategy[Case]:
    """A strategy for tables to be written to files; one in thirty is wide."""
    wide = _wide().filter(lambda case: isinstance(case.table, polars.DataFrame))
    return st.integers(0, 29).flatmap(lambda k: wide if k == 29 else _polars_frames())
