"""One-pass sampling on the CPU: a whole batch with the arithmetic of one forward pass instead of D.

A hidden unit of degree m is final once ranks 1..m are known. So the ranks are gone through in panels. What
all earlier panels contribute to the units and outputs of a panel is a few matrix products; within a panel,
compiled loops go through the ranks row by row: the next variable is drawn, its value is added to whatever it
feeds, and the units whose degree has been reached are finished. The plain twin is `sampling.sample_rows`.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numba
import numpy as np
import torch
from numpy.typing import NDArray

from made.kernels.plan import KINDS, Plan

__all__ = ["sample_one_pass"]

_log = logging.getLogger(__name__)

# Few rows do not pay for matrix products: they go through all ranks in one panel.
_FEW_ROWS = 4
_RANKS_PER_PANEL = 32
# So many rows at once, for their units to stay in the cache (no power of two: lines of a cache would clash);
# a core takes a strip of them at a time.
_ROWS_PER_BLOCK = 496
_ROWS_PER_STRIP = 64
# Sums may be reordered; infinities and NaN keep their meaning.
_FASTMATH = {"reassoc", "contract", "arcp", "nsz"}


def sample_one_pass(plan: Plan, u: NDArray[np.float64]) -> NDArray[np.int64]:
    """Draw rows from uniforms.

    Parameters
    ----------
    plan : Plan
        Of the network under one mask.
    u : (n, D) float64 array
        ``u[:, d]`` decides variable d, through the inverse of its CDF.

    Returns
    -------
    (n, D) int64 array of codes
    """
    codes = np.empty(u.shape, dtype=np.int64)
    if len(u) and not _is_compiled():
        _log.info("compiling the sampler: once on this machine, about ten seconds")
    with _as_many_threads_as_torch():
        for first in range(0, len(u), _ROWS_PER_BLOCK):
            block = slice(first, first + _ROWS_PER_BLOCK)
            _sample_block(plan, _thresholds(plan, u[block]), codes[block])
    return codes


@contextmanager
def _as_many_threads_as_torch() -> Iterator[None]:
    """Let numba use torch's number of threads, and give torch its own back: numba sets OpenMP's for both."""
    threads = torch.get_num_threads()
    settings: Any = numba.config
    numba.set_num_threads(min(threads, settings.NUMBA_NUM_THREADS))
    try:
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        yield
    finally:
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)


def _is_compiled() -> bool:
    """Whether this process, or an earlier one on this machine, has compiled the loops."""
    loops: Any = _advance
    return bool(loops.signatures) or any(Path(loops._cache.cache_path).glob("one_pass._advance-*.nbi"))


def _thresholds(plan: Plan, u: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return uniforms, but for Bernoulli variables the logit from which on the code is 1.

    u >= 1 / (1 + exp(logit)) holds where logit >= log(1 - u) - log(u); numpy takes logarithms many at a time.
    """
    binary = plan.kinds == KINDS["bernoulli"]
    with np.errstate(divide="ignore"):  # u = 0 gives infinity: the code is 0 whatever the logit
        if binary.all():
            return np.log1p(-u) - np.log(u)
        thresholds = np.array(u)
        thresholds[:, binary] = np.log1p(-u[:, binary]) - np.log(u[:, binary])
    return thresholds


def _sample_block(plan: Plan, u: NDArray[np.float64], codes: NDArray[np.int64]) -> None:
    n, n_variables = u.shape
    panel = n_variables if n <= _FEW_ROWS else _RANKS_PER_PANEL
    strip = max(1, min(_ROWS_PER_STRIP, -(-n // numba.get_num_threads())))
    # Units and outputs lie rows-last, for loops over rows; what drawn values are added to, rows-first.
    sums = np.repeat(plan.biases[:, None], n, axis=1)
    units = np.zeros_like(sums)
    outputs = np.repeat(plan.output_bias[:, None], n, axis=1)
    before = np.zeros((n, plan.widths[0]), dtype=np.float32)
    ahead = np.zeros((n, len(plan.output_bias) if plan.direct.size else 0), dtype=np.float32)
    products = _Products(plan, sums, units, outputs)
    for begin in range(0, n_variables, panel):
        end = min(begin + panel, n_variables)
        if begin > 0:
            products.add(begin, end)
        _advance(begin, end, strip, u, codes, sums, units, outputs, before, ahead, *plan.arrays())


class _Products:
    """What the units of earlier panels contribute to a panel, as matrix products on views of the arrays."""

    def __init__(self, plan: Plan, sums: Any, units: Any, outputs: Any) -> None:
        self.plan = plan
        ends = plan.bias_starts + plan.widths
        spans = list(zip(plan.bias_starts, ends, strict=True))
        self.sums = [torch.from_numpy(sums)[a:b] for a, b in spans]
        self.units = [torch.from_numpy(units)[a:b] for a, b in spans]
        self.outputs = torch.from_numpy(outputs)
        self.output = torch.from_numpy(plan.output)
        hidden = torch.from_numpy(plan.hidden)
        self.hidden = [
            hidden[plan.hidden_starts[i] :][: plan.widths[i] * plan.widths[i - 1]].view(
                plan.widths[i], plan.widths[i - 1]
            )
            for i in range(1, len(plan.widths))
        ]

    def add(self, begin: int, end: int) -> None:
        """Add them for the places begin..end - 1: units of degree begin + 1..end, outputs of these places."""
        final = self.plan.final
        for i, weight in enumerate(self.hidden, start=1):
            known, low, high = final[i - 1, begin], final[i, begin], final[i, end]
            if known and low < high:
                self.sums[i][low:high].addmm_(weight[low:high, :known], self.units[i - 1][:known])
        known = final[-1, begin]
        low, high = self.plan.output_starts[begin], self.plan.output_starts[end]
        if known:
            self.outputs[low:high].addmm_(self.output[low:high, :known], self.units[-1][:known])


@numba.njit(cache=True, fastmath=_FASTMATH)
def _activate(x: Any, kind: Any) -> Any:  # the order is that of ACTIVATIONS
    if kind == 0:
        return max(x, np.float32(0))
    if kind == 1:
        return x if x > 0 else np.float32(0.01) * x
    if kind == 2:
        return x if x > 0 else np.float32(math.expm1(x))
    if kind == 3:
        return np.float32(0.5) * x * np.float32(1 + math.erf(x * 0.7071067811865476))
    if kind == 4:
        return x / np.float32(1 + math.exp(-x))
    if kind == 5:
        return x if x > 20 else np.float32(math.log1p(math.exp(x)))
    if kind == 6:
        return np.float32(math.tanh(x))
    return np.float32(1 / (1 + math.exp(-x)))


# Below, arrays are flat and places unsigned: numba then makes no views, checks no signs, and vectorizes.


@numba.njit(cache=True, fastmath=_FASTMATH)
def _dot(a: Any, at_a: Any, b: Any, at_b: Any, n: Any) -> Any:
    """Return the product of n numbers of `a` and `b` from the places given."""
    i, k = np.uint64(at_a), np.uint64(at_b)
    total = np.float32(0)
    for j in range(np.uint64(n)):
        total += a[i + j] * b[k + j]
    return total


@numba.njit(cache=True, fastmath=_FASTMATH)
def _gather(sums: Any, rows: Any, a: Any, at_a: Any, n: Any, b: Any, at_b: Any, stride: Any) -> None:
    """Add to `sums`, for every row, the product of n numbers of `a` with a column of `b`.

    Four columns at a time, for the sake of the stores.
    """
    i, k, step, m = np.uint64(at_a), np.uint64(at_b), np.uint64(stride), np.uint64(n)
    j, one, four = np.uint64(0), np.uint64(1), np.uint64(4)
    two, three = one + one, one + one + one
    while j + four <= m:
        w0, w1, w2, w3 = a[i + j], a[i + j + one], a[i + j + two], a[i + j + three]
        k0 = k + j * step
        k1, k2, k3 = k0 + step, k0 + two * step, k0 + three * step
        for r in range(np.uint64(rows)):
            sums[r] += w0 * b[k0 + r] + w1 * b[k1 + r] + w2 * b[k2 + r] + w3 * b[k3 + r]
        j += four
    while j < m:
        w0, k0 = a[i + j], k + j * step
        for r in range(np.uint64(rows)):
            sums[r] += w0 * b[k0 + r]
        j += one


@numba.njit(cache=True, fastmath=_FASTMATH)
def _add(target: Any, at: Any, scale: Any, source: Any, at_source: Any, n: Any) -> None:
    """Add n scaled numbers of `source` to `target`."""
    i, k = np.uint64(at), np.uint64(at_source)
    for j in range(np.uint64(n)):
        target[i + j] += scale * source[k + j]


@numba.njit(cache=True)
def _draw(logits: Any, at: Any, n: Any, is_bernoulli: Any, uniform: Any) -> Any:
    """Return the code at which the CDF of one variable passes the uniform (see `_thresholds`).

    Never a class of no mass.
    """
    if is_bernoulli:
        return 1 if logits[at] >= uniform else 0
    largest = -np.inf
    for i in range(at, at + n):
        largest = max(largest, float(logits[i]))
    total = 0.0
    for i in range(at, at + n):
        total += math.exp(float(logits[i]) - largest)
    cumulated, last = 0.0, 0
    for code in range(n):
        mass = math.exp(float(logits[at + code]) - largest) / total
        cumulated += mass
        if mass > 0:
            last = code
            if cumulated > uniform:
                return code
    return last


@numba.njit(cache=True, parallel=True)
def _advance(
    begin: Any,
    end: Any,
    strip: Any,
    u: Any,
    codes: Any,
    sums: Any,
    units: Any,
    outputs: Any,
    before: Any,
    ahead: Any,
    ordering: Any,
    final: Any,
    widths: Any,
    first: Any,
    hidden: Any,
    hidden_starts: Any,
    biases: Any,
    bias_starts: Any,
    partners: Any,
    residual: Any,
    output: Any,
    output_bias: Any,
    output_starts: Any,
    direct: Any,
    kinds: Any,
    inputs: Any,
    n_features: Any,
    tables: Any,
    table_starts: Any,
    activation: Any,
) -> None:
    """Take every row from place `begin` to place `end`; earlier panels are in the sums already."""
    n, n_layers, n_outputs = len(u), len(widths), ahead.shape[1]
    top, top_width = bias_starts[n_layers - 1], widths[n_layers - 1]
    all_units, all_output, all_direct = units.reshape(-1), output.reshape(-1), direct.reshape(-1)
    all_first, all_before, all_ahead = first.reshape(-1), before.reshape(-1), ahead.reshape(-1)
    for number in numba.prange((n + strip - 1) // strip):
        b0 = number * strip
        rows = min(strip, n - b0)
        work = np.empty(rows, dtype=np.float32)
        most = 1
        for place in range(begin, end):
            most = max(most, output_starts[place + 1] - output_starts[place])
        logits = np.empty(rows * most, dtype=np.float32)
        for place in range(begin if begin > 0 else -1, end):
            if place >= 0:
                variable = ordering[place]
                low = final[n_layers - 1, begin] if begin > 0 else 0
                known = final[n_layers - 1, place] - low
                o, later = output_starts[place], output_starts[place + 1]
                for i in range(o, later):
                    at_a, at_b = i * top_width + low, (top + low) * n + b0
                    for r in range(rows):
                        work[r] = outputs[i, b0 + r]
                    if rows == 1 and n == 1:
                        work[0] += _dot(all_output, at_a, all_units, at_b, known)
                    else:
                        _gather(work, rows, all_output, at_a, known, all_units, at_b, n)
                    for r in range(rows):
                        logits[r * most + i - o] = work[r]
                    if n_outputs > 0:
                        for r in range(rows):
                            logits[r * most + i - o] += ahead[b0 + r, i]
                known = final[0, place]
                for r in range(rows):
                    b = b0 + r
                    code = _draw(logits, r * most, later - o, kinds[variable] == 0, u[b, variable])
                    codes[b, variable] = code
                    # Add the value to the units of the first layer that may see it, and to later outputs.
                    for f in range(1 if kinds[variable] == 1 else n_features[variable]):
                        feature, value = inputs[variable] + f, np.float32(code)
                        if kinds[variable] == 1:
                            feature, value = inputs[variable] + code, np.float32(1)
                        elif kinds[variable] == 2:
                            value = tables[table_starts[variable] + code * n_features[variable] + f]
                        if value != 0:
                            at = feature * widths[0] + known
                            _add(all_before, b * widths[0] + known, value, all_first, at, widths[0] - known)
                            if n_outputs > 0:
                                at = feature * n_outputs + later
                                _add(
                                    all_ahead, b * n_outputs + later, value, all_direct, at, n_outputs - later
                                )
            # Finish the units of degree place + 1 (before the first place: those of degree 0).
            for layer in range(n_layers):
                for k in range(final[layer, place] if place >= 0 else 0, final[layer, place + 1]):
                    unit = bias_starts[layer] + k
                    for r in range(rows):
                        work[r] = sums[unit, b0 + r]
                    if layer == 0:
                        for r in range(rows):
                            work[r] += before[b0 + r, k]
                    else:
                        low = final[layer - 1, begin] if begin > 0 else 0
                        known = final[layer - 1, place + 1] - low
                        at_a = hidden_starts[layer] + k * widths[layer - 1] + low
                        at_b = (bias_starts[layer - 1] + low) * n + b0
                        if rows == 1 and n == 1:
                            work[0] += _dot(hidden, at_a, all_units, at_b, known)
                        else:
                            _gather(work, rows, hidden, at_a, known, all_units, at_b, n)
                    for r in range(rows):
                        units[unit, b0 + r] = _activate(work[r], activation)
                    if residual[layer]:
                        partner = bias_starts[layer - 1] + partners[unit]
                        for r in range(rows):
                            units[unit, b0 + r] += units[partner, b0 + r]
