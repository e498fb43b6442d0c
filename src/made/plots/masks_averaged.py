"""How the NLL falls with the number of masks averaged, beside averaged logits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from made.plots.lines import stroke
from made.plots.style import LETTERS, grow_letters, new_figure
from made.support.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["masks_averaged"]

_Floats = NDArray[np.float64]

_MOST_TICKS = 12


def masks_averaged(
    counts: Sequence[int],
    mixture: ArrayLike,
    logits: ArrayLike,
    *,
    mixture_se: ArrayLike | None = None,
    logits_are: str = "not a distribution",
    title: str | None = None,
) -> Figure:
    """NLL against the number of masks, as in the MADE paper, for the mixture and for averaged logits.

    Parameters
    ----------
    counts : sequence of int, length C
        Numbers of masks, ascending, at least 1.
    mixture, logits : array_like, shape (C,)
        Nats per row of the mixture, and by the average of the masks' outputs.
    mixture_se : array_like, shape (C,), optional
        Standard error over rows of the former, drawn as a band; NaN leaves it out.
    logits_are : str, optional
        What the latter is: stands in the legend.
    title : str, optional
        Over the axes.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        If there is no number of masks, or figures are missing.

    Examples
    --------
    >>> figure = masks_averaged([1, 2, 4], [90.0, 89.0, 88.5], [90.0, 88.0, 86.0])
    >>> [line.get_label() for line in figure.axes[0].lines]
    ['mixture of the masks', 'logits averaged: not a distribution']
    """
    across = np.asarray(counts, dtype=np.float64)
    if across.ndim != 1 or not across.size or across.min() < 1 or (np.diff(across) <= 0).any():
        raise InputError(f"counts must be ascending numbers of masks, at least one, got {list(counts)}")
    right, wrong = (
        _checked(name, values, across) for name, values in (("mixture", mixture), ("logits", logits))
    )
    figure = new_figure(7.2, 5.2)
    axes = figure.subplots()
    name = "mixture of the masks"
    if mixture_se is not None:
        error = _checked("mixture_se", mixture_se, across)
        if np.isfinite(error).any():
            name += ", ± standard error"
        axes.fill_between(across, right - error, right + error, color=stroke(0)["color"], alpha=0.12, lw=0)
    axes.plot(across, right, label=name, **stroke(0))
    axes.plot(across, wrong, label=f"logits averaged: {logits_are}", **stroke(1))
    _count_axis(axes, across)
    grow_letters(axes, x="masks averaged", y="nats per row", title=title or "")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=1, fontsize=LETTERS - 1, frameon=False, handlelength=3.2)
    return figure


def _checked(name: str, values: ArrayLike, across: _Floats) -> _Floats:
    heights = np.asarray(values, dtype=np.float64)
    if heights.shape != across.shape:
        raise InputError(f"{name} needs one number per count, {across.shape}, got {heights.shape}")
    return heights


def _count_axis(axes: Axes, across: _Floats) -> None:
    """Doublings at equal distances, and the numbers of masks themselves as ticks."""
    from matplotlib.ticker import FixedLocator, NullLocator

    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(list(across[:: -(-len(across) // _MOST_TICKS)])))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    if len(across) == 1:  # a single point has no range of its own
        axes.set_xlim(across[0] / 2, across[0] * 2)
