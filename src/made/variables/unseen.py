"""Unseen labels: those that no training row had. Those of one column are one event, of one probability."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from made.support.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from made.variables.row_type import RowType
    from made.variables.rows import Rows

__all__ = ["UNSEEN", "are_unseen", "check_unseen", "join_labels", "restored", "unseen_mass", "unseen_note"]


class _Unseen:
    """The type of `UNSEEN`, of which there is one value."""

    def __repr__(self) -> str:
        """Show its name."""
        return "UNSEEN"

    def __reduce__(self) -> str:
        """Copy and pickle as the one value."""
        return "UNSEEN"


#: Stands for a label that is no class, where the label itself is not known: in decoded codes, and in rows.
UNSEEN = _Unseen()


def unseen_mass(labels: Sequence[Any] | NDArray[Any]) -> float:
    """Return the probability that the next label is one that none of these is.

    The share of labels that occur once (Good 1953), at least 1 / (n + K + 1) for n labels of which K differ.
    Were each of them left out in turn, so often would it be one that none of the others is: it is the mass
    that training on rows left out would come to.

    Examples
    --------
    >>> unseen_mass(["a", "a", "b", "c"])
    0.5
    >>> unseen_mass(["a", "a", "b", "b"]) == 1 / 7
    True
    """
    n = len(labels)
    if n == 0:
        return 0.5
    _, counts = np.unique(np.asarray(labels, dtype=str), return_counts=True)
    least = 1 / (n + len(counts) + 1)
    return float(min(max((counts == 1).sum() / n, least), 1 - least))


def check_unseen(unseen: Any) -> float | None:
    """Return the probability of the event that a label is no class, checked; None where it is refused."""
    if unseen is None:
        return None
    if isinstance(unseen, bool) or not isinstance(unseen, int | float | np.number) or not 0 < unseen < 1:
        raise InputError(
            f"unseen is the probability of a label that is no class, between 0 and 1, or None; got {unseen!r}"
        )
    return float(unseen)


def are_unseen(variables: RowType, rows: Rows) -> NDArray[np.bool_]:
    """Return which known entries of encoded rows, (n, D), are labels that are no class."""
    known: NDArray[np.bool_] = rows.mask.cpu().numpy()
    if not variables.has_unseen:
        return np.zeros(known.shape, dtype=bool)
    found: NDArray[np.bool_] = known & (rows.codes.cpu().numpy() >= variables.n_values)
    return found


def unseen_note(variables: RowType, names: Sequence[str], rows: Rows) -> str:
    """Say which entries of encoded rows are labels that no training row had; nothing where none is.

    Examples
    --------
    >>> from made.variables.discrete import Categorical
    >>> from made.variables.encoding import encode
    >>> from made.variables.row_type import RowType
    >>> variables = RowType(Categorical(["Oslo", "Rome"], unseen=0.01))
    >>> unseen_note(variables, ["city"], encode(variables, [["Rome"], ["Bern"]]))
    "1 entry is a label that no training row had, scored as any such: row 1, column city, 'Bern'"
    """
    places = np.argwhere(are_unseen(variables, rows))
    if len(places) == 0:
        return ""
    row, column = places[0].tolist()
    label = "" if rows.labels is None else f", {rows.labels[row, column]!r}"
    what = "1 entry is a label" if len(places) == 1 else f"{len(places):,} entries are labels"
    first = "" if len(places) == 1 else "the first is "
    return (
        f"{what} that no training row had, scored as any such: {first}row {row}, "
        f"column {names[column]}{label}"
    )


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


def join_labels(parts: Sequence[tuple[NDArray[Any] | None, int]]) -> NDArray[Any] | None:
    """Return the labels of successive rows, each part with its number of rows; None where no part has any."""
    widths = [labels.shape[1] for labels, _ in parts if labels is not None]
    if not widths:
        return None
    filled = [np.full((n, widths[0]), None, object) if labels is None else labels for labels, n in parts]
    return np.concatenate(filled)
