"""A training step on CUDA as one graph: captured once, then replayed for every full batch.

A step is some hundred small kernels, and to launch them one by one takes longer than what they do. A graph
launches all of them at once. It works on fixed memory: a batch is copied into it, the loss is copied out of
it, and weights and optimizer stay where they are. The plain twin is `steps.PlainStep`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor

from made.base import BaseModel
from made.training.batches import Batch
from made.training.checkpoint import Weights
from made.training.settings import TrainingSettings
from made.training.steps import PlainStep
from made.variables.discrete import Discrete

__all__ = ["CapturedStep", "CudaRecorder", "Recorder"]

_log = logging.getLogger(__name__)

# What libraries set up when they are first used must not be captured: that many steps are taken one by one.
_WARM_UPS = 3


class Recorder(Protocol):
    """What runs functions aside, and records them."""

    def aside(self, run: Callable[[], Tensor]) -> Tensor:
        """Run a function as it will be recorded, and return its result."""

    def record(
        self, run: Callable[[], Tensor], generator: torch.Generator
    ) -> tuple[Callable[[], object], Tensor]:
        """Record a function without running it.

        Parameters
        ----------
        run : callable
            Works on tensors that stay where they are.
        generator : torch.Generator
            What the function draws from. It is read anew with every replay.

        Returns
        -------
        replay : callable
            Runs the function.
        result : Tensor
            Holds its result from then on.
        """


class CapturedStep(PlainStep):
    """The steps of a model with one mask, as a graph.

    The last batch of an epoch, if it is smaller, and the first steps are taken one kernel after the other, as
    all steps are where capturing fails.

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
        self._recorder = CudaRecorder(model.device) if recorder is None else recorder
        self._can_record = True
        self._batch_size = settings.batch_size
        self._rate = torch.zeros((), device=model.device)
        self._begin()

    @staticmethod
    def suits(model: BaseModel) -> bool:
        """Say whether the steps of a model can be captured: on CUDA, and all alike."""
        if model.device.type != "cuda":
            return False
        context = model.context.variables
        blocks = [*model.variables.blocks, *(() if context is None else context.blocks)]
        has_one_mask = bool(getattr(model, "has_one_mask", True))
        return has_one_mask and not any(_brings_a_table(block) for block in blocks)

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
        return step() if self._graph is None else self._graph(batch, generator)

    def restore(self, state: Weights) -> None:
        """Take over the optimizer's state: the graph of another is of no use any more."""
        super().restore(state)
        self._begin()

    def _begin(self) -> None:
        self._warm_ups = 0
        self._graph: _Graph | None = None
        for group in self.optimizer.param_groups:
            group["lr"], group["capturable"] = self._rate, True

    def _try_to_capture(self, batch: Batch, draw: int, generator: torch.Generator) -> None:
        try:
            self._graph = _Graph(self._recorder, self._take_one_by_one, batch, draw, generator)
        except Exception as error:
            _log.warning("training goes on without CUDA graphs, more slowly: %s", error)
            self._can_record = False

    def _take_one_by_one(self, batch: Batch, draw: int, generator: torch.Generator) -> Tensor:
        self.optimizer.zero_grad(set_to_none=True)  # in a graph, gradients then get memory of the graph's
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

    It draws from a generator of its own, which takes over the state of each step's: one that was there while
    a capture failed may be of no use afterwards.
    """

    def __init__(
        self,
        recorder: Recorder,
        step: Callable[[Batch, int, torch.Generator], Tensor],
        batch: Batch,
        draw: int,
        generator: torch.Generator,
    ) -> None:
        self._batch = Batch(*(None if part is None else part.clone() for part in batch))  # type: ignore[arg-type]
        self._generator = torch.Generator(device=generator.device)
        self._replay, self._loss = recorder.record(
            partial(step, self._batch, draw, self._generator), self._generator
        )

    def __call__(self, batch: Batch, generator: torch.Generator) -> Tensor:
        for fixed, given in zip(self._batch, batch, strict=True):
            if fixed is not None and given is not None:
                fixed.copy_(given)
        self._generator.set_state(generator.get_state())
        self._replay()
        return self._loss.clone()


class CudaRecorder:
    """Runs functions on a stream beside the others, and captures them there in CUDA graphs.

    Parameters
    ----------
    device : torch.device
        Where.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.stream: Any = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def aside(self, run: Callable[[], Tensor]) -> Tensor:
        """Run a function on the side stream, after all before it and before all after it."""
        with torch.cuda.device(self.device):
            current = torch.cuda.current_stream(self.device)
            self.stream.wait_stream(current)
            with torch.cuda.stream(self.stream):
                result = run()
            current.wait_stream(self.stream)
        return result

    def record(
        self, run: Callable[[], Tensor], generator: torch.Generator
    ) -> tuple[Callable[[], object], Tensor]:
        """Capture a function; see `Recorder`. The caller's stream comes back where ending a capture fails."""
        with torch.cuda.device(self.device), torch.cuda.stream(torch.cuda.current_stream(self.device)):
            graph = torch.cuda.CUDAGraph()
            if _must_register():
                graph.register_generator_state(generator)
            with torch.cuda.graph(graph, stream=self.stream):
                result = run()
        return graph.replay, result


def _must_register() -> bool:
    """Say whether a graph must be told of generators: since torch 2.14 it finds them, and warns if told."""
    major, minor = torch.__version__.split(".")[:2]
    return (int(major), int(minor)) < (2, 14)


def _brings_a_table(block: Discrete) -> bool:
    """Say whether a variable brings a table to the device in every step, which cannot be captured."""
    return block.feature_table is not None or block.output_map is not None
