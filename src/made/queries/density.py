"""What queries ask of a model: one of its masks (`Density`), and the model around them (`Askable`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from made.masks.ordering import IntArray
from made.variables.context import Context
from made.variables.row_type import RowType
from made.variables.rows import Rows, RowsLike
from made.variables.schema import Schema

__all__ = ["Askable", "BoolArray", "Density", "Floats", "MaskDensity", "States"]

Floats = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class States:
    """Complete rows, as arrays that are indexed and joined by row.

    Attributes
    ----------
    codes : (n, D) int64 array
    bodies : (n, B) int64 array
        Of numeric variables; B is 0 where there is none.
    """

    codes: IntArray
    bodies: IntArray

    @staticmethod
    def of(rows: Rows) -> States:
        """Return encoded rows as states."""
        codes = rows.codes.cpu().numpy().astype(np.int64)
        none = np.zeros((len(codes), 0), dtype=np.int64)
        return States(codes, none if rows.bodies is None else np.array(rows.bodies.cpu().numpy()))

    def __len__(self) -> int:
        """Return n."""
        return len(self.codes)

    def __getitem__(self, some: slice | IntArray | BoolArray) -> States:
        """Return some of the states."""
        return States(self.codes[some], self.bodies[some])

    def __setitem__(self, some: Any, others: States) -> None:
        """Replace some of the states."""
        self.codes[some], self.bodies[some] = others.codes, others.bodies

    def rows(self, like: Rows, known: BoolArray | None = None) -> Rows:
        """Return them as encoded rows with the context of others."""
        return Rows(
            torch.from_numpy(self.codes),
            None if known is None else torch.from_numpy(known),
            like.context,
            None if like.bodies is None else torch.from_numpy(self.bodies),
            recorded=like.recorded,
            regions=like.regions,
        )

    def as_rows(self) -> Rows:
        """Return them as encoded rows in the same memory, without context."""
        return Rows(torch.from_numpy(self.codes), bodies=torch.from_numpy(self.bodies))

    @staticmethod
    def cat(parts: Sequence[States]) -> States:
        """Join states; one part at least."""
        return States(
            *(np.concatenate(own) for own in zip(*((p.codes, p.bodies) for p in parts), strict=True))
        )


class Density(Protocol):
    """One mask of a model: an autoregressive density along the ordering of that mask."""

    @property
    def number(self) -> int:
        """Number of the mask: its particles have a stream of random numbers of their own."""

    @property
    def ranks(self) -> IntArray:
        """(D,): the rank of every variable."""

    def log_prob(self, rows: Rows) -> Floats:
        """Return log p of each variable given those before it, (n, D) in nats; `rows.codes` are complete."""

    def sample(self, u: Floats, rows: Rows) -> States:
        """Return complete rows: known entries, and others sampled with uniforms (n, D)."""

    def quantiles(self, u: Floats, rows: Rows, variable: int) -> tuple[IntArray, IntArray]:
        """Return codes and bodies (n, M) of a number at uniforms (M,), in its region, given those before."""


@dataclass(frozen=True)
class MaskDensity:
    """A `Density` out of what a model computes with tensors under one mask, without gradients.

    Parameters
    ----------
    number, ranks
        As in `Density`.
    device : torch.device
        Where the model computes.
    log_prob_of : callable
        Maps rows to log p of each variable, (n, D).
    sample_of : callable
        Maps uniforms (n, D) and rows to complete rows.
    quantiles_of : callable
        Maps uniforms (M,), rows and a numeric variable to its codes and bodies, (n, M) each.
    """

    number: int
    ranks: IntArray
    device: torch.device
    log_prob_of: Callable[[Rows], Tensor]
    sample_of: Callable[[Floats, Rows], Rows]
    quantiles_of: Callable[[Floats, Rows, int], tuple[Tensor, Tensor]]

    @torch.no_grad()
    def log_prob(self, rows: Rows) -> Floats:
        """Return log p of each variable given those before it, (n, D)."""
        scores: Floats = self.log_prob_of(rows.to(self.device)).cpu().numpy()
        return scores

    @torch.no_grad()
    def sample(self, u: Floats, rows: Rows) -> States:
        """Return rows with the entries that are not known sampled from uniforms (n, D)."""
        return States.of(self.sample_of(u, rows.to(self.device)))

    @torch.no_grad()
    def quantiles(self, u: Floats, rows: Rows, variable: int) -> tuple[IntArray, IntArray]:
        """Return the codes and bodies of a number at uniforms, (n, M) each."""
        codes, bodies = self.quantiles_of(u, rows.to(self.device), variable)
        return codes.cpu().numpy(), bodies.cpu().numpy()


class Askable(Protocol):
    """A model that answers questions about incomplete rows.

    Attributes
    ----------
    variables : RowType
        The variables of a row.
    context : Context
        What the model is conditioned on.
    """

    variables: RowType
    context: Context

    @property
    def schema(self) -> Schema:
        """What the columns are."""

    @property
    def device(self) -> torch.device:
        """Where answers that are tensors go."""

    @property
    def rows_per_batch(self) -> int:
        """How many rows go through the network at once."""

    def rows(
        self,
        x: RowsLike,
        context: ArrayLike | Tensor | None = None,
        *,
        unknown: ArrayLike | None = None,
        to_fill: bool = False,
    ) -> Rows:
        """Return rows as the model computes with them."""

    def chosen_masks(self, mask: int | Sequence[int] | None) -> list[int]:
        """Return the numbers of the masks that `mask` names, which are checked; all by default."""

    def mask_counts(self) -> Mapping[int, int]:
        """Return the masks of the mixture that differ, one number of each, and how many numbers it has."""

    def density(self, k: int, groups: IntArray | None = None) -> Density:
        """Return mask k; with (D,) groups, the same mask with its ordering changed to go group by group."""
