"""The peers of `bench_mixed.py`: steps of zuko's autoregressive flow, and of TabularARGN in its environment.

Run as a program, in the environment of TabularARGN, it says how many training rows a second that takes:

    python mixed_peers.py TABLE.csv BATCH EPOCHS
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["argn_rows_per_second", "flow_steps"]


def flow_steps(
    values: np.ndarray, hidden: tuple[int, ...], batch: int, number: int, device: str = "cpu"
) -> Callable[[], object]:
    """Return what takes some steps of a neural spline flow of one transform, which has a network as ours.

    Raises
    ------
    ImportError
        If zuko is not installed.
    """
    import torch
    import zuko

    flow = zuko.flows.NSF(features=values.shape[1], transforms=1, hidden_features=hidden).to(device)
    optimizer = torch.optim.Adam(flow.parameters(), lr=1e-3, fused=True)
    scaled = (values - values.mean(axis=0)) / values.std(axis=0)
    rows = torch.from_numpy(scaled.astype(np.float32)).to(device)
    batches = cycle([part for part in rows.split(batch) if len(part) == batch])

    def run() -> None:
        for _ in range(number):
            loss = -flow().log_prob(next(batches)).mean()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()

    return run


def argn_rows_per_second(python: Path, frame: pd.DataFrame, folder: Path, batch: int, epochs: int) -> float:
    """Return what TabularARGN takes of a table, by the environment that it is in.

    Raises
    ------
    RuntimeError
        If it fails.
    """
    table = folder / "table.csv"
    frame.to_csv(table, index=False)
    command = [str(python), __file__, str(table), str(batch), str(epochs)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    return float(json.loads(done.stdout.splitlines()[-1]))


def _of_table(table: Path, batch: int, epochs: int) -> float:
    """Fit twice, the second time for three times as many epochs: all else takes as long in both."""
    from mostlyai.engine import TabularARGN

    frame = pd.read_csv(table)
    seconds = []
    for most in (epochs, 3 * epochs):
        about: dict[str, Any] = {"max_epochs": most, "batch_size": batch, "device": "cpu"}
        model = TabularARGN(value_protection=False, random_state=0, **about)
        began = time.perf_counter()
        model.fit(frame)
        seconds.append(time.perf_counter() - began)
    # A tenth of the rows is held out.
    return 0.9 * len(frame) * 2 * epochs / (seconds[1] - seconds[0])


if __name__ == "__main__":
    print(json.dumps(_of_table(Path(sys.argv[1]), *map(int, sys.argv[2:]))))
