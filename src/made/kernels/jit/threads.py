"""Numba's threads: as many as torch uses, while torch's own setting stays as it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numba
import torch

__all__ = ["as_many_threads_as_torch"]


@contextmanager
def as_many_threads_as_torch() -> Iterator[int]:
    """Let numba use torch's number of threads; restore torch's, for numba sets that of OpenMP for both."""
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
