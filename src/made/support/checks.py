"""Checks at the door that several rooms share: whole numbers, switches, fractions, weights of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from made.support.errors import InputError

__all__ = [
    "EXACT",
    "are_rounded",
    "are_whole",
    "check_bool",
    "check_fraction",
    "check_int",
    "check_seconds",
    "row_weights",
]


#: Up to here a float64 holds every whole number.
EXACT = 2**53


def are_rounded(numbers: NDArray[Any]) -> bool:
    """Return whether these are whole numbers some of which a float64 may not hold.

    Examples
    --------
    >>> are_rounded(np.array([2**53 + 1, 0])), are_rounded(np.array([2**53])), are_rounded(np.array([1e300]))
    (True, False, False)
    """
    if numbers.dtype.kind not in "iu" or numbers.dtype.itemsize < 8 or numbers.size == 0:
        return False
    return int(numbers.max()) > EXACT or int(numbers.min()) < -EXACT


def are_whole(numbers: NDArray[np.floating]) -> bool:
    """Return whether floats are whole numbers that an int64 holds.

    Examples
    --------
    >>> are_whole(np.array([1, 2e4], dtype=">f2")), are_whole(np.array([2.0**63]))
    (True, False)
    """
    if numbers.dtype.itemsize == 2:  # float16, in either order of bytes: the bound is beyond what it holds
        numbers = numbers.astype(np.float32)
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
        weight = np.asarray(sample_weight, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError("sample_weight must be one weight per row, a number each") from None
    if weight.shape != (n,):
        raise InputError(f"sample_weight must be one weight per row, shape ({n},), got {weight.shape}")
    if not np.isfinite(weight).all() or (weight < 0).any() or weight.sum() == 0:
        raise InputError("sample_weight must be finite and at least 0, with a sum above 0")
    return weight
