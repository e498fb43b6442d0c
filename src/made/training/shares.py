"""The batches of one rank out of several: its part of every global batch, from its share of the rows.

A share is cut into blocks of neighbouring rows. A step takes the same fraction of every share, so that all
ranks come to the end of an epoch in the same step, however unequal their shares are, and each row is seen
once an epoch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from made.base import BaseModel
from made.training.batches import MOST_SCORES, Batch, Batches, Identity
from made.training.settings import TrainingSettings
from made.variables.fitting import counts_of, marginals_of
from made.variables.rows import Rows

__all__ = ["Share", "ShareBatches"]

# Bytes of encoded rows that a rank keeps: a larger share is read anew in each epoch, in buffers of this size.
MOST_BYTES = 2**28
# Keeps these random choices independent of others that are seeded with (seed, epoch).
_STREAM = 0x5A4E

Total = Callable[[Tensor], Tensor]


class Share(NamedTuple):
    """The rows of one rank.

    Attributes
    ----------
    rank : int
    counts : sequence of int
        How many rows each rank has.
    blocks : sequence
        Of this rank's, as `read` takes them.
    sizes : sequence of int
        Rows of each block.
    read : callable
        Returns the encoded rows of a block.
    identity : str
        Of the rows of all ranks.
    """

    rank: int
    counts: Sequence[int]
    blocks: Sequence[Any]
    sizes: Sequence[int]
    read: Callable[[Any], Rows]
    identity: str


class ShareBatches(Batches):
    """What one rank trains on.

    Parameters
    ----------
    model : BaseModel
    share : Share
    settings : TrainingSettings
        Its batch size is that of all ranks together.
    total : callable
        Returns the sum of a tensor over all ranks.
    """

    def __init__(self, model: BaseModel, share: Share, settings: TrainingSettings, total: Total) -> None:
        super().__init__(sum(share.counts), settings)
        self.model, self.share, self._total = model, share, total
        self.n_own = share.counts[share.rank]
        self._held: tuple[tuple[int, ...], Rows] | None = None
        self._order: tuple[tuple[int, int], Tensor] | None = None
        self._epoch: tuple[int, list[NDArray[np.int64]], NDArray[np.int64]] | None = None
        self._one: Rows | None = None
        bytes_per_row = _bytes_per_row(model)
        self._n_buffers = max(1, math.ceil(self.n_own * bytes_per_row / MOST_BYTES))

    @property
    def sizes(self) -> list[int]:
        """How many rows each batch of an epoch has, of all ranks together."""
        places = np.arange(self.steps_per_epoch + 1, dtype=np.int64)
        edges = sum((places * n // self.steps_per_epoch for n in self.share.counts), np.zeros_like(places))
        sizes: list[int] = np.diff(edges).tolist()
        return sizes

    def batch(self, step: int) -> Batch:
        """Return this rank's part of the batch of a step.

        Its rows have a weight, such that the mean over ranks of their losses is the loss of the whole batch.
        """
        epoch, place = divmod(step, self.steps_per_epoch)
        first, stop = (self._edge(self.n_own, own) for own in (place, place + 1))
        n_all = sum(self._edge(n, place + 1) - self._edge(n, place) for n in self.share.counts)
        if stop == first:  # nothing to add to this batch: any row, with weight 0
            return Batch.of(self._any_row(), torch.zeros(1, device=self.model.device))
        batch = self._batch(epoch, first, stop)
        weight = len(self.share.counts) * (stop - first) / n_all
        own = None if weight == 1 else torch.full((stop - first,), weight, device=self.model.device)
        return batch._replace(weight=own)

    def set_marginals(self, model: BaseModel) -> None:
        """Give the model the marginals of the rows of all ranks, in one pass; this checks every row."""
        codes = ((rows.codes.cpu(), torch.ones(len(rows)).double()) for rows in self._passed())
        counts = counts_of(model.variables, codes)
        total = torch.split(self._total(torch.cat(counts)), [len(own) for own in counts])
        with torch.no_grad():
            model.network.biases[-1].copy_(marginals_of(model.variables, total))

    def identity(self) -> Identity:
        """Return what identifies the rows of all ranks."""
        return self.share.identity, None

    def _passed(self) -> Iterator[Rows]:
        """Go through all rows, block by block; they are kept where they are few."""
        if self._n_buffers == 1:
            if self.n_own:
                yield self._rows_of(range(len(self.share.blocks)))
            return
        for number in range(len(self.share.blocks)):
            yield self._read(number)

    def _batch(self, epoch: int, first: int, stop: int) -> Batch:
        buffers, edges = self._order_of(epoch)
        parts = []
        while first < stop:
            number = int(np.searchsorted(edges, first, side="right")) - 1
            begin, end = int(edges[number]), min(stop, int(edges[number + 1]))
            if end > begin:
                rows = self._rows_of(np.sort(buffers[number]).tolist())
                order = self._shuffled(epoch, number, len(rows))
                parts.append(rows[order[first - begin : end - begin]])
            first = end
        return Batch.of(parts[0] if len(parts) == 1 else Rows.cat(parts))

    def _edge(self, n: int, place: int) -> int:
        return place * n // self.steps_per_epoch

    def _order_of(self, epoch: int) -> tuple[list[NDArray[np.int64]], NDArray[np.int64]]:
        """Return the blocks of each buffer of an epoch, and the place where each begins."""
        if self._epoch is None or self._epoch[0] != epoch:
            blocks = self._generator(epoch, 0).permutation(len(self.share.blocks))
            buffers = np.array_split(blocks, self._n_buffers)
            sizes = [sum(self.share.sizes[own] for own in buffer) for buffer in buffers]
            self._epoch = epoch, buffers, np.cumsum([0, *sizes])
        return self._epoch[1:]

    def _shuffled(self, epoch: int, number: int, n: int) -> Tensor:
        if self._order is None or self._order[0] != (epoch, number):
            order = torch.from_numpy(self._generator(epoch, number + 1).permutation(n))
            self._order = (epoch, number), order.to(self.model.device)
        return self._order[1]

    def _generator(self, epoch: int, number: int) -> np.random.Generator:
        own = [self.seed, epoch, _STREAM, self.share.rank, len(self.share.counts), number]
        return np.random.default_rng(own)

    def _rows_of(self, numbers: Sequence[int]) -> Rows:
        """Return the rows of some blocks; the latest are kept."""
        key = tuple(numbers)
        if self._held is None or self._held[0] != key:
            self._held = None  # free them before others are read
            parts = [own for own in map(self._read, numbers) if len(own)]
            rows = parts[0] if len(parts) == 1 else Rows.cat(parts)
            if rows.bodies is None or rows.bodies.numel() <= MOST_SCORES:
                rows = self.model.scored(rows)
            self._held = key, rows
        return self._held[1]

    def _read(self, number: int) -> Rows:
        rows = self.share.read(self.share.blocks[number])
        return rows.to(self.model.device)

    def _any_row(self) -> Rows:
        if self._one is None:
            variables = self.model.variables
            codes = torch.zeros((1, variables.n_variables), dtype=variables.dtype)
            bodies = None
            if variables.numbers is not None:
                bodies = torch.zeros((1, len(variables.numbers.columns)), dtype=torch.int64)
            n_features = self.model.context.n_features
            context = torch.zeros((1, n_features)) if n_features else None
            self._one = Rows(codes, context=context, bodies=bodies).to(self.model.device)
        return self._one


def _bytes_per_row(model: BaseModel) -> int:
    # The order of a buffer takes eight bytes a row, and so does a number.
    numbers = model.variables.numbers
    own = model.n_variables * model.variables.dtype.itemsize + 8 + 8 * model.context.n_columns
    return own + (0 if numbers is None else 8 * len(numbers.columns))
