"""The uniforms of rows, by all threads: the compiled twin of `uniforms.row_uniforms`, bit for bit."""

# mypy: allow-untyped-decorators, allow-untyped-calls
# mypy: disable-error-code="call-arg,var-annotated"

from __future__ import annotations

import functools
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from made.kernels.jit.threads import over_threads
from made.support import uniforms

__all__ = ["row_uniforms"]

# Minimum number of rows that a further thread is woken for.
_ROWS_PER_THREAD = 16
_LARGEST_COUNTER = 2**63 - 1


def row_uniforms(seed: int, first: int, n: int, width: int) -> NDArray[np.float64]:
    """Return the uniforms of rows first, ..., first + n - 1; see `uniforms.row_uniforms`.

    Parameters
    ----------
    seed : int
        Key of the stream.
    first, n : int
        Which rows.
    width : int
        How many uniforms a row needs.

    Returns
    -------
    (n, width) float64 array, in [0, 1)

    Examples
    --------
    >>> bool((row_uniforms(0, 5, 2, 3) == uniforms.row_uniforms(0, 5, 2, 3)).all())
    True
    """
    blocks = -(-width // uniforms.BLOCK)
    if (first + n) * blocks >= _LARGEST_COUNTER:  # does not fit in one word
        return uniforms.row_uniforms(seed, first, n, width)
    key = _key(seed)
    table = np.empty((n, width), np.float64)
    over_threads(_fill_rows, n, _ROWS_PER_THREAD, table, key, first * blocks)
    return table


@functools.lru_cache(maxsize=64)
def _key(seed: int) -> NDArray[np.uint64]:
    words: Any = np.random.SeedSequence([seed, uniforms.ROWS]).generate_state(2, np.uint64)
    return words  # type: ignore[no-any-return]


@intrinsic
def _product(_typing: Any, a: Any, b: Any) -> Any:
    """Return the high and the low word of the product of two words."""
    word = types.uint64
    signature = types.UniTuple(word, 2)(word, word)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        wide = ir.IntType(128)
        product = builder.mul(*(builder.zext(argument, wide) for argument in arguments))
        high = builder.trunc(builder.lshr(product, ir.Constant(wide, 64)), ir.IntType(64))
        low = builder.trunc(product, ir.IntType(64))
        return context.make_tuple(builder, signature.return_type, (high, low))

    return signature, generate


@numba.njit(cache=True)
def _set_words(words: Any, skip: Any, key: Any) -> None:
    """Fill an array with the numbers of Philox 4x64-10 (Salmon et al. 2011), four for a count of one."""
    for block in range(len(words) // 4):
        # numpy increments the counter first
        c0, c1, c2, c3 = np.uint64(skip) + np.uint64(block + 1), np.uint64(0), np.uint64(0), np.uint64(0)
        k0, k1 = key[0], key[1]
        for _ in range(10):
            high0, low0 = _product(np.uint64(0xD2E7470EE14C6C93), c0)
            high1, low1 = _product(np.uint64(0xCA5A826395121157), c2)
            c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
            k0 += np.uint64(0x9E3779B97F4A7C15)
            k1 += np.uint64(0xBB67AE8584CAA73B)
        words[4 * block], words[4 * block + 1] = c0, c1
        words[4 * block + 2], words[4 * block + 3] = c2, c3


@numba.njit(cache=True, nogil=True)
def _fill_rows(begin: Any, end: Any, table: Any, key: Any, skip: Any) -> None:
    blocks = (table.shape[1] + 3) // 4
    words = np.empty(4 * blocks, np.uint64)
    for row in range(begin, end):
        _set_words(words, skip + row * blocks, key)
        for d in range(table.shape[1]):
            table[row, d] = np.float64(np.int64(words[d] >> np.uint64(11))) * 2.0**-53
