"""The distribution of one numeric variable given others: atoms, and a density or masses of a grid.

By Bayes' rule, as for classes: how probable what is given is together with each value, at nodes that lie
where the mass is, see `nodes`. Between nodes the density is linear.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from made.masks.ordering import IntArray
from made.queries.density import Floats
from made.queries.evidence import Evidence
from made.queries.nodes import parts_of
from made.queries.results import Method, Route
from made.support.errors import InputError
from made.variables.region import Region
from made.variables.row_type import RowType
from made.variables.rows import Rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["NumericConditional", "numeric_conditional"]


@dataclass(frozen=True, eq=False)
class NumericConditional:
    """The distribution of one numeric variable given others.

    Attributes
    ----------
    atoms : dict of float to float
        The probability of each spike.
    p_missing : float
        That the entry is missing.
    nodes : (m,) float64 array
        Values, ascending: of a grid all points that have mass.
    heights : (m,) float64 array
        The density of the body at the nodes, in the column's own units; of a grid, the masses.
    is_grid : bool
        Whether the nodes are points of a grid.
    ends : (float, float)
        Values beyond these count as these in the mean, see `made.queries.reach.reach_of`.
    log_evidence : float
        log p of what is given, in nats.
    error : float
        Bound on the error of `log_evidence`, and so on the relative error of any probability, that comes from
        the nodes; a standard error where evidence was estimated.
    route : Route
        How the evidence was found.
    ess : float
        Effective number of particles behind the worst node; infinite where none were needed.
    """

    atoms: dict[float, float]
    p_missing: float
    nodes: Floats
    heights: Floats
    is_grid: bool
    ends: tuple[float, float]
    log_evidence: float
    error: float
    route: Route
    ess: float

    @property
    def method(self) -> Method:
        """Whether the answer is exact, a numerical integral, or estimated."""
        if self.route.method is Method.ESTIMATED:
            return Method.ESTIMATED
        return Method.EXACT if self.is_grid else Method.QUADRATURE

    @property
    def how(self) -> str:
        """How it was found, for people."""
        nodes = "" if self.is_grid else f", at {len(self.nodes):,} nodes"
        return self.route.sentence + nodes

    def pmf(self, x: float) -> float:
        """Return the probability of one value: of a spike, or a point of the grid."""
        mass = self.atoms.get(float(x), 0.0)
        if self.is_grid:
            at = np.flatnonzero(np.isclose(self.nodes, x, rtol=1e-9, atol=0))
            mass += float(self.heights[at].sum())
        return mass

    def pdf(self, x: float | Floats) -> Floats:
        """Return the density of the body; 0 for a variable on a grid."""
        if self.is_grid:
            return np.zeros(np.shape(x))
        density: Floats = np.interp(np.asarray(x), self.nodes, self.heights, left=0.0, right=0.0)
        return density

    def cdf(self, x: float | Floats) -> Floats:
        """Return the probability of a value up to x, given that it is not missing."""
        at = np.asarray(x, dtype=np.float64)
        below: Floats = np.zeros(at.shape)
        for value, p in self.atoms.items():
            below = below + p * (value <= at)
        if self.is_grid:
            cumulated = np.concatenate([[0.0], np.cumsum(self.heights)])
            below = below + cumulated[np.searchsorted(self.nodes, at, side="right")]
        else:
            below = np.asarray(below + np.interp(at, self.nodes, self._cumulated))
            right = np.searchsorted(self.nodes, at).clip(1, len(self.nodes) - 1)
            left, inside = right - 1, (at > self.nodes[0]) & (at < self.nodes[-1])
            # The integral of a linear density bends within an interval.
            width = self.nodes[right] - self.nodes[left]
            part = np.where(inside, (at - self.nodes[left]) / width, 0.0)
            below = below - np.where(
                inside, width * (self.heights[right] - self.heights[left]) * part * (1 - part) / 2, 0.0
            )
        found: Floats = np.clip(below / self._there, 0.0, 1.0)
        return found

    def quantile(self, q: float | Floats) -> Floats:
        """Return the smallest value whose CDF is at least q."""
        q = np.asarray(q, dtype=np.float64)
        places = np.unique(np.concatenate([self.nodes, list(self.atoms)]))
        cdf = self.cdf(places)
        at = np.searchsorted(cdf, q - 1e-12).clip(0, len(places) - 1)
        found: Floats
        if self.is_grid:
            found = places[at]
            return found
        before = places[np.maximum(at - 1, 0)]
        low, high = before.copy(), places[at].astype(np.float64)
        for _ in range(60):
            middle = (low + high) / 2
            reached = self.cdf(middle) >= q
            low, high = np.where(reached, low, middle), np.where(reached, middle, high)
        found = high
        return found

    def interval(self, level: float = 0.9) -> tuple[float, float]:
        """Return the values between which the middle `level` of the distribution lies."""
        low, high = self.quantile(np.array([(1 - level) / 2, (1 + level) / 2]))
        return float(low), float(high)

    @property
    def mean(self) -> float:
        """The mean of the values, given that it is not missing.

        What lies far beyond all rows that were seen counts as `ends` there: the tails of a skewed column
        decay so slowly that they alone would decide.
        """
        low, high = self.ends
        of_atoms = sum(min(max(value, low), high) * p for value, p in self.atoms.items())
        if self.is_grid:
            return float((of_atoms + self.nodes.clip(low, high) @ self.heights) / self._there)
        x = np.unique(np.concatenate([self.nodes, np.clip([low, high], self.nodes[0], self.nodes[-1])]))
        h, width = self.pdf(x), np.diff(x)
        a, b = x.clip(low, high)[:-1], x.clip(low, high)[1:]
        of_body = (width * ((2 * a + b) * h[:-1] + (a + 2 * b) * h[1:]) / 6).sum()
        return float((of_atoms + of_body) / self._there)

    def plot(self, ax: Axes | None = None, name: str = "") -> Figure:
        """Draw it: the density or the masses of a grid, the middle 80 % shaded, atoms, what is missing.

        Parameters
        ----------
        ax : Axes, optional
            Where to draw; by default on a figure of its own.
        name : str
            Of the column, to write below.
        """
        from made.plots.conditionals import density_of_number, masses_of_number

        interval = self.interval(0.8)
        about = f"mean {self.mean:.4g}; 80% between {interval[0]:.4g} and {interval[1]:.4g}"
        if self.method is Method.ESTIMATED:
            about += f"; estimated, to {self.error:.1%}"
        draw = masses_of_number if self.is_grid else density_of_number
        return draw(
            self.nodes,
            self.heights,
            atoms=self.atoms,
            p_missing=self.p_missing,
            interval=interval,
            name=name,
            about=about,
            axes=ax,
        )

    @property
    def _cumulated(self) -> Floats:
        steps = np.diff(self.nodes) * (self.heights[1:] + self.heights[:-1]) / 2
        return np.concatenate([[0.0], np.cumsum(steps)])

    @property
    def _there(self) -> float:
        """The probability that the entry is not missing: by the nodes themselves, so that a CDF ends at 1."""
        body = self.heights.sum() if self.is_grid else self._cumulated[-1]
        return float(sum(self.atoms.values()) + body)


def numeric_conditional(
    variables: RowType,
    variable: int,
    row: Rows,
    evidence: Callable[[Rows], Evidence],
    ends: tuple[float, float],
    region: Region | None = None,
    likely: Floats | None = None,
) -> NumericConditional:
    """Return the distribution of a numeric variable.

    Parameters
    ----------
    variables : RowType
        What the columns are.
    variable : int
        Which is asked about.
    row : Rows
        One row, with what is given known, and the variable itself.
    evidence : callable
        Returns how probable rows are.
    ends : (float, float)
        Between which values count as they are in the mean; of a region beyond them, its nearest value does.
    region : Region, optional
        What is known of the variable itself.
    likely : (k,) float64 array, optional
        Values that the network finds likely.
    """
    numbers = variables.numbers
    assert numbers is not None
    place = numbers.number_of(variable)
    column = numbers.columns[place]

    def with_values(codes: IntArray, bodies: IntArray) -> Rows:
        rows = row.repeat(len(codes))
        assert rows.bodies is not None
        rows.codes[:, variable] = torch.from_numpy(codes).to(rows.codes.dtype)
        rows.bodies[:, place] = torch.from_numpy(bodies)
        return replace(rows, scores=None)

    if region is not None and not region.codes[: column.n_classes].any():
        raise InputError("a condition says that the variable is missing: nothing is left to ask of it")
    codes = np.arange(1, column.n_values)
    found = []
    atoms = np.zeros(0)
    if len(codes):
        of_atoms = evidence(with_values(codes, column.bodies_of_codes(codes, np.zeros_like(codes))))
        found.append(of_atoms)
        atoms = (
            of_atoms.log_prob if region is None else np.where(region.codes[1:], of_atoms.log_prob, -np.inf)
        )
    parts = parts_of(numbers.alone(place).scores, column, region, likely)
    is_grid = parts.points is not None

    def at(values: Floats) -> Floats:
        bodies = column.bodies_near(values)
        own = evidence(with_values(column.codes_of(bodies) if is_grid else np.zeros_like(bodies), bodies))
        found.append(own)
        return own.log_prob

    if parts.points is not None:
        bodies = parts.points[column.codes_of(parts.points) == 0]
        nodes, error = column.floats_of(bodies), 0.0
        log_heights = at(nodes) if len(nodes) else np.zeros(0)
    else:
        first = at(parts.middle)
        nodes, log_heights, error = parts.refined(at, first, Route(int(found[-1].routes.max())).method)
        if column.step is not None:
            log_heights = log_heights - np.log(column.step)
    top = max(float(log_heights.max(initial=-np.inf)), float(atoms.max(initial=-np.inf)))
    if np.isneginf(top):
        raise InputError("the model gives what is given probability 0: nothing follows from it")
    heights, masses = np.exp(log_heights - top), np.exp(atoms - top)
    body = heights.sum() if is_grid else ((heights[1:] + heights[:-1]) * np.diff(nodes)).sum() / 2
    total = masses.sum() + body
    values = dict(zip(column.spikes, (masses / total).tolist(), strict=False))
    possible = [*nodes[heights > 0].tolist(), *(value for value, p in values.items() if p > 0)]
    low, high = min(possible, default=-np.inf), max(possible, default=np.inf)
    worst = min(found, key=lambda own: float(own.ess.min(initial=np.inf)))
    if len(worst.ess):
        worst.of(int(worst.ess.argmin())).warn_if_poor()
    return NumericConditional(
        atoms=values,
        p_missing=float(masses[-1] / total) if column.missing else 0.0,
        nodes=nodes,
        heights=heights / total,
        is_grid=is_grid,
        ends=(min(ends[0], high), max(ends[1], low)),
        log_evidence=float(np.log(total) + top),
        error=max(error, *(float(own.error.max(initial=0)) for own in found)),
        route=Route(max(int(own.routes.max(initial=0)) for own in found)),
        ess=min(float(own.ess.min(initial=np.inf)) for own in found),
    )
