"""Which candidate suits some data: all get a short fit, the best of them a longer one; validation chooses."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from made.model import MADE
from made.support.progress import duration
from made.training.divergence import TrainingDivergedError
from made.training.fit import fit
from made.tuning.candidates import Candidate
from made.variables.rows import Rows

__all__ = ["choose"]

# Rounds: which share of the epochs a fit has, with the whole of their schedule, and how many candidates are
# left afterwards. Much shorter fits would favour those that learn quickly over those that get further.
_ROUNDS = ((1 / 3, 3), (1 / 2, 1))
_FEWEST_EPOCHS = 3


def choose(
    tried: Sequence[Candidate],
    build: Callable[[Candidate], MADE],
    train: Rows,
    valid: Rows | None,
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
    train, valid : Rows
        With their context.
    tell : callable
        Is told what is tried and what came of it, a line at a time.
    **others
        What `made.fit` gets besides: seed, progress.

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
    began, done, planned = time.monotonic(), 0, _epochs_in_all(tried)
    for share, n_kept in _ROUNDS:
        if len(left) <= n_kept:
            continue
        tell(f"comparing {len(left)} settings by fits of {share:.0%} of the epochs")
        found: list[tuple[float, int]] = []
        diverged: TrainingDivergedError | None = None
        for number, candidate in enumerate(left):
            epochs = max(round(candidate.training["epochs"] * share), _FEWEST_EPOCHS)
            settings = {**candidate.training, **others, "epochs": epochs}
            done += epochs
            try:
                history = fit(build(candidate), train, valid, **settings)
            except TrainingDivergedError as error:
                diverged = error
                tell(f"  {candidate.about}: {error}")
                continue
            if history.ended == "interrupted":
                raise KeyboardInterrupt
            found.append((min(history.valid_nll), number))
            ahead = (time.monotonic() - began) * max(planned / done - 1, 0)
            tell(
                f"  {candidate.about}: validation NLL {found[-1][0]:.2f} nats after {epochs} epochs "
                f"(about {duration(ahead)} left in all)"
            )
        if diverged is not None and not found:
            raise diverged
        left = [left[number] for _, number in sorted(found)[:n_kept]]
    tell(f"chosen: {left[0].about}")
    return left[0]


def _epochs_in_all(tried: Sequence[Candidate]) -> float:
    """Return about how many epochs there are to come, those of the final fit as well."""
    mean: float = sum(candidate.training["epochs"] for candidate in tried) / len(tried)
    n, epochs = len(tried), mean
    for share, n_kept in _ROUNDS:
        if n > n_kept:
            epochs += n * share * mean
            n = n_kept
    return epochs
