"""Compiled training steps against plain ones, by size of the network and of the batch.

Run with ``python benchmarks/bench_steps.py``; ``--like avx2`` and ``--like baseline`` are as on processors
with less. What `made.training.make_step` knows of processors is from here.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

import made
from made.training.batches import Batch
from made.training.make_step import make_step
from made.training.settings import TrainingSettings
from measure import interleaved, machine, report, write
from processors import add_like, take_like

_HERE = Path(__file__).parent
_SECONDS = 0.1  # that a timing takes, about
_BASELINE = "plain"


class _Case(NamedTuple):
    n_variables: int
    hidden: tuple[int, ...]
    batch: int

    def __str__(self) -> str:
        layers = "-".join(map(str, (self.n_variables, *self.hidden, self.n_variables)))
        return f"{layers}, batch {self.batch}"


_CASES = (
    _Case(16, (32, 32), 32),
    _Case(16, (64, 64), 128),
    _Case(64, (128, 128), 128),
    _Case(64, (512, 512, 512), 32),
    _Case(64, (512, 512, 512), 128),
    _Case(64, (512, 512, 512), 512),
    _Case(784, (512, 512), 128),
    _Case(784, (512, 512), 500),
    _Case(784, (2048, 2048), 128),
    _Case(784, (2048, 2048), 500),
    _Case(784, (8000,), 100),
)


def main() -> None:
    """Measure, print, write."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="the smallest networks, few repeats")
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("-o", "--out", type=Path, default=_HERE / "results" / "steps.json")
    add_like(arguments)
    options = arguments.parse_args()
    take_like(options.like)
    torch.set_num_threads(options.threads)
    from made.kernels.jit.processor import PROCESSOR

    results: dict[str, Any] = {}
    for case in _CASES[:2] if options.quick else _CASES:
        rivals = {name: _steps(case, name != _BASELINE) for name in (_BASELINE, "compiled")}
        seconds = interleaved(rivals, repeats=3 if options.quick else 9, warmups=3)
        results[str(case)] = report(f"{case}, {PROCESSOR.name}", "rounds per s", 1, seconds, _BASELINE)
    write(options.out, {"machine": machine(), "vectors": PROCESSOR.name, "cases": results})


def _steps(case: _Case, is_compiled: bool) -> Callable[[], object]:
    """Return what takes training steps on a model of its own, for about a tenth of a second."""
    model = made.MADE(made.Bernoulli(case.n_variables), case.hidden, seed=0)
    stepping = make_step(model, TrainingSettings(optimizer="adam", compiled=is_compiled), n_steps=1)
    draw = np.random.default_rng(0)
    rows = model.rows((draw.random((8 * case.batch, case.n_variables)) < 0.13).astype(np.uint8))
    batches = cycle([Batch.of(part) for part in rows.batches(case.batch)])
    generator = torch.Generator()
    weights = sum(weight.numel() for weight in model.network.weights)
    # At about 100 GFLOP a second, and no faster than a millisecond a step.
    number = max(1, int(_SECONDS / max(1e-3, 6 * weights * case.batch / 1e11)))

    def run() -> None:
        for _ in range(number):
            stepping.take(next(batches), 0, 1e-3, generator)

    return run


if __name__ == "__main__":
    main()
