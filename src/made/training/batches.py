"""Batches of rows in memory, or of a file that is streamed. Each is a function of (seed, step)."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from made.base import BaseModel
from made.data.row_file import RowFile
from made.support.checks import row_weights
from made.support.errors import InputError
from made.training.settings import TrainingSettings
from made.variables.encoding import encode_complete
from made.variables.frames import is_frame
from made.variables.rows import Rows, RowsLike
from made.variables.schema_parts import check_columns

__all__ = [
    "MOST_SCORES",
    "Batch",
    "Batches",
    "Identity",
    "InMemory",
    "Streamed",
    "batches_from",
    "complete_rows",
    "rows_of",
]

# A file is read in blocks of about this size, and the rows of 64 blocks at a time are shuffled together.
_BYTES_PER_BLOCK = 2**20
_BLOCKS_PER_BUFFER = 64
#: Numeric entries of rows in memory whose scores are kept: 24 bytes each, or 32.
MOST_SCORES = 2**24

#: What `fingerprint` takes.
Identity = tuple[Tensor | str | None, ...]


class Batch(NamedTuple):
    """The codes of the rows of one step (n, D), with what else there is of them: see `Rows`."""

    rows: Tensor
    context: Tensor | None = None
    weight: Tensor | None = None
    bodies: Tensor | None = None
    scores: Tensor | None = None

    @staticmethod
    def of(rows: Rows, weight: Tensor | None = None) -> Batch:
        """Return encoded rows, all of them known, as a batch."""
        return Batch(rows.codes, rows.context, weight, rows.bodies, rows.scores)

    @property
    def encoded(self) -> Rows:
        """The rows with their context, as a model takes them."""
        return Rows(self.rows, None, self.context, self.bodies, self.scores)


class Batches(ABC):
    """The training rows, batch after batch; every row once in each epoch.

    Attributes
    ----------
    n_rows : int
        In an epoch.
    steps_per_epoch : int
    """

    def __init__(self, n_rows: int, settings: TrainingSettings) -> None:
        self.n_rows = n_rows
        self.seed, self.batch_size = settings.seed, settings.batch_size
        self.steps_per_epoch = math.ceil(n_rows / self.batch_size)

    def batch(self, step: int) -> Batch:
        """Return the batch of a step, on the model's device. Steps are counted over all epochs, from 0."""
        epoch, place = divmod(step, self.steps_per_epoch)
        first = place * self.batch_size
        return self._batch(epoch, first, min(first + self.batch_size, self.n_rows))

    @property
    def sizes(self) -> list[int]:
        """How many rows each batch of an epoch has: all as many, but for the last."""
        full = [self.batch_size] * (self.steps_per_epoch - 1)
        return [*full, self.n_rows - self.batch_size * len(full)]

    @abstractmethod
    def set_marginals(self, model: BaseModel) -> None:
        """Give the model the marginals of these rows; see `BaseModel.set_marginals`."""

    @abstractmethod
    def identity(self) -> Identity:
        """Return what identifies rows, their weights, and what else there is of them, for `fingerprint`."""

    @abstractmethod
    def _batch(self, epoch: int, first: int, stop: int) -> Batch:
        """Return rows first..stop of an epoch, in the order of that epoch."""


class InMemory(Batches):
    """Rows that are on the model's device as a whole, drawn in a fresh permutation every epoch."""

    def __init__(
        self,
        model: BaseModel,
        train: RowsLike,
        settings: TrainingSettings,
        context: ArrayLike | Tensor | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> None:
        self.model, self.rows = model, complete_rows(model, train, context)
        if len(self.rows) == 0:
            raise InputError("no training rows were given: at least one is needed")
        super().__init__(len(self.rows), settings)
        self.sample_weight: Tensor | None = None
        self.weight: Tensor | None = None
        if sample_weight is not None:
            self.sample_weight = torch.from_numpy(row_weights(sample_weight, self.n_rows))
            # With mean 1, so that the loss stays in nats per row and the learning rate keeps its meaning.
            self.weight = (self.sample_weight / self.sample_weight.mean()).float().to(model.device)
        self._order, self._ordered = torch.empty(0), -1

    def set_marginals(self, model: BaseModel) -> None:
        """Give the model the marginals of these rows, by weight."""
        model.set_marginals(self.rows, self.sample_weight)

    def identity(self) -> Identity:
        """Return the rows, their weights, their context and their numbers themselves."""
        return self.rows.codes, self.sample_weight, self.rows.context, self.rows.bodies

    def _batch(self, epoch: int, first: int, stop: int) -> Batch:
        if epoch != self._ordered:
            generator = np.random.default_rng([self.seed, epoch])
            self._order = torch.from_numpy(generator.permutation(self.n_rows)).to(self.rows.codes.device)
            self._ordered = epoch
        if self.rows.bodies is None or self.rows.bodies.numel() <= MOST_SCORES:
            self.rows = self.model.scored(self.rows)
        chosen = self._order[first:stop]
        return Batch.of(self.rows[chosen], None if self.weight is None else self.weight[chosen])


class Streamed(Batches):
    """Rows of a file, of which some random blocks at a time are in memory.

    The file is cut into blocks of neighbouring rows. An epoch takes the blocks in a random order, as many at
    a time as fill a buffer, and the rows of a buffer in a random order. A file that fits into one buffer is
    thus shuffled as a whole. A batch may take the last rows of one buffer and the first of the next.
    """

    def __init__(self, model: BaseModel, file: RowFile, settings: TrainingSettings) -> None:
        super().__init__(file.n, settings)
        self.model, self.file = model, file
        self.rows_per_block = _rows_per_block(model)
        self.n_blocks = math.ceil(file.n / self.rows_per_block)
        self._order: tuple[int, _EpochOrder] | None = None
        self._held: tuple[tuple[int, int], Rows, Tensor] | None = None
        _rows(model, file, 0, 1)  # an error that all rows share shows in the first

    def set_marginals(self, model: BaseModel) -> None:
        """Give the model the marginals of the file, in one pass through it; this checks every row."""
        slices = _slices(model, self.file)
        model.set_marginals_in_slices((rows, torch.ones(len(rows)).double()) for rows in slices)

    def identity(self) -> Identity:
        """Return what identifies the file."""
        return self.file.identity(), None

    def _batch(self, epoch: int, first: int, stop: int) -> Batch:
        edges = self._epoch_order(epoch).edges
        parts = []
        while first < stop:
            number = int(np.searchsorted(edges, first, side="right")) - 1
            begin, end = int(edges[number]), min(stop, int(edges[number + 1]))
            rows, order = self._buffer(epoch, number)
            parts.append(rows[order[first - begin : end - begin]])
            first = end
        return Batch.of(parts[0] if len(parts) == 1 else Rows.cat(parts))

    def _epoch_order(self, epoch: int) -> _EpochOrder:
        """Return the blocks of each buffer of an epoch, and the place in the epoch where each begins."""
        if self._order is None or self._order[0] != epoch:
            blocks = np.random.default_rng([self.seed, epoch]).permutation(self.n_blocks)
            buffers = np.array_split(blocks, math.ceil(self.n_blocks / _BLOCKS_PER_BUFFER))
            sizes = [sum(self._size(block) for block in buffer) for buffer in buffers]
            self._order = epoch, _EpochOrder(buffers, np.cumsum([0, *sizes]))
        return self._order[1]

    def _buffer(self, epoch: int, number: int) -> tuple[Rows, Tensor]:
        """Return the rows of a buffer in the order of the file, and the order of training."""
        key = epoch, number
        if self._held is None or self._held[0] != key:
            self._held = None  # free the buffer before the next one is read
            blocks = np.sort(self._epoch_order(epoch).buffers[number])
            n = sum(self._size(block) for block in blocks)
            variables, device = self.model.variables, self.model.device
            codes = torch.empty((n, variables.n_variables), dtype=variables.dtype, device=device)
            bodies = None
            if variables.numbers is not None:
                width = len(variables.numbers.columns)
                bodies = torch.empty((n, width), dtype=torch.int64, device=device)
            filled = 0
            for block in blocks:
                own = _rows(self.model, self.file, block * self.rows_per_block, self._size(block))
                codes[filled : filled + len(own)] = own.codes
                if bodies is not None and own.bodies is not None:
                    bodies[filled : filled + len(own)] = own.bodies
                filled += len(own)
            # From 1: [seed, epoch, 0] gives the same numbers as [seed, epoch], the order of the blocks.
            order = np.random.default_rng([self.seed, epoch, number + 1]).permutation(n)
            self._held = key, Rows(codes, bodies=bodies), torch.from_numpy(order).to(device)
        return self._held[1:]

    def _size(self, block: int) -> int:
        return min(self.rows_per_block, self.n_rows - int(block) * self.rows_per_block)


class _EpochOrder(NamedTuple):
    buffers: list[NDArray[np.int64]]
    edges: NDArray[np.int64]


def batches_from(
    model: BaseModel,
    train: RowsLike | RowFile,
    settings: TrainingSettings,
    context: ArrayLike | Tensor | None = None,
    sample_weight: ArrayLike | None = None,
) -> Batches:
    """Return the batches of training rows, checked; those of a file are checked as they are read.

    Raises
    ------
    InputError
        If the rows, their context or their weights make no sense.
    """
    if not isinstance(train, RowFile):
        return InMemory(model, train, settings, context, sample_weight)
    if sample_weight is not None:
        raise InputError("sample_weight is for rows in memory: rows of a file count alike")
    if model.context.n_features:
        raise InputError("a conditional model is trained on rows in memory: read the file, and its context")
    model.context.rows(context, train.n)  # raises if context was given
    return Streamed(model, train, settings)


def rows_of(model: BaseModel, x: RowsLike | RowFile, context: ArrayLike | Tensor | None = None) -> Rows:
    """Return checked rows on the model's device; a file is read as a whole, in slices."""
    if not isinstance(x, RowFile):
        return complete_rows(model, x, context)
    return model.rows(Rows.cat(list(_slices(model, x))), context)


def complete_rows(model: BaseModel, x: RowsLike, context: ArrayLike | Tensor | None = None) -> Rows:
    """Return checked rows on the model's device; an unknown entry is an error.

    Raises
    ------
    InputError
        If an entry is unknown, or the rows do not fit the model.
    """
    if is_frame(x):
        check_columns(model.schema, x)
    rows = model.rows(x, context)
    rows.check_complete()
    return replace(rows, labels=None)


def _slices(model: BaseModel, file: RowFile) -> Iterator[Rows]:
    """Yield the checked rows of a file, some at a time, from the first to the last."""
    size = _rows_per_block(model)
    return (_rows(model, file, i, min(size, file.n - i)) for i in range(0, file.n, size))


def _rows(model: BaseModel, file: RowFile, first: int, n: int) -> Rows:
    """Return n checked rows of a file, on the model's device."""
    rows = file.read(int(first), n)
    try:
        return encode_complete(model.variables, rows, file.first + int(first)).to(model.device)
    except InputError as error:
        raise InputError(f"{file.path}: {error}") from None


def _rows_per_block(model: BaseModel) -> int:
    # The order of a buffer takes eight bytes per row, and so does a number.
    numbers = model.variables.numbers
    bytes_per_row = model.n_variables * model.variables.dtype.itemsize + 8
    bytes_per_row += 0 if numbers is None else 8 * len(numbers.columns)
    return max(_BYTES_PER_BLOCK // bytes_per_row, 1)
