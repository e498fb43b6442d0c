"""Very many classes in few groups: which are modelled one by one, and which share a group.

The classes that occur most often have an outcome of their own. The others, in the order of their codes, are
cut into groups of about equal mass: neighbours, such as near post codes, share one. Within its group a class
has the share that the training rows say. The module needs numpy alone.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from made.support.checks import check_int
from made.support.errors import InputError

__all__ = ["MOST_ONE_HOT", "ClassGroups", "added_count", "default_coding"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Variables of more classes are coded in groups, where nothing else is said.
MOST_ONE_HOT = 2_000
# What may be added to every count: at most 1, as for few classes.
_ADDED = 2.0 ** np.arange(-14, 1)


def default_coding(n_classes: int) -> str:
    """Return the default coding of a categorical variable of `n_classes` classes.

    Examples
    --------
    >>> default_coding(20), default_coding(100_000)
    ('one-hot', 'grouped')
    """
    return "one-hot" if n_classes <= MOST_ONE_HOT else "grouped"


def added_count(counts: Floats) -> float:
    """Return what is best added to the counts of K classes, so that none has probability zero.

    1, as Laplace's rule has it, for at most `MOST_ONE_HOT` classes. Of more, most are rare, and together they
    would get too much: then it is the power of 2 up to 1 under which every row is the most probable given all
    other rows, with p(k) = (count + added) / (n + K added).

    Examples
    --------
    >>> added_count(np.array([3.0, 0.0]))
    1.0
    >>> added_count(np.append(np.full(100, 50.0), np.zeros(10_000)))
    6.103515625e-05
    """
    total, n_classes = float(counts.sum()), len(counts)
    if n_classes <= MOST_ONE_HOT or total <= 0:
        return 1.0
    # Few different counts occur, and each of them many times.
    own, times = np.unique(counts[counts > 0], return_counts=True)
    rest = np.maximum(own - 1, 0)
    scores = [
        (own * times) @ np.log(rest + added) - total * np.log(max(total - 1, 0) + n_classes * added)
        for added in _ADDED
    ]
    return float(_ADDED[int(np.argmax(scores))])


@dataclass(frozen=True, eq=False)
class ClassGroups:
    """How K classes are grouped. An outcome is a frequent class, or a group of the others.

    Parameters
    ----------
    n_classes : int
        K.
    frequent, groups : int
        How many classes have an outcome of their own, and how many groups there are; fewer, if K is small.
    hashes, buckets : int
        A class of a group enters the network as its group and, for each hash function, as one of the buckets.
    added : float
        What is added to each count, see `added_count`.
    counts : (K,) array, optional
        How often each class occurs in the training rows; by default all as often.

    Examples
    --------
    >>> groups = ClassGroups(6, frequent=2, groups=2, counts=np.array([1.0, 9, 1, 1, 9, 1]))
    >>> groups.outcomes.tolist()
    [2, 0, 2, 3, 1, 3]
    >>> np.exp(groups.log_shares).round(2).tolist()
    [0.5, 1.0, 0.5, 0.5, 1.0, 0.5]
    """

    n_classes: int
    frequent: int = 256
    groups: int = 256
    hashes: int = 2
    buckets: int = 256
    added: float = 1.0
    counts: Floats | None = None

    def __post_init__(self) -> None:
        """Check the sizes and the counts."""
        for name in ("frequent", "groups", "hashes", "buckets"):
            check_int(
                f"grouping: {name}", getattr(self, name), least=0 if name in ("frequent", "hashes") else 1
            )
        if not self.added > 0:
            raise InputError(f"grouping: what is added to counts is above 0, got {self.added!r}")
        if self.counts is not None and (
            np.shape(self.counts) != (self.n_classes,) or not (np.asarray(self.counts) >= 0).all()
        ):
            raise InputError(f"grouping: counts are {self.n_classes:,} numbers of at least 0, one per class")

    @property
    def n_frequent(self) -> int:
        """How many classes have an outcome of their own."""
        return min(self.frequent, self.n_classes)

    @property
    def n_groups(self) -> int:
        """How many groups there are."""
        return min(self.groups, self.n_classes - self.n_frequent)

    @property
    def n_outcomes(self) -> int:
        """How many outcomes there are: first the frequent classes, then the groups."""
        return self.n_frequent + self.n_groups

    @cached_property
    def masses(self) -> Floats:
        """(K,): the probability of each class among the training rows, never 0."""
        counts = np.zeros(self.n_classes) if self.counts is None else np.asarray(self.counts, np.float64)
        masses: Floats = (counts + self.added) / (counts.sum() + self.n_classes * self.added)
        return masses

    @cached_property
    def members(self) -> Ints:
        """(K,): the classes in the order of their outcomes, within a group in the order of their codes."""
        order = np.argsort(-self.masses, kind="stable")
        return np.concatenate([np.sort(order[: self.n_frequent]), np.sort(order[self.n_frequent :])])

    @cached_property
    def firsts(self) -> Ints:
        """(n_outcomes + 1,): where in `members` each outcome begins; then K."""
        own, n = np.arange(self.n_frequent), self.n_groups
        if n == 0:
            return np.append(own, self.n_classes)
        rest = self.masses[self.members[self.n_frequent :]]
        before = np.cumsum(rest) - rest
        begins = np.searchsorted(before, before[-1] * np.arange(n) / n)
        # Each group has a class at least.
        begins = np.maximum.accumulate(begins - np.arange(n)) + np.arange(n)
        begins = np.minimum(begins, len(rest) - n + np.arange(n))
        return np.concatenate([own, self.n_frequent + begins, [self.n_classes]])

    @cached_property
    def outcomes(self) -> Ints:
        """(K,): the outcome of each class."""
        outcomes = np.empty(self.n_classes, dtype=np.int64)
        outcomes[self.members] = np.repeat(np.arange(self.n_outcomes), np.diff(self.firsts))
        return outcomes

    @cached_property
    def log_shares(self) -> Floats:
        """(K,): the logarithm of the share that each class has of its outcome."""
        totals = np.bincount(self.outcomes, self.masses, minlength=self.n_outcomes)
        shares: Floats = np.log(self.masses / totals[self.outcomes])
        shares[self.members[: self.n_frequent]] = 0.0
        return shares

    @cached_property
    def cumulated(self) -> Floats:
        """(K,): in the order of `members`, outcome + the cumulated share within it, up to each class."""
        return self.cumulated_of(np.ones(self.n_classes, dtype=bool))

    def cumulated_of(self, allowed: NDArray[np.bool_]) -> Floats:
        """Return `cumulated` with shares among the allowed classes alone, (K,)."""
        shares = (np.exp(self.log_shares) * allowed)[self.members]
        sizes = np.diff(self.firsts)
        totals = np.add.reduceat(shares, self.firsts[:-1])
        shares = shares / np.repeat(np.where(totals > 0, totals, 1.0), sizes)
        total = np.cumsum(shares)
        before = np.append(0.0, total)[self.firsts[:-1]]
        own: Floats = total - np.repeat(before, sizes) + np.repeat(np.arange(self.n_outcomes), sizes)
        return own

    @cached_property
    def bucket_numbers(self) -> Ints:
        """(K, hashes): the bucket of each class under each hash."""
        codes = np.arange(self.n_classes, dtype=np.uint64)[:, None]
        salts = np.arange(1, self.hashes + 1, dtype=np.uint64)[None, :] * np.uint64(0x9E3779B97F4A7C15)
        buckets: Ints = (_mixed(codes + salts) % np.uint64(self.buckets)).astype(np.int64)
        return buckets

    def fitted(self, counts: Floats) -> ClassGroups:
        """Return the grouping for how often each code occurs: each class and, after them, a missing entry."""
        sizes = (self.frequent, self.groups, self.hashes, self.buckets)
        return ClassGroups(self.n_classes, *sizes, added_count(counts), counts[: self.n_classes])

    def as_dict(self) -> dict[str, Any]:
        """Return the grouping, JSON-ready."""
        own: dict[str, Any] = {
            "frequent": self.frequent,
            "groups": self.groups,
            "hashes": self.hashes,
            "buckets": self.buckets,
        }
        if self.counts is not None:
            own |= {"added": self.added, "counts": _packed(np.asarray(self.counts, np.float64))}
        return own

    @classmethod
    def from_dict(cls, n_classes: int, entries: Mapping[str, Any]) -> ClassGroups:
        """Read what `as_dict` wrote; counts may be a list of numbers too."""
        own = dict(entries)
        counts = own.pop("counts", None)
        known = {"frequent", "groups", "hashes", "buckets", "added"}
        if own.keys() - known:
            raise InputError(
                f"grouping: {min(own.keys() - known)!r} is none of {', '.join(sorted(known))}, counts"
            )
        if isinstance(counts, str):
            counts = _unpacked(counts, n_classes)
        elif counts is not None:
            counts = np.asarray(counts, dtype=np.float64)
            own.setdefault("added", added_count(counts))
        return cls(n_classes, counts=counts, **own)


def _mixed(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return whole numbers whose bits are mixed well: the finalizer of SplitMix64."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        numbers = (numbers ^ (numbers >> np.uint64(shift))) * np.uint64(factor)
    mixed: NDArray[np.uint64] = numbers ^ (numbers >> np.uint64(31))
    return mixed


def _packed(counts: Floats) -> str:
    """Return counts as text: whole ones in four bytes each, others in single precision, compressed."""
    is_whole = bool((counts == np.floor(counts)).all()) and counts.max(initial=0) < 2**31
    kind = "<i4" if is_whole else "<f4"
    return f"{kind}:{base64.b64encode(zlib.compress(counts.astype(kind).tobytes(), 9)).decode()}"


def _unpacked(text: str, n_classes: int) -> Floats:
    kind, _, packed = text.partition(":")
    try:
        if kind not in ("<i4", "<f4"):
            raise ValueError(kind)
        size = 4 * n_classes
        content = zlib.decompressobj().decompress(base64.b64decode(packed), size + 1)
        if len(content) != size:
            raise ValueError(len(content))
    except (ValueError, zlib.error):
        raise InputError("grouping: the counts of classes cannot be read: the file is damaged") from None
    return np.frombuffer(content, dtype=kind).astype(np.float64)
