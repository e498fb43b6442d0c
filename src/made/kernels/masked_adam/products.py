"""Products of one panel of a weight with the features of a batch, in vector registers.

A panel is a few rows or columns of a weight. Its sums for some lanes, neighbouring numbers of the other
factor, stay in registers until they are complete.
"""

# mypy: allow-untyped-decorators, allow-untyped-calls

from __future__ import annotations

from typing import Any

import numba
from llvmlite import binding, ir
from numba import types
from numba.extending import intrinsic

from made.kernels.jit.tiles import spread
from made.kernels.jit.vector import VECTOR

__all__ = ["LANES", "PANEL", "multiply"]

# Processors without AVX-512 have fewer and shorter registers for sums.
_HAS_WIDE_REGISTERS = bool(binding.get_host_cpu_features().get("avx512f"))
#: Rows (or columns) of a weight in a panel.
PANEL = 12 if _HAS_WIDE_REGISTERS else 4
_VECTORS = 2
#: Neighbouring numbers in a tile.
LANES = VECTOR * _VECTORS


def _tile(n_sums: int, n_vectors: int) -> Any:
    """Make the product of `n_sums` sums for `n_vectors` vectors."""

    @intrinsic
    def add(
        _typing: Any,
        c: Any, at_c: Any, c_row: Any,
        a: Any, at_a: Any, a_row: Any, a_step: Any,
        b: Any, at_b: Any, b_step: Any,
        n: Any,
        begin_anew: Any,
    ) -> Any:  # fmt: skip
        """c[i, lane] = begin_anew ? 0 : c[i, lane], plus sum_k a[i a_row + k a_step] b[k b_step + lane]."""
        signature = types.void(c, at_c, c_row, a, at_a, a_row, a_step, b, at_b, b_step, n, begin_anew)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            index = ir.IntType(64)
            number_type = context.get_data_type(signature.args[0].dtype)
            vector = ir.VectorType(number_type, VECTOR)
            bytes_each = 4 if isinstance(number_type, ir.FloatType) else 8

            def data(i: int) -> Any:
                return context.make_array(signature.args[i])(context, builder, arguments[i]).data

            def number(i: int) -> Any:
                return ir.Constant(index, i)

            def place(base: Any, at: Any) -> Any:
                return builder.bitcast(builder.gep(base, [at]), vector.as_pointer())

            _, at_c, c_row, _, at_a, a_row, a_step, _, at_b, b_step, n, anew = arguments
            c, a, b = data(0), data(3), data(7)
            places_c = [
                place(c, builder.add(builder.add(at_c, builder.mul(number(i), c_row)), number(v * VECTOR)))
                for i in range(n_sums)
                for v in range(n_vectors)
            ]
            starts = [
                builder.gep(a, [builder.add(at_a, builder.mul(number(i), a_row))]) for i in range(n_sums)
            ]
            begin = builder.basic_block
            old, loop, body, end = (
                builder.append_basic_block(name) for name in ("old", "loop", "body", "end")
            )
            zero = ir.Constant(vector, None)
            builder.cbranch(anew, loop, old)
            builder.position_at_end(old)
            kept = [builder.load(at, align=bytes_each) for at in places_c]
            builder.branch(loop)
            builder.position_at_end(loop)
            k = builder.phi(index)
            k.add_incoming(number(0), begin)
            k.add_incoming(number(0), old)
            totals = [builder.phi(vector) for _ in kept]
            for total, value in zip(totals, kept, strict=True):
                total.add_incoming(zero, begin)
                total.add_incoming(value, old)
            builder.cbranch(builder.icmp_signed("<", k, n), body, end)

            builder.position_at_end(body)
            here = builder.add(at_b, builder.mul(k, b_step))
            values = [
                builder.load(place(b, builder.add(here, number(v * VECTOR))), align=bytes_each)
                for v in range(n_vectors)
            ]
            step = builder.mul(k, a_step)
            for i in range(n_sums):
                factor = spread(builder, builder.load(builder.gep(starts[i], [step])), vector)
                for v in range(n_vectors):
                    total = totals[i * n_vectors + v]
                    product = builder.fmul(factor, values[v], flags=("contract",))
                    total.add_incoming(builder.fadd(total, product, flags=("contract",)), body)
            k.add_incoming(builder.add(k, number(1)), body)
            builder.branch(loop)

            builder.position_at_end(end)
            for total, at in zip(totals, places_c, strict=True):
                builder.store(total, at, align=bytes_each)
            return context.get_dummy_value()

        return signature, generate

    return add


_many_wide, _many_narrow = _tile(PANEL, _VECTORS), _tile(PANEL, 1)
_one_wide, _one_narrow = _tile(1, _VECTORS), _tile(1, 1)


@numba.njit(cache=True, nogil=True)
def multiply(
    c: Any, at_c: Any, c_row: Any, n_sums: Any, a: Any, at_a: Any, a_row: Any, a_step: Any,
    b: Any, at_b: Any, b_step: Any, n: Any, lanes: Any, anew: Any,
) -> None:  # fmt: skip
    """Multiply for one panel of at most PANEL sums and any multiple of VECTOR lanes."""
    lane = 0
    while lane < lanes:
        wide = lane + LANES <= lanes
        if n_sums == PANEL:
            if wide:
                _many_wide(c, at_c + lane, c_row, a, at_a, a_row, a_step, b, at_b + lane, b_step, n, anew)
            else:
                _many_narrow(c, at_c + lane, c_row, a, at_a, a_row, a_step, b, at_b + lane, b_step, n, anew)
        else:
            for i in range(n_sums):
                at_c_i, at_a_i = at_c + lane + i * c_row, at_a + i * a_row
                if wide:
                    _one_wide(c, at_c_i, c_row, a, at_a_i, a_row, a_step, b, at_b + lane, b_step, n, anew)
                else:
                    _one_narrow(c, at_c_i, c_row, a, at_a_i, a_row, a_step, b, at_b + lane, b_step, n, anew)
        lane += LANES if wide else VECTOR
