"""Association of all pairs of columns: of data, of samples, and their difference, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from made.plots.style import LETTERS, new_figure, shortened

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["associations_beside"]

_LONGEST = 18
# Letters that a row of this many columns still has room for.
_FEW = 20


def associations_beside(
    data: NDArray[np.float64], samples: NDArray[np.float64], names: Sequence[str]
) -> Figure:
    """Draw two matrices (D, D) of associations from 0 to 1, and how far the second is off.

    Examples
    --------
    >>> figure = associations_beside(np.eye(3), np.ones((3, 3)), ["age", "sex", "income"])
    >>> [axes.get_title() for axes in figure.axes[:3]]
    ['data', 'samples', 'samples - data']
    """
    size = min(0.6 + 0.24 * len(names), 4.6)
    figure = new_figure(3 * size + 2.6, size + 1.9)
    axes = figure.subplots(1, 3, sharey=True)
    letters = LETTERS - 2 if len(names) <= _FEW else LETTERS - 5
    labels = [shortened(name, _LONGEST) for name in names]
    pictures = [("data", data, "Greys", 0), ("samples", samples, "Greys", 0)]
    pictures.append(("samples - data", samples - data, "RdBu_r", -1))
    for own, (title, matrix, colours, low) in zip(axes, pictures, strict=True):
        limit = 1.0 if low == 0 else max(0.1, float(np.abs(matrix).max()))
        image = own.imshow(matrix, cmap=colours, vmin=low * limit, vmax=limit)
        own.set_title(title, fontsize=LETTERS)
        own.set_xticks(range(len(labels)), labels, rotation=90, fontsize=letters)
        own.set_yticks(range(len(labels)), labels, fontsize=letters)
        own.tick_params(length=0)
        bar = figure.colorbar(image, ax=own, shrink=0.8, aspect=18)
        bar.ax.tick_params(labelsize=LETTERS - 4)
    return figure
