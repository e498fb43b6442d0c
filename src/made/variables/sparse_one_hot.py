"""Sparse one-hot features: of the thousand features of a variable with a thousand classes, one is 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["FEWEST_CLASSES", "OneHots", "SparseOneHot", "one_hot"]

#: Features of variables with fewer classes are dense: then multiplying is as fast.
FEWEST_CLASSES = 128


class OneHots(NamedTuple):
    """One-hot variables of n rows, as codes.

    Attributes
    ----------
    codes : (V, n) int64 tensor
    firsts, sizes : tuple of int
        Where the features of each begin, and how many there are.
    seen : (V, n) bool tensor, optional
        False where all features of a variable are zero; its code is any then.
    """

    codes: Tensor
    firsts: tuple[int, ...]
    sizes: tuple[int, ...]
    seen: Tensor | None = None


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
    seen : (V, n) bool tensor, optional
        False where all features of a variable are zero. By default that is so nowhere.
    """

    codes: Tensor
    firsts: tuple[int, ...]
    sizes: tuple[int, ...]
    others: Tensor
    columns: Tensor
    seen: Tensor | None = None

    @staticmethod
    def of(parts: Sequence[tuple[int, OneHots]], others: Tensor, n_features: int) -> SparseOneHot:
        """Join one-hot variables, each part with its first feature, and all other features in order."""
        firsts = [first + own for first, part in parts for own in part.firsts]
        sizes = [size for _, part in parts for size in part.sizes]
        is_other = torch.ones(n_features, dtype=torch.bool)
        for first, size in zip(firsts, sizes, strict=True):
            is_other[first : first + size] = False
        seen = None
        if any(part.seen is not None for _, part in parts):
            seen = torch.cat(
                [
                    torch.ones_like(own.codes, dtype=torch.bool) if own.seen is None else own.seen
                    for _, own in parts
                ]
            )
        return SparseOneHot(
            codes=torch.cat([part.codes for _, part in parts]).contiguous(),
            firsts=tuple(firsts),
            sizes=tuple(sizes),
            others=others,
            columns=is_other.nonzero()[:, 0],
            seen=seen,
        )

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
        ones = one_hot(self.codes, self.firsts, self.n_features, self.others, self.seen)
        return ones.index_copy(1, self.columns, self.others)


def one_hot(
    codes: Tensor, firsts: tuple[int, ...], n_features: int, like: Tensor, seen: Tensor | None = None
) -> Tensor:
    """Return the features of the codes (n, n_features), zero elsewhere."""
    places = codes + torch.tensor(firsts)[:, None]
    ones = like.new_ones(codes.shape) if seen is None else seen.to(like.dtype)
    return like.new_zeros(codes.shape[1], n_features).scatter_(1, places.t(), ones.t())
