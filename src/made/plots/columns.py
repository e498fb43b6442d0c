"""Columns of a table, each by itself: numbers as histograms, categories as bars; two tables side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from made.plots.style import LETTERS, grow_letters, new_figure, shortened
from made.support.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["columns_of"]

_MOST, _ACROSS, _BINS, _BARS = 12, 3, 30, 8
# Characters of a label under a bar.
_LONGEST = 14
# Maximum numbers of intervals between ticks, tried in this order; characters that fit side by side under an
# axis; and steps between ticks. A step of 2.5 is left out: its labels are longer than was counted.
_PARTS, _LETTERS_ACROSS, _STEPS = (9, 5, 3), 26, (1, 2, 5, 10)
# Blue filled, orange outlined: told apart on grey paper too.
_FILLED, _OUTLINED = "#8fb8de", "#c2410c"


def columns_of(tables: Mapping[str, NDArray[Any]], names: Sequence[str], title: str | None = None) -> Figure:
    """Draw how the values of each column are distributed, in one or two tables.

    Parameters
    ----------
    tables : mapping of str to (n, D) array
        One or two, by name. Missing entries are None or NaN, and are drawn as a bar of their own.
    names : sequence of D str
        Of the columns, of which the first 12 are drawn.
    title : str, optional
        Of the figure.

    Examples
    --------
    >>> drawn = np.random.default_rng(0).normal(size=(100, 2))
    >>> figure = columns_of({"data": drawn, "samples": drawn + 1}, ["height", "weight"])
    >>> len(figure.axes)
    2
    """
    if not 1 <= len(tables) <= 2 or any(len(table) == 0 for table in tables.values()):
        raise InputError("one table or two are drawn, of at least one row each")
    shown = min(len(names), _MOST)
    across = min(shown, _ACROSS)
    down = -(-shown // across)
    figure = new_figure(2.9 * across + 0.4, 2.3 * down + 0.8, title)
    axes = figure.subplots(down, across, squeeze=False).ravel()
    for spare in axes[shown:]:
        spare.remove()
    for d in range(shown):
        own = {name: table[:, d].tolist() for name, table in tables.items()}
        _draw(axes[d], own)
        grow_letters(axes[d], x=names[d])
        axes[d].set_yticks([])
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=LETTERS, frameon=False)
    return figure


def _draw(axes: Axes, columns: Mapping[str, list[Any]]) -> None:
    from matplotlib.ticker import MaxNLocator

    there = {name: [v for v in values if v is not None and v == v] for name, values in columns.items()}
    gaps = {name: 1 - len(there[name]) / len(values) for name, values in columns.items()}
    everything = [value for values in there.values() for value in values]
    if not everything or any(isinstance(value, str) for value in everything):
        _bars(axes, columns)
        return
    numbers = np.array(everything, dtype=np.float64)
    low, high = np.quantile(numbers, [0.005, 0.995])
    if np.all(numbers == np.rint(numbers)) and high - low < 2**53:  # as many whole numbers in each bar
        width = -(-(high - low + 1) // _BINS)
        edges = np.arange(np.floor(low), np.ceil(high) + width + 1, width) - 0.5
        if width == 1 and len(edges) <= _BARS:
            axes.set_xticks((edges[1:] - 0.5).tolist())
    else:
        edges = np.linspace(low, high if high > low else low + 1, _BINS + 1)
    for i, (name, values) in enumerate(there.items()):
        share = np.full(len(values), 1 / len(columns[name]))
        style: dict[str, Any] = {"color": _FILLED} if i == 0 else {"histtype": "step", "color": _OUTLINED}
        inside = np.clip(values, edges[0], edges[-1])
        axes.hist(inside, list(edges), weights=share, label=name, linewidth=1.8, **style)
    axes.ticklabel_format(axis="x", useOffset=False)  # 10003, not 3 beside "+1e4"
    axes.locator_params(axis="x", nbins=_most_parts(edges[0], edges[-1]))
    if isinstance(locator := axes.xaxis.get_major_locator(), MaxNLocator):
        locator.set_params(steps=_STEPS)
    if any(gaps.values()):
        text = ", ".join(f"{gap:.0%}" for gap in gaps.values())
        axes.set_title(f"missing: {text}", fontsize=LETTERS - 3, loc="right")


def _most_parts(low: float, high: float) -> int:
    """Return into how many parts ticks may divide an axis, so that their numbers do not meet."""

    def letters(parts: int) -> int:
        decimals = max(0, -math.floor(math.log10((high - low) / parts)))
        return max(len(f"{end:.{decimals}f}") for end in (low, high))

    return next((parts for parts in _PARTS if parts * letters(parts) <= _LETTERS_ACROSS), _PARTS[-1])


def _bars(axes: Axes, columns: Mapping[str, list[Any]]) -> None:
    texts = {
        name: ["missing" if v is None or v != v else str(v) for v in values]
        for name, values in columns.items()
    }
    kinds, counts = np.unique(next(iter(texts.values())), return_counts=True)
    kept = kinds[np.argsort(-counts, kind="stable")][:_BARS].tolist()
    for i, (name, values) in enumerate(texts.items()):
        shares = [values.count(kind) / len(values) for kind in kept]
        style: dict[str, Any] = {"color": _FILLED} if i == 0 else {"color": "none", "edgecolor": _OUTLINED}
        axes.bar(range(len(kept)), shares, label=name, linewidth=1.8, **style)
    axes.set_xticks(range(len(kept)), [shortened(kind, _LONGEST) for kind in kept], rotation=30, ha="right")
