"""Products with sparse one-hot features: sums of the columns of a weight that the codes select.

Of the thousand features of a variable with a thousand classes, one is 1 and 999 are 0: selecting a column
does what multiplying with all of them does, in a fraction of the time and of the memory. The plain twin lays
the features out (`SparseOneHot.dense`) and multiplies.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from made.variables.sparse_one_hot import SparseOneHot, one_hot

__all__ = ["linear"]


def linear(
    x: SparseOneHot, weight: Tensor, mask: Tensor | None, bias: Tensor | None, into: Tensor | None = None
) -> Tensor:
    """Return x W^T + b.

    Parameters
    ----------
    x : SparseOneHot
        Of n rows.
    weight : (n_out, n_features) tensor
        Zero where the mask is.
    mask : (n_out, n_features) tensor, optional
        Of zeros and ones, or truth values, the same for all features of a variable.
    bias : (n_out,) tensor, optional
        Added to each row.
    into : (n_out, n_features) tensor, optional
        What the gradient of the weight is added to where it comes from codes, instead of being returned.

    Returns
    -------
    (n, n_out) tensor
        Differentiable; the gradient of the weight is zero where the mask is.
    """
    out: Tensor = _SelectedColumns.apply(weight, mask, x.codes, x.firsts, x.sizes, into, x.seen)  # type: ignore[no-untyped-call]
    if len(x.columns) == 0:
        return out if bias is None else out + bias
    rest = weight[:, x.columns]
    if mask is not None:
        rest = rest * mask[:, x.columns]  # for the gradient alone: the weight is zero there
    return out + functional.linear(x.others, rest, bias)


class _SelectedColumns(torch.autograd.Function):
    """The part of the codes. The weights of a unit are contiguous: each unit takes up all rows in turn."""

    @staticmethod
    def forward(
        weight: Tensor,
        mask: Tensor | None,
        codes: Tensor,
        firsts: tuple[int, ...],
        sizes: tuple[int, ...],
        into: Tensor | None,
        seen: Tensor | None,
    ) -> Tensor:
        out = weight.new_zeros(len(weight), codes.shape[1])
        active = _active_units(mask, firsts)
        for i, (own, first, size, (begin, _)) in enumerate(zip(codes, firsts, sizes, active, strict=True)):
            units = weight[begin:, first : first + size]
            picked = units.gather(1, own.expand(len(units), -1))
            out[begin:] += picked if seen is None else picked.mul_(seen[i])
        return out.t().contiguous()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        weight, mask, codes, ctx.firsts, ctx.sizes, ctx.into, seen = inputs
        ctx.shape = weight.shape
        ctx.save_for_backward(mask, codes, seen)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        mask, codes, seen = ctx.saved_tensors
        if torch.is_grad_enabled():  # a derivative of this derivative is wanted: everything as a whole
            whole = gradient.t() @ one_hot(codes, ctx.firsts, ctx.shape[1], gradient, seen)
            return whole if mask is None else whole * mask, None, None, None, None, None, None
        by_unit = gradient.t().contiguous()
        out = gradient.new_zeros(ctx.shape) if ctx.into is None else ctx.into
        active = _active_units(mask, ctx.firsts)
        for i, (own, first, size, (begin, which)) in enumerate(
            zip(codes, ctx.firsts, ctx.sizes, active, strict=True)
        ):
            units = by_unit[begin:] if which is None else by_unit[begin:] * which
            units = units if seen is None else units * seen[i]
            out[begin:, first : first + size].scatter_add_(1, own.expand(len(units), -1), units)
        return out if ctx.into is None else None, None, None, None, None, None, None


def _active_units(mask: Tensor | None, firsts: tuple[int, ...]) -> list[tuple[int, Tensor | None]]:
    """Return for each variable how many units come before the first that sees it, and which after that do.

    The latter as a column of zeros and ones, or None where all do: with units in the order of their degrees.
    """
    if mask is None:
        return [(0, None)] * len(firsts)
    seen = mask[:, list(firsts)]
    before = (seen.cumsum(0) == 0).sum(0)
    all_after = seen.sum(0) == len(seen) - before
    return [
        (first, None if every else seen[first:, i : i + 1])
        for i, (first, every) in enumerate(zip(before.tolist(), all_after.tolist(), strict=True))
    ]
