"""Masks drawn as matrices: for networks too wide to draw unit by unit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from made.plots.style import grow_letters, new_figure
from made.support.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["mask_matrices"]

_Bools = NDArray[np.bool_]

_MOST_CELLS = 512  # along a side of a drawn mask


def mask_matrices(masks: Sequence[ArrayLike], *, titles: Sequence[str] | None = None) -> Figure:
    """Each mask as a picture, outputs downwards and inputs to the right; active weights are black.

    A mask of more than 512 rows or columns is shrunk: a cell's grey is then the active fraction of a block.

    Parameters
    ----------
    masks : sequence of array_like of 0 and 1, shapes (outputs, inputs)
        Any masks of any sizes.
    titles : sequence of str, optional
        One for each mask; the fraction of active weights is added to it.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        If there is no mask, a mask is no matrix, or the titles do not fit in number.

    Examples
    --------
    >>> figure = mask_matrices([[[1, 0], [1, 1]]], titles=["hidden"])
    >>> print(figure.axes[0].get_title())
    hidden (2 x 2)
    75.0 % active
    """
    active = [np.asarray(mask) != 0 for mask in masks]
    if not active or any(mask.ndim != 2 or mask.size == 0 for mask in active):
        raise InputError("mask_matrices needs a list of at least one matrix (outputs, inputs)")
    names = list(titles) if titles is not None else [f"mask {place + 1}" for place in range(len(active))]
    if len(names) != len(active):
        raise InputError(f"{len(active)} masks need {len(active)} titles, got {len(names)}")
    across = min(3, len(active))
    lines = -(-len(active) // across)
    figure = new_figure(3.4 * across + 0.6, 4.1 * lines)
    panels = figure.subplots(lines, across, squeeze=False)
    for axes in panels.flat[len(active) :]:
        axes.set_axis_off()
    for axes, mask, name in zip(panels.flat, active, names, strict=False):
        outputs, inputs = mask.shape
        axes.imshow(
            _shrunk(mask),
            cmap="Greys",
            vmin=0,
            vmax=1,
            interpolation="nearest",
            extent=(
                -0.5,
                inputs - 0.5,
                outputs - 0.5,
                -0.5,
            ),  # the ticks count units even when cells are blocks
            aspect="equal" if 1 / 4 <= outputs / inputs <= 4 else "auto",
        )
        fraction = f"{100 * mask.mean():.1f} % active"
        grow_letters(axes, x="inputs", y="outputs", title=f"{name} ({outputs} x {inputs})\n{fraction}")
        axes.locator_params(integer=True, nbins=5)
    return figure


def _shrunk(mask: _Bools) -> NDArray[np.float64]:
    """The mask with blocks replaced by their means, so that no side passes 512 cells."""
    shrunk = mask.astype(np.float64)
    for axis in (0, 1):
        size = shrunk.shape[axis]
        starts = np.arange(0, size, -(-size // _MOST_CELLS))
        widths = np.diff([*starts.tolist(), size])
        sums = np.add.reduceat(shrunk, starts, axis=axis)
        shrunk = sums / (widths[:, np.newaxis] if axis == 0 else widths)
    return shrunk
