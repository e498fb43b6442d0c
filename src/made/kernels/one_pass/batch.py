"""One-pass sampling on the CPU: a whole batch with the arithmetic of one forward pass instead of D.

A hidden unit of degree m is final once ranks 1..m are known. Rank by rank, the next variable is sampled and
the units whose degree has been reached are finished: over all ranks, that is one forward pass over the active
weights. The plain twin is `sampling.sample_rows`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray

from made.kernels.jit import tiles
from made.kernels.jit.stale import compiled_functions, forget_stale_code, say_if_compiling
from made.kernels.jit.threads import over_threads
from made.kernels.one_pass import elementwise, numbers, one_row, row_groups, row_sums
from made.kernels.one_pass.number_tables import NumberTables
from made.kernels.one_pass.plan import Plan

__all__ = ["sample_one_pass"]

forget_stale_code(*compiled_functions(tiles, elementwise, numbers, one_row, row_sums, row_groups))

_SAMPLER = "the sampler of {}: once on this machine, about fifteen seconds"
# Loops are compiled for models without numbers, and once more for others: what their types are called then.
_WITHOUT_NUMBERS, _WITH_NUMBERS = "NoneType", "NumberTables"
# Fewer rows than this are sampled one by one: a row group takes as long as this many rows.
_FEW_ROWS = 10
# Maximum number of row groups that a thread takes through the panels together: their units fit its cache.
_GROUPS_PER_STRIP = 4
# Work of about 0.1 ms, which is what waking a thread takes; in weights, as are a variable and a number.
_LEAST_WORK, _PER_VARIABLE, _PER_NUMBER = 500_000, 1_000, 10_000

_NO_CODES, _NO_BYTES = np.empty((0, 0), np.int64), np.empty((0, 0), np.uint8)
_NONE_KNOWN = np.empty((0, 0), np.bool_)
_NO_SUMS = np.empty((0, 0), np.float32)


def sample_one_pass(
    plan: Plan,
    u: NDArray[np.float64],
    codes: NDArray[Any] | None = None,
    known: NDArray[np.bool_] | None = None,
    context: NDArray[np.float32] | None = None,
    *,
    dtype: DTypeLike = np.int64,
    tables: NumberTables | None = None,
    bodies: NDArray[np.int64] | None = None,
) -> NDArray[Any]:
    """Sample rows from uniforms.

    Parameters
    ----------
    plan : Plan
        Of the network under one mask.
    u : (n, D) float64 array
        ``u[:, d]`` decides variable d, through the inverse of its CDF.
    codes : (n, D) int array, optional
        Codes of the known entries; what it holds elsewhere does not matter.
    known : (n, D) bool array, optional
        Which entries are known; given together with `codes`. By default none is, and all are sampled.
    context : (n, C) float32 array, optional
        Context features of each row, for a network that takes some.
    dtype : numpy type
        int64 or, if no variable has more than 256 classes, uint8.
    tables : NumberTables, optional
        Of the B numeric variables, where there are any.
    bodies : (n, B) int64 array, optional
        Theirs, contiguous: those of known entries are read, and all others are overwritten.

    Returns
    -------
    (n, D) array of codes
    """
    n = len(u)
    sampled: NDArray[Any] = np.empty(u.shape, dtype=dtype)
    if n == 0:
        return sampled
    narrow, wide = (sampled, _NO_CODES) if sampled.dtype == np.uint8 else (_NO_BYTES, sampled)
    flat, stride = _flat_rows(u)
    version = _WITHOUT_NUMBERS if tables is None else _WITH_NUMBERS
    own_bodies = _NO_CODES if bodies is None else bodies
    rest = (flat, stride, *_evidence(codes, known), *_from_context(plan, context), narrow, wide, own_bodies)
    if n < _FEW_ROWS:
        _announce(one_row.sample_rows, "few rows", version)
        over_threads(one_row.sample_rows, n, _rows_per_thread(plan, tables), plan, tables, *rest)
    else:
        _announce(row_groups.sample_strips, "many rows", version)
        n_groups = -(-n // row_sums.ROWS)
        strip = row_sums.ROWS * min(_GROUPS_PER_STRIP, -(-n_groups // torch.get_num_threads()))
        part = strip * -(-_rows_per_thread(plan, tables) // strip)
        over_threads(row_groups.sample_strips, n, part, plan, tables, strip, *rest)
    return sampled


def _rows_per_thread(plan: Plan, tables: NumberTables | None) -> int:
    """Return how many rows a thread is woken for at least."""
    weights = plan.columns.size + plan.first_columns.size + plan.direct_columns.size
    n_numbers = 0 if tables is None else len(tables.steps)
    return -(-_LEAST_WORK // (weights + _PER_VARIABLE * len(plan.ordering) + _PER_NUMBER * n_numbers))


def _announce(loop: Any, of: str, version: str) -> None:
    columns = " with numbers" if version == _WITH_NUMBERS else ""
    say_if_compiling(loop, _SAMPLER.format(of + columns), version)


def _evidence(
    codes: NDArray[Any] | None, known: NDArray[np.bool_] | None
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return codes and known entries as the loops take them."""
    if codes is None or known is None:
        return _NO_CODES, _NONE_KNOWN
    return np.ascontiguousarray(codes, np.int64), np.ascontiguousarray(known, np.bool_)


def _flat_rows(u: NDArray[np.float64]) -> tuple[NDArray[np.float64], int]:
    """Return the uniforms as a flat array, and the distance between rows: unused columns cost no copy."""
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
