"""One epoch over a file larger than the memory allowed: rows per second, and the memory it took.

Each file is trained on in a process of its own, whose memory is limited to what it has when its libraries are
loaded, and so much on top. Needs Linux, which counts and limits memory in this way.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

import made
from made.training import batches
from measure import machine, write

D, HIDDEN, BATCH = 100, 256, 1024
CHUNK = 100_000
HERE = Path(__file__).parent


def chunks(n: int) -> Any:
    """Rows with structure in them, a part at a time: nine times in ten a bit is the one before it."""
    rng = np.random.default_rng(0)
    for first in range(0, n, CHUNK):
        changes = rng.random((min(CHUNK, n - first), D), dtype=np.float32) < 0.1
        changes[:, 0] = rng.random(len(changes)) < 0.5
        yield first, (np.cumsum(changes, axis=1) % 2).astype(np.uint8)


def make_npy(path: Path, n: int) -> None:
    """Write the rows as a NumPy file."""
    with path.open("wb") as out:
        header = {"descr": "|u1", "fortran_order": False, "shape": (n, D)}
        np.lib.format.write_array_header_1_0(out, header)
        for _, rows in chunks(n):
            rows.tofile(out)


def make_parquet(path: Path, npy: Path) -> None:
    """Write the same rows as a Parquet file; this alone takes more memory than the file."""
    import polars

    columns = np.load(npy, mmap_mode="r")
    table = polars.DataFrame({f"x{d}": columns[:, d] for d in range(D)})
    table.write_parquet(path)


def used(name: str) -> int:
    """MB of this process: its data (VmData), what is resident (VmRSS), the most that ever was (VmHWM).

    The peak that getrusage tells would be that of the process which started this one, if it was larger.
    """
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) // 2**10


def train(path: Path, limit_mb: int, threads: int) -> None:
    """Train one epoch under a limit, and print what it took as JSON."""
    torch.set_num_threads(threads)
    model = made.MADE(made.Bernoulli(D), hidden=(HIDDEN,))
    made.fit(model, np.zeros((BATCH, D), dtype=np.uint8), epochs=1)  # loads what training loads
    rows = made.data.open_rows(path)
    valid = rows.part(-2 * BATCH)
    valid.read(0, 1)
    allowed = (used("VmData") + limit_mb) * 2**20
    resource.setrlimit(resource.RLIMIT_DATA, (allowed, allowed))
    before = used("VmRSS")
    model = made.MADE(made.Bernoulli(D), hidden=(HIDDEN,))
    reading, plain = [0.0], batches.Streamed._buffer

    def timed(self: batches.Streamed, epoch: int, number: int) -> Any:
        began = time.perf_counter()
        answer = plain(self, epoch, number)
        reading[0] += time.perf_counter() - began
        return answer

    batches.Streamed._buffer = timed  # type: ignore[method-assign]
    began = time.perf_counter()
    first_pass: list[float] = []
    history = made.fit(
        model,
        rows.part(0, -2 * BATCH),
        valid,
        epochs=1,
        batch_size=BATCH,
        progress=True,
        on_epoch=lambda record: first_pass.append(time.perf_counter() - began),
    )
    seconds = first_pass[1] - first_pass[0]
    n = rows.n - 2 * BATCH
    report = {
        "rows": rows.n,
        "file MB": path.stat().st_size // 2**20,
        "as uint8 MB": rows.n * D // 2**20,
        "limit above the libraries MB": limit_mb,
        "resident MB before": before,
        "peak MB": used("VmHWM"),
        "first pass seconds": first_pass[0],
        "epoch seconds": seconds,
        "of these reading and checking": reading[0],
        "rows per second": n / seconds,
        "NLL before": history.valid_nll[0],
        "NLL after": history.valid_nll[1],
    }
    print(json.dumps(report))


def whole_fails(path: Path, limit_mb: int) -> bool:
    """Whether reading the whole file fails under the limit; the limit would show nothing if it did not."""
    code = (
        "import resource, sys, numpy\n"
        "import bench_streaming as bench\n"
        "allowed = (bench.used('VmData') + int(sys.argv[2])) * 2**20\n"
        "resource.setrlimit(resource.RLIMIT_DATA, (allowed, allowed))\n"
        "try: numpy.load(sys.argv[1])\n"
        "except MemoryError: print('refused')\n"
    )
    command = [sys.executable, "-c", code, str(path), str(limit_mb)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=HERE)
    return "refused" in done.stdout


def main() -> None:
    """Make the files, train on each, and write what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--limit", type=int, default=300, help="MB allowed on top of the libraries")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--folder", type=Path, help="where to make the files; a temporary place, if not given"
    )
    parser.add_argument("-o", "--out", type=Path, default=HERE / "results" / "streaming.json")
    parser.add_argument("--train", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.train:
        train(options.train, options.limit, options.threads)
        return
    torch.set_num_threads(options.threads)
    results: dict[str, Any] = {
        "machine": machine(),
        "model": f"{D}-{HIDDEN}-{D}, batch {BATCH}, one epoch",
    }
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        files = {"npy": Path(folder) / "rows.npy"}
        make_npy(files["npy"], options.rows)
        try:
            files["parquet"] = Path(folder) / "rows.parquet"
            make_parquet(files["parquet"], files["npy"])
        except ImportError:
            print("no Parquet: polars is not installed")
            del files["parquet"]
        results["the whole file is refused under the limit"] = whole_fails(files["npy"], options.limit)
        for name, path in files.items():
            command = [sys.executable, __file__, "--train", path, "--limit", str(options.limit)]
            command += ["--threads", str(options.threads)]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            results[name] = json.loads(done.stdout)
            print(f"\n{name}")
            for key, value in results[name].items():
                print(
                    f"  {key:32}{value:>14,.2f}" if isinstance(value, float) else f"  {key:32}{value!s:>14}"
                )
    write(options.out, results)


if __name__ == "__main__":
    main()
