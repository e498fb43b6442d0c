"""The version of made, and what else a figure may depend on: libraries, threads, machine."""

from __future__ import annotations

__all__ = ["VERSION", "environment"]

#: The one place where it stands; the build reads it from here.
VERSION = "0.2.0"


def environment() -> dict[str, str | int]:
    """Return what a figure may depend on beside its settings.

    Examples
    --------
    >>> sorted(environment())
    ['made', 'numpy', 'processor', 'python', 'threads', 'torch']
    """
    import platform

    import numpy as np
    import torch

    return {
        "made": VERSION,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "threads": torch.get_num_threads(),
        "processor": platform.machine(),
    }
