"""What one-pass sampling reads about numeric variables: their marginals, grids, spikes and features."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from made.variables.row_type import RowType

__all__ = ["NumberTables", "make_tables"]

Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]


class NumberTables(NamedTuple):
    """A tuple of arrays, which compiled code takes as it is; B is how many numeric variables there are.

    Attributes
    ----------
    number : (D,) int array
        The number of a variable among the numeric ones; elsewhere -1.
    n_classes, missing : (B,) int arrays
        How many outputs are logits of codes; the code of a missing entry, or -1.
    steps, inverses : (B,) float64 arrays
        Of the grid, and the reciprocal that values are multiplied with where that is exact; else 0.
    spikes, spike_starts : flat int array, (B + 1,) int array
        The bodies of the spikes, and where those of each variable begin.
    spike_scores : flat float64 array
        Their normal scores.
    knots, scores, slopes : (B, m) float64 arrays
        Of each marginal; see `normal_score.Spline`.
    last : (B,) int array
        The place of its last knot.
    centre, scale, tail_shape : (B,) float64 arrays
    end_mass, end_rate : (B, 2) float64 arrays
        Of the tails; see `normal_score.NormalScores`.
    bump_mean, bump_deviation : (N_BUMPS,) float32 arrays
        By which radial basis functions are standardized.
    periods, period_starts : flat float64 array, (B + 1,) int array
        The periods whose sines and cosines are features, and where those of each variable begin.
    first_waves : (B,) int array
        The place of the first of these among the features of the variable.
    """

    number: Ints
    n_classes: Ints
    missing: Ints
    steps: Doubles
    inverses: Doubles
    spikes: Ints
    spike_starts: Ints
    spike_scores: Doubles
    knots: Doubles
    scores: Doubles
    slopes: Doubles
    last: Ints
    centre: Doubles
    scale: Doubles
    tail_shape: Doubles
    end_mass: Doubles
    end_rate: Doubles
    bump_mean: NDArray[np.float32]
    bump_deviation: NDArray[np.float32]
    periods: Doubles
    period_starts: Ints
    first_waves: Ints


def make_tables(variables: RowType) -> NumberTables | None:
    """Return the tables of the numeric variables of a row; None where there is none."""
    numbers = variables.numbers
    if numbers is None:
        return None
    columns, marginals = numbers.columns, numbers.scores
    number = np.full(variables.n_variables, -1)
    number[numbers.places] = np.arange(len(columns))
    missing = [-1 if own.missing_code is None else own.missing_code for own in columns]
    return NumberTables(
        number=number.astype(np.int64),
        n_classes=np.array([own.n_class_outputs for own in columns], dtype=np.int64),
        missing=np.array(missing, dtype=np.int64),
        steps=np.array([own.step or 0.0 for own in columns]),
        inverses=np.array([float(own.inverse) for own in columns]),
        spikes=np.concatenate([own.spike_bodies for own in columns]),
        spike_starts=np.cumsum([0, *(len(own.spikes) for own in columns)]),
        spike_scores=np.concatenate(numbers.spike_scores),
        knots=marginals.knots.numpy(),
        scores=marginals.scores.numpy(),
        slopes=marginals.slopes.numpy(),
        last=marginals.last[:, 0].numpy(),
        centre=marginals.centre[:, 0].numpy(),
        scale=marginals.scale[:, 0].numpy(),
        tail_shape=marginals.tail_shape[:, 0].numpy(),
        end_mass=marginals.end_mass.numpy(),
        end_rate=marginals.end_rate.numpy(),
        bump_mean=numbers.bump_mean.numpy(),
        bump_deviation=numbers.bump_deviation.numpy(),
        periods=np.concatenate([np.array(own.periods, dtype=np.float64) for own in columns]),
        period_starts=np.cumsum([0, *(len(own.periods) for own in columns)]),
        first_waves=np.array([own.first_wave for own in columns], dtype=np.int64),
    )
