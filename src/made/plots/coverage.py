"""How often held-out values lie in the intervals that a model gives them, level by level."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from made.plots.style import LETTERS, grow_letters, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["coverage_of"]

_SHADES = ("#1f4e79", "#4f8cc0", "#a9cbe8")
# Of levels, in lines of a column: with few rows their errors overlap.
_OFFSETS = (-0.22, 0.0, 0.22)


def coverage_of(columns: Mapping[str, Mapping[float, tuple[float, float]]]) -> Figure:
    """Draw for each column which share of values lies in its intervals, beside their level.

    Parameters
    ----------
    columns : mapping
        By name: level to (share, standard error).

    Examples
    --------
    >>> figure = coverage_of({"age": {0.5: (0.52, 0.01), 0.95: (0.94, 0.01)}})
    >>> len(figure.axes[0].get_yticklabels())
    1
    """
    names = list(columns)
    figure = new_figure(7.5, 0.32 * len(names) + 1.5)
    axes = figure.subplots()
    levels = next(iter(columns.values()))
    for shade, offset, level in zip(_SHADES, _OFFSETS, levels, strict=False):
        axes.axvline(level, color=shade, linewidth=1.2, linestyle=(0, (4, 3)), zorder=1)
        shares = [columns[name][level] for name in names]
        axes.errorbar(
            [share for share, _ in shares],
            [place + offset for place in range(len(names))],
            xerr=[2 * error for _, error in shares],
            fmt="o",
            markersize=6,
            color=shade,
            label=f"{level:.0%} interval",
            zorder=2,
        )
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(min(0.4, axes.get_xlim()[0]), 1.01)
    grow_letters(axes, x="share of held-out values inside, with two standard errors")
    figure.legend(loc="outside lower center", ncols=3, fontsize=LETTERS - 1, frameon=False)
    return figure
