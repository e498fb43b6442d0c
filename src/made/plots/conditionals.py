"""One variable given others: the density of numbers with their atoms, points of a grid, classes as bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from made.plots.style import LETTERS, grow_letters, new_figure
from made.support.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["class_probabilities", "density_of_number", "masses_of_number"]

_Floats = NDArray[np.float64]

# Light and dark blue: outside and inside of an interval. Atoms are orange, what is missing is grey.
_LIGHT, _DARK, _ATOM, _MISSING = "#c6dbf0", "#5b93c9", "#c2410c", "#8a8a8a"
_LINE = "#1f4e8c"
_SMALL = LETTERS - 3
# Classes drawn, bars or atoms whose number is written beside them, and points of a grid drawn as bars.
_MOST_CLASSES, _MOST_WRITTEN, _MOST_BARS = 16, 12, 80
# The values drawn: those with a density above this part of the highest.
_PART_OF_HIGHEST = 0.005
_WIDTH, _HEIGHT = 6.4, 3.4
# Height of the axes where two lines stand above a bar, in its own heights.
_ROOM = 1.3


def density_of_number(
    nodes: ArrayLike,
    heights: ArrayLike,
    *,
    atoms: Mapping[float, float] = MappingProxyType({}),
    p_missing: float = 0.0,
    interval: tuple[float, float] | None = None,
    name: str = "",
    about: str = "",
    axes: Axes | None = None,
) -> Figure:
    """Draw the density of a number, and the probabilities of its atoms on an axis of their own.

    Parameters
    ----------
    nodes, heights : (m,) array_like
        Values, ascending, and the density at them.
    atoms : mapping of float to float, optional
        The probability of each value that has one.
    p_missing : float, optional
        That there is no value.
    interval : (low, high), optional
        Shaded darker.
    name, about : str, optional
        Of the column, below; a line above.
    axes : Axes, optional
        Where to draw; by default on a figure of its own.

    Returns
    -------
    Figure

    Examples
    --------
    >>> x = np.linspace(0, 5, 100)
    >>> figure = density_of_number(x, 0.8 * np.exp(-x), atoms={0.0: 0.2}, name="income")
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['density', 'probability']
    """
    x, density = _pair("nodes", "heights", nodes, heights)
    own = _own(axes)
    low, high = _range(x, density, atoms)
    inside = (x >= low) & (x <= high)
    own.fill_between(x[inside], density[inside], color=_LIGHT, linewidth=0)
    if interval is not None and interval[0] < interval[1]:
        part = np.union1d(x[(x > interval[0]) & (x < interval[1])], np.clip(interval, low, high))
        own.fill_between(part, np.interp(part, x, density), color=_DARK, linewidth=0)
    own.plot(x[inside], density[inside], color=_LINE, linewidth=1.8)
    own.set_ylim(0, 1.08 * float(density[inside].max()))
    own.locator_params(axis="y", nbins=5)
    stems = {value: p for value, p in atoms.items() if low <= value <= high}
    grow_letters(own, x=name, y="density", title="")
    if stems or p_missing > 0:
        beside = own.twinx()
        grow_letters(beside, y="probability")
        beside.yaxis.label.set_color(_ATOM)
        beside.tick_params(axis="y", colors=_ATOM)
        _draw_stems(beside, stems)
        _draw_missing(beside, own, low, high, p_missing)
        beside.set_ylim(0, max(1.15 * max(stems.values(), default=0.0), _ROOM * p_missing, 1e-9))
        beside.locator_params(axis="y", nbins=5)
        beside.spines["top"].set_visible(False)
    if p_missing == 0:
        own.set_xlim(low - 0.08 * (high - low), high + 0.04 * (high - low))
    return _finished(own, about, ("top",))


def masses_of_number(
    points: ArrayLike,
    masses: ArrayLike,
    *,
    atoms: Mapping[float, float] = MappingProxyType({}),
    p_missing: float = 0.0,
    interval: tuple[float, float] | None = None,
    name: str = "",
    about: str = "",
    axes: Axes | None = None,
) -> Figure:
    """Draw the probability of every point of a grid; what atoms add to it in another colour.

    Parameters
    ----------
    points, masses : (m,) array_like
        Values, ascending, and their probabilities without those of the atoms.
    atoms, p_missing, interval, name, about, axes
        As for `density_of_number`.

    Examples
    --------
    >>> figure = masses_of_number([0, 1, 2], [0.2, 0.3, 0.1], atoms={0.0: 0.4}, name="children")
    >>> figure.axes[0].get_ylabel()
    'probability'
    """
    x, mass = _pair("points", "masses", points, masses)
    at = np.union1d(x, np.array(list(atoms), dtype=np.float64))
    of_body = np.zeros(len(at))
    of_body[np.searchsorted(at, x)] = mass
    of_atoms = np.array([atoms.get(value, 0.0) for value in at.tolist()])
    own = _own(axes)
    step = float(np.diff(at).min()) if len(at) > 1 else 1.0
    low, high = _range(at, of_body, atoms)
    drawn = (at >= low) & (at <= high)
    width = (0.8 if drawn.sum() <= _MOST_BARS else 1.0) * step
    within = np.ones(len(at), dtype=bool)
    if interval is not None:
        within = (at >= interval[0]) & (at <= interval[1])
    for some, colour in (
        (drawn & within, _DARK if interval is not None else _LIGHT),
        (drawn & ~within, _LIGHT),
    ):
        own.bar(at[some], of_body[some], width, color=colour)
    if atoms:
        own.bar(at[drawn], of_atoms[drawn], width, bottom=of_body[drawn], color=_ATOM)
    total = of_body + of_atoms
    if drawn.sum() <= _MOST_WRITTEN:
        own.set_xticks(at[drawn].tolist())
        for value, p in zip(at[drawn].tolist(), total[drawn].tolist(), strict=True):
            _write(own, value, p)
    else:
        for value in sorted(atoms, key=lambda own: -atoms[own])[:_MOST_WRITTEN]:
            if low <= value <= high:
                _write(own, value, float(total[at == value][0]))
    grow_letters(own, x=name, y="probability", title="")
    own.set_ylim(0, max(1.15 * float(total[drawn].max()), _ROOM * p_missing))
    own.set_xlim(low - step, high + step)
    _draw_missing(own, own, low, high, p_missing)
    return _finished(own, about, ("top", "right"))


def class_probabilities(
    values: Sequence[Any],
    probabilities: ArrayLike,
    error: ArrayLike | None = None,
    *,
    name: str = "",
    about: str = "",
    axes: Axes | None = None,
) -> Figure:
    """Draw the probability of every class as a horizontal bar, with the error where there is one.

    Parameters
    ----------
    values : sequence of K labels
        None stands for what is missing.
    probabilities, error : (K,) array_like
        Of the classes; standard errors.
    name, about, axes
        As for `density_of_number`. Of more than 16 classes the most probable are drawn.

    Examples
    --------
    >>> figure = class_probabilities(["red", "blue"], [0.7, 0.3])
    >>> [text.get_text() for text in figure.axes[0].get_yticklabels()]
    ['red', 'blue']
    """
    p = np.asarray(probabilities, dtype=np.float64)
    spread = np.zeros(len(p)) if error is None else np.asarray(error, dtype=np.float64)
    if p.ndim != 1 or len(p) == 0 or not len(values) == len(p) == len(spread):
        raise InputError("each class has a value, a probability and an error: give as many of each")
    shown = np.arange(len(p))
    if len(p) > _MOST_CLASSES:
        shown = np.sort(np.argsort(-p, kind="stable")[:_MOST_CLASSES])
        others = float(p.sum() - p[shown].sum())
        about = f"{about}{'; ' if about else ''}{len(p) - len(shown):,} others: {_percent(others)}"
    own = _own(axes, 0.34 * len(shown) + 1.1)
    places = np.arange(len(shown))
    drawn = [values[k] for k in shown.tolist()]
    labels = ["missing" if value is None else str(value) for value in drawn]
    colours = [_MISSING if value is None else _DARK for value in drawn]
    has_error = bool((spread[shown] > 0).any())
    bars: dict[str, Any] = (
        {"xerr": spread[shown], "error_kw": {"elinewidth": 1.6, "capsize": 3}} if has_error else {}
    )
    own.barh(places, p[shown], 0.72, color=colours, **bars)
    ends = np.minimum(p[shown] + spread[shown], 1.0)
    room = 0.015 * float(ends.max())
    for place, end, k in zip(places.tolist(), ends.tolist(), shown.tolist(), strict=True):
        own.text(end + room, place, _percent(float(p[k])), va="center", fontsize=_SMALL)
    grow_letters(own, x="probability", y=name, title="")
    own.set_yticks(places.tolist(), [label if len(label) <= 24 else f"{label[:23]}…" for label in labels])
    own.invert_yaxis()
    own.set_xlim(0, 1.16 * float(ends.max()))
    return _finished(own, about, ("top", "right"))


def _own(axes: Axes | None, height: float = _HEIGHT) -> Axes:
    return new_figure(_WIDTH, height).subplots() if axes is None else axes


def _finished(axes: Axes, about: str, open_sides: Sequence[str]) -> Figure:
    """Write the line above, and return the figure."""
    for side in open_sides:
        axes.spines[side].set_visible(False)
    axes.set_title(about, fontsize=_SMALL, loc="left")
    figure = axes.get_figure(root=True)
    assert figure is not None
    return figure


def _pair(name: str, other: str, first: ArrayLike, second: ArrayLike) -> tuple[_Floats, _Floats]:
    x, y = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape or len(x) == 0:
        raise InputError(
            f"{name} and {other} are two lists of one length, got shapes {x.shape} and {y.shape}"
        )
    return x, y


def _range(x: _Floats, heights: _Floats, atoms: Mapping[float, float]) -> tuple[float, float]:
    """Return the values between which what is worth seeing lies."""
    seen = x[heights >= _PART_OF_HIGHEST * heights.max()]
    ends = [*seen[[0, -1]].tolist(), *(value for value, p in atoms.items() if p >= _PART_OF_HIGHEST)]
    low, high = min(ends), max(ends)
    return (low, high) if low < high else (low - 0.5, high + 0.5)


def _draw_stems(axes: Axes, atoms: Mapping[float, float]) -> None:
    for value, p in atoms.items():
        axes.plot([value, value], [0, p], color=_ATOM, linewidth=3, solid_capstyle="butt")
        axes.plot([value], [p], "o", color=_ATOM, markersize=6)
    for value in sorted(atoms, key=lambda own: -atoms[own])[:_MOST_WRITTEN]:
        _write(axes, value, atoms[value])


def _draw_missing(axes: Axes, below: Axes, low: float, high: float, p: float) -> None:
    """Draw a bar beside the values, past a line that says that it is none of them."""
    if p == 0:
        return
    width = high - low
    place = high + 0.15 * width
    below.axvline(high + 0.07 * width, color="#bbbbbb", linewidth=1, linestyle=":")
    axes.bar([place], [p], 0.05 * width, color=_MISSING)
    _write(axes, place, p, "missing\n")
    ticks = [tick for tick in below.get_xticks() if low - 0.08 * width <= tick <= high + 0.03 * width]
    below.set_xticks(ticks)
    below.set_xlim(low - 0.08 * width, high + 0.24 * width)


def _write(axes: Axes, value: float, p: float, before: str = "") -> None:
    place: dict[str, Any] = {"xytext": (0, 5), "textcoords": "offset points", "ha": "center"}
    axes.annotate(f"{before}{_percent(p)}", (value, p), fontsize=_SMALL, **place)


def _percent(p: float) -> str:
    """Return a probability in percent, with two digits that count."""
    if 0.095 <= p < 0.995 or p == 1:
        return f"{p:.0%}"
    return f"{p:.1%}" if p >= 0.0005 else "<0.05%"
