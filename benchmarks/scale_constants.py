"""What `scale.py` computes with: the parts of a step of one rank, and all-reduce between processes, measured.

``python benchmarks/scale_constants.py`` starts itself again: as the one rank of small fits, alone and two of
them beside each other that know nothing of each other, and as processes that do nothing but all-reduce.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars

from bench_distributed import LAYOUTS, images, mixed, stored
from measure import machine, write

BATCHES = (256, 512, 1024, 2048)
#: Rows of the tables on which reading is measured.
LARGE = {"784-2048-2048-784": 110_000, "mixed, 50 columns": 200_000}
#: Bytes of an all-reduce, and how often it is done.
SIZES = {2**12: 300, 2**16: 300, 2**20: 60, 2**23: 15, 2**25: 8}
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node")


class Notes:
    """What the one rank of a fit notes: the moments of each step, and all else that takes time.

    Seconds are those of its core, which other work on the machine changes little; of checkpoints by the
    clock.
    """

    def __init__(self, *, asks_noise: bool = False) -> None:
        self.asks_noise, self.noise = asks_noise, list[float]()
        self.steps: list[list[float]] = []
        self.epochs: list[tuple[float, float]] = []
        self.checkpoints: list[tuple[float, int]] = []
        self.read: list[tuple[int, float]] = []
        self.first_pass: list[tuple[int, float]] = []
        self._moments: list[float] = []

    def install(self) -> None:
        """Put clocks around what a trainer does."""
        from made.data import shared_rows
        from made.training.distributed import RankedTrainer
        from made.training.shares import ShareBatches

        step, end, validate = RankedTrainer._take_step, RankedTrainer._end_epoch, RankedTrainer._validate
        save, read, look = RankedTrainer._save, ShareBatches._read, shared_rows._read
        self.validated = 0.0

        def noted_step(trainer: RankedTrainer) -> None:
            if not hasattr(trainer, "is_watched"):
                trainer.is_watched = True  # type: ignore[attr-defined]
                trainer.update._told.register_forward_hook(self._now)
                optimizer = trainer.update.optimizer
                update = optimizer.step

                def noted_update() -> Any:
                    self._now()
                    return update()

                optimizer.step = noted_update  # type: ignore[method-assign]
                self.bytes = [4 * own.numel() for own in trainer.update._told.parameters()]
                assert trainer.valid is not None
                self.n_valid = len(trainer.valid.rows)
                self.steps_per_epoch = trainer.batches.steps_per_epoch
            self._moments = []
            self._now()
            step(trainer)
            self._now()
            self.steps.append(np.diff(self._moments).tolist())

        def noted_validation(trainer: RankedTrainer) -> Any:
            began = time.process_time()
            found = validate(trainer)
            self.validated = time.process_time() - began
            return found

        def noted_end(trainer: RankedTrainer, *others: Any) -> None:
            began = time.process_time()
            end(trainer, *others)
            self.epochs.append((time.process_time() - began, self.validated))
            if self.asks_noise and trainer.step:
                self.noise.append(noise_scale(trainer))

        def noted_save(trainer: RankedTrainer, path: Path) -> None:
            began = time.perf_counter()
            save(trainer, path)
            self.checkpoints.append((time.perf_counter() - began, path.stat().st_size))

        def noted_read(batches: ShareBatches, number: int) -> Any:
            began = time.process_time()
            rows = read(batches, number)
            self.read.append((len(rows), time.process_time() - began))
            return rows

        def noted_look(files: Any, share: tuple[int, int], wanted: Any) -> Any:
            began = time.process_time()
            found = look(files, share, wanted)
            self.first_pass.append((share[1] - share[0], time.process_time() - began))
            return found

        for owner, name, own in (
            (shared_rows, "_read", noted_look),
            (RankedTrainer, "_take_step", noted_step),
            (RankedTrainer, "_validate", noted_validation),
            (RankedTrainer, "_end_epoch", noted_end),
            (RankedTrainer, "_save", noted_save),
            (ShareBatches, "_read", noted_read),
        ):
            setattr(owner, name, own)

    def _now(self, *_: Any) -> None:
        self._moments.append(time.process_time())

    def summary(self) -> dict[str, Any]:
        """Medians; the first epoch, in which things are set up, is left out."""
        steps = np.array(self.steps[self.steps_per_epoch :])
        before, backward, after = np.median(steps, axis=0)
        whole = np.log(steps.sum(1))
        low, middle, high = np.quantile(whole, [0.1587, 0.5, 0.8413])
        ends, validation = np.median(np.array(self.epochs[1:]), axis=0)
        n_read, reading = np.sum(np.array(self.read), axis=0)
        return {
            "seconds before the backward pass": float(before),
            "backward": float(backward),
            "after": float(after),
            "spread of the logarithm": float((high - low) / 2),
            "largest over median": float(np.exp(whole.max() - middle)),
            "steps": len(steps),
            "validation of a row": float(validation) / self.n_valid,
            "rest of the end of an epoch": float(ends - validation),
            "checkpoint": statistics.median(seconds for seconds, _ in self.checkpoints),
            "checkpoint bytes": self.checkpoints[-1][1],
            "rows read a second": float(n_read / reading),
            "rows of the first pass a second": self.first_pass[0][0] / self.first_pass[0][1],
            "bytes of parameters": self.bytes,
            "gradient noise scale after each epoch, rows": self.noise,
        }


def noise_scale(trainer: Any) -> float:
    """Return of how many rows the mean gradient is as much noise as signal: the gradient noise scale.

    The variance of the gradient of a row over the square of its mean, after McCandlish, Kaplan, Amodei et
    al., An Empirical Model of Large-Batch Training, 2018: from the squares of gradients of batches, and of
    their mean over an epoch. Where that mean is within its error of zero: infinite.
    """
    import torch

    parameters, n = list(trainer.model.parameters()), trainer.batches.steps_per_epoch
    total, square, rows = 0.0, 0.0, 0
    for step in range(n):
        batch = trainer.batches.batch(step)
        found = torch.autograd.grad(trainer.model.loss(batch.encoded), parameters)
        own = torch.cat([each.flatten() for each in found])
        total, square, rows = total + own / n, square + float(own.square().sum()) / n, rows + len(batch.rows)
    of_mean = float(total.square().sum())  # type: ignore[attr-defined]
    variance = (square - of_mean) / (n / rows - 1 / rows)
    true = of_mean - variance / rows
    return variance / true if true > 0 else float("inf")


def as_rank(out: Path, arguments: list[str], *, asks_noise: bool) -> None:
    """Fit as the one rank of a launch, and write what was noted."""
    from made.cli import main as made

    notes = Notes(asks_noise=asks_noise)
    notes.install()
    try:
        made(arguments)
    finally:
        out.write_text(json.dumps(notes.summary()))


def as_ring() -> None:
    """All-reduce buffers of some sizes; rank 0 prints the seconds, and those of the processor, of each."""
    import torch
    import torch.distributed as dist

    dist.init_process_group("gloo")
    found = {}
    for size, repeats in SIZES.items():
        buffer = torch.zeros(size // 4)
        for _ in range(3):
            dist.all_reduce(buffer)
        taken = []
        dist.barrier()
        worked = time.process_time()
        for _ in range(repeats):
            began = time.perf_counter()
            dist.all_reduce(buffer)
            taken.append(time.perf_counter() - began)
        found[size] = {
            "seconds": float(np.quantile(taken, 0.25)),
            "CPU seconds of a process": (time.process_time() - worked) / repeats,
        }
    if dist.get_rank() == 0:
        print(json.dumps(found))
    dist.barrier()
    dist.destroy_process_group()


def start(cores: str, n: int, *arguments: str) -> subprocess.Popen[str]:
    """Start this file as n ranks on some cores."""
    pinned = ["taskset", "-c", cores] if shutil.which("taskset") else []
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    command = [*pinned, sys.executable, *TORCHRUN, str(n), __file__, *arguments]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def scores() -> dict[str, float]:
    """Measure the bytes that a row of `bench_ray` has in its file, and those of its score."""
    from bench_ray import make_files, make_model

    with tempfile.TemporaryDirectory() as place:
        n, model, out = 262_144, Path(place, "model.safetensors"), Path(place, "scores")
        make_model(model)
        (rows,) = make_files(Path(place, "rows"), n, n)
        command = [sys.executable, "-m", "made", "score", str(model), str(rows), "-o", f"{out}/"]
        subprocess.run(command, check=True, capture_output=True)
        written = sum(file.stat().st_size for file in out.rglob("*.parquet"))
        return {"file bytes of a row": rows.stat().st_size / n, "file bytes of its score": written / n}


def ended(process: subprocess.Popen[str]) -> str:
    """Return what a process has said, once it has ended well."""
    said, error = process.communicate()
    if process.returncode:
        raise SystemExit(error)
    return said


def fits(rows: Path, options: tuple[str, ...], batch: int, n: int, epochs: int) -> list[dict[str, Any]]:
    """Fit n times at once, each time as one rank on a core of its own."""
    with tempfile.TemporaryDirectory() as place:
        fit = ("fit", str(rows / "*.parquet"), "--device", "cpu", "--quiet", *options)
        fit = (*fit, "--epochs", str(epochs), "--batch-size", str(batch))
        outs = [Path(place, f"notes-{i}.json") for i in range(n)]
        started = [
            start(str(i), 1, "rank", str(out), *fit, "-o", str(Path(place, f"run-{i}")))
            for i, out in enumerate(outs)
        ]
        for process in started:
            ended(process)
        return [json.loads(out.read_text()) for out in outs]


def reading(name: str, scale: float) -> dict[str, float]:
    """Measure how fast a rank goes through a table, the first time and later, beside almost no work."""
    with tempfile.TemporaryDirectory() as place:
        file, n = Path(place, "rows/0.parquet"), int(LARGE[name] * scale)
        file.parent.mkdir()
        (images if name.startswith("784") else mixed)(n).write_parquet(file)
        (found,) = fits(file.parent, ("--hidden", "8", "--no-direct"), 8192, 1, 2)
        names = ("rows read a second", "rows of the first pass a second")
        size = file.stat().st_size / n
        return {"rows": n, "file bytes of a row": size, **{own: found[own] for own in names}}


def layout(name: str, scale: float) -> dict[str, Any]:
    """Measure a layout: by batch size, and two of the largest batch but one beside each other."""
    own = LAYOUTS[name]
    with tempfile.TemporaryDirectory() as place:
        make = images if name.startswith("784") else mixed
        rows = stored(make(int(own["rows"] * scale)), Path(place, "rows"))
        n = polars.scan_parquet(rows / "*.parquet").select(polars.len()).collect().item()
        alone = {}
        for batch in BATCHES:
            (alone[batch],) = fits(rows, own["options"], batch, 1, 6)
            print(name, batch, alone[batch], flush=True)
        beside = fits(rows, own["options"], 1024, 2, 8)
    parts = ("seconds before the backward pass", "backward", "after")
    seconds = [sum(one[part] for part in parts) for one in beside]
    return {
        "rows": n,
        "reading": reading(name, scale),
        # Batches of an epoch are of almost the same size, at most the one that was asked for.
        "one rank by rows of a step": {
            round(0.8 * n / -(-int(0.8 * n) // batch)): found for batch, found in alone.items()
        },
        "two beside each other, seconds against one alone": statistics.mean(seconds)
        / sum(alone[1024][part] for part in parts),
    }


def main() -> None:
    """Measure all, and write it."""
    if sys.argv[1:2] == ["rank"]:
        return as_rank(Path(sys.argv[2]), sys.argv[3:], asks_noise=f"{BATCHES[0]}" in sys.argv)
    if sys.argv[1:2] == ["ring"]:
        return as_ring()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="of the numbers of rows")
    parser.add_argument("--only", choices=("all-reduce", "scores", "layouts"), help="keep the others")
    out = Path(__file__).parent / "results/scale-constants.json"
    parser.add_argument("-o", "--out", type=Path, default=out)
    given = parser.parse_args()
    cores = os.cpu_count() or 1
    found = json.loads(given.out.read_text()) if given.out.exists() else {}
    found |= {**machine(), "cores": cores}
    parts: dict[str, Callable[[], dict[Any, Any]]] = {
        "all-reduce": lambda: {n: json.loads(ended(start(f"0-{cores - 1}", n, "ring"))) for n in (2, 3, 4)},
        "scores": scores,
        "layouts": lambda: {name: layout(name, given.scale) for name in LAYOUTS},
    }
    for name in parts if given.only is None else (given.only,):
        before = os.getloadavg()[0]
        found[name] = parts[name]()
        found[f"load of the machine before and after {name}"] = before, os.getloadavg()[0]
        write(given.out, found)
    return None


if __name__ == "__main__":
    main()
