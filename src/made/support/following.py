"""Whether torch follows what is computed: in the transforms of ``torch.func``, and in ``torch.export``.

What they follow must neither look at the numbers in a tensor nor write into one that they did not make.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["is_followed", "scattered", "searched"]


def is_followed() -> bool:
    """Return whether a transform or an export is under way.

    Examples
    --------
    >>> is_followed()
    False
    >>> torch.func.grad(lambda x: x * is_followed())(torch.tensor(1.0))
    tensor(1.)
    """
    # torch has no public name for the second: the number of the innermost transform, or None.
    return torch.compiler.is_compiling() or torch._C._functorch.maybe_current_level() is not None


def scattered(out: Tensor, dim: int, index: Tensor, values: Tensor | float) -> Tensor:
    """Return `out` with values at an index: written in place, unless that is followed."""
    return out.scatter(dim, index, values) if is_followed() else out.scatter_(dim, index, values)


def searched(among: Tensor, at: Tensor) -> Tensor:
    """Return how many of `among` (..., m), increasing, are at most each of `at` (..., n): (..., n).

    Examples
    --------
    >>> searched(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.5, 2.0]))
    tensor([0, 2])
    """
    if not is_followed():
        return torch.searchsorted(among, at.contiguous(), right=True)
    # What torch searches for must be contiguous, and rows of a transform are not.
    return (among.unsqueeze(-2) <= at.unsqueeze(-1)).sum(-1)
