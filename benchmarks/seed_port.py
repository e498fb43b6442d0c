"""The seed's model and loops as plainly as it has them: what the benchmarks measure against.

The mask is multiplied in at every forward pass, the optimizer is Adam at 1e-3, the loss is the mean binary
cross entropy of probabilities, and one batch of samples takes D passes.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["SeedMADE", "sample", "train_step"]


class _MaskedLinear(nn.Linear):
    def __init__(self, mask: np.ndarray) -> None:
        super().__init__(mask.shape[1], mask.shape[0])
        self.register_buffer("mask", torch.from_numpy(mask.astype(np.float32)))

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.mask * self.weight, self.bias)


class SeedMADE(nn.Module):
    """The seed's EncoderDecoder: natural ordering, one connectivity, degrees not below the layer before."""

    def __init__(self, n_variables: int, hidden: Sequence[int], seed: int = 0) -> None:
        super().__init__()
        draw = np.random.RandomState(seed)
        degrees = [np.arange(1, n_variables + 1)]
        for size in hidden:
            lowest = 1 if len(degrees) == 1 else degrees[-1].min()
            degrees.append(draw.randint(lowest, n_variables, size))
        masks = [after[:, None] >= before[None, :] for before, after in pairwise(degrees)]
        masks.append(degrees[0][:, None] > degrees[-1][None, :])
        self.layers = nn.ModuleList(_MaskedLinear(mask) for mask in masks)

    def forward(self, x: Tensor) -> Tensor:
        """Return the probabilities of a 1."""
        for layer in self.layers[:-1]:
            x = functional.relu(layer(x))
        return torch.sigmoid(self.layers[-1](x))


def train_step(model: SeedMADE, optimizer: torch.optim.Optimizer, batch: Tensor) -> float:
    """Take one step of the seed's training loop, and note the loss as it does."""
    loss = functional.binary_cross_entropy(model(batch), batch)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def sample(model: SeedMADE, n: int, n_variables: int) -> Tensor:
    """Draw n rows with one full pass per variable."""
    rows = torch.rand(n, n_variables, device=next(model.parameters()).device)
    for variable in range(n_variables):
        rows[:, variable] = torch.bernoulli(model(rows))[:, variable]
    return rows
