"""What one variable says of the classes of another, as direct connections: a table of counts.

As in a Chow-Liu tree a variable of classes has a parent: of the variables before it the one whose classes
predict it best, every row from all other rows (leave-one-out). A body of numbers counts as one class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from made.tuning.moments import Floats, Ints
from made.variables.discrete import Bernoulli, Categorical
from made.variables.numeric import N_BUMPS, Numeric
from made.variables.row_type import RowType

__all__ = ["Parent", "ParentTable", "best_table", "parents_of"]

# What the marginal counts in a table beside the rows of a class of the parent.
_PSEUDO_ROWS = 2.0
# With more variables that may be parents, finding them takes too long.
_MOST_PARENTS = 300


@dataclass(frozen=True, eq=False)
class Parent:
    """A variable whose classes are input features.

    Attributes
    ----------
    variable : int
    codes : (n,) int array
        Of the rows.
    inputs : (V,) int array
        The input feature of each code, of labels that are no class as well; -1 where it has none.
    """

    variable: int
    codes: Ints
    inputs: Ints

    def of(self, some: NDArray[np.bool_]) -> Parent:
        """Return the parent for a subset of the rows."""
        return replace(self, codes=self.codes[some])


@dataclass(frozen=True, eq=False)
class ParentTable:
    """What a parent adds to the logits of a variable of K classes.

    Attributes
    ----------
    parent : Parent
    codes : (n,) int array
        The classes of the training rows.
    shares : (K,) array
        The shares of the classes.
    counts : (V, K) array
        How many rows have each class of the parent together with each class.
    """

    parent: Parent
    codes: Ints
    shares: Floats
    counts: Floats

    def evidence(self, some: Ints) -> Floats:
        """Return what it adds in some of the training rows, (len(some), K), by the counts of all others."""
        counts = self.counts[self.parent.codes[some]]
        counts[np.arange(len(some)), self.codes[some]] -= 1
        return np.log(_share_of(counts, self.shares)) - np.log(self.shares)

    @property
    def _each(self) -> Floats:
        return np.log(_share_of(self.counts, self.shares)) - np.log(self.shares)

    @property
    def bias(self) -> Floats:
        """(K,): what is added where no feature of the parent is there."""
        has_none = self.parent.inputs < 0
        return self._each[has_none][0] if has_none.any() else np.zeros(len(self.shares))

    @property
    def inputs(self) -> Ints:
        """(M,): the features of the parent."""
        return self.parent.inputs[self.parent.inputs >= 0]

    @property
    def weights(self) -> Floats:
        """(K, M): what each of these features adds to the bias."""
        weights: Floats = (self._each[self.parent.inputs >= 0] - self.bias).T
        return weights


def parents_of(variables: RowType, codes: Ints) -> list[Parent]:
    """Return the variables that have a feature for each class, none if they are very many.

    Parameters
    ----------
    variables : RowType
        What the columns are.
    codes : (n, D) int array
        Of training rows.
    """
    firsts = np.cumsum(variables.input_sizes) - variables.input_sizes
    found = []
    for d, block in variables.columns():
        places = _places(block)
        if places is not None:
            inputs = np.where(places < 0, -1, int(firsts[d]) + places)
            found.append(Parent(d, codes[:, d], inputs))
    return found if len(found) <= _MOST_PARENTS else []


def _places(block: object) -> Ints | None:
    """Return which of the features of a variable that of each code is, -1 where it has none."""
    if isinstance(block, Bernoulli):
        return np.array([-1, 0])
    if isinstance(block, Categorical) and block.kernel_kind == "one-hot":
        return np.append(np.arange(block.n_values), np.full(block.n_codes - block.n_values, -1))
    if isinstance(block, Numeric) and block.n_values > 1:
        return np.append(-1, N_BUMPS + np.arange(1, block.n_values))
    return None


def best_table(parents: Sequence[Parent], codes: Ints, n_classes: int) -> ParentTable | None:
    """Return the table of the parent that predicts classes best, or None if none gains on their shares.

    Parameters
    ----------
    parents : sequence of Parent
        With n rows each.
    codes : (n,) int array
        The class of each row.
    n_classes : int
        K.
    """
    shares = (np.bincount(codes, minlength=n_classes) + 1.0) / (len(codes) + n_classes)
    least, best = float(-np.log(shares)[codes].sum()), None
    for parent in parents:
        size = len(parent.inputs) * n_classes
        counts = np.bincount(parent.codes * n_classes + codes, minlength=size).reshape(-1, n_classes)
        totals = counts.sum(axis=1, keepdims=True)
        loss = float(-(counts * np.log(_share_of(counts - 1, shares, totals - 1))).sum())
        if loss < least:
            least, best = loss, ParentTable(parent, codes, shares, counts.astype(np.float64))
    return best


def _share_of(counts: Floats | Ints, shares: Floats, totals: Floats | Ints | None = None) -> Floats:
    """Return the smoothed shares of classes, (..., K), of counts (..., K) that sum to totals (..., 1)."""
    totals = counts.sum(axis=-1, keepdims=True) if totals is None else totals
    smoothed: Floats = (np.maximum(counts, 0) + _PSEUDO_ROWS * shares) / (
        np.maximum(totals, 0) + _PSEUDO_ROWS
    )
    return smoothed
