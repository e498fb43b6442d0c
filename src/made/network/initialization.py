"""Initial weights: each hidden unit has the same variance, however many connections its masks leave it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from made.masks.degrees import BoolArray
from made.network.network import ACTIVATIONS, Network

__all__ = ["initialize", "initialize_masked", "mean_fan_in"]


class _Features(Protocol):
    """Input features: the variables of a row, or a context."""

    @property
    def feature_shares(self) -> NDArray[np.float64]: ...

    @property
    def feature_powers(self) -> NDArray[np.float64]: ...


@torch.no_grad()
def initialize(network: Network, fan_in: Sequence[Tensor], power: Tensor, seed: int) -> None:
    """Draw the hidden weights, each unit's scaled by its own fan-in; the outputs stay at zero.

    Parameters
    ----------
    network : Network
        As it was made.
    fan_in : sequence of Tensor
        Per hidden layer, (n_units,): active connections of each unit; in the first layer, the variables that
        it sees.
    power : Tensor
        (n_units,) of the first layer: mean square of the sum of each unit's active inputs.
    seed : int
        It gives the same weights for every device.
    """
    generator = torch.Generator().manual_seed(seed % 2**63)
    _, gain = ACTIVATIONS[network.activation]
    for i, count in enumerate(fan_in):
        scale = (power if i == 0 else count).clamp(min=1e-6).float().rsqrt()[:, None]
        network.weights[i].normal_(generator=generator).mul_(gain * scale)
        # Kinks away from zero: with a single scaled input, biases of zero would make a layer linear.
        network.biases[i].uniform_(-1, 1, generator=generator).mul_(count.clamp(min=1.0).rsqrt())


def initialize_masked(
    network: Network, masks: Sequence[Sequence[BoolArray]], inputs: Sequence[_Features], seed: int
) -> None:
    """Initialize the hidden layers for the fan-in that their units have on average over masks.

    Parameters
    ----------
    network : Network
        As it was made.
    masks : sequence of K sequences of (n_units, n_in) bool arrays
        Of the hidden layers, of each mask.
    inputs : sequence
        What enters the first layer, with its ``feature_shares`` and ``feature_powers``.
    seed : int
        As for `initialize`.
    """
    layers = list(zip(*masks, strict=True))
    if not layers:
        return
    fractions = np.concatenate([part.feature_shares for part in inputs])
    powers = np.concatenate([part.feature_powers for part in inputs])
    fan_in = [mean_fan_in(layers[0], fractions), *map(mean_fan_in, layers[1:])]
    initialize(network, fan_in, mean_fan_in(layers[0], powers), seed)


def mean_fan_in(masks: Sequence[BoolArray], weight: NDArray[np.float64] | None = None) -> Tensor:
    """Return the sum of each unit's active connections, averaged over masks, (n_units,).

    Parameters
    ----------
    masks : sequence of (n_units, n_in) bool array
        Of one layer.
    weight : (n_in,) array, optional
        What each connection counts; 1 by default.

    Examples
    --------
    >>> mean_fan_in([np.tri(3, dtype=bool), np.eye(3, dtype=bool)])
    tensor([1.0000, 1.5000, 2.0000])
    """
    sums = [mask.sum(axis=1) if weight is None else mask @ weight for mask in masks]
    return torch.from_numpy(np.mean(sums, axis=0)).float()
