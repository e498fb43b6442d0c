"""The most probable completions of incomplete rows: of each variable alone, and of all together."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from made.masks.ordering import IntArray
from made.queries.density import BoolArray
from made.queries.inference import Evidence, Inference, all_states, refuse_impossible
from made.support.errors import InputError
from made.variables.rows import Rows

__all__ = ["joint_modes", "variable_modes"]

# The search for the most probable completion: number of sampled completions to start from, and of steps.
_STARTS, _STEPS = 200, 100


def variable_modes(
    inference: Inference, rows: Rows, evidence: Evidence, numbers: IntArray
) -> tuple[IntArray, BoolArray]:
    """Give every unknown variable the value that is most probable for it alone, whatever the others are.

    Exact where all completions can be enumerated; else the most frequent value among sampled completions.

    Parameters
    ----------
    inference : Inference
        Of the model that is asked.
    rows : Rows
        Incomplete rows, with their context.
    evidence : Evidence
        Of these rows.
    numbers : (n,) int array
        Which stream of random numbers each row has.

    Returns
    -------
    codes : (n, D) int64 array
    exact : (n,) bool array
    """
    refuse_impossible(evidence, numbers)
    out, unknown = _codes(rows), ~rows.mask.cpu().numpy()
    exact = np.zeros(len(rows), dtype=bool)
    for i in range(len(rows)):
        row = rows[i : i + 1]
        states = _all_completions(inference, out[i], unknown[i], numbers[i])
        if states is not None:
            exact[i] = True
            scores = inference.log_prob(_complete(states, row.context))
            weights = np.exp(scores - scores.max())
        else:
            own = numbers[i : i + 1]
            states = inference.complete(row, evidence.of(i), own, inference.particles)[0]
            weights = np.ones(len(states))
        for d in np.flatnonzero(unknown[i]):
            counts = np.bincount(states[:, d], weights, minlength=int(inference.variables.n_values[d]))
            out[i, d] = counts.argmax()
    return out, exact


def joint_modes(
    inference: Inference, rows: Rows, evidence: Evidence, numbers: IntArray
) -> tuple[IntArray, BoolArray]:
    """Find the completion of each row that is most probable as a whole.

    Exact where all completions can be enumerated. Else it is the best one found: the best of some sampled
    completions, of the completion with the median at every step, and of each variable's mode; then changed
    one variable at a time for as long as that makes it more probable.

    Parameters and what is returned are those of `variable_modes`.
    """
    refuse_impossible(evidence, numbers)
    out, unknown = _codes(rows), ~rows.mask.cpu().numpy()
    exact = np.zeros(len(rows), dtype=bool)
    for i in range(len(rows)):
        row = rows[i : i + 1]
        states = _all_completions(inference, out[i], unknown[i], numbers[i])
        exact[i] = states is not None
        if states is None:
            one, own = evidence.of(i), numbers[i : i + 1]
            separate, _ = variable_modes(inference, row, one, own)
            sampled = inference.complete(row, one, own, min(inference.particles, _STARTS))[0]
            states = np.concatenate([separate, _medians(inference, row), sampled])
        scores = inference.log_prob(_complete(states, row.context))
        best = states[scores.argmax()]
        out[i] = best if exact[i] else _climb(inference, best, float(scores.max()), unknown[i], row.context)
    return out, exact


def _all_completions(
    inference: Inference, codes: IntArray, unknown: BoolArray, number: int
) -> IntArray | None:
    """Return every completion of a row, or None where there are too many and a search is allowed."""
    sizes = inference.variables.n_values[unknown]
    if np.log(sizes).sum() > np.log(inference.max_states) + 1e-9:
        if inference.exact:
            raise InputError(
                f"row {number} has no exact answer: {len(sizes)} unknown variables have more than "
                f"{inference.max_states:,} states; raise max_states, or search (method='auto')"
            )
        return None
    states = np.repeat(codes[None], int(np.prod(sizes)), axis=0)
    states[:, unknown] = all_states(sizes)
    return states


def _medians(inference: Inference, row: Rows) -> IntArray:
    """Complete a row with the median at every step, which for a binary variable is the likelier value."""
    half = np.full(row.codes.shape, 0.5)
    return np.concatenate([inference.density(k).sample(half, row) for k in inference.masks])


def _climb(
    inference: Inference, codes: IntArray, score: float, unknown: BoolArray, context: Tensor | None
) -> IntArray:
    """Change one variable at a time, the one with the greatest gain, until no change gains."""
    places = [
        (d, value) for d in np.flatnonzero(unknown) for value in range(int(inference.variables.n_values[d]))
    ]
    which, values = np.array([d for d, _ in places]), np.array([value for _, value in places])
    for _ in range(_STEPS):
        changed = np.flatnonzero(codes[which] != values)
        neighbours = np.repeat(codes[None], len(changed), axis=0)
        neighbours[np.arange(len(changed)), which[changed]] = values[changed]
        scores = inference.log_prob(_complete(neighbours, context))
        if len(scores) == 0 or scores.max() <= score:
            break
        codes, score = neighbours[scores.argmax()], float(scores.max())
    return codes


def _codes(rows: Rows) -> IntArray:
    return np.array(rows.codes.cpu().numpy(), dtype=np.int64)


def _complete(codes: IntArray, context: Tensor | None) -> Rows:
    """Return complete rows, (n, D), that share one row of context."""
    return Rows(torch.from_numpy(codes), None, None if context is None else context.expand(len(codes), -1))
