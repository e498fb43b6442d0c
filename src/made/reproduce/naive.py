"""The naive model of the seed's second experiment, as its author ran it (its Figure 8)."""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.nn import functional

from made.variables.rows import Rows

__all__ = ["NaiveModel"]


class NaiveModel(nn.Module):
    """Free logits for p(x1), and a separate unmasked network for p(x2 | x1).

    The seed writes it p(x1) p(x2 | x1), which is a full autoregressive model. So what its Figure 8 shows is
    not the lack of autoregression but over-fitting. It has the methods of `MADE` that training and the
    experiment need.

    Parameters
    ----------
    classes : (int, int)
        K of x1 and of x2.
    hidden : int
        Size of the only hidden layer; the author's was 300.
    seed : int
        Of the initial weights, drawn as torch draws them.
    """

    def __init__(self, classes: tuple[int, int], hidden: int = 300, seed: int = 0) -> None:
        super().__init__()
        self.classes, self.hidden = classes, hidden
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.first = nn.Parameter(torch.zeros(classes[0]))
            self.second = nn.Sequential(
                nn.Linear(classes[0], hidden), nn.ReLU(), nn.Linear(hidden, classes[1])
            )

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.first.device

    @property
    def widths(self) -> tuple[int, ...]:
        """Sizes of all layers of the network."""
        return (self.classes[0], self.hidden, self.classes[1])

    @property
    def at_initialization(self) -> bool:
        """False, so that a fit keeps the initial weights."""
        return False

    def loss(self, x: Rows | Tensor, **others: Any) -> Tensor:
        """Return the mean NLL of the rows in nats; there are no masks, context or dropout."""
        return -self._log_prob(x.codes if isinstance(x, Rows) else x).mean()

    @torch.no_grad()
    def log_prob(self, x: ArrayLike | Tensor) -> Tensor:
        """Return log p(x1) + log p(x2 | x1) of each row (n, 2) in nats, float64."""
        return self._log_prob(torch.as_tensor(x)).double()

    @torch.no_grad()
    def sample(self, n: int, seed: int = 0) -> Tensor:
        """Draw n rows, (n, 2)."""
        generator = torch.Generator().manual_seed(seed)
        first = torch.multinomial(torch.softmax(self.first, 0), n, replacement=True, generator=generator)
        given = torch.softmax(self.second(torch.eye(self.classes[0])), dim=1)
        second = torch.multinomial(given[first], 1, generator=generator)[:, 0]
        return torch.stack([first, second], dim=1)

    def training_product(self, draw: int) -> None:
        """Return None: this network has no masks."""

    def _log_prob(self, x: Tensor) -> Tensor:
        x = x.long()
        first = torch.log_softmax(self.first, dim=0)[x[:, 0]]
        outputs = self.second(functional.one_hot(x[:, 0], self.classes[0]).float())
        return first - functional.cross_entropy(outputs, x[:, 1], reduction="none")
