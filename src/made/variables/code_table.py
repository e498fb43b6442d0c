"""Codes that are not simply outcomes of a softmax: labels that no class has, classes that share a group.

The log-probability of a code is that of its outcome plus a constant: the share of a class within its group,
and that the label is one of the classes at all. Of a label that is none it is a constant alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from made.support.devices import OnDevices

__all__ = ["CodeTable", "Entries"]


class Entries(NamedTuple):
    """What a table says about codes.

    Attributes
    ----------
    outcomes : int64 tensor
        The outcome of each; 0 where the label is no class.
    added : float64 tensor
        What is added to the log-probability of the outcome.
    is_unseen : bool tensor
        Whether the label is no class: `added` is then all of its log-probability.
    """

    outcomes: Tensor
    added: Tensor
    is_unseen: Tensor

    def log_prob(self, of_outcomes: Tensor) -> Tensor:
        """Return log p of the codes, given that of their outcomes."""
        added = self.added.to(of_outcomes.dtype)
        return torch.where(self.is_unseen, added, of_outcomes + added)

    @staticmethod
    def cat(parts: Sequence[Entries]) -> Entries:
        """Return the entries of several variables, one after the other."""
        return Entries(*(torch.cat(own) for own in zip(*parts, strict=True)))

    @staticmethod
    def plain(n: int) -> Entries:
        """Return the entries of n codes that are outcomes."""
        return Entries(torch.arange(n), torch.zeros(n, dtype=torch.float64), torch.zeros(n, dtype=torch.bool))


class CodeTable(OnDevices):
    """What each code of some variables stands for.

    Parameters
    ----------
    tables : sequence of Entries
        Of each variable; or one, which all have.

    Examples
    --------
    >>> table = CodeTable([Entries.plain(2), Entries.plain(3)])
    >>> table(torch.tensor([[1, 2]])).outcomes.tolist()
    [[1, 2]]
    """

    def __init__(self, tables: Sequence[Entries]) -> None:
        sizes = [len(own.outcomes) for own in tables]
        self._first = torch.from_numpy(np.cumsum(sizes) - sizes)
        self._outcomes, self._added, self._is_unseen = Entries.cat(tables)

    def __call__(self, codes: Tensor) -> Entries:
        """Return the entries of codes (n, D), each (n, D)."""
        own = self.on(codes.device)
        places = own._first + codes
        return Entries(own._outcomes[places], own._added[places], own._is_unseen[places])
