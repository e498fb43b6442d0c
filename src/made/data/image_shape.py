"""Detect rows that are images, and their height and width, from the correlations of columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["SHORTEST_SIDE", "find_image_shape"]

#: Rows are not taken for images with a shorter side.
SHORTEST_SIDE = 8
# Least ratios of the mean correlation of neighbours to that of any two pixels. In images of digits it is 4 to
# 12 for pixels above each other and 2 to 12 for those side by side; in tables at most 1.5, for any width. The
# third is the ratio to pixels half a row apart: in a time series correlation falls with distance.
_ABOVE, _BESIDE, _HALF_A_ROW = 2.5, 1.5, 2.0
# The number of rows that are used, and the most columns: their correlations are a matrix in memory.
_ROWS, _COLUMNS = 2_000, 4_096


def find_image_shape(rows: ArrayLike, classes: Sequence[int]) -> tuple[int, int] | None:
    """Return the height and width of rows that seem to be images; None for small images and other rows.

    It is the shape in which vertical neighbours are correlated most, if these are much more correlated than
    pixels in general and than pixels half a row apart, and if horizontal neighbours are correlated too.

    Parameters
    ----------
    rows : (n, D) array
        Codes of training rows.
    classes : sequence of int
        The number of classes of each variable, which is the same for all pixels.

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
