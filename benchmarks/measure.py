"""Time rivals in turn, so that a noisy machine hits all alike, and compare medians."""

from __future__ import annotations

import json
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from processors import taken

__all__ = ["add", "interleaved", "machine", "report", "wait", "write"]


def interleaved(
    rivals: Mapping[str, Callable[[], object]], *, repeats: int, warmups: int = 1
) -> dict[str, list[float]]:
    """Return the seconds of every repeat of every rival; each repeat goes through all of them."""
    for rival in rivals.values():
        for _ in range(warmups):
            rival()
    wait()
    seconds: dict[str, list[float]] = {name: [] for name in rivals}
    for _ in range(repeats):
        for name, rival in rivals.items():
            began = time.perf_counter()
            rival()
            wait()
            seconds[name].append(time.perf_counter() - began)
    return seconds


def wait() -> None:
    """Wait until a GPU has done what it was given, where one is used."""
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()


def report(
    title: str, unit: str, amount: float, seconds: Mapping[str, list[float]], baseline: str
) -> dict[str, Any]:
    """Print a table of rates and of ratios to the baseline, and return it.

    The ratio is the median over repeats of the ratio within a repeat; lowest and highest show the spread.
    """
    rows: dict[str, Any] = {}
    width = max(map(len, seconds)) + 2
    print(f"\n{title}\n{'':{width}}{unit:>16}{'ratio':>9}{'lowest':>9}{'highest':>9}")
    for name, times in seconds.items():
        ratios = [base / own for base, own in zip(seconds[baseline], times, strict=True)]
        rows[name] = {
            unit: amount / statistics.median(times),
            "ratio": statistics.median(ratios),
            "lowest": min(ratios),
            "highest": max(ratios),
        }
        print(
            f"{name:{width}}{rows[name][unit]:>16.4g}{rows[name]['ratio']:>9.2f}"
            f"{min(ratios):>9.2f}{max(ratios):>9.2f}"
        )
    return rows


def machine(device: str = "cpu") -> dict[str, Any]:
    """Say what was measured on."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "processor": _processor(),
        **({} if device == "cpu" else {"gpu": torch.cuda.get_device_name(device)}),
        **({} if taken() is None else {"like": taken()}),
    }


def _processor() -> str:
    """Return the name of the processor where the system tells it, else its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def write(path: Path, results: Mapping[str, Any]) -> None:
    """Write results as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=2) + "\n")
    print(f"\nwritten: {path}")


def add(path: Path, part: str, name: str, found: Mapping[str, Any]) -> dict[str, Any]:
    """Write what was found beside what a file of results has already, and return that part of it.

    The file is read again each time: its entries may be measured by processes side by side.
    """
    results: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    entries: dict[str, Any] = results.setdefault(part, {})
    entries[name] = {**found, "machine": machine()}
    write(path, results)
    return entries
