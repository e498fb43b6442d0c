"""One-pass sampling on the CPU: a whole batch with the arithmetic of one forward pass instead of D.

A hidden unit of degree m is final once ranks 1..m are known. Going through the ranks, the next variable is
drawn, and the units whose degree has been reached are finished: over all ranks, that is one forward pass over
the live weights. The plain twin is `sampling.sample_rows`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from made.kernels.jit.stale import forget_stale_code, say_if_compiling
from made.kernels.jit.threads import as_many_threads_as_torch
from made.kernels.jit.tiles import ROWS
from made.kernels.one_pass.bundles import draw_strips
from made.kernels.one_pass.one_row import draw_row, draw_rows
from made.kernels.one_pass.plan import Plan

__all__ = ["sample_one_pass"]

forget_stale_code(draw_row, draw_rows, draw_strips)

_SAMPLER = "the sampler: once on this machine, about fifteen seconds"
# Fewer rows than this are drawn one by one: a bundle takes as long as this many rows.
_FEW_ROWS = 10
# A thread takes at most so many bundles at a time through the panels, for their units to stay in its cache.
_BUNDLES_PER_STRIP = 4

_NO_CODES, _NO_BYTES = np.empty((0, 0), np.int64), np.empty((0, 0), np.uint8)
_NO_SUMS = np.empty((0, 0), np.float32)


def sample_one_pass(
    plan: Plan,
    u: NDArray[np.float64],
    codes: NDArray[np.int64] | None = None,
    context: NDArray[np.float32] | None = None,
    *,
    dtype: DTypeLike = np.int64,
) -> NDArray[Any]:
    """Draw rows from uniforms.

    Parameters
    ----------
    plan : Plan
        Of the network under one mask.
    u : (n, D) float64 array
        ``u[:, d]`` decides variable d, through the inverse of its CDF.
    codes : (n, D) int array, optional
        Codes that are given, and -1 where one is to be drawn. By default all are drawn.
    context : (n, C) float32 array, optional
        Context features of each row, for a network that takes some.
    dtype : numpy type
        int64 or, where no variable has more than 256 classes, uint8.

    Returns
    -------
    (n, D) array of codes
    """
    n = len(u)
    drawn: NDArray[Any] = np.empty(u.shape, dtype=dtype)
    if n == 0:
        return drawn
    narrow, wide = (drawn, _NO_CODES) if drawn.dtype == np.uint8 else (_NO_BYTES, drawn)
    given = _NO_CODES if codes is None else np.ascontiguousarray(codes, np.int64)
    flat, stride = _flat_rows(u)
    rest = (flat, stride, given, *_from_context(plan, context), narrow, wide)
    if n == 1:  # one thread is enough: it waits for memory
        say_if_compiling(draw_row, _SAMPLER)
        draw_row(plan, 0, *rest)
        return drawn
    with as_many_threads_as_torch() as threads:
        if n < _FEW_ROWS:
            say_if_compiling(draw_rows, _SAMPLER)
            draw_rows(plan, *rest)
        else:
            say_if_compiling(draw_strips, _SAMPLER)
            n_bundles = -(-n // ROWS)
            draw_strips(plan, ROWS * min(_BUNDLES_PER_STRIP, -(-n_bundles // threads)), *rest)
    return drawn


def _flat_rows(u: NDArray[np.float64]) -> tuple[NDArray[np.float64], int]:
    """Return the uniforms as a flat array, and how far rows are apart: columns left out cost no copy."""
    if u.flags.c_contiguous:
        return u.reshape(-1), u.shape[1]
    apart, step = u.strides[0] // u.itemsize, u.strides[1] // u.itemsize
    if u.dtype != np.float64 or step != 1 or apart < u.shape[1]:
        return np.ascontiguousarray(u, np.float64).reshape(-1), u.shape[1]
    size = (len(u) - 1) * apart + u.shape[1]
    return np.lib.stride_tricks.as_strided(u, (size,), (u.itemsize,)), apart


def _from_context(
    plan: Plan, context: NDArray[np.float32] | None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return what the context adds to the first layer and to the outputs of each row."""
    if context is None:
        return _NO_SUMS, _NO_SUMS
    features = np.asarray(context, np.float32)
    return features @ plan.context_first, features @ plan.context_outputs
