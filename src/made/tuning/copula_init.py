"""A model that starts as a Gaussian copula of its numbers, and with what its classes follow from.

The features of context and of all variables, in the order of their ranks, have one covariance matrix, shrunk
towards independence (Ledoit and Wolf 2004). The normal score of a number is then a linear function of the
features before it, plus noise; and so are the logits of a class, were the features normal within each class.
Logits also have what the class of one variable before them says, see `parent_table`. Direct connections and
one width hold that exactly.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import logsumexp

from made.model import MADE
from made.network.copula import LEAST_NOISE, MOST_CLASSES, features_of, logits_within
from made.tuning.copula_of_rows import fit_copula
from made.tuning.moments import (
    FEW_ATOMS,
    SHARES,
    Correlate,
    Floats,
    Ints,
    as_correlation,
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
from made.tuning.parent_table import Parent, best_table, parents_of
from made.variables.discrete import Bernoulli, Discrete
from made.variables.normal_mixture import N_COMPONENTS, log_ratio, outputs_of
from made.variables.numeric import INSIDE, Numeric
from made.variables.row_type import RowType
from made.variables.rows import Rows
from made.variables.schema import Schema

__all__ = ["build_as_copula", "can_be_copula", "least_noise"]

# More features than this take too long; and of how many classes there are rows enough for a table.
_MOST_FEATURES, _MOST_IN_TABLE = 1_000, 500
# How many rows say how much of a discriminant and of a table is taken, in parts that are predicted from the
# others.
_ROWS_OF_SHARES, _PARTS = 5_000, 4
# The most rows times spikes inside a body whose ratios are found: 40 MB for each intermediate.
_MOST_RATIOS = 2**20
# Of a column's noise: the most rows that it is found with, and the fewest for each column.
_MOST_ROWS, _ROWS_PER_COLUMN = 20_000, 10


def can_be_copula(schema: Schema) -> bool:
    """Return whether there is a number, and something beside it that it may depend on."""
    return schema.row_type.numbers is not None and (schema.row_type.n_variables > 1 or bool(schema.context))


def least_noise(row_type: RowType, train: Rows) -> float:
    """Return the deviation of that normal score which is closest to a linear function of all the others.

    1 where all are independent, close to 0 where a column is a copy or a sum of others; NaN where there are
    too few rows to tell.
    """
    rows = row_type.scored(train[:_MOST_ROWS])
    table = row_type.features(rows.codes, rows.scores).double().cpu().numpy()
    firsts = np.cumsum(row_type.input_sizes) - row_type.input_sizes
    assert row_type.numbers is not None
    scores = table[:, firsts[row_type.numbers.places]]
    scores = scores[:, scores.std(axis=0) > 0]
    n, width = scores.shape
    if width < 2 or n < _ROWS_PER_COLUMN * width:
        return float("nan")
    inverse = np.linalg.inv(as_correlation(np.corrcoef(scores.T)))
    return float(1 / np.sqrt(np.diag(inverse).max()))


def build_as_copula(
    schema: Schema, settings: Mapping[str, Any], train: Rows, seed: int = 0, *, is_sharp: bool = False
) -> MADE:
    """Build a model whose variables depend on those before them linearly, as in a Gaussian copula.

    Parameters
    ----------
    schema : Schema
        Of the rows, with the marginals of its columns.
    settings : mapping
        The other arguments of `MADE`, with direct connections, and one mask or ``copula=True``.
    train : Rows
        Training rows.
    seed : int
        Of the initial weights.
    is_sharp : bool
        Take the correlations as they are, where they would be shrunk: for columns that others determine.
    """
    model = MADE(schema, seed=seed, **settings)
    model.set_marginals(train)
    if model.network.copula is not None:
        fit_copula(model, train, is_sharp=is_sharp)
        return model
    assert model.network.direct is not None
    train = model.scored(train)
    codes = train.codes.cpu().numpy().astype(np.int64)
    before = _Features.of(model, train, correlation_by(is_sharp=is_sharp))
    ranks, may_be_parents = model.mask(0).ranks, parents_of(model.variables, codes)
    outputs = np.cumsum(model.variables.output_sizes) - model.variables.output_sizes
    with torch.no_grad():
        for variable in model.mask(0).ordering.tolist():
            block, first = model.variables.block_of(variable), int(outputs[variable])
            n_before = int(np.searchsorted(before.ranks, ranks[variable]))
            parents = [own for own in may_be_parents if ranks[own.variable] < ranks[variable]]
            own, classes = codes[:, variable], classes_of(model.variables, variable)
            if isinstance(block, Numeric):
                body = first + block.n_class_outputs
                bias, weights = _set_body(model, before, n_before, classes[own] == 0, body)
                if block.n_class_outputs:
                    _set_classes(model, before, n_before, parents, own, classes, first)
                    _keep_shares(model, before, variable, bias, weights, first)
            elif isinstance(block, Discrete) and _has_own_logits(block):
                is_one = isinstance(block, Bernoulli)
                _set_classes(model, before, n_before, parents, own, classes, first, is_one_logit=is_one)
    return model


def _has_own_logits(block: Discrete) -> bool:
    """Return whether there are rows enough for a logit of each class, and nothing changes it."""
    return block.output_map is None and block.n_values <= _MOST_IN_TABLE


@dataclass(frozen=True, eq=False)
class _Features:
    """Features that vary: those of context, and those of variables in the order of their ranks.

    Attributes
    ----------
    values : (n, M) float64 array
        Standardized.
    inputs, ranks : (M,) int arrays
        Which inputs of the network they are, those of context counted first, and the rank of the variable of
        each, 0 for context.
    mean, deviation : (M,) float64 arrays
        What they were standardized by.
    factor : (M, M) float64 array
        The inverse of the Cholesky factor of their correlation matrix.
    correlate : callable
        Estimates that from standardized features.
    """

    values: Floats
    inputs: Ints
    ranks: Ints
    mean: Floats
    deviation: Floats
    factor: Floats
    correlate: Correlate

    @staticmethod
    def of(model: MADE, train: Rows, correlate: Correlate) -> _Features:
        """Return the features of training rows: of a number its normal score, and whether it is missing."""
        variables, context = model.variables, model.context
        table = variables.features(train.codes, train.scores).double().cpu().numpy()
        ranks = np.repeat(model.mask(0).ranks, variables.input_sizes)
        is_used, is_score = features_of(variables)
        if train.context is not None:
            beside = np.ones(context.n_features, dtype=bool)
            own = (beside, beside) if context.variables is None else features_of(context.variables)
            table = np.hstack([train.context.double().cpu().numpy(), table])
            ranks = np.concatenate([np.zeros(context.n_features, dtype=ranks.dtype), ranks])
            is_used, is_score = np.concatenate([own[0], is_used]), np.concatenate([own[1], is_score])
        is_used &= is_score | is_frequent(table)
        if is_used.sum() > _MOST_FEATURES:
            is_used &= is_score
        inputs = np.flatnonzero(is_used)
        inputs = inputs[np.argsort(ranks[inputs], kind="stable")]
        values = table[:, inputs]
        mean, deviation = values.mean(axis=0), deviations_of(values)
        values = (values - mean) / deviation
        factor = np.linalg.inv(np.linalg.cholesky(correlate(values)))
        return _Features(values, inputs, ranks[inputs], mean, deviation, factor, correlate)


def _set_body(
    model: MADE, before: _Features, n_before: int, is_body: NDArray[np.bool_], first: int
) -> tuple[torch.Tensor, Floats]:
    """Make the body of a number a linear function of the features before it, plus noise.

    Returns the biases of its outputs, (3 K,), and the weights of the positions, (n_before,).
    """
    place = n_before  # its score is the first of its own features
    if is_body.mean() > 1 - FEW_ATOMS or is_body.sum() < 2:
        slopes = -before.factor[place, :n_before] / before.factor[place, place]
        shift, noise = 0.0, 1 / before.factor[place, place]
    else:
        slopes, shift, noise = regression(before.values[is_body, : place + 1], before.correlate)
    scale = before.deviation[place]
    weights = scale * slopes / before.deviation[:n_before]
    mean = before.mean[place] + scale * shift - weights @ before.mean[:n_before]
    bias = outputs_of(float(mean), max(float(scale * noise), LEAST_NOISE))
    own = torch.arange(first, first + len(bias))
    model.network.biases[-1][own] = bias.to(model.network.biases[-1])
    _connect(model, before, own[N_COMPONENTS : 2 * N_COMPONENTS], np.tile(weights, (N_COMPONENTS, 1)))
    return bias, weights


def _keep_shares(
    model: MADE, before: _Features, variable: int, bias: torch.Tensor, weights: Floats, first: int
) -> None:
    """Lower the logits of spikes inside a body by what the outputs of the body add to them on average.

    Such a spike follows the body. Of a narrow one, that of a column of one value, it would take all the mass.
    """
    assert model.variables.numbers is not None
    scores = model.variables.numbers.spike_scores[model.variables.numbers.number_of(variable)]
    inside, n_before = np.flatnonzero(np.abs(scores) < INSIDE), len(weights)
    if not len(inside):
        return
    some = evenly(len(before.values), _ROWS_OF_SHARES)
    some = some[:: 1 + len(some) * len(inside) // _MOST_RATIOS]
    x = before.values[some, :n_before] * before.deviation[:n_before] + before.mean[:n_before]
    body = bias.repeat(len(some), 1)
    body[:, N_COMPONENTS : 2 * N_COMPONENTS] += torch.from_numpy(x @ weights)[:, None]
    added = log_ratio(body[:, None], torch.from_numpy(scores[inside]), None).double()
    mean = torch.logsumexp(added, dim=0) - math.log(len(body))
    model.network.biases[-1][torch.from_numpy(first + 1 + inside)] -= mean.to(model.network.biases[-1])


def _set_classes(
    model: MADE,
    before: _Features,
    n_before: int,
    parents: Sequence[Parent],
    codes: Ints,
    classes: Ints,
    first: int,
    *,
    is_one_logit: bool = False,
) -> None:
    """Make logits what the features before a variable say of it.

    That is a linear discriminant of the features, and the table of one parent: as much of each as predicts
    training rows best. `classes` (n_codes,) are those of codes, which have a logit each; rows with no class
    say nothing.
    """
    known = codes < len(classes)
    codes = codes[known]
    each = np.bincount(codes, minlength=len(classes)) + 1.0
    each /= np.bincount(classes, each)[classes]
    codes, n_classes = classes[codes], int(classes.max()) + 1
    x, factor = before.values[known, :n_before], before.factor[:n_before, :n_before]
    some = evenly(len(codes), _ROWS_OF_SHARES)
    weights, offsets = np.zeros((n_classes, n_before)), np.zeros(n_classes)
    evidence = np.zeros((len(some), n_classes))
    if n_classes <= MOST_CLASSES:
        weights, offsets, evidence = _discriminant(x, factor, codes, n_classes, some)
    parents = parents if known.all() else [own.of(known) for own in parents]
    table = best_table(parents, codes, n_classes)
    log_shares = np.log(smoothed_shares(np.bincount(codes, minlength=n_classes)))
    by_table = np.zeros_like(log_shares) if table is None else table.evidence(some)
    of_table, taken = _best_shares(log_shares, by_table, evidence, codes[some])

    def of_outputs(of_classes: Floats) -> Floats:
        """Return weights or biases of classes, (K, ...), as those of logits."""
        own: Floats = (of_classes - of_classes.mean(axis=0))[classes]
        return own[1:] - own[:1] if is_one_logit else own

    weights = of_outputs(taken * weights) / before.deviation[:n_before]
    biases = of_outputs(log_shares + taken * offsets) - weights @ before.mean[:n_before]
    biases += np.diff(np.log(each)) if is_one_logit else np.log(each)
    own = torch.arange(first, first + len(weights))
    _connect(model, before, own, weights)
    if table is not None and of_table > 0:
        assert model.network.direct is not None
        biases += of_outputs(of_table * table.bias)
        more = torch.from_numpy(of_outputs(of_table * table.weights)).to(model.network.direct)
        model.network.direct[own[:, None], torch.from_numpy(table.inputs)[None]] += more
    model.network.biases[-1][own] = torch.from_numpy(biases).to(model.network.biases[-1])


def _discriminant(
    x: Floats, factor: Floats, codes: Ints, n_classes: int, some: Ints
) -> tuple[Floats, Floats, Floats]:
    """Return weights (K, p) and offsets (K,) of a linear discriminant of features x, (n, p) (Fisher 1936).

    And the evidence for the classes of `some` rows, each from a discriminant that was fitted to other rows.
    """
    parts = np.arange(len(codes)) % _PARTS
    sums = sums_of(x, codes * _PARTS + parts, n_classes * _PARTS).reshape(n_classes, _PARTS, -1)
    counts = np.bincount(codes * _PARTS + parts, minlength=n_classes * _PARTS).reshape(n_classes, _PARTS)

    def of(sums: Floats, counts: Ints) -> tuple[Floats, Floats]:
        means, shares = shrunk_means(sums, counts), smoothed_shares(counts)
        within = logits_within(torch.from_numpy(means @ factor.T), torch.from_numpy(shares)).numpy()
        weights: Floats = within @ factor
        return weights, -(weights * means).sum(axis=1) / 2

    every, evidence = (sums.sum(axis=1), counts.sum(axis=1)), np.zeros((len(some), n_classes))
    for part in range(_PARTS):
        own = parts[some] == part
        weights, offsets = of(every[0] - sums[:, part], every[1] - counts[:, part])
        evidence[own] = x[some[own]] @ weights.T + offsets
    return *of(*every), evidence


def _best_shares(marginal: Floats, table: Floats, evidence: Floats, codes: Ints) -> tuple[float, float]:
    """Return how much of two kinds of evidence predicts codes best: logits beside those of the marginal."""
    rows = np.arange(len(codes))

    def loss(shares: tuple[float, float]) -> float:
        logits = marginal + shares[0] * table + shares[1] * evidence
        return float((logsumexp(logits, axis=1) - logits[rows, codes]).mean())

    of_table, taken = (SHARES if own.any() else (0.0,) for own in (table, evidence))
    return min(product(of_table, taken), key=loss)


def _connect(model: MADE, before: _Features, outputs: torch.Tensor, weights: Floats) -> None:
    """Set the direct connections from the first features to some outputs: (outputs, features)."""
    inputs, n_context = before.inputs[: weights.shape[1]], model.context.n_features
    of_context = inputs < n_context
    parts = (
        (model.network.context, of_context, inputs),
        (model.network.direct, ~of_context, inputs - n_context),
    )
    for matrix, own, places in parts:
        if own.any():
            assert matrix is not None
            into = torch.from_numpy(places[own])
            matrix[outputs[:, None], into[None]] = torch.from_numpy(weights[:, own]).to(matrix)
