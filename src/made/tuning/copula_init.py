"""A model that starts as the Gaussian copula of its numeric columns.

The normal scores of the columns are taken to be jointly normal. Each is then a linear function of those
before it, plus noise: direct connections and one width hold that exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from made.model import MADE
from made.variables.normal_mixture import N_COMPONENTS, outputs_of
from made.variables.row_type import RowType
from made.variables.rows import Rows
from made.variables.schema import Schema

__all__ = ["build_as_copula", "can_be_copula", "least_noise", "shrunk_correlation"]

# A column that the others determine is given this much noise all the same.
_LEAST_NOISE = 1e-3
_LARGEST_SCORE = 4.0
# What is added to the variances of standardized scores, so that a matrix of copies has an inverse.
_RIDGE = 1e-8
# Of a column's noise: the most rows that it is found with, and the fewest for each column.
_MOST_ROWS, _ROWS_PER_COLUMN = 20_000, 10


def can_be_copula(schema: Schema) -> bool:
    """Return whether there are two numeric columns at least."""
    numbers = schema.row_type.numbers
    return numbers is not None and len(numbers.columns) > 1


def least_noise(row_type: RowType, train: Rows) -> float:
    """Return the deviation of that normal score which is closest to a linear function of all the others.

    1 where all are independent, close to 0 where a column is a copy or a sum of others; NaN where there are
    too few rows to tell.
    """
    scores = _scores(row_type, train[:_MOST_ROWS])
    scores = scores[:, scores.std(axis=0) > 0]
    n, width = scores.shape
    if width < 2 or n < _ROWS_PER_COLUMN * width:
        return float("nan")
    inverse = np.linalg.inv(_correlation(np.corrcoef(scores.T)))
    return float(1 / np.sqrt(np.diag(inverse).max()))


def build_as_copula(
    schema: Schema, settings: Mapping[str, Any], train: Rows, seed: int = 0, *, is_sharp: bool = False
) -> MADE:
    """Build a model whose numeric columns have the conditionals of a Gaussian copula.

    Parameters
    ----------
    schema : Schema
        Of the rows, with the marginals of its columns.
    settings : mapping
        The other arguments of `MADE`, with direct connections and one mask.
    train : Rows
        Training rows.
    seed : int
        Of the initial weights.
    is_sharp : bool
        Take the correlations as they are, where they would be shrunk: for columns that others determine.
    """
    model = MADE(schema, seed=seed, **settings)
    model.set_marginals(train)
    numbers, direct = model.variables.numbers, model.network.direct
    assert numbers is not None
    assert direct is not None
    scores = _scores(model.variables, train)
    mean, deviation = scores.mean(axis=0), np.maximum(scores.std(axis=0), 1e-3)
    ranks = model.mask(0).ranks[numbers.places]
    order = np.argsort(ranks)
    standard = ((scores - mean) / deviation)[:, order]
    correlation = (
        _correlation(standard.T @ standard / len(standard)) if is_sharp else shrunk_correlation(standard)
    )
    # With L L' the correlation matrix, row d of the inverse of L gives e_d = M_dd x_d + sum_j M_dj x_j.
    inverse = np.linalg.inv(np.linalg.cholesky(correlation))
    inputs = np.cumsum(model.variables.input_sizes) - model.variables.input_sizes
    outputs = numbers.outputs.numpy().reshape(len(order), 3, N_COMPONENTS)
    with torch.no_grad():
        for place, d in enumerate(order.tolist()):
            own = inverse[place, place]
            slopes = -inverse[place, :place] / own * deviation[d] / deviation[order[:place]]
            shift = mean[d] - slopes @ mean[order[:place]]
            bias = outputs_of(float(shift), max(float(deviation[d] / own), _LEAST_NOISE))
            model.network.biases[-1][torch.from_numpy(outputs[d].ravel())] = bias
            into = inputs[numbers.places[order[:place]]]
            for j, slope in zip(into.tolist(), slopes.tolist(), strict=True):
                direct[torch.from_numpy(outputs[d, 1]), j] = slope
    return model


def shrunk_correlation(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the correlation matrix of standardized scores (n, B), shrunk towards independence.

    By as much as Ledoit and Wolf (2004) say, so that few rows of many columns do.
    """
    from sklearn.covariance import ledoit_wolf

    covariance, _ = ledoit_wolf(scores, assume_centered=True)
    deviation = np.sqrt(np.diag(covariance))
    correlation: NDArray[np.float64] = covariance / np.outer(deviation, deviation)
    return correlation


def _correlation(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the correlation matrix, with an inverse, of a covariance matrix."""
    covariance = covariance + _RIDGE * np.eye(len(covariance))
    deviation = np.sqrt(np.diag(covariance))
    correlation: NDArray[np.float64] = covariance / np.outer(deviation, deviation)
    return correlation


def _scores(row_type: RowType, train: Rows) -> NDArray[np.float64]:
    """Return the normal scores as they enter the network, 0 where an entry is missing."""
    numbers = row_type.numbers
    assert numbers is not None
    rows = row_type.scored(train)
    assert rows.scores is not None
    z = rows.scores[:, :, 0].clamp(-_LARGEST_SCORE, _LARGEST_SCORE).numpy()
    codes = rows.codes[:, torch.from_numpy(numbers.places)].numpy()
    missing = np.array([-1 if own.missing_code is None else own.missing_code for own in numbers.columns])
    scores: NDArray[np.float64] = np.where(codes == missing, 0.0, z)
    return scores
