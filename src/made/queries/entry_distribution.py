"""How one column is distributed given all other entries of a row, and what that says of the value there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from made.masks.ordering import IntArray
from made.queries.density import Floats

__all__ = ["Distribution", "GivenRest", "mean_of"]


@dataclass(frozen=True, eq=False)
class Distribution:
    """The distribution of one column given all other entries, row by row.

    Attributes
    ----------
    codes, bodies : (n, S) int64 arrays
        Values as a model has them: all that there are, or nodes. Bodies are 0 where a column is discrete.
    weights : (n, S) float64 array
        Their probabilities; those of a row sum to 1.
    is_listed : bool
        The values are all that there are, the same in every row.
    """

    codes: IntArray
    bodies: IntArray
    weights: Floats
    is_listed: bool


@dataclass(frozen=True, eq=False)
class GivenRest(Distribution):
    """The distribution of one column given all other entries, row by row, and the value that is there.

    Attributes
    ----------
    codes, bodies, weights, is_listed
        As in `Distribution`; the weights of a row whose own value is not listed sum to less than 1.
    log_prob : (n,) float64 array
        log p(x_d | all other entries) in nats, of the value that is there.
    surprise : (n,) float64 array
        By how many nats that is below the mean of what values drawn from the distribution have.
    """

    log_prob: Floats
    surprise: Floats

    def __getitem__(self, some: IntArray) -> GivenRest:
        """Return the answers for some of the rows."""
        return GivenRest(
            self.codes[some],
            self.bodies[some],
            self.weights[some],
            self.is_listed,
            self.log_prob[some],
            self.surprise[some],
        )

    def averaged(self, each: int) -> GivenRest:
        """Return the mean of the distributions of every `each` rows in succession."""
        n = len(self.log_prob) // each
        log_prob = np.logaddexp.reduce(self.log_prob.reshape(n, each), axis=1) - np.log(each)
        if self.is_listed:
            weights = self.weights.reshape(n, each, -1).mean(axis=1)
            with np.errstate(divide="ignore"):
                surprise = mean_of(weights, np.log(weights)) - log_prob
            return GivenRest(self.codes[::each], self.bodies[::each], weights, True, log_prob, surprise)
        typical = (self.surprise + self.log_prob).reshape(n, each).mean(axis=1)
        codes, bodies = self.codes.reshape(n, -1), self.bodies.reshape(n, -1)
        weights = (self.weights / each).reshape(n, -1)
        return GivenRest(codes, bodies, weights, False, log_prob, typical - log_prob)

    @staticmethod
    def cat(parts: Sequence[GivenRest]) -> GivenRest:
        """Join the answers for successive rows; those for one at least."""
        return GivenRest(
            np.concatenate([part.codes for part in parts]),
            np.concatenate([part.bodies for part in parts]),
            np.concatenate([part.weights for part in parts]),
            parts[0].is_listed,
            np.concatenate([part.log_prob for part in parts]),
            np.concatenate([part.surprise for part in parts]),
        )


def mean_of(weights: Floats, logs: Floats) -> Floats:
    """Return the means (n,) of numbers that may be -inf where their weight is 0."""
    means: Floats = (weights * np.where(weights > 0, logs, 0.0)).sum(axis=1)
    return means
