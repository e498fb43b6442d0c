"""A limit beside the rule of degrees: a unit sees a neighbourhood on the grid of an image.

A hidden unit of degree m is at the variable of rank m + 1, the next one that it can help to predict. It sees
inputs and units that are at most `reach` pixels away, in each direction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from made.masks.ordering import IntArray
from made.support.checks import check_int
from made.support.errors import InputError

__all__ = ["EVERYWHERE", "ReceptiveField"]

#: The place of context, which every unit sees.
EVERYWHERE = -1


@dataclass(frozen=True)
class ReceptiveField:
    """What is near what on a grid.

    Parameters
    ----------
    grid : (rows, columns)
        Of the image; variable ``row * columns + column`` is its pixel in this row and column.
    reach : int
        Largest distance in pixels at which something is seen, in each direction.

    Examples
    --------
    >>> field = ReceptiveField((3, 3), reach=1)
    >>> field.near(np.array([0]), np.arange(9)).astype(int).reshape(3, 3)
    array([[1, 1, 0],
           [1, 1, 0],
           [0, 0, 0]])
    """

    grid: tuple[int, int]
    reach: int

    def __post_init__(self) -> None:
        """Check both."""
        sides = self.grid
        if not isinstance(sides, Sequence | np.ndarray) or len(sides) != 2:
            raise InputError(f"grid is the number of rows and columns of an image, got {sides!r}")
        object.__setattr__(
            self, "grid", tuple(check_int("a side of the grid", side, least=1) for side in sides)
        )
        object.__setattr__(self, "reach", check_int("reach", self.reach, least=1))

    @classmethod
    def for_variables(cls, field: Any, n_variables: int) -> ReceptiveField | None:
        """Make one from None, or from grid and reach by name; refuse what does not fit the variables."""
        if field is None or isinstance(field, cls):
            made = field
        elif isinstance(field, dict) and set(field) == {"grid", "reach"}:
            made = cls(**field)
        else:
            raise InputError(f"field is {{'grid': (rows, columns), 'reach': pixels}}, got {field!r}")
        if made is not None and made.grid[0] * made.grid[1] != n_variables:
            raise InputError(
                f"a grid of {made.grid[0]} x {made.grid[1]} has {made.grid[0] * made.grid[1]} pixels, "
                f"but there are {n_variables} variables"
            )
        return made

    def near(self, above: IntArray, below: IntArray) -> NDArray[np.bool_]:
        """Return what is near what: places (n_above,) and (n_below,) to (n_above, n_below)."""
        columns = self.grid[1]
        down = np.abs(above[:, None] // columns - below // columns)
        across = np.abs(above[:, None] % columns - below % columns)
        near: NDArray[np.bool_] = (np.maximum(down, across) <= self.reach) | (below == EVERYWHERE)
        return near

    def settings(self) -> dict[str, Any]:
        """Return what makes this again, JSON-ready."""
        return {"grid": list(self.grid), "reach": self.reach}
