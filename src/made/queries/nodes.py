"""Where the density of a number is computed: at nodes, close to each other where it bends.

A condition on the number leaves parts of its range. Each has nodes of its own; beside them the density is 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from made.masks.ordering import IntArray
from made.queries.density import Floats
from made.queries.results import Method
from made.variables.normal_score import NormalScores
from made.variables.numeric import Numeric
from made.variables.region import Region

__all__ = ["Parts", "parts_of"]

# Nodes to begin with, and at most: where the density at each is known, is an integral, or is estimated.
_NUMBERS = {Method.EXACT: (129, 1025), Method.QUADRATURE: (65, 257), Method.ESTIMATED: (25, 65)}
# Nodes that are integrals are enough where their bound on the relative error is below this.
_ACCURATE = 1e-4
# Mass of the marginal left out on each side, and how many points of a grid are gone through one by one.
_TAIL, _MOST_POINTS = 1e-9, 1025
# How far a part that lies beyond those tails is followed, in normal scores.
_REACH = 3.0
# Beside a part the density falls to 0 within this fraction of the distance of its outermost nodes.
_EDGE = 1e-9


@dataclass(frozen=True, eq=False)
class Parts:
    """The parts of the range of a number.

    Attributes
    ----------
    scores : NormalScores
        Of the one column.
    spans : list of (low, high)
        The parts as normal scores, both finite.
    ends : list of (least, most)
        Their ends as values; infinite where nothing bounds them.
    points : (m,) int array or None
        Of a grid of few points, their numbers.
    likely : (k,) float64 array
        Values that the network finds likely: nodes, so that no narrow peak lies between others.
    """

    scores: NormalScores
    spans: list[tuple[float, float]]
    ends: list[tuple[float, float]]
    points: IntArray | None
    likely: Floats

    @property
    def middle(self) -> Floats:
        """One value, of the first part: (1,)."""
        return self._values(torch.tensor([sum(self.spans[0]) / 2], dtype=torch.float64), 0)

    def refined(
        self, at: Callable[[Floats], Floats], first: Floats, method: Method
    ) -> tuple[Floats, Floats, float]:
        """Return nodes (m,), the log density at each, and a bound on the relative error of its integral.

        Parameters
        ----------
        at : callable
            Returns the log density at values.
        first : (1,) array
            That at `middle`.
        method : Method
            How these are found: what takes long is done at fewer nodes.
        """
        all_nodes, all_heights, errors = [], [], []
        n, most = _NUMBERS[method][0] // len(self.spans) + 2, _NUMBERS[method][1] // len(self.spans)
        enough = _ACCURATE if method is Method.QUADRATURE else 0.0
        for part, (low, high) in enumerate(self.spans):
            z = torch.cat([_evenly(low, high, n), torch.linspace(low, high, n, dtype=torch.float64)])
            least, most_of_part = self.ends[part]
            inside = (least <= self.likely) & (self.likely <= most_of_part)
            nodes = np.unique(np.append(self._values(z, part), self.likely[inside]))
            if part == 0:
                nodes = np.setdiff1d(nodes, self.middle)
                nodes, log_heights = _sorted([nodes, self.middle], [at(nodes), first])
            else:
                log_heights = at(nodes)
            while len(nodes) < most and _error(nodes, log_heights) > enough:
                more = _between(nodes, np.exp(log_heights - log_heights.max()), most - len(nodes))
                if not len(more):
                    break
                nodes, log_heights = _sorted([nodes, more], [log_heights, at(more)])
            errors.append(_error(nodes, log_heights))
            before, after = (slice(int(np.isfinite(end))) for end in self.ends[part])
            edges, none = _EDGE * np.diff(nodes), np.array([-np.inf])
            all_nodes += [(nodes[:1] - edges[:1])[before], nodes, (nodes[-1:] + edges[-1:])[after]]
            all_heights += [none[before], log_heights, none[after]]
        return np.concatenate(all_nodes), np.concatenate(all_heights), max(errors)

    def _values(self, z: torch.Tensor, part: int) -> Floats:
        """Return the values of normal scores of a part; its ends are exact."""
        values: Floats = self.scores.values(z[None])[0].numpy()
        least, most = self.ends[part]
        values = np.where((z == self.spans[part][0]).numpy() & np.isfinite(least), least, values)
        values = np.where((z == self.spans[part][1]).numpy() & np.isfinite(most), most, values)
        return np.clip(values, least, most)


def parts_of(
    scores: NormalScores, column: Numeric, region: Region | None, likely: Floats | None = None
) -> Parts:
    """Return the parts of the range of a column that a region leaves: by default one, all of it.

    Parameters
    ----------
    scores : NormalScores
        Of the column alone.
    column : Numeric
        What it is.
    region : Region, optional
        Of the column.
    likely : (k,) float64 array, optional
        Values that the network finds likely, which may lie beyond all that training rows had.
    """
    likely = np.zeros(0) if likely is None else likely
    first, last = (
        float(torch.special.ndtri(torch.tensor(p, dtype=torch.float64))) for p in (_TAIL, 1 - _TAIL)
    )
    if region is None:
        if len(likely):
            z = scores.point(torch.from_numpy(likely)[None])[0]
            first, last = min(first, float(z.min())), max(last, float(z.max()))
        spans, ends = [(first, last)], [(-np.inf, np.inf)]
    else:
        spans = [
            _within(*own, first, last) for own in zip(region.low.tolist(), region.high.tolist(), strict=True)
        ]
        ends = list(zip(region.least.tolist(), region.most.tolist(), strict=True))
    if not spans:
        return Parts(scores, [], [], np.zeros(0, dtype=np.int64), likely)
    if column.step is None:
        return Parts(scores, spans, ends, None, likely)
    runs = []
    for span, (least, most) in zip(spans, ends, strict=True):
        values = scores.values(torch.tensor([span], dtype=torch.float64))[0].numpy()
        low, high = column.bodies_near(values).tolist()
        runs.append((int(max(low, least)), int(min(high, most))))
    if sum(high - low + 1 for low, high in runs) < _MOST_POINTS:
        points = np.concatenate([np.arange(low, high + 1) for low, high in runs])
        return Parts(scores, spans, ends, points.astype(np.int64), likely)
    if region is not None:  # as if it were continuous: to the ends of the outermost cells
        low, high = (column.floats_of(own) for own in (region.least, region.most))
        low = np.where(np.isfinite(region.low), low - column.step / 2, -np.inf)
        high = np.where(np.isfinite(region.high), high + column.step / 2, np.inf)
        ends = list(zip(low.tolist(), high.tolist(), strict=True))
    return Parts(scores, spans, ends, None, likely)


def _within(low: float, high: float, first: float, last: float) -> tuple[float, float]:
    """Return a span without what lies in the tails beyond `first` and `last`, unless all of it does."""
    if low >= last:
        return low, min(high, low + _REACH)
    if high <= first:
        return max(low, high - _REACH), high
    return max(low, first), min(high, last)


def _evenly(low: float, high: float, n: int) -> torch.Tensor:
    """Return n normal scores that are evenly spread in the CDF, from the side of the nearer tail."""
    if low > 0:
        return -_evenly(-high, -low, n).flip(0)
    ends = torch.special.ndtr(torch.tensor([low, high], dtype=torch.float64))
    first, last = ends.tolist()
    inner: torch.Tensor = torch.special.ndtri(torch.linspace(first, last, n, dtype=torch.float64))
    return inner[1:-1].clamp(low, high)


def _sorted(nodes: list[Floats], heights: list[Floats]) -> tuple[Floats, Floats]:
    both = np.concatenate(nodes), np.concatenate(heights)
    order = np.argsort(both[0])
    return both[0][order], both[1][order]


def _between(nodes: Floats, heights: Floats, most: int) -> Floats:
    """Return the middles of the intervals that a straight line misses the most mass in."""
    width = np.diff(nodes)
    slopes = np.diff(heights) / width
    bend = np.abs(np.diff(slopes, prepend=slopes[:1]))
    missed = (bend + np.append(bend[1:], 0.0)) * width**2
    total = (width * (heights[1:] + heights[:-1])).sum() / 2
    chosen = np.argsort(-missed)[: max(most // 2, 1)]
    chosen = chosen[missed[chosen] > 1e-7 * total]
    middles = (nodes[chosen] + nodes[chosen + 1]) / 2
    fresh: Floats = middles[(middles > nodes[chosen]) & (middles < nodes[chosen + 1])]
    return fresh


def _error(nodes: Floats, log_heights: Floats) -> float:
    """Return how far the integral moves when every other node is left out: a bound on its relative error."""
    heights = np.exp(log_heights - log_heights.max())
    every = np.trapezoid(heights, nodes)
    half = (
        np.trapezoid(heights[::2], nodes[::2])
        if len(nodes) % 2
        else np.trapezoid(np.append(heights[::2], heights[-1]), np.append(nodes[::2], nodes[-1]))
    )
    return float(abs(half / every - 1)) / 3
