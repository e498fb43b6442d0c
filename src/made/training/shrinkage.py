"""How much of a fit each variable takes: its outputs lie between those at the start and those now.

A fit to few rows over-fits variables that hardly depend on others long before it has learned those that do.
What it starts from, marginals or a copula of the rows, has fitted the former as well as they can be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor

from made.base import BaseModel
from made.model import MADE
from made.support.errors import InputError
from made.training.averaging import copy_weights, given_back
from made.variables.rows import Rows

__all__ = ["N_VALIDATIONS", "Shrinkage", "best_shares"]

# How much of the fit a variable may take.
_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
#: How often validation rows are scored after an epoch: under each share, and under those that are chosen.
N_VALIDATIONS = len(_SHARES) + 1
# The part of a share's gain on the whole fit that is taken for luck, in standard errors: validation rows are
# few, and the shares of all variables are chosen on them.
_STANDARD_ERRORS = 0.25


class Shrinkage:
    """The weights of the outputs at the start of a fit, and what lies between them and those of a model now.

    Parameters
    ----------
    model : MADE
        As its fit begins.
    n_masks : int
        How many of its masks count at most.

    Attributes
    ----------
    start : dict of tensors
        The parameters that lead to the outputs, as they were at the start, by number.
    """

    def __init__(self, model: BaseModel, n_masks: int) -> None:
        if not isinstance(model, MADE):
            raise InputError("shrink is for models with a density: leave it out for an autoencoder")
        self.model, self.n_masks = model, min(n_masks, model.n_masks)
        self._own = {str(i): own for i, own in enumerate(model.network.output_parameters)}
        self.start = {name: weight.detach().clone() for name, weight in self._own.items()}

    def restore(self, start: Mapping[str, Tensor]) -> None:
        """Take over the weights at the start from a checkpoint."""
        copy_weights(start, self.start)

    def sums(self, rows: Rows) -> Tensor:
        """Return what choosing shares takes of validation rows, (3, shares, D): sums over rows, which add up.

        Of minus log p of each variable, of how far that is above the one of the whole fit, and of its square.
        """
        n = self.model.n_variables
        losses = torch.stack([self._losses(rows, torch.full((n,), share)) for share in _SHARES])
        above = losses - losses[-1:]
        return torch.stack([losses, above, above**2]).sum(dim=2)

    def _losses(self, rows: Rows, shares: Tensor) -> Tensor:
        """Return minus log p of each variable of each row, the mean over masks, (n, D)."""
        total = torch.zeros(
            (len(rows), self.model.n_variables), dtype=torch.float64, device=self.model.device
        )
        with self.in_place(shares):
            for k in range(self.n_masks):
                total -= self.model.log_prob(rows, mask=k, per_variable=True)
        return total / self.n_masks

    @torch.no_grad()
    def apply(self, shares: Tensor) -> None:
        """Give the outputs of each variable so much of the weights now, (D,)."""
        sizes = torch.from_numpy(self.model.variables.output_sizes)
        each = torch.repeat_interleave(shares, sizes).to(self.model.device)
        for name, weight in self._own.items():
            share = each.to(weight.dtype).reshape(-1, *[1] * (weight.ndim - 1))
            weight.copy_(torch.lerp(self.start[name], weight, share))

    @contextmanager
    def in_place(self, shares: Tensor) -> Iterator[None]:
        """Apply shares within the block."""
        with given_back(self._own):
            self.apply(shares)
            yield


def best_shares(sums: Tensor, n: int) -> tuple[Tensor, float]:
    """Return the share of each variable, (D,), and how many nats of what they gain are taken for luck.

    Parameters
    ----------
    sums : (3, shares, D) tensor
        See `Shrinkage.sums`.
    n : int
        How many validation rows they are of.

    Examples
    --------
    >>> above = torch.tensor([0.1, -0.1, -0.2, -0.1, 0.0])[:, None]
    >>> shares, luck = best_shares(torch.stack([above, above, above**2 + 0.01]) * 100, 100)
    >>> shares, round(luck, 4)
    (tensor([0.5000]), 0.0025)
    """
    losses, above, squares = sums / n
    luck = _STANDARD_ERRORS * ((squares - above**2).clamp(min=0) / n).sqrt()
    luck = luck.nan_to_num(0.0, posinf=0.0)  # where the fit gives a row no mass, nothing is luck
    best = (losses + luck).argmin(dim=0, keepdim=True)
    return torch.tensor(_SHARES)[best[0].cpu()], float(luck.gather(0, best).sum())
