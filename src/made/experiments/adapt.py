"""Which settings suit some data, as far as its size tells: a few candidates, the best guess first.

What data need shows in their size only in part: of two sets with two thousand rows of a hundred variables,
one is learned best with a tenth of all units dropped, the other with half of them and three in ten inputs. So
each gets a short fit, and validation chooses (`choose`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Candidate", "candidates"]

# So many steps of a fit, whatever the number of rows: fewer leave small data under-trained. The more is
# dropped, the longer learning takes.
_STEPS, _STEPS_WITH_INPUTS_DROPPED = 7_000, 15_000
_EPOCHS = (10, 1_500)
# Above so many rows, regularization matters less than time: one candidate. Up to fewer, dropping inputs is
# worth a try.
_MANY_ROWS, _FEW_ROWS = 20_000, 10_000


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
    """Return what is tried for so many training rows, the best guess first.

    Examples
    --------
    >>> for candidate in candidates(2_000):
    ...     print(candidate.about)
    half of all units dropped
    half of all units and three in ten inputs dropped
    a tenth of all units dropped
    """
    training = _training(n_rows, _STEPS)
    light = Candidate("a tenth of all units dropped", {"dropout": 0.1}, training)
    heavy = Candidate("half of all units dropped", {"dropout": 0.5}, training)
    heaviest = Candidate(
        "half of all units and three in ten inputs dropped",
        {"dropout": 0.5, "input_dropout": 0.3},
        _training(n_rows, _STEPS_WITH_INPUTS_DROPPED),
    )
    if n_rows > _MANY_ROWS:
        return [light]
    return [heavy, heaviest, light] if n_rows <= _FEW_ROWS else [heavy, light]


def _training(n_rows: int, steps: int) -> dict[str, Any]:
    batch_size = 100 if n_rows < 10_000 else 256
    fewest, most = _EPOCHS
    epochs = min(max(round(steps * batch_size / n_rows), fewest), most)
    # A schedule that goes down to zero gets better to its end: patience is for fits that over-fit.
    return {"epochs": epochs, "batch_size": batch_size, "patience": max(10, epochs // 5), "ema": 0.998}
