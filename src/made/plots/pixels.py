"""What a model knows and finds surprising, pixel by pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from made.plots.grids import checked_images
from made.plots.style import LETTERS, new_figure
from made.support.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["predecessors", "surprise"]

_TARGET = (0.85, 0.07, 0.07)
_ACROSS = 10  # images in a line of `surprise`


def predecessors(
    image_row: ArrayLike,
    ordering: ArrayLike,
    variable: int,
    image_shape: tuple[int, int],
    *,
    n_values: int = 2,
    title: str | None = None,
) -> Figure:
    """One pixel, those that come before it in the ordering, and those that it must not see.

    Parameters
    ----------
    image_row : array_like, shape (D,)
        Pixel values 0..n_values - 1, row-major.
    ordering : array_like of int, shape (D,)
        The variables in the order in which they are generated.
    variable : int
        The pixel to be predicted, drawn red. Its predecessors are tinted blue, all others hatched grey.
    image_shape : (int, int)
        Height and width, whose product is D.
    n_values : int, optional
        How many values a pixel takes: 2 for binary images.
    title : str, optional
        Over the picture; names the pixel's rank by default.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        If the row does not fit ``image_shape``, ``ordering`` is no permutation or ``variable`` is not in it.

    Examples
    --------
    >>> figure = predecessors([0, 1, 1, 0], [2, 0, 3, 1], 3, (2, 2))
    >>> figure.axes[0].get_title()
    'pixel 3 is the 3rd of 4 in the ordering'
    """
    row = checked_images(np.asarray(image_row)[np.newaxis], image_shape)[0]
    order = np.asarray(ordering)
    if order.shape != row.shape or not np.array_equal(np.sort(order), np.arange(len(row))):
        raise InputError(f"ordering must be a permutation of 0..{len(row) - 1}")
    if not 0 <= variable < len(row):
        raise InputError(f"variable must be one of 0..{len(row) - 1}, got {variable}")
    rank = int(np.flatnonzero(order == variable)[0]) + 1
    known = np.zeros(len(row), dtype=bool)
    known[order[: rank - 1]] = True
    colours = _tints(row / (n_values - 1), known, variable).reshape(*image_shape, 3)
    hidden = ~known
    hidden[variable] = False

    figure = new_figure(5.6, 5.6 * min(1.6, image_shape[0] / image_shape[1]) + 1.3)
    axes = figure.subplots()
    axes.imshow(colours, interpolation="nearest")
    _hatch(figure, hidden.reshape(image_shape))
    _frame(figure, divmod(variable, image_shape[1]))
    axes.set_axis_off()
    axes.set_title(
        title or f"pixel {variable} is the {_ordinal(rank)} of {len(row)} in the ordering", fontsize=LETTERS
    )
    _legend(figure)
    return figure


def _tints(ink: np.ndarray, known: np.ndarray, variable: int) -> np.ndarray:
    """Colours, shape (D, 3): the image shows through strongly where known, and faintly where hidden."""
    ink = np.clip(ink, 0.0, 1.0)[:, np.newaxis]
    dark_blue, light_blue = np.array([0.10, 0.26, 0.52]), np.array([0.78, 0.89, 1.0])
    colours: np.ndarray = np.where(
        known[:, np.newaxis], dark_blue + ink * (light_blue - dark_blue), 0.72 + 0.12 * ink
    )
    colours[variable] = _TARGET
    return colours


def _hatch(figure: Figure, hidden: np.ndarray) -> None:
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    pixels = [Rectangle((x - 0.5, y - 0.5), 1, 1) for y, x in np.argwhere(hidden)]
    hatching = PatchCollection(pixels, facecolor="none", edgecolor="0.5", linewidth=0, hatch="///")
    hatching.set_gid("hidden")
    figure.axes[0].add_collection(hatching, autolim=False)


def _frame(figure: Figure, pixel: tuple[int, int]) -> None:
    """A white frame around the pixel to be predicted: in grey printing red and blue look alike."""
    from matplotlib.patches import Rectangle

    y, x = pixel
    frame = Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor="none", edgecolor="white", linewidth=2.5)
    figure.axes[0].add_patch(frame)


def _legend(figure: Figure) -> None:
    from matplotlib.patches import Patch

    figure.legend(
        handles=[
            Patch(facecolor=_TARGET, label="to be predicted"),
            Patch(facecolor="#4a7ab5", label="comes before: known"),
            Patch(facecolor="0.78", edgecolor="0.5", hatch="///", linewidth=0, label="comes later: hidden"),
        ],
        loc="outside lower center",
        ncols=1,
        fontsize=LETTERS,
        frameon=False,
    )


def _ordinal(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{'th' if number % 100 in (11, 12, 13) else ending}"


def surprise(
    rows: ArrayLike,
    per_variable_nll: ArrayLike,
    image_shape: tuple[int, int],
    *,
    n_values: int = 2,
    title: str | None = None,
) -> Figure:
    """Images, and under each the map of how many nats each of its pixels costs.

    Parameters
    ----------
    rows : array_like, shape (n, D)
        Pixel values 0..n_values - 1, row-major.
    per_variable_nll : array_like of float, shape (n, D)
        -log p(x_d | the variables before it), in nats.
    image_shape : (int, int)
        Height and width of an image, whose product is D.
    n_values : int, optional
        How many values a pixel takes: 2 for binary images.
    title : str, optional
        Over the pictures.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        If the shapes do not fit.

    Examples
    --------
    >>> figure = surprise([[0, 1, 1, 0]], [[0.5, 0.25, 0.0, 1.0]], (2, 2))
    >>> [axes.get_title() for axes in figure.axes[:2]]
    ['1.8 nats', '']
    """
    images = checked_images(rows, image_shape)
    nll = checked_images(per_variable_nll, image_shape)
    if nll.shape != images.shape:
        raise InputError(f"{len(images)} rows need as many rows of nats, got {len(nll)}")
    across = min(len(images), _ACROSS)
    lines = -(-len(images) // across)
    tall = image_shape[0] / image_shape[1]
    tile = max(1.1, min(2.6, 8.0 / across))
    height = lines * (2 * tile * tall + 0.45) + (0.5 if title else 0.1)
    figure = new_figure(tile * across + 1.2, height, title, pad=0.04)
    panels = figure.subplots(2 * lines, across, squeeze=False)
    # The few dearest pixels would push all others into black.
    dearest = float(np.quantile(nll, 0.999)) or 1.0
    for axes in panels.flat:
        axes.set_axis_off()
    for place, (image, cost) in enumerate(zip(images, nll, strict=True)):
        line, column = divmod(place, across)
        above, below = panels[2 * line, column], panels[2 * line + 1, column]
        above.imshow(
            image.reshape(image_shape), cmap="gray", vmin=0, vmax=n_values - 1, interpolation="nearest"
        )
        shown = below.imshow(
            cost.reshape(image_shape), cmap="inferno", vmin=0, vmax=dearest, interpolation="nearest"
        )
        above.set_title(f"{cost.sum():.1f} nats", fontsize=LETTERS - 2)
    bar = figure.colorbar(shown, ax=list(panels.flat), shrink=0.85, aspect=25, extend="max")
    bar.set_label("nats per pixel", fontsize=LETTERS)
    bar.ax.tick_params(labelsize=LETTERS - 2)
    return figure
