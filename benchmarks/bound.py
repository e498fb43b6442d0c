"""The fewest seconds that a training step of one mask can take: its products, and the memory that Adam moves.

Three products of a weight with a batch (outputs, gradients of inputs and of weights) at the rate of the
fastest of large matrix products, for active weights only; then each active weight and its two moments are
read and written once.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

import made
from measure import wait

__all__ = ["bandwidth", "peak", "step_bound"]

# A matrix that is large enough, and memory that no cache holds: float32 numbers.
_SIDE, _NUMBERS, _REPEATS = 3072, 2**26, 7


def _fastest(call: Callable[[], object]) -> float:
    """Return the seconds of the fastest of some calls."""
    seconds = []
    for _ in range(_REPEATS):
        began = time.perf_counter()
        call()
        wait()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def peak(device: str = "cpu") -> float:
    """Return multiplications and additions a second, in products of large matrices by torch."""
    a, b, out = (torch.rand(_SIDE, _SIDE, device=device) for _ in range(3))
    return 2 * _SIDE**3 / _fastest(lambda: torch.mm(a, b, out=out))


def bandwidth(device: str = "cpu") -> float:
    """Return bytes a second that are read and written when a large array is changed in place."""
    array = torch.ones(_NUMBERS, device=device)
    return 8 * _NUMBERS / _fastest(lambda: array.mul_(1.0))


def step_bound(model: made.MADE, batch: int, flops: float, bytes_a_second: float) -> float:
    """Return the seconds of a step of a model with one mask, at measured rates."""
    active = sum(int(mask.sum()) for mask in model.mask(0).layers)
    return 3 * 2 * active * batch / flops + 3 * 8 * active / bytes_a_second
