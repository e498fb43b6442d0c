"""What a model of a table knows, in a few lines: its oddest row, a row with gaps filled in, new rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from made.data import Dataset
from made.model import MADE
from made.queries.numeric_conditional import NumericConditional
from made.queries.odd_entries import shown
from made.report.odd_rows import OddRow, odd_rows

__all__ = ["Filled", "draw_rows", "fill_in", "oddest_row"]

_LEVEL = 0.8
# The least likely rows that are looked at for one with an odd entry.
_LOOKED_AT = 2
# Enough for an interval of two digits.
_PARTICLES = 200


@dataclass(frozen=True)
class Filled:
    """An entry that was taken away, and what the model says of it given the entries that were left.

    Attributes
    ----------
    name : str
        Of its column.
    truth : str
        What it was.
    expected : str
        The middle 80 % of its distribution, or its most probable value.
    drawn : list of str
        Values from completions of the row.
    """

    name: str
    truth: str
    expected: str
    drawn: list[str]


def oddest_row(model: MADE, dataset: Dataset) -> OddRow:
    """Return the least likely of the test rows that has an odd entry, or else the least likely one."""
    rows = model.rows(dataset.test, dataset.context_of("test"))
    log_prob: NDArray[np.float64] = model.log_prob(rows).cpu().numpy()
    least_likely = np.argsort(log_prob, kind="stable")[:_LOOKED_AT].tolist()
    found = odd_rows(model, rows, log_prob, least_likely)
    return next((row for row in found if row.odd), found[0])


def fill_in(
    model: MADE, row: NDArray[Any], names: Sequence[str], *, number: int = 5, seed: int = 0
) -> list[Filled]:
    """Take entries of a row away, and say what the model makes of them.

    Parameters
    ----------
    model : MADE
        Of the columns of the row.
    row : (D,) array
        Values.
    names : sequence of str
        The columns to take away.
    number : int
        How many completions.
    seed : int
        Of the completions.
    """
    columns = [column.name for column in model.schema.modelled]
    given = {name: value for name, value in zip(columns, row.tolist(), strict=True) if name not in names}
    unknown = np.array([name in names for name in columns])
    filled = model.complete(
        row[None, :], number=number, unknown=unknown, seed=seed, particles=_PARTICLES
    ).values
    assert filled is not None  # it is a completion
    found = []
    for name in names:
        place = columns.index(name)
        answer = model.conditional(name, given, seed=seed, particles=_PARTICLES)
        if isinstance(answer, NumericConditional):
            low, high = answer.interval(_LEVEL)
            expected = f"{low:.4g} to {high:.4g}"
        else:
            best = int(np.argmax(answer.probabilities))
            expected = f"{shown(answer.values[best])} ({answer.probabilities[best]:.0%})"
        drawn = [shown(value) for value in filled[0, :, place].tolist()]
        found.append(Filled(name, shown(row[place]), expected, drawn))
    return found


def draw_rows(model: MADE, n: int, seed: int = 0) -> list[list[str]]:
    """Return new rows, as people write them."""
    sampled = model.sample(n, seed)
    values = sampled if isinstance(sampled, np.ndarray) else sampled.cpu().numpy()
    return [[shown(value) for value in row] for row in values.tolist()]
