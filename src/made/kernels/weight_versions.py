"""Whether weights have changed, from torch's own counts of changes in place.

Torch gives every tensor a version, which goes up with every change in place. It does not see what compiled
loops and replayed CUDA graphs write: they call `mark_changed`. It does not count the steps of its fused
optimizers either: a hook does, for every optimizer of the process.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import register_optimizer_step_post_hook

__all__ = ["mark_changed", "versions"]


def versions(tensors: Sequence[Tensor]) -> tuple[tuple[int, int], ...] | None:
    """Return the address and the version of each tensor; None if one was made in inference mode.

    Equal versions mean equal numbers, as long as the memory at those addresses is kept. Tensors made in
    inference mode have no version.

    Examples
    --------
    >>> weight = torch.zeros(3)
    >>> before = versions([weight])
    >>> _ = weight.add_(1)
    >>> versions([weight]) == before
    False
    """
    if any(tensor.is_inference() for tensor in tensors):
        return None
    return tuple((tensor.data_ptr(), tensor._version) for tensor in tensors)


def mark_changed(tensors: Iterable[Tensor]) -> None:
    """Count a change in place that torch has not seen.

    Examples
    --------
    >>> weight = torch.zeros(3)
    >>> weight.numpy()[0] = 1
    >>> before = versions([weight])
    >>> mark_changed([weight])
    >>> versions([weight]) == before
    False
    """
    for tensor in tensors:
        if not tensor.is_inference():
            torch.autograd.graph.increment_version(tensor)


def _count_fused_step(optimizer: torch.optim.Optimizer, *_: Any) -> None:
    for group in optimizer.param_groups:
        if group.get("fused"):
            mark_changed(group["params"])


register_optimizer_step_post_hook(_count_fused_step)
