"""Training steps, log_prob and sampling of tables of 50 columns, by kind of column.

Run with ``python benchmarks/bench_mixed.py``; ``--quick`` takes small networks, ``--like avx2`` is as on a
processor without AVX-512. The baseline has categories of as many classes as a number has outputs, so that
layers are as large. zuko's flow of one transform trains on the columns of numbers, where it is installed;
``--argn PYTHON`` names the interpreter of an environment with mostlyai-engine, which takes the mixed table.
``--device cuda`` takes a GPU.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import torch

import made
from made.training.batches import Batch
from made.training.make_step import make_step
from made.training.settings import TrainingSettings
from made.training.steps import PlainStep
from made.variables.rows import Rows
from measure import interleaved, machine, report, write
from mixed_peers import argn_rows_per_second, flow_steps
from processors import add_like, take_like

_HERE = Path(__file__).parent
_COLUMNS, _BATCH = 50, 128
_BASELINE = "categories"
_FLOW = "continuous, zuko"


def main() -> None:
    """Measure, print, write."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="small networks, for a check that it runs")
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("-o", "--out", type=Path, default=_HERE / "results" / "mixed.json")
    arguments.add_argument("--device", default="cpu", help="cpu or cuda")
    arguments.add_argument("--argn", type=Path, metavar="PYTHON", help="measure TabularARGN there, too")
    add_like(arguments)
    options = arguments.parse_args()
    take_like(options.like)
    torch.set_num_threads(options.threads)
    repeats, steps = (3, 5) if options.quick else (15, 40)
    width, n_rows = (32, 500) if options.quick else (512, 10_000)
    models = {name: _fitted(columns, width, n_rows) for name, columns in _kinds().items()}
    results: dict[str, Any] = {"machine": machine(options.device), "repeats": repeats}
    flow = _flow(models["continuous"][1], width, steps, options.device)
    for model, _ in models.values():
        model.to(options.device)
    for is_compiled in (True, False):
        rivals = {name: _steps(*own, is_compiled, steps) for name, own in models.items()}
        if flow is not None:
            rivals[_FLOW] = flow
        fast = "compiled" if options.device == "cpu" else "captured"
        title = f"Training, {fast if is_compiled else 'plain'} steps, batch {_BATCH}"
        results[title] = report(
            title, "steps per s", steps, interleaved(rivals, repeats=repeats), baseline=_BASELINE
        )
    rivals = {name: _scoring(*own) for name, own in models.items()}
    title = f"log_prob of {n_rows:,} rows"
    results[title] = report(title, "rows per s", n_rows, interleaved(rivals, repeats=repeats), _BASELINE)
    for name, (model, rows) in models.items():
        results[f"100 rows of {name}"] = _sampling(name, model, rows, repeats)
    if options.argn is not None:
        results["TabularARGN"] = _argn(options.argn, models["mixed"], quick=options.quick)
    write(options.out, results)


def _flow(rows: Rows, width: int, steps: int, device: str) -> Callable[[], object] | None:
    """Return steps of zuko's flow on a table of numbers; None where it is not installed."""
    assert rows.bodies is not None
    values = rows.bodies.numpy().view(np.float64)
    try:
        return flow_steps(values, (width, width), _BATCH, steps, device)
    except ImportError as error:
        print(f"{_FLOW}: not installed: {error}")
        return None


def _argn(python: Path, mixed: tuple[made.MADE, Rows], *, quick: bool) -> dict[str, float]:
    """Hold training rows a second of TabularARGN against ours of the same table."""
    model, rows = mixed
    values = model.schema.decode(rows)
    frame = pd.DataFrame(values, columns=[f"c{d}" for d in range(_COLUMNS)])
    with TemporaryDirectory() as folder:
        theirs = argn_rows_per_second(python, frame, Path(folder), _BATCH, 1 if quick else 3)
    found = {"rows per s": theirs}
    print(f"\nTabularARGN, mixed table: {theirs:.4g} training rows per s")
    return found


def _kinds() -> dict[str, list[Any]]:
    """Return the columns of each table: lists of variables, 50 in all."""
    n_classes = made.Numeric().output_size
    mixed = [
        made.Numeric(15),
        made.Numeric(10, step=1.0),
        made.Numeric(5, step=0.01, missing=True),
        made.Numeric(5, spikes=[0.0]),
        made.Categorical(2, n=5),
        made.Categorical(n_classes, n=7),
        made.Categorical(30, n=3, missing=True),
    ]
    return {
        _BASELINE: [made.Categorical(n_classes, n=_COLUMNS)],
        "mixed": mixed,
        "continuous": [made.Numeric(_COLUMNS)],
        "grid": [made.Numeric(_COLUMNS, step=1.0)],
        "spikes inside": [made.Numeric(_COLUMNS, spikes=[0.0])],
        "spikes far off": [made.Numeric(_COLUMNS, step=1.0, spikes=[-1e9])],
    }


def _fitted(blocks: list[Any], width: int, n_rows: int) -> tuple[made.MADE, Rows]:
    """Return a model with its marginals, and rows of made-up values that hang together."""
    random = np.random.default_rng(0)
    common = random.normal(size=(n_rows, 1))
    z = 0.7 * common + 0.7 * random.normal(size=(n_rows, _COLUMNS))
    columns: list[Any] = []
    for block in blocks:
        for _ in range(block.n):
            columns.append(_column(block, z[:, len(columns)], random))
    model = made.MADE(blocks, hidden=(width, width), seed=0)
    values = np.empty((n_rows, _COLUMNS), dtype=object)
    for d, column in enumerate(columns):
        values[:, d] = column
    model.set_marginals(values)
    return model, model.rows(values)


def _column(block: Any, z: np.ndarray, random: np.random.Generator) -> list[Any]:
    """Return values of one column, of what its normal scores are."""
    if isinstance(block, made.Numeric):
        values = 20 * z if block.step is None else np.rint(20 * z / block.step) * block.step
        if block.spikes:
            values = np.where(random.random(len(z)) < 0.1, block.spikes[0], values)
        column = values.tolist()
    else:
        n_classes = block.n_values - block.missing
        column = np.clip((z + 2.5) / 5 * n_classes, 0, n_classes - 1).astype(int).tolist()
    if not block.missing:
        return column
    gaps = random.random(len(z)) < 0.1
    return [None if gap else value for gap, value in zip(gaps, column, strict=True)]


def _steps(model: made.MADE, rows: Rows, is_compiled: bool, number: int) -> Callable[[], object]:
    """Return what takes some training steps, on a model of its own."""
    settings = TrainingSettings(optimizer="adam", learning_rate=1e-3, compiled=is_compiled, batch_size=_BATCH)
    is_plain = model.device.type != "cpu" and not is_compiled
    stepping = PlainStep(model, settings) if is_plain else make_step(model, settings, n_steps=1)
    generator = torch.Generator(model.device)
    scored = model.scored(rows.to(model.device))  # once, as a fit does
    batches = cycle([Batch.of(part) for part in scored.batches(_BATCH) if len(part) == _BATCH])

    def run() -> None:
        for _ in range(number):
            stepping.take(next(batches), 0, 1e-3, generator)
        stepping.sync()

    return run


def _scoring(model: made.MADE, rows: Rows) -> Callable[[], object]:
    rows = rows.to(model.device)
    return lambda: model.log_prob(rows)


def _sampling(name: str, model: made.MADE, rows: Rows, repeats: int) -> dict[str, Any]:
    """Time drawing 100 rows against one forward pass of as many."""
    some = rows[:100].to(model.device)
    with torch.no_grad():
        rivals = {
            "forward": lambda: model.outputs(some),
            "log_prob": lambda: model.log_prob(some),
            "sample": lambda: model.sample(100, seed=0),
        }
        return report(
            f"100 rows of {name}",
            "rows per s",
            100,
            interleaved(rivals, repeats=3 * repeats, warmups=3),
            "forward",
        )


if __name__ == "__main__":
    main()
