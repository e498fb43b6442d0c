"""The sums of row groups in one-pass sampling: what known units add to other units and to outputs.

Units of a row group are stored unit by unit, `ROWS` numbers each. What all earlier panels contribute to a
panel, and within a panel what its first units contribute to later ones, are products of matrices (`tiles`).
"""

# mypy: allow-untyped-decorators, allow-untyped-calls
# mypy: disable-error-code="call-arg"

from __future__ import annotations

from typing import Any

import numba

from made.kernels.jit.tiles import multiply
from made.kernels.one_pass.elementwise import FASTMATH, activate

__all__ = ["ROWS", "begin_panel", "finish_outputs", "finish_units", "start"]

#: Rows in a row group.
ROWS = 32


@numba.njit(cache=True)
def start(sums: Any, at: Any, n: Any, biases: Any, at_biases: Any) -> None:
    for i in range(n):
        for r in range(ROWS):
            sums[at + i * ROWS + r] = biases[at_biases + i]


@numba.njit(cache=True, fastmath=FASTMATH)
def _add_rows_first(sums: Any, at: Any, n: Any, source: Any, at_source: Any, stride: Any, rows: Any) -> None:
    for r in range(rows):
        for i in range(n):
            sums[at + i * ROWS + r] += source[at_source + r * stride + i]


@numba.njit(cache=True, inline="always")
def _add_products(
    plan: Any, row: Any, skip: Any, sums: Any, at: Any, n_sums: Any, known: Any, at_known: Any, n: Any
) -> None:
    """Add to sums what n known units contribute, by the weights of their rows after the first `skip`."""
    if n > 0:
        multiply(
            sums,
            at,
            ROWS,
            n_sums,
            plan.weights,
            plan.starts,
            row,
            skip,
            1,
            known,
            at_known,
            ROWS,
            n,
            ROWS,
            False,
        )


@numba.njit(cache=True)
def begin_panel(plan: Any, work: Any, at: Any, begin: Any, end: Any) -> None:
    """Start the sums of the units and outputs of a panel with what all earlier panels contribute."""
    n_layers = len(plan.ends)
    for layer in range(1, n_layers):
        low, high = plan.ends[layer, begin], plan.ends[layer, end]
        row, target = plan.begins[layer] + low - plan.begins[1], at + ROWS * (plan.begins[layer] + low)
        start(work.layers, target, high - low, plan.biases, row)
        _add_products(
            plan, row, 0, work.layers, target, high - low,
            work.layers, at + ROWS * plan.begins[layer - 1], plan.ends[layer - 1, begin],
        )  # fmt: skip
    first, last = plan.output_starts[begin], plan.output_starts[end]
    row = plan.begins[n_layers] - plan.begins[1] + first
    start(work.outputs, 0, last - first, plan.biases, row)
    _add_products(
        plan, row, 0, work.outputs, 0, last - first,
        work.layers, at + ROWS * plan.begins[n_layers - 1], plan.ends[n_layers - 1, begin],
    )  # fmt: skip
    if len(plan.direct_columns) > 0:
        row += plan.output_starts[len(plan.ordering)]
        _add_products(
            plan, row, 0, work.outputs, 0, last - first,
            work.layers, at, plan.ends[0, begin],
        )  # fmt: skip


@numba.njit(cache=True, inline="always")
def finish_outputs(plan: Any, work: Any, at: Any, group: Any, rows: Any, begin: Any, place: Any) -> None:
    """Add what this panel contributes to the outputs of a place."""
    n_layers = len(plan.ends)
    first, n = plan.output_starts[place], plan.output_starts[place + 1] - plan.output_starts[place]
    target, row = ROWS * (first - plan.output_starts[begin]), plan.begins[n_layers] - plan.begins[1] + first
    skip = plan.ends[n_layers - 1, begin]
    _add_products(
        plan, row, skip, work.outputs, target, n,
        work.layers, at + ROWS * (plan.begins[n_layers - 1] + skip), plan.ends[n_layers - 1, place] - skip,
    )  # fmt: skip
    n_outputs = plan.output_starts[len(plan.ordering)]
    if len(plan.direct_columns) > 0:
        skip = plan.ends[0, begin]
        _add_products(
            plan, row + n_outputs, skip, work.outputs, target, n,
            work.layers, at + ROWS * skip, plan.ends[0, place] - skip,
        )  # fmt: skip
    if len(work.to_outputs) > 0:
        stride = plan.direct_columns.shape[1]
        source = group * ROWS * stride + first
        _add_rows_first(work.outputs, target, n, work.to_outputs, source, stride, rows)


@numba.njit(cache=True, inline="always")
def finish_units(plan: Any, work: Any, at: Any, group: Any, rows: Any, begin: Any, degree: Any) -> None:
    """Finish the units of a degree: add what this panel contributes, and activate."""
    layers, width = work.layers, plan.first_columns.shape[1]
    for layer in range(1, len(plan.ends)):
        low, high = plan.ends[layer, degree - 1] if degree > 0 else 0, plan.ends[layer, degree]
        if low < high:
            row, target = plan.begins[layer] + low - plan.begins[1], at + ROWS * (plan.begins[layer] + low)
            skip, below = plan.ends[layer - 1, begin] if degree > 0 else 0, plan.begins[layer - 1]
            _add_products(
                plan, row, skip, layers, target, high - low,
                layers, at + ROWS * (below + skip), plan.ends[layer - 1, degree] - skip,
            )  # fmt: skip
            if layer == 1 and len(work.to_first) > 0:
                source = group * ROWS * width + low
                _add_rows_first(layers, target, high - low, work.to_first, source, width, rows)
            activate(layers, target, ROWS * (high - low), plan.activation)
            if plan.residual[layer - 1]:
                for i in range(high - low):
                    partner = at + ROWS * (below + plan.partners[row + i])
                    for r in range(ROWS):
                        layers[target + i * ROWS + r] += layers[partner + r]
