"""What a comparison of candidates will do, decided before it begins: a function of data, seed and budget.

A run writes its plan before the first step and replays it when it is resumed. The clock may end a comparison
early, and changes nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from made.support.errors import InputError
from made.support.progress import duration
from made.tuning.candidates import Candidate, candidates
from made.tuning.cost import bytes_of, seconds_of
from made.tuning.facts import FEWEST_VALID, Facts

__all__ = ["Plan", "Rung", "budget_for", "plan_for"]

# For each rung but the last, the fraction of the epochs at its end, and the fraction of the candidates that
# go on, two at least (fewer, where others are hopeless). The last decides.
_RUNGS = ((1 / 8, 1 / 2), (1 / 4, 1 / 4))
_LAST = 1 / 2
# Largest number of rows for which two finalists go to the end: their mixture may be better than either.
_ROWS_FOR_FINALISTS = 20_000
# Budgets in seconds: a time is worth the longest of them that it holds.
_BUDGETS = (1, 2, 5, 10, 20, 45, 90, 180, 360, 720, 1_440, 2_880)
# By default, by the size of the data: bounds on rows times features, and budgets.
_DEFAULT_BUDGETS = ((25_000, 20), (100_000, 90), (20_000_000, 180), (None, 720))
# Of a model for questions, which is fitted for longer, times as long.
_LONGER_FOR_QUESTIONS = 4
# The part of a budget that a plan may take by its estimate, and a plan of a single candidate: other machines
# are slower.
_SHARE, _SHARE_OF_ONE = 0.65, 0.7
# What is assumed of a machine: two cores, of which a single fit makes so much.
_CORES, _ON_TWO_CORES = 2, 1.6
# Seconds of work on one core below which no other process is begun, which takes about three.
_ALONE = 12.0
_SHORTEST = 2**-10
_MUCH_MEMORY = 2**30


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
    budget : int
        In seconds, which the plan was made for.
    seconds, gigabytes : float
        What all of it is estimated to take, on two cores, and beside the rows.
    facts : mapping
        What is known about the rows.
    """

    candidates: tuple[Candidate, ...]
    rungs: tuple[Rung, ...]
    budget: int = 0
    seconds: float = 0.0
    gigabytes: float = 0.0
    facts: Mapping[str, Any] | None = None

    @property
    def n_finalists(self) -> int:
        """How many go on to the end; of two, a mixture may be the best."""
        return 2 if self.rungs and self.rungs[-1].fraction == 1 else 1

    def __str__(self) -> str:
        """Return what will be done and how long that takes, in a sentence."""
        n, go_on = len(self.candidates), "two go" if self.n_finalists == 2 else "one goes"
        what = f"{n} settings are compared, and the best {go_on} on" if n > 1 else self.candidates[0].about
        if self.facts is not None and self.facts["n_valid"] < FEWEST_VALID:
            what = f"for lack of validation rows nothing is compared; {what}"
        memory = f", {self.gigabytes:.1f} GB of memory" if self.gigabytes * 1e9 > _MUCH_MEMORY else ""
        return (
            f"{what}: about {duration(self.seconds)} on two cores{memory} (planned to fit "
            f"{duration(self.budget)}; --minutes or max_time= gives another time)"
        )

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
            tried = tuple(Candidate(**own) for own in entries["candidates"])
            rungs = tuple(Rung(**own) for own in entries["rungs"])
            return cls(**{**entries, "candidates": tried, "rungs": rungs})
        except (KeyError, TypeError) as error:
            raise InputError(f"the plan of the run cannot be read ({error}): begin a new run") from None


def budget_for(facts: Facts, max_time: float | None = None) -> int:
    """Return the budget in seconds for some rows, or for a time.

    Examples
    --------
    >>> budget_for(Facts(n_rows=2_000)), budget_for(Facts(n_rows=2_000), max_time=70)
    (180, 45)
    """
    if max_time is not None:
        return max((own for own in _BUDGETS if own <= max_time), default=_BUDGETS[0])
    size = facts.n_rows * facts.n_features
    own = next(own for bound, own in _DEFAULT_BUDGETS if bound is None or size <= bound)
    return own * (_LONGER_FOR_QUESTIONS if facts.for_questions else 1)


def plan_for(facts: Facts, max_time: float | None = None, *, refit: bool = False) -> Plan:
    """Return the plan for some rows: as many candidates as there is time for, and shorter fits if need be.

    For a single candidate there is nothing to compare.

    Parameters
    ----------
    facts : Facts
        About the rows.
    max_time : float, optional
        In seconds; by default the budget follows from the size of the data.
    refit : bool
        Whether all that is chosen is fitted once more.

    Examples
    --------
    >>> [rung.n_kept for rung in plan_for(Facts(n_rows=5_000), max_time=100).rungs]
    [2, 2, 2, 1]
    >>> len(plan_for(Facts(n_rows=5_000), max_time=1).candidates)
    1
    """
    budget = budget_for(facts, max_time)
    for tried in _shorter_and_shorter(candidates(facts)):
        rungs, own_facts = _rungs_for(len(tried), facts), facts.as_dict()
        seconds = _seconds(tried, rungs, facts, refit=refit)
        if seconds <= (_SHARE if len(tried) > 1 else _SHARE_OF_ONE) * budget:
            break
    gigabytes = min(len(tried), _CORES) * max(bytes_of(own, facts) for own in tried) / 1e9
    return Plan(tuple(tried), rungs, budget, round(seconds, 1), round(gigabytes, 2), own_facts)


def _shorter_and_shorter(tried: Sequence[Candidate]) -> Iterator[Sequence[Candidate]]:
    """Leave out the less likely candidates, one after the other; then shorten what is left."""
    for n in range(len(tried), 0, -1):
        yield tried[:n]
    factor = 1.0
    while factor > _SHORTEST:
        yield [_shortened(tried[0], 0.75 * factor)]
        factor /= 2
        yield [_shortened(tried[0], factor)]


def _shortened(candidate: Candidate, factor: float) -> Candidate:
    own = candidate.training
    shorter = {name: max(1, round(own[name] * factor)) for name in ("epochs", "patience") if name in own}
    return replace(candidate, training={**own, **shorter})


def _rungs_for(n: int, facts: Facts) -> tuple[Rung, ...]:
    if n == 1:
        return ()
    rungs, left = [], n
    for fraction, kept in _RUNGS:
        left = min(left, max(math.ceil(kept * n), 2))
        rungs.append(Rung(fraction, left))
    # Models that draw fresh masks are not mixed.
    if facts.n_rows > _ROWS_FOR_FINALISTS or facts.for_questions:
        return (*rungs, Rung(_LAST, 1))
    return (*rungs, Rung(_LAST, 2), Rung(1.0, 1))


def _seconds(tried: Sequence[Candidate], rungs: Sequence[Rung], facts: Facts, *, refit: bool) -> float:
    """Return how long a plan takes: fits side by side, then, unless that was to the end, the final one."""
    each = [seconds_of(own, facts) for own in tried]
    alone = _seconds_on(1, each, rungs, refit=refit)
    return alone if alone < _ALONE else _seconds_on(_CORES, each, rungs, refit=refit)


def _seconds_on(cores: int, each: Sequence[float], rungs: Sequence[Rung], *, refit: bool) -> float:
    mean, done, left, total = sum(each) / len(each), 0.0, len(each), 0.0
    for rung in rungs:
        total += max(left / cores, 1.0) * (rung.fraction - done) * mean
        done, left = rung.fraction, rung.n_kept
    n_refits = 0 if not refit else 2 if done == 1 else 1
    return total + (1 - done + n_refits) * max(each) / (1.0 if cores == 1 else _ON_TWO_CORES)
