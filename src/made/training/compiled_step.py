"""A training step that multiplies and updates live weights only: compiled, for one mask, on the CPU."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from made.kernels.jit.threads import as_many_threads_as_torch
from made.kernels.jit.vector import VECTOR
from made.kernels.masked_adam.active_weight import ActiveWeight, AdamNumbers
from made.masked import MaskedModel
from made.masks.ordering import IntArray
from made.training.batches import Batch
from made.training.checkpoint import Weights
from made.training.settings import TrainingSettings
from made.training.steps import PlainStep

__all__ = ["CompiledStep"]


class CompiledStep(PlainStep):
    """The plain step with other products: in the backward pass they also update their weights.

    Only biases, and weights that no mask limits, have gradients that are left to torch's optimizer. All
    moments are in its state, as if it had updated everything.
    """

    def __init__(self, model: MaskedModel, settings: TrainingSettings) -> None:
        super().__init__(model, settings)
        self._anchor = torch.zeros((), requires_grad=True)
        self._steps = 0
        self._take_over()

    def take(self, batch: Batch, mask: int, rate: float, generator: torch.Generator) -> Tensor:
        """Take one step."""
        self._steps += 1
        group = self.optimizer.param_groups[0]
        adam = AdamNumbers.at(self._steps, rate, group["weight_decay"], group["betas"], group["eps"])
        for live in self._live.values():
            live.adam, live.n_rows = adam, len(batch.rows)
        network = self.model.network
        if network.dropout == 0 == network.input_dropout:  # more rows would change which units are dropped
            batch = _filled_up(batch, network.biases[-1].dtype)
        with as_many_threads_as_torch(), network.multiplied_by(self._linear):
            return super().take(batch, mask, rate, generator)

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
        for name, live in self._live.items():
            live.sync()
            self.optimizer.state[self._weights[name]]["step"].fill_(self._steps)

    def _linear(self, name: str, h: Tensor, bias: Tensor | None) -> Tensor:
        return self._live[name].linear(h, bias, self._anchor)

    def _take_over(self) -> None:
        """Plan the products anew, from the weights and the moments as they are."""
        assert isinstance(self.model, MaskedModel)
        network, mask = self.model.network, self.model.mask(0)
        self._weights = network.masked_weights()
        matrices = {f"mask_{i}": matrix for i, matrix in enumerate(mask.layers)}
        if "mask_direct" in self._weights:
            matrices["mask_direct"] = mask.direct
        first, last = "mask_0", f"mask_{network.n_hidden}"
        inputs = mask.feature_ranks if network.n_hidden else mask.input_ranks
        columns = {first: _order(inputs), "mask_direct": _order(mask.input_ranks)}
        rows = {last: _order(mask.output_ranks), "mask_direct": _order(mask.output_ranks)}
        self._live: dict[str, ActiveWeight] = {}
        for name, weight in self._weights.items():
            state = self.optimizer.state[weight]
            if not state:
                state["step"] = torch.zeros(())
                state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(weight), torch.zeros_like(weight)
            self._steps = int(state["step"])
            self._live[name] = ActiveWeight(
                weight,
                state["exp_avg"],
                state["exp_avg_sq"],
                matrices[name],
                rows.get(name),
                columns.get(name),
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
    return Batch(
        functional.pad(batch.rows, (0, 0, 0, more)),
        None if batch.context is None else functional.pad(batch.context, (0, 0, 0, more)),
        functional.pad(weight, (0, more)),
    )


def _order(ranks: IntArray) -> IntArray | None:
    """Return the order of ranks, or None where they are in order."""
    return None if (np.diff(ranks) >= 0).all() else np.argsort(ranks, kind="stable")
