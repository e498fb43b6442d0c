"""CUDA graphs: what runs on which stream in which order, and what a recording does with its inputs."""

from __future__ import annotations

import contextlib
import types

import pytest
import torch

from made.kernels.cuda_graph import CudaRecorder, Recording


@pytest.fixture
def fake_cuda(monkeypatch):
    """Streams and graphs that write down what is done with them."""
    steps = []

    class Stream:
        def __init__(self, name):
            self.name = name

        def wait_stream(self, other):
            steps.append(f"{self.name} waits for {other.name}")

    class Graph:
        def register_generator_state(self, generator):
            steps.append("register")

        def replay(self):
            steps.append("replay")

    @contextlib.contextmanager
    def within(name):
        steps.append(f"begin {name}")
        try:
            yield
        finally:
            steps.append(f"end {name}")

    for name, fake in {
        "device": lambda device: contextlib.nullcontext(),
        "current_stream": lambda device: Stream("main"),
        "Stream": lambda device: Stream("side"),
        "stream": lambda stream: within(stream.name),
        "CUDAGraph": Graph,
        "graph": lambda graph, stream: within(f"capture on {stream.name}"),
    }.items():
        monkeypatch.setattr(torch.cuda, name, fake)
    return types.SimpleNamespace(steps=steps, run=lambda: steps.append("run") or torch.ones(()))


def test_aside_is_in_order(fake_cuda):
    recorder = CudaRecorder(torch.device("cuda", 0))
    assert recorder.aside(fake_cuda.run) == 1
    assert fake_cuda.steps == ["side waits for main", "begin side", "run", "end side", "main waits for side"]


@pytest.mark.parametrize(("version", "registers"), [("2.4.0", 1), ("2.13.0+cpu", 1), ("2.14.0a0+git", 0)])
def test_a_capture_knows_its_generator(fake_cuda, monkeypatch, version, registers):
    monkeypatch.setattr(torch, "__version__", version)
    recorder = CudaRecorder(torch.device("cuda", 0))
    replay, result = recorder.record(fake_cuda.run, torch.Generator())
    replay()
    assert result == 1
    assert fake_cuda.steps == [
        "begin main",
        *["register"] * registers,
        *("begin capture on side", "run", "end capture on side", "end main", "replay"),
    ]


def test_the_stream_comes_back_where_a_capture_fails(fake_cuda):
    def fail():
        raise RuntimeError("not while capturing")

    with pytest.raises(RuntimeError, match="not while"):
        CudaRecorder(torch.device("cuda", 0)).record(fail, torch.Generator())
    assert fake_cuda.steps[-1] == "end main"


def test_a_capture_warms_up_and_records_on_one_side_stream(fake_cuda):
    recorder = CudaRecorder(torch.device("cuda", 0))
    recorder.aside(fake_cuda.run)
    replay, output = recorder.record(fake_cuda.run)
    replay()
    assert output.shape == ()
    assert fake_cuda.steps == [
        *("side waits for main", "begin side", "run", "end side", "main waits for side"),
        *("begin main", "begin capture on side", "run", "end capture on side", "end main", "replay"),
    ]


def test_a_recording_takes_as_many_rows_or_fewer(again):
    fixed = [torch.zeros(4, 2), None, torch.zeros(4, dtype=torch.bool)]
    recording = Recording(again, lambda x, y, keep: x.sum(dim=1) * keep, fixed)
    rows, keep = torch.arange(8.0).view(4, 2), torch.tensor([True, True, False, True])
    assert recording(rows, None, keep).tolist() == [1, 5, 0, 13]
    assert recording(rows[1:3], None, keep[:2])[:2].tolist() == [5, 9]
    with pytest.raises(ValueError, match="zip"):
        recording(rows, keep)
