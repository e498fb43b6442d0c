"""How many questions a second `made serve` answers on loopback, and whether it holds: load, and a soak.

A table of 15 columns (numbers and categories), fitted with nothing set. Load: 64 clients, each of which sends
one row to be scored and waits for the answer, with small requests answered together and one by one. Soak: all
questions at random for some minutes; memory of the service is looked at, and every answer. Clients are one
process beside the service, which they take a part of the two cores from.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars

import made
from measure import machine, write

_HERE = Path(__file__).parent
_COLUMNS, _ROWS = 15, 20_000


def main() -> None:
    """Fit, ask, report."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--clients", type=int, default=64)
    arguments.add_argument("--seconds", type=float, default=20, help="of each load")
    arguments.add_argument("--minutes", type=float, default=10, help="of the soak; 0 leaves it out")
    arguments.add_argument("--rows", type=int, default=_ROWS, help="of the table")
    arguments.add_argument("--run", type=Path, help="a run folder, in place of a fit")
    arguments.add_argument("-o", "--out", type=Path, default=_HERE / "results" / "service.json")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = options.run or _fit(Path(folder) / "table", options.rows)
        model = made.load(run)
        asked = [{"rows": [row]} for row in model.sample(2_000, seed=1, output="polars").to_dicts()]
        found: dict[str, Any] = {"model": repr(model), "clients": options.clients}
        for name, more in (("together", ()), ("one by one", ("--batch-rows", "1"))):
            with serving(run, *more) as (port, process):
                load(port, asked, options.clients, 2.0)
                used = cpu_seconds(process.pid)
                found[name] = load(port, asked, options.clients, options.seconds)
                spent = cpu_seconds(process.pid) - used
                found[name]["ms of a core per request"] = round(1e3 * spent / found[name]["requests"], 3)
                print(name, found[name], flush=True)
        if options.minutes:
            with serving(run) as (port, process):
                found["soak"] = soak(port, process.pid, asked, 60 * options.minutes)
                print("soak", found["soak"], flush=True)
    write(options.out, {**found, "machine": machine()})


def _fit(folder: Path, n: int) -> Path:
    folder.mkdir()
    made.auto_fit(table(n)).save(folder / "model.safetensors")
    return folder


def table(n: int) -> polars.DataFrame:
    """Return a table of numbers and categories that hang together."""
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(n, 3))
    columns: dict[str, Any] = {}
    for d in range(_COLUMNS):
        score = hidden @ rng.normal(size=3) + rng.normal(size=n)
        if d % 3 == 0:
            columns[f"x{d}"] = (50 + 10 * score).round(1)
        else:
            edges = np.quantile(score, np.linspace(0, 1, 4 + d % 5)[1:-1])
            columns[f"x{d}"] = np.char.add("c", np.digitize(score, edges).astype(str))
    return polars.DataFrame(columns)


@contextmanager
def serving(run: Path, *options: str) -> Any:
    """Run ``made serve`` as long as the block lasts; gives its port and its process."""
    command = [sys.executable, "-m", "made", "serve", str(run), "--port", "0", *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        line = next(own for own in process.stderr if "answers at" in own)
        yield int(re.findall(r":(\d+)", line)[0]), process
    finally:
        process.terminate()
        process.wait()


class Client:
    """One connection that is kept: a request, then its answer."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def __aenter__(self) -> Client:
        """Connect."""
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_: Any) -> None:
        """Close."""
        self.writer.close()

    async def post(self, path: str, body: Any) -> tuple[int, bytes]:
        """Return the status and the body of an answer."""
        content = json.dumps(body).encode()
        head = f"POST /models/{path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        self.writer.write(f"{head}content-length: {len(content)}\r\n\r\n".encode() + content)
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower()
        status = int(lines.split()[1])
        if "transfer-encoding: chunked" in lines:
            parts = []
            while size := int((await self.reader.readuntil(b"\r\n")), 16):
                parts.append((await self.reader.readexactly(size + 2))[:-2])
            await self.reader.readexactly(2)
            return status, b"".join(parts)
        length = int(re.findall(r"content-length: (\d+)", lines)[0])
        return status, await self.reader.readexactly(length)


def load(port: int, asked: list[Any], clients: int, seconds: float) -> dict[str, Any]:
    """Return what clients met that each ask for the score of a row, again and again."""
    times: list[float] = []
    name = _name(port)
    end = time.monotonic() + seconds

    async def one(number: int) -> None:
        async with Client(port) as client:
            at = number
            while time.monotonic() < end:
                began = time.perf_counter()
                status, body = await client.post(f"{name}/score", asked[at % len(asked)])
                times.append(time.perf_counter() - began)
                if status != 200:
                    raise RuntimeError(f"{status}: {body[:200]!r}")
                at += clients

    began = time.monotonic()
    _together(clients, one)
    taken = time.monotonic() - began
    p50, p99 = np.quantile(times, [0.5, 0.99])
    return {
        "requests": len(times),
        "requests a second": round(len(times) / taken, 1),
        "p50, ms": round(1e3 * float(p50), 1),
        "p99, ms": round(1e3 * float(p99), 1),
    }


def soak(port: int, pid: int, asked: list[Any], seconds: float, clients: int = 8) -> dict[str, Any]:
    """Return what all questions at random met, and how the memory of the service grew."""
    name, end = _name(port), time.monotonic() + seconds
    names = list(asked[0]["rows"][0])
    counts: dict[str, int] = {}
    failed: list[str] = []
    memory: list[float] = []

    async def one(number: int) -> None:
        rng = np.random.default_rng(number)
        async with Client(port) as client:
            while time.monotonic() < end:
                path, body = _question(rng, asked, names)
                status, answer = await client.post(f"{name}/{path}", body)
                counts[path] = counts.get(path, 0) + 1
                if status != 200:
                    failed.append(f"{path} {status} {answer[:100]!r}")
                else:
                    json.loads(answer)
                if number == 0:
                    memory.append(megabytes(pid))

    _together(clients, one)
    fifth = max(len(memory) // 5, 1)
    return {
        "minutes": seconds / 60,
        "requests": counts,
        "failed": failed[:10],
        "n_failed": len(failed),
        "megabytes after a fifth": round(float(np.median(memory[fifth : 2 * fifth])), 1),
        "megabytes at the end": round(float(np.median(memory[-fifth:])), 1),
        "megabytes at most": round(max(memory), 1),
    }


def _question(rng: Any, asked: list[Any], names: list[str]) -> tuple[str, Any]:
    row = dict(asked[int(rng.integers(len(asked)))]["rows"][0])
    some = {name: row[name] for name in names if rng.random() < 0.5}
    kind = rng.choice(["score", "score", "score", "partly", "sample", "complete", "conditional"])
    if kind == "score":
        return "score", {"rows": [row]}
    if kind == "partly":
        return "score", {"rows": [some or row]}
    if kind == "sample":
        return "sample", {"n": int(rng.integers(1, 3_000)), "seed": int(rng.integers(1_000))}
    if kind == "complete":
        return "complete", {
            "rows": [some or row] * int(rng.integers(1, 8)),
            "kind": str(rng.choice(["draw", "mean"])),
        }
    variable = next(name for name in names if name not in some or name == names[-1])
    some.pop(variable, None)
    return "conditional", {"variable": variable, "given": some}


def _name(port: int) -> str:
    import urllib.request

    with urllib.request.urlopen(f"http://127.0.0.1:{port}/models") as answer:
        return str(json.loads(answer.read())["models"][0]["name"])


def _together(clients: int, one: Callable[[int], Awaitable[None]]) -> None:
    async def work() -> None:
        await asyncio.gather(*(one(number) for number in range(clients)))

    asyncio.run(work())


def megabytes(pid: int) -> float:
    """Return the memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1e3


def cpu_seconds(pid: int) -> float:
    """Return the seconds of the processor that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


if __name__ == "__main__":
    main()
