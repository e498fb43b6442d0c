"""What a model says of the rows of a table: numbers that two tables are compared by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from made.model import MADE
from made.queries.density import Floats
from made.queries.odd_entries import odd_entries
from made.queries.work import index
from made.runs.scores import score_model
from made.variables.numeric import Numeric
from made.variables.rows import Rows

__all__ = ["Features", "features_of"]

# Equal log-probabilities may differ in their last digits, which depend on the rows beside them.
_DECIMALS = 6


@dataclass(frozen=True, eq=False)
class Features:
    """What a model says of the rows of one table.

    Attributes
    ----------
    log_prob : (n,) float64 array
        Of the complete rows.
    given_before : (n, D) float64 array
        log p of each entry of these given those before it, the mean over masks.
    given_rest : (m, D) float64 array
        log p of each entry given all others, less the mean of that over its distribution, of the first m
        complete rows.
    numbers : sequence of D (k,) float64 arrays or None
        Of numeric columns the values of all rows; NaN where an entry is missing or unknown.
    labels : sequence of D (k,) int64 arrays
        Codes of all rows: of numeric columns whether there is a number (0), it is missing or unknown; -1 is
        unknown.
    """

    log_prob: Floats
    given_before: Floats
    given_rest: Floats
    numbers: Sequence[Floats | None]
    labels: Sequence[NDArray[np.int64]]


def features_of(model: MADE, rows: Rows, rest: int) -> Features:
    """Return what a model says of rows.

    Parameters
    ----------
    model : MADE
        Asked.
    rows : Rows
        Encoded.
    rest : int
        Of how many of the first complete rows every column is looked at given all others.
    """
    complete = replace(rows[index(np.flatnonzero(rows.mask.cpu().numpy().all(axis=1)))], known=None)
    numbers, labels = _values_of(model, rows)
    given_rest = np.zeros((0, model.n_variables))
    if rest:
        given_rest = -odd_entries(model, complete[:rest]).surprise
    return Features(
        score_model(model, complete).numpy().round(_DECIMALS),
        _given_before(model, complete).round(_DECIMALS),
        given_rest.round(_DECIMALS),
        numbers,
        labels,
    )


def _given_before(model: MADE, rows: Rows) -> Floats:
    """Return log p of each entry given those before it, (n, D): the mean over the masks."""
    counts = model.mask_counts()
    total = np.zeros((len(rows), model.n_variables))
    for k, count in counts.items():
        density = model.density(k)
        parts = [density.log_prob(part) for part in rows.batches(model.rows_per_pass)]
        total += np.concatenate([total[:0], *parts]) * (count / sum(counts.values()))
    return total


def _values_of(model: MADE, rows: Rows) -> tuple[Sequence[Floats | None], Sequence[NDArray[np.int64]]]:
    codes, known = rows.codes.cpu().numpy().astype(np.int64), rows.mask.cpu().numpy()
    numbers: list[Floats | None] = []
    labels = []
    for d, block in model.variables.columns():
        if not isinstance(block, Numeric):
            numbers.append(None)
            labels.append(np.where(known[:, d], codes[:, d], -1))
            continue
        assert rows.bodies is not None
        assert model.variables.numbers is not None
        bodies = rows.bodies[:, model.variables.numbers.number_of(d)].cpu().numpy()
        is_gap = codes[:, d] == (-2 if block.missing_code is None else block.missing_code)
        values = block.floats_of(block.bodies_of_codes(codes[:, d], bodies))
        numbers.append(np.where(known[:, d] & ~is_gap, values, np.nan))
        labels.append(np.where(known[:, d], is_gap, -1).astype(np.int64))
    return numbers, labels
