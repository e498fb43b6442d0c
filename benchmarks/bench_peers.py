"""Training steps and log-probabilities per second against the seed's loop and against other libraries.

Run with ``make bench-peers``; ``--quick`` takes small networks and few repeats, ``--device cuda`` a GPU. All
rivals train the same layouts on the same batches in turn; one that is not installed or refuses a layout is
named with its reason.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

import made
from bound import bandwidth, peak, step_bound
from made.plots.style import LETTERS, grow_letters, new_figure, save
from made.training.precision import products_in
from measure import interleaved, machine, report, wait, write
from peers import RIVALS, Rival
from processors import add_like, take_like

_HERE = Path(__file__).parent
_BASELINE, _OURS = next(iter(RIVALS)), "made"

# How many rows a rival may take through a forward pass at once.
_PORTIONS = (1000, 2500, 10_000)
_COLOURS = {
    "seed": "#8c8c8c",
    "zuko": "#c9a227",
    "nflows": "#6a9a5b",
    "pyro": "#b5483a",
    "made loop": "#8fb3d9",
    "made": "#2b5c8a",
}


class _Layout(NamedTuple):
    n_variables: int
    hidden: tuple[int, ...]
    batch: int
    steps: int  # per repeat

    def __str__(self) -> str:
        return "-".join(map(str, (self.n_variables, *self.hidden, self.n_variables)))


_LAYOUTS = (
    _Layout(784, (512, 512, 512), 128, 20),
    _Layout(784, (2048, 2048), 128, 5),
    _Layout(784, (8000,), 100, 5),
)
_QUICK = (_Layout(64, (32, 32, 32), 16, 5), _Layout(64, (128, 128), 16, 5), _Layout(64, (256,), 10, 5))


def main() -> None:
    """Measure, print, draw, write."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="small networks, for a check that it runs")
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--repeats", type=int, help="9 by default; 3 with --quick")
    arguments.add_argument("--device", default="cpu", help="cpu or cuda")
    arguments.add_argument("--precision", default="float32", help="of all products: float32 or bfloat16")
    arguments.add_argument("-o", "--out", type=Path, default=_HERE / "results" / "peers.json")
    add_like(arguments)
    options = arguments.parse_args()
    take_like(options.like)
    torch.set_num_threads(options.threads)
    repeats = options.repeats or (3 if options.quick else 9)
    with products_in(options.precision):
        rates = {"flops": peak(options.device), "bytes a second": bandwidth(options.device)}
        print(f"products {rates['flops'] / 1e9:.0f} GFLOP/s, memory {rates['bytes a second'] / 1e9:.1f} GB/s")
        results: dict[str, Any] = {
            "machine": machine(options.device),
            "precision": options.precision,
            "rates": rates,
            "versions": _versions(),
            "repeats": repeats,
            "layouts": {},
        }
        n_rows = 200 if options.quick else 10_000
        for layout in _QUICK if options.quick else _LAYOUTS:
            results["layouts"][str(layout)] = _measure(
                layout, options.device, n_rows, repeats, tuple(rates.values())
            )
    write(options.out, results)
    save(_picture(results["layouts"]), options.out.with_suffix(".png"))


def _versions() -> dict[str, str]:
    """Return the version of each library, or that it is not installed."""
    versions = {}
    for package in filter(None, (rival.package for rival in RIVALS.values())):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    return versions


def _measure(
    layout: _Layout, device: str, n_rows: int, repeats: int, rates: tuple[float, ...]
) -> dict[str, Any]:
    """Time training and log_prob of every rival at one layout, and hold ours against the bound of a step."""
    rivals, absent = _rivals(layout, device)
    rows = _rows(n_rows, layout.n_variables)
    losses: dict[str, float] = {}
    n_steps = layout.steps * (1 if device == "cpu" else 20)

    def steps(name: str, rival: Rival) -> Any:
        batches = cycle(_batches(rival.prepare(rows), layout.batch))

        def run() -> None:
            for _ in range(n_steps):
                losses[name] = rival.step(next(batches))

        return run

    def scores(rival: Rival) -> Any:
        prepared = rival.prepare(rows)
        _choose_portion(rival, prepared)
        return lambda: rival.log_prob(prepared)

    training = report(
        f"Training, {layout}, batch {layout.batch}, {_where(device)}\n"
        "Adam: plain in the seed's loop, torch's fused one in all others",
        "steps per s",
        n_steps,
        interleaved({name: steps(name, rival) for name, rival in rivals.items()}, repeats=repeats),
        _BASELINE,
    )
    _tell(absent)
    bound = 1 / step_bound(made.MADE(made.Bernoulli(layout.n_variables), layout.hidden), layout.batch, *rates)
    share = training[_OURS]["steps per s"] / bound
    print(f"no more than {bound:.4g} steps per s are possible with half of the weights: made has {share:.0%}")
    taken = n_steps * (repeats + 1)
    print(f"loss after {taken} steps: " + ", ".join(f"{name} {loss:.1f}" for name, loss in losses.items()))
    for name, row in training.items():
        row |= {"optimizer": RIVALS[name].optimizer_name, "loss": losses[name]}
    scoring = report(
        f"log_prob of {n_rows:,} rows, {layout}, {_where(device)}",
        "rows per s",
        n_rows,
        interleaved({name: scores(rival) for name, rival in rivals.items()}, repeats=repeats),
        _BASELINE,
    )
    for name, row in scoring.items():
        row["rows at once"] = rivals[name].portion
    _tell(absent)
    missing = {name: {"absent": reason} for name, reason in absent.items()}
    return {
        "batch": layout.batch,
        "steps": taken,
        "bound, steps per s": bound,
        "training": training | missing,
        "log_prob": scoring | missing,
    }


def _rivals(layout: _Layout, device: str) -> tuple[dict[str, Rival], dict[str, str]]:
    """Return the rivals that can have this layout, and why each of the others cannot."""
    rivals: dict[str, Rival] = {}
    absent: dict[str, str] = {}
    for name, kind in RIVALS.items():
        torch.manual_seed(0)
        try:
            rivals[name] = kind(layout.n_variables, layout.hidden, device)
        except ImportError as error:
            absent[name] = f"not installed: {error}"
        except ValueError as error:
            absent[name] = f"refuses: {error}"
    return rivals, absent


def _where(device: str) -> str:
    return f"{torch.get_num_threads()} threads" if device == "cpu" else torch.cuda.get_device_name()


def _choose_portion(rival: Rival, rows: Tensor) -> None:
    """Let a rival go through rows in the portions that are fastest for it, unless it decides by itself."""
    if rival.portion is None:
        return
    seconds = {}
    for rival.portion in _PORTIONS:
        rival.log_prob(rows[: rival.portion])
        wait()
        began = time.perf_counter()
        rival.log_prob(rows)
        wait()
        seconds[rival.portion] = time.perf_counter() - began
    rival.portion = min(seconds, key=seconds.__getitem__)


def _tell(absent: Mapping[str, str]) -> None:
    for name, reason in absent.items():
        print(f"{name:8}{reason}")


def _rows(n: int, n_variables: int) -> Tensor:
    """Make rows that there is something to learn from: ten patterns, a twentieth of their bits flipped."""
    draw = np.random.default_rng(0)
    patterns = draw.random((10, n_variables)) < 0.13
    rows = patterns[draw.integers(len(patterns), size=n)] ^ (draw.random((n, n_variables)) < 0.05)
    return torch.from_numpy(rows.astype(np.uint8))


def _batches(rows: Tensor, size: int) -> Iterator[Tensor]:
    """Cut rows into whole batches."""
    return (rows[i : i + size] for i in range(0, len(rows) - size + 1, size))


def _picture(layouts: Mapping[str, Any]) -> Any:
    """Draw ratios to the baseline as bars, their lowest and highest as error bars."""
    figure = new_figure(10, 4.8)
    panels = figure.subplots(1, 2)
    width = 0.8 / len(RIVALS)
    parts = {"training": "training steps", "log_prob": "log_prob"}
    for axes, (part, title) in zip(panels, parts.items(), strict=True):
        for i, name in enumerate(RIVALS):
            places, rows = [], []
            for x, layout in enumerate(layouts.values()):
                place, row = x + (i - (len(RIVALS) - 1) / 2) * width, layout[part][name]
                if "absent" in row:
                    why = row["absent"].partition(":")[0]
                    axes.text(
                        place, 0.02, f"{name} {why}", rotation=90, ha="center", va="bottom",
                        fontsize=LETTERS - 4, color=_COLOURS[name], transform=axes.get_xaxis_transform(),
                    )  # fmt: skip
                else:
                    places.append(place)
                    rows.append(row)
            ratios = [row["ratio"] for row in rows]
            spread = [
                [row["ratio"] - row["lowest"] for row in rows],
                [row["highest"] - row["ratio"] for row in rows],
            ]
            axes.bar(places, ratios, width * 0.92, color=_COLOURS[name], label=name)
            if name != _BASELINE:
                axes.errorbar(places, ratios, spread, fmt="none", ecolor="0.15", elinewidth=1.2, capsize=2.5)
        axes.axhline(1, color="0.4", linewidth=0.8, linestyle="--", zorder=0)
        axes.set_xticks(range(len(layouts)))
        # Equal sizes of hidden layers are told once, so that the layouts fit beside each other.
        axes.set_xticklabels([_short(layout) for layout in layouts])
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        grow_letters(axes, title=title)
    panels[0].set_ylabel("times the seed's loop", fontsize=LETTERS)
    handles, labels = panels[0].get_legend_handles_labels()
    below: dict[str, Any] = {"loc": "outside lower center", "ncols": len(RIVALS), "frameon": False}
    figure.legend(handles, labels, fontsize=LETTERS - 2, **below)
    return figure


def _short(layout: str) -> str:
    """Shorten 784-512-512-512-784 to 784, 3 x 512."""
    first, *hidden, _ = layout.split("-")
    return f"{first}, {len(hidden)} x {hidden[0]}"


if __name__ == "__main__":
    main()
