"""Variables that are missing together: the parts of a date.

The first of them in the ordering says whether the date is missing. Given that, each later one is missing for
certain, or has its own distribution given that it is not. So a missing date counts once in the probability of
a row, no row is half a date, and the sum over all rows is 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from made.masks.ordering import IntArray
from made.variables.column import Column
from made.variables.date_columns import table_columns
from made.variables.numeric import Numeric
from made.variables.region import Region
from made.variables.regions import log_mass
from made.variables.row_type import RowType
from made.variables.rows import Rows

__all__ = ["MissingTogether"]


@dataclass(frozen=True)
class MissingTogether:
    """Which variables of a row are missing together.

    Attributes
    ----------
    groups : tuple of tuples of int
        Two variables or more each, all of which may be missing.
    """

    groups: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, columns: Sequence[Column]) -> MissingTogether:
        """Return the groups among the variables of a schema: the parts of dates that may be missing."""
        return cls(
            tuple(
                own.places
                for own in table_columns(columns)
                if len(own.places) > 1 and all(columns[d].arguments.get("missing") for d in own.places)
            )
        )

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.groups)

    def adjusted(
        self, variables: RowType, outputs: Tensor, log_prob: Tensor, rows: Rows, ordering: IntArray
    ) -> Tensor:
        """Return log p of each variable, (n, D), with that of later parts given whether the first is missing.

        Parameters
        ----------
        variables : RowType
            What the columns are.
        outputs : (n, n_outputs) tensor
            Of the network.
        log_prob : (n, D) float64 tensor
            Of each variable by itself; of unknown ones with a region, of that region.
        rows : Rows
            Complete as far as it matters.
        ordering : (D,) int array
            Of the mask.
        """
        columns = list(log_prob.unbind(1))
        for first, *later in self._in_order(ordering):
            is_missing = _is_missing(variables, rows.codes, first)
            for d in later:
                region = (rows.regions or {}).get(d)
                recorded = log_mass(variables, outputs, d, _without_missing(variables, d))
                own, also_missing = columns[d], _is_missing(variables, rows.codes, d)
                own = own.masked_fill(also_missing, -torch.inf)
                if region is not None and rows.known is not None:
                    unknown = ~rows.known[:, d]
                    inside = log_mass(variables, outputs, d, _without_missing(variables, d, region))
                    own = torch.where(unknown, inside, own)
                    also_missing = (also_missing & ~unknown) | (unknown & bool(region.codes[-1]))
                if_missing = torch.zeros_like(own).masked_fill(~also_missing, -torch.inf)
                columns[d] = torch.where(is_missing, if_missing, own - recorded)
        return torch.stack(columns, dim=1)

    def sample(
        self,
        variables: RowType,
        rows: Rows,
        ordering: IntArray,
        draw: Callable[[Rows, NDArray[np.int64], NDArray[np.bool_]], Rows],
    ) -> Rows:
        """Return rows whose unknown entries are drawn so.

        Parameters
        ----------
        variables, ordering
            As for `adjusted`.
        rows : Rows
            What is known stays.
        draw : callable
            Maps rows, the numbers of those among all, and which variables are recorded where they are drawn
            (D,) to complete rows; what it draws depends on the uniforms of a row and what comes before alone.
        """
        later = np.zeros(rows.codes.shape[1], dtype=bool)
        groups = self._in_order(ordering)
        for _, *others in groups:
            later[others] = True
        known, codes = rows.mask.clone(), rows.codes.clone()
        for group in groups:  # what is known of one part holds for all
            for d in group:
                gone = known[:, d] & _is_missing(variables, codes, d)
                self._set_missing(variables, group, gone, codes, known)
        drawn = draw(replace(rows, codes=codes, known=known), np.arange(len(codes)), later)
        codes, bodies = drawn.codes.clone(), None if drawn.bodies is None else drawn.bodies.clone()
        for _ in groups:
            # In each row the first group that is half missing is made whole, and what follows drawn anew.
            changed = torch.zeros(len(codes), dtype=torch.bool, device=codes.device)
            for group in groups:
                is_missing = _is_missing(variables, codes, group[0])
                own = is_missing & ~known[:, group[1:]].all(dim=1) & ~changed
                self._set_missing(variables, group, own, codes, known)
                changed |= own
            at = changed.nonzero()[:, 0]
            if not len(at):
                break
            some = replace(rows[at], codes=codes[at], known=known[at])
            some = some if bodies is None else replace(some, bodies=bodies[at])
            again = draw(some, at.cpu().numpy(), later)
            codes[at] = again.codes
            if bodies is not None and again.bodies is not None:
                bodies[at] = again.bodies
        return Rows(codes, bodies=None if bodies is None else self._without_bodies(variables, codes, bodies))

    def _in_order(self, ordering: IntArray) -> list[list[int]]:
        """Return the variables of each group in an ordering, and the groups in that of their first ones."""
        rank = {int(d): place for place, d in enumerate(ordering)}
        groups = [sorted(group, key=rank.__getitem__) for group in self.groups]
        return sorted(groups, key=lambda group: rank[group[0]])

    @staticmethod
    def _set_missing(
        variables: RowType, group: Sequence[int], which: Tensor, codes: Tensor, known: Tensor
    ) -> None:
        """Make unknown parts of the rows `which` (n,) missing, and known."""
        for d in group:
            own = which & ~known[:, d]
            codes[own, d] = variables.block_of(d).n_values - 1
            known[own, d] = True

    @staticmethod
    def _without_bodies(variables: RowType, codes: Tensor, bodies: Tensor) -> Tensor:
        """Return bodies with 0 for what is missing."""
        assert variables.numbers is not None
        for number, (d, column) in enumerate(
            zip(variables.numbers.places.tolist(), variables.numbers.columns, strict=True)
        ):
            if column.missing_code is not None:
                bodies[:, number].masked_fill_(codes[:, d] == column.missing_code, 0)
        return bodies


def _is_missing(variables: RowType, codes: Tensor, variable: int) -> Tensor:
    """Return where a variable is missing in encoded rows: its last code, (n,) bool."""
    return torch.eq(codes[:, variable], variables.block_of(variable).n_values - 1)


def _without_missing(variables: RowType, variable: int, region: Region | None = None) -> Region:
    """Return a region, by default all values, without that the variable is missing."""
    block = variables.block_of(variable)
    codes = np.ones(block.n_values, dtype=bool) if region is None else region.codes.copy()
    codes[-1] = False
    if region is not None:
        return replace(region, codes=codes)
    ends = np.array([np.inf] if isinstance(block, Numeric) else [])
    return Region(codes, -ends, ends, -ends, ends)
