"""Products of weights with the values of 32 rows at once, in registers.

The compiled loops of one-pass sampling spend their time here. The units of a group of 32 rows are stored unit
by unit, 32 numbers each. A tile takes a few rows of weights and keeps their 32 sums in vector registers while
it goes through the known units: one load of values serves several sums, and no sum is stored before it is
complete. Compilers do not find this arrangement in plain loops, so it is written in LLVM's language.
"""

# mypy: allow-untyped-decorators, allow-untyped-calls

from __future__ import annotations

from typing import Any

import numba
from llvmlite import binding, ir
from numba import types
from numba.extending import intrinsic

from made.kernels.jit.vector import VECTOR

__all__ = ["ROWS", "add_products", "add_scaled", "spread"]

#: Rows in a row group.
ROWS = 32

# Processors without AVX-512 split a vector, and have fewer registers for sums: their tiles are smaller.
_HAS_WIDE_REGISTERS = bool(binding.get_host_cpu_features().get("avx512f"))
_SUMS, _VECTORS = (8, 2) if _HAS_WIDE_REGISTERS else (4, 1)


def spread(builder: Any, number: Any, vector: Any) -> Any:
    """Fill a vector of that type with one number, in LLVM's language."""
    blank = ir.Constant(vector, ir.Undefined)
    everywhere = ir.Constant(ir.VectorType(ir.IntType(32), VECTOR), None)
    first = ir.Constant(ir.IntType(32), 0)
    return builder.shuffle_vector(builder.insert_element(blank, number, first), blank, everywhere)


def _tile(n_sums: int, n_vectors: int) -> Any:
    """Make the tile of `n_sums` sums for `n_vectors` vectors of rows."""

    @intrinsic
    def add(
        _typing: Any,
        sums: Any,
        at: Any,
        weights: Any,
        starts: Any,
        row: Any,
        skip: Any,
        known: Any,
        at_known: Any,
        n: Any,
    ) -> Any:
        """For every sum i and row r: sum_j weights[starts[row + i] + skip + j] known[at_known + 32 j + r]."""
        signature = types.void(sums, at, weights, starts, row, skip, known, at_known, n)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            index, vector = ir.IntType(64), ir.VectorType(ir.FloatType(), VECTOR)

            def data(i: int) -> Any:
                return context.make_array(signature.args[i])(context, builder, arguments[i]).data

            def number(i: int) -> Any:
                return ir.Constant(index, i)

            def place(base: Any, at: Any, offset: int) -> Any:
                pointer = builder.gep(base, [builder.add(at, number(offset))])
                return builder.bitcast(pointer, vector.as_pointer())

            _, at, _, _, row, skip, _, at_known, n = arguments
            sums, weights, starts, known = data(0), data(2), data(3), data(6)
            offsets = [i * ROWS + v * VECTOR for i in range(n_sums) for v in range(n_vectors)]
            begin = builder.basic_block
            rows = []
            for i in range(n_sums):
                start = builder.load(builder.gep(starts, [builder.add(row, number(i))]))
                rows.append(builder.gep(weights, [builder.add(start, skip)]))
            old = [builder.load(place(sums, at, offset), align=4) for offset in offsets]

            loop, body, end = (builder.append_basic_block(name) for name in ("loop", "body", "end"))
            builder.branch(loop)
            builder.position_at_end(loop)
            j = builder.phi(index)
            j.add_incoming(number(0), begin)
            totals = [builder.phi(vector) for _ in old]
            for total, value in zip(totals, old, strict=True):
                total.add_incoming(value, begin)
            builder.cbranch(builder.icmp_signed("<", j, n), body, end)

            builder.position_at_end(body)
            at_values = builder.add(at_known, builder.mul(j, number(ROWS)))
            values = [builder.load(place(known, at_values, v * VECTOR), align=4) for v in range(n_vectors)]
            for i in range(n_sums):
                weight = spread(builder, builder.load(builder.gep(rows[i], [j])), vector)
                for v in range(n_vectors):
                    total = totals[i * n_vectors + v]
                    product = builder.fmul(weight, values[v], flags=("contract",))
                    total.add_incoming(builder.fadd(total, product, flags=("contract",)), body)
            j.add_incoming(builder.add(j, number(1)), body)
            builder.branch(loop)

            builder.position_at_end(end)
            for total, offset in zip(totals, offsets, strict=True):
                builder.store(total, place(sums, at, offset), align=4)
            return context.get_dummy_value()

        return signature, generate

    return add


_tile_of_many = _tile(_SUMS, _VECTORS)
_tile_of_two = _tile(2, 2)
_tile_of_one = _tile(1, 2)
_STEP = VECTOR * _VECTORS


@numba.njit(cache=True)
def add_products(
    sums: Any,
    at: Any,
    n_sums: Any,
    weights: Any,
    starts: Any,
    row: Any,
    skip: Any,
    known: Any,
    at_known: Any,
    n: Any,
) -> None:
    """Add to the sums of 32 rows what n known units contribute.

    Parameters
    ----------
    sums, at, n_sums : flat float32 array, int, int
        32 numbers each; where they begin and how many they are.
    weights, starts, row, skip : flat float32 array, int array, int, int
        The row of weights of the first sum; in each, `skip` weights are left out.
    known, at_known, n : flat float32 array, int, int
        Units, 32 numbers each; where those of the weights after `skip` begin and how many they are.
    """
    if n <= 0:
        return
    i = 0
    while i + _SUMS <= n_sums:
        for r in range(0, ROWS, _STEP):
            _tile_of_many(sums, at + ROWS * i + r, weights, starts, row + i, skip, known, at_known + r, n)
        i += _SUMS
    while i + 2 <= n_sums:
        _tile_of_two(sums, at + ROWS * i, weights, starts, row + i, skip, known, at_known, n)
        i += 2
    if i < n_sums:
        _tile_of_one(sums, at + ROWS * i, weights, starts, row + i, skip, known, at_known, n)


@intrinsic
def add_scaled(_typing: Any, sums: Any, at: Any, scale: Any, weights: Any, at_weights: Any, n: Any) -> Any:
    """Add n scaled numbers of `weights` to `sums`, flat arrays; n is a multiple of `VECTOR`.

    The loop that a compiler makes ends in a slow part for the remainder, which may take longest.
    """
    signature = types.void(sums, at, scale, weights, at_weights, n)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        index, vector = ir.IntType(64), ir.VectorType(ir.FloatType(), VECTOR)
        _, at, scale, _, at_weights, n = arguments
        sums, weights = (
            context.make_array(signature.args[i])(context, builder, arguments[i]).data for i in (0, 3)
        )

        def place(base: Any, at: Any) -> Any:
            return builder.bitcast(builder.gep(base, [at]), vector.as_pointer())

        scale = spread(builder, scale, vector)
        begin = builder.basic_block
        loop, body, end = (builder.append_basic_block(name) for name in ("loop", "body", "end"))
        builder.branch(loop)
        builder.position_at_end(loop)
        j = builder.phi(index)
        j.add_incoming(ir.Constant(index, 0), begin)
        builder.cbranch(builder.icmp_signed("<", j, n), body, end)
        builder.position_at_end(body)
        target = place(sums, builder.add(at, j))
        values = builder.load(place(weights, builder.add(at_weights, j)), align=4)
        product = builder.fmul(scale, values, flags=("contract",))
        total = builder.fadd(builder.load(target, align=4), product, flags=("contract",))
        builder.store(total, target, align=4)
        j.add_incoming(builder.add(j, ir.Constant(index, VECTOR)), body)
        builder.branch(loop)
        builder.position_at_end(end)
        return context.get_dummy_value()

    return signature, generate
