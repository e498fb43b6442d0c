"""Which rows are images, and of which shape: what is known, or what their columns say about each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["image_shape_of"]

# Images with a shorter side are tables to us.
_SHORTEST_SIDE = 8
# Pixels above each other are correlated so many times as much as any two, at the least: 4 to 13 times in
# images of digits; columns of a table, whatever its width was taken for, 1.6 times at most.
_MUCH = 2.5
# So many rows tell; more columns than this would take too much memory.
_ROWS, _COLUMNS = 5_000, 5_000


def image_shape_of(
    rows: ArrayLike, classes: Sequence[int], known: tuple[int, int] | None = None
) -> tuple[int, int] | None:
    """Return the shape of the images that rows are; None if they are none, or small ones.

    Parameters
    ----------
    rows : (n, D) array
        Codes of training rows.
    classes : sequence of int
        How many values each variable has; pixels have as many each.
    known : (height, width), optional
        The shape, where it is known. Otherwise it is the one in which pixels above each other are correlated
        most, if that is much more than any two are.

    Examples
    --------
    >>> draw = np.random.default_rng(0)
    >>> squares = np.zeros((500, 10, 12), dtype=int)
    >>> for image, (top, left) in zip(squares, draw.integers(0, 7, size=(500, 2))):
    ...     image[top : top + 4, left : left + 4] = 1
    >>> image_shape_of(squares.reshape(500, 120), [2] * 120)
    (10, 12)
    >>> image_shape_of(draw.permuted(squares.reshape(500, 120), axis=1), [2] * 120) is None
    True
    """
    n_variables = len(classes)
    if len(set(classes)) != 1:
        return None
    if known is not None:
        return known if min(known) >= _SHORTEST_SIDE else None
    shapes = [
        (n_variables // width, width)
        for width in range(_SHORTEST_SIDE, n_variables // _SHORTEST_SIDE + 1)
        if n_variables % width == 0
    ]
    if not shapes or n_variables > _COLUMNS:
        return None
    correlation = _correlation(np.asarray(rows[:_ROWS]))  # type: ignore[index]
    of_any = (correlation.sum() - np.trace(correlation)) / (n_variables * (n_variables - 1))
    of_neighbours = {shape: float(np.diagonal(correlation, shape[1]).mean()) for shape in shapes}
    best = max(shapes, key=of_neighbours.__getitem__)
    return best if of_neighbours[best] > _MUCH * of_any else None


def _correlation(rows: NDArray[np.integer]) -> NDArray[np.float32]:
    """Return the absolute correlations of columns; 0 where one is constant."""
    centred = rows.astype(np.float32) - rows.mean(axis=0, dtype=np.float32)
    spread = centred.std(axis=0)
    centred /= np.where(spread > 0, spread, np.inf)
    correlation: NDArray[np.float32] = np.abs(centred.T @ centred) / len(rows)
    return correlation
