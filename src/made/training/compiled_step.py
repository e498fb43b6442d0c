"""A training step that multiplies and updates active weights only: compiled, for one mask, on the CPU."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from made.kernels.jit.threads import as_many_threads_as_torch
from made.kernels.jit.vector import VECTOR
from made.kernels.likelihood.log_likelihood import CompiledLikelihood
from made.kernels.masked_adam.active_weight import ActiveWeight, AdamNumbers
from made.masks.ordering import IntArray
from made.masks.tensors import DIRECT, Place, matrices_of
from made.model import MADE
from made.network.products import Product
from made.training.batches import Batch
from made.training.checkpoint import Weights
from made.training.settings import TrainingSettings
from made.training.steps import PlainStep
from made.variables.sparse_one_hot import SparseOneHot

__all__ = ["CompiledStep"]


class CompiledStep(PlainStep):
    """The plain step with another product, which updates its weight in the backward pass, and likelihood.

    Only biases, and weights that no mask limits, have gradients that are left to torch's optimizer. All
    moments are in its state, as if it had updated everything.
    """

    model: MADE

    def __init__(self, model: MADE, settings: TrainingSettings) -> None:
        super().__init__(model, settings, CompiledLikelihood(model.variables))
        self.kind = "compiled"
        self._anchor = torch.zeros((), requires_grad=True)
        self._steps = 0
        self._take_over()

    def take(self, batch: Batch, draw: int, rate: float, generator: torch.Generator) -> Tensor:
        """Take one step."""
        self._steps += 1
        group = self.optimizer.param_groups[0]
        adam = AdamNumbers.at(self._steps, rate, group["weight_decay"], group["betas"], group["eps"])
        for active in self._active.values():
            active.adam, active.n_rows = adam, len(batch.rows)
        network = self.model.network
        if network.dropout == 0 == network.input_dropout:  # more rows would change which units are dropped
            batch = _filled_up(batch, network.biases[-1].dtype)
        with as_many_threads_as_torch():
            return super().take(batch, draw, rate, generator)

    def state(self) -> Weights:
        """Return the optimizer's state."""
        self.sync()
        return super().state()

    def restore(self, state: Weights) -> None:
        """Take over the optimizer's state, and the weights that the model has now."""
        super().restore(state)
        self._take_over()

    def sync(self) -> None:
        """Bring the model's weights up to date."""
        for place, weight in self.model.network.masked_weights.items():
            self._active[place].sync()
            self.optimizer.state[weight]["step"].fill_(self._steps)

    def _product(self, draw: int) -> Product:
        return self._multiply

    def _multiply(
        self, place: Place, x: Tensor | SparseOneHot, weight: Tensor, bias: Tensor | None
    ) -> Tensor:
        features = x.dense() if isinstance(x, SparseOneHot) else x
        return self._active[place].linear(features, bias, self._anchor)

    def _take_over(self) -> None:
        """Build the products again from the current weights and moments."""
        network, mask = self.model.network, self.model.mask(0)
        matrices = matrices_of(mask, direct=network.direct is not None)
        inputs = mask.feature_ranks if network.n_hidden else mask.input_ranks
        columns = {0: _order(inputs), DIRECT: _order(mask.input_ranks)}
        rows = dict.fromkeys((network.n_hidden, DIRECT), _order(mask.output_ranks))
        self._active: dict[Place, ActiveWeight] = {}
        for place, weight in network.masked_weights.items():
            state = self.optimizer.state[weight]
            if not state:
                state["step"] = torch.zeros(())
                state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(weight), torch.zeros_like(weight)
            self._steps = int(state["step"])
            self._active[place] = ActiveWeight(
                weight,
                state["exp_avg"],
                state["exp_avg_sq"],
                matrices[place],
                rows.get(place),
                columns.get(place),
                torch.get_num_threads(),
            )


def _filled_up(batch: Batch, dtype: torch.dtype) -> Batch:
    """Return a batch with as many rows as vectors hold: those that are added have weight 0."""
    n = len(batch.rows)
    more = -n % VECTOR
    if more == 0:
        return batch
    weight = torch.ones(n, dtype=dtype) if batch.weight is None else batch.weight.to(dtype)
    # The loss is the mean over all rows, those that are added too.
    weight = weight * ((n + more) / n)
    rows, context, _, bodies, scores = (
        None if part is None else functional.pad(part, (0, 0) * (part.ndim - 1) + (0, more)) for part in batch
    )
    assert rows is not None
    return Batch(rows, context, functional.pad(weight, (0, more)), bodies, scores)


def _order(ranks: IntArray) -> IntArray | None:
    """Return the order of ranks, or None where they are in order."""
    return None if (np.diff(ranks) >= 0).all() else np.argsort(ranks, kind="stable")
