"""The values over which an unknown variable is summed: codes, the points of a small grid, or atoms alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from made.masks.ordering import IntArray
from made.variables.allowed_values import region_of
from made.variables.numeric import Numeric
from made.variables.region import Region
from made.variables.row_type import RowType

__all__ = ["ValueSet", "value_sets"]

# Largest number of points of a grid that are gone through one by one, and the normal scores up to which: the
# marginal leaves 1e-12 of its mass beyond the first, 1e-6 beyond the last.
_MOST_POINTS, _ENDS = 512, (7.0, 6.0, 4.9)


@dataclass(frozen=True, eq=False)
class ValueSet:
    """Values of one variable, and whether they are all that it may take.

    Attributes
    ----------
    codes, bodies : (n,) int64 arrays
        The values. Bodies are 0 where a variable is discrete.
    has_nodes : bool
        The body is not among them: it is integrated over.
    is_cut : bool
        The points of a grid far out in both tails are not among them.
    body : Region, optional
        Where there are nodes: the region of the body that is integrated over.
    place : int, optional
        Which of the bodies of a row a numeric variable has.
    """

    codes: IntArray
    bodies: IntArray
    has_nodes: bool = False
    is_cut: bool = False
    body: Region | None = None
    place: int | None = None

    def __len__(self) -> int:
        """Return the number of values."""
        return len(self.codes)


def value_sets(
    variables: RowType, regions: Mapping[int, Region] | None, *, with_unseen: bool = False
) -> Sequence[ValueSet]:
    """Return the values of every variable that its region allows.

    Parameters
    ----------
    variables : RowType
        What the columns are.
    regions : mapping of int to Region, optional
        By variable.
    with_unseen : bool
        A label that is no class is a value too, where there is no region.
    """
    found: list[ValueSet] = []
    for begin, block in variables.spans:
        whole = None
        for d in range(begin, begin + block.n):
            region = (regions or {}).get(d)
            if isinstance(block, Numeric):
                found.append(_of_number(variables, d, block, region))
            elif region is not None:
                found.append(_of_codes(np.flatnonzero(region.codes)))
            else:
                whole = whole or _of_codes(np.arange(block.n_codes if with_unseen else block.n_values))
                found.append(whole)
    return found


def _of_codes(codes: IntArray) -> ValueSet:
    return ValueSet(codes, np.zeros_like(codes))


@lru_cache(maxsize=1024)
def _of_number(variables: RowType, d: int, block: Numeric, region: Region | None) -> ValueSet:
    """Return the values of a numeric variable: made once, since a question asks for them again and again."""
    assert variables.numbers is not None
    own, place = region_of(block, [], "") if region is None else region, variables.numbers.number_of(d)
    atoms = np.flatnonzero(own.codes[1:]) + 1
    bodies = block.bodies_of_codes(atoms, np.zeros_like(atoms))
    if not own.codes[0]:
        return ValueSet(atoms, bodies, place=place)
    for end in _ENDS if block.step is not None else ():
        z = torch.tensor([[-end, end]], dtype=torch.float64)
        tails = variables.numbers.alone(place).scores.values(z)[0].numpy()
        first, last = block.bodies_near(tails).tolist()
        ends = zip(own.least.tolist(), own.most.tolist(), strict=True)
        runs = [(max(a, first), min(b, last)) for a, b in ends]
        size = sum(max(b - a + 1, 0) for a, b in runs)
        if 0 < size <= _MOST_POINTS:
            points = np.concatenate([np.arange(a, b + 1) for a, b in runs])
            points = points[block.codes_of(points) == 0]  # a spike counts with its cell
            codes = np.concatenate([atoms, np.zeros_like(points)])
            is_cut = bool(own.least[0] < first or own.most[-1] > last)
            return ValueSet(codes, np.concatenate([bodies, points]), is_cut=is_cut, place=place)
    return ValueSet(atoms, bodies, has_nodes=True, body=own.of_body, place=place)
