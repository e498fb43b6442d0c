"""Figures: a number with its error, where it has one, as data and in text."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the help of the commands is shown without numpy
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Figure", "with_error"]


@dataclass(frozen=True)
class Figure:
    """A number and its standard error; NaN where there is none, as of a single row."""

    value: float
    error: float

    @staticmethod
    def mean(each: NDArray[np.float64]) -> Figure:
        """Return the mean over rows, (n,), with its error.

        Examples
        --------
        >>> import numpy as np
        >>> Figure.mean(np.array([1.0, 3.0]))
        Figure(value=2.0, error=1.0)
        """
        error = float(each.std(ddof=1)) / math.sqrt(len(each)) if len(each) > 1 else math.nan
        return Figure(float(each.mean()) if len(each) else math.nan, error)

    def __sub__(self, other: Figure) -> Figure:
        """Return the difference from another that is independent of it."""
        return Figure(self.value - other.value, math.hypot(self.error, other.error))

    def as_dict(self) -> dict[str, float | None]:
        """Return both, JSON-ready."""
        return {name: own if math.isfinite(own) else None for name, own in asdict(self).items()}

    def text(self, decimals: int = 2, sign: str = "") -> str:
        """Show it, see `with_error`."""
        return with_error(self.value, self.error, decimals, sign)


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
