"""Many rows at a glance: images as tiles, tables as heat maps, pairs of variables as histograms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from made.plots.style import LETTERS, grow_letters, new_figure
from made.support.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["checked_images", "image_grid", "samples_beside", "samples_table", "show_tiles", "tiled"]

_Floats = NDArray[np.float64]

_PANELS = ("drawn by the model", "held-out data")
_GAP_COLOUR = "#6f8fb0"  # neither black nor white nor grey: a gap is no pixel


def image_grid(
    images: ArrayLike,
    image_shape: tuple[int, int],
    *,
    columns: int | None = None,
    n_values: int = 2,
    title: str | None = None,
) -> Figure:
    """Rows as images in a grid, filled line by line.

    Parameters
    ----------
    images : array_like, shape (n, D)
        Pixel values 0..n_values - 1, row-major; 0 is drawn black and the largest white.
    image_shape : (int, int)
        Height and width of an image, whose product is D.
    columns : int, optional
        Images in a line; about as many as there are lines by default.
    n_values : int, optional
        How many values a pixel takes: 2 for binary images.
    title : str, optional
        Over the grid.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        If there is no image, or D does not fit ``image_shape``.

    Examples
    --------
    >>> figure = image_grid(np.eye(6)[:, :4], (2, 2), columns=3)
    >>> figure.axes[0].images[0].get_array().shape  # 2 x 3 tiles, gaps of one pixel
    (5, 8)
    """
    tiles = tiled(checked_images(images, image_shape), image_shape, columns)
    height, width = tiles.shape
    figure = new_figure(6.5, min(14.0, 6.5 * height / width + (0.5 if title else 0.0)), title)
    show_tiles(figure.subplots(), tiles, n_values)
    return figure


def samples_beside(
    samples: ArrayLike,
    real: ArrayLike,
    image_shape: tuple[int, int],
    *,
    columns: int | None = None,
    n_values: int = 2,
    title: str | None = None,
) -> Figure:
    """Images drawn by the model on the left, held-out ones on the right.

    Parameters
    ----------
    samples, real : array_like, shapes (n, D) and (m, D)
        Pixel values 0..n_values - 1, row-major; 0 is drawn black and the largest white.
    image_shape : (int, int)
        Height and width of an image, whose product is D.
    columns : int, optional
        Images in a line of either panel.
    n_values : int, optional
        How many values a pixel takes: 2 for binary images.
    title : str, optional
        Over both panels.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        If there is no image, or D does not fit ``image_shape``.

    Examples
    --------
    >>> figure = samples_beside(np.zeros((4, 4)), np.ones((4, 4)), (2, 2))
    >>> [axes.get_title() for axes in figure.axes]
    ['drawn by the model', 'held-out data']
    """
    panels = [tiled(checked_images(rows, image_shape), image_shape, columns) for rows in (samples, real)]
    tallest = max(tiles.shape[0] / tiles.shape[1] for tiles in panels)
    figure = new_figure(9.0, min(14.0, 4.5 * tallest + (0.9 if title else 0.5)), title)
    for axes, tiles, name in zip(figure.subplots(1, 2), panels, _PANELS, strict=True):
        show_tiles(axes, tiles, n_values)
        axes.set_title(name, fontsize=LETTERS)
    return figure


def checked_images(images: ArrayLike, image_shape: tuple[int, int]) -> _Floats:
    """The rows as floats of shape (n, D), or an `InputError` if they are no images of that shape."""
    rows = np.asarray(images, dtype=np.float64)
    height, width = image_shape
    if rows.ndim != 2 or len(rows) == 0 or rows.shape[1] != height * width:
        raise InputError(
            f"images of {height} x {width} pixels need rows of shape (n, {height * width}) with n >= 1, "
            f"got {rows.shape}"
        )
    return rows


def tiled(rows: _Floats, image_shape: tuple[int, int], columns: int | None = None) -> _Floats:
    """All images in one array, one pixel of NaN between neighbours and NaN where images run out."""
    height, width = image_shape
    across = columns if columns is not None else math.ceil(math.sqrt(len(rows) * height / width))
    if across < 1:
        raise InputError(f"columns must be at least 1, got {columns}")
    across = min(across, len(rows))
    down = math.ceil(len(rows) / across)
    tiles = np.full((down, height + 1, across, width + 1), np.nan)
    for place, row in enumerate(rows):
        tiles[place // across, :height, place % across, :width] = row.reshape(height, width)
    return tiles.reshape(down * (height + 1), across * (width + 1))[:-1, :-1]


def show_tiles(axes: Axes, tiles: _Floats, n_values: int) -> None:
    """Draw what `tiled` made, without axes; NaN is a gap."""
    from matplotlib import colormaps

    axes.imshow(
        np.ma.masked_invalid(tiles),
        cmap=colormaps["gray"].with_extremes(bad=_GAP_COLOUR),
        vmin=0,
        vmax=n_values - 1,
        interpolation="nearest",
    )
    axes.set_axis_off()


# --- rows that are no images ---------------------------------------------------------------------------


def samples_table(
    samples: ArrayLike,
    real: ArrayLike | None = None,
    *,
    n_values: Sequence[int],
    names: Sequence[str] | None = None,
    rows: int = 50,
    title: str | None = None,
) -> Figure:
    """Rows drawn by the model, alone or beside real ones, for data that are no images.

    One variable gives bars, two give two-dimensional histograms, more give heat maps of the first rows, with
    each variable scaled by its own number of values.

    Parameters
    ----------
    samples, real : array_like of int, shapes (n, D) and (m, D)
        Class codes; without the latter there is one panel.
    n_values : sequence of int, length D
        K_d, the number of values of each variable.
    names : sequence of str, length D, optional
        Names of the variables; x1, x2, ... by default.
    rows : int, optional
        How many rows a heat map shows.
    title : str, optional
        Over the panels.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        If the rows do not have one column per entry of ``n_values``, or hold other codes.

    Examples
    --------
    >>> figure = samples_table([[0, 2], [1, 1]], [[0, 0], [1, 1]], n_values=[2, 3])
    >>> figure.axes[0].images[0].get_array().tolist()  # fraction of the rows, x1 downwards
    [[0.0, 0.0, 0.5], [0.0, 0.5, 0.0]]
    """
    given = [_checked_codes(block, n_values) for block in (samples, real) if block is not None]
    labels = list(names) if names is not None else [f"x{d + 1}" for d in range(len(n_values))]
    if len(labels) != len(n_values):
        raise InputError(f"{len(n_values)} variables need {len(n_values)} names, got {len(labels)}")
    figure = new_figure(9.0 if len(given) > 1 else 5.5, 6.0 if title else 5.6, title)
    draw = {1: _bars, 2: _histograms}.get(len(n_values))
    if draw is not None:
        draw(figure, given, n_values, labels)
    else:
        _heat_maps(figure, [block[:rows] for block in given], n_values, labels)
    return figure


def _checked_codes(rows: ArrayLike, n_values: Sequence[int]) -> NDArray[np.intp]:
    codes = np.asarray(rows)
    if codes.ndim != 2 or codes.shape[1] != len(n_values) or len(codes) == 0:
        raise InputError(f"rows must have shape (n, {len(n_values)}) with n >= 1, got {codes.shape}")
    if not ((codes >= 0) & (codes < np.asarray(n_values))).all():
        raise InputError("rows hold codes outside 0..K-1; give the K of each variable in n_values")
    return codes.astype(np.intp)


def _bars(
    figure: Figure, given: list[NDArray[np.intp]], n_values: Sequence[int], labels: Sequence[str]
) -> None:
    fractions = [np.bincount(block[:, 0], minlength=n_values[0]) / len(block) for block in given]
    panels = figure.subplots(1, len(given), sharey=True, squeeze=False)[0]
    for axes, fraction, name in zip(panels, fractions, _PANELS, strict=False):
        axes.bar(np.arange(n_values[0]), fraction, color="#1f5a94", width=0.9)
        grow_letters(axes, x=labels[0], title=name)
    figure.axes[0].set_ylabel("fraction of the rows", fontsize=LETTERS)


def _histograms(
    figure: Figure, given: list[NDArray[np.intp]], n_values: Sequence[int], labels: Sequence[str]
) -> None:
    from matplotlib.ticker import PercentFormatter

    tables = []
    for block in given:
        counts = np.bincount(block[:, 0] * n_values[1] + block[:, 1], minlength=n_values[0] * n_values[1])
        tables.append(counts.reshape(n_values[0], n_values[1]) / len(block))
    # One scale for both, or a flat histogram would look as rich as a peaked one.
    brightest = max(float(np.quantile(table[table > 0], 0.99)) for table in tables)
    panels = figure.subplots(1, len(given), squeeze=False)[0]
    for axes, table, name in zip(panels, tables, _PANELS, strict=False):
        shown = axes.imshow(table, cmap="gray", vmin=0, vmax=brightest)
        grow_letters(axes, x=labels[1], y=labels[0], title=name)
    bar = figure.colorbar(
        shown,
        ax=list(panels),
        location="bottom",
        shrink=0.6,
        aspect=30,
        extend="max",
        format=PercentFormatter(1),
    )
    bar.ax.locator_params(nbins=4)
    bar.set_label("fraction of the rows", fontsize=LETTERS)
    bar.ax.tick_params(labelsize=LETTERS - 2)


def _heat_maps(
    figure: Figure, given: list[NDArray[np.intp]], n_values: Sequence[int], labels: Sequence[str]
) -> None:
    scale = np.maximum(np.asarray(n_values) - 1, 1)
    panels = figure.subplots(1, len(given), squeeze=False)[0]
    for axes, block, name in zip(panels, given, _PANELS, strict=False):
        shown = axes.imshow(
            block / scale, cmap="cividis", vmin=0, vmax=1, aspect="auto", interpolation="nearest"
        )
        grow_letters(axes, x="variable", y="row", title=name)
        if len(labels) <= 16:
            axes.set_xticks(range(len(labels)), labels, rotation=90)
    bar = figure.colorbar(shown, ax=list(panels), shrink=0.85, ticks=[0, 1])
    bar.ax.set_yticklabels(["first\nclass", "last\nclass"], fontsize=LETTERS - 2)
