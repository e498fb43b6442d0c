"""Numba's threads: as many as torch has, and torch's number left as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numba
import torch

__all__ = ["as_many_threads_as_torch"]


@contextmanager
def as_many_threads_as_torch() -> Iterator[int]:
    """Let numba use torch's number of threads, and give torch its own back: numba sets OpenMP's for both."""
    threads = torch.get_num_threads()
    settings: Any = numba.config
    own = min(threads, settings.NUMBA_NUM_THREADS)
    numba.set_num_threads(own)
    try:
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        yield own
    finally:
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
