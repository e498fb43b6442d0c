"""The precision of matrix products in a training step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

__all__ = ["products_in"]


@contextmanager
def products_in(precision: str) -> Iterator[None]:
    """Let torch compute float32 matrix products in a precision, forward and backward.

    The factors are rounded, the sums are not: they are float32, as are weights and results. ``"float32"``
    changes nothing. ``"bfloat16"`` is bfloat16 on a CPU that has instructions for it, TF32 on CUDA, which is
    more exact; a device that has neither goes on in float32. It holds for all threads of the process.

    Parameters
    ----------
    precision : str
        ``"float32"`` or ``"bfloat16"``.

    Examples
    --------
    >>> before = torch.get_float32_matmul_precision()
    >>> with products_in("bfloat16"):
    ...     print(torch.get_float32_matmul_precision())
    medium
    >>> torch.get_float32_matmul_precision() == before
    True
    """
    if precision == "float32":
        yield
        return
    # Since torch 2.9 each kind of device has a setting of its own besides the common one: both are put back.
    owners = [own for own in (_matmul("mkldnn"), _matmul("cuda")) if hasattr(own, "fp32_precision")]
    own_before = [own.fp32_precision for own in owners]
    try:
        before = torch.get_float32_matmul_precision()
    except RuntimeError:  # only the devices' own were ever set
        before = "highest"
    torch.set_float32_matmul_precision("medium")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
        for own, value in zip(owners, own_before, strict=True):
            own.fp32_precision = value


def _matmul(backend: str) -> Any:
    return getattr(getattr(torch.backends, backend), "matmul", None)
