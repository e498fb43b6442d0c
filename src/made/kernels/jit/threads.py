"""As many threads as torch uses: numba's own, and Python's around loops that need no lock.

A loop of numba's own threads compiles all that it calls about twice more: those that are long to compile and
run for more than a fraction of a millisecond are cut up by Python.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import numba
import torch

__all__ = ["as_many_threads_as_torch", "over_threads"]


@contextmanager
def as_many_threads_as_torch() -> Iterator[None]:
    """Let numba use torch's number of threads; restore torch's, for numba sets that of OpenMP for both."""
    threads = torch.get_num_threads()
    settings: Any = numba.config
    numba.set_num_threads(min(threads, settings.NUMBA_NUM_THREADS))
    try:
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        yield
    finally:
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)


def over_threads(loop: Any, n: int, size: int, *rest: Any) -> None:
    """Call ``loop(begin, end, *rest)`` for parts of 0..n, side by side.

    Parameters
    ----------
    loop : compiled function
        Without Python's lock (``nogil``), and writing only what belongs to its part.
    n : int
        How many there are to do.
    size : int
        Parts begin at multiples of it.
    *rest : objects
        What the loop takes beside.

    Examples
    --------
    >>> import numba, numpy as np
    >>> @numba.njit(nogil=True)
    ... def square(begin, end, numbers):
    ...     for i in range(begin, end):
    ...         numbers[i] *= numbers[i]
    >>> numbers = np.arange(5)
    >>> over_threads(square, 5, 2, numbers)
    >>> numbers
    array([ 0,  1,  4,  9, 16])
    """
    n_parts = -(-n // size)
    threads = min(torch.get_num_threads(), n_parts)
    if threads < 2:
        loop(0, n, *rest)
        return
    bounds = [min(n, size * (n_parts * thread // threads)) for thread in range(threads + 1)]
    others = [_pool().submit(loop, begin, end, *rest) for begin, end in pairwise(bounds[1:])]
    try:
        loop(bounds[0], bounds[1], *rest)
    finally:
        wait(others)  # they write to what the caller reads or drops
    for other in others:
        other.result()


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="made")


if hasattr(os, "register_at_fork"):  # threads do not come along
    os.register_at_fork(after_in_child=_pool.cache_clear)
