"""The loss of every step. Losses stay on the device until they are read, so that steps do not wait."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

__all__ = ["LossLog"]

# On an accelerator losses are read this many at once, since reading one waits for the device.
_STEPS_BETWEEN_READS = 32


class LossLog:
    """Losses in the order of the steps.

    Parameters
    ----------
    losses : list of float
        Where they are appended; holds those of earlier steps.
    batch_sizes : sequence of int
        The number of rows in each batch of an epoch.
    device : torch.device
        Where they come from.

    Examples
    --------
    >>> log = LossLog([], [3, 1], torch.device("cpu"))
    >>> for loss in (2.0, 6.0):
    ...     log.add(torch.tensor(loss))
    ...     print(list(log.read()))
    [(1, 2.0)]
    [(2, 6.0)]
    >>> log.mean_of_epoch()
    3.0
    """

    def __init__(self, losses: list[float], batch_sizes: Sequence[int], device: torch.device) -> None:
        self.losses = losses
        self._batch_sizes = batch_sizes
        self._at_once = 1 if device.type == "cpu" else _STEPS_BETWEEN_READS
        self._pending: list[Tensor] = []

    @property
    def is_due(self) -> bool:
        """Whether the pending losses should be read."""
        return len(self._pending) >= self._at_once

    @property
    def latest(self) -> float:
        """The latest loss that was read; NaN if none was."""
        return self.losses[-1] if self.losses else float("nan")

    def add(self, loss: Tensor) -> None:
        """Take the loss of a step, without waiting for it."""
        self._pending.append(loss)

    def read(self) -> Iterator[tuple[int, float]]:
        """Append the pending losses; yields the number of each step, from 1, and its loss."""
        values = torch.stack(self._pending).tolist() if self._pending else []
        self._pending = []
        for value in values:
            self.losses.append(value)
            yield len(self.losses), value

    def mean_of_epoch(self) -> float | None:
        """Return the mean loss per row of the latest epoch; None before the first."""
        if not self.losses:
            return None
        return float(np.average(self.losses[-len(self._batch_sizes) :], weights=self._batch_sizes))
