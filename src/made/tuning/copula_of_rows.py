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
from made.network.copula import Copula
from made.tuning.moments import (
    FEW_ATOMS,
    SHARES,
    Correlate,
    Floats,
    Ints,
    classes_without_inside,
    deviations_of,
    evenly,
    is_frequent,
    regression,
    sample_correlation,
    shrunk_correlation,
    shrunk_means,
    smoothed_shares,
    sums_of,
)
from made.variables.numeric import Numeric
from made.variables.row_type import RowType
from made.variables.rows import Rows

__all__ = ["fit_copula"]

# The most rows that a copula is of, and the fewest from which something follows.
_MOST_ROWS, _FEWEST = 50_000, 30
# The parts of the rows that are predicted, how many rows of each, and under how many orderings.
_N_PARTS, _ROWS_OF_PART, _N_ORDERINGS = 4, 1_000, 3


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
    fitting = _Fitting(model.variables, copula, rows, sample_correlation if is_sharp else shrunk_correlation)
    parts = np.arange(len(rows)) % _N_PARTS
    losses = torch.zeros(len(SHARES), model.n_variables, dtype=torch.float64)
    for part in range(_N_PARTS):
        fitting.set(parts != part)
        apart = np.flatnonzero(parts == part)
        losses += _losses(model, copula, rows[torch.from_numpy(apart[evenly(len(apart), _ROWS_OF_PART)])])
    fitting.set(np.ones(len(rows), dtype=bool))
    _set_shares(copula, torch.tensor(SHARES, dtype=torch.float64)[losses.argmin(dim=0)])


def _set_shares(copula: Copula, shares: Tensor) -> None:
    """Set how much of the discriminant of each variable counts, (D,)."""
    for own in copula.groups:
        copula.spreads[own.targets] = shares[own.variable]


def _losses(model: MADE, copula: Copula, rows: Rows) -> Tensor:
    """Return minus log p of each variable, for each share that may count: (shares, D)."""
    features = model.variables.features(rows.codes, rows.scores)
    losses = torch.zeros(len(SHARES), model.n_variables, dtype=torch.float64)
    for i, share in enumerate(SHARES):
        _set_shares(copula, torch.full((model.n_variables,), share, dtype=torch.float64))
        for k in range(min(model.n_masks, _N_ORDERINGS)):
            weight, bias = copula.under(model.mask(k).ranks)
            outputs = features @ weight.T + (bias + model.network.biases[-1])
            losses[i] -= model.variables.log_prob(outputs, rows.codes, rows.scores).double().sum(dim=0)
    return losses


class _Body(NamedTuple):
    """Which rows (n,) have a body, the feature that is its score, and which (M,) are of other variables."""

    has: NDArray[np.bool_]
    feature: int
    others: NDArray[np.bool_]


class _Target(NamedTuple):
    """What is regressed of a body: (n,) standardized values where its feature is not, and their moments.

    `noise` is the variance that values which are filled in lack.
    """

    values: Floats | None
    mean: float
    deviation: float
    noise: float
    is_followed: bool


class _Fitting:
    """Training rows, and what a copula is of some of them.

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
        self.features = variables.features(rows.codes, rows.scores).double().numpy()[:, copula.inputs]
        owners = np.repeat(np.arange(variables.n_variables), variables.input_sizes)[copula.inputs]
        self.bodies = [
            _Body(codes[:, d] == 0, int(np.searchsorted(owners, d)), owners != d)
            for d in (own.variable for own in copula.bodies)
        ]
        #: Of each group of classes: the codes of the rows, and the class that each code counts as.
        self.classes = [
            (codes[:, own.variable], _classes_of(variables, own.variable)) for own in copula.groups
        ]

    def set(self, chosen: NDArray[np.bool_]) -> None:
        """Set the copula to that of the chosen rows."""
        features, copula = self.features[chosen], self.copula
        mean, deviations, is_taken = features.mean(axis=0), deviations_of(features), is_frequent(features)
        is_taken[[body.feature for body in self.bodies]] = True
        values = np.where(is_taken, (features - mean) / deviations, 0.0)
        found = [self._body(values, chosen, body) for body in self.bodies]
        beside = [own.values for own in found if own.values is not None]
        correlation = self.correlate(np.column_stack([values, *beside]))
        n_features, n_beside = len(mean), 0
        targets, levels, spreads = (own.numpy() for own in (copula.targets, copula.levels, copula.spreads))
        for place, body, own in zip(copula.bodies, self.bodies, found, strict=True):
            scale, row = deviations[body.feature], body.feature
            if own.values is not None:
                row, n_beside = n_features + n_beside, n_beside + 1
            targets[place.target] = own.deviation * scale * correlation[row, :n_features] * deviations
            levels[place.target] = mean[body.feature] + scale * own.mean
            spreads[place.target] = scale**2 * (own.deviation**2 + own.noise)
            if not own.is_followed:
                targets[place.target], levels[place.target], spreads[place.target] = 0.0, 0.0, 1.0
        for group, (codes, classes) in zip(copula.groups, self.classes, strict=True):
            is_class = chosen & (codes < len(classes))
            own_codes, n_classes = codes[is_class], int(classes.max()) + 1
            counts = np.bincount(own_codes, minlength=len(classes)).astype(np.float64)
            sums = sums_of(values[is_class[chosen]], classes[own_codes], n_classes)
            means = shrunk_means(sums, np.bincount(classes, counts))
            targets[group.targets] = means[classes] * deviations
            levels[group.targets] = smoothed_shares(counts)
        copula.mean.copy_(torch.from_numpy(mean))
        covariance = correlation[:n_features, :n_features] * np.outer(deviations, deviations)
        copula.covariance.copy_(torch.from_numpy(covariance))

    def _body(self, values: Floats, chosen: NDArray[np.bool_], body: _Body) -> _Target:
        """Return what is to follow from other features: its score; elsewhere what these say it would be."""
        is_body, score = body.has[chosen], values[:, body.feature]
        if is_body.mean() > 1 - FEW_ATOMS:
            return _Target(None, 0.0, 1.0, 0.0, is_followed=bool(score.any()))
        if is_body.sum() < _FEWEST:
            return _Target(None, 0.0, 1.0, 0.0, is_followed=False)
        others = values[:, body.others]
        slopes, shift, noise = regression(np.column_stack([others, score])[is_body], self.correlate)
        own = np.where(is_body, score, others @ slopes + shift)
        mean, deviation = float(own.mean()), max(float(own.std()), 1e-3)
        scatter = float((~is_body).mean()) * noise**2
        return _Target((own - mean) / deviation, mean, deviation, scatter, is_followed=True)


def _classes_of(variables: RowType, variable: int) -> Ints:
    """Return the class that each code counts as: a spike inside a body is one of the body's."""
    if isinstance(variables.block_of(variable), Numeric):
        return classes_without_inside(variables, variable)
    return np.arange(int(variables.n_values[variable]))
