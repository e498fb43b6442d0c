"""Which entries of rows are labels that no training row had, in words, and as they were given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from made.variables.rows import Rows

if TYPE_CHECKING:
    from made.variables.row_type import RowType

__all__ = ["are_unseen", "first_unseen", "restored", "unseen_note", "unseen_words"]


def are_unseen(variables: RowType, rows: Rows) -> NDArray[np.bool_]:
    """Return which known entries of encoded rows, (n, D), are labels that are no class."""
    known: NDArray[np.bool_] = rows.mask.cpu().numpy()
    if not variables.has_unseen:
        return np.zeros(known.shape, dtype=bool)
    found: NDArray[np.bool_] = known & (rows.codes.cpu().numpy() >= variables.n_values)
    return found


def unseen_note(
    variables: RowType, names: Sequence[str], rows: Rows, place: Callable[[int], str] = "row {}".format
) -> str:
    """Say which entries of encoded rows are labels that no training row had; nothing where none is.

    Parameters
    ----------
    variables : RowType
        What the columns are.
    names : sequence of D str
        Of the columns.
    rows : Rows
        Encoded.
    place : callable, optional
        Says where a row stands; by default its number, counted from 0.

    Examples
    --------
    >>> from made.variables.discrete import Categorical
    >>> from made.variables.encoding import encode
    >>> from made.variables.row_type import RowType
    >>> variables = RowType(Categorical(["Oslo", "Rome"], unseen=0.01))
    >>> unseen_note(variables, ["city"], encode(variables, [["Rome"], ["Bern"]]))
    "1 entry is a label that no training row had, scored as any such: row 1, column city, 'Bern'"
    """
    return unseen_words(*first_unseen(variables, names, rows, place))


def first_unseen(
    variables: RowType, names: Sequence[str], rows: Rows, place: Callable[[int], str] = "row {}".format
) -> tuple[int, str]:
    """Return how many entries are labels that no training row had, and where the first is, in words."""
    places = np.argwhere(are_unseen(variables, rows))
    if len(places) == 0:
        return 0, ""
    row, column = places[0].tolist()
    label = "" if rows.labels is None else f", {rows.labels[row, column]!r}"
    return len(places), f"{place(row)}, column {names[column]}{label}"


def unseen_words(n: int, first: str) -> str:
    """Say what `first_unseen` found; nothing of none."""
    if n == 0:
        return ""
    what = "1 entry is a label" if n == 1 else f"{n:,} entries are labels"
    return f"{what} that no training row had, scored as any such: {'' if n == 1 else 'the first is '}{first}"


def restored(
    variables: RowType, values: NDArray[Any], codes: NDArray[Any], labels: NDArray[Any] | None
) -> NDArray[Any]:
    """Return decoded values (n * k, D) with labels that are no class as they were given.

    Parameters
    ----------
    variables : RowType
        What the columns are.
    values, codes : (n * k, D) array
        Values that were decoded from codes, k rows in succession for each that was given.
    labels : (n, D) object array, optional
        See `Rows`; without it, nothing is changed.
    """
    if labels is None or len(labels) == 0:
        return values
    places = codes >= variables.n_values
    given = np.repeat(labels, len(values) // len(labels), axis=0)
    values = values.astype(object)
    values[places] = given[places]
    return values
