"""What all pictures share: empty figures, lettering, colours, and saving to a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from made.support.errors import InputError
from made.support.writing import path_aside

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "LETTERS",
    "TITLE",
    "check_place",
    "degree_colours",
    "grow_letters",
    "new_figure",
    "save",
    "shortened",
]

# Points, on figures about 7 inches wide: still readable when a phone shows the figure at a third of its size.
LETTERS = 13.0
TITLE = 15.0

_ENDINGS = (".png", ".svg", ".pdf")


def new_figure(width: float, height: float, title: str | None = None, *, pad: float = 0.09) -> Figure:
    """An empty white figure of ``width`` x ``height`` inches, ``pad`` inches around all that stands on it."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    margins = ConstrainedLayoutEngine(w_pad=pad, h_pad=pad)
    figure = Figure(figsize=(width, height), dpi=150, layout=margins, facecolor="white")
    if title:
        figure.suptitle(title, fontsize=TITLE)
    return figure


def grow_letters(axes: Axes, *, x: str = "", y: str = "", title: str = "") -> None:
    """Name the axes and set every number on them in a readable size."""
    axes.set_xlabel(x, fontsize=LETTERS)
    axes.set_ylabel(y, fontsize=LETTERS)
    axes.set_title(title, fontsize=LETTERS)
    axes.tick_params(labelsize=LETTERS - 2)


def shortened(text: str, most: int) -> str:
    """Return a label of at most `most` characters, with an ellipsis where it was cut.

    Examples
    --------
    >>> shortened("Married-civ-spouse", 14)
    'Married-civ-s…'
    """
    return text if len(text) <= most else text[: most - 1] + "…"


def degree_colours(highest: int) -> list[tuple[float, float, float]]:
    """One colour for each degree 0..highest: white for 0, then darker the more a unit knows.

    The order is one of lightness, so that it survives grey printing.

    Examples
    --------
    >>> [round(sum(colour), 2) for colour in degree_colours(2)]
    [3.0, 1.59, 0.66]
    """
    from matplotlib import colormaps

    # The bright end of the scale is left out: yellow lines vanish on white paper.
    places = np.linspace(0.78, 0.02, max(1, highest))
    colours = [tuple(float(part) for part in colour[:3]) for colour in colormaps["viridis"](places)]
    return [(1.0, 1.0, 1.0), *((r, g, b) for r, g, b in colours)]


def check_place(path: str | os.PathLike[str]) -> None:
    """Raise an `InputError` if no picture can be saved there: to ask before the work of a long one is done.

    Examples
    --------
    >>> check_place("nowhere/picture.png")
    Traceback (most recent call last):
        ...
    made.support.errors.InputError: cannot write 'nowhere/picture.png': there is no folder 'nowhere'
    """
    target = Path(path)
    if target.suffix.lower() not in _ENDINGS:
        raise InputError(f"cannot write {str(target)!r}: end the name in .png, .svg or .pdf")
    if not target.parent.is_dir():
        raise InputError(f"cannot write {str(target)!r}: there is no folder {str(target.parent)!r}")
    if target.is_dir():
        raise InputError(f"cannot write {str(target)!r}: it is a folder")
    if not os.access(target.parent, os.W_OK):
        raise InputError(f"cannot write {str(target)!r}: no right to write into {str(target.parent)!r}")


def save(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a figure to a file; a file of that name is replaced whole or not at all.

    Parameters
    ----------
    figure : Figure
        What one of the functions of ``made.plots`` returned.
    path : path-like
        Where to; the ending ``.png``, ``.svg`` or ``.pdf`` chooses the format.

    Raises
    ------
    InputError
        If the ending is another one or the folder does not exist.

    Examples
    --------
    >>> save(new_figure(2, 1), "picture.jpg")
    Traceback (most recent call last):
        ...
    made.support.errors.InputError: cannot write 'picture.jpg': end the name in .png, .svg or .pdf
    """
    target = Path(path)
    check_place(target)
    ending = target.suffix.lower()
    # No date inside: the same figure gives the same file.
    undated: dict[str, dict[str, str | None]] = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
    with path_aside(target) as aside:
        figure.savefig(aside, format=ending[1:], metadata=undated.get(ending))
