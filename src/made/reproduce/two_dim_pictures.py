"""Two variables whose joint probabilities are known: the true table beside those of models."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from made.plots.lines import stroke
from made.plots.style import LETTERS, grow_letters, new_figure
from made.support.errors import InputError

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
        Name and probabilities, or the frequencies of a sample; each sums to 1. At most 8, the truth first.
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
    figure, panels = _panels(list(checked), first.shape, columns, title)
    for axes, table in zip(panels, checked.values(), strict=True):
        shown = _show(axes, table, cmap="gray", low=0.0, high=white)
    power = math.floor(math.log10(white))
    unit, label = (10.0**power, f"probability, in $10^{{{power}}}$") if power < -2 else (1.0, "probability")
    _bar(figure, panels, shown, label, "max", unit)
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
    figure, panels = _panels(list(checked), true.shape, columns, title)
    for axes, ratio in zip(panels, ratios.values(), strict=True):
        clipped = np.ma.masked_invalid(np.clip(ratio, -limit, limit))
        shown = _show(axes, clipped, cmap="cividis", low=-limit, high=limit)
    _bar(figure, panels, shown, "log(model / truth), nats\ndark: too low    light: too high", "both")
    return figure


def slices(
    truth: ArrayLike,
    tables: Mapping[str, ArrayLike],
    at: Sequence[int],
    *,
    title: str | None = None,
    colours: Mapping[str, int] = MappingProxyType({}),
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
    colours : mapping of str to int, optional
        Of a model, as numbers of `stroke`; else that of its place.

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
    figure = new_figure(7.2, 2.3 * len(at) + 0.3 * -(-len(joint) // 2) + (1.1 if title else 0.7), title)
    panels = figure.subplots(len(at), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    for axes, x1, here in zip(panels, at, curves, strict=True):
        _draw_slice(axes, here, colours)
        last = axes is panels[-1]
        grow_letters(axes, x="x2" if last else "", y="p(x2 | x1)", title=f"x1 = {x1}")
    # An over-fitted model has peaks that would press all other lines to the floor.
    top = 1.7 * max(float(here["truth"].max()) for here in curves)
    top = min(top, 1.06 * max(float(line.max()) for here in curves for line in here.values()))
    panels[0].set_ylim(0, top)
    panels[0].margins(x=0.01)
    figure.legend(
        handles=panels[0].lines,
        loc="outside lower center",
        ncols=2,
        fontsize=LETTERS - 1,
        frameon=False,
        handlelength=3.2,
    )
    return figure


def _draw_slice(axes: Axes, curves: Mapping[str, _Floats], colours: Mapping[str, int]) -> None:
    """The truth thick and grey; over it the smooth models, under it the ragged ones, which would hide all."""
    roughness = {name: float(np.abs(np.diff(line)).sum()) for name, line in curves.items()}
    for place, (name, line) in enumerate(curves.items()):
        ragged = roughness[name] > 3 * roughness["truth"]
        style = stroke(colours.get(name, place - 1)) | {"marker": "", "linewidth": 1.1 if ragged else 1.8}
        if place == 0:
            style = {"color": "0.72", "linewidth": 6.0}
        order = 3 if place == 0 else 2 if ragged else 4
        axes.plot(np.arange(len(line)), line, label=name, zorder=order, **style)
    axes.locator_params(axis="y", nbins=5)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


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
    names: Sequence[str], shape: tuple[int, ...], columns: int | None, title: str | None
) -> tuple[Figure, list[Axes]]:
    """A figure with named axes for tables of one shape, as square as the table is, and room for a bar."""
    if columns is not None and columns < 1:
        raise InputError(f"columns must be at least 1, got {columns}")
    n = len(names)
    across = min(n, columns or (2 if n in (1, 2, 4) else 3))
    down = -(-n // across)
    wide = max(2.2, 4.4 / across)
    wrapped = [textwrap.fill(name, int(10 * wide)) for name in names]
    tall = wide * min(1.6, max(0.5, shape[0] / shape[1])) + 0.1
    lettering = 0.22 * (1 + max(name.count("\n") for name in wrapped))
    below = 0.75 if n % across else 0.45  # numbers under x2, twice if a line is not full
    height = (tall + lettering) * down + below + 0.8 + (0.3 if title else 0.0)
    figure = new_figure(wide * across + 0.9, height, title)
    grid = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
    for axes in grid.flat[n:]:
        axes.set_axis_off()
    for place, (axes, name) in enumerate(zip(grid.flat, wrapped, strict=False)):
        lowest = place + across >= n  # of its column: it may stand over an empty place
        grow_letters(axes, x="x2" if lowest else "", y="" if place % across else "x1", title=name)
        axes.xaxis.set_tick_params(labelbottom=lowest)
    return figure, list(grid.flat[:n])


def _show(axes: Axes, table: _Floats, *, cmap: str, low: float, high: float) -> AxesImage:
    from matplotlib import colormaps

    shown = axes.imshow(
        table,
        cmap=colormaps[cmap].with_extremes(bad=_NOTHING),
        vmin=low,
        vmax=high,
        aspect="equal" if 1 / 4 <= table.shape[0] / table.shape[1] <= 4 else "auto",
    )
    axes.locator_params(integer=True, nbins=4)
    return shown


def _bar(
    figure: Figure, panels: Sequence[Axes], shown: AxesImage, label: str, extend: str, unit: float = 1.0
) -> None:
    from matplotlib.ticker import FuncFormatter

    bar = figure.colorbar(
        shown, ax=list(panels), location="bottom", shrink=0.7, aspect=30, extend=extend, pad=0.02
    )
    bar.ax.locator_params(nbins=5)
    bar.formatter = FuncFormatter(lambda value, _: f"{value / unit:g}")
    bar.update_ticks()
    bar.set_label(label, fontsize=LETTERS)
    bar.ax.tick_params(labelsize=LETTERS - 2)
