"""What the compiled log-likelihood needs to know of the variables of a row."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from made.variables.code_table import Entries
from made.variables.discrete import Bernoulli
from made.variables.numeric import INSIDE
from made.variables.row_type import RowType

__all__ = ["Plan", "make_plan"]

Ints = NDArray[np.int64]

# Outputs that are gone through together: as many as lie on some lines of the cache for each row.
_TOGETHER = 64


class Plan(NamedTuple):
    """The variables of a row as arrays.

    Attributes
    ----------
    groups : (G + 1,) int array
        Where groups of neighbouring variables begin, which are gone through together, and D.
    first : (D + 1,) int array
        The first output of each variable, and their number.
    n_logits : (D,) int array
        How many of its outputs are logits of classes.
    has_zero : (D,) bool array
        Whether the one logit is that of class 1, and that of class 0 is 0.
    number : (D,) int array
        The number of a variable among the numeric ones; elsewhere -1.
    is_cell, missing : (B,) bool array, (B,) int array
        Whether a number is on a grid; the code of a missing entry, or -1.
    code_starts : (D,) int array
        Where the codes of each variable begin among those of all.
    outcomes, added, is_unseen : (C,) int array, (C,) float64 array, (C,) bool array
        Of all codes, see `made.variables.code_table.Entries`.
    spike_starts : (B + 1,) int array
        Where the spikes of each number begin that lie inside its body, nearer than `numeric.INSIDE` to 0.
    spike_codes, spike_scores : (S,) int array, (S,) float32 array
        Their codes and normal scores.
    """

    groups: Ints
    first: Ints
    n_logits: Ints
    has_zero: NDArray[np.bool_]
    number: Ints
    is_cell: NDArray[np.bool_]
    missing: Ints
    code_starts: Ints
    outcomes: Ints
    added: NDArray[np.float64]
    is_unseen: NDArray[np.bool_]
    spike_starts: Ints
    spike_codes: Ints
    spike_scores: NDArray[np.float32]


def make_plan(variables: RowType) -> Plan | None:
    """Return the plan of the variables; None where logits are averaged over neighbouring classes.

    Examples
    --------
    >>> plan = make_plan(RowType([Bernoulli(2)]))
    >>> plan.first.tolist(), plan.has_zero.tolist()
    ([0, 1, 2], [True, True])
    """
    if any(block.output_map is not None for block in variables.blocks):
        return None
    entries = variables.entries_of_codes()
    sizes = np.array([len(own.outcomes) for own in entries], dtype=np.int64)
    table = Entries.cat(entries)
    numbers = variables.numbers
    places = np.zeros(0, dtype=np.int64) if numbers is None else numbers.places
    columns = () if numbers is None else numbers.columns
    number = np.full(variables.n_variables, -1, dtype=np.int64)
    number[places] = np.arange(len(places))
    n_logits = variables.output_sizes.astype(np.int64)
    n_logits[places] = [own.n_class_outputs for own in columns]
    scores = [] if numbers is None else numbers.spike_scores
    inside = [np.flatnonzero(np.abs(own) < INSIDE) for own in scores]
    missing = [-1 if own.missing_code is None else own.missing_code for own in columns]
    return Plan(
        groups=_groups(variables.output_sizes),
        first=np.concatenate([[0], variables.output_sizes.cumsum()]).astype(np.int64),
        n_logits=n_logits,
        has_zero=np.array([isinstance(block, Bernoulli) for _, block in variables.columns()]),
        number=number,
        is_cell=np.array([own.step is not None for own in columns], dtype=bool),
        missing=np.array(missing, dtype=np.int64),
        code_starts=sizes.cumsum() - sizes,
        outcomes=table.outcomes.numpy(),
        added=table.added.numpy(),
        is_unseen=table.is_unseen.numpy(),
        spike_starts=np.cumsum([0, *map(len, inside)]).astype(np.int64),
        spike_codes=np.concatenate([np.zeros(0, dtype=np.int64), *(own + 1 for own in inside)]),
        spike_scores=np.concatenate(
            [np.zeros(0), *(own[some] for own, some in zip(scores, inside, strict=True))]
        ).astype(np.float32),
    )


def _groups(sizes: Ints) -> Ints:
    """Return where groups of neighbours with `_TOGETHER` outputs or more begin, and how many there are."""
    starts, n_outputs = [0], 0
    for variable, size in enumerate(sizes.tolist(), start=1):
        n_outputs += size
        if n_outputs >= _TOGETHER and variable < len(sizes):
            starts.append(variable)
            n_outputs = 0
    return np.array([*starts, len(sizes)], dtype=np.int64)
