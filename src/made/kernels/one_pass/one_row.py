"""One-pass sampling of few rows: each by itself, with no product of matrices.

The ranks are gone through one by one. A value that is known and a unit that is final are added at once to the
sums of all that see them, times their weights. So the next sum that is needed is ready first, and the weights
of what is zero are not even read: for one row, reading weights is what takes time.
"""

# mypy: allow-untyped-decorators, allow-untyped-calls
# mypy: disable-error-code="call-arg,var-annotated,import-untyped"

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from made.kernels.jit.tiles import add_scaled
from made.kernels.jit.uncounted import uncounted
from made.kernels.one_pass.draws import activated, draw_class, given_threshold, threshold, write
from made.kernels.one_pass.plan import VECTOR

__all__ = ["draw_row", "draw_rows"]


@numba.njit(cache=True)
def _down(n: Any) -> Any:
    """Round down to whole vectors."""
    return n // VECTOR * VECTOR


@numba.njit(cache=True)
def _set_thresholds(thresholds: Any, b: Any, u: Any, stride: Any, given: Any) -> None:
    """Turn the uniforms of a row into thresholds, as if all its variables were Bernoulli."""
    for d in range(len(thresholds)):
        thresholds[d] = threshold(u[b * stride + d])
    if len(given) > 0:
        for d in range(len(thresholds)):
            if given[b, d] >= 0:
                thresholds[d] = given_threshold(given[b, d])


@numba.njit(cache=True, inline="always")
def _add_value(plan: Any, sums: Any, begins: Any, place: Any, code: Any) -> None:
    """Add a value to the units of the first layer that may see it and, directly, to later outputs."""
    variable, first, outputs = plan.ordering[place], begins[1], begins[len(plan.ends)]
    kind, n_features = plan.kinds[variable], plan.n_features[variable]
    width, n_outputs = plan.first_columns.shape[1], plan.direct_columns.shape[1]
    low, later = _down(plan.ends[1, place]), _down(plan.output_starts[place + 1])
    for f in range(1 if kind == 1 else n_features):
        feature, value = plan.inputs[variable] + f, np.float32(code)
        if kind == 1:
            feature, value = plan.inputs[variable] + code, np.float32(1)
        elif kind == 2:
            value = plan.tables[plan.table_starts[variable] + code * n_features + f]
        if value != 0:
            add_scaled(sums, first + low, value, plan.first_columns, feature * width + low, width - low)
            if len(plan.direct_columns) > 0:
                at = feature * n_outputs + later
                add_scaled(sums, outputs + later, value, plan.direct_columns, at, n_outputs - later)


@numba.njit(cache=True, inline="always")
def _finish_units(plan: Any, sums: Any, units: Any, begins: Any, degree: Any) -> None:
    """Finish the units of a degree, layer by layer, and add them to all that see them."""
    n_levels = len(plan.ends)
    for level in range(1, n_levels):
        number, below = plan.begins[level] - plan.begins[1], plan.begins[level - 1] - plan.begins[1]
        if level == n_levels - 1:
            seen = plan.output_starts[degree]
        else:
            seen = plan.ends[level + 1, degree - 1] if degree > 0 else 0
        target = begins[level + 1] + _down(seen)
        n = begins[level + 2] - target
        for k in range(plan.ends[level, degree - 1] if degree > 0 else 0, plan.ends[level, degree]):
            value = activated(sums[begins[level] + k], plan.activation)
            if plan.residual[level - 1]:
                value += units[below + plan.partners[number + k]]
            units[number + k] = value
            if value != 0:  # of rectified units, many are
                add_scaled(sums, target, value, plan.columns, plan.column_starts[number + k], n)


@numba.njit(cache=True)
def draw_row(
    plan: Any, b: Any, u: Any, stride: Any, given: Any, to_first: Any, to_outputs: Any, narrow: Any, wide: Any
) -> Any:
    """Draw row b; see `one_pass.sample_one_pass`."""
    plan, u, given, narrow, wide = (
        uncounted(plan),
        uncounted(u),
        uncounted(given),
        uncounted(narrow),
        uncounted(wide),
    )
    n_places, n_levels = len(plan.ordering), len(plan.ends)
    n_units, n_outputs = plan.begins[n_levels] - plan.begins[1], plan.output_starts[n_places]
    thresholds = np.empty(n_places, np.float32)
    _set_thresholds(thresholds, b, u, stride, given)
    # The sums of all levels and of the outputs, each from a whole vector on.
    begins = np.zeros(n_levels + 2, np.int64)
    for level in range(1, n_levels + 1):
        size = plan.begins[level + 1] - plan.begins[level] if level < n_levels else n_outputs
        begins[level + 1] = begins[level] + _down(size + VECTOR - 1)
    own_units, room = np.empty(n_units, np.float32), np.zeros(begins[n_levels + 1] + VECTOR, np.float32)
    units = uncounted(own_units)
    # From the beginning of a line of the cache on: vectors that lie on two lines are slow to read back.
    sums = uncounted(room[-(room.ctypes.data // room.itemsize) % VECTOR :])
    for level in range(1, n_levels + 1):
        first = plan.begins[level] - plan.begins[1]
        size = plan.begins[level + 1] - plan.begins[level] if level < n_levels else n_outputs
        sums[begins[level] : begins[level] + size] = plan.biases[first : first + size]
    if len(to_first) > 0:
        sums[: to_first.shape[1]] += to_first[b]
        sums[begins[n_levels] : begins[n_levels] + n_outputs] += to_outputs[b]
    masses = np.empty(np.max(plan.output_starts[1:] - plan.output_starts[:-1]), np.float64)
    _finish_units(plan, sums, units, begins, 0)
    for place in range(n_places):
        variable, o = plan.ordering[place], begins[n_levels] + plan.output_starts[place]
        if plan.kinds[variable] == 0:
            code = 1 if sums[o] >= thresholds[variable] else 0
        elif len(given) > 0 and given[b, variable] >= 0:
            code = given[b, variable]
        else:
            n = plan.output_starts[place + 1] - plan.output_starts[place]
            code = draw_class(sums, o, 1, n, u[b * stride + variable], masses)
        write(narrow, wide, b, variable, code)
        _add_value(plan, sums, begins, place, code)
        _finish_units(plan, sums, units, begins, place + 1)
    return len(room) + len(own_units)  # they are held on to until here


@numba.njit(cache=True, parallel=True)
def draw_rows(
    plan: Any, u: Any, stride: Any, given: Any, to_first: Any, to_outputs: Any, narrow: Any, wide: Any
) -> None:
    """Draw all rows, spread over the threads."""
    for b in numba.prange(max(len(narrow), len(wide))):
        draw_row(plan, b, u, stride, given, to_first, to_outputs, narrow, wide)
