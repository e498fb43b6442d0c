"""Discrete distributions of many variables at once, whatever their numbers of classes.

A call of torch costs as much as the arithmetic of a hundred rows with few classes: one call for all variables
of a row is faster than one for each block of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from made.masks.ordering import IntArray
from made.support.devices import OnDevices

__all__ = ["JointSoftmax", "as_slice"]


class JointSoftmax(OnDevices):
    """The distributions of all variables of a row, each a softmax over its own number of classes.

    Parameters
    ----------
    n_classes : sequence of int
        K of each variable.
    n_outputs : sequence of int
        K logits each; or one, that of class 1, where K = 2 and the logit of class 0 is 0 (Bernoulli); or
        none, where K = 1.
    columns : int array, optional
        Which of the outputs of a row the logits are; by default, all.

    Examples
    --------
    >>> softmax = JointSoftmax([2, 3], n_outputs=[1, 3])
    >>> softmax.log_prob(torch.zeros(1, 4), torch.tensor([[1, 2]])).exp()
    tensor([[0.5000, 0.3333]])
    """

    def __init__(
        self,
        n_classes: Sequence[int] | IntArray,
        n_outputs: Sequence[int] | IntArray,
        columns: IntArray | None = None,
    ) -> None:
        sizes, widths = np.asarray(n_classes), np.asarray(n_outputs)
        has_zero = widths < sizes
        self._firsts = torch.from_numpy(np.cumsum(widths) - sizes)
        self._owners = torch.from_numpy(np.repeat(np.arange(len(sizes)), widths))
        self._has_zero = torch.from_numpy(has_zero)
        self._columns = None if columns is None else torch.from_numpy(columns)
        self._slice = None if self._columns is None else as_slice(self._columns)
        self._least = torch.from_numpy(np.where(has_zero, 0, -np.inf)[:, None].astype(np.float32))

    def log_prob(self, outputs: Tensor, codes: Tensor) -> Tensor:
        """Return log p in nats of codes (n, D) under outputs (n, n_outputs): (n, D), twice differentiable."""
        # The rows of a batch lie side by side, so that sums over classes run along whole vectors.
        own = outputs.t()
        if self._columns is not None:
            own = own.index_select(0, self._columns) if self._slice is None else own[self._slice]
        logits = torch.cat([own, outputs.new_zeros(1, len(outputs))])
        places = torch.where(self._has_zero & (codes == 0), len(self._owners), self._firsts + codes)
        total: Tensor = _LogSum.apply(logits, self._owners, self._has_zero, self._least)  # type: ignore[no-untyped-call]
        return (logits.gather(0, places.t()) - total).t()


class _LogSum(torch.autograd.Function):
    """The logarithm of the sum of exp over the logits (n_outputs + 1, n) of each variable: (D, n)."""

    @staticmethod
    def forward(logits: Tensor, owners: Tensor, has_zero: Tensor, least: Tensor) -> Tensor:
        logits = logits[:-1]
        start = least.to(logits.dtype).expand(-1, logits.shape[1])
        largest = start.scatter_reduce(0, owners[:, None].expand_as(logits), logits, "amax")
        powers = (logits - largest.index_select(0, owners)).exp_()
        sums = torch.where(has_zero[:, None], (-largest).exp_(), 0)
        return sums.index_add_(0, owners, powers).log_().add_(largest)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        logits, owners, *_ = inputs
        ctx.save_for_backward(logits, owners, output)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        logits, owners, total = ctx.saved_tensors
        shares = (logits[:-1] - total.index_select(0, owners)).exp()
        slopes = gradients[0].index_select(0, owners) * shares
        return torch.nn.functional.pad(slopes, (0, 0, 0, 1)), None, None, None


def as_slice(places: Tensor) -> slice | None:
    """Return places as a slice where they are neighbours in their order, else None.

    Examples
    --------
    >>> as_slice(torch.tensor([3, 4, 5])), as_slice(torch.tensor([3, 5]))
    (slice(3, 6, None), None)
    """
    if len(places) == 0:
        return slice(0, 0)
    first, n = int(places[0]), len(places)
    return slice(first, first + n) if bool((places == torch.arange(first, first + n)).all()) else None
