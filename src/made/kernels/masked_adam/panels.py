"""The arithmetic of a training step on the active part of a weight, by all threads.

A weight is divided into panels of a few rows or columns. Each has a window: the places from its first active
weight to its last. Only windows are multiplied; masked weights inside them are zero. Features of a batch and
their gradients are stored feature by feature, the numbers of all rows side by side: vectors run along rows.
"""

# mypy: allow-untyped-decorators, allow-untyped-calls
# mypy: disable-error-code="call-arg"

from __future__ import annotations

import sys
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import prange, types
from numba.core import cgutils
from numba.extending import intrinsic

from made.kernels.jit import tiles
from made.kernels.jit.stale import compiled_functions, forget_stale_code
from made.kernels.jit.tiles import LANES, PANEL, REGISTER, multiply, spread
from made.kernels.jit.vector import VECTOR

__all__ = ["forward", "in_blocks", "to_inputs", "transpose", "update"]

# Features that are multiplied at a time: those of a batch then stay in the cache of a core.
_DEEP = 1024
# Rows of a weight at a time where its columns are multiplied; columns at a time where it is updated.
_HIGH = 128
_WIDE = 512


@numba.njit(cache=True, parallel=True, nogil=True)
def forward(out: Any, weight: Any, x: Any, windows: Any, parts: Any) -> None:
    """Compute out = weight x.

    Parameters
    ----------
    out : (n_out, n) array
        Is written.
    weight : (n_out, n_in) array
        Zero wherever it is masked.
    x : (n_in, n) array
        With n a multiple of `VECTOR`.
    windows : (n_panels, 2) int array
        Of every panel of rows of the weight.
    parts : (threads + 1,) int array
        The panels of each thread: from one number to before the next.
    """
    n_out, n = out.shape
    n_in = weight.shape[1]
    starts = np.arange(n_out) * n_in
    for part in prange(len(parts) - 1):
        for deep in range(0, max(n_in, 1), _DEEP):
            for panel in range(parts[part], parts[part + 1]):
                first = max(windows[panel, 0], deep)
                length = min(windows[panel, 1], deep + _DEEP) - first
                if length <= 0 and deep > 0:
                    continue
                u = panel * PANEL
                multiply(
                    out, u * n, n, min(PANEL, n_out - u), weight, starts, u, first, 1,
                    x, first * n, n, max(length, 0), n, deep == 0,
                )  # fmt: skip


@numba.njit(cache=True, parallel=True, nogil=True)
def to_inputs(out: Any, weight: Any, g: Any, windows: Any, parts: Any) -> None:
    """Compute out = the transposed weight times g: the gradient of the inputs.

    Parameters
    ----------
    out : (n_in, n) array
        Is written.
    weight : (n_out, n_in) array
        Zero wherever it is masked.
    g : (n_out, n) array
        The gradient of the outputs.
    windows, parts : int arrays
        As in `forward`, for panels of columns.
    """
    n_in, n = out.shape
    n_out = weight.shape[0]
    starts = np.arange(PANEL)
    for part in prange(len(parts) - 1):
        packed = np.empty(_HIGH * PANEL, weight.dtype)  # columns are strided: each is fetched only once
        for high in range(0, max(n_out, 1), _HIGH):
            for panel in range(parts[part], parts[part + 1]):
                first = max(windows[panel, 0], high)
                length = max(min(windows[panel, 1], high + _HIGH) - first, 0)
                if length == 0 and high > 0:
                    continue
                j = panel * PANEL
                width = min(PANEL, n_in - j)
                for k in range(length):
                    _fetch(weight, (first + k) * n_in + j + 2 * VECTOR)
                    for i in range(width):
                        packed[k * PANEL + i] = weight[first + k, j + i]
                multiply(
                    out, j * n, n, width, packed, starts, 0, 0, PANEL, g, first * n, n, length, n, high == 0
                )


@intrinsic
def _adam_vector(_typing: Any, w: Any, m: Any, v: Any, at: Any, g: Any, at_g: Any, numbers: Any) -> Any:
    """Update a vector of neighbouring weights as torch's Adam does; `numbers` as in `update`."""
    signature = types.void(w, m, v, at, g, at_g, numbers)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        number_type = context.get_data_type(signature.args[0].dtype)
        vector = ir.VectorType(number_type, REGISTER)
        align = 4 if isinstance(number_type, ir.FloatType) else 8
        _, _, _, at, _, at_g, _ = arguments

        def place(i: int, at: Any) -> Any:
            data = context.make_array(signature.args[i])(context, builder, arguments[i]).data
            return builder.bitcast(builder.gep(data, [at]), vector.as_pointer())

        def times(a: Any, b: Any) -> Any:
            return builder.fmul(a, b, flags=("contract",))

        def plus(a: Any, b: Any) -> Any:
            return builder.fadd(a, b, flags=("contract",))

        keep, rate, new1, old2, new2, eps = (
            spread(builder, builder.extract_value(arguments[6], i), vector) for i in range(6)
        )
        places = [place(0, at), place(1, at), place(2, at)]
        weight, first, second = (builder.load(each, align=align) for each in places)
        gradient = builder.load(place(4, at_g), align=align)
        first = plus(first, times(builder.fsub(gradient, first), new1))
        second = plus(times(second, old2), times(times(gradient, gradient), new2))
        square_root = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(vector, [vector]),
            f"llvm.sqrt.v{REGISTER}{'f32' if align == 4 else 'f64'}",
        )
        below = plus(builder.call(square_root, [second]), eps)
        # Division takes longest: an estimate that is exact but for the last bit or two is enough.
        change = builder.fdiv(times(first, rate), below, flags=("arcp", "contract"))
        weight = builder.fsub(times(weight, keep), change)
        for value, at_value in zip((weight, first, second), places, strict=True):
            builder.store(value, at_value, align=align)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def _fetch(_typing: Any, array: Any, at: Any) -> Any:
    """Prefetch the memory of an element."""
    signature = types.void(array, at)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        integer, byte = ir.IntType(32), ir.IntType(8).as_pointer()
        fetch = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(ir.VoidType(), [byte, integer, integer, integer]),
            "llvm.prefetch.p0",
        )
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        pointer = builder.bitcast(builder.gep(data, [arguments[1]]), byte)
        builder.call(fetch, [pointer, integer(1), integer(3), integer(1)])
        return context.get_dummy_value()

    return signature, generate


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _adam(w: Any, m: Any, v: Any, at: Any, g: Any, at_g: Any, n: Any, numbers: Any) -> None:
    """Update n neighbouring weights."""
    keep, rate, new1, old2, new2, eps = numbers
    j = 0
    while j + REGISTER <= n:
        _adam_vector(w, m, v, at + j, g, at_g + j, numbers)
        j += REGISTER
    while j < n:
        gradient = g[at_g + j]
        first = m[at + j] + (gradient - m[at + j]) * new1
        second = v[at + j] * old2 + gradient * gradient * new2
        m[at + j] = first
        v[at + j] = second
        w[at + j] = w[at + j] * keep - rate * first / (np.sqrt(second) + eps)
        j += 1


@numba.njit(cache=True, parallel=True, nogil=True, error_model="numpy")
def update(
    weight: Any, m: Any, v: Any, g: Any, x: Any, active: Any, has_gaps: Any, windows: Any, parts: Any,
    numbers: Any,
) -> None:  # fmt: skip
    """Take the step of Adam for the active weights; their gradient is never stored.

    Parameters
    ----------
    weight, m, v : flat arrays of n_out * n_in numbers
        The weight and the two moments, which are updated.
    g : (n_out, n) array
        The gradient of the outputs.
    x : (n_in / LANES or more, rows, LANES) array
        The inputs, from `in_blocks`.
    active : (n_out, n_in) bool array
        Read if windows have gaps.
    has_gaps : bool
        Whether any masked weight lies in the window of its row.
    windows : (n_out, 2) int array
        Of every row of the weight.
    parts : (threads + 1,) int array
        The panels of each thread, as in `forward`.
    numbers : tuple of six numbers of the arrays' type
        1 - learning rate * decay; the learning rate, corrected for both moments; 1 - beta1, beta2 and
        1 - beta2; epsilon, corrected for the second moment.
    """
    n_out, n = g.shape
    n_in = len(weight) // n_out
    rows = x.shape[1]
    blocks, starts = x.reshape(-1), np.arange(n_out) * n
    for part in prange(len(parts) - 1):
        scratch = np.empty(PANEL * LANES, weight.dtype)
        for left in range(0, n_in, _WIDE):
            for panel in range(parts[part], parts[part + 1]):
                u, high = panel * PANEL, min(PANEL, n_out - panel * PANEL)
                first, last = n_in, 0
                for i in range(u, u + high):
                    if windows[i, 1] > windows[i, 0]:
                        first, last = min(first, windows[i, 0]), max(last, windows[i, 1])
                for j in range(max(first // LANES * LANES, left), min(last, left + _WIDE), LANES):
                    width = min(LANES, n_in - j)
                    for i in range(high):
                        at = (u + i) * n_in + j
                        for k in range(0, width, VECTOR):
                            _fetch(weight, at + k)
                            _fetch(m, at + k)
                            _fetch(v, at + k)
                    multiply(
                        scratch,
                        0,
                        LANES,
                        high,
                        g,
                        starts,
                        u,
                        0,
                        1,
                        blocks,
                        j * rows,
                        LANES,
                        rows,
                        LANES,
                        True,
                    )
                    for i in range(high):
                        at = i * LANES
                        # Without a gradient, masked weights and their moments stay zero.
                        for k in range(min(windows[u + i, 0] - j, width)):
                            scratch[at + k] = 0
                        for k in range(max(windows[u + i, 1] - j, 0), width):
                            scratch[at + k] = 0
                        if has_gaps:
                            for k in range(width):
                                scratch[at + k] *= active[u + i, j + k]
                        _adam(weight, m, v, (u + i) * n_in + j, scratch, at, width, numbers)


@numba.njit(cache=True, parallel=True, nogil=True)
def in_blocks(out: Any, x: Any, parts: Any) -> None:
    """Write out[b, r, lane] = x[b * LANES + lane, r], and zeros where there is no such feature.

    The numbers of all rows for LANES neighbouring features are then contiguous.

    Parameters
    ----------
    out : (n_blocks, rows, LANES) array
        Is written.
    x : (n_in, at least rows) array
        Is read.
    parts : (threads + 1,) int array
        The blocks of each thread.
    """
    n_in, rows = len(x), out.shape[1]
    for part in prange(len(parts) - 1):
        for block in range(parts[part], parts[part + 1]):
            width = min(LANES, n_in - block * LANES)
            if width < LANES:
                out[block] = 0
            for r in range(0, rows, VECTOR):
                stop = min(r + VECTOR, rows)
                for lane in range(width):
                    for k in range(r, stop):
                        out[block, k, lane] = x[block * LANES + lane, k]


@numba.njit(cache=True, parallel=True, nogil=True)
def transpose(out: Any, x: Any, order: Any, parts: Any) -> None:
    """Write out[i, :rows] = x[:, order[i]], and zeros beyond.

    Parameters
    ----------
    out : (n, at least rows) array
        Is written.
    x : (rows, n) array
        Is read.
    order : (n,) int array
        The columns of x in the order of rows of `out`; empty for their own order.
    parts : (threads + 1,) int array
        The rows of `out` for each thread.
    """
    rows, own = len(x), len(order) == 0
    for part in prange(len(parts) - 1):
        for block in range(parts[part], parts[part + 1], VECTOR):
            stop = min(block + VECTOR, parts[part + 1])
            for r in range(0, rows, VECTOR):
                for i in range(block, stop):
                    column = i if own else order[i]
                    for k in range(r, min(r + VECTOR, rows)):
                        out[i, k] = x[k, column]
            for i in range(block, stop):
                out[i, rows:] = 0


forget_stale_code(*compiled_functions(tiles, sys.modules[__name__]))
