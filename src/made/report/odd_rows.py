"""The most and the least likely of some rows, which of their entries are odd, and what was expected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from made.model import MADE
from made.queries.odd_entries import ODD, OddEntry, odd_entries, shown
from made.runs.held_out import percentiles
from made.variables.rows import Rows

__all__ = ["OddRow", "odd_rows"]

Floats = NDArray[np.float64]

# The most entries of a row that are named.
_NAMED = 3


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
        How many in 100 of the rows are less likely.
    values : list of str
        All its entries.
    odd : mapping of str to OddEntry
        By the name of the column; see `made.odd_entries`.
    """

    number: int
    log_prob: float
    percentile: float
    values: list[str]
    odd: Mapping[str, OddEntry]


def odd_rows(model: MADE, rows: Rows, log_prob: Floats, chosen: list[int]) -> list[OddRow]:
    """Look at some rows closely.

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
    some = rows[torch.tensor(chosen, dtype=torch.int64)]
    found = odd_entries(model, some)
    values = model.schema.decode_parts(some)
    among = percentiles(log_prob[chosen], np.sort(log_prob))
    return [
        OddRow(
            number,
            float(log_prob[number]),
            float(among[place]),
            [shown(value) for value in values[place].tolist()],
            {found.names[d]: own for d, own in list(odd.items())[:_NAMED] if found.surprise[place, d] >= ODD},
        )
        for place, (number, odd) in enumerate(zip(chosen, found.odd, strict=True))
    ]
