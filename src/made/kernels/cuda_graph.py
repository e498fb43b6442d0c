"""CUDA graphs: a function of tensors is recorded once, then replayed on the same memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor

__all__ = ["CudaRecorder", "Recorder", "Recording"]


class Recorder(Protocol):
    """What runs functions on the side, and records them."""

    def aside(self, run: Callable[[], Tensor]) -> Tensor:
        """Run a function as it will be recorded, and return its result."""

    def record(
        self, run: Callable[[], Tensor], generator: torch.Generator | None = None
    ) -> tuple[Callable[[], object], Tensor]:
        """Record a function without running it.

        Parameters
        ----------
        run : callable
            Works on tensors that stay where they are, and was run aside before.
        generator : torch.Generator, optional
            Where the function gets random numbers from. It is read anew with every replay.

        Returns
        -------
        replay : callable
            Runs the function.
        result : Tensor
            Holds its result from then on.
        """


class Recording:
    """A recorded function of tensors.

    Parameters
    ----------
    recorder : Recorder
        Records it.
    run : callable
        Takes the inputs and returns a tensor.
    inputs : sequence of Tensor or None
        The memory in which the function will find its inputs.
    generator : torch.Generator, optional
        Where the function gets random numbers from.
    """

    def __init__(
        self,
        recorder: Recorder,
        run: Callable[..., Tensor],
        inputs: Sequence[Tensor | None],
        generator: torch.Generator | None = None,
    ) -> None:
        self._inputs = tuple(inputs)
        self._replay, self._result = recorder.record(partial(run, *inputs), generator)

    def __call__(self, *inputs: Tensor | None) -> Tensor:
        """Return the result for inputs of as many rows, or fewer; the next call overwrites it."""
        for fixed, own in zip(self._inputs, inputs, strict=True):
            if fixed is not None and own is not None:
                fixed[: len(own)].copy_(own)
        self._replay()
        return self._result


class CudaRecorder:
    """Runs functions on a side stream, and captures them there in CUDA graphs.

    Parameters
    ----------
    device : torch.device
        A CUDA device.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.stream: Any = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def aside(self, run: Callable[[], Tensor]) -> Tensor:
        """Run a function on the side stream, after all work before it and before all work after it."""
        with torch.cuda.device(self.device):
            current = torch.cuda.current_stream(self.device)
            self.stream.wait_stream(current)
            with torch.cuda.stream(self.stream):
                result = run()
            current.wait_stream(self.stream)
        return result

    def record(
        self, run: Callable[[], Tensor], generator: torch.Generator | None = None
    ) -> tuple[Callable[[], object], Tensor]:
        """Capture a function; see `Recorder`. If that fails, the caller's stream is the current one again."""
        with torch.cuda.device(self.device), torch.cuda.stream(torch.cuda.current_stream(self.device)):
            graph = torch.cuda.CUDAGraph()
            if generator is not None and _must_register():
                graph.register_generator_state(generator)
            with torch.cuda.graph(graph, stream=self.stream):
                result = run()
        return graph.replay, result


def _must_register() -> bool:
    """Return whether graphs must be told of generators: torch 2.14 finds them itself, and warns if told."""
    major, minor = torch.__version__.split(".")[:2]
    return (int(major), int(minor)) < (2, 14)
