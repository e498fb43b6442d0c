"""One-pass sampling of few rows: each by itself, without matrix products.

The ranks are processed one by one. Once a value is known or a unit is final, it is added, times its weights,
to the sums of all units and outputs that depend on it. The weights of zeros are not even read: for one row,
reading weights is what takes time.
"""

# mypy: allow-untyped-decorators, allow-untyped-calls
# mypy: disable-error-code="call-arg"

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from made.kernels.jit.borrow import borrow
from made.kernels.jit.tiles import add_scaled
from made.kernels.jit.vector import VECTOR
from made.kernels.one_pass.elementwise import (
    activated,
    add_row,
    known_threshold,
    sample_class,
    threshold,
    write,
)
from made.kernels.one_pass.numbers import WORK, find_features, sample_number
from made.kernels.one_pass.supported import KernelKind

__all__ = ["sample_rows"]


@numba.njit(cache=True)
def _down(n: Any) -> Any:
    """Round down to whole vectors."""
    return n // VECTOR * VECTOR


@numba.njit(cache=True)
def _set_thresholds(thresholds: Any, b: Any, u: Any, stride: Any, codes: Any, known: Any) -> None:
    """Turn the uniforms of a row into thresholds, as if all its variables were Bernoulli."""
    for d in range(len(thresholds)):
        thresholds[d] = threshold(u[b * stride + d])
    if len(known) > 0:
        for d in range(len(thresholds)):
            if known[b, d]:
                thresholds[d] = known_threshold(codes[b, d])


@numba.njit(cache=True, inline="always")
def _add_value(plan: Any, sums: Any, begins: Any, place: Any, code: Any, numeric: Any) -> None:
    """Add a value to the units of the first hidden layer that depend on it and, directly, to outputs.

    The features of a numeric variable are in `numeric`.
    """
    variable, first, outputs = plan.ordering[place], begins[1], begins[len(plan.ends)]
    kind, n_features = plan.kinds[variable], plan.n_features[variable]
    width, n_outputs = plan.first_columns.shape[1], plan.direct_columns.shape[1]
    low, later = _down(plan.ends[1, place]), _down(plan.output_starts[place + 1])
    for f in range(1 if kind == KernelKind.ONE_HOT else n_features):
        feature, value = plan.inputs[variable] + f, np.float32(code)
        if kind == KernelKind.ONE_HOT:
            feature, value = plan.inputs[variable] + code, np.float32(1)
        elif kind == KernelKind.TABLE:
            value = plan.tables[plan.table_starts[variable] + code * n_features + f]
        elif kind == KernelKind.NUMERIC:
            value = numeric[f]
        if value != 0:
            add_scaled(sums, first + low, value, plan.first_columns, feature * width + low, width - low)
            if len(plan.direct_columns) > 0:
                at = feature * n_outputs + later
                add_scaled(sums, outputs + later, value, plan.direct_columns, at, n_outputs - later)


@numba.njit(cache=True, inline="always")
def _finish_units(plan: Any, sums: Any, units: Any, begins: Any, degree: Any) -> None:
    """Finish the units of a degree, layer by layer, and add them to all that depend on them."""
    n_layers = len(plan.ends)
    for layer in range(1, n_layers):
        number, below = plan.begins[layer] - plan.begins[1], plan.begins[layer - 1] - plan.begins[1]
        if layer == n_layers - 1:
            seen = plan.output_starts[degree]
        else:
            seen = plan.ends[layer + 1, degree - 1] if degree > 0 else 0
        target = begins[layer + 1] + _down(seen)
        n = begins[layer + 2] - target
        for k in range(plan.ends[layer, degree - 1] if degree > 0 else 0, plan.ends[layer, degree]):
            value = activated(sums[begins[layer] + k], plan.activation)
            if plan.residual[layer - 1]:
                value += units[below + plan.partners[number + k]]
            units[number + k] = value
            if value != 0:  # many rectified units are zero
                add_scaled(sums, target, value, plan.columns, plan.column_starts[number + k], n)


@numba.njit(cache=True, nogil=True)
def sample_rows(
    begin: Any,
    end: Any,
    plan: Any,
    numbers: Any,
    u: Any,
    stride: Any,
    codes: Any,
    known: Any,
    to_first: Any,
    to_outputs: Any,
    narrow: Any,
    wide: Any,
    bodies: Any,
) -> Any:
    """Sample rows begin..end one after the other; see `batch.sample_one_pass`."""
    plan, u, codes, known = borrow(plan), borrow(u), borrow(codes), borrow(known)
    narrow, wide, bodies = borrow(narrow), borrow(wide), borrow(bodies)
    n_places, n_layers = len(plan.ordering), len(plan.ends)
    n_units, n_outputs = plan.begins[n_layers] - plan.begins[1], plan.output_starts[n_places]
    thresholds = np.empty(n_places, np.float32)
    # The sums of all layers and of the outputs; each begins at a whole vector.
    begins = np.zeros(n_layers + 2, np.int64)
    for layer in range(1, n_layers + 1):
        size = plan.begins[layer + 1] - plan.begins[layer] if layer < n_layers else n_outputs
        begins[layer + 1] = begins[layer] + _down(size + VECTOR - 1)
    own_units, own_sums = np.empty(n_units, np.float32), np.zeros(begins[n_layers + 1] + VECTOR, np.float32)
    units = borrow(own_units)
    # Begins at a cache line: vectors that lie across two lines are slow to read back.
    sums = borrow(own_sums[-(own_sums.ctypes.data // own_sums.itemsize) % VECTOR :])
    n_masses, most_features = 0, 0
    for place in range(n_places):
        n_masses = max(n_masses, plan.output_starts[place + 1] - plan.output_starts[place])
        most_features = max(most_features, plan.n_features[place])
    masses = np.empty(n_masses, np.float64)
    mixture, numeric = np.empty(WORK, np.float64), np.empty(most_features, np.float32)
    for b in range(begin, end):
        _set_thresholds(thresholds, b, u, stride, codes, known)
        for layer in range(1, n_layers + 1):
            first = plan.begins[layer] - plan.begins[1]
            size = plan.begins[layer + 1] - plan.begins[layer] if layer < n_layers else n_outputs
            for i in range(size):
                sums[begins[layer] + i] = plan.biases[first + i]
        if len(to_first) > 0:
            add_row(sums, 0, to_first, b)
            add_row(sums, begins[n_layers], to_outputs, b)
        _finish_units(plan, sums, units, begins, 0)
        for place in range(n_places):
            variable, o = plan.ordering[place], begins[n_layers] + plan.output_starts[place]
            kind, code = plan.kinds[variable], 0
            if kind == KernelKind.BERNOULLI:
                code = 1 if sums[o] >= thresholds[variable] else 0
            elif len(known) > 0 and known[b, variable]:
                code = codes[b, variable]
            elif kind != KernelKind.NUMERIC:
                code = sample_class(sums, o, 1, plan.n_drawn[variable], u[b * stride + variable], masses)
            elif numbers is not None:  # decided when this is compiled, here and below
                uniform, own = u[b * stride + variable], numbers.number[variable]
                n_drawn = plan.n_drawn[variable]
                drawn = sample_number(numbers, own, n_drawn, sums, o, 1, uniform, mixture, masses)
                code, bodies[b, own] = drawn
            if numbers is not None and kind == KernelKind.NUMERIC:
                own = numbers.number[variable]
                n_features, body = plan.n_features[variable], bodies[b, own]
                find_features(numbers, own, n_features, code, body, numeric, 0, 1)
            write(narrow, wide, b, variable, code)
            _add_value(plan, sums, begins, place, code, numeric)
            _finish_units(plan, sums, units, begins, place + 1)
    return len(own_sums) + len(own_units)  # keeps the borrowed arrays alive until here
