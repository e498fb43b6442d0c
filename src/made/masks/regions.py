"""Orderings of the pixels of an image as questions about it come: along a side, and one region first.

Uniform orderings of many pixels hardly ever have a half, or what somebody has painted, first. Here pixels
follow each other line by line, along one of eight directions, or, in a quarter of the draws, in any order. In
three quarters of the draws those of one region come first: what is on one side of a line, or in a rectangle,
or all but that.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from made.masks.ordering import IntArray, random
from made.support.errors import InputError
from made.support.uniforms import Stream

__all__ = ["N_SCANS", "check_grid", "of_regions", "scan"]

#: Directions along which pixels follow each other line by line.
N_SCANS = 8
_ANY_ORDER, _WHOLE = 0.25, 0.25
_SIDES, _OUTSIDE = 0.5, 0.5


def check_grid(name: str, n_variables: int) -> tuple[int, int]:
    """Return the shape that an ordering names, ``"regions HxW"``.

    Raises
    ------
    InputError
        If it names none, or one of another number of pixels.

    Examples
    --------
    >>> check_grid("regions 4x2", 8)
    (4, 2)
    """
    found = re.fullmatch(r"regions (\d{1,6})x(\d{1,6})", name)
    if found is None:
        raise InputError(f"an ordering by regions is written 'regions 28x28', got {name!r}")
    height, width = int(found[1]), int(found[2])
    if height * width != n_variables:
        raise InputError(f"ordering {name!r} is of {height * width:,} pixels, and there are {n_variables:,}")
    return height, width


def scan(grid: tuple[int, int], direction: int) -> IntArray:
    """Return the pixels line by line: direction 0 is the natural ordering, of 8 that there are.

    Examples
    --------
    >>> scan((2, 3), 0), scan((2, 3), 1), scan((2, 3), 4)
    (array([0, 1, 2, 3, 4, 5]), array([3, 4, 5, 0, 1, 2]), array([0, 3, 1, 4, 2, 5]))
    """
    pixels: IntArray = np.arange(grid[0] * grid[1], dtype=np.int64).reshape(grid)
    pixels = pixels[::-1] if direction & 1 else pixels
    pixels = pixels[:, ::-1] if direction & 2 else pixels
    return np.ascontiguousarray(pixels.T if direction & 4 else pixels).reshape(-1)


def of_regions(grid: tuple[int, int], stream: Stream) -> IntArray:
    """Draw an ordering.

    Examples
    --------
    >>> sorted(of_regions((2, 3), Stream(1)).tolist())
    [0, 1, 2, 3, 4, 5]
    """
    any_order, whole, direction = stream.take(3)
    n = grid[0] * grid[1]
    ordering = random(n, stream) if any_order < _ANY_ORDER else scan(grid, int(N_SCANS * direction))
    if whole < _WHOLE:
        return ordering
    is_first = _region(grid, stream).reshape(-1)
    return ordering[np.argsort(~is_first[ordering], kind="stable")]


def _region(grid: tuple[int, int], stream: Stream) -> NDArray[np.bool_]:
    """Draw which pixels come first, (H, W)."""
    kind, outside, *ends = stream.take(6)
    if kind < _SIDES:
        side, edge = int(2 * ends[0]), ends[1]
        bounds = [(0, grid[0]), (0, grid[1])]
        bounds[side] = (0, 1 + int(edge * (grid[side] - 1))) if grid[side] > 1 else (0, 1)
    else:
        bounds = [
            (int(low * size), int(low * size) + 1 + int(length * (size - int(low * size))))
            for size, low, length in zip(grid, ends[:2], ends[2:], strict=True)
        ]
    (top, bottom), (left, right) = bounds
    inside = np.zeros(grid, dtype=bool)
    inside[top:bottom, left:right] = True
    return inside if outside < _OUTSIDE else ~inside
