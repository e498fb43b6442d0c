"""The distribution of the body of a numeric variable: a mixture of normals in the normal score z.

    F(x | before) = eps G(x) + (1 - eps) sum_k w_k Phi((z - mu_k) / sigma_k)

G is the marginal CDF of the column and z = Phi^-1(G(x)), see `normal_score`. The share eps of the marginal
bounds what a value that nobody foresaw can cost: log(1 / eps) beyond its marginal.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from made.variables.normal_score import log_cell, log_phi

__all__ = ["N_COMPONENTS", "N_PARAMETERS", "SHARE", "log_ratio", "mixture_of", "outputs_of", "quantile"]

#: eps, the share of the marginal.
SHARE = 1e-3
#: K, and the outputs of a variable: logits of the weights, positions, sharpness; K each.
N_COMPONENTS = 5
N_PARAMETERS = 3 * N_COMPONENTS
# Positions are bounded, and widths: what is computed from them is then exact in float32, and integrates to 1.
# Positions up to here are outputs as they are; beyond they bend towards a bound.
_LINEAR, _BEND = 6.0, 4.0
_NARROWEST, _WIDEST = 1e-4, 3.0
# Beyond this z the ratio to the marginal is that at this z: the mass there is 1e-300.
_LARGEST_Z = 37.0
# Standard deviation of the positions of an untrained mixture, which is a standard normal all the same.
_SPREAD = 0.5
_STEPS = 60


def outputs_of(mean: float = 0.0, deviation: float = 1.0) -> Tensor:
    """Return the outputs (3 K,) that stand for one normal distribution: by default, for the marginal.

    The components stand apart, so that they can learn different things, and are narrow enough for their
    mixture to be that normal: its Gauss-Hermite quadrature matches 2 K - 1 moments, which leaves a divergence
    of 3e-9 nats.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(N_COMPONENTS)
    positions = mean + deviation * _SPREAD * nodes
    width = deviation * math.sqrt(1 - _SPREAD**2)
    share = min(max((width - _NARROWEST) / (_WIDEST - _NARROWEST), 1e-6), 1 - 1e-6)
    sharpness = np.full(N_COMPONENTS, math.log(share / (1 - share)) + math.log(2))
    return torch.from_numpy(np.concatenate([np.log(weights / weights.sum()), positions, sharpness])).float()


def mixture_of(outputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the log weights, positions and widths that outputs (..., 3 K) stand for, (..., K) each."""
    logits, positions, sharpness = outputs.view(*outputs.shape[:-1], 3, N_COMPONENTS).unbind(-2)
    widths = _NARROWEST + (_WIDEST - _NARROWEST) * torch.sigmoid(sharpness - math.log(2))
    inner = positions.clamp(-_LINEAR, _LINEAR)
    return torch.log_softmax(logits, -1), inner + _BEND * torch.tanh((positions - inner) / _BEND), widths


def log_ratio(outputs: Tensor, z: Tensor, width: Tensor | None) -> Tensor:
    """Return log of the density of values, relative to that of the marginal: how much better they are known.

    Parameters
    ----------
    outputs : (..., 3 K) tensor
        Of the network.
    z : (...) tensor
        Normal scores, of cells their middles.
    width : (...) tensor, optional
        Widths of cells; None where all values are points.

    Returns
    -------
    (...) tensor, at least log eps
    """
    log_weights, positions, widths = mixture_of(outputs)
    z = z.clamp(-_LARGEST_Z, _LARGEST_Z)
    distance = (z.unsqueeze(-1) - positions) / widths
    if width is None:
        each, marginal = log_phi(distance), log_phi(z)
    else:
        own_width = width.unsqueeze(-1) / widths
        each, marginal = log_cell(distance, own_width), log_cell(z, width)
    mixture = torch.logsumexp(log_weights - widths.log() + each, dim=-1) - marginal
    return torch.logaddexp(mixture + math.log1p(-SHARE), mixture.new_tensor(math.log(SHARE)))


def quantile(outputs: Tensor, uniforms: Tensor) -> Tensor:
    """Return the z at which F passes the uniforms.

    Parameters
    ----------
    outputs : (..., 3 K) tensor
        Of the network.
    uniforms : (...) float64 tensor
        In (0, 1).
    """
    log_weights, positions, widths = (part.double() for part in mixture_of(outputs))
    weights = (1 - SHARE) * log_weights.exp()
    low = torch.full_like(uniforms, -_LARGEST_Z - 1)
    high = -low
    z = torch.zeros_like(uniforms)
    for step in range(_STEPS):
        distance = (z.unsqueeze(-1) - positions) / widths
        excess = (weights * torch.special.ndtr(distance)).sum(-1) + SHARE * torch.special.ndtr(z) - uniforms
        density = (weights * log_phi(distance).exp() / widths).sum(-1) + SHARE * log_phi(z).exp()
        low, high = torch.where(excess < 0, z, low), torch.where(excess < 0, high, z)
        newton = z - excess / density
        # Newton where it stays inside the bracket; every other step halves that, whatever Newton does.
        middle = (low + high) / 2
        z = middle if step % 2 == 0 else torch.where((newton > low) & (newton < high), newton, middle)
    return z
