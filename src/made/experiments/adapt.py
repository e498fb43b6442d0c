"""Which settings suit some data, as far as its size tells: a few candidates, the best guess first.

What data need shows in their size only in part: of two sets with two thousand rows of a hundred variables,
one is learned best with a tenth of all units dropped, the other with half of them and three in ten inputs. So
each gets a short fit, and validation chooses (`choose`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

__all__ = ["Candidate", "candidates", "for_few_rows", "when_set_by_hand"]

# So many steps of a fit, whatever the number of rows: fewer leave small data under-trained. The more is
# dropped, the longer learning takes.
_STEPS, _STEPS_WITH_INPUTS_DROPPED = 7_000, 15_000
_EPOCHS = (10, 1_500)
# Up to so many rows regularization matters most, and rows are cheap; above so many, time does.
_FEW_ROWS, _MANY_ROWS = 10_000, 100_000
# Up to so many rows a mixture of orderings, whose masks regularize each other, can be the best.
_ROWS_FOR_ORDERINGS = 20_000
# With fewer rows than this, most of what could be learned is chance: the decay that is worth a try is strong,
# and so is the one that is taken unseen, where no row can be spared to tell when to stop.
_VERY_FEW_ROWS = 500
_EPOCHS_UNWATCHED = 400


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
    """Return what is tried for so many training rows.

    Examples
    --------
    >>> for candidate in candidates(300_000):
    ...     print(candidate.about)
    a tenth of all units dropped
    a tenth of all units dropped, weight decay 1
    """
    light = {"dropout": 0.1}
    tried = [Candidate("a tenth of all units dropped", light, _training(n_rows))]
    if n_rows > _FEW_ROWS:
        about = "a tenth of all units dropped, weight decay 1"
        tried.append(Candidate(about, light, _training(n_rows, decay=1.0)))
    if n_rows > _MANY_ROWS:
        return tried
    half = {"dropout": 0.5}
    if n_rows <= _ROWS_FOR_ORDERINGS:
        tried.append(
            Candidate(
                "4 orderings, a tenth of all units dropped", light | {"orderings": 4}, _training(n_rows)
            )
        )
    if n_rows > _FEW_ROWS:
        return [
            *tried,
            _decayed(n_rows, 1.0),
            Candidate(
                "a fifth of all units dropped, layers of 1,024",
                {"dropout": 0.2, "hidden": (1024, 1024)},
                _training(n_rows),
            ),
        ]
    if n_rows < _VERY_FEW_ROWS:
        tried.append(_decayed(n_rows, 10.0))
    return [
        *tried,
        Candidate("4 orderings, half of all units dropped", half | {"orderings": 4}, _training(n_rows)),
        Candidate(
            "4 orderings, half of all units and three in ten inputs dropped",
            half | {"orderings": 4, "input_dropout": 0.3},
            _training(n_rows, _STEPS_WITH_INPUTS_DROPPED),
        ),
        _decayed(n_rows, 1.0),
        _decayed(n_rows, 3.0),
    ]


def when_set_by_hand(n_rows: int) -> Candidate:
    """Return what is taken without trying, where the user has set something: one mask, quickly trained."""
    share, words = (0.1, "a tenth") if n_rows > _MANY_ROWS // 5 else (0.5, "half")
    return Candidate(f"{words} of all units dropped", {"dropout": share}, _training(n_rows))


def for_few_rows(n_rows: int) -> Candidate:
    """Return what is taken without trying, where no row can be spared for validation."""
    own = _decayed(n_rows, 20.0)
    return replace(own, training={**own.training, "epochs": _EPOCHS_UNWATCHED})


def _decayed(n_rows: int, decay: float) -> Candidate:
    about = f"half of all units dropped, weight decay {decay:g}"
    return Candidate(about, {"dropout": 0.5}, _training(n_rows, decay=decay))


def _training(n_rows: int, steps: int = _STEPS, decay: float | None = None) -> dict[str, Any]:
    batch_size = 100 if n_rows < _FEW_ROWS else 256
    fewest, most = _EPOCHS
    epochs = min(max(round(steps * batch_size / n_rows), fewest), most)
    return {
        "epochs": epochs,
        "batch_size": batch_size,
        # A schedule that goes down to zero gets better to its end: patience is for fits that over-fit.
        "patience": max(10, epochs // 5),
        "ema": 0.998,
        # Where none is asked for, it follows from the optimizer.
        **({} if decay is None else {"weight_decay": decay}),
    }
