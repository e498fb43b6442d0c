"""The rivals of `bench_peers.py`, all with one interface: the seed's loop, three libraries, and ours.

Each trains a network of the same layout in natural order on the same rows: Adam at 1e-3, Bernoulli NLL in
nats, summed over variables, averaged over rows. Where a library leaves a choice, its documented one that is
fastest is taken. A rival that cannot have a layout raises a ValueError, one that is not installed an
ImportError.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

import made
from made.training.batches import Batch
from made.training.make_step import make_step
from made.training.optimizer import make_optimizer
from made.training.settings import TrainingSettings
from made.training.steps import Step
from made.variables.rows import Rows
from seed_port import SeedMADE, train_step

__all__ = ["RIVALS", "Made", "MadeLoop", "NFlows", "Pyro", "Rival", "Seed", "Zuko"]

_RATE = 1e-3


class Rival:
    """A library's network, trained and asked as its user would do it with plain torch.

    Parameters
    ----------
    n_variables : int
    hidden : sequence of int
        Sizes of the hidden layers.
    device : str
        Where it trains.
    """

    #: The package on the index whose version is noted.
    package = ""
    #: What is said of the optimizer in the tables.
    optimizer_name = "fused Adam"
    #: How many rows `log_prob` takes through a forward pass at once; None where the library decides.
    portion: int | None = 1000

    def __init__(self, n_variables: int, hidden: Sequence[int], device: str = "cpu") -> None:
        self.device = device
        self.module = self._network(n_variables, hidden).to(device)
        self.optimizer = self._optimizer()

    def _network(self, n_variables: int, hidden: Sequence[int]) -> nn.Module:
        raise NotImplementedError

    def _optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.module.parameters(), lr=_RATE, fused=True)

    def prepare(self, rows: Tensor) -> Tensor:
        """Bring rows of 0 and 1 (uint8) to the form that a user would keep them in; this is not timed."""
        return rows.float().to(self.device)

    def logits(self, rows: Tensor) -> Tensor:
        """Run the network on prepared rows: the logit of each variable given those before it."""
        out: Tensor = self.module(rows)
        return out

    def step(self, rows: Tensor) -> float:
        """Take one training step, and note the loss."""
        if not self.module.training:
            self.module.train()
        total = functional.binary_cross_entropy_with_logits(self.module(rows), rows, reduction="sum")
        loss = total / len(rows)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return loss.item()

    @torch.inference_mode()
    def log_prob(self, rows: Tensor) -> Tensor:
        """Return the log-probability of each row."""
        self.module.eval()
        return torch.cat([self._log_prob(some) for some in rows.split(self.portion or len(rows))])

    def _log_prob(self, rows: Tensor) -> Tensor:
        terms = functional.binary_cross_entropy_with_logits(self.module(rows), rows, reduction="none")
        return -terms.sum(dim=1)


class Seed(Rival):
    """The plain port of the seed's loop, with the seed's plain Adam and its loss of probabilities."""

    optimizer_name = "plain Adam"

    def __init__(self, n_variables: int, hidden: Sequence[int], device: str = "cpu") -> None:
        super().__init__(n_variables, hidden, device)
        self.n_variables = n_variables

    def _network(self, n_variables: int, hidden: Sequence[int]) -> SeedMADE:
        return SeedMADE(n_variables, hidden)

    def _optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.module.parameters(), lr=_RATE)

    def logits(self, rows: Tensor) -> Tensor:
        """Turn probabilities back into logits."""
        return torch.logit(self.module(rows))

    def step(self, rows: Tensor) -> float:
        """Take the seed's step: its loss is the mean over variables too, which Adam does not mind."""
        assert isinstance(self.module, SeedMADE)
        return train_step(self.module, self.optimizer, rows) * self.n_variables

    def _log_prob(self, rows: Tensor) -> Tensor:
        return -functional.binary_cross_entropy(self.module(rows), rows, reduction="none").sum(dim=1)


class Zuko(Rival):
    """zuko's MaskedMLP, which makes its masks from what may depend on what.

    It hands degrees out in order, so that a layer of 512 leaves 272 of 784 inputs unseen: a smaller model, at
    the same cost.
    """

    package = "zuko"

    def _network(self, n_variables: int, hidden: Sequence[int]) -> nn.Module:
        from zuko.nn import MaskedMLP

        return MaskedMLP(torch.ones(n_variables, n_variables, dtype=torch.bool).tril(-1), list(hidden))


class NFlows(Rival):
    """nflows' MADE of plain blocks, one per hidden layer after the first.

    Degrees are drawn: those it sets by default would leave all inputs unseen that come after the width of a
    layer. Drawing them costs nothing in a step.
    """

    package = "nflows"

    def _network(self, n_variables: int, hidden: Sequence[int]) -> nn.Module:
        from nflows.transforms.made import MADE

        if len(set(hidden)) != 1:
            raise ValueError("hidden layers must be equally wide")
        return MADE(
            n_variables,
            hidden[0],
            num_blocks=len(hidden) - 1,
            use_residual_blocks=False,
            random_mask=True,
        )


class Pyro(Rival):
    """Pyro's AutoRegressiveNN; it raises a ValueError itself for layers narrower than the rows."""

    package = "pyro-ppl"

    def _network(self, n_variables: int, hidden: Sequence[int]) -> nn.Module:
        from pyro.nn import AutoRegressiveNN

        return AutoRegressiveNN(
            n_variables, list(hidden), param_dims=[1], permutation=torch.arange(n_variables)
        )


class MadeLoop(Rival):
    """Ours, in an own training loop: nothing but `loss` and an optimizer of torch's."""

    package = "made"
    portion = None

    def _network(self, n_variables: int, hidden: Sequence[int]) -> made.MADE:
        return made.MADE(made.Bernoulli(n_variables), hidden=tuple(hidden))

    @property
    def model(self) -> made.MADE:
        """The model, by its own type."""
        assert isinstance(self.module, made.MADE)
        return self.module

    def _optimizer(self) -> torch.optim.Optimizer:
        return make_optimizer(self.model, TrainingSettings(optimizer="adam", learning_rate=_RATE))

    def prepare(self, rows: Tensor) -> Tensor:
        """Check rows once, as `fit` does."""
        return self.model.rows(rows).codes

    def logits(self, rows: Tensor) -> Tensor:
        """Run the network."""
        return self.model.outputs(Rows(rows))

    def step(self, rows: Tensor) -> float:
        """Take one training step."""
        loss = self.model.loss(Rows(rows))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def log_prob(self, rows: Tensor) -> Tensor:
        """Ask the model; it goes through rows in portions by itself."""
        return self.model.log_prob(rows)


class Made(MadeLoop):
    """Ours, with the steps that `made.fit` takes in a long fit."""

    optimizer_name = "Adam within"

    def __init__(self, n_variables: int, hidden: Sequence[int], device: str = "cpu") -> None:
        super().__init__(n_variables, hidden, device)
        self.stepping: Step | None = None
        self.generator = torch.Generator(device)

    def step(self, rows: Tensor) -> float:
        """Take one training step."""
        if self.stepping is None:
            settings = TrainingSettings(optimizer="adam", learning_rate=_RATE, batch_size=len(rows))
            self.stepping = make_step(self.model, settings, n_steps=10**9)
        return self.stepping.take(Batch(rows), 0, _RATE, self.generator).item()

    def log_prob(self, rows: Tensor) -> Tensor:
        """Ask the model, once its weights are where they belong."""
        if self.stepping is not None:
            self.stepping.sync()
        return super().log_prob(rows)


#: Every rival by the name it has in tables; the first is the baseline.
RIVALS: dict[str, type[Rival]] = {
    "seed": Seed,
    "zuko": Zuko,
    "nflows": NFlows,
    "pyro": Pyro,
    "made loop": MadeLoop,
    "made": Made,
}
