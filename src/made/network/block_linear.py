"""Products with a block-triangular weight, which leave out most of what is masked.

Seen in rank order, a mask is block-triangular: each unit sees a prefix of what comes before it, and later
units see longer ones. So the rows of a weight are cut into blocks, and each block is multiplied with no more
columns than its longest prefix: a few blocks leave little more than half of the arithmetic, forward and
backward. The plain twin is `products.masked_gradient_linear`, which multiplies with everything.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from made.masks.degrees import BoolArray

__all__ = ["RowBlock", "linear", "row_blocks"]

# Fewest rows of a block, and most blocks: small products waste time.
_ROWS, _BLOCKS = 128, 8
# Weights smaller than this are multiplied faster as a whole.
_SMALL = 2**16


class RowBlock(NamedTuple):
    """Rows first..last - 1 of a weight: all are active in columns before `shared`, none from `end` on."""

    first: int
    last: int
    shared: int
    end: int


def row_blocks(mask: BoolArray) -> tuple[RowBlock, ...] | None:
    """Cut the rows of a mask into blocks.

    Parameters
    ----------
    mask : (n_out, n_in) bool array
        Of one weight.

    Returns
    -------
    tuple of RowBlock, or None
        None where the mask is not block-triangular (variables or degrees are not in order), or too small for
        blocks to pay.

    Examples
    --------
    >>> row_blocks(np.tri(512, dtype=bool))[:2]
    (RowBlock(first=0, last=128, shared=1, end=128), RowBlock(first=128, last=256, shared=129, end=256))
    >>> row_blocks(np.tri(512, dtype=bool)[::-1]) is None
    True
    """
    n_out, n_in = mask.shape
    if mask.size < _SMALL:
        return None
    prefixes = mask.sum(axis=1)
    if (np.diff(prefixes) < 0).any() or not np.array_equal(mask, np.arange(n_in) < prefixes[:, None]):
        return None
    n_blocks = max(1, min(_BLOCKS, n_out // _ROWS))
    cuts = np.linspace(0, n_out, n_blocks + 1).astype(int)
    return tuple(
        RowBlock(int(first), int(last), int(prefixes[first]), int(prefixes[last - 1]))
        for first, last in pairwise(cuts)
    )


def linear(
    x: Tensor,
    weight: Tensor,
    mask: Tensor,
    bias: Tensor | None,
    blocks: tuple[RowBlock, ...],
    into: Tensor | None = None,
) -> Tensor:
    """Return x W^T + b.

    Parameters
    ----------
    x : (n, n_in) tensor
        Features.
    weight : (n_out, n_in) tensor
        Zero where the mask is.
    mask : (n_out, n_in) tensor
        Of zeros and ones, or truth values.
    bias : (n_out,) tensor, optional
        Added to each row.
    blocks : tuple of RowBlock
        Of the mask.
    into : (n_out, n_in) tensor, optional
        What the gradient of the weight is added to, instead of being returned.

    Returns
    -------
    (n, n_out) tensor
        Differentiable; the gradient of the weight is zero where the mask is.
    """
    out: Tensor = _BlockLinear.apply(x, weight, mask, bias, blocks, into)  # type: ignore[no-untyped-call]
    return out


class _BlockLinear(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        mask: Tensor,
        bias: Tensor | None,
        blocks: tuple[RowBlock, ...],
        into: Tensor | None,
    ) -> Tensor:
        ctx.save_for_backward(x, weight, mask)
        ctx.blocks, ctx.has_bias, ctx.into = blocks, bias is not None, into
        out = x.new_empty(len(x), len(weight))
        for first, last, _, end in blocks:
            own, rows = out[:, first:last], weight[first:last, :end]
            if end == 0:
                own.zero_() if bias is None else own.copy_(bias[first:last].expand_as(own))
            elif bias is None:
                torch.mm(x[:, :end], rows.t(), out=own)
            else:
                torch.addmm(bias[first:last], x[:, :end], rows.t(), out=own)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        x, weight, mask = ctx.saved_tensors
        to_bias = gradient.sum(0) if ctx.has_bias and ctx.needs_input_grad[3] else None
        if torch.is_grad_enabled():  # a derivative of this derivative is wanted: everything as a whole
            to_x = gradient @ weight if ctx.needs_input_grad[0] else None
            return to_x, (gradient.t() @ x) * mask, None, to_bias, None, None
        to_x = _to_inputs(gradient, weight, ctx.blocks) if ctx.needs_input_grad[0] else None
        to_weight = None
        if ctx.into is not None:
            _add_to_weight(gradient, x, mask, ctx.blocks, ctx.into)
        elif ctx.needs_input_grad[1]:
            to_weight = _to_weight(gradient, x, mask, ctx.blocks)
        return to_x, to_weight, None, to_bias, None, None


def _to_inputs(gradient: Tensor, weight: Tensor, blocks: tuple[RowBlock, ...]) -> Tensor:
    out = gradient.new_empty(len(gradient), weight.shape[1])
    # The last block has the most columns: it sets what the others add to.
    first, last, _, end = blocks[-1]
    out[:, end:] = 0
    if end:
        torch.mm(gradient[:, first:last], weight[first:last, :end], out=out[:, :end])
    for first, last, _, end in blocks[:-1]:
        if end:
            out[:, :end].addmm_(gradient[:, first:last], weight[first:last, :end])
    return out


def _to_weight(gradient: Tensor, x: Tensor, mask: Tensor, blocks: tuple[RowBlock, ...]) -> Tensor:
    out = torch.empty_like(mask, dtype=gradient.dtype)
    for first, last, shared, end in blocks:
        out[first:last, end:] = 0  # by assignment: zeros of the whole, or zero_ of a part, take longer
        if end:
            torch.mm(gradient[:, first:last].t(), x[:, :end], out=out[first:last, :end])
            out[first:last, shared:end].mul_(mask[first:last, shared:end])
    return out


def _add_to_weight(
    gradient: Tensor, x: Tensor, mask: Tensor, blocks: tuple[RowBlock, ...], into: Tensor
) -> None:
    for first, last, shared, end in blocks:
        if end:
            into[first:last, :end].addmm_(gradient[:, first:last].t(), x[:, :end])
            into[first:last, shared:end].mul_(mask[first:last, shared:end])
