"""Which rows are images, and of which shape: their pixels tell, where nobody says so."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["SHORTEST_SIDE", "find_image_shape"]

#: Images with a shorter side are tables to us.
SHORTEST_SIDE = 8
# Neighbours are correlated so many times as much as any two, at the least: those above each other 4 to 12
# times in images of digits, those side by side 2 to 12 times; columns of a table, whatever was taken for its
# width, at most 1.5 times with what would be above them. Codes of one category rule each other out. Nor is a
# series of steps an image: there, what is nearer in the row is more alike.
_ABOVE, _BESIDE, _HALF_A_ROW = 2.5, 1.5, 2.0
# So many rows tell; more columns than this would take too much memory.
_ROWS, _COLUMNS = 2_000, 4_096


def find_image_shape(rows: ArrayLike, classes: Sequence[int]) -> tuple[int, int] | None:
    """Return height and width of the images that rows seem to be; None if they seem to be none, or are small.

    It is the shape in which pixels above each other are correlated most, if these are much more correlated
    than any two, and than those half a row apart, and if those side by side are correlated too.

    Parameters
    ----------
    rows : (n, D) array
        Codes of training rows.
    classes : sequence of int
        How many values each variable has; pixels have as many each.

    Examples
    --------
    >>> draw = np.random.default_rng(0)
    >>> squares = np.zeros((500, 10, 12), dtype=int)
    >>> for image, (top, left) in zip(squares, draw.integers(0, 7, size=(500, 2))):
    ...     image[top : top + 4, left : left + 4] = 1
    >>> find_image_shape(squares.reshape(500, 120), [2] * 120)
    (10, 12)
    >>> find_image_shape(draw.permuted(squares.reshape(500, 120), axis=1), [2] * 120) is None
    True
    """
    n_variables = len(classes)
    if len(set(classes)) != 1 or n_variables > _COLUMNS:
        return None
    shapes = [
        (n_variables // width, width)
        for width in range(SHORTEST_SIDE, n_variables // SHORTEST_SIDE + 1)
        if n_variables % width == 0
    ]
    if not shapes:
        return None
    correlation = _correlation(np.asarray(rows[:_ROWS]))  # type: ignore[index]
    of_any = (np.abs(correlation).sum() - np.trace(correlation)) / (n_variables * (n_variables - 1))
    height, width = max(shapes, key=lambda shape: float(np.diagonal(correlation, shape[1]).mean()))
    above, apart = (float(np.diagonal(correlation, lag).mean()) for lag in (width, width // 2))
    beside = float(np.append(np.diagonal(correlation, 1), 0).reshape(height, width)[:, :-1].mean())
    found = above > _ABOVE * of_any and beside > _BESIDE * of_any and above > _HALF_A_ROW * apart
    return (height, width) if found else None


def _correlation(rows: NDArray[np.integer]) -> NDArray[np.float32]:
    """Return the correlations of columns; 0 where one is constant."""
    centred = rows.astype(np.float32) - rows.mean(axis=0, dtype=np.float32)
    spread = centred.std(axis=0)
    centred /= np.where(spread > 0, spread, np.inf)
    correlation: NDArray[np.float32] = centred.T @ centred / len(rows)
    return correlation
