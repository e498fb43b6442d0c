"""What the loops of one-pass sampling do to single numbers: activations, and codes from uniforms."""

# mypy: allow-untyped-decorators, allow-untyped-calls

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np

from made.kernels.jit.exponential import exp
from made.kernels.one_pass.supported import Activation

__all__ = [
    "FASTMATH",
    "activate",
    "activated",
    "add_row",
    "class_at",
    "find_masses",
    "has_kind",
    "known_threshold",
    "sample_class",
    "threshold",
    "write",
]

#: Sums may be reordered; infinities and NaN keep their meaning.
FASTMATH = {"reassoc", "contract", "arcp", "nsz"}


@numba.njit(cache=True, fastmath=FASTMATH)
def activate(values: Any, at: Any, n: Any, kind: Any) -> None:
    """Replace n numbers by their activation; `kind` is an `Activation`."""
    first = np.uint64(at)
    if kind == Activation.RELU:  # in a loop of its own, which the compiler vectorizes
        for i in range(np.uint64(n)):
            values[first + i] = max(values[first + i], np.float32(0))
    else:
        for i in range(np.uint64(n)):
            values[first + i] = activated(values[first + i], kind)


@numba.njit(cache=True, fastmath=FASTMATH)
def activated(x: Any, kind: Any) -> Any:
    """Return the activation of a number; `kind` is an `Activation`."""
    if kind == Activation.RELU:
        return max(x, np.float32(0))
    if kind == Activation.LEAKY_RELU:
        return x if x > 0 else np.float32(0.01) * x
    if kind == Activation.ELU:
        return x if x > 0 else np.float32(math.expm1(x))
    if kind == Activation.GELU:
        return np.float32(0.5) * x * np.float32(1 + math.erf(x * 0.7071067811865476))
    if kind == Activation.SILU:
        return x / np.float32(1 + math.exp(-x))
    if kind == Activation.SOFTPLUS:
        return x if x > 20 else np.float32(math.log1p(math.exp(x)))
    if kind == Activation.TANH:
        return np.float32(math.tanh(x))
    return np.float32(1 / (1 + math.exp(-x)))  # SIGMOID


@numba.njit(cache=True, fastmath=FASTMATH, error_model="numpy")
def threshold(u: Any) -> Any:
    """Return the smallest logit at which the code of a Bernoulli variable is 1.

    u >= 1 / (1 + exp(logit)) holds where logit >= log((1 - u) / u). The logarithm is that of Cephes (logf),
    without branches, so that the compiler can vectorize it.
    """
    bits = np.float32(np.float32(1 - u) / np.float32(u)).view(np.int32)
    exponent = (bits >> np.int32(23)) - np.int32(126)
    x = np.int32((bits & np.int32(0x7FFFFF)) | np.int32(0x3F000000)).view(np.float32)  # in [0.5, 1)
    is_small = x < np.float32(0.70710678)
    e = np.float32(exponent - np.int32(1)) if is_small else np.float32(exponent)
    x = x + x - np.float32(1) if is_small else x - np.float32(1)
    y = np.float32(7.0376836292e-2)
    y = y * x - np.float32(1.1514610310e-1)
    y = y * x + np.float32(1.1676998740e-1)
    y = y * x - np.float32(1.2420140846e-1)
    y = y * x + np.float32(1.4249322787e-1)
    y = y * x - np.float32(1.6668057665e-1)
    y = y * x + np.float32(2.0000714765e-1)
    y = y * x - np.float32(2.4999993993e-1)
    y = y * x + np.float32(3.3333331174e-1)
    z = x * x
    y = y * x * z - np.float32(2.12194440e-4) * e - np.float32(0.5) * z
    return x + y + np.float32(0.693359375) * e


@numba.njit(cache=True)
def known_threshold(code: Any) -> Any:
    """Return the threshold that makes a Bernoulli variable take a known code: no logit passes NaN."""
    return np.float32(-np.inf) if code > 0 else np.float32(np.nan)


@numba.njit(cache=True)
def sample_class(logits: Any, at: Any, stride: Any, n: Any, uniform: Any, masses: Any) -> Any:
    """Return the class at which the CDF passes the uniform; never one without mass.

    Parameters
    ----------
    logits, at, stride, n : flat float32 array, ints
        The n logits are ``logits[at + i * stride]``.
    uniform : float
        In [0, 1).
    masses : (>= n,) float64 array
        Working memory.
    """
    find_masses(logits, at, stride, n, masses)
    return class_at(masses, n, uniform)


@numba.njit(cache=True, error_model="numpy")
def find_masses(logits: Any, at: Any, stride: Any, n: Any, masses: Any) -> None:
    """Write exp of n logits, less the largest one, into `masses`."""
    largest = -np.inf
    for i in range(n):
        masses[i] = float(logits[at + i * stride])
        largest = max(largest, masses[i])
    for i in range(n):
        masses[i] = exp(masses[i] - largest)


@numba.njit(cache=True)
def class_at(masses: Any, n: Any, uniform: Any) -> Any:
    """Return the class at which the sum of masses passes a share of the total."""
    total = 0.0
    for i in range(n):
        total += masses[i]
    cumulated, last = 0.0, 0
    for i in range(n):
        cumulated += masses[i]
        if masses[i] > 0:
            last = i
            if cumulated > uniform * total:
                return i
    return last


@numba.njit(cache=True)
def add_row(sums: Any, at: Any, rows: Any, row: Any) -> None:
    """Add a row of a matrix to sums; array expressions would do it, and compile for seconds."""
    for i in range(rows.shape[1]):
        sums[at + i] += rows[row, i]


@numba.njit(cache=True)
def has_kind(plan: Any, kind: Any) -> Any:
    """Return whether a variable is of a kind."""
    for own in plan.kinds:  # noqa: SIM110  any() is not compiled
        if own == kind:
            return True
    return False


@numba.njit(cache=True)
def write(narrow: Any, wide: Any, row: Any, variable: Any, code: Any) -> None:
    """Write a code to whichever of the two arrays is in use; the other one is empty."""
    if len(narrow) > 0:
        narrow[row, variable] = code
    else:
        wide[row, variable] = code
