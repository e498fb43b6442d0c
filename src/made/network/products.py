"""How a network multiplies: plainly, with weights times a mask, or with weights that are masked already.

A product is passed to `Network.forward`. It is called with the place of a weight in the network, features,
the weight and its bias, and returns outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from made.masks.tensors import DIRECT, MaskTensors, Place
from made.network import block_linear, sparse_linear
from made.network.block_linear import RowBlock
from made.network.copula import Linear
from made.variables.sparse_one_hot import SparseOneHot

__all__ = [
    "Masked",
    "PreMasked",
    "Product",
    "count_violations",
    "dense",
    "masked_gradient_linear",
    "zero_masked",
]

#: Maps (place, x (n, n_in), weight (n_out, n_in), bias (n_out,) or None) to (n, n_out).
Product = Callable[[Place, Tensor | SparseOneHot, Tensor, Tensor | None], Tensor]


def dense(place: Place, x: Tensor | SparseOneHot, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Multiply with the whole weight: x W^T + b."""
    if isinstance(x, SparseOneHot):
        return sparse_linear.linear(x, weight, None, bias)
    return functional.linear(x, weight, bias)


@dataclass(frozen=True, eq=False)
class Masked:
    """x (W * M)^T + b, for several masks on one set of weights.

    Parameters
    ----------
    masks : MaskTensors
        Of zeros and ones, for every place.
    linear : Linear, optional
        What the copula of the ordering adds to direct connections.
    """

    masks: MaskTensors
    linear: Linear | None = None

    def __call__(self, place: Place, x: Tensor | SparseOneHot, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Multiply with the masked weight."""
        own = weight * self.masks[place]
        if place == DIRECT and self.linear is not None:
            return dense(place, x, own + self.linear.weight, self.linear.bias.to(own.dtype))
        return dense(place, x, own, bias)

    @property
    def nbytes(self) -> int:
        """Memory of the masks, and of what is added."""
        more = 0 if self.linear is None else self.linear.weight.nbytes
        return sum(mask.nbytes for mask in self.masks.values()) + more


@dataclass(frozen=True, eq=False)
class PreMasked:
    """The same for weights that are zero already where their one mask is: only their gradient is masked.

    On the CPU, what is masked is left out of the arithmetic where the mask is block-triangular.

    Parameters
    ----------
    masks : MaskTensors
        Of truth values, for every place.
    blocks : mapping, optional
        The `row_blocks` of the masks. Without any, the whole weight is multiplied: the plain twin.
    adds_gradients : bool
        Add the gradient of a weight to its ``grad`` in the backward pass, with no copy beside it: for batches
        that come in portions, on the CPU. `Tensor.backward` does that; `torch.autograd.grad` finds nothing.
    """

    masks: MaskTensors
    blocks: Mapping[Place, tuple[RowBlock, ...]] = field(default_factory=dict)
    adds_gradients: bool = False

    @classmethod
    def by_blocks(cls, masks: MaskTensors) -> PreMasked:
        """Make one that leaves out what is masked, where it can."""
        on_cpu = {place: mask for place, mask in masks.items() if mask.device.type == "cpu"}
        found = {place: block_linear.row_blocks(mask.numpy()) for place, mask in on_cpu.items()}
        return cls(masks, {place: blocks for place, blocks in found.items() if blocks is not None})

    def adding_gradients(self) -> PreMasked:
        """Return the same product, adding gradients where they are."""
        return replace(self, adds_gradients=True)

    def __call__(self, place: Place, x: Tensor | SparseOneHot, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Multiply with a weight that is masked already."""
        mask, blocks = self.masks[place], self.blocks.get(place)
        gradient = _gradient_of(weight) if self.adds_gradients else None
        if isinstance(x, SparseOneHot):
            return sparse_linear.linear(x, weight, mask, bias, gradient)
        if blocks is None:
            return masked_gradient_linear(x, weight, mask, bias)
        return block_linear.linear(x, weight, mask, bias, blocks, gradient)

    @property
    def nbytes(self) -> int:
        """Memory of the masks."""
        return sum(mask.nbytes for mask in self.masks.values())


@torch.no_grad()
def zero_masked(weights: Mapping[Place, Tensor], masks: MaskTensors) -> None:
    """Set the masked weights to zero; `weights` are a network's `masked_weights`."""
    for place, mask in masks.items():
        weights[place].mul_(mask)


def count_violations(weights: Mapping[Place, Tensor], masks: MaskTensors) -> int:
    """Count the weights that are masked and yet not zero."""
    return sum(int(((weights[place] != 0) & (mask == 0)).sum()) for place, mask in masks.items())


def _gradient_of(weight: Tensor) -> Tensor:
    if weight.grad is None:
        weight.grad = torch.zeros_like(weight)
    return weight.grad


def masked_gradient_linear(x: Tensor, weight: Tensor, mask: Tensor, bias: Tensor | None) -> Tensor:
    """Return x W^T + b, for a weight that is zero where the mask is; its gradient is masked."""
    out: Tensor = _MaskedGradient.apply(x, weight, mask, bias)  # type: ignore[no-untyped-call]
    return out


class _MaskedGradient(torch.autograd.Function):
    # A hook on the weight would do the same, but is lost when a model is copied.
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, mask: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight, mask)
        return functional.linear(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        x, weight, mask = ctx.saved_tensors
        to_x = gradient @ weight if ctx.needs_input_grad[0] else None
        to_weight = (gradient.T @ x).mul_(mask) if ctx.needs_input_grad[1] else None
        to_bias = gradient.sum(0) if ctx.needs_input_grad[3] else None
        return to_x, to_weight, None, to_bias
