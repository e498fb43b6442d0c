"""Two variables whose joint probabilities are known: the true table beside those of models."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from made.errors import InputError
from made.plots.lines import stroke
from made.plots.paper import LETTERS, grow_letters, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

__all__ = ["joint_tables", "log_ratios", "slices"]

_Floats = NDArray[np.float64]

_MOST_PANELS = 8
_NOTHING = "#b03060"  # neither grey nor on the scale of ratios: a cell with nothing to compare


def joint_tables(
    tables: Mapping[str, ArrayLike], *, columns: int | None = None, title: str | None = None
) -> Figure:
    """Joint probability tables side by side on one grey scale, x1 downwards and x2 to the right.

    Black is 0 and white the 99.5 % quantile of the first table, so that a few peaks do not darken the rest.

    Parameters
    ----------
    tables : mapping of str to array_like, shape (K1, K2)
        Name and probabilities, or shares of the rows of a sample; each sums to 1. At most 8, the truth first.
    columns : int, optional
        Panels in a line; 2 or 3 by default.
    title : str, optional
        Over all panels.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        If there are no tables or too many, or one holds no probabilities or has another shape.

    Examples
    --------
    >>> figure = joint_tables({"truth": [[0.5, 0], [0, 0.5]], "model": [[0.4, 0.1], [0.1, 0.4]]})
    >>> [axes.get_title() for axes in figure.axes[:2]]
    ['truth', 'model']
    """
    checked = _checked_tables(tables)
    first = next(iter(checked.values()))
    white = float(np.quantile(first, 0.995)) or float(first.max())
    figure, panels = _panels(len(checked), first.shape, columns, title)
    for axes, (name, table) in zip(panels, checked.items(), strict=True):
        shown = _show(axes, name, table, cmap="gray", low=0.0, high=white)
    _bar(figure, panels, shown, "probability", "max")
    return figure


def log_ratios(
    truth: ArrayLike,
    tables: Mapping[str, ArrayLike],
    *,
    limit: float | None = None,
    columns: int | None = None,
    title: str | None = None,
) -> Figure:
    """How far each model is off in each cell: log(model / truth), in nats, on one scale for all.

    Grey agrees; blue and dark is too low, yellow and light too high: the sign survives grey printing. Ratios
    beyond the scale are drawn at its ends. Cells where the truth is 0 are left out.

    Parameters
    ----------
    truth : array_like, shape (K1, K2)
        The true probabilities, which sum to 1.
    tables : mapping of str to array_like, shape (K1, K2)
        Name and probabilities of each model. At most 8.
    limit : float, optional
        Where the scale ends on either side, in nats; the 99 % quantile of all distances by default.
    columns : int, optional
        Panels in a line; 2 or 3 by default.
    title : str, optional
        Over all panels.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        If there are no tables or too many, one holds no probabilities or has another shape, or the limit is
        not above 0.

    Examples
    --------
    >>> figure = log_ratios([[0.5, 0.5]], {"model": [[0.25, 0.75]]}, limit=1.0)
    >>> figure.axes[0].images[0].get_array().round(2).tolist()
    [[-0.69, 0.41]]
    """
    true = _checked_table("truth", truth)
    checked = _checked_tables(tables, true.shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = {name: np.where(true > 0, np.log(table / true), np.nan) for name, table in checked.items()}
    if limit is None:
        distances = np.abs(np.concatenate([ratio[np.isfinite(ratio)] for ratio in ratios.values()]))
        limit = (float(np.quantile(distances, 0.99)) if distances.size else 0.0) or 1.0
    elif not (limit > 0 and math.isfinite(limit)):
        raise InputError(f"limit must be a number of nats above 0, got {limit}")
    figure, panels = _panels(len(checked), true.shape, columns, title)
    for axes, (name, ratio) in zip(panels, ratios.items(), strict=True):
        clipped = np.ma.masked_invalid(np.clip(ratio, -limit, limit))
        shown = _show(axes, name, clipped, cmap="cividis", low=-limit, high=limit)
    _bar(figure, panels, shown, "log(model / truth), nats\ndark: too low    light: too high", "both")
    return figure


def slices(
    truth: ArrayLike, tables: Mapping[str, ArrayLike], at: Sequence[int], *, title: str | None = None
) -> Figure:
    """p(x2 | x1) of the truth and of each model, one panel for each x1.

    Parameters
    ----------
    truth : array_like, shape (K1, K2)
        The true joint probabilities, which sum to 1: the thick grey line.
    tables : mapping of str to array_like, shape (K1, K2)
        Name and joint probabilities of each model. At most 8.
    at : sequence of int
        The values of x1, each of 0..K1 - 1.
    title : str, optional
        Over all panels.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        If a table holds no probabilities or has another shape, or x1 is none of its values or never occurs.

    Examples
    --------
    >>> figure = slices([[0.25, 0.25], [0.125, 0.375]], {"model": [[0.25] * 2] * 2}, at=[1])
    >>> [line.get_ydata().tolist() for line in figure.axes[0].lines]
    [[0.25, 0.75], [0.5, 0.5]]
    """
    true = _checked_table("truth", truth)
    joint = {"truth": true, **_checked_tables(tables, true.shape)}
    if not at or any(not 0 <= x1 < len(true) for x1 in at):
        raise InputError(f"at must list values of x1, each of 0..{len(true) - 1}, got {list(at)}")
    curves = [{name: _conditional(name, table, x1) for name, table in joint.items()} for x1 in at]
    across = 1 if len(at) <= 3 else 2
    down = -(-len(at) // across)
    legend_lines = -(-len(joint) // 2)
    figure = new_figure(3.6 * (across + 1), 2.5 * down + 0.35 * legend_lines + (1.0 if title else 0.6), title)
    grid = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
    # An over-fitted model has peaks that would press all other lines to the floor.
    top = 1.7 * max(float(here["truth"].max()) for here in curves)
    top = min(top, 1.06 * max(float(line.max()) for here in curves for line in here.values()))
    for axes, x1, here in zip(grid.flat, at, curves, strict=False):
        for place, (name, line) in enumerate(here.items()):
            style = stroke(place - 1) if place else {"color": "0.72", "linewidth": 6.0}
            style |= {"marker": "", "label": name} | ({"linewidth": 1.6} if place else {})
            axes.plot(np.arange(len(line)), line, **style)
        grow_letters(axes, title=f"x1 = {x1}")
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in grid.flat[len(at) :]:
        axes.set_axis_off()
    grid[0, 0].set_ylim(0, top)
    grid[0, 0].margins(x=0.01)
    figure.supylabel("p(x2 | x1)", fontsize=LETTERS)
    figure.supxlabel("x2", fontsize=LETTERS)
    handles = grid[0, 0].lines
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=2,
        fontsize=LETTERS - 1,
        frameon=False,
        handlelength=3.2,
    )
    return figure


def _conditional(name: str, table: _Floats, x1: int) -> _Floats:
    total = table[x1].sum()
    if total == 0:
        raise InputError(f"{name!r} gives x1 = {x1} no probability, so there is no p(x2 | x1) to draw")
    conditional: _Floats = table[x1] / total
    return conditional


def _checked_tables(
    tables: Mapping[str, ArrayLike], shape: tuple[int, ...] | None = None
) -> dict[str, _Floats]:
    if not 1 <= len(tables) <= _MOST_PANELS:
        raise InputError(f"1 to {_MOST_PANELS} tables fit in one picture, got {len(tables)}")
    checked = {name: _checked_table(name, table) for name, table in tables.items()}
    for name, table in checked.items():
        shape = shape or table.shape
        if table.shape != shape:
            raise InputError(f"table {name!r} has shape {table.shape}, but the first one has {shape}")
    return checked


def _checked_table(name: str, table: ArrayLike) -> _Floats:
    values = np.asarray(table, dtype=np.float64)
    if values.ndim != 2 or values.size == 0:
        raise InputError(f"table {name!r} must have shape (K1, K2), got {values.shape}")
    # Most tables are float32, whose sums are off by a little. Not so for NaN, which fails any comparison.
    if not (values.min() >= 0 and abs(values.sum() - 1) < 1e-3):
        raise InputError(
            f"table {name!r} must hold probabilities: none below 0, sum 1 "
            f"(got a least one of {values.min():.4g}, sum {values.sum():.4g})"
        )
    return values


def _panels(
    n: int, shape: tuple[int, ...], columns: int | None, title: str | None
) -> tuple[Figure, list[Axes]]:
    """A figure with ``n`` axes for tables of one shape, as square as the table is, and room for a bar."""
    if columns is not None and columns < 1:
        raise InputError(f"columns must be at least 1, got {columns}")
    across = min(n, columns or (2 if n in (1, 2, 4) else 3))
    down = -(-n // across)
    wide = max(2.35, 4.2 / across)
    tall = wide * min(1.6, max(0.5, shape[0] / shape[1]))
    figure = new_figure(wide * across + 0.7, (tall + 0.35) * down + (2.1 if title else 1.7), title)
    grid = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
    for axes in grid.flat[n:]:
        axes.set_axis_off()
    for place, axes in enumerate(grid.flat[:n]):
        # Shared axes carry their numbers once; the last panel of a column may stand over an empty place.
        axes.xaxis.set_tick_params(labelbottom=place + across >= n)
    return figure, list(grid.flat[:n])


def _show(axes: Axes, name: str, table: _Floats, *, cmap: str, low: float, high: float) -> AxesImage:
    from matplotlib import colormaps

    shown = axes.imshow(
        table,
        cmap=colormaps[cmap].with_extremes(bad=_NOTHING),
        vmin=low,
        vmax=high,
        aspect="equal" if 1 / 4 <= table.shape[0] / table.shape[1] <= 4 else "auto",
    )
    place = axes.get_subplotspec()
    grow_letters(
        axes,
        x="x2" if axes.xaxis.get_tick_params().get("labelbottom", True) else "",
        y="x1" if place.is_first_col() else "",
        title=textwrap.fill(name, 22),
    )
    axes.locator_params(integer=True, nbins=4)
    return shown


def _bar(figure: Figure, panels: Sequence[Axes], shown: AxesImage, label: str, extend: str) -> None:
    bar = figure.colorbar(
        shown, ax=list(panels), location="bottom", shrink=0.7, aspect=30, extend=extend, pad=0.02
    )
    bar.ax.locator_params(nbins=5)
    bar.set_label(label, fontsize=LETTERS)
    bar.ax.tick_params(labelsize=LETTERS - 2)
    bar.ax.xaxis.get_offset_text().set_fontsize(LETTERS - 2)
