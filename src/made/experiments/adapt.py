"""Which settings suit some data, as far as its size tells: a few candidates, of which validation chooses.

What data need shows in their size only in part: of two sets with two thousand rows of a hundred variables,
one is learned best by one ordering and large layers, the other by many orderings with half of all units
dropped. So there are candidates, and each is trained.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Candidate", "candidates"]

# So many steps of a fit, whatever the number of rows: fewer leave small data under-trained.
_STEPS, _STEPS_OF_MANY_ORDERINGS = 5_000, 10_000
_EPOCHS = (10, 1_500)
# Above so many rows, regularization matters less than time: one candidate.
_MANY_ROWS = 100_000
# Many orderings need so many more steps that they are tried for no more rows than this.
_FEW_ROWS = 6_000


@dataclass(frozen=True)
class Candidate:
    """Settings that are tried.

    Attributes
    ----------
    about : str
        What distinguishes it, for the user.
    model, training : mapping
        Arguments of `MADE` and of `made.fit`.
    """

    about: str
    model: Mapping[str, Any]
    training: Mapping[str, Any]


def candidates(n_rows: int) -> list[Candidate]:
    """Return what is tried for so many training rows, the most promising first.

    Examples
    --------
    >>> [candidate.about for candidate in candidates(2_000)]
    ['half of all units dropped', 'a tenth of all units dropped', 'many orderings']
    >>> [candidate.about for candidate in candidates(50_000)]
    ['a tenth of all units dropped', 'half of all units dropped']
    """
    light = Candidate("a tenth of all units dropped", {"dropout": 0.1}, _training(n_rows, _STEPS))
    heavy = Candidate("half of all units dropped", {"dropout": 0.5}, _training(n_rows, _STEPS))
    if n_rows > _MANY_ROWS:
        return [light]
    if n_rows > _FEW_ROWS:
        return [light, heavy]
    orderings = Candidate(
        "many orderings",
        {"dropout": 0.5, "orderings": "fresh", "fresh_masks": 16},
        _training(n_rows, _STEPS_OF_MANY_ORDERINGS),
    )
    return [heavy, light, orderings]


def _training(n_rows: int, steps: int) -> dict[str, Any]:
    batch_size = 100 if n_rows < 10_000 else 256
    fewest, most = _EPOCHS
    epochs = min(max(round(steps * batch_size / n_rows), fewest), most)
    # A schedule that goes down to zero gets better to its end: patience is for fits that over-fit.
    return {"epochs": epochs, "batch_size": batch_size, "patience": max(10, epochs // 5), "ema": 0.998}
