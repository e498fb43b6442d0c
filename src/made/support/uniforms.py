"""Random numbers that stay what they are: uniforms from a counter-based generator, keyed by whole numbers.

Masks are made anew from seeds whenever a model is loaded, and samples are promised to be a function of (seed,
row). Both would break with a numpy release that changed how it shuffles or rounds, which it may. What it does
not change are the raw numbers of its bit generators; everything here is made from those of Philox.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ATTEMPTS",
    "BLOCK",
    "CHAINS",
    "COMPLETIONS",
    "CONNECTIVITIES",
    "OFFSETS",
    "ORDERINGS",
    "PARTICLES",
    "QUESTIONS",
    "REDRAWS",
    "ROWS",
    "Stream",
    "row_uniforms",
]

#: What a seed is used for, the second number of a key: streams of one seed must not meet.
ORDERINGS, CONNECTIVITIES, ROWS, PARTICLES, COMPLETIONS, QUESTIONS, ATTEMPTS = 0, 1, 2, 3, 4, 5, 6
CHAINS, OFFSETS, REDRAWS = 7, 8, 9

#: Philox moves on in blocks of four 64-bit numbers.
BLOCK = 4


class Stream:
    """An endless sequence of uniforms in [0, 1), the same for the same key.

    Parameters
    ----------
    *key : int
        Whole numbers >= 0.
    skip : int
        How many blocks of four uniforms to leave out at the start.

    Examples
    --------
    >>> Stream(0, 1).take(2).round(3)
    array([0.607, 0.504])
    """

    def __init__(self, *key: int, skip: int = 0) -> None:
        self._generator = np.random.Philox(np.random.SeedSequence(list(key))).advance(skip)

    def take(self, n: int) -> NDArray[np.float64]:
        """Return the next n uniforms."""
        raw = np.atleast_1d(self._generator.random_raw(n))
        raw >>= np.uint64(11)
        uniforms: NDArray[np.float64] = raw * np.float64(2.0**-53)
        return uniforms


def row_uniforms(seed: int, first: int, n: int, width: int) -> NDArray[np.float64]:
    """Return the uniforms of rows first, ..., first + n - 1, whatever rows are asked for beside them.

    Parameters
    ----------
    seed : int
        Key of the stream.
    first, n : int
        Which rows.
    width : int
        How many uniforms a row needs.

    Returns
    -------
    (n, width) float64 array, in [0, 1)

    Examples
    --------
    >>> together = row_uniforms(0, first=0, n=5, width=3)
    >>> bool((row_uniforms(0, first=3, n=2, width=3) == together[3:]).all())
    True
    """
    blocks = -(-width // BLOCK)
    uniforms = Stream(seed, ROWS, skip=first * blocks).take(n * blocks * BLOCK)
    return uniforms.reshape(n, blocks * BLOCK)[:, :width]
