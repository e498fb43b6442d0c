"""Checks at the door that several rooms share: whole numbers, switches, fractions, weights of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from made.support.errors import InputError

__all__ = [
    "LARGEST_EXACT",
    "are_whole",
    "check_bool",
    "check_fraction",
    "check_int",
    "check_seconds",
    "is_large",
    "is_single",
    "row_weights",
    "without_float16",
]


#: Largest whole number up to which float64 holds every one.
LARGEST_EXACT = 2**53


def is_single(dtype: np.dtype[Any]) -> bool:
    """Return whether a type is of floats of less than double precision, in either order of bytes.

    Examples
    --------
    >>> is_single(np.dtype(">f4")), is_single(np.dtype(np.float64)), is_single(np.dtype(np.int16))
    (True, False, False)
    """
    return dtype.kind == "f" and dtype.itemsize < 8


def without_float16(numbers: NDArray[Any]) -> NDArray[Any]:
    """Return float16, in either order of bytes, as float32, which holds the bounds of an int64.

    Examples
    --------
    >>> without_float16(np.zeros(1, dtype=">f2")).dtype, without_float16(np.zeros(1)).dtype
    (dtype('float32'), dtype('float64'))
    """
    return numbers.astype(np.float32) if is_single(numbers.dtype) and numbers.dtype.itemsize == 2 else numbers


def is_large(numbers: NDArray[Any]) -> bool:
    """Return whether these are whole numbers some of which a float64 may not hold.

    Examples
    --------
    >>> is_large(np.array([2**53 + 1, 0])), is_large(np.array([2**53])), is_large(np.array([1e300]))
    (True, False, False)
    """
    if numbers.dtype.kind not in "iu" or numbers.dtype.itemsize < 8 or numbers.size == 0:
        return False
    return int(numbers.max()) > LARGEST_EXACT or int(numbers.min()) < -LARGEST_EXACT


def are_whole(numbers: NDArray[np.floating]) -> bool:
    """Return whether floats are whole numbers that an int64 holds.

    Examples
    --------
    >>> are_whole(np.array([1, 2e4], dtype=">f2")), are_whole(np.array([2.0**63]))
    (True, False)
    """
    numbers = without_float16(numbers)
    return bool((numbers == np.floor(numbers)).all() and (np.abs(numbers) < 2.0**63).all())


def check_int(name: str, value: object, least: int = 0) -> int:
    """Return a whole number as an int, or say what is wrong with it.

    Examples
    --------
    >>> check_int("epochs", 0, least=1)
    Traceback (most recent call last):
        ...
    made.support.errors.InputError: epochs must be a whole number of at least 1, got 0
    """
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < least:
        raise InputError(f"{name} must be a whole number of at least {least}, got {value!r}")
    return int(value)


def check_bool(name: str, value: object) -> bool:
    """Return a yes or no as a bool, or say what is wrong with it."""
    if not isinstance(value, bool | np.bool_):
        raise InputError(f"{name} is True or False, got {value!r}")
    return bool(value)


def check_fraction(name: str, value: object) -> float:
    """Return a fraction in [0, 1) as a float, or say what is wrong with it."""
    if not isinstance(value, int | float | np.number) or not 0 <= value < 1:
        raise InputError(f"{name} is a fraction in [0, 1), got {value!r}")
    return float(value)


def check_seconds(name: str, value: object) -> float:
    """Return a time span in seconds as a float, or say what is wrong with it."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not 0 < value < np.inf:
        raise InputError(f"{name} is a number of seconds above 0, got {value!r}")
    return float(value)


def row_weights(sample_weight: ArrayLike, n: int) -> NDArray[np.float64]:
    """Return one weight per row as float64, or say what is wrong with them.

    Parameters
    ----------
    sample_weight : array
        (n,), finite, at least 0 and not 0 everywhere.
    n : int
        How many rows there are.
    """
    try:
        # Copied: torch takes no array in reverse.
        weight: NDArray[np.float64] = np.asarray(sample_weight, dtype=np.float64).copy()
    except (TypeError, ValueError):
        raise InputError("sample_weight must be one weight per row, a number each") from None
    if weight.shape != (n,):
        raise InputError(f"sample_weight must be one weight per row, shape ({n},), got {weight.shape}")
    if not np.isfinite(weight).all() or (weight < 0).any() or weight.sum() == 0:
        raise InputError("sample_weight must be finite and at least 0, with a sum above 0")
    return weight
