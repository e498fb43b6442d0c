"""Categorical variables of very many classes: post codes, products.

What leaves the network is a softmax over the frequent classes and over groups of the others; a class of a
group then has the share of it that the training rows say: an exact distribution over all K classes, of a few
hundred outputs. What enters is the outcome, one-hot, and for a class of a group one bucket of each of a few
hash functions: a sum of embeddings that almost identifies it (Svenstrup, Hansen and Winther 2017, "Hash
embeddings for efficient word representations").
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from made.support.devices import OnDevices
from made.support.following import scattered
from made.variables.class_groups import ClassGroups
from made.variables.code_table import Entries
from made.variables.discrete import Categorical
from made.variables.sparse_one_hot import OneHots

__all__ = ["Categorical", "ManyClasses"]


class _TableOfCodes(OnDevices):
    """Of every code its outcome, whether it is in a group, and its buckets."""

    def __init__(self, outcomes: Tensor, in_group: Tensor, buckets: Tensor) -> None:
        self.outcomes, self.in_group, self.buckets = outcomes, in_group, buckets


class ManyClasses(Categorical):
    """`n` variables of K classes, of which the frequent ones are modelled apart and the others in groups.

    ``made.Categorical(K, coding="grouped")`` makes it, and ``made.Categorical(K)`` for K above 2,000. How
    often each class occurs is set once, by the training rows of an untrained model; until then all occur as
    often.

    Attributes
    ----------
    groups : ClassGroups
        Which classes are frequent, and how the others are grouped.

    Examples
    --------
    >>> codes = Categorical(100_000)
    >>> codes.input_size, codes.output_size
    (1024, 512)
    """

    kernel_kind = "grouped"

    def _code(self, grouping: Mapping[str, Any] | None) -> None:
        self.groups = ClassGroups.from_dict(self.n_classes, grouping or {})
        self.input_size = self.n_outcomes + self.groups.hashes * self.groups.buckets
        self.output_size = self.n_outcomes
        self.input_power = 1.0 + self.groups.hashes
        groups = self.groups
        # Of every code, those of a missing entry and of a label that is no class last: is it in a group, and
        # in which buckets.
        none = self.n_codes - self.n_classes
        in_group = torch.from_numpy(np.pad(groups.outcomes >= groups.n_frequent, (0, none)))
        buckets = torch.from_numpy(np.pad(groups.bucket_numbers, ((0, none), (0, 0))))
        last = np.full(none, groups.n_outcomes)
        self._outcomes = torch.from_numpy(np.concatenate([groups.outcomes, last]))
        self._table_of_codes = _TableOfCodes(self._outcomes, in_group, buckets)

    @property
    def n_outcomes(self) -> int:
        """Frequent classes, groups, and where it may be the entry that is missing."""
        return self.groups.n_outcomes + self.missing

    @property
    def is_fitted(self) -> bool:
        """Whether training rows have said how often each class occurs."""
        return self.groups.counts is not None

    @property
    def entries(self) -> Entries:
        """The outcome of each code, and the logarithm of its share."""
        own = Entries(
            self._outcomes[: self.n_values],
            torch.from_numpy(np.pad(self.groups.log_shares, (0, int(self.missing)))),
            torch.zeros(self.n_values, dtype=torch.bool),
        )
        return self._with_unseen(own)

    def fitted(self, counts: Tensor) -> dict[str, Any]:
        """Return the `grouping` for how often each value occurs, (n_values,)."""
        return self.groups.fitted(counts.numpy()).as_dict()

    def features(self, codes: Tensor) -> Tensor:
        """Return the features of each code: its outcome and, in a group, its bucket for every hash."""
        own = codes.long()
        table = self._table_of_codes.on(codes.device)
        features = own.new_zeros((*own.shape, self.input_size), dtype=torch.float32)
        seen = (own < self.n_values).float()
        features = scattered(features, 2, (table.outcomes[own] * seen.long())[:, :, None], seen[:, :, None])
        firsts = torch.arange(self.groups.hashes, device=codes.device) * self.groups.buckets
        places = table.buckets[own] + self.n_outcomes + firsts
        shown = table.in_group[own].float()[:, :, None].expand(places.shape)
        return scattered(features, 2, places, shown).flatten(1)

    def one_hots(self, codes: Tensor) -> OneHots:
        """Return the same as one-hot variables: for each variable its outcome, then its buckets."""
        own, hashes = codes.long().t(), self.groups.hashes
        table = self._table_of_codes.on(codes.device)
        seen = own < self.n_values
        parts = [table.outcomes[own] * seen, *table.buckets[own].unbind(2)]
        shown = [seen, *[table.in_group[own]] * hashes]
        sizes = (self.n_outcomes, *[self.groups.buckets] * hashes)
        firsts = np.cumsum([0, *sizes[:-1]])
        return OneHots(
            torch.stack(parts, dim=1).flatten(0, 1),
            tuple((np.arange(self.n)[:, None] * self.input_size + firsts).ravel().tolist()),
            sizes * self.n,
            torch.stack(shown, dim=1).flatten(0, 1),
        )

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Return the probability of every outcome: frequent classes, groups, missing."""
        return torch.softmax(outputs, dim=-1)

    def most_probable(self, probabilities: Tensor) -> Tensor:
        """Return the class of the largest probability, given those of outcomes."""
        codes, shares = self.likeliest
        best = (probabilities.cpu() * shares.to(probabilities.dtype)).argmax(dim=-1)
        return codes[best].to(probabilities.device)

    @property
    def likeliest(self) -> tuple[Tensor, Tensor]:
        """The likeliest code of each outcome, and its share: (n_outcomes,) each."""
        groups = self.groups
        shares = np.exp(groups.log_shares)[groups.members]
        best = np.maximum.reduceat(shares, groups.firsts[:-1])
        order = np.lexsort((groups.members, -shares, groups.outcomes[groups.members]))
        codes = groups.members[order[groups.firsts[:-1]]]
        if self.missing:
            codes, best = np.append(codes, self.n_classes), np.append(best, 1.0)
        return torch.from_numpy(codes), torch.from_numpy(best)

    def log_probabilities(self, outputs: Tensor) -> Tensor:
        """Return log p of every value, (rows, n_values) float64: of a few rows, as there are many."""
        entries = self.entries
        outcomes = entries.outcomes[: self.n_values].to(outputs.device)
        own = torch.log_softmax(outputs.double(), dim=-1)[:, outcomes]
        return own + entries.added[: self.n_values].to(outputs.device)

    def log_masses(self, outputs: Tensor, allowed: NDArray[np.bool_]) -> Tensor:
        """Return the log mass of the allowed values of each outcome, (rows, n_outcomes) float64.

        Parameters
        ----------
        outputs : (rows, n_outcomes) tensor
            Of one variable.
        allowed : (n_values,) bool array
            Which values count.
        """
        entries = self.entries
        shares = np.exp(entries.added[: self.n_values].numpy()) * allowed
        with np.errstate(divide="ignore"):
            own = np.log(np.bincount(self._outcomes[: self.n_values], shares, minlength=self.n_outcomes))
        return torch.log_softmax(outputs.double(), dim=-1) + torch.from_numpy(own).to(outputs.device)

    def codes_within(
        self, outcomes: Tensor, within: Tensor, allowed: NDArray[np.bool_] | None = None
    ) -> Tensor:
        """Return the codes (rows,) at which the CDF of outcomes passes what is `within` each, in [0, 1].

        Parameters
        ----------
        outcomes : (rows,) int64 tensor
            Which outcome it is.
        within : (rows,) float64 tensor
            The uniform, scaled up to the outcome.
        allowed : (n_values,) bool array, optional
            Which values there are; by default all.
        """
        groups, number = self.groups, outcomes.cpu().numpy()
        is_missing = number >= groups.n_outcomes
        number = np.where(is_missing, 0, number)
        cumulated = groups.cumulated if allowed is None else groups.cumulated_of(allowed[: self.n_classes])
        place = np.searchsorted(cumulated, number + within.cpu().numpy(), side="right")
        last = groups.firsts[number + 1] - 1
        if allowed is not None:  # what is not allowed has no share: the first place that ends the outcome
            last = np.searchsorted(cumulated, cumulated[last], side="left")
        place = np.clip(place, groups.firsts[number], last)
        codes = np.where(is_missing, self.n_classes, groups.members[place])
        return torch.from_numpy(codes).to(outcomes.device)

    def marginals(self, counts: Tensor) -> Tensor:
        """Return the logarithms of the masses of the outcomes, (count + added) / (rows + K added)."""
        masses = torch.zeros(len(counts), self.n_outcomes, dtype=torch.float64)
        masses.index_add_(1, self._outcomes[: self.n_values], counts + self.groups.added)
        return torch.log_softmax(torch.log(masses), dim=1)

    def settings(self) -> dict[str, Any]:
        """Return what a categorical variable does, and the grouping."""
        return super().settings() | {"grouping": self.groups.as_dict()}

    def _quantile(self, logits: Tensor, uniforms: Tensor) -> Tensor:
        outcome = super()._quantile(logits, uniforms)
        mass = torch.softmax(logits.double(), dim=-1)
        own = mass.gather(1, outcome[:, None])[:, 0]
        before = mass.cumsum(-1).gather(1, outcome[:, None])[:, 0] - own
        # What is left of the uniform decides within a group.
        return self.codes_within(outcome, ((uniforms - before) / own).clamp(0, 1))
