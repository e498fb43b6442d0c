"""Images with unknown pixels, and what a model makes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from made.plots.grids import checked_images
from made.plots.style import LETTERS, new_figure
from made.support.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["completions"]

_UNKNOWN = (0.44, 0.56, 0.69)  # no grey: an unknown pixel has no value
_FILLED = (1.0, 0.93, 0.75)  # what the model filled in is white with a touch of yellow
_INCHES_PER_IMAGE = 0.95  # as wide as the word over it


def completions(
    codes: ArrayLike,
    known: ArrayLike,
    filled: ArrayLike,
    image_shape: tuple[int, int],
    *,
    truth: ArrayLike | None = None,
    n_values: int = 2,
    title: str | None = None,
) -> Figure:
    """One line per image: what is known of it, some completions, and the truth where there is one.

    Parameters
    ----------
    codes : array_like, shape (n, D)
        Pixel values 0..n_values - 1, row-major; any where a pixel is unknown.
    known : array_like of bool, shape (n, D)
        Which pixels are known; the others are drawn blue.
    filled : array_like, shape (n, m, D)
        m completions of each image; what was filled in is tinted.
    image_shape : (int, int)
        Height and width of an image, whose product is D.
    truth : array_like, shape (n, D), optional
        The images as they were.
    n_values : int, optional
        How many values a pixel takes: 2 for binary images.
    title : str, optional
        Over the picture.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        If the shapes do not fit each other.

    Examples
    --------
    >>> known = [[True, True, False, False]]
    >>> figure = completions([[1, 0, 0, 0]], known, [[[1, 0, 0, 1], [1, 0, 1, 1]]], (2, 2))
    >>> len(figure.axes)  # what is known, and two completions
    3
    """
    rows, many = checked_images(codes, image_shape), np.asarray(filled, dtype=np.float64)
    unknown = ~np.asarray(known, dtype=bool)
    if unknown.shape != rows.shape:
        raise InputError(f"which of {rows.shape} pixels are known has the same shape, got {unknown.shape}")
    if many.ndim != 3 or (many.shape[0], many.shape[2]) != rows.shape or many.shape[1] == 0:
        raise InputError(
            f"completions of {rows.shape} pixels need shape (n, m, D) with m >= 1, got {many.shape}"
        )
    columns = [_coloured(rows, n_values, unknown, hidden=True)]
    columns += [_coloured(many[:, j], n_values, unknown) for j in range(many.shape[1])]
    names = ["given"] + [""] * many.shape[1]
    names[1 + (many.shape[1] - 1) // 2] = "completed" if many.shape[1] == 1 else "completions"
    if truth is not None:
        if np.shape(truth) != rows.shape:
            raise InputError(f"the truth of {rows.shape} pixels has the same shape, got {np.shape(truth)}")
        columns.append(_coloured(checked_images(truth, image_shape), n_values))
        names.append("truth")
    height, width = image_shape
    across, down = _INCHES_PER_IMAGE * len(columns), _INCHES_PER_IMAGE * len(rows) * height / width
    figure = new_figure(across, down + (0.8 if title else 0.4), title, pad=0.02)
    panels = figure.subplots(len(rows), len(columns), squeeze=False)
    for j, (images, name) in enumerate(zip(columns, names, strict=True)):
        panels[0, j].set_title(name, fontsize=LETTERS)
        for i, image in enumerate(images):
            panels[i, j].imshow(image.reshape(height, width, 3), interpolation="nearest")
            panels[i, j].set_axis_off()
    return figure


def _coloured(
    rows: NDArray[np.float64],
    n_values: int,
    unknown: NDArray[np.bool_] | None = None,
    *,
    hidden: bool = False,
) -> NDArray[np.float64]:
    """Return pixels as colours, (n, D, 3)."""
    largest = n_values - 1
    colours = np.repeat((np.clip(rows, 0, largest) / largest)[:, :, None], 3, axis=2)
    if unknown is not None:
        colours[unknown] = _UNKNOWN if hidden else colours[unknown] * _FILLED
    return colours
