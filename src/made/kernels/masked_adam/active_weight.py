"""A masked weight that is trained by its own products: the backward pass takes the step of Adam.

Rows and columns of a weight are sorted by rank, so that its mask is block-triangular, and divided into panels
with a window each (`panels`). The gradient is used as soon as a few of its rows are known, and never stored.
The plain twin is the masked product of `network` with torch's own optimizer.
"""

# mypy: allow-untyped-calls
# mypy: disable-error-code="call-arg"

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from made.kernels.jit.stale import say_if_compiling
from made.kernels.jit.tiles import LANES, PANEL
from made.kernels.jit.vector import VECTOR
from made.kernels.masked_adam import panels
from made.kernels.weight_versions import mark_changed
from made.masks.degrees import BoolArray

__all__ = ["ActiveWeight", "AdamNumbers"]

Numbers = NDArray[Any]
Ints = NDArray[np.int64]

_OWN_ORDER = np.empty(0, np.int64)


class AdamNumbers(NamedTuple):
    """The numbers of one step of Adam; see `panels.update`."""

    keep: float
    rate: float
    new1: float
    old2: float
    new2: float
    eps: float

    @classmethod
    def at(cls, step: int, rate: float, decay: float, betas: tuple[float, float], eps: float) -> AdamNumbers:
        """Return them for a step, counted from 1; `decay` is decoupled."""
        beta1, beta2 = betas
        root = math.sqrt(1 - beta2**step)
        corrected = rate / (1 - beta1**step) * root
        return cls(1 - rate * decay, corrected, 1 - beta1, beta2, 1 - beta2, eps * root)


class ActiveWeight:
    """One weight and its moments, arranged for the compiled products.

    Parameters
    ----------
    weight, first, second : (n_out, n_in) tensors
        The weight and Adam's moments. If rows and columns keep their order, they are changed in place.
    mask : (n_out, n_in) bool array
        Where it is active; elsewhere all three are zero.
    rows, columns : int array or None
        The order in which the mask is block-triangular; None for their own.
    threads : int
        Number of threads among which the work is divided.
    """

    #: Set before every step: the numbers of Adam, and how many rows have a gradient; the others are padding.
    adam: AdamNumbers
    n_rows: int

    def __init__(
        self,
        weight: Tensor,
        first: Tensor,
        second: Tensor,
        mask: BoolArray,
        rows: Ints | None,
        columns: Ints | None,
        threads: int,
    ) -> None:
        say_if_compiling(panels.update, "the training step: once on this machine, about fifteen seconds")
        self.rows, self.columns = rows, columns
        self._tensors = weight, first, second
        self._active = np.ascontiguousarray(self._ordered(mask))
        self._weight, self._first, self._second = (
            np.ascontiguousarray(self._ordered(tensor.detach().numpy())) for tensor in self._tensors
        )
        self._type = self._weight.dtype.type
        self._windows = _windows(self._active)
        self._by_row = _by_panel(self._windows)
        self._by_column = _by_panel(_windows(self._active.T))
        self._has_gaps = bool(self._active.sum() < (self._windows[:, 1] - self._windows[:, 0]).sum())
        self._row_parts = _parts(self._by_row, threads)
        self._column_parts = _parts(self._by_column, threads)
        self._input_parts = _even_parts(self._weight.shape[1], threads)
        self._output_parts = _even_parts(self._weight.shape[0], threads)
        self._block_parts = _even_parts(-(-self._weight.shape[1] // LANES), threads)

    def linear(self, h: Tensor, bias: Tensor | None, anchor: Tensor) -> Tensor:
        """Multiply (n, n_in) features with the weight, and add the bias: (n, n_out).

        The backward pass takes the step of Adam. `anchor` is a tensor that requires a gradient and gets none:
        it ensures that there is a backward pass.
        """
        out: Tensor = _ActiveProduct.apply(h, bias, anchor, self)
        return out

    def sync(self) -> None:
        """Bring the tensors up to date; torch then counts them as changed."""
        mine = self._weight, self._first, self._second
        if self.rows is not None or self.columns is not None:
            for tensor, array in zip(self._tensors, mine, strict=True):
                tensor.detach().numpy()[self._place()] = array
        mark_changed(self._tensors)

    def features(self, h: Tensor) -> Numbers:
        """Return (n, n_in) features as (n_in, n), in the order of columns, n made a multiple of `VECTOR`."""
        return self._by_feature(h, self.columns, self._input_parts)

    def gradients(self, g: Tensor) -> Numbers:
        """Return (n, n_out) gradients as (n_out, n), in the order of rows."""
        return self._by_feature(g, self.rows, self._output_parts)

    def forward(self, x: Numbers) -> Numbers:
        """Return the product (n_out, n)."""
        out = np.empty((len(self._weight), x.shape[1]), x.dtype)
        panels.forward(out, self._weight, x, self._by_row, self._row_parts)
        return out

    def to_inputs(self, g: Numbers) -> Numbers:
        """Return the gradient of the inputs, (n_in, n)."""
        out = np.empty((self._weight.shape[1], g.shape[1]), g.dtype)
        panels.to_inputs(out, self._weight, g, self._by_column, self._column_parts)
        return out

    def update(self, g: Numbers, x: Numbers) -> None:
        """Take the step of Adam, from the inputs and the gradient of the outputs."""
        blocks = np.empty((-(-len(x) // LANES), self.n_rows, LANES), x.dtype)
        panels.in_blocks(blocks, x, self._block_parts)
        panels.update(
            *(array.reshape(-1) for array in (self._weight, self._first, self._second)),
            g, blocks, self._active, self._has_gaps, self._windows, self._row_parts,
            tuple(map(self._type, self.adam)),
        )  # fmt: skip

    def _by_feature(self, h: Tensor, order: Ints | None, parts: Ints) -> Numbers:
        n, n_features = h.shape
        array = h.detach().numpy()
        padded = -(-n // VECTOR) * VECTOR
        if array.dtype != self._type:
            array = array.astype(self._type)
        if order is None and n == padded and array.T.flags.c_contiguous:
            transposed: Numbers = array.T
            return transposed
        out = np.empty((n_features, padded), self._type)
        if array.strides[0] == array.itemsize:
            out[:, :n] = array.T if order is None else array.T[order]
            out[:, n:] = 0
        else:
            array = np.ascontiguousarray(array)
            own = _OWN_ORDER if order is None else order
            panels.transpose(out, array, own, parts)
        return out

    def _ordered(self, matrix: NDArray[Any]) -> NDArray[Any]:
        return matrix if self.rows is None and self.columns is None else matrix[self._place()]

    def _place(self) -> Any:
        """Return the index that sorts rows and columns."""
        rows = np.arange(self._tensors[0].shape[0]) if self.rows is None else self.rows
        columns = np.arange(self._tensors[0].shape[1]) if self.columns is None else self.columns
        return np.ix_(rows, columns)


class _ActiveProduct(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, h: Tensor, bias: Tensor | None, anchor: Tensor, active: ActiveWeight) -> Tensor:
        x = active.features(h)
        ctx.x, ctx.n, ctx.active = x, len(h), active
        out = torch.from_numpy(active.forward(x))
        if bias is not None:
            out += (bias if active.rows is None else bias[torch.from_numpy(active.rows)])[:, None]
        return _natural(out, len(h), active.rows)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        active, g = ctx.active, ctx.active.gradients(gradients[0])
        to_x = None
        if ctx.needs_input_grad[0]:
            to_x = _natural(torch.from_numpy(active.to_inputs(g)), ctx.n, active.columns)
        to_bias = gradients[0].sum(0) if ctx.needs_input_grad[1] else None
        active.update(g, ctx.x)
        return to_x, to_bias, None, None


def _natural(by_feature: Tensor, n: int, order: Ints | None) -> Tensor:
    """Return features in some order, (features, at least n), as (n, features) in their own order."""
    out = by_feature[:, :n].t()
    if order is None:
        return out
    back = torch.from_numpy(np.argsort(order))
    return out[:, back]


def _windows(active: BoolArray) -> Ints:
    """Return for every row the place of its first active weight, and that after its last: (n_rows, 2)."""
    first = active.argmax(axis=1)
    last = active.shape[1] - active[:, ::-1].argmax(axis=1)
    some = active.any(axis=1)
    return np.stack([np.where(some, first, 0), np.where(some, last, 0)], axis=1).astype(np.int64)


def _by_panel(windows: Ints) -> Ints:
    """Join the windows of the rows of each panel: (n_panels, 2)."""
    starts = range(0, len(windows), PANEL)
    joined = np.zeros((len(starts), 2), np.int64)
    for panel, start in enumerate(starts):
        own = windows[start : start + PANEL]
        own = own[own[:, 1] > own[:, 0]]
        if len(own):
            joined[panel] = own[:, 0].min(), own[:, 1].max()
    return joined


def _parts(windows: Ints, threads: int) -> Ints:
    """Divide panels among threads so that each has about the same work."""
    work = np.cumsum(windows[:, 1] - windows[:, 0] + 1)
    inner = np.searchsorted(work, work[-1] * np.arange(1, threads) / threads)
    return np.array([0, *inner, len(windows)], np.int64)


def _even_parts(n: int, threads: int) -> Ints:
    return np.linspace(0, n, threads + 1).astype(np.int64)
