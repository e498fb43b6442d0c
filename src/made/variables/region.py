"""Some of the values of one variable: classes, atoms, and intervals of a body."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Region"]


@dataclass(frozen=True, eq=False)
class Region:
    """Some of the values of one variable.

    Attributes
    ----------
    codes : (n_values,) bool array
        Which codes are allowed; of a numeric variable, code 0 is its body.
    low, high : (m,) float64 arrays
        Of a body: its intervals, as normal scores. They are disjoint and ascend.
    least, most : (m,) arrays
        The values at their ends: on a grid numbers of points, int64, else float64.
    is_recorded : bool
        Whether this is the condition that the entry is not missing, and no other.
    """

    codes: NDArray[np.bool_]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    least: NDArray[Any]
    most: NDArray[Any]
    is_recorded: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether no value is allowed."""
        return not self.codes.any()

    @property
    def of_body(self) -> Region:
        """The same without atoms."""
        codes = np.zeros_like(self.codes)
        codes[0] = self.codes[0]
        return Region(codes, self.low, self.high, self.least, self.most)

    def allows(self, code: int, body: int) -> bool:
        """Return whether a value is allowed; `body` counts where the code is that of a body on a grid."""
        return bool(self.codes[code]) and (code > 0 or not len(self.low) or self._holds(body))

    def _holds(self, body: int) -> bool:
        value = body if self.least.dtype == np.int64 else np.int64(body).view(np.float64)
        return bool(((self.least <= value) & (value <= self.most)).any())
