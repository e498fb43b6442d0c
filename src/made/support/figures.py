"""Figures in text: a number with its error, where it has one."""

from __future__ import annotations

import math

__all__ = ["with_error"]


def with_error(value: float, error: float | None, decimals: int = 2, sign: str = "") -> str:
    """Return a number and its standard error; the number alone where there is none, as of a single row.

    With the sign ``"+"``, a positive number has one as well.

    Examples
    --------
    >>> with_error(81.234, 0.056), with_error(81.234, math.nan, 1)
    ('81.23 ± 0.06', '81.2')
    """
    text = f"{value:{sign}.{decimals}f}"
    return text if error is None or not math.isfinite(error) else f"{text} ± {error:.{decimals}f}"
