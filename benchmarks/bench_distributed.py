"""Several ranks against one: rows per second, NLL, and fits of which a rank is killed. `made fit` is run.

Every rank has one thread, and n ranks have n cores where there are as many. Rows per second are of whole
epochs, validation included, the first apart; rivals are run in turn.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars

from measure import machine, write

LAYOUTS: dict[str, dict[str, Any]] = {
    "784-2048-2048-784": {
        "rows": 5_000,
        "batch": 1024,
        "options": ("--hidden", "2048,2048", "--no-direct", "--dropout", "0"),
    },
    "mixed, 50 columns": {
        "rows": 30_000,
        "batch": 1024,
        "options": ("--hidden", "512,512", "--dropout", "0.1"),
    },
}
FILES = 8


def images(n: int) -> polars.DataFrame:
    """784 bits with structure in them: nine times in ten a bit is the one before it."""
    generator = np.random.default_rng(0)
    changes = generator.random((n, 784), dtype=np.float32) < 0.1
    changes[:, 0] = generator.random(n) < 0.5
    bits = (np.cumsum(changes, axis=1) % 2).astype(np.uint8)
    return polars.DataFrame({f"x{d}": bits[:, d] for d in range(784)})


def mixed(n: int, width: int = 50) -> polars.DataFrame:
    """Numbers, whole numbers, prices, categories and text, a third with gaps, of five hidden causes."""
    generator = np.random.default_rng(0)
    causes = generator.normal(size=(n, 5))
    columns: dict[str, Any] = {}
    for d in range(width):
        own = causes @ generator.normal(size=5) + 0.5 * generator.normal(size=n)
        kind = d % 5
        if kind == 1:
            own = np.round(40 + 10 * own)
        elif kind == 2:
            own = np.round(np.exp(own / 2), 2)
        elif kind == 3:
            own = np.digitize(own, [-2.0, -0.5, 0.5, 2.0]).astype(float)
        if kind == 4:
            columns[f"x{d}"] = np.array(["low", "middle", "high"])[np.digitize(own, [-1.0, 1.0])]
            continue
        columns[f"x{d}"] = np.where(generator.random(n) < 0.05, np.nan, own) if d % 3 == 0 else own
    return polars.DataFrame(columns)


def stored(table: polars.DataFrame, folder: Path) -> Path:
    """Write a table as Parquet files."""
    folder.mkdir()
    for number, part in enumerate(np.array_split(np.arange(len(table)), FILES)):
        table[part].write_parquet(folder / f"{number}.parquet", row_group_size=2_000)
    return folder


def command(n: int, rows: Path, run: Path, options: tuple[str, ...], *launcher: str) -> list[str]:
    """Return the command that fits with n ranks; 0: as one process without torchrun."""
    cores = os.cpu_count() or 1
    pinned = ["taskset", "-c", f"0-{min(max(n, 1), cores) - 1}"] if shutil.which("taskset") else []
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(n), *launcher]
    worker = [str(Path(__file__).parent / "distributed_worker.py"), str(run.parent)]
    made = worker if n else ["-m", "made"]
    fit = ["fit", str(rows / "*.parquet"), "-o", str(run), "--device", "cpu", "--quiet", *options]
    return [*pinned, sys.executable, *(torchrun if n else []), *made, *fit]


def fitted(n: int, rows: Path, *options: str) -> dict[str, Any]:
    """Fit, and return rows per second and test NLL."""
    with tempfile.TemporaryDirectory() as place:
        run = Path(place, "run")
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
        done = subprocess.run(
            command(n, rows, run, options), env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(done.stderr)
        with (run / "metrics.csv").open() as file:
            epochs = list(csv.DictReader(file))
        results = json.loads((run / "results.json").read_text())
        schedule = json.loads((run / "settings.json").read_text())["full"]["training"]
        n_train = 0.8 * polars.scan_parquet(rows / "*.parquet").select(polars.len()).collect().item()
        ends = [float(own["seconds"]) for own in epochs]
        each = [later - before for before, later in pairwise(ends[1:])]
        return {
            "rows per second": n_train / statistics.median(each) if each else None,
            "batch": schedule["batch_size"],
            "nll": results["model"]["test"]["nll"],
            "steps": results["steps"],
            # Other work on the machine changes the clock more than this.
            "CPU seconds of each rank": [
                round(json.loads(file.read_text())["cpu"], 2)
                for file in sorted(Path(place).glob("rank-*.json"))
            ],
        }


def rates(scale: float, repeats: int, most: int, size: int | None) -> dict[str, Any]:
    """Hold ranks against one: the same global batch (strong), and the same batch for each rank (weak)."""
    found: dict[str, Any] = {}
    for name, own_layout in LAYOUTS.items():
        layout = own_layout | ({} if size is None else {"batch": size})
        with tempfile.TemporaryDirectory() as place:
            make = images if name.startswith("784") else mixed
            rows = stored(make(int(layout["rows"] * scale)), Path(place, "rows"))
            rivals = {("made fit", 0, layout["batch"]): [], ("strong", 1, layout["batch"]): []}
            for n in range(2, most + 1):
                rivals |= {("strong", n, layout["batch"]): [], ("weak", n, n * layout["batch"]): []}
            for _ in range(repeats):
                for (kind, n, batch), own in rivals.items():
                    options = (*layout["options"], "--epochs", "4", "--batch-size", str(batch))
                    own.append(fitted(n, rows, *options))
                    print(f"{name}: {kind}, {n or 1} ranks, batch {batch}: {own[-1]}", flush=True)
            of_one = [own["rows per second"] for own in rivals["strong", 1, layout["batch"]]]
            found[name] = {
                f"{kind}, {n} ranks, batches of {batch}" if n else f"made fit, batches of {batch}": {
                    "rows per second": statistics.median(one["rows per second"] for one in own),
                    "against one rank": [
                        round(one["rows per second"] / base, 3) for one, base in zip(own, of_one, strict=True)
                    ],
                    "steps": own[0]["steps"],
                    "CPU seconds of each rank": [one["CPU seconds of each rank"] for one in own],
                }
                for (kind, n, batch), own in rivals.items()
            }
    return found


def likelihoods(n_rows: int, seeds: int, most: int) -> dict[str, Any]:
    """Test NLL by number of ranks, over seeds, at the same global batch."""
    with tempfile.TemporaryDirectory() as place:
        rows = stored(mixed(n_rows, 12), Path(place, "rows"))
        options = ("--hidden", "64,64", "--epochs", "20", "--batch-size", "128", "--learning-rate", "0.005")
        found: dict[str, Any] = {}
        for n in range(most + 1):
            # A seed changes the split too: figures of one seed are held against each other.
            own = [fitted(n, rows, *options, "--seed", str(seed))["nll"] for seed in range(seeds)]
            found["made fit" if n == 0 else f"{n} ranks"] = own
            print(f"NLL, {n or 'no'} ranks: {own}", flush=True)
    results = {}
    for name, own in found.items():
        less = np.subtract(found["1 ranks"], own)
        error = float(less.std(ddof=1) / len(less) ** 0.5) if len(less) > 1 else None
        results[name] = {"nll": own, "less than of one rank": float(less.mean()), "standard error": error}
    return results


def kills(number: int, n: int = 2) -> dict[str, Any]:
    """Kill a random rank of small runs, and hold what becomes of them against an undisturbed one."""
    chance = random.Random(0)
    options = ("--hidden", "16", "--epochs", "150", "--batch-size", "64", "--checkpoint-every", "0.2")
    with tempfile.TemporaryDirectory() as place:
        rows = stored(mixed(600, 8), Path(place, "rows"))
        undisturbed = fitted(n, rows, *options)["nll"]
        found: list[dict[str, Any]] = []
        for i in range(number):
            run = Path(place, f"run-{i}")
            environment = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
            with subprocess.Popen(
                command(n, rows, run, options, "--max-restarts", "3"),
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            ) as torchrun:
                while not (run / "checkpoint.safetensors").exists() and torchrun.poll() is None:
                    time.sleep(0.02)
                time.sleep(2 * chance.random())
                ranks = children(torchrun.pid)
                rank = chance.randrange(len(ranks)) if ranks else -1
                is_over = (run / "results.json").exists()
                if ranks:
                    os.kill(ranks[rank], signal.SIGKILL)
                _, said = torchrun.communicate()
            nll = json.loads((run / "results.json").read_text())["model"]["test"]["nll"]
            found.append(
                {
                    "rank": rank,
                    "in mid-fit": not is_over,
                    "another said so": "error: rank" in said,
                    "finished": torchrun.returncode == 0,
                    "difference in nll": nll - undisturbed,
                }
            )
            print(f"kill {i + 1}: {found[-1]}", flush=True)
    return {"undisturbed nll": undisturbed, "kills": found}


def children(process: int) -> list[int]:
    """Return the processes that a process has started, in their order."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        if parent == process:
            found.append(int(folder.name))
    return sorted(found)


def main() -> None:
    """Measure what is asked for, and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="of the numbers of rows")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--ranks", type=int, default=2, help="the most")
    parser.add_argument("--batch", type=int, help="rows of a global batch, instead of those of the layouts")
    parser.add_argument("--seeds", type=int, default=0, help="for NLL by number of ranks; 0: not measured")
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--no-rates", action="store_true")
    parser.add_argument("-o", "--out", type=Path, default=Path(__file__).parent / "results/distributed.json")
    given = parser.parse_args()
    results = json.loads(given.out.read_text()) if given.out.exists() else {}
    load = os.getloadavg()[0]
    if not given.no_rates:
        for name, own in rates(given.scale, given.repeats, given.ranks, given.batch).items():
            results.setdefault("rates", {}).setdefault(name, {}).update(own)
        results["load average of the machine while rates were measured"] = [load, os.getloadavg()[0]]
    if given.seeds:
        results["likelihoods"] = likelihoods(2_000, given.seeds, max(given.ranks, 2))
    if given.kills:
        results["kills"] = kills(given.kills)
    write(given.out, {**machine(), **results})


if __name__ == "__main__":
    main()
