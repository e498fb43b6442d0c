"""A training step on CUDA as one graph: captured once, then replayed for every full batch.

A step is about a hundred small kernels, and launching them one by one takes longer than running them. A graph
launches all of them at once. It works on fixed memory: a batch is copied into it, the loss is copied out of
it, and weights and optimizer stay where they are. The plain twin is `steps.PlainStep`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from made.base import BaseModel
from made.kernels.cuda_graph import CudaRecorder, Recorder, Recording
from made.kernels.weight_versions import mark_changed
from made.training.batches import Batch
from made.training.checkpoint import Weights
from made.training.settings import TrainingSettings
from made.training.steps import PlainStep

__all__ = ["CapturedStep"]

_log = logging.getLogger(__name__)

# Steps before a capture, which must not record what libraries set up at their first use.
_WARM_UPS = 3


class CapturedStep(PlainStep):
    """The steps of a model with one mask, as a graph.

    The last batch of an epoch, if it is smaller, and the first steps are taken kernel by kernel; so are all
    steps if a capture fails.

    Parameters
    ----------
    model : BaseModel
        One that `suits`.
    settings : TrainingSettings
        How many rows a full batch has, and what the optimizer is.
    recorder : Recorder, optional
        By default, CUDA's.
    """

    def __init__(
        self, model: BaseModel, settings: TrainingSettings, recorder: Recorder | None = None
    ) -> None:
        super().__init__(model, settings)
        self.kind = "captured"
        self._recorder = CudaRecorder(model.device) if recorder is None else recorder
        self._can_record = True
        self._batch_size = settings.batch_size
        self._rate = torch.zeros((), device=model.device)
        self._begin()

    @staticmethod
    def suits(model: BaseModel) -> bool:
        """Return whether the steps of a model can be captured: on CUDA, and all alike."""
        return model.device.type == "cuda" and bool(getattr(model, "has_one_mask", True))

    def take(self, batch: Batch, draw: int, rate: float, generator: torch.Generator) -> Tensor:
        """Take one step."""
        self._rate.fill_(rate)
        step = partial(self._take_one_by_one, batch, draw, generator)
        if not self._can_record or len(batch.rows) != self._batch_size:
            return step()
        if self._warm_ups < _WARM_UPS:
            self._warm_ups += 1
            return self._recorder.aside(step)
        if self._graph is None:
            self._try_to_capture(batch, draw, generator)
        if self._graph is None:
            return step()
        loss = self._graph(batch, generator)
        mark_changed(self._parameters)  # torch does not see what a graph writes
        return loss

    def restore(self, state: Weights) -> None:
        """Take over the optimizer's state; a new graph will be captured for it."""
        super().restore(state)
        self._begin()

    def _begin(self) -> None:
        self._warm_ups = 0
        self._graph: _Graph | None = None
        groups = self.optimizer.param_groups
        self._parameters = [parameter for group in groups for parameter in group["params"]]
        for group in groups:
            group["lr"], group["capturable"] = self._rate, True

    def _try_to_capture(self, batch: Batch, draw: int, generator: torch.Generator) -> None:
        try:
            self._graph = _Graph(self._recorder, self._take_one_by_one, batch, draw, generator)
        except Exception as error:
            _log.warning("training goes on without CUDA graphs, more slowly: %s", error)
            self._can_record = False

    def _take_one_by_one(self, batch: Batch, draw: int, generator: torch.Generator) -> Tensor:
        self.optimizer.zero_grad(set_to_none=True)  # a graph then allocates gradients in its own memory
        loss = self.model.loss(
            batch.encoded,
            weight=batch.weight,
            generator=generator,
            multiply=self.model.training_product(draw),
        )
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        return loss.detach()


class _Graph:
    """Steps with batches like a given one, recorded.

    It has a generator of its own, which takes over the state of each step's: a generator that was used by a
    failed capture may be unusable afterwards.
    """

    def __init__(
        self,
        recorder: Recorder,
        step: Callable[[Batch, int, torch.Generator], Tensor],
        batch: Batch,
        draw: int,
        generator: torch.Generator,
    ) -> None:
        own = torch.Generator(device=generator.device)
        inputs = [None if part is None else part.clone() for part in batch]
        self._generator = own
        self._recording = Recording(recorder, lambda *parts: step(Batch(*parts), draw, own), inputs, own)

    def __call__(self, batch: Batch, generator: torch.Generator) -> Tensor:
        self._generator.set_state(generator.get_state())
        return self._recording(*batch).clone()
