"""What a result was computed with: versions, threads, machine."""

from __future__ import annotations

import platform

import numpy as np
import torch

import made

__all__ = ["environment"]


def environment() -> dict[str, str | int]:
    """Return what a figure may depend on beside its settings.

    Examples
    --------
    >>> sorted(environment())
    ['made', 'numpy', 'processor', 'python', 'threads', 'torch']
    """
    return {
        "made": made.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "threads": torch.get_num_threads(),
        "processor": platform.machine(),
    }
