"""Log p of rows and its slopes by the outputs of a network, variable by variable, in one pass.

The compiled twin of `RowType.log_prob`. Variables are shared out among threads; of each, `ROWS`
rows at a time lie side by side in working memory.
"""

# mypy: allow-untyped-decorators, allow-untyped-calls

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np

from made.kernels.jit.borrow import borrow
from made.kernels.likelihood.elementary import exp, log
from made.kernels.likelihood.mixture import (
    BY_OUTPUT,
    COMPONENT,
    FACTOR,
    HALF,
    OUTPUT,
    RATIO,
    ROWS,
    SIZE,
    Z,
    at_points,
    far_out,
    over_cells,
    read_mixture,
)
from made.variables.fast_ratio import FARTHEST
from made.variables.normal_mixture import N_COMPONENTS, N_PARAMETERS

__all__ = ["log_likelihood", "log_likelihood_of_part", "n_tasks"]

# How far apart outputs lie in working memory: at a power of two they would push each other out of the cache.
_APART = ROWS + 16
_F = np.float32
_ZERO, _HALF, _ONE = _F(0), _F(0.5), _F(1)
_compiled = numba.njit(cache=True, fastmath={"contract"}, error_model="numpy")


@numba.njit(parallel=True, cache=True, fastmath={"contract"}, error_model="numpy")
def log_likelihood(plan: Any, outputs: Any, codes: Any, scores: Any, log_prob: Any, slopes: Any) -> None:
    """Fill in log p of each entry, and its slopes by the outputs of its variable.

    Parameters
    ----------
    plan : Plan
        Of the variables.
    outputs : (n, n_outputs) float32 array
        Of the network.
    codes : (D, n) int array
        Of the entries.
    scores : (n, B, 3 or 4) float64 array
        Of the numbers.
    log_prob : (D, n) float64 array
        Filled in.
    slopes : (n, n_outputs) float32 array
        Filled in.
    """
    n_groups = len(plan.groups) - 1
    for task in numba.prange(n_groups * ((codes.shape[1] + ROWS - 1) // ROWS)):
        row, group = task // n_groups * ROWS, task % n_groups
        _one_group(group, row, borrow(plan), outputs, codes, scores, log_prob, slopes)  # type: ignore[call-arg]


@numba.njit(nogil=True, cache=True, fastmath={"contract"}, error_model="numpy")
def log_likelihood_of_part(
    begin: Any, end: Any, plan: Any, outputs: Any, codes: Any, scores: Any, log_prob: Any, slopes: Any
) -> None:
    """Do the same for tasks begin..end - 1 of `n_tasks`, in threads of Python's.

    Those of numba end the process where they are asked for in two threads, or after a fork, on some systems.
    """
    n_groups = len(plan.groups) - 1
    for task in range(begin, end):
        row, group = task // n_groups * ROWS, task % n_groups
        _one_group(group, row, plan, outputs, codes, scores, log_prob, slopes)


def n_tasks(plan: Any, n: int) -> int:
    """Return how many tasks the variables of n rows are."""
    return (len(plan.groups) - 1) * -(-n // ROWS)


@_compiled
def _one_group(
    group: Any, row: Any, plan: Any, outputs: Any, codes: Any, scores: Any, log_prob: Any, slopes: Any
) -> None:
    """Compute log p of adjacent variables of up to `ROWS` rows, and replace their outputs by the slopes."""
    n, first, end = min(ROWS, codes.shape[1] - row), plan.groups[group], plan.groups[group + 1]
    begin, n_outputs = plan.first[first], plan.first[end] - plan.first[first]
    own = np.empty(n_outputs * _APART, dtype=np.float32)
    total, most = np.empty(ROWS, dtype=np.float32), np.empty(ROWS, dtype=np.float32)
    for i in range(n):
        for j in range(n_outputs):
            own[j * _APART + i] = outputs[row + i, begin + j]
    for variable in range(first, end):
        logits = own[(plan.first[variable] - begin) * _APART : (plan.first[variable + 1] - begin) * _APART]
        if plan.number[variable] >= 0:
            _of_number(variable, plan, logits, row, n, codes, scores, log_prob, total, most)
        elif plan.has_zero[variable]:
            _of_bit(variable, logits, row, n, codes, log_prob)
        else:
            _of_classes(variable, plan, logits, row, n, codes, log_prob, total, most)
    for i in range(n):
        for j in range(n_outputs):
            slopes[row + i, begin + j] = own[j * _APART + i]


@_compiled
def _of_bit(variable: Any, logits: Any, row: Any, n: Any, codes: Any, log_prob: Any) -> None:
    for i in range(n):
        logit, is_one = logits[i], codes[variable, row + i] == 1
        own = logit if is_one else -logit
        log_prob[variable, row + i] = min(own, _ZERO) - log(_ONE + exp(-abs(own)))
        logits[i] = (_ONE if is_one else _ZERO) - _ONE / (_ONE + exp(-logit))


@_compiled
def _of_classes(
    variable: Any, plan: Any, logits: Any, row: Any, n: Any, codes: Any, log_prob: Any, total: Any, most: Any
) -> None:
    n_logits, codes_of = plan.n_logits[variable], plan.code_starts[variable]
    _find_log_sum(logits, n_logits, n, total, most)
    for i in range(n):
        code = codes_of + codes[variable, row + i]
        own = float(logits[plan.outcomes[code] * _APART + i] - total[i])
        log_prob[variable, row + i] = plan.added[code] + (0.0 if plan.is_unseen[code] else own)
    _to_slopes(logits, n_logits, n, total)
    for i in range(n):
        code = codes_of + codes[variable, row + i]
        if plan.is_unseen[code]:
            for j in range(n_logits):
                logits[j * _APART + i] = _ZERO
        else:
            logits[plan.outcomes[code] * _APART + i] += _ONE


@_compiled
def _of_number(
    variable: Any,
    plan: Any,
    logits: Any,
    row: Any,
    n: Any,
    codes: Any,
    scores: Any,
    log_prob: Any,
    total: Any,
    most: Any,
) -> None:
    """Do the same of a number, whose logits are followed by the outputs of its mixture."""
    n_logits, number = plan.n_logits[variable], plan.number[variable]
    begin, end = plan.spike_starts[number], plan.spike_starts[number + 1]
    of_spikes = np.empty((end - begin) * N_PARAMETERS * ROWS, dtype=np.float32)
    work = np.empty(SIZE, dtype=np.float32)
    of_body = np.empty(ROWS, dtype=np.float32)  # the share of log p that comes from the body
    for j in range(N_PARAMETERS):
        at, own = _place(j, OUTPUT), (n_logits + j) * _APART
        for i in range(n):
            work[at + i] = logits[own + i]
    read_mixture(work, n)
    for s in range(begin, end):
        for i in range(n):
            work[Z + i] = plan.spike_scores[s]
        at_points(work, n)
        logit = plan.spike_codes[s] * _APART
        for i in range(n):
            logits[logit + i] += work[RATIO + i]
        for j in range(N_PARAMETERS):
            at, to = _place(j, BY_OUTPUT), ((s - begin) * N_PARAMETERS + j) * ROWS
            for i in range(n):
                of_spikes[to + i] = work[at + i]
    _read_scores(scores, row, number, plan.is_cell[number], work, n)
    if plan.is_cell[number]:
        over_cells(work, n)
    else:
        at_points(work, n)
    for i in range(n):
        z = scores[row + i, number, 0]
        if abs(z) > FARTHEST:
            far_out(work, i, z, 0.5 * scores[row + i, number, 1] if plan.is_cell[number] else 0.0)
    if n_logits == 0:
        for i in range(n):
            of_body[i] = _ONE
            log_prob[variable, row + i] = scores[row + i, number, 2] + work[RATIO + i]
    else:
        _find_log_sum(logits, n_logits, n, total, most)
        for i in range(n):
            code = codes[variable, row + i]
            log_p = float(logits[code * _APART + i] - total[i])
            body = scores[row + i, number, 2] + work[RATIO + i]
            of_body[i] = _ZERO
            if code == 0:
                log_p += body
                of_body[i] = _ONE
            elif plan.is_cell[number] and code != plan.missing[number]:
                # A spike on a grid is a point of that grid, which the body has a mass for as well.
                body += float(logits[i] - total[i])
                larger = max(log_p, body)
                log_p = larger + math.log(math.exp(log_p - larger) + math.exp(body - larger))
                of_body[i] = math.exp(body - log_p)
            log_prob[variable, row + i] = log_p
        _to_slopes(logits, n_logits, n, total)
        for i in range(n):
            logits[codes[variable, row + i] * _APART + i] += _ONE - of_body[i]
            logits[i] += of_body[i]
    for j in range(N_PARAMETERS):
        at, own = _place(j, BY_OUTPUT), (n_logits + j) * _APART
        for i in range(n):
            logits[own + i] = work[at + i] * of_body[i]
        for s in range(begin, end):
            logit, of = plan.spike_codes[s] * _APART, ((s - begin) * N_PARAMETERS + j) * ROWS
            for i in range(n):
                logits[own + i] += logits[logit + i] * of_spikes[of + i]


@_compiled
def _place(j: Any, group: Any) -> Any:
    """Return where output j of a mixture, or its slope, is in working memory."""
    return (j % N_COMPONENTS) * COMPONENT + group + (j // N_COMPONENTS) * ROWS


@_compiled
def _read_scores(scores: Any, row: Any, number: Any, is_cell: Any, work: Any, n: Any) -> None:
    for i in range(n):
        work[Z + i] = scores[row + i, number, 0]
    if is_cell:
        for i in range(n):
            width = scores[row + i, number, 1]
            work[HALF + i] = width * 0.5
            # The mean standard normal density over the cell is its mass over its width.
            work[FACTOR + i] = math.exp(math.log(width) - scores[row + i, number, 2])


@_compiled
def _find_log_sum(logits: Any, n_logits: Any, n: Any, total: Any, most: Any) -> None:
    """Find the logarithm of the sum of exp over logits."""
    for i in range(n):
        total[i], most[i] = _ZERO, logits[i]
    for j in range(1, n_logits):
        at = j * _APART
        for i in range(n):
            most[i] = max(most[i], logits[at + i])
    for j in range(n_logits):
        at = j * _APART
        for i in range(n):
            total[i] += exp(logits[at + i] - most[i])
    for i in range(n):
        total[i] = log(total[i]) + most[i]


@_compiled
def _to_slopes(logits: Any, n_logits: Any, n: Any, total: Any) -> None:
    """Turn logits into what the logarithm of their sum takes from their slopes."""
    for j in range(n_logits):
        at = j * _APART
        for i in range(n):
            logits[at + i] = -exp(logits[at + i] - total[i])
