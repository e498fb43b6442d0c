"""The most probable completions of incomplete rows: of each variable alone, and of all together."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch

from made.masks.ordering import IntArray
from made.queries.density import BoolArray, Floats, States
from made.queries.evidence import Evidence, refuse_impossible
from made.queries.inference import Inference
from made.queries.value_sets import ValueSet, value_sets
from made.queries.work import set_states
from made.support.errors import InputError
from made.variables.base import Variable
from made.variables.many_classes import ManyClasses
from made.variables.numeric import Numeric
from made.variables.rows import Rows

__all__ = ["joint_modes", "likeliest", "variable_modes"]

# The search for the most probable completion: number of sampled completions to start from, and of steps.
_STARTS, _STEPS = 200, 100


def variable_modes(
    inference: Inference, rows: Rows, evidence: Evidence, numbers: IntArray
) -> tuple[States, BoolArray]:
    """Give every unknown variable the value that is most probable for it alone, whatever the others are.

    Exact where all completions can be enumerated; else the most frequent value among sampled completions and,
    of a numeric variable, their median.

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
    states : States
    exact : (n,) bool array
    """
    refuse_impossible(evidence, numbers)
    out, unknown = States.of(rows), ~rows.mask.cpu().numpy()
    exact, sets = np.zeros(len(rows), dtype=bool), value_sets(inference.variables, rows.regions)
    for i in range(len(rows)):
        row = rows[i : i + 1]
        states = _all_completions(inference, out, i, unknown[i], numbers[i], sets)
        if states is not None:
            exact[i] = True
            scores = inference.log_prob(_complete(states, row))
            weights = np.exp(scores - scores.max())
        else:
            own = numbers[i : i + 1]
            states = inference.complete(row, evidence.of(i), own, inference.particles)
            weights = np.ones(len(states))
        for d in np.flatnonzero(unknown[i]).tolist():
            place = sets[d].place
            bodies = np.zeros(0, dtype=np.int64) if place is None else states.bodies[:, place]
            code, body = likeliest(inference.variables.block_of(d), states.codes[:, d], bodies, weights)
            out.codes[i, d] = code
            if place is not None:
                out.bodies[i, place] = body
    return out, exact


def joint_modes(
    inference: Inference, rows: Rows, evidence: Evidence, numbers: IntArray
) -> tuple[States, BoolArray]:
    """Find the completion of each row that is most probable as a whole.

    Exact where all completions can be enumerated. Else it is the best one found: the best of some sampled
    completions, of the completion with the median at every step, and of each variable's mode; then changed
    one variable at a time for as long as that makes it more probable.

    Parameters and what is returned are those of `variable_modes`.
    """
    refuse_impossible(evidence, numbers)
    out, unknown = States.of(rows), ~rows.mask.cpu().numpy()
    exact, sets = np.zeros(len(rows), dtype=bool), value_sets(inference.variables, rows.regions)
    for i in range(len(rows)):
        row = rows[i : i + 1]
        states = _all_completions(inference, out, i, unknown[i], numbers[i], sets)
        exact[i] = states is not None
        if states is None:
            one, own = evidence.of(i), numbers[i : i + 1]
            separate, _ = variable_modes(inference, row, one, own)
            sampled = inference.complete(row, one, own, min(inference.particles, _STARTS))
            states = States.cat([separate, *_medians(inference, row), sampled])
        scores = inference.log_prob(_complete(states, row))
        best = int(scores.argmax())
        some = states[best : best + 1]
        out[i : i + 1] = (
            some if exact[i] else _climb(inference, some, float(scores.max()), unknown[i], row, sets)
        )
    return out, exact


def _all_completions(
    inference: Inference,
    rows: States,
    row: int,
    unknown: BoolArray,
    number: int,
    sets: Sequence[ValueSet],
) -> States | None:
    """Return every completion of a row, or None where there are too many and a search is allowed."""
    own = [sets[int(d)] for d in np.flatnonzero(unknown)]
    n_states = math.prod(len(values) for values in own)
    if any(values.has_nodes for values in own) or n_states > inference.max_states:
        if inference.exact:
            raise InputError(
                f"row {number} has no exact answer: {len(own)} unknown variables have more than "
                f"{inference.max_states:,} states; raise max_states, or search (method='auto')"
            )
        return None
    states = rows[np.full(n_states, row)]
    set_states(states, slice(None), np.flatnonzero(unknown), sets)
    return states


def likeliest(block: Variable, codes: IntArray, bodies: IntArray, weights: Floats) -> tuple[int, int]:
    """Return the most probable code of weighted values (S,), and its body: the median one of a number."""
    code = int(np.bincount(codes, weights, minlength=block.n_values).argmax())
    if not isinstance(block, Numeric):
        return code, 0
    middle, is_body = np.zeros(1), codes == 0
    if code == 0 and is_body.any():
        values = block.floats_of(np.ascontiguousarray(bodies[is_body]))
        order = np.argsort(values)
        cumulated = np.cumsum(weights[is_body][order])
        middle = values[order][[np.searchsorted(cumulated, cumulated[-1] / 2)]]
    return code, int(block.bodies_of_codes(np.array([code]), block.bodies_near(middle))[0])


def _medians(inference: Inference, row: Rows) -> list[States]:
    """Complete a row with the median at every step, which for a binary variable is the likelier value."""
    half = np.full(row.codes.shape, 0.5)
    return [inference.density(k).sample(half, row) for k in inference.masks]


def _climb(
    inference: Inference,
    start: States,
    score: float,
    unknown: BoolArray,
    row: Rows,
    sets: Sequence[ValueSet],
) -> States:
    """Change one discrete variable at a time, the one with the greatest gain, until no change gains."""
    discrete = [d for d in np.flatnonzero(unknown).tolist() if sets[d].place is None]
    places = [(d, code) for d in discrete for code in _codes_to_try(inference, d, sets[d])]
    if not places:
        return start
    which, values = np.array([d for d, _ in places]), np.array([value for _, value in places])
    for _ in range(_STEPS):
        changed = np.flatnonzero(start.codes[0, which] != values)
        neighbours = start[np.zeros(len(changed), dtype=np.int64)]
        neighbours.codes[np.arange(len(changed)), which[changed]] = values[changed]
        scores = inference.log_prob(_complete(neighbours, row))
        if len(scores) == 0 or scores.max() <= score:
            break
        best = int(scores.argmax())
        start, score = neighbours[best : best + 1], float(scores.max())
    return start


def _codes_to_try(inference: Inference, d: int, own: ValueSet) -> IntArray:
    """Return the codes that a variable may take; of very many classes the likeliest of each outcome."""
    block = inference.variables.block_of(d)
    if isinstance(block, ManyClasses):
        return np.intersect1d(own.codes, block.likeliest[0].numpy())
    return own.codes


def _complete(states: States, row: Rows) -> Rows:
    """Return complete rows that share the context of one."""
    return states.rows(row[torch.zeros(len(states), dtype=torch.int64)])
