"""Encoded rows: the codes of their entries, which of them are known, and the context that belongs to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from made.support.errors import EntryError
from made.variables.unseen import join_labels

if TYPE_CHECKING:
    from made.variables.region import Region

__all__ = ["Rows", "RowsLike"]


@dataclass(frozen=True, eq=False)
class Rows:
    """Checked rows as a model computes with them: slices and batches keep entries and context together.

    Attributes
    ----------
    codes : (n, D) tensor
        The code of every entry; 0 where it is unknown.
    known : (n, D) bool tensor, optional
        Which entries are known. None: all of them.
    context : (n, C) tensor, optional
        What each row is conditioned on, for a model of p(x | c): see `Context.encoded`, or its features.
    bodies : (n, B) int64 tensor, optional
        Where there are B numeric variables: the number of the point of the grid of each, or the bits of the
        float64; 0 where it is missing or unknown.
    scores : (n, B, 3 or 4) float64 tensor, optional
        What follows from them, see `made.variables.normal_score.Score`; `RowType.scored` adds it. The value
        itself is the last where a column has periods.
    labels : (n, D) object array, optional
        The rows as they were given, where a label is no class of its variable: its code is that of all such
        labels.
    recorded : bool
        No unknown entry is missing: what is sampled in its place is a value that was recorded.
    regions : mapping of int to Region, optional
        By variable: what values unknown entries may take; see `made.variables.region`.

    Examples
    --------
    >>> rows = Rows(torch.tensor([[0, 1], [1, 1], [1, 0]]), context=torch.tensor([[0.5], [1.5], [2.5]]))
    >>> [part.context.tolist() for part in rows.batches(2)]
    [[[0.5], [1.5]], [[2.5]]]
    """

    codes: Tensor
    known: Tensor | None = None
    context: Tensor | None = None
    bodies: Tensor | None = None
    scores: Tensor | None = None
    recorded: bool = False
    regions: Mapping[int, Region] | None = None
    labels: NDArray[Any] | None = None

    def __len__(self) -> int:
        """Return n."""
        return len(self.codes)

    def __getitem__(self, some: slice | Tensor) -> Rows:
        """Return some of the rows, by a slice or by an index tensor."""
        rows = self._each(lambda part: part[some])
        if self.labels is None:
            return rows
        return replace(rows, labels=self.labels[some if isinstance(some, slice) else some.cpu().numpy()])

    def batches(self, size: int) -> Iterator[Rows]:
        """Go through the rows in batches of `size`; the last may be smaller."""
        return (self[first : first + size] for first in range(0, len(self), size))

    @property
    def is_complete(self) -> bool:
        """Whether every entry is known."""
        return self.known is None or bool(self.known.all())

    @property
    def mask(self) -> Tensor:
        """(n, D) bool tensor: which entries are known, also where all are."""
        return torch.ones_like(self.codes, dtype=torch.bool) if self.known is None else self.known

    def check_complete(self, first: int = 0) -> None:
        """Raise an `EntryError` for the first entry that is not known; rows count from `first`."""
        if self.known is None or self.is_complete:
            return
        row, column = (int(i) for i in (~self.known).nonzero()[0])
        raise EntryError(
            first + row,
            column,
            "is NaN or None: every entry must be known; drop or fill such rows, or give the variable "
            "missing=True",
        )

    def to(self, device: torch.device) -> Rows:
        """Return the rows on a device."""
        return self._each(lambda part: part.to(device))

    def repeat(self, n: int) -> Rows:
        """Return every row n times in succession."""
        return self[torch.arange(len(self), device=self.codes.device).repeat_interleave(n)]

    @staticmethod
    def cat(parts: Sequence[Rows]) -> Rows:
        """Join rows; all parts, at least one, know alike whether they have context."""
        known = (
            None if all(part.known is None for part in parts) else torch.cat([part.mask for part in parts])
        )
        return Rows(
            torch.cat([part.codes for part in parts]),
            known,
            _cat([part.context for part in parts]),
            _cat([part.bodies for part in parts]),
            _cat([part.scores for part in parts]),
            all(part.recorded for part in parts),
            parts[0].regions,
            join_labels([(part.labels, len(part)) for part in parts]),
        )

    def _each(self, change: Callable[[Tensor], Tensor]) -> Rows:
        """Return the rows with each of their tensors changed."""
        others = (self.known, self.context, self.bodies, self.scores)
        known, context, bodies, scores = (None if part is None else change(part) for part in others)
        own = self.recorded, self.regions, self.labels
        return Rows(change(self.codes), known, context, bodies, scores, *own)


def _cat(parts: Sequence[Tensor | None]) -> Tensor | None:
    there = [part for part in parts if part is not None]
    return torch.cat(there) if there and len(there) == len(parts) else None


#: What methods take as rows: encoded ones, or values in an array, a tensor or a data frame.
RowsLike = Rows | ArrayLike | Tensor
