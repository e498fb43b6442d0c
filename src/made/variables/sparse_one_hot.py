"""Sparse one-hot features: of the thousand features of a variable with a thousand classes, one is 1."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["FEWEST_CLASSES", "SparseOneHot", "one_hot"]

#: Features of variables with fewer classes are dense: then multiplying is as fast.
FEWEST_CLASSES = 128


class SparseOneHot(NamedTuple):
    """Input features of n rows, of which some that are one-hot are left as codes.

    Attributes
    ----------
    codes : (V, n) int64 tensor
        Of the V variables left so.
    firsts, sizes : tuple of int
        Where the features of each begin, and how many there are.
    others : (n, m) tensor
        All other features.
    columns : (m,) int64 tensor
        Where these are.
    """

    codes: Tensor
    firsts: tuple[int, ...]
    sizes: tuple[int, ...]
    others: Tensor
    columns: Tensor

    @property
    def n_features(self) -> int:
        """How many features there are in all."""
        return sum(self.sizes) + len(self.columns)

    def beside(self, context: Tensor) -> SparseOneHot:
        """Return the same rows with features of context (n, C) after their own."""
        added = torch.arange(self.n_features, self.n_features + context.shape[1])
        return self._replace(
            others=torch.cat([self.others, context], dim=1), columns=torch.cat([self.columns, added])
        )

    def dense(self) -> Tensor:
        """Return all features, (n, n_features)."""
        ones = one_hot(self.codes, self.firsts, self.n_features, self.others)
        return ones.index_copy(1, self.columns, self.others)


def one_hot(codes: Tensor, firsts: tuple[int, ...], n_features: int, like: Tensor) -> Tensor:
    """Return the features of the codes (n, n_features), zero elsewhere."""
    places = codes + torch.tensor(firsts)[:, None]
    return like.new_zeros(codes.shape[1], n_features).scatter_(1, places.t(), 1.0)
