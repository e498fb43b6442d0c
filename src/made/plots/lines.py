"""Several curves on one axis: what is measured by epoch or by number of masks, model beside model."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from made.plots.style import LETTERS, grow_letters, new_figure
from made.support.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_horizontals", "lines", "stroke"]

_Floats = NDArray[np.float64]

# Colour, dashes, marker. Neighbours differ in all three, and in luminance: one is enough on grey paper.
_STROKES: tuple[tuple[str, Any, str], ...] = (
    ("#1f4e8c", "-", "o"),
    ("#e58a1f", (0, (5, 1.5)), "s"),
    ("#111111", (0, (1.5, 1.2)), "^"),
    ("#2a9d8f", (0, (6, 1.5, 1.5, 1.5)), "D"),
    ("#7b2d8b", (0, (9, 2)), "v"),
    ("#d98bb0", "-", "P"),
    ("#5b4a1e", (0, (4, 1.5, 1, 1.5, 1, 1.5)), "X"),
    ("#8fb8de", (0, (3, 1)), "*"),
)
_HORIZONTAL_DASHES = ("--", (0, (6, 2, 1, 2)), (0, (2, 2)), (0, (8, 3)))
_MARKED = 40  # points; markers on longer series would hide the line


def lines(
    x: ArrayLike | Mapping[str, ArrayLike] | None,
    series: Mapping[str, ArrayLike | tuple[ArrayLike, ArrayLike]],
    *,
    x_label: str,
    y_label: str,
    horizontal: Mapping[str, float] = MappingProxyType({}),
    logarithmic: bool = False,
    title: str | None = None,
    strokes: Mapping[str, tuple[int, int]] = MappingProxyType({}),
) -> Figure:
    """Several series over one axis, with their names below.

    The vertical range fits the horizontal lines and all but the first tenth of a series, whose steep fall may
    leave it at the top. Values that are not finite leave gaps.

    Parameters
    ----------
    x : array_like, mapping of str to array_like, or None
        Where the values stand: one list for all series, one for each, or None where every series has its own.
    series : mapping of str to array_like or (array_like, array_like)
        Name and values, or name and a tuple (x, values).
    x_label, y_label : str
        Names of the axes, with units.
    horizontal : mapping of str to float, optional
        Name and height of what the series are held against: dashed lines.
    logarithmic : bool, optional
        Whether the vertical axis is; all values must then be above 0.
    title : str, optional
        Over the axes.
    strokes : mapping of str to (int, int), optional
        Colour and dashes of a series, as numbers of `stroke`, so that what it shows looks the same in other
        pictures; else both are those of its place.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        If there is no series, x and values differ in length, or a height cannot be drawn.

    Examples
    --------
    >>> figure = lines([1, 2, 4], {"raw": [0.3, 0.1, 0.04]}, x_label="epochs", y_label="KL (nats)")
    >>> figure.axes[0].lines[0].get_ydata().tolist()
    [0.3, 0.1, 0.04]
    """
    if not series:
        raise InputError("lines needs at least one series, got none")
    curves = {name: _curve(name, x, values) for name, values in series.items()}
    for name, value in horizontal.items():
        _check_height(name, value)
    if logarithmic:
        _check_positive(curves, horizontal)
    figure = new_figure(7.2, 5.2)
    axes = figure.subplots()
    for place, (name, (across, values)) in enumerate(curves.items()):
        style = stroke(*strokes.get(name, (place, place)))
        if len(values) > _MARKED:
            style["marker"] = ""
        axes.plot(across, values, label=name, **style)
    grow_letters(axes, x=x_label, y=y_label, title=title or "")
    low, high = _vertical_range([values for _, values in curves.values()], horizontal, logarithmic)
    if logarithmic:
        _log_axis(axes, low, high)
    axes.set_ylim(low, high)
    draw_horizontals(axes, horizontal)
    if all((across % 1 == 0).all() for across, _ in curves.values()):
        axes.locator_params(axis="x", integer=True)  # there is no epoch 2.5
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    columns = 2 if len(curves) > 1 and max(map(len, curves)) <= 32 else 1
    figure.legend(
        loc="outside lower center", ncols=columns, fontsize=LETTERS - 1, frameon=False, handlelength=3.2
    )
    return figure


def stroke(colour: int, dashes: int | None = None) -> dict[str, Any]:
    """How a line is drawn: keywords of matplotlib's ``plot``; without `dashes`, those of the colour."""
    shade, _, _ = _STROKES[colour % len(_STROKES)]
    _, pattern, marker = _STROKES[(colour if dashes is None else dashes) % len(_STROKES)]
    return {"color": shade, "linestyle": pattern, "linewidth": 2.0, "marker": marker, "markersize": 5}


def draw_horizontals(axes: Axes, horizontals: Mapping[str, float]) -> None:
    """Dashed horizontal lines with their names on them; in the legend, where curves leave no room for one."""
    curves = [_in_axes(axes, line.get_xdata(), line.get_ydata()) for line in axes.lines]
    taken: list[_Box] = []
    ordered = sorted(horizontals.items(), key=lambda item: -item[1])
    for place, (name, value) in enumerate(ordered):
        _check_height(name, value)
        dashes = _HORIZONTAL_DASHES[place % len(_HORIZONTAL_DASHES)]
        line = axes.axhline(value, color="0.25", linewidth=1.3, linestyle=dashes, zorder=2)
        text = f"{name} {value:.4g}"
        height = float(_in_axes(axes, [axes.get_xlim()[0]], [value])[0, 1])
        places = [(ha, va) for ha in ("right", "left") for va in ("bottom", "top")]
        boxes = [_box_of(axes, text, height, ha, va) for ha, va in places]
        crossings = [_crossings(box, curves, taken) for box in boxes]
        best = int(np.argmin(crossings))
        if crossings[best] > 0:
            line.set_label(text)
            continue
        ha, va = places[best]
        taken.append(boxes[best])
        axes.annotate(
            text,
            (0.99 if ha == "right" else 0.01, value),
            xycoords=("axes fraction", "data"),
            xytext=(0, 3 if va == "bottom" else -3),
            textcoords="offset points",
            ha=ha,
            va=va,
            fontsize=LETTERS - 2,
            color="0.15",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.5},
            zorder=6,
        )


class _Box(NamedTuple):
    """Where a name is, in fractions of the axes."""

    left: float
    right: float
    bottom: float
    top: float


def _box_of(axes: Axes, text: str, height: float, ha: str, va: str) -> _Box:
    """Return about where a name of a line at a height would be."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    extent = axes.get_position()
    wide, high = (own * 72 for own in figure.get_size_inches())  # in points
    width = 0.58 * (LETTERS - 2) * len(text) / (extent.width * wide)
    up = 1.6 * (LETTERS - 2) / (extent.height * high)
    left = 0.99 - width if ha == "right" else 0.01
    bottom = height if va == "bottom" else height - up
    return _Box(left, left + width, bottom, bottom + up)


def _in_axes(axes: Axes, x: Any, y: Any) -> _Floats:
    """Return points of the data in fractions of the axes, (n, 2)."""
    axes.get_xlim()  # which follow from the data once they are asked for
    points = np.stack([np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)], axis=1)
    there: _Floats = (axes.transScale + axes.transLimits).transform(points)
    return there


def _crossings(box: _Box, curves: list[_Floats], taken: list[_Box]) -> float:
    """Return how much of a box curves pass, and whether another name or the edge is in the way."""
    across = np.linspace(box.left, box.right, 60)
    passed = 0.0
    for curve in curves:
        known = curve[np.isfinite(curve).all(axis=1)]
        known = known[np.argsort(known[:, 0], kind="stable")]
        if len(known):
            heights = np.interp(across, known[:, 0], known[:, 1], left=np.nan, right=np.nan)
            passed += float(((heights > box.bottom) & (heights < box.top)).mean())
    overlaps = any(
        box.left < own.right and own.left < box.right and box.bottom < own.top and own.bottom < box.top
        for own in taken
    )
    return passed + 10.0 * (overlaps + (box.bottom < 0) + (box.top > 1.05))


def _curve(name: str, x: ArrayLike | Mapping[str, ArrayLike] | None, values: Any) -> tuple[_Floats, _Floats]:
    if isinstance(values, tuple) and len(values) == 2 and all(np.ndim(part) == 1 for part in values):
        x, values = values
    elif isinstance(x, Mapping):
        x = x.get(name)
    if x is None:
        raise InputError(f"series {name!r} has no x: give one for all, or a tuple (x, values)")
    across, heights = np.asarray(x, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if across.ndim != 1 or across.shape != heights.shape or not across.size:
        raise InputError(
            f"series {name!r} needs as many values as x, at least one, got {heights.shape} and {across.shape}"
        )
    return across, heights


def _check_height(name: str, value: float) -> None:
    if not np.isfinite(value):
        raise InputError(f"the line {name!r} is {value}, give a finite number")


def _check_positive(curves: Mapping[str, tuple[_Floats, _Floats]], horizontals: Mapping[str, float]) -> None:
    named = {name: values for name, (_, values) in curves.items()}
    named |= {name: np.array([value]) for name, value in horizontals.items()}
    for name, values in named.items():
        if (values <= 0).any():
            raise InputError(
                f"a logarithmic axis needs numbers above 0, but {name!r} holds {np.nanmin(values):.4g}"
            )


def _vertical_range(
    heights: list[_Floats], horizontals: Mapping[str, float], logarithmic: bool
) -> tuple[float, float]:
    """Limits that hold every line and every value, but for the fall in the first tenth of a series."""
    values = [each[np.isfinite(each)] for each in heights]
    settled = [each[len(each) // 10 :] for each in values]
    low = np.concatenate([*values, list(horizontals.values())])
    high = np.concatenate([*settled, list(horizontals.values())])
    if not low.size:
        return (0.1, 1.0) if logarithmic else (0.0, 1.0)
    bottom, top = float(low.min()), float(high.max())
    if logarithmic:
        margin = (top / bottom) ** 0.06 if top > bottom else 1.5
        return bottom / margin, top * margin**1.5
    room = 0.06 * (top - bottom) or 0.05 * abs(top) or 1.0
    return bottom - room, top + 1.5 * room


def _log_axis(axes: Axes, low: float, high: float) -> None:
    """A logarithmic axis with plain numbers on it, enough of them also within one decade."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    axes.set_yscale("log")
    narrow = high / low < 8
    axes.yaxis.set_major_locator(MaxNLocator(6) if narrow else LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
