"""What queries answer: numbers, how sure they are, and how they were found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from made.masks.ordering import IntArray

__all__ = ["Completion", "Conditional", "Marginal"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Marginal:
    """How probable the known entries of rows are. Arrays have one entry per row.

    Attributes
    ----------
    log_prob : (n,) float64 array
        log p(known entries), in nats.
    error : (n,) float64 array
        Standard error of `log_prob`; 0 where it is exact.
    ess : (n,) float64 array
        Effective number of draws; infinite where it is exact.
    how : tuple of n str
        How it was found.
    """

    log_prob: Floats
    error: Floats
    ess: Floats
    how: tuple[str, ...]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return the log-probabilities."""
        return np.array(self.log_prob, dtype=dtype)

    def __len__(self) -> int:
        """Return n."""
        return len(self.log_prob)


@dataclass(frozen=True, eq=False)
class Completion:
    """Completed rows. It is used like the array `rows`.

    Attributes
    ----------
    rows : (n, D) int64 array, or (n, number, D) where several were asked for
        Codes.
    kind : "draw", "variable" or "joint"
        What the completions are.
    how : tuple of n str
        How each row's was found.
    log_prob, error, ess : (n,) float64 arrays
        Of the known entries of each row, as in `Marginal`.
    """

    rows: IntArray
    kind: str
    how: tuple[str, ...]
    log_prob: Floats
    error: Floats
    ess: Floats

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the rows."""
        return self.rows.shape

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return the rows."""
        return np.array(self.rows, dtype=dtype)

    def __len__(self) -> int:
        """Return n."""
        return len(self.rows)

    def __getitem__(self, key: Any) -> Any:
        """Return some of the rows."""
        return self.rows[key]


@dataclass(frozen=True, eq=False)
class Conditional:
    """The distribution of one variable given others. It is used like the array `probabilities`.

    Attributes
    ----------
    probabilities : (K,) float64 array
        Of the codes 0..K-1; sums to 1.
    error : (K,) float64 array
        Standard errors of the probabilities; 0 where they are exact.
    ess : float
        Effective number of draws behind the worst of them; infinite where they are exact.
    how : str
        How they were found.
    values : tuple
        What the codes stand for.
    """

    probabilities: Floats
    error: Floats
    ess: float
    how: str
    values: tuple[Any, ...]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return the probabilities."""
        return np.array(self.probabilities, dtype=dtype)

    def __len__(self) -> int:
        """Return K."""
        return len(self.probabilities)

    def __getitem__(self, key: Any) -> Any:
        """Return some of the probabilities."""
        return self.probabilities[key]
