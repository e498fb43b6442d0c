"""Images in pairs, one above the other: a sample over its nearest neighbour, a probability over its draw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from made.errors import InputError
from made.plots.grids import checked_images, show_tiles
from made.plots.paper import LETTERS, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["image_pairs"]

_Floats = NDArray[np.float64]

_WIDTH = 6.8  # inches


def image_pairs(
    top: ArrayLike,
    bottom: ArrayLike,
    image_shape: tuple[int, int],
    *,
    names: tuple[str, str] = ("drawn by the model", "nearest training image"),
    captions: Sequence[str] | None = None,
    levels: int = 1,
    columns: int = 10,
    title: str | None = None,
) -> Figure:
    """Pairs of images, filled line by line, a short caption under each pair.

    Parameters
    ----------
    top, bottom : array_like, shape (n, D)
        Numbers from 0 to ``levels``, row-major; 0 is drawn black and ``levels`` white.
    image_shape : (int, int)
        Height and width of an image, whose product is D.
    names : (str, str), optional
        What stands above and what below.
    captions : sequence of str, length n, optional
        Under each pair, such as ``"37 px"``.
    levels : int, optional
        The largest pixel value: classes - 1, thus 1 for binary images and for probabilities.
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
    starts = range(0, len(above), across)
    width = min(_WIDTH, 1.6 * across + 0.2)
    tile = (width - 0.2) / across
    letters = _letters(captions, tile)
    tall = 2 * tile * image_shape[0] / image_shape[1] + (letters / 72 * 1.6 if captions else 0.1)
    # Two lines over the pictures: what stands where may need a figure wider than a few narrow pairs.
    said = f"above: {names[0]}\nbelow: {names[1]}"
    figure = new_figure(
        max(width, 4.5), min(16.0, len(starts) * tall + (1.1 if title else 0.7)), title, pad=0.04
    )
    panels = figure.subplots(len(starts), 1, squeeze=False)[:, 0]
    for axes, start in zip(panels, starts, strict=True):
        chosen = slice(start, start + across)
        tiles, centres = _tiled_pairs(above[chosen], below[chosen], image_shape, across)
        show_tiles(axes, tiles, levels)
        if captions is not None:
            axes.set_axis_on()
            axes.spines[:].set_visible(False)
            axes.set_yticks([])
            here = captions[chosen]
            axes.set_xticks(centres[: len(here)], here, fontsize=letters)
            axes.tick_params(length=0, pad=2)
    panels[0].set_title(said, fontsize=LETTERS, loc="left")
    return figure


def _letters(captions: Sequence[str] | None, tile: float) -> float:
    """Points, so that the longest caption fits under its tile of ``tile`` inches."""
    longest = max((len(caption) for caption in captions or ()), default=1)
    return min(LETTERS, 72 * tile / (0.6 * max(1, longest)))


def _tiled_pairs(
    above: _Floats, below: _Floats, image_shape: tuple[int, int], across: int
) -> tuple[_Floats, list[float]]:
    """One line of pairs with NaN between and after them, and the middle of each pair.

    One pixel parts the two images of a pair; wider gaps part the pairs.
    """
    height, width = image_shape
    step = width + max(1, width // 8)
    tiles = np.full((2 * height + 1, across * step - (step - width)), np.nan)
    for place, (upper, lower) in enumerate(zip(above, below, strict=True)):
        columns = slice(place * step, place * step + width)
        tiles[:height, columns] = upper.reshape(image_shape)
        tiles[height + 1 :, columns] = lower.reshape(image_shape)
    return tiles, [place * step + (width - 1) / 2 for place in range(across)]
