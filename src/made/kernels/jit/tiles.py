"""Products of a few rows of weights with many numbers each, in vector registers.

Compiled loops spend their time here. A tile takes a few rows of weights and keeps their sums, for some lanes
(neighbouring numbers of the other factor), in registers until they are complete: one load of numbers serves
several sums. Compilers do not find this arrangement in plain loops, so it is written in LLVM's language.
"""

# mypy: allow-untyped-decorators, allow-untyped-calls

from __future__ import annotations

from typing import Any

import numba
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from made.kernels.jit.processor import PROCESSOR
from made.kernels.jit.vector import VECTOR

__all__ = ["LANES", "PANEL", "REGISTER", "add_scaled", "multiply", "spread"]

#: Numbers in a vector register.
REGISTER = PROCESSOR.register
#: Sums in the largest tile, and its lanes.
PANEL = PROCESSOR.n_sums
LANES = REGISTER * PROCESSOR.n_vectors


def spread(builder: Any, number: Any, vector: Any) -> Any:
    """Fill a vector of that type with one number, in LLVM's language."""
    blank = ir.Constant(vector, ir.Undefined)
    everywhere = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), None)
    first = ir.Constant(ir.IntType(32), 0)
    return builder.shuffle_vector(builder.insert_element(blank, number, first), blank, everywhere)


def _emit(
    builder: Any, places: list[Any], rows: list[Any], a_step: Any, b: Any, b_step: Any, n: Any, anew: Any
) -> None:
    """Write the loop of a tile: add n products to the sums at `places`, whose weights begin at `rows`."""
    index, vector = ir.IntType(64), places[0].type.pointee
    align = 4 if isinstance(vector.element, ir.FloatType) else 8
    n_vectors = len(places) // len(rows)
    begin = builder.basic_block
    old, loop, body, end = (builder.append_basic_block(name) for name in ("old", "loop", "body", "end"))
    builder.cbranch(anew, loop, old)
    builder.position_at_end(old)
    kept = [builder.load(at, align=align) for at in places]
    builder.branch(loop)

    builder.position_at_end(loop)
    k = builder.phi(index)
    k.add_incoming(index(0), begin)
    k.add_incoming(index(0), old)
    totals = [builder.phi(vector) for _ in kept]
    for total, value in zip(totals, kept, strict=True):
        total.add_incoming(vector(None), begin)
        total.add_incoming(value, old)
    builder.cbranch(builder.icmp_signed("<", k, n), body, end)

    builder.position_at_end(body)
    first = builder.gep(b, [builder.mul(k, b_step)])
    values = [
        builder.load(_vector_at(builder, first, index(v * REGISTER), vector), align=align)
        for v in range(n_vectors)
    ]
    step = builder.mul(k, a_step)
    for i, row in enumerate(rows):
        factor = spread(builder, builder.load(builder.gep(row, [step])), vector)
        for v, value in enumerate(values):
            total = totals[i * n_vectors + v]
            product = builder.fmul(factor, value, flags=("contract",))
            total.add_incoming(builder.fadd(total, product, flags=("contract",)), body)
    k.add_incoming(builder.add(k, index(1)), body)
    builder.branch(loop)

    builder.position_at_end(end)
    for total, at in zip(totals, places, strict=True):
        builder.store(total, at, align=align)


def _vector_at(builder: Any, base: Any, at: Any, vector: Any) -> Any:
    return builder.bitcast(builder.gep(base, [at]), vector.as_pointer())


def _tile(n_sums: int) -> Any:
    """Make the tile of `n_sums` sums."""

    @intrinsic
    def add(
        _typing: Any,
        c: Any, at_c: Any, c_row: Any,
        a: Any, starts: Any, row: Any, skip: Any, a_step: Any,
        b: Any, at_b: Any, b_step: Any,
        n: Any,
        anew: Any,
        wide: Any,
    ) -> Any:  # fmt: skip
        """Do as `multiply` says, for all lanes of a tile or, if it is not wide, for one register."""
        signature = types.void(c, at_c, c_row, a, starts, row, skip, a_step, b, at_b, b_step, n, anew, wide)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            index = ir.IntType(64)
            vector = ir.VectorType(context.get_data_type(signature.args[0].dtype), REGISTER)
            c, a, starts, b = (
                context.make_array(signature.args[i])(context, builder, arguments[i]).data
                for i in (0, 3, 4, 8)
            )
            _, at_c, c_row, _, _, row, skip, a_step, _, at_b, b_step, n, anew, wide = arguments
            b = builder.gep(b, [at_b])
            firsts, rows = [], []
            for i in range(n_sums):
                firsts.append(builder.gep(c, [builder.add(at_c, builder.mul(index(i), c_row))]))
                start = builder.load(builder.gep(starts, [builder.add(row, index(i))]))
                rows.append(builder.gep(a, [builder.add(start, skip)]))

            def emit(n_vectors: int) -> None:
                places = [
                    _vector_at(builder, first, index(v * REGISTER), vector)
                    for first in firsts
                    for v in range(n_vectors)
                ]
                _emit(builder, places, rows, a_step, b, b_step, n, anew)

            with builder.if_else(wide) as (then, otherwise):
                with then:
                    emit(PROCESSOR.n_vectors)
                with otherwise:
                    emit(1)
            return context.get_dummy_value()

        return signature, generate

    return add


_many, _four, _two, _one = _tile(PANEL), _tile(4), _tile(2), _tile(1)


@numba.njit(cache=True, nogil=True)
def multiply(
    c: Any, at_c: Any, c_row: Any, n_sums: Any, a: Any, starts: Any, row: Any, skip: Any, a_step: Any,
    b: Any, at_b: Any, b_step: Any, n: Any, lanes: Any, anew: Any,
) -> None:  # fmt: skip
    """Multiply some rows of weights with some lanes.

    For every sum i and lane: c[at_c + i c_row + lane] becomes the sum over k of
    a[starts[row + i] + skip + k a_step] b[at_b + k b_step + lane], plus what it was unless begun `anew`.

    Parameters
    ----------
    c, at_c, c_row, n_sums : array, int, int, int
        The sums: their memory, where the first one begins, how far apart they are, how many they are.
    a, starts, row, skip, a_step : array, int array, int, int, int
        The weights: their memory, where its rows begin, the row of the first sum, and of a row where the
        weights begin and how far apart they are.
    b, at_b, b_step : array, int, int
        The other factor: its memory, where it begins, how far apart its rows are.
    n, lanes : int
        Weights of a row; lanes, a multiple of `REGISTER`.
    anew : bool
        Whether what the sums were is forgotten.
    """
    lane = 0
    while lane < lanes:
        wide = lane + LANES <= lanes
        at, i = at_b + lane, 0
        while i < n_sums:
            to, own, left = at_c + lane + i * c_row, row + i, n_sums - i
            if left >= PANEL:
                _many(c, to, c_row, a, starts, own, skip, a_step, b, at, b_step, n, anew, wide)
                i += PANEL
            elif left >= 4:
                _four(c, to, c_row, a, starts, own, skip, a_step, b, at, b_step, n, anew, wide)
                i += 4
            elif left >= 2:
                _two(c, to, c_row, a, starts, own, skip, a_step, b, at, b_step, n, anew, wide)
                i += 2
            else:
                _one(c, to, c_row, a, starts, own, skip, a_step, b, at, b_step, n, anew, wide)
                i += 1
        lane += LANES if wide else REGISTER


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
