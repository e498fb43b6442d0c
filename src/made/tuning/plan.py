"""What a comparison of candidates will do, decided before it begins: a function of the data and the seed.

A run writes its plan before the first step and replays it when it is resumed. The clock may end a comparison
early, and changes nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from made.support.errors import InputError
from made.tuning.candidates import Candidate

__all__ = ["Plan", "Rung", "plan_for"]

# For each rung but the last, the fraction of the epochs at its end, and the fraction of the candidates that
# go on, two at least. The last decides.
_RUNGS = ((1 / 8, 1 / 2), (1 / 4, 1 / 4))
_LAST = 1 / 2


@dataclass(frozen=True)
class Rung:
    """Where candidates are compared.

    Attributes
    ----------
    fraction : float
        Of the epochs of each candidate.
    n_kept : int
        How many go on.
    """

    fraction: float
    n_kept: int

    def epoch(self, candidate: Candidate) -> int:
        """Return at the end of which epoch a candidate gets there, counted from 1."""
        epochs: int = candidate.training["epochs"]
        return min(max(round(epochs * self.fraction), 1), epochs)


@dataclass(frozen=True)
class Plan:
    """Candidates, and the rungs at which they are compared.

    Attributes
    ----------
    candidates : tuple of Candidate
        With all their settings.
    rungs : tuple of Rung
        In the order in which they come.
    """

    candidates: tuple[Candidate, ...]
    rungs: tuple[Rung, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the plan, JSON-ready."""
        return asdict(self)

    @classmethod
    def from_dict(cls, entries: Mapping[str, Any]) -> Plan:
        """Read what `as_dict` wrote.

        Raises
        ------
        InputError
            If it is not a plan.
        """
        try:
            candidates = tuple(Candidate(**own) for own in entries["candidates"])
            return cls(candidates, tuple(Rung(**own) for own in entries["rungs"]))
        except (KeyError, TypeError) as error:
            raise InputError(f"the plan of the run cannot be read ({error}): begin a new run") from None


def plan_for(candidates: Sequence[Candidate]) -> Plan:
    """Return the plan for these candidates; for a single one there is nothing to compare.

    Examples
    --------
    >>> from made.tuning.candidates import candidates
    >>> [rung.n_kept for rung in plan_for(candidates(5_000)).rungs]
    [3, 2, 1]
    """
    rungs, left = [], len(candidates)
    for fraction, kept in _RUNGS:
        n_kept = max(math.ceil(kept * len(candidates)), 2)
        if n_kept < left:
            rungs.append(Rung(fraction, n_kept))
            left = n_kept
    return Plan(tuple(candidates), (*rungs, Rung(_LAST, 1)) if left > 1 else ())
