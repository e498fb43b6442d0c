"""The most and the least likely of some rows, which of their entries are odd, and what was expected."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from made.mixture import Mixture
from made.model import MADE
from made.queries.numeric_conditional import NumericConditional
from made.variables.rows import Rows

__all__ = ["OddEntry", "OddRow", "odd_entries", "shown"]

Floats = NDArray[np.float64]

# Entries of a row that are looked at closely, and by how many nats an odd one is less likely than most of its
# column.
_LOOKED_AT, _ODD = 3, 2.0
_LEVEL = 0.8
_MISSING = "missing"


@dataclass(frozen=True)
class OddEntry:
    """One entry of a row.

    Attributes
    ----------
    column : int
        Its variable.
    value : str
        What it is.
    expected : str
        What was likely given all other entries.
    """

    column: int
    value: str
    expected: str


@dataclass(frozen=True)
class OddRow:
    """One row.

    Attributes
    ----------
    number : int
        Which of the rows.
    log_prob : float
        In nats.
    percentile : float
        Share of the rows that are less likely.
    values : list of str
        All its entries.
    odd : list of OddEntry
    """

    number: int
    log_prob: float
    percentile: float
    values: list[str]
    odd: list[OddEntry]


def odd_entries(model: MADE, rows: Rows, log_prob: Floats, chosen: list[int]) -> list[OddRow]:
    """Look at some rows closely.

    Which entries are odd follows from log p(x_d | the columns before it), beside that of the column in all
    rows; what was expected, from the conditional given all other entries.

    Parameters
    ----------
    model : MADE
        Asked.
    rows : Rows
        n, complete.
    log_prob : (n,) array
        Of the rows.
    chosen : list of int
        Numbers of those to look at.
    """
    member = model.members[0] if isinstance(model, Mixture) else model
    each = member.log_prob(rows, per_variable=True, mask=0).cpu().numpy()
    beside = each - np.median(each, axis=0)
    values = model.schema.decode_parts(rows[torch.tensor(chosen)])
    found = []
    for place, number in enumerate(chosen):
        worst = np.argsort(beside[number], kind="stable")[:_LOOKED_AT]
        own, entries = values[place].tolist(), []
        for d in (int(d) for d in worst if beside[number, d] < -_ODD):
            expected = _expected(model, rows[number : number + 1], d, own[d])
            entries += [] if expected is None else [OddEntry(d, shown(own[d]), expected)]
        less = float((log_prob < log_prob[number]).mean())
        found.append(OddRow(number, float(log_prob[number]), less, [shown(v) for v in own], entries))
    return found


def shown(value: Any) -> str:
    """Return a value as people write it.

    Examples
    --------
    >>> shown(12.3400001), shown(None), shown(7.0), shown("red")
    ('12.34', 'missing', '7', 'red')
    """
    if value is None or value != value:
        return _MISSING
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _expected(model: MADE, row: Rows, variable: int, value: Any) -> str | None:
    """Return what was expected given all other entries; None where the value is just that."""
    known = row.mask.clone()
    known[:, variable] = False
    context = None if row.context is None else row.context.cpu().numpy()
    found = model.conditional(variable, replace(row, known=known, scores=None), context=context)
    if isinstance(found, NumericConditional):
        if found.p_missing > 1 / 2:
            return None if shown(value) == _MISSING else f"{_MISSING} ({found.p_missing:.0%})"
        low, high = found.interval(_LEVEL)
        is_inside = shown(value) != _MISSING and low <= value <= high
        return None if is_inside else f"{low:.4g} to {high:.4g} ({_LEVEL:.0%})"
    best = int(np.argmax(found.probabilities))
    expected = found.values[best]
    return None if expected == value else f"{shown(expected)} ({found.probabilities[best]:.0%})"
