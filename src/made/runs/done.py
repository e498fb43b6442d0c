"""What is to be said of units of rows that are done, of each and of all together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from made.queries.evidence import POOR
from made.runs.completions import few_particles
from made.variables.unseen_entries import unseen_words

__all__ = ["Done", "together"]


@dataclass
class Done:
    """What is to be said of units that are done.

    Attributes
    ----------
    n_rows, n_units : int
        How many there are.
    n_gaps, n_unknown, n_estimated : int
        Rows with unknown entries, these entries, and rows whose score was estimated.
    n_poor : int
        Estimates that rest on few effective particles.
    worst : float
        The fewest of these.
    n_unseen, first_unseen : int, str
        Entries that are labels that no training row had, and where the first is.
    n_rejected, first_rejected : int, str
        Rows that could not be read, and why the first could not.
    how : mapping of str to int
        How completions were found, and how many.
    rounded : mapping of int to int
        How many values of each modelled column were not on its grid.
    error : str
        Why a unit could not be done; empty if it could.
    """

    n_rows: int = 0
    n_units: int = 0
    n_gaps: int = 0
    n_unknown: int = 0
    n_estimated: int = 0
    n_poor: int = 0
    worst: float = np.inf
    n_unseen: int = 0
    first_unseen: str = ""
    n_rejected: int = 0
    first_rejected: str = ""
    how: dict[str, int] = field(default_factory=dict)
    rounded: dict[int, int] = field(default_factory=dict)
    error: str = ""

    def add(self, other: Done) -> None:
        """Add others."""
        for name in ("n_rows", "n_units", "n_gaps", "n_unknown", "n_estimated", "n_poor"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.n_unseen, self.n_rejected = self.n_unseen + other.n_unseen, self.n_rejected + other.n_rejected
        self.first_unseen = self.first_unseen or other.first_unseen
        self.first_rejected = self.first_rejected or other.first_rejected
        self.worst = min(self.worst, other.worst)
        self.how = dict(Counter(self.how) + Counter(other.how))
        self.rounded = dict(Counter(self.rounded) + Counter(other.rounded))
        self.error = self.error or other.error

    def add_particles(self, ess: NDArray[np.float64]) -> None:
        """Add the effective numbers of particles of some estimates."""
        poor = ess[ess < POOR]
        self.n_poor += len(poor)
        self.worst = min([self.worst, *poor.tolist()])

    @property
    def poor(self) -> str:
        """How many estimates rest on few effective particles, in words."""
        return few_particles(self.n_poor, self.worst)

    @property
    def unseen(self) -> str:
        """How many entries are labels that no training row had, in words."""
        return unseen_words(self.n_unseen, self.first_unseen)


def together(done: Mapping[int, Done]) -> Done:
    """Return what is to be said of all units, by their numbers."""
    total = Done()
    for number in sorted(done):
        total.add(done[number])
    return total
