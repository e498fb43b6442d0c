"""Which candidate suits some data: each gets a short fit, and validation chooses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from made.experiments.adapt import Candidate
from made.model import MADE
from made.training import TrainingDivergedError, fit

__all__ = ["choose"]

# A short fit has this share of the epochs, with the whole of their schedule.
_SHARE = 1 / 6
_FEWEST_EPOCHS = 3


def choose(
    tried: Sequence[Candidate],
    build: Callable[[Mapping[str, Any]], MADE],
    train: Any,
    valid: Any,
    tell: Callable[[str], None],
    **others: Any,
) -> Candidate:
    """Return the candidate with the lowest validation NLL after a short fit.

    Parameters
    ----------
    tried : sequence of Candidate
        One alone is returned as it is.
    build : callable
        Makes a model of a candidate's model settings.
    train, valid : arrays
        Rows.
    tell : callable
        Is told what is tried and what came of it, a line at a time.
    **others
        What `made.fit` gets besides: seed, progress, context.

    Raises
    ------
    TrainingDivergedError
        If the fit of every candidate diverged.
    KeyboardInterrupt
        At Ctrl-C: nothing is chosen then.
    """
    if len(tried) == 1:
        return tried[0]
    tell(f"choosing among {len(tried)} settings by short fits")
    found: list[tuple[float, int]] = []
    for number, candidate in enumerate(tried):
        epochs = max(round(candidate.training["epochs"] * _SHARE), _FEWEST_EPOCHS)
        try:
            history = fit(
                build(candidate.model), train, valid, **{**candidate.training, **others, "epochs": epochs}
            )
        except TrainingDivergedError as error:
            tell(f"  {candidate.about}: {error}")
            if number == len(tried) - 1 and not found:
                raise
            continue
        if history.ended == "interrupted":
            raise KeyboardInterrupt
        found.append((min(history.valid_nll), number))
        tell(f"  {candidate.about}: validation NLL {found[-1][0]:.2f} nats after {epochs} epochs")
    best = tried[min(found)[1]]
    tell(f"chosen: {best.about}")
    return best
