"""Which candidate suits some data: all get a short fit, the best of them a longer one; validation chooses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from made.experiments.adapt import Candidate
from made.model import MADE
from made.training import TrainingDivergedError, fit

__all__ = ["choose"]

# Rounds: which share of the epochs a fit has, with the whole of their schedule, and how many candidates are
# left afterwards. Much shorter fits would favour those that learn quickly over those that get further.
_ROUNDS = ((1 / 3, 3), (1 / 2, 1))
_FEWEST_EPOCHS = 3


def choose(
    tried: Sequence[Candidate],
    build: Callable[[Candidate], MADE],
    train: Any,
    valid: Any,
    tell: Callable[[str], None],
    **others: Any,
) -> Candidate:
    """Return the candidate with the lowest validation NLL after fits that are shorter than the final one.

    Parameters
    ----------
    tried : sequence of Candidate
        One alone, where there are too few validation rows for a comparison, is returned as it is.
    build : callable
        Makes a candidate's model.
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
    left = list(tried)
    if len(left) == 1:
        tell(f"too few validation rows to compare settings; taken: {left[0].about}")
        return left[0]
    for share, n_kept in _ROUNDS:
        if len(left) <= n_kept:
            continue
        tell(f"comparing {len(left)} settings by fits of {share:.0%} of the epochs")
        found: list[tuple[float, int]] = []
        diverged: TrainingDivergedError | None = None
        for number, candidate in enumerate(left):
            epochs = max(round(candidate.training["epochs"] * share), _FEWEST_EPOCHS)
            settings = {**candidate.training, **others, "epochs": epochs}
            try:
                history = fit(build(candidate), train, valid, **settings)
            except TrainingDivergedError as error:
                diverged = error
                tell(f"  {candidate.about}: {error}")
                continue
            if history.ended == "interrupted":
                raise KeyboardInterrupt
            found.append((min(history.valid_nll), number))
            tell(f"  {candidate.about}: validation NLL {found[-1][0]:.2f} nats after {epochs} epochs")
        if diverged is not None and not found:
            raise diverged
        left = [left[number] for _, number in sorted(found)[:n_kept]]
    tell(f"chosen: {left[0].about}")
    return left[0]
