"""What a value out of a JSON file is: such files are edited by people, and may be forged."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["is_number", "is_whole"]


def is_whole(value: Any, least: int = 0) -> bool:
    """Return whether a value is a whole number of at least `least`.

    Examples
    --------
    >>> is_whole(3), is_whole(3.0), is_whole(True), is_whole(-1)
    (True, False, False, False)
    """
    return type(value) is int and value >= least


def is_number(value: Any) -> bool:
    """Return whether a value is a finite number.

    Examples
    --------
    >>> is_number(3), is_number(0.5), is_number(True), is_number(10**400)
    (True, True, False, False)
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond float64
        return False
