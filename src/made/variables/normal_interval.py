"""The mass that F gives an interval of normal scores, and the quantiles inside one."""

from __future__ import annotations

import torch
from torch import Tensor

from made.variables.normal_mixture import with_marginal
from made.variables.normal_score import log_cell, log_phi

__all__ = ["log_interval", "quantile_between"]

# Normal scores beyond this have no mass that a float64 holds.
_FARTHEST = 38.0
# The difference of two CDFs has lost digits where an interval is narrower than this, in deviations.
_NARROW = 1e-5
_STEPS = 100
_PRECISION = 1e-13


def log_interval(outputs: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Return log of F(high) - F(low), from the nearer tail: exact far out as well.

    Parameters
    ----------
    outputs : (..., 3 K) tensor
        Of the network.
    low, high : (...) float64 tensors
        Normal scores, which may be infinite; low <= high.

    Examples
    --------
    >>> import math
    >>> from made.variables.normal_mixture import outputs_of
    >>> z = torch.tensor([3.0, math.inf], dtype=torch.float64)
    >>> round(log_interval(outputs_of()[None], z[:1], z[1:]).item(), 2)
    -6.61
    """
    weights, positions, widths = with_marginal(outputs)
    low, high = low.unsqueeze(-1), high.unsqueeze(-1)
    each = weights.log() + _log_span((low - positions) / widths, (high - positions) / widths)
    return torch.logsumexp(each, dim=-1)


def quantile_between(outputs: Tensor, uniforms: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Return the z in [low, high] below which lies the share `uniforms` of the mass of that interval.

    Parameters
    ----------
    outputs : (..., 3 K) tensor
        Of the network.
    uniforms : (...) float64 tensor
        In (0, 1).
    low, high : (...) float64 tensors
        Normal scores, which may be infinite; low < high.
    """
    weights, positions, widths = with_marginal(outputs)
    log_peaks = (weights / widths).log()
    whole = log_interval(outputs, low, high)
    bottom, top = low.clamp(-_FARTHEST, _FARTHEST), high.clamp(-_FARTHEST, _FARTHEST)
    z, last_move = (bottom + top) / 2, top - bottom
    is_found = torch.zeros_like(z, dtype=torch.bool)
    for _ in range(_STEPS):
        excess = (log_interval(outputs, low, z) - whole).exp() - uniforms
        bottom, top = torch.where(excess < 0, z, bottom), torch.where(excess < 0, top, z)
        log_density = torch.logsumexp(log_peaks + log_phi((z.unsqueeze(-1) - positions) / widths), -1)
        move = -excess * (whole - log_density).exp()
        # Newton, where it stays inside the bracket and halves its last move; else the bracket is halved.
        is_good = (z + move >= bottom) & (z + move <= top) & (move.abs() <= last_move.abs() / 2)
        move = torch.where(is_good, move, (bottom + top) / 2 - z)
        is_found |= (move.abs() <= _PRECISION * (1 + z.abs())) | (excess.abs() <= _PRECISION * uniforms)
        z, last_move = torch.where(is_found, z, z + move), move
        if bool(is_found.all()):
            break
    return z


def _log_span(low: Tensor, high: Tensor) -> Tensor:
    """Return log of Phi(high) - Phi(low)."""
    # Mirrored where both are on the right: the tail on the left has the digits.
    right = low > 0
    low, high = torch.where(right, -high, low), torch.where(right, -low, high)
    above, below = torch.special.log_ndtr(high), torch.special.log_ndtr(low)
    wide = above + torch.log(-torch.expm1((below - above).clamp(max=0.0)))
    width = high - low
    narrow = width < _NARROW
    middle, own = torch.where(narrow, (low + high) / 2, 0.0), torch.where(narrow, width, 1.0)
    return torch.where(narrow, log_cell(middle, own) + own.log(), wide)
