"""Numbers that tell rows of a table apart, the same on every machine: of a column, or of all there is."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from made.support.errors import InputError

if TYPE_CHECKING:
    import polars

__all__ = ["row_keys"]

# Of the finalizer of splitmix64, by which numbers are mixed.
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_NONE = "\0none"
_LARGEST = np.uint64(2**63 - 1)


def row_keys(table: polars.DataFrame, column: str | None = None) -> NDArray[np.int64]:
    """Return a number for each row, of at least 0.

    Parameters
    ----------
    table : polars.DataFrame
        The rows.
    column : str, optional
        What tells them apart: whole numbers of at least 0 are the answer themselves, other values are hashed.
        Without it, the values of all columns are, under their names, whatever their order.

    Raises
    ------
    InputError
        If there is no such column, or a value of it is missing.

    Examples
    --------
    >>> import polars
    >>> table = polars.DataFrame({"id": [7, 3], "city": ["Rome", "Oslo"]})
    >>> row_keys(table, "id").tolist()
    [7, 3]
    >>> bool(row_keys(table)[1] == row_keys(table.select("city", "id")[1:])[0])
    True
    """
    if column is None:
        total = np.zeros(table.height, dtype=np.uint64)
        for own in sorted(table.columns):
            name = _hashed(own)
            total = _mixed(total ^ _mixed(_numbers(table[own]) + name))
        return _positive(total)
    if column not in table.columns:
        raise InputError(f"id: there is no column {column!r}; there are {', '.join(table.columns[:8])}")
    series = table[column]
    if series.null_count():
        raise InputError(f"id: column {column!r} has rows without a value: it must tell all rows apart")
    if series.dtype.is_integer() and (table.height == 0 or int(series.min()) >= 0):  # type: ignore[arg-type]
        return _positive(series.to_numpy().astype(np.uint64))
    return _positive(_mixed(_numbers(series)))


def _positive(values: NDArray[np.uint64]) -> NDArray[np.int64]:
    own: NDArray[np.int64] = (values & _LARGEST).astype(np.int64)
    return own


def _numbers(series: polars.Series) -> NDArray[np.uint64]:
    """Return 64 bits for each value: those of numbers as float64, and a hash of all others as text.

    A whole number is the same whatever type holds it, also one of floats.
    """
    import polars

    kind = series.dtype
    if kind == polars.Boolean or kind.is_integer() or kind.is_float():
        values = series.cast(polars.Float64).fill_null(np.nan).to_numpy() + 0.0
        bits = np.where(np.isnan(values), np.nan, values).view(np.uint64)
        if kind.is_integer():  # beyond 2^53 they differ in what float64 leaves out
            whole = series.fill_null(0).to_numpy().astype(np.int64)
            rest = whole.view(np.uint64) - np.where(np.isnan(values), 0, values).astype(np.int64).view(
                np.uint64
            )
            bits = bits ^ _mixed(rest) ^ _mixed(np.zeros_like(rest))
        found: NDArray[np.uint64] = bits
        return found
    if not (kind in (polars.String, polars.Categorical, polars.Enum) or kind.is_temporal()):
        texts = polars.Series([_NONE if value is None else repr(value) for value in series.to_list()])
    else:
        texts = series.cast(polars.String).fill_null(_NONE)
    different = texts.unique()
    hashes = {text: _hashed(text) for text in different.to_list()}
    return np.array([hashes[text] for text in texts.to_list()], dtype=np.uint64)


def _hashed(text: str) -> np.uint64:
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    number: np.uint64 = np.uint64(int.from_bytes(digest, "little"))
    return number


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    own = values + _GOLDEN
    own = (own ^ (own >> np.uint64(30))) * _FIRST
    own = (own ^ (own >> np.uint64(27))) * _SECOND
    mixed: NDArray[np.uint64] = own ^ (own >> np.uint64(31))
    return mixed
