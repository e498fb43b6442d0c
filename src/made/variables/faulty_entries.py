"""Which entries of rows are no values of their variables: all of them, where `encode` names the first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from made.support.errors import EntryError
from made.variables.encoding import encode
from made.variables.missing import marks_of
from made.variables.numeric import Numeric

if TYPE_CHECKING:
    from made.variables.row_type import RowType

__all__ = ["FaultyEntry", "faulty_entries"]


class FaultyEntry(NamedTuple):
    """An entry that is no value of its variable.

    Attributes
    ----------
    row, column : int
        Counted from 0.
    value : object
        What stands there.
    complaint : str
        What is wrong with it, to stand after its place.
    """

    row: int
    column: int
    value: Any
    complaint: str


def faulty_entries(
    variables: RowType, values: NDArray[Any], unknown: NDArray[np.bool_] | None = None
) -> list[FaultyEntry]:
    """Return the known entries of (n, D) values that `encode` would refuse, row by row.

    Parameters
    ----------
    variables : RowType
        What the columns are.
    values : (n, D) array
        Of all of them.
    unknown : (D,) bool array, optional
        Variables that are passed over.

    Examples
    --------
    >>> from made.variables.discrete import Bernoulli
    >>> from made.variables.row_type import RowType
    >>> found = faulty_entries(RowType(Bernoulli(2)), np.array([[0, 1], [2, None]], dtype=object))
    >>> [(entry.row, entry.column, entry.complaint) for entry in found]
    [(1, 0, 'holds 2: a bernoulli variable takes 0 or 1')]
    """
    found = []
    marks = marks_of(values)
    for column, block in variables.columns():
        if unknown is not None and unknown[column]:
            continue
        known = np.arange(len(values)) if marks is None else np.flatnonzero(~marks[:, column])
        own = values[known, column]
        if isinstance(block, Numeric):
            suspects = np.flatnonzero(block.encode(own).wrong).tolist()
        else:
            suspects = list(range(len(own)))
        complaints: dict[Any, str] = {}
        for place, value in zip(suspects, own[suspects].tolist(), strict=True):
            if value not in complaints:
                complaints[value] = _complaint(variables, column, own[place : place + 1], values.shape[1])
            if complaints[value]:
                found.append(FaultyEntry(int(known[place]), column, value, complaints[value]))
    return sorted(found, key=lambda entry: entry[:2])


def _complaint(variables: RowType, column: int, value: NDArray[Any], width: int) -> str:
    """Return what `encode` says about one value, nothing where it is right."""
    row = np.empty((1, width), dtype=value.dtype if value.dtype.kind in "iuf" else object)
    row[:] = value[0]
    unknown = np.ones(width, dtype=bool)
    unknown[column] = False
    try:
        encode(variables, row, unknown)
    except EntryError as error:
        return error.complaint
    return ""
