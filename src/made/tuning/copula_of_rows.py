"""The copula of a model of many orderings, from its training rows.

The covariance matrix is shrunk towards independence (Ledoit and Wolf 2004), and of the discriminant of each
variable as much counts as predicts rows best that it was not made from.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from made.model import MADE
from made.network.copula import Copula, n_copula_features
from made.tuning.moments import (
    FEW_ATOMS,
    SHARES,
    Correlate,
    classes_of,
    correlation_by,
    deviations_of,
    evenly,
    is_frequent,
    regression,
    shrunk_means,
    smoothed_shares,
    sums_of,
)
from made.variables.row_type import RowType
from made.variables.rows import Rows
from made.variables.schema import Schema

__all__ = ["fit_copula", "n_features_of_copula"]

# The most rows that a copula is of, and the fewest from which something follows.
_MOST_ROWS, _FEWEST = 20_000, 30
# The parts of the rows that are predicted, how many rows of each, and under how many orderings.
_N_PARTS, _ROWS_OF_PART, _N_ORDERINGS = 4, 1_000, 8


def n_features_of_copula(schema: Schema) -> int:
    """Return how many features the copula of a model of several orderings has; 0 where it can have none."""
    return 0 if schema.context else n_copula_features(schema.row_type)


def fit_copula(model: MADE, train: Rows, *, is_sharp: bool = False) -> None:
    """Set the copula of a model; of few rows it says nothing.

    Parameters
    ----------
    model : MADE
        With ``copula=True`` and the marginals of the training rows.
    train : Rows
        Training rows.
    is_sharp : bool
        Take the correlations as they are, where they would be shrunk: for columns that others determine.
    """
    copula = model.network.copula
    assert copula is not None
    if len(train) < _FEWEST:
        return
    rows = model.scored(train[torch.from_numpy(evenly(len(train), _MOST_ROWS))])
    fitting = _Fitting(model.variables, copula, rows, correlation_by(is_sharp=is_sharp))
    parts = np.arange(len(rows)) % _N_PARTS
    losses = torch.zeros(len(SHARES), model.n_variables, dtype=torch.float64)
    for part in range(_N_PARTS):
        fitting.set(parts != part)
        apart = np.flatnonzero(parts == part)
        losses += _losses(model, copula, rows[torch.from_numpy(apart[evenly(len(apart), _ROWS_OF_PART)])])
    fitting.set(np.ones(len(rows), dtype=bool))
    shares = torch.tensor(SHARES, dtype=torch.float64)[losses.argmin(dim=0)]
    for own in copula.groups:
        copula.spreads[own.targets] = shares[own.variable]


def _losses(model: MADE, copula: Copula, rows: Rows) -> Tensor:
    """Return minus log p of each variable, for each share of its discriminant: (shares, D)."""
    features = model.variables.features(rows.codes, rows.scores)
    losses = torch.zeros(len(SHARES), model.n_variables, dtype=torch.float64)
    for k in range(min(model.n_masks, _N_ORDERINGS)):
        weight, bias = copula.under(model.mask(k).ranks)
        added, share_of = features @ weight.T + bias, torch.ones(len(bias))
        for i, share in enumerate(SHARES):
            share_of[copula.class_outputs] = share
            outputs = share_of * added + model.network.biases[-1]
            losses[i] -= model.variables.log_prob(outputs, rows.codes, rows.scores).double().sum(dim=0)
    return losses


class _Target(NamedTuple):
    """The score of a body among standardized features, as what is to follow from those of other variables.

    Attributes
    ----------
    feature, column : int
        Which feature it is, and the column that its correlations are of.
    mean, deviation, variance : float
        Of the score, in standard deviations of the feature: of what is regressed, and with the noise that
        values which are filled in lack.
    is_followed : bool
        Whether there are rows enough to say anything.
    """

    feature: int
    column: int
    mean: float = 0.0
    deviation: float = 1.0
    variance: float = 1.0
    is_followed: bool = True


class _Fitting:
    """Fits a copula to a subset of the training rows.

    Parameters
    ----------
    variables : RowType
        Fitted to the rows.
    copula : Copula
        It is changed in place.
    rows : Rows
        With scores.
    correlate : callable
        Estimates the correlations.
    """

    def __init__(self, variables: RowType, copula: Copula, rows: Rows, correlate: Correlate) -> None:
        self.copula, self.correlate = copula, correlate
        codes = rows.codes.numpy().astype(np.int64)
        features = variables.features(rows.codes, rows.scores).double().numpy()[:, copula.inputs]
        self.mean, self.deviations = features.mean(axis=0), deviations_of(features)
        owners = copula.of_feature
        scores = {own.variable: int(np.searchsorted(owners, own.variable)) for own in copula.bodies}
        is_taken = is_frequent(features)
        is_taken[list(scores.values())] = True
        self.columns = np.where(is_taken, (features - self.mean) / self.deviations, 0.0)
        self.bodies = [self._target(codes[:, d] == 0, score, owners != d) for d, score in scores.items()]
        #: Of each group of classes: the codes of the rows, and the class that each code counts as.
        self.classes = [
            (codes[:, own.variable], classes_of(variables, own.variable)) for own in copula.groups
        ]

    def _target(self, is_body: NDArray[np.bool_], feature: int, others: NDArray[np.bool_]) -> _Target:
        """Return what the score of a body is, where rows have the body, and what others say it would be."""
        score = self.columns[:, feature]
        if is_body.mean() > 1 - FEW_ATOMS:
            return _Target(feature, feature, is_followed=bool(score.any()))
        if is_body.sum() < _FEWEST:
            return _Target(feature, feature, is_followed=False)
        beside = self.columns[:, : len(others)][:, others]
        slopes, shift, noise = regression(np.column_stack([beside, score])[is_body], self.correlate)
        own = np.where(is_body, score, beside @ slopes + shift)
        mean, deviation = float(own.mean()), max(float(own.std()), 1e-3)
        self.columns = np.column_stack([self.columns, (own - mean) / deviation])
        variance = deviation**2 + float((~is_body).mean()) * noise**2
        return _Target(feature, self.columns.shape[1] - 1, mean, deviation, variance)

    def set(self, chosen: NDArray[np.bool_]) -> None:
        """Set the copula to that of the chosen rows."""
        copula, columns, n_features = self.copula, self.columns[chosen], len(self.mean)
        # Standardized again: what is singular, such as the features of classes, is so to the last digit.
        shift, scale = columns.mean(axis=0), deviations_of(columns)
        columns = (columns - shift) / scale
        mean = self.mean + self.deviations * shift[:n_features]
        deviations = self.deviations * scale[:n_features]
        correlation = self.correlate(columns)
        targets, levels, spreads = (own.numpy() for own in (copula.targets, copula.levels, copula.spreads))
        targets[:], levels[:], spreads[:] = 0.0, 0.0, 1.0  # of an earlier fit
        for place, own in zip(copula.bodies, self.bodies, strict=True):
            if own.is_followed:
                unit = self.deviations[own.feature]
                targets[place.target] = (
                    correlation[own.column, :n_features] * deviations * unit * own.deviation
                )
                levels[place.target] = self.mean[own.feature] + unit * own.mean
                spreads[place.target] = unit**2 * own.variance
        for group, (codes, classes) in zip(copula.groups, self.classes, strict=True):
            is_class = chosen & (codes < len(classes))
            own_codes, n_classes = codes[is_class], int(classes.max()) + 1
            counts = np.bincount(own_codes, minlength=len(classes)).astype(np.float64)
            sums = sums_of(columns[is_class[chosen], :n_features], classes[own_codes], n_classes)
            means = shrunk_means(sums, np.bincount(classes, counts))
            targets[group.targets] = means[classes] * deviations
            levels[group.targets] = smoothed_shares(counts)
        copula.mean.copy_(torch.from_numpy(mean))
        covariance = correlation[:n_features, :n_features] * np.outer(deviations, deviations)
        copula.covariance.copy_(torch.from_numpy(covariance))
