"""How probable what is given in each row is: the numbers, and what follows where they are poor or zero."""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass
from types import FrameType

import numpy as np

from made.masks.ordering import IntArray
from made.queries.density import Floats
from made.support.errors import InputError, PoorEstimateWarning

__all__ = ["POOR", "Evidence", "refuse_impossible"]

#: An estimate of a smaller effective sample size is called poor.
POOR = 30


@dataclass(frozen=True)
class Evidence:
    """How probable what is given is, row by row.

    Attributes
    ----------
    log_prob : (n,) array
        log p(x_G), in nats.
    error : (n,) array
        Its standard error; 0 where it is exact.
    ess : (n,) array
        Effective number of particles; infinite where it is exact.
    routes : (n,) int array
        How it was found: the `Route` of the mask that is the least certain.
    mask_weights : (K, n) array
        Posterior weight of each mask.
    """

    log_prob: Floats
    error: Floats
    ess: Floats
    routes: IntArray
    mask_weights: Floats

    def of(self, row: int) -> Evidence:
        """Return the evidence of one of the rows."""
        return self[slice(row, row + 1)]

    def __getitem__(self, some: slice | IntArray) -> Evidence:
        """Return the evidence of the rows at these places."""
        return Evidence(
            self.log_prob[some],
            self.error[some],
            self.ess[some],
            self.routes[some],
            self.mask_weights[:, some],
        )

    def warn_if_poor(self) -> None:
        """Warn where few particles carry all the weight; the warning names the line that called made."""
        poor = np.flatnonzero(self.ess < POOR)
        if len(poor):
            warnings.warn(
                f"the estimate for row {poor[0]} rests on {self.ess[poor[0]]:.1f} effective particles"
                + (f" (poor for {len(poor):,} of {len(self.ess):,} rows)" if len(poor) > 1 else "")
                + ": raise particles, or give variables that come first in the ordering",
                PoorEstimateWarning,
                stacklevel=_frames_inside() + 1,
            )


def refuse_impossible(evidence: Evidence, numbers: IntArray) -> None:
    """Raise an `InputError` where what is given has probability 0: nothing follows from it."""
    impossible = np.flatnonzero(np.isneginf(evidence.log_prob))
    if len(impossible):
        row = f"row {numbers[impossible[0]]} (counted from 0)"
        raise InputError(f"{row}: the model gives what is known there probability 0")


def _frames_inside() -> int:
    """Return how many frames from that of the caller on belong to made."""
    frame: FrameType | None = sys._getframe(1)
    n_frames = 0
    while frame is not None and frame.f_globals.get("__name__", "").split(".")[0] == "made":
        n_frames, frame = n_frames + 1, frame.f_back
    return n_frames
