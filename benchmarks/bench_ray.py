"""Many rows scored by the streaming command and on Ray, with a worker and a node killed on the way.

Each way writes a file for each unit of rows; the files of all ways must be the same. A "node" is a raylet of
a cluster that is begun on this machine, with one worker of one core. Needs Linux, and the extra `ray`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars

import made
from made.runs.unit_work import Packed, ScoreUnits
from made.runs.units import ROWS, Unit, UnitFolder, digest_of, find_units
from measure import machine, write

COLUMNS, CLASSES, HIDDEN = 20, 5, 64
STORE = 200 * 2**20
HERE = Path(__file__).parent
WAYS = ("command", "one", "two", "killed", "dataset")


def rows_of(n: int, seed: int) -> np.ndarray[Any, Any]:
    """Rows with structure in them: half of the entries are the one before."""
    generator = np.random.default_rng(seed)
    rows = generator.integers(0, CLASSES, (n, COLUMNS), dtype=np.uint8)
    for d in range(1, COLUMNS):
        same = generator.random(n, dtype=np.float32) < 0.5
        rows[same, d] = rows[same, d - 1]
    return rows


def make_files(folder: Path, n: int, each: int) -> list[Path]:
    """Write the rows, some files."""
    folder.mkdir()
    paths = []
    for first in range(0, n, each):
        rows = rows_of(min(each, n - first), first)
        paths.append(folder / f"{first:012}.parquet")
        polars.DataFrame({f"x{d}": rows[:, d] for d in range(COLUMNS)}).write_parquet(
            paths[-1], row_group_size=ROWS
        )
    return paths


def make_model(path: Path) -> made.MADE:
    """Fit a model of one mask for a moment."""
    model = made.MADE(made.Categorical(CLASSES, COLUMNS), hidden=(HIDDEN,))
    model.schema = model.schema.rename({f"x{d}": f"x{d}" for d in range(COLUMNS)})
    made.fit(model, rows_of(20_000, 1), rows_of(2_000, 2), epochs=3)
    model.save(path)
    return model


def by_command(model: Path, files: Path, out: Path) -> dict[str, Any]:
    """The command without Ray, in a process of its own."""
    command = [sys.executable, "-m", "made", "score", str(model), str(files), "-o", f"{out}/"]
    began = time.perf_counter()
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    seconds = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "seconds": seconds,
        "CPU seconds": used.ru_utime + used.ru_stime,
        "peak MB": used.ru_maxrss // 2**10,
    }


@contextmanager
def cluster(n_nodes: int) -> Iterator[tuple[Any, list[Any]]]:
    """A cluster of a head, which does no work, and nodes of one core each."""
    import ray
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 0, "include_dashboard": False, "object_store_memory": STORE}
    own = Cluster(initialize_head=True, head_node_args=head)
    try:
        nodes = [own.add_node(num_cpus=1, object_store_memory=STORE) for _ in range(n_nodes)]
        ray.init(address=own.address, log_to_driver=False)
        yield own, nodes
    finally:
        ray.shutdown()
        own.shutdown()


def raylets_of(nodes: list[Any]) -> set[int]:
    """The processes of nodes."""
    return {node.all_processes["raylet"][0].process.pid for node in nodes}


def workers_of(raylets: set[int]) -> list[int]:
    """The processes that score, on all nodes."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rsplit(")", 1)[1].split()[1])
            if parent in raylets and b"MapWorker" in (status.parent / "cmdline").read_bytes():
                found.append(int(status.parent.name))
        except OSError:
            continue
    return found


class Watch:
    """Notes the largest memory of a worker, and what each has used of a core, now and then."""

    def __init__(self, own: Any) -> None:
        self.raylets, self.peak, self._ended = raylets_of(own.list_all_nodes()), 0, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._used: dict[int, float] = {}

    def __enter__(self) -> Watch:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        """End."""
        self._ended.set()
        self._thread.join()

    @property
    def cpu_seconds(self) -> float:
        """Of all workers together, to within a second of each."""
        return sum(self._used.values())

    def _look(self) -> None:
        while not self._ended.wait(1.0):
            for pid in workers_of(self.raylets):
                try:
                    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
                    times = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
                except OSError:
                    continue
                self._used[pid] = sum(map(int, times)) / os.sysconf("SC_CLK_TCK")
                peaks = [int(line.split()[1]) // 2**10 for line in lines if line.startswith("VmHWM")]
                self.peak = max([self.peak, *peaks])


def by_ray(work: ScoreUnits, units: list[Unit], n_nodes: int, *, kill: bool = False) -> dict[str, Any]:
    """On Ray Data; where told so, a worker is killed after a fifth of the units, and a node after half."""
    UnitFolder(work.out, units)
    killed: list[str] = []
    seen: list[int] = []
    with cluster(n_nodes) as (own, nodes), Watch(own) as watch:
        began = time.perf_counter()
        first, rows_of_first = 0.0, 0
        for number, done in made.ray.spread(work, units):
            if done.error:
                raise RuntimeError(done.error)
            seen.append(number)
            if not rows_of_first:
                first, rows_of_first = time.perf_counter(), done.n_rows
            if kill and len(seen) == max(len(units) // 5, 1):
                pid = workers_of(watch.raylets)[0]
                os.kill(pid, signal.SIGKILL)
                killed.append(f"a worker after {len(seen)} of {len(units)} units")
            if kill and len(seen) == len(units) // 2:
                own.remove_node(nodes[-1], allow_graceful=False)
                killed.append(f"a node after {len(seen)} of {len(units)} units")
        ended = time.perf_counter()
    assert sorted(seen) == list(range(len(units)))
    n = sum(unit.n for unit in units)
    return {
        "seconds": ended - began,
        "seconds until the first unit": first - began,
        "rows per second after it": (n - rows_of_first) / max(ended - first, 1e-9),
        "CPU seconds of workers": watch.cpu_seconds,
        "peak MB of a worker": watch.peak,
        "peak MB of the driver": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 2**10,
        "killed": killed,
    }


def by_dataset(model: Path, files: list[Path], n_nodes: int) -> dict[str, Any]:
    """A dataset of Ray Data, scored and summed."""
    import ray

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    with cluster(n_nodes) as (own, _), Watch(own) as watch:
        began = time.perf_counter()
        scored = made.ray.score(ray.data.read_parquet([str(file) for file in files]), model)
        n, total = 0, 0.0
        for batch in scored.select_columns(["log_prob"]).iter_batches(batch_size=None):
            n, total = n + len(batch["log_prob"]), total + float(batch["log_prob"].sum())
        seconds = time.perf_counter() - began
    return {
        "seconds": seconds,
        "CPU seconds of workers": watch.cpu_seconds,
        "rows": n,
        "sum": total,
        "peak MB of a worker": watch.peak,
    }


def summed(folder: Path, units: list[Unit]) -> tuple[int, float, int]:
    """How many rows there are, the sum of their scores in their order, and how many rows stand twice."""
    n, total, twice = 0, 0.0, 0
    for unit in units:
        own = polars.read_parquet(folder / unit.name, columns=["row", "log_prob"])
        twice += own.height - own["row"].n_unique()
        n, total = n + own.height, total + float(own["log_prob"].sum())
    return n, total, twice


def different(one: Path, other: Path, units: list[Unit], others: list[Unit]) -> int:
    """How many rows have another score, to the last bit."""
    count = 0
    for unit, same in zip(units, others, strict=True):
        scores = [
            polars.read_parquet(folder / name)["log_prob"].to_numpy()
            for folder, name in ((one, unit.name), (other, same.name))
        ]
        count += int((scores[0] != scores[1]).sum())
    return count


def main() -> None:
    """Make the rows, score them in each way, and write what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000_000)
    parser.add_argument("--file-rows", type=int, default=5_000_000)
    parser.add_argument("--folder", type=Path, help="where to make the files [a temporary place]")
    parser.add_argument("--ways", nargs="*", default=WAYS, choices=WAYS)
    parser.add_argument("--note", default="", help="what is to be said of the machine")
    parser.add_argument("-o", "--out", type=Path, default=HERE / "results" / "ray.json")
    options = parser.parse_args()
    results: dict[str, Any] = {
        "machine": machine(),
        "note": options.note,
        "rows": options.rows,
        "model": f"{COLUMNS} columns of {CLASSES} classes, hidden ({HIDDEN},), one mask",
    }
    with tempfile.TemporaryDirectory(dir=options.folder) as place:
        folder = Path(place)
        model = make_model(folder / "model.safetensors")
        files = make_files(folder / "rows", options.rows, options.file_rows)
        results["files MB"] = sum(file.stat().st_size for file in files) // 2**20
        packed = Packed.of(model)
        units = find_units(files, digest_of({"model": packed.digest}), ROWS)
        results["units"] = len(units)

        def note(name: str, own: dict[str, Any]) -> None:
            own["rows per second"] = options.rows / own["seconds"]
            results[name] = own
            print(name, json.dumps(own, indent=2), flush=True)
            write(options.out, results)

        alone = folder / "alone"
        note("the command, without Ray", by_command(folder / "model.safetensors", folder / "rows", alone))
        names = sorted(path.name for path in alone.iterdir())
        of_command = [Unit("", "", 0, 0, 0, name) for name in names]
        n, total, twice = summed(alone, of_command)
        results["rows out"], results["sum"], results["rows twice"] = n, total, twice
        for way, name, n_nodes, kill in (
            ("one", "Ray, one worker", 1, False),
            ("two", "Ray, two workers", 2, False),
            ("killed", "Ray, two workers, one killed, then a node", 2, True),
        ):
            if way not in options.ways:
                continue
            work = ScoreUnits(packed, folder / f"ray{n_nodes}{kill}")
            own = by_ray(work, units, n_nodes, kill=kill)
            n, total, twice = summed(work.out, units)
            own |= {"rows out": n, "sum": total, "rows twice": twice}
            own["rows that differ from the command's"] = different(work.out, alone, units, of_command)
            note(name, own)
        if "dataset" in options.ways:
            note("Ray, a dataset, two workers", by_dataset(folder / "model.safetensors", files, 2))


if __name__ == "__main__":
    main()
