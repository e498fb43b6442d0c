"""Training steps and samples per second against a plain port of the seed's loops, in the same run.

Run with ``make bench``; ``--quick`` takes a smaller network and fewer repeats.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

import made
from made.training.optimizer import make_optimizer
from made.training.settings import TrainingSettings
from measure import interleaved, machine, report, write
from seed_port import SeedMADE, sample, train_step

_HERE = Path(__file__).parent


def main() -> None:
    """Measure, print, write."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="a small network, for a check that it runs")
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("-o", "--out", type=Path, default=_HERE / "results" / "seed.json")
    options = arguments.parse_args()
    torch.set_num_threads(options.threads)
    n_variables, hidden = (64, (64, 64)) if options.quick else (784, (512, 512, 512))
    steps, repeats = (5, 3) if options.quick else (20, 9)

    rows = torch.from_numpy((np.random.default_rng(0).random((128, n_variables)) < 0.13).astype(np.uint8))
    floats = rows.float()  # the seed keeps its data as floats: no conversion is charged to it
    seed_model = SeedMADE(n_variables, hidden)
    seed_optimizer = torch.optim.Adam(seed_model.parameters(), lr=1e-3)
    model = made.MADE(made.Bernoulli(n_variables), hidden=hidden)
    optimizer = make_optimizer(model, TrainingSettings(optimizer="adam"))

    def seed_steps() -> None:
        for _ in range(steps):
            train_step(seed_model, seed_optimizer, floats)

    def made_steps() -> None:
        for _ in range(steps):
            loss = model.loss(rows)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            loss.item()

    layout = "-".join(map(str, (n_variables, *hidden, n_variables)))
    training = report(
        f"Training, {layout}, batch 128, {options.threads} threads",
        "steps per s",
        steps,
        interleaved({"seed": seed_steps, "made": made_steps}, repeats=repeats),
        "seed",
    )
    sampling = report(
        f"Sampling 100 rows, {layout}, {options.threads} threads",
        "rows per s",
        100,
        interleaved(
            {
                "seed": lambda: sample(seed_model, 100, n_variables),
                "made": lambda: model.sample(100, seed=0),
            },
            repeats=max(3, repeats // 3),
        ),
        "seed",
    )
    write(options.out, {"machine": machine(), "layout": layout, "training": training, "sampling": sampling})


if __name__ == "__main__":
    main()
