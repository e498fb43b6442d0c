"""Marginals that have no mass beyond two edges: of a time of day, say."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from made.variables.normal_score import Spline

__all__ = ["bounded", "harmonic", "uniform_spline"]

Floats = NDArray[np.float64]

#: The normal score of an edge: no mixture of normals has more than 1e-19 of its mass beyond.
EDGE = 37.5
# Towards an edge the mass beyond the outermost knot is spread evenly, down to the first part of the way.
_PARTS = (1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.2, 0.35, 0.5, 0.7, 0.85)


def bounded(spline: Spline, low: float, high: float) -> Spline:
    """Return a marginal with its tails spread evenly up to two edges, and no mass beyond.

    Parameters
    ----------
    spline : Spline
        Not skewed.
    low, high : float
        The edges; infinite ones change nothing.

    Examples
    --------
    >>> q = 0.6744897501960817  # the quartiles of a standard normal
    >>> spline = bounded(Spline((6.0, 18.0), (-q, q), (q / 6, q / 6)), 0.0, 24.0)
    >>> spline.knots[0], spline.knots[-1], spline.scores[0], spline.scores[-1]
    (0.0, 24.0, -37.5, 37.5)
    """
    if not np.isfinite([low, high]).all():
        return spline
    knots, scores = np.array(spline.knots) + spline.centre, np.array(spline.scores)
    margin = 1e-6 * (high - low)
    inside = (knots > low + margin) & (knots < high - margin) & (np.abs(scores) < 4)
    if not inside.any():
        return uniform_spline(low, high)
    return _with_edges(knots[inside], scores[inside], low, high)


def uniform_spline(low: float, high: float) -> Spline:
    """Return the marginal that is uniform between two edges.

    Examples
    --------
    >>> from made.variables.normal_score import NormalScores
    >>> scores = NormalScores([uniform_spline(-0.5, 3.5)], [1.0])
    >>> score = scores.of(torch.arange(4.0, dtype=torch.float64)[None])
    >>> score.log_marginal.exp().round(decimals=3).tolist()
    [[0.25, 0.25, 0.25, 0.25]]
    """
    shares = np.arange(1, 16) / 16
    return _with_edges(low + shares * (high - low), _scores(shares), low, high, is_uniform=True)


def harmonic(secants: Floats, widths: Floats) -> Floats:
    """Return slopes at inner knots: the weighted harmonic mean of both sides (Fritsch and Butland 1984)."""
    widths = widths / widths.max()  # only their ratios count: no overflow, however large they are
    before, after = widths[:-1], widths[1:]
    a, b = 2 * after + before, after + 2 * before
    slopes: Floats = (a + b) / (a / secants[:-1] + b / secants[1:])
    return slopes


def _with_edges(
    knots: Floats, scores: Floats, low: float, high: float, *, is_uniform: bool = False
) -> Spline:
    parts = np.array(_PARTS)
    below, above = torch.special.ndtr(torch.tensor([scores[0], -scores[-1]])).tolist()
    left, right = knots[0] - low, high - knots[-1]
    at = np.concatenate([[low], low + parts * left, knots, (high - parts * right)[::-1], [high]])
    own = [_scores(parts * below), scores, -_scores(parts * above)[::-1]]
    z = np.concatenate([[-EDGE], *own, [EDGE]])
    secants = np.diff(z) / np.diff(at)
    slopes = np.concatenate([secants[:1], harmonic(secants, np.diff(at)), secants[-1:]])
    # Where the density is even, so many values a unit, the slope follows from it.
    even = np.zeros(len(at)) if is_uniform else np.full(len(at), np.nan)
    even += 1 / (high - low)
    even[1 : 1 + len(parts)], even[-1 - len(parts) : -1] = below / left, above / right
    of_density = even * np.sqrt(2 * np.pi) * np.exp(z**2 / 2)
    slopes[1:-1] = np.where(np.isnan(of_density), slopes, of_density)[1:-1]
    return Spline(tuple(at.tolist()), tuple(z.tolist()), tuple(slopes.tolist()))


def _scores(shares: Floats) -> Floats:
    z: Floats = torch.special.ndtri(torch.from_numpy(shares)).numpy()
    return z
