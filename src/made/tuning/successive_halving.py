"""Successive halving: all candidates get a short fit, the best ones a longer one; validation chooses."""

from __future__ import annotations

import logging
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

_log = logging.getLogger(__name__)

# For each round, the fraction of the epochs that a fit has, its schedule shortened with it, and how many
# candidates are left. Much shorter fits favour candidates that learn quickly over those that end better.
_ROUNDS = ((1 / 3, 3), (1 / 2, 1))
_FEWEST_EPOCHS = 3


def choose(
    tried: Sequence[Candidate],
    build: Callable[[Candidate], MADE],
    train: Rows,
    valid: Rows | None,
    **others: Any,
) -> Candidate:
    """Return the candidate with the lowest validation NLL after fits shorter than the final one.

    What is compared, and the result of each fit, is logged.

    Parameters
    ----------
    tried : sequence of Candidate
        A single one, for too few validation rows to compare on, is returned without a fit.
    build : callable
        Builds a candidate's model.
    train, valid : Rows
        With their context.
    **others
        Other arguments of `made.fit`: seed, progress.

    Raises
    ------
    TrainingDivergedError
        If the fit of every candidate diverged.
    KeyboardInterrupt
        At Ctrl-C; nothing is chosen.
    """
    left = list(tried)
    if len(left) == 1:
        _log.info("too few validation rows to compare settings; taken: %s", left[0].about)
        return left[0]
    began, done, planned = time.monotonic(), 0, _epochs_in_all(tried)
    for fraction, n_kept in _ROUNDS:
        if len(left) <= n_kept:
            continue
        _log.info("comparing %d settings by fits of %.0f%% of the epochs", len(left), 100 * fraction)
        found: list[tuple[float, int]] = []
        diverged: TrainingDivergedError | None = None
        for number, candidate in enumerate(left):
            epochs = max(round(candidate.training["epochs"] * fraction), _FEWEST_EPOCHS)
            settings = {**candidate.training, **others, "epochs": epochs}
            done += epochs
            try:
                history = fit(build(candidate), train, valid, **settings)
            except TrainingDivergedError as error:
                diverged = error
                _log.info("  %s: %s", candidate.about, error)
                continue
            if history.ended == "interrupted":
                raise KeyboardInterrupt
            found.append((min(history.valid_nll), number))
            ahead = (time.monotonic() - began) * max(planned / done - 1, 0)
            _log.info(
                "  %s: validation NLL %.2f nats after %d epochs (about %s left in all)",
                candidate.about,
                found[-1][0],
                epochs,
                duration(ahead),
            )
        if diverged is not None and not found:
            raise diverged
        left = [left[number] for _, number in sorted(found)[:n_kept]]
    _log.info("chosen: %s", left[0].about)
    return left[0]


def _epochs_in_all(tried: Sequence[Candidate]) -> float:
    """Return the approximate number of epochs of all fits, the final one included."""
    mean: float = sum(candidate.training["epochs"] for candidate in tried) / len(tried)
    n, epochs = len(tried), mean
    for fraction, n_kept in _ROUNDS:
        if n > n_kept:
            epochs += n * fraction * mean
            n = n_kept
    return epochs
