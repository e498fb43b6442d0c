"""Masses of the cells that rows on a grid stand for, under densities of independent or of normal columns.

A cell is a box [low, high) of all columns. What has no formula is averaged over draws, 1,000 at least, whose
number is doubled until the mean over all rows moves by less than 0.01 nats.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import logsumexp, ndtr, ndtri

from made.variables.normal_score import log_cell

__all__ = ["FEWEST_DRAWS", "MOST_DRAWS", "Masses", "by_doubling", "log_box", "log_interval"]

Floats = NDArray[np.float64]

FEWEST_DRAWS, MOST_DRAWS, CLOSE = 1_000, 16_000, 0.01
# A cell narrower than this is as good as a point times its width; farther out than this, in standard
# deviations, CDFs have no digits.
_NARROW, _FAR = 1e-6, 30.0
_ROWS_TIMES_DRAWS = 50_000


class Masses(NamedTuple):
    """Log-masses of rows, and how they were found.

    Attributes
    ----------
    log_mass : (n,) array
    n_draws : int
        Draws a row; 0 where there is a formula.
    moved : float
        By how much the last doubling moved the mean, in nats.
    """

    log_mass: Floats
    n_draws: int = 0
    moved: float = 0.0


def by_doubling(
    log_sum: Callable[[int, np.random.Generator], Floats],
    most: int = MOST_DRAWS,
    seed: int = 0,
) -> Masses:
    """Return log of the mean over draws, doubled until it hardly moves.

    Parameters
    ----------
    log_sum : callable
        Returns, from a number of draws and a generator, log of the sum over that many new draws, (n,).
    most : int
        Draws after which it ends in any case.
    seed : int
        Of the draws.
    """
    generator = np.random.default_rng(seed)
    n, total, moved = FEWEST_DRAWS, log_sum(FEWEST_DRAWS, generator), math.inf
    while moved >= CLOSE and 2 * n <= most:
        both = np.logaddexp(total, log_sum(n, generator))
        moved = abs(float(np.mean(both - total)) - math.log(2))
        n, total = 2 * n, both
    return Masses(total - math.log(n), n, moved)


def log_interval(low: Floats, high: Floats) -> Floats:
    """Return log(Phi(high) - Phi(low)), exact in both tails and for narrow intervals."""
    width = torch.from_numpy(high - low)
    middle = torch.from_numpy((low + high) / 2)
    interval: Floats = (log_cell(middle, width) + width.log()).numpy()
    return interval


def log_box(
    low: Floats, high: Floats, mean: Floats, cholesky: Floats, n: int, generator: np.random.Generator
) -> Floats:
    """Return log of the sum over n draws of estimates of a normal distribution's mass in boxes, (rows,).

    Column after column is drawn within its interval given those before it, and the estimate is the product of
    the masses of these intervals (Genz 1992): free of bias, and of much less variance than a mean of
    densities at uniform draws.

    Parameters
    ----------
    low, high : (rows, D) arrays
        Of the boxes.
    mean : (D,) array
        Of the distribution.
    cholesky : (D, D) array
        Lower triangular factor of the covariance.
    n : int
        Draws a row.
    generator : Generator
        Of the draws.
    """
    size = max(_ROWS_TIMES_DRAWS // n, 1)
    found = np.empty(len(low))
    for first in range(0, len(low), size):
        some = slice(first, first + size)
        found[some] = _log_box(low[some] - mean, high[some] - mean, cholesky, n, generator)
    return found


def _log_box(low: Floats, high: Floats, cholesky: Floats, n: int, generator: np.random.Generator) -> Floats:
    rows, D = low.shape
    drawn, log_mass = np.empty((D, rows, n)), np.zeros((rows, n))
    for d in range(D):
        shift = np.tensordot(cholesky[d, :d], drawn[:d], axes=1)
        a = (low[:, d, None] - shift) / cholesky[d, d]
        b = (high[:, d, None] - shift) / cholesky[d, d]
        log_mass += log_interval(a, b)
        if d < D - 1:
            drawn[d] = _within(a, b, generator.random((rows, n)))
    summed: Floats = logsumexp(log_mass, axis=1)
    return summed


def _within(a: Floats, b: Floats, uniform: Floats) -> Floats:
    """Return draws of a standard normal within [a, b]; far out, the end that is nearer to 0."""
    flips = a + b > 0
    low, high = np.where(flips, -b, a), np.where(flips, -a, b)  # in the lower tail
    p = ndtr(low)
    width = ndtr(high) - p
    with np.errstate(invalid="ignore", divide="ignore"):
        inner = np.clip(ndtri(p + uniform * width), low, high)
    linear = low + uniform * (high - low)
    inner = np.where(high - low < _NARROW, linear, np.where(high < -_FAR, high, inner))
    return np.where(flips, -inner, inner)
