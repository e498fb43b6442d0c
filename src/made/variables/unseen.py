"""Unseen labels: those that no training row had. Those of one column are one event, of one probability."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from made.support.errors import InputError

__all__ = ["UNSEEN", "check_unseen", "join_labels", "unseen_mass"]


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


def join_labels(parts: Sequence[tuple[NDArray[Any] | None, int]]) -> NDArray[Any] | None:
    """Return the labels of successive rows, each part with its number of rows; None where no part has any."""
    widths = [labels.shape[1] for labels, _ in parts if labels is not None]
    if not widths:
        return None
    filled = [np.full((n, widths[0]), None, object) if labels is None else labels for labels, n in parts]
    return np.concatenate(filled)
