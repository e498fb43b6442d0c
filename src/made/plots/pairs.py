"""Images in pairs, one above the other, such as a sample and its nearest neighbour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from made.plots.grids import checked_images, show_tiles
from made.plots.style import LETTERS, new_figure
from made.support.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["image_pairs"]

_Floats = NDArray[np.float64]

_WIDTH, _HIGHEST = 6.8, 14.0  # inches


def image_pairs(
    top: ArrayLike,
    bottom: ArrayLike,
    image_shape: tuple[int, int],
    *,
    names: tuple[str, str] = ("drawn by the model", "nearest training image"),
    captions: Sequence[str] | None = None,
    n_values: int = 2,
    columns: int = 10,
    title: str | None = None,
) -> Figure:
    """Pairs of images, filled line by line, a short caption under each pair.

    Parameters
    ----------
    top, bottom : array_like, shape (n, D)
        Numbers from 0 to n_values - 1, row-major; 0 is drawn black and the largest white.
    image_shape : (int, int)
        Height and width of an image, whose product is D.
    names : (str, str), optional
        What stands above and what below.
    captions : sequence of str, length n, optional
        Under each pair, such as ``"37 px"``.
    n_values : int, optional
        How many values a pixel takes: 2 for binary images, and for probabilities.
    columns : int, optional
        Pairs in a line.
    title : str, optional
        Over all pairs.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        If there is no image, D does not fit ``image_shape``, or top, bottom and captions differ in number.

    Examples
    --------
    >>> figure = image_pairs([[0, 1, 1, 0]], [[0, 1, 1, 1]], (2, 2), captions=["1 px"])
    >>> figure.axes[0].images[0].get_array().filled(-1).tolist()
    [[0.0, 1.0], [1.0, 0.0], [-1.0, -1.0], [0.0, 1.0], [1.0, 1.0]]
    """
    above, below = checked_images(top, image_shape), checked_images(bottom, image_shape)
    if len(above) != len(below):
        raise InputError(f"{len(above)} images above need as many below, got {len(below)}")
    if captions is not None and len(captions) != len(above):
        raise InputError(f"{len(above)} pairs need {len(above)} captions, got {len(captions)}")
    if columns < 1:
        raise InputError(f"columns must be at least 1, got {columns}")
    across = min(columns, len(above))
    across = min(columns, len(above))
    starts = range(0, len(above), across)
    height, width = image_shape
    step = width + max(1, width // 12)  # from pair to pair, in pixels
    full = across * step - (step - width)
    inches = min(_WIDTH, 1.6 * across)
    letters = _letters(captions, inches / across)
    # One image may be much higher than wide: then the width gives way.
    tall = min(_HIGHEST / len(starts), inches * (2 * height + 1) / full)
    line = tall + (letters / 72 * 1.4 if captions else 0.0) + 0.1
    figure = new_figure(
        max(inches, 4.5) + 0.1, line * len(starts) + (0.95 if title else 0.6), title, pad=0.05
    )
    panels = figure.subplots(len(starts), 1, squeeze=False)[:, 0]
    for axes, start in zip(panels, starts, strict=True):
        chosen = slice(start, start + across)
        show_tiles(axes, _tiled_pairs(above[chosen], below[chosen], image_shape, step), n_values)
        axes.set_xlim(-0.5, full - 0.5)
        if captions is not None:
            _write_captions(axes, captions[chosen], (width - 1) / 2, step, letters)
    panels[0].set_title(f"above: {names[0]}\nbelow: {names[1]}", fontsize=LETTERS, loc="left")
    return figure


def _write_captions(axes: Axes, captions: Sequence[str], first: float, step: int, letters: float) -> None:
    axes.set_axis_on()
    axes.spines[:].set_visible(False)
    axes.set_yticks([])
    axes.set_xticks([first + place * step for place in range(len(captions))], captions, fontsize=letters)
    axes.tick_params(length=0, pad=2)


def _letters(captions: Sequence[str] | None, tile: float) -> float:
    """Points, so that the longest caption fits under its tile of ``tile`` inches."""
    longest = max((len(caption) for caption in captions or ()), default=1)
    return min(LETTERS, 72 * tile / (0.6 * max(1, longest)))


def _tiled_pairs(above: _Floats, below: _Floats, image_shape: tuple[int, int], step: int) -> _Floats:
    """One line of pairs; NaN parts them, and in one line of pixels the images of each pair."""
    height, width = image_shape
    tiles = np.full((len(above), 2 * height + 1, step), np.nan)
    tiles[:, :height, :width] = above.reshape(-1, height, width)
    tiles[:, height + 1 :, :width] = below.reshape(-1, height, width)
    beside: _Floats = np.concatenate(list(tiles), axis=1)[:, : len(above) * step - (step - width)]
    return beside
