"""One-pass sampling of many rows, in groups of 32.

The ranks are processed in panels. What all earlier panels contribute to the units and outputs of a panel
are products of matrices (`tiles`); within a panel, the next variable is sampled for 32 rows at once, and the
units whose degree has been reached are finished. The row groups of a strip, at most four, go through a panel
one after the other, while its weights are in the cache.
"""

# mypy: allow-untyped-decorators, allow-untyped-calls
# mypy: disable-error-code="call-arg"

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np

from made.kernels.jit.borrow import borrow
from made.kernels.jit.tiles import add_scaled
from made.kernels.jit.vector import VECTOR
from made.kernels.one_pass.elementwise import (
    add_row,
    has_kind,
    known_threshold,
    sample_class,
    threshold,
    write,
)
from made.kernels.one_pass.numbers import WORK, find_features, sample_number
from made.kernels.one_pass.row_sums import ROWS, begin_panel, finish_outputs, finish_units, start
from made.kernels.one_pass.supported import KernelKind

__all__ = ["sample_strips"]

# Maximum number of outputs of a panel, unless its first variable alone has more.
_OUTPUTS_PER_PANEL = 32


class _Work(NamedTuple):
    """The state of the row groups of a strip: flat arrays, unit by unit, 32 numbers each."""

    layers: Any  # all layers of each row group; hidden units hold their sums until they are final
    outputs: Any  # of the panel
    thresholds: Any  # of the panel
    to_first: Any  # row by row: what context and one-hot values add to the first hidden layer
    to_outputs: Any  # the same for the outputs
    masses: Any  # of the classes of one variable
    mixture: Any  # of one number


@numba.njit(cache=True)
def _panel_end(plan: Any, begin: Any) -> Any:
    end, n_places = begin + 1, len(plan.ordering)
    most = plan.output_starts[begin] + _OUTPUTS_PER_PANEL
    while end < n_places and plan.output_starts[end + 1] <= most:
        end += 1
    return end


@numba.njit(cache=True, inline="always")
def _set_thresholds(
    plan: Any,
    work: Any,
    row: Any,
    rows: Any,
    begin: Any,
    end: Any,
    u: Any,
    stride: Any,
    codes: Any,
    known: Any,
) -> None:
    """Turn the uniforms of a panel's Bernoulli variables into thresholds."""
    for place in range(begin, end):
        for r in range(ROWS):
            work.thresholds[(place - begin) * ROWS + r] = 0.5
    for r in range(rows):
        for place in range(begin, end):
            work.thresholds[(place - begin) * ROWS + r] = u[(row + r) * stride + plan.ordering[place]]
    for i in range((end - begin) * ROWS):
        work.thresholds[i] = threshold(work.thresholds[i])
    if len(known) > 0:
        for r in range(rows):
            for place in range(begin, end):
                variable = plan.ordering[place]
                if known[row + r, variable]:
                    code = codes[row + r, variable]
                    work.thresholds[(place - begin) * ROWS + r] = known_threshold(code)


@numba.njit(cache=True, inline="always")
def _sample_bits(
    values: Any, at: Any, logits: Any, at_logits: Any, thresholds: Any, at_thresholds: Any
) -> None:
    for r in range(ROWS):
        passes = logits[at_logits + r] >= thresholds[at_thresholds + r]
        values[at + r] = np.float32(1) if passes else np.float32(0)


@numba.njit(cache=True, inline="always")
def _sample_classes(
    plan: Any,
    work: Any,
    at: Any,
    group: Any,
    row: Any,
    rows: Any,
    begin: Any,
    place: Any,
    u: Any,
    stride: Any,
    codes: Any,
    known: Any,
    narrow: Any,
    wide: Any,
) -> None:
    """Sample a categorical variable, and feed its values to the network."""
    variable, n_features = plan.ordering[place], plan.n_features[plan.ordering[place]]
    width, n_outputs = plan.first_columns.shape[1], plan.direct_columns.shape[1]
    first, later = plan.output_starts[place], plan.output_starts[place + 1]
    before, after = plan.ends[1, place] // VECTOR * VECTOR, later // VECTOR * VECTOR
    one = np.float32(1)
    for r in range(rows):
        b = row + r
        if len(known) > 0 and known[b, variable]:
            code = codes[b, variable]
        else:
            at_logits = ROWS * (first - plan.output_starts[begin]) + r
            n = plan.n_drawn[variable]
            code = sample_class(work.outputs, at_logits, ROWS, n, u[b * stride + variable], work.masses)
        write(narrow, wide, b, variable, code)
        if plan.kinds[variable] == KernelKind.ONE_HOT:
            feature, own = plan.inputs[variable] + code, group * ROWS + r
            source, target = feature * width + before, own * width + before
            add_scaled(work.to_first, target, one, plan.first_columns, source, width - before)
            if len(plan.direct_columns) > 0:
                source, target = feature * n_outputs + after, own * n_outputs + after
                add_scaled(work.to_outputs, target, one, plan.direct_columns, source, n_outputs - after)
        else:
            source = plan.table_starts[variable] + code * n_features
            for f in range(n_features):
                work.layers[at + ROWS * (plan.ends[0, place] + f) + r] = plan.tables[source + f]


@numba.njit(cache=True)
def _sample_numbers(
    plan: Any,
    numbers: Any,
    work: Any,
    at: Any,
    row: Any,
    rows: Any,
    begin: Any,
    place: Any,
    u: Any,
    stride: Any,
    codes: Any,
    known: Any,
    narrow: Any,
    wide: Any,
    bodies: Any,
) -> None:
    """Sample a numeric variable, and feed its values to the network."""
    variable = plan.ordering[place]
    own, first = numbers.number[variable], ROWS * (plan.output_starts[place] - plan.output_starts[begin])
    for r in range(rows):
        b = row + r
        if len(known) > 0 and known[b, variable]:
            code, body = codes[b, variable], bodies[b, own]
        else:
            uniform = u[b * stride + variable]
            code, body = sample_number(
                numbers, own, plan.n_drawn[variable], work.outputs, first + r, ROWS, uniform,
                work.mixture, work.masses,
            )  # fmt: skip
            bodies[b, own] = body
        write(narrow, wide, b, variable, code)
        features = at + ROWS * plan.ends[0, place] + r
        find_features(numbers, own, plan.n_features[variable], code, body, work.layers, features, ROWS)


@numba.njit(cache=True, inline="always")
def _write_bits(
    plan: Any, work: Any, at: Any, row: Any, rows: Any, begin: Any, end: Any, narrow: Any, wide: Any
) -> None:
    """Write the Bernoulli codes of a panel, row by row."""
    for r in range(rows):
        for place in range(begin, end):
            variable = plan.ordering[place]
            if plan.kinds[variable] == KernelKind.BERNOULLI:
                code = np.int64(work.layers[at + ROWS * plan.ends[0, place] + r])
                write(narrow, wide, row + r, variable, code)


@numba.njit(cache=True, inline="always")
def _start_group(plan: Any, work: Any, at: Any, group: Any, rows: Any) -> None:
    """Set the units of a row group to their biases, and finish those that depend on no value."""
    for layer in range(1, len(plan.ends)):
        start(
            work.layers,
            at + ROWS * plan.begins[layer],
            plan.ends[layer, 0],
            plan.biases,
            plan.begins[layer] - plan.begins[1],
        )
    finish_units(plan, work, at, group, rows, 0, 0)


@numba.njit(cache=True)
def _allocate(plan: Any, n_groups: Any, first: Any, rows: Any, to_first: Any, to_outputs: Any) -> Any:
    """Allocate what the row groups of a strip need."""
    n_places, size = len(plan.ordering), ROWS * plan.begins[len(plan.ends)]
    width, n_outputs = plan.first_columns.shape[1], plan.direct_columns.shape[1]
    most, places, begin = 0, 0, np.int64(0)
    while begin < n_places:
        end = _panel_end(plan, begin)
        most, places = (
            max(most, plan.output_starts[end] - plan.output_starts[begin]),
            max(places, end - begin),
        )
        begin = end
    has_context, has_one_hot = len(to_first) > 0, has_kind(plan, KernelKind.ONE_HOT)
    own_first = np.zeros(n_groups * ROWS * width if has_context or has_one_hot else 0, np.float32)
    across = has_context or (has_one_hot and len(plan.direct_columns) > 0)
    own_outputs = np.zeros(n_groups * ROWS * n_outputs if across else 0, np.float32)
    if has_context:
        for r in range(rows):
            add_row(own_first, r * width, to_first, first + r)
            add_row(own_outputs, r * n_outputs, to_outputs, first + r)
    return _Work(
        np.zeros(n_groups * size, np.float32),
        np.empty(most * ROWS, np.float32),
        np.empty(places * ROWS, np.float32),
        own_first,
        own_outputs,
        np.empty(most, np.float64),
        np.empty(WORK, np.float64),
    )


@numba.njit(cache=True, nogil=True)
def sample_strips(
    begin_row: Any,
    end_row: Any,
    plan: Any,
    numbers: Any,
    rows_per_strip: Any,
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
    """Sample rows begin..end, strip by strip; see `batch.sample_one_pass`."""
    n_places, size = len(plan.ordering), ROWS * plan.begins[len(plan.ends)]
    has_bits, kept = has_kind(plan, KernelKind.BERNOULLI), 0
    plan, u, codes, known = borrow(plan), borrow(u), borrow(codes), borrow(known)
    narrow, wide, bodies = borrow(narrow), borrow(wide), borrow(bodies)
    for first in range(begin_row, end_row, rows_per_strip):
        last = min(end_row, first + rows_per_strip)
        n_groups = (last - first + ROWS - 1) // ROWS
        owned = _allocate(plan, n_groups, first, last - first, to_first, to_outputs)
        work: Any = borrow(owned)
        begin = np.int64(0)  # a literal 0 is a type of its own, for which all below would compile as well
        while begin < n_places:
            end = _panel_end(plan, begin)
            for group in range(n_groups):
                at, row = group * size, first + group * ROWS
                rows = min(ROWS, last - row)
                if begin == 0:
                    _start_group(plan, work, at, group, rows)
                begin_panel(plan, work, at, begin, end)
                if has_bits:
                    _set_thresholds(plan, work, row, rows, begin, end, u, stride, codes, known)
                for place in range(begin, end):
                    finish_outputs(plan, work, at, group, rows, begin, place)
                    if plan.kinds[plan.ordering[place]] == KernelKind.BERNOULLI:
                        logits = ROWS * (plan.output_starts[place] - plan.output_starts[begin])
                        bits = at + ROWS * plan.ends[0, place]
                        _sample_bits(
                            work.layers, bits, work.outputs, logits, work.thresholds, (place - begin) * ROWS
                        )
                    elif plan.kinds[plan.ordering[place]] != KernelKind.NUMERIC:
                        _sample_classes(
                            plan, work, at, group, row, rows, begin, place, u, stride, codes, known,
                            narrow, wide,
                        )  # fmt: skip
                    elif numbers is not None:  # decided when this is compiled
                        _sample_numbers(
                            plan, numbers, work, at, row, rows, begin, place, u, stride, codes, known,
                            narrow, wide, bodies,
                        )  # fmt: skip
                    finish_units(plan, work, at, group, rows, begin, place + 1)
                if has_bits:
                    _write_bits(plan, work, at, row, rows, begin, end, narrow, wide)
            begin = end
        kept += len(owned.layers)  # keeps the borrowed arrays alive until here
    return kept
