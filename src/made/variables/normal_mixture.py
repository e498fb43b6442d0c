"""The distribution of the body of a numeric variable: a mixture of normals in the normal score z.

    F(x | before) = eps G(x) + (1 - eps) sum_k w_k Phi((z - mu_k) / sigma_k)

G is the marginal CDF of the column and z = Phi^-1(G(x)), see `normal_score`. The share eps of the marginal
bounds what a value that nobody foresaw can cost: log(1 / eps) beyond its marginal.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from made.variables.normal_score import log_cell, log_phi

__all__ = [
    "BEND",
    "LARGEST_Z",
    "LINEAR",
    "NARROWEST",
    "N_COMPONENTS",
    "N_PARAMETERS",
    "SHARE",
    "WIDEST",
    "log_ratio",
    "mixture_of",
    "outputs_of",
    "quantile",
    "quantiles",
    "with_marginal",
]

#: eps, the share of the marginal.
SHARE = 1e-3
#: K, and the outputs of a variable: logits of the weights, positions, sharpness; K each.
N_COMPONENTS = 5
N_PARAMETERS = 3 * N_COMPONENTS
# Positions are bounded, and widths: what is computed from them is then exact in float32, and integrates to 1.
#: Positions up to LINEAR are outputs as they are; beyond they bend towards a bound, BEND farther out.

LINEAR, BEND = 6.0, 4.0
NARROWEST, WIDEST = 1e-4, 3.0
#: Beyond this z the ratio to the marginal is that at this z: the mass there is 1e-300.
LARGEST_Z = 37.0
# Standard deviation of the positions of an untrained mixture, which is a standard normal all the same.
_SPREAD = 0.5
# Where F is computed about each component, in its widths, and how often Newton's method then refines z. The
# outermost marks lie beyond all uniforms, which are multiples of 2^-54.
_MARKS = (-9.0, -6.0, -3.5, -2.0, -1.0, 0.0, 1.0, 2.0, 3.5, 6.0, 9.0)
_STEPS = 10
_SQRT_2PI = math.sqrt(2 * math.pi)


def outputs_of(mean: float | Tensor = 0.0, deviation: float | Tensor = 1.0) -> Tensor:
    """Return the outputs (..., 3 K) that stand for normal distributions: by default, for the marginal.

    The components stand apart, so that they can learn different things, and are narrow enough for their
    mixture to be that normal: its Gauss-Hermite quadrature matches 2 K - 1 moments, which leaves a divergence
    of 3e-9 nats.
    """
    own, scale = (torch.as_tensor(part, dtype=torch.float64).unsqueeze(-1) for part in (mean, deviation))
    nodes, weights = (torch.from_numpy(part).to(own.device) for part in _quadrature())
    width = scale * math.sqrt(1 - _SPREAD**2)
    share = ((width - NARROWEST) / (WIDEST - NARROWEST)).clamp(1e-6, 1 - 1e-6)
    parts = (weights / weights.sum()).log(), own + scale * _SPREAD * nodes, share.logit() + math.log(2)
    return torch.cat([part.expand_as(parts[1]) for part in parts], dim=-1).float()


@cache
def _quadrature() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    nodes, weights = np.polynomial.hermite_e.hermegauss(N_COMPONENTS)
    return nodes, weights


def mixture_of(outputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the log weights, positions and widths that outputs (..., 3 K) stand for, (..., K) each."""
    logits, positions, sharpness = outputs.view(*outputs.shape[:-1], 3, N_COMPONENTS).unbind(-2)
    widths = NARROWEST + (WIDEST - NARROWEST) * torch.sigmoid(sharpness - math.log(2))
    inner = positions.clamp(-LINEAR, LINEAR)
    return torch.log_softmax(logits, -1), inner + BEND * torch.tanh((positions - inner) / BEND), widths


def log_ratio(outputs: Tensor, z: Tensor, width: Tensor | None, rest: Tensor | None = None) -> Tensor:
    """Return log of the density of values, relative to that of the marginal: how much better they are known.

    Parameters
    ----------
    outputs : (..., 3 K) tensor
        Of the network.
    z : (...) tensor
        Normal scores, of cells their middles.
    width : (...) tensor, optional
        Widths of cells; None where all values are points.
    rest : (...) tensor, optional
        What rounding took from z: a float32 has two digits of a place in the narrowest component.

    Returns
    -------
    (...) tensor, at least log eps
    """
    log_weights, positions, widths = mixture_of(outputs)
    z = z.clamp(-LARGEST_Z, LARGEST_Z)
    distance = z.unsqueeze(-1) - positions
    distance = (distance if rest is None else distance + rest.unsqueeze(-1)) / widths
    if width is None:
        each, marginal = log_phi(distance), log_phi(z)
    else:
        own_width = width.unsqueeze(-1) / widths
        each, marginal = log_cell(distance, own_width), log_cell(z, width)
    mixture = torch.logsumexp(log_weights - widths.log() + each, dim=-1) - marginal
    least = torch.full_like(mixture, math.log(SHARE))  # on the device: no number is carried there
    return torch.logaddexp(mixture + math.log1p(-SHARE), least)


def quantile(outputs: Tensor, uniforms: Tensor) -> Tensor:
    """Return the z at which F passes the uniforms.

    F is computed at places spread about every component. Between two neighbours it is smooth, for no
    component changes much there: Newton's method, safeguarded by that interval, ends after a fixed number of
    steps, so that nothing has to wait for the device. Compiled sampling finds the same z in its own way.

    Parameters
    ----------
    outputs : (..., 3 K) tensor
        Of the network.
    uniforms : (...) float64 tensor
        In (0, 1).

    Returns
    -------
    (...) float64 tensor
    """
    # Seen from the nearer tail, where the CDF keeps its digits: below the median.
    side = 1 - 2 * (uniforms > 0.5).double()
    weights, positions, widths = with_marginal(outputs)
    share = torch.minimum(uniforms, 1 - uniforms)
    return _below_median(weights, positions * side.unsqueeze(-1), widths, share) * side


def quantiles(outputs: Tensor, uniforms: Tensor) -> Tensor:
    """Return the z at which F of each row passes each of the uniforms, as `quantile`.

    F at the places about the components is computed once for all uniforms.

    Parameters
    ----------
    outputs : (n, 3 K) tensor
        Of the network.
    uniforms : (M,) float64 tensor
        In (0, 1).

    Returns
    -------
    (n, M) float64 tensor
    """
    weights, positions, widths = (part.unsqueeze(1) for part in with_marginal(outputs))
    share = torch.minimum(uniforms, 1 - uniforms).expand(len(outputs), -1)
    z = torch.empty_like(share)
    for side, some in ((1.0, uniforms <= 0.5), (-1.0, uniforms > 0.5)):
        z[:, some] = _below_median(weights, positions * side, widths, share[:, some]) * side
    return z


def _below_median(weights: Tensor, positions: Tensor, widths: Tensor, share: Tensor) -> Tensor:
    """Return the z (...) at which the mixture of normals (..., K + 1), as broadcast, passes shares (...)."""
    places = torch.cat([torch.add(positions, widths, alpha=mark) for mark in _MARKS], -1)
    distance = (places.unsqueeze(-1) - positions.unsqueeze(-2)) / widths.unsqueeze(-2)
    is_below = (weights.unsqueeze(-2) * _cdf(distance)).sum(-1) < share.unsqueeze(-1)
    places = places.expand(is_below.shape)
    low = places.masked_fill(~is_below, -LARGEST_Z - 1).amax(-1)
    high = places.masked_fill(is_below, LARGEST_Z + 1).amin(-1)
    z = (low + high) / 2
    for _ in range(_STEPS):
        distance = (z.unsqueeze(-1) - positions) / widths
        mass = (weights * _cdf(distance)).sum(-1)
        density = (weights / widths * torch.exp(-0.5 * distance * distance)).sum(-1) / _SQRT_2PI
        low, high = torch.where(mass < share, z, low), torch.where(mass < share, high, z)
        # On the logarithm, which is concave in the tails; where it leaves the interval, that is halved.
        newton = z - (mass / share).log() * mass / density
        z = torch.where((newton >= low) & (newton <= high), newton, (low + high) / 2)
    return z


def with_marginal(outputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the weights, positions and widths of F, (..., K + 1) in float64: the marginal is the last."""
    log_weights, positions, widths = mixture_of(outputs.double())
    pad, one = torch.nn.functional.pad, (0, 1)
    weights = pad((1 - SHARE) * log_weights.exp(), one, value=SHARE)
    return weights, pad(positions, one), pad(widths, one, value=1.0)


def _cdf(distance: Tensor) -> Tensor:
    """Return the standard normal CDF, with all digits in the lower tail."""
    return torch.erfc(distance * -math.sqrt(0.5)) / 2
