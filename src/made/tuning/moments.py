"""What a Gaussian copula is made of: correlations of features, regressions, means by class."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from made.variables.numeric import INSIDE, Numeric
from made.variables.row_type import RowType

__all__ = [
    "FEW_ATOMS",
    "SHARES",
    "Correlate",
    "Floats",
    "Ints",
    "as_correlation",
    "classes_of",
    "correlation_by",
    "deviations_of",
    "evenly",
    "is_frequent",
    "regression",
    "shrunk_correlation",
    "shrunk_means",
    "smoothed_shares",
    "sums_of",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
#: Estimates a correlation matrix from standardized features (n, M).
Correlate = Callable[[Floats], Floats]

#: How much of a discriminant may count: features are not normal within classes, and one that takes them to be
#: is too sure of itself.
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
#: A share of atoms above which a body has a regression of its own rows.
FEW_ATOMS = 0.01
# A feature that hardly any row has, say of a class that occurs twice, has a slope that is mostly noise: a row
# that has it would cost thousands of nats. Its deviation is at least this, or that of _FEWEST_ROWS rows.
_LEAST_DEVIATION, _FEWEST_ROWS = 0.1, 30
# What is added to the variances of standardized features, so that a matrix of copies has an inverse.
_RIDGE = 1e-8


def shrunk_correlation(scores: Floats) -> Floats:
    """Return the correlation matrix of standardized scores (n, B), shrunk towards independence.

    By as much as Ledoit and Wolf (2004) say, so that few rows of many columns do.
    """
    from sklearn.covariance import ledoit_wolf

    return as_correlation(ledoit_wolf(scores, assume_centered=True)[0])


def sample_correlation(scores: Floats) -> Floats:
    """Return the correlation matrix of standardized scores (n, B) as it is."""
    return as_correlation(scores.T @ scores / len(scores))


def correlation_by(*, is_sharp: bool) -> Correlate:
    """Return what estimates correlations: as they are, for columns that others determine, or shrunk."""
    return sample_correlation if is_sharp else shrunk_correlation


def as_correlation(covariance: Floats) -> Floats:
    """Return a covariance matrix as one of correlations that has an inverse."""
    covariance = covariance + _RIDGE * np.eye(len(covariance))
    deviation = np.sqrt(np.diag(covariance))
    correlation: Floats = covariance / np.outer(deviation, deviation)
    return correlation


def deviations_of(features: Floats) -> Floats:
    """Return the standard deviations of features (n, M); none is so small that it divides badly."""
    deviations: Floats = np.maximum(features.std(axis=0), 1e-3)
    return deviations


def is_frequent(features: Floats) -> NDArray[np.bool_]:
    """Return which features (n, M) have rows enough to be followed."""
    least = min(_LEAST_DEVIATION, math.sqrt(_FEWEST_ROWS / len(features)))
    frequent: NDArray[np.bool_] = features.std(axis=0) > least
    return frequent


def regression(values: Floats, correlate: Correlate) -> tuple[Floats, float, float]:
    """Return slopes, intercept and noise of the last of these columns (n, p + 1), given the others."""
    mean, deviation = values.mean(axis=0), deviations_of(values)
    factor = np.linalg.inv(np.linalg.cholesky(correlate((values - mean) / deviation)))
    slopes = -factor[-1, :-1] / factor[-1, -1] * deviation[-1] / deviation[:-1]
    return slopes, float(mean[-1] - slopes @ mean[:-1]), float(deviation[-1] / factor[-1, -1])


def classes_of(variables: RowType, variable: int) -> Ints:
    """Return the class that each code counts as: a spike inside a body counts as the body."""
    own = np.arange(int(variables.n_values[variable]))
    if not isinstance(variables.block_of(variable), Numeric):
        return own
    assert variables.numbers is not None
    scores = variables.numbers.spike_scores[variables.numbers.number_of(variable)]
    own[1 : 1 + len(scores)][np.abs(scores) < INSIDE] = 0
    classes: Ints = np.unique(own, return_inverse=True)[1]
    return classes


def smoothed_shares(counts: Floats | Ints) -> Floats:
    """Return the shares of classes by how many rows each has, (K,), none of them 0."""
    shares: Floats = (counts + 1) / (counts.sum() + len(counts))
    return shares


def evenly(n: int, most: int) -> Ints:
    """Return which of n rows to take for a share or a mean: all, or `most` of them, evenly spread."""
    return np.linspace(0, n - 1, min(n, most)).astype(np.int64)


def sums_of(features: Floats, codes: Ints, n_classes: int) -> Floats:
    """Return the sums of features (n, M) by class, (K, M)."""
    of_class = csr_array((np.ones(len(codes)), (codes, np.arange(len(codes)))), (n_classes, len(codes)))
    return np.asarray(of_class @ features)


def shrunk_means(sums: Floats, counts: Floats | Ints) -> Floats:
    """Return the means by class (K, M) of standardized features, shrunk (James and Stein 1961).

    Parameters
    ----------
    sums : (K, M) array
        Of the features of each class.
    counts : (K,) array
        Of its rows.
    """
    means: Floats = sums / np.maximum(counts, 1)[:, None]
    # Of few rows a mean is mostly noise.
    squares = counts * (means**2).sum(axis=1)
    means *= np.maximum(1 - sums.shape[1] / np.maximum(squares, 1e-300), 0)[:, None]
    return means
