"""The reach of numbers: values beyond it count as its ends in means, and are not drawn.

A density has tails, and those of a skewed column go on for powers of its range. What they hold is little,
yet one value far beyond all rows that were seen decides a mean, and spoils what is fitted to drawn rows.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from statistics import NormalDist
from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from made.masks.ordering import IntArray
from made.queries.density import Askable, Floats
from made.queries.work import index, uniforms_of
from made.support.uniforms import REDRAWS
from made.variables.column_types import range_of
from made.variables.numeric_columns import NumericColumns
from made.variables.region import Region
from made.variables.rows import Rows
from made.variables.schema import Schema

__all__ = ["N_REDRAWS", "Reach", "in_reach", "reach_of", "redraw_uniforms"]

# The normal score of either end: beyond it is the last millionth.
_FARTHEST = -NormalDist().inv_cdf(1e-6)
# How far reach goes beyond the range of the rows that were seen, in widths of the range.
_BEYOND = 0.1
#: How often a row is drawn anew before what is still beyond reach is set to its end.
N_REDRAWS = 8


class _Ends(NamedTuple):
    """The reach of all numbers of a model.

    Attributes
    ----------
    exact : (B, 2) float64 array
        Its ends.
    least, largest : (B,) tensors
        The outermost values within; of grids, points.
    """

    exact: Floats
    least: Tensor
    largest: Tensor


# The reach of models, for as long as they have these columns: every draw asks for it, and every mean.
_KNOWN: WeakKeyDictionary[NumericColumns, tuple[weakref.ref[Schema], _Ends]] = WeakKeyDictionary()


def reach_of(model: Askable, variable: int) -> tuple[float, float]:
    """Return the ends of the reach of a number.

    They are those of the last millionth of training rows; and at most a tenth of the range that the schema
    gives the column beyond that range, on its side of 0, and within what its type holds. Spikes are within.
    """
    numbers = model.variables.numbers
    assert numbers is not None
    low, high = _ends(model, numbers).exact[numbers.number_of(variable)]
    return float(low), float(high)


def _ends(model: Askable, numbers: NumericColumns) -> _Ends:
    known = _KNOWN.get(numbers)
    if known is not None and known[0]() is model.schema:
        return known[1]
    exact = _exact_ends(model, numbers)
    ends = torch.from_numpy(exact).t().contiguous()
    bodies = numbers.bodies_near(ends)
    nearest = numbers.floats_of(bodies)
    too_far = torch.stack([nearest[0] < ends[0], nearest[1] > ends[1]]).long()
    found = _Ends(exact, *numbers.floats_of(bodies + too_far * torch.tensor([[1], [-1]])))
    _KNOWN[numbers] = weakref.ref(model.schema), found
    return found


def _exact_ends(model: Askable, numbers: NumericColumns) -> Floats:
    z = torch.tensor([[-_FARTHEST, _FARTHEST]], dtype=torch.float64).expand(len(numbers.columns), 2)
    found: Floats = numbers.scores.values(z).numpy()
    for own, column, variable in zip(found, numbers.columns, numbers.places.tolist(), strict=True):
        own[:] = min([own[0], *column.spikes]), max([own[1], *column.spikes])
        seen = model.schema.modelled[variable].found
        if seen is not None and seen.low is not None and seen.high is not None:
            margin = _BEYOND * (seen.high - seen.low)
            low, high = seen.low - margin, seen.high + margin
            if seen.low >= 0:
                low = max(low, 0.0)
            if seen.high <= 0:
                high = min(high, 0.0)
            own[:] = max(own[0], low), min(own[1], high)
        # A table of small whole numbers is drawn as such.
        own[:] = own.clip(*range_of(model.schema.modelled[variable].dtype))
    return found


def in_reach(model: Askable, variable: int, values: Floats) -> Floats:
    """Return values of a number as they count in a mean: those beyond reach as its end."""
    return values.clip(*reach_of(model, variable))


class Reach:
    """Keeps what is drawn within reach.

    A row with a number beyond it is drawn anew. Held to are numbers that are drawn; not those of a row in
    which a known number is beyond reach itself, nor those that conditions want there.

    Parameters
    ----------
    model : MADE
        Draws rows with numbers.
    given : Rows, optional
        What is known of each row, and the conditions on the rest; of one row, of all that are drawn.
    """

    def __init__(self, model: Askable, given: Rows | None = None) -> None:
        numbers = model.variables.numbers
        assert numbers is not None
        self._numbers, self._places = numbers, torch.from_numpy(numbers.places)
        _, self._low, self._high = _ends(model, numbers)
        self._regions: dict[int, Region] = {}
        self._held: Tensor | None = None
        if given is not None and given.bodies is not None:
            self._hold_to(given.to(torch.device("cpu")))

    @staticmethod
    def of(model: Askable, given: Rows | None = None) -> Reach | None:
        """Return what keeps the rows of a model within reach; None where it has no numbers."""
        return None if model.variables.numbers is None else Reach(model, given)

    def _hold_to(self, given: Rows) -> None:
        known = given.mask[:, self._places]
        held = ~known & ~(known & self._is_beyond(given)).any(dim=1, keepdim=True)
        for place, variable in enumerate(self._places.tolist()):
            region = (given.regions or {}).get(variable)
            if region is not None and not region.is_recorded:
                self._regions[place] = region
                held[:, place] &= self._meets(region, place)
        self._held = held

    def _meets(self, region: Region, place: int) -> bool:
        """Return whether some of a region is within reach."""
        ends = region.least, region.most
        if region.least.dtype == np.int64:
            some = [self._numbers.columns[place].floats_of(end) for end in ends]
        else:
            some = [np.asarray(end, dtype=np.float64) for end in ends]
        low, high = float(self._low[place]), float(self._high[place])
        return bool(((some[0] <= high) & (some[1] >= low)).any())

    def _is_beyond(self, rows: Rows) -> Tensor:
        assert rows.bodies is not None
        device = rows.codes.device
        values = self._numbers.on(device).floats_of(rows.bodies)
        beyond: Tensor = (values < self._low.to(device)) | (values > self._high.to(device))
        beyond &= rows.codes[:, self._places.to(device)] == 0  # of what is missing the body is 0
        return beyond

    def beyond(self, rows: Rows, owners: IntArray | None = None) -> Tensor:
        """Return which numbers of drawn rows are to be within reach and are not, (n, B).

        Parameters
        ----------
        rows : Rows
            Complete.
        owners : (n,) int array, optional
            Which of the given rows each follows; by default the first the first, or all the only one.
        """
        beyond = self._is_beyond(rows)
        if self._held is None:
            return beyond
        held = self._held if owners is None or len(self._held) == 1 else self._held[index(owners)]
        return beyond & held.to(beyond.device)

    def keep(
        self,
        rows: Rows,
        again: Callable[[IntArray, int], Rows],
        owners: IntArray | None = None,
        each: int = 1,
    ) -> None:
        """Draw rows beyond reach anew, in place; set what is beyond it after some attempts to its end.

        Parameters
        ----------
        rows : Rows
            As they were drawn.
        again : callable
            Maps places of rows (m,) and the number of an attempt to m * each rows: those of this attempt and
            the ones that follow, those of a place together.
        owners
            As for `beyond`.
        each : int
            How many attempts are made at once.
        """
        for first in range(0, N_REDRAWS, each):
            at = self.beyond(rows, owners).any(dim=1).nonzero()[:, 0].cpu()
            if not len(at):
                return
            places = at.numpy()
            others = again(places, first)
            own = None if owners is None else np.repeat(owners[places], each)
            good = ~self.beyond(others, own).any(dim=1).reshape(-1, each)
            pick = torch.where(good.any(dim=1), good.int().argmax(dim=1), each - 1)
            pick += torch.arange(len(pick), device=pick.device) * each
            assert rows.bodies is not None
            assert others.bodies is not None
            at = at.to(rows.codes.device)
            rows.codes[at], rows.bodies[at] = others.codes[pick].to(rows.codes.dtype), others.bodies[pick]
        self.set_to_ends(rows, owners)

    def set_to_ends(self, rows: Rows, owners: IntArray | None = None) -> None:
        """Set numbers beyond reach to the end of it, in place, where conditions allow that."""
        beyond = self.beyond(rows, owners)
        if not bool(beyond.any()):
            return
        assert rows.bodies is not None
        device = rows.codes.device
        numbers, (low, high) = self._numbers.on(device), (self._low.to(device), self._high.to(device))
        bodies = numbers.bodies_near(numbers.floats_of(rows.bodies).clamp(low, high))
        codes = numbers.codes_of(bodies)
        for place, region in self._regions.items():
            for row in beyond[:, place].nonzero()[:, 0].tolist():
                beyond[row, place] = region.allows(int(codes[row, place]), int(bodies[row, place]))
        at, to = beyond.nonzero(as_tuple=True)
        rows.bodies[at, to] = bodies[at, to]
        rows.codes[at, self._places.to(device)[to]] = codes[at, to].to(rows.codes.dtype)


def redraw_uniforms(
    seed: int, rows: IntArray, draws: IntArray, attempt: int, width: int, each: int = 1
) -> Floats:
    """Return the uniforms of attempts to draw rows anew, (n * each, width).

    Parameters
    ----------
    seed : int
        Key of the streams.
    rows, draws : (n,) int arrays
        The number of each row, and of the draw of that row.
    attempt : int
        The first one, counted from 0.
    width : int
        How many uniforms a draw takes.
    each : int
        How many attempts of each row.
    """
    return uniforms_of((seed, REDRAWS), np.stack([rows, draws], axis=1), each, width, attempt)
