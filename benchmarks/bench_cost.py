"""What a training step costs, in time and in memory, as D, width, depth and the number of masks grow.

Run with ``make bench-cost``; ``--quick`` takes small networks and few repeats. One quantity is swept at a
time, the others stay those of 784-500-500-784 with one mask. The memory of each point is that of a process of
its own. Needs Linux, which tells how much memory a process ever had.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

import made
from made.plots.style import LETTERS, grow_letters, new_figure, save
from made.training.batches import batches_from
from made.training.make_step import make_step
from made.training.settings import TrainingSettings, learning_rate
from measure import interleaved, machine, write

_HERE = Path(__file__).parent

_BATCH = 128
# Of a fit of 100 epochs over 50,000 rows: long enough for everything that pays in the long run.
_STEPS_OF_FIT = 40_000
# Each repeat takes so many steps that it lasts about this long, and goes through all masks there are.
_SECONDS = 0.1
# What float32 training needs for each weight, masked or not: itself, its gradient, Adam's two means.
_BYTES_PER_WEIGHT = 16
_STROKES = (("#2b5c8a", "o"), ("#b5483a", "s"))


class _Point(NamedTuple):
    n_variables: int
    hidden: tuple[int, ...]
    masks: int | str = 1

    def __str__(self) -> str:
        layout = "-".join(map(str, (self.n_variables, *self.hidden, self.n_variables)))
        return layout if self.masks == 1 else f"{layout}, masks: {self.masks}"


class _Sweep(NamedTuple):
    axis: str
    curves: Mapping[str, Mapping[Any, _Point]]  # by name; in each, by the number on the axis
    logarithmic: bool


def main() -> None:
    """Measure, print, draw, write."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="small networks, for a check that it runs")
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--repeats", type=int, help="9 by default; 3 with --quick")
    arguments.add_argument("-o", "--out", type=Path, default=_HERE / "results" / "cost.json")
    arguments.add_argument("--point", help=argparse.SUPPRESS)
    options = arguments.parse_args()
    torch.set_num_threads(options.threads)
    if options.point:
        n_variables, hidden, masks = json.loads(options.point)
        print(json.dumps(_memory(_Point(n_variables, tuple(hidden), masks))))
        return
    reference, sweeps = _sweeps(options.quick)
    points = list(
        dict.fromkeys(p for sweep in sweeps for curve in sweep.curves.values() for p in curve.values())
    )
    repeats = options.repeats or (3 if options.quick else 9)
    costs = _times(points, repeats)
    with ThreadPoolExecutor(2) as two:  # waiting for processes, most of whose time goes by importing
        for point, memory in zip(
            points, two.map(partial(_in_own_process, options.threads), points), strict=True
        ):
            costs[point] |= memory
    _tell(costs)
    results: dict[str, Any] = {
        "machine": machine(),
        "batch": _BATCH,
        "repeats": repeats,
        "reference": costs[reference],
        **{
            sweep.axis: {
                name: [{"x": x, **costs[point]} for x, point in curve.items()]
                for name, curve in sweep.curves.items()
            }
            for sweep in sweeps
        },
    }
    write(options.out, results)
    save(_picture(results, sweeps), options.out.with_suffix(".png"))


def _sweeps(quick: bool) -> tuple[_Point, list[_Sweep]]:
    """Return the point that all sweeps start from, and the sweeps."""
    D, width = (64, 32) if quick else (784, 500)
    variables = [16, 64] if quick else [64, 256, 784, 2500, 10_000]
    widths = [32] if quick else [128, 250, 500, 1000, 2000, 4000, 8000]
    depths = [1, 2] if quick else [1, 2, 3, 4, 6, 8]
    masks: list[int | str] = [1, "fresh"] if quick else [1, 2, 8, 32, "fresh"]
    two = (width, width)
    return _Point(D, two), [
        _Sweep("variables, D", {"": {d: _Point(d, two) for d in variables}}, True),
        _Sweep(
            "width",
            {
                "one hidden layer": {w: _Point(D, (w,)) for w in widths},
                "two hidden layers": {w: _Point(D, (w, w)) for w in widths},
            },
            True,
        ),
        _Sweep("hidden layers", {"": {n: _Point(D, (width,) * n) for n in depths}}, False),
        _Sweep("masks, K", {"": {k: _Point(D, two, k) for k in masks}}, False),
    ]


def _model(point: _Point) -> made.MADE:
    """Make a model; with several masks, each has an ordering and a connectivity of its own."""
    return made.MADE(
        made.Bernoulli(point.n_variables),
        point.hidden,
        orderings=point.masks,
        connectivities=point.masks,
    )


def _stepping(model: made.MADE, n_steps: int = _STEPS_OF_FIT) -> tuple[Callable[[], float], str]:
    """Return what takes the next step as `made.fit` does, a new mask at each, and the kind of step it is."""
    settings = TrainingSettings(batch_size=_BATCH)
    rows = np.random.default_rng(0).random((4 * _BATCH, model.n_variables), dtype=np.float32) < 0.13
    batches = batches_from(model, rows.view(np.uint8), settings)
    step = make_step(model, settings, n_steps)
    generator = torch.Generator()
    taken = 0

    def take() -> float:
        nonlocal taken
        generator.manual_seed(taken)
        rate = learning_rate(settings, taken, n_steps)
        loss = step.take(batches.batch(taken), taken, rate, generator)
        taken += 1
        return loss.item()

    return take, type(step).__name__


def _times(points: list[_Point], repeats: int) -> dict[_Point, dict[str, Any]]:
    """Time the steps of all points in turn."""
    costs: dict[_Point, dict[str, Any]] = {}
    rivals: dict[str, Callable[[], object]] = {}
    for point in points:
        model = _model(point)
        take, kind = _stepping(model)
        take()
        take()
        began = time.perf_counter()
        take()
        steps = max(1, round(_SECONDS / (time.perf_counter() - began)))
        if point.masks != 1:
            steps = max(steps, model.n_masks)
        layers = model.summary().layers
        costs[point] = {
            "layout": str(point),
            "weights": sum(layer.weights for layer in layers),
            "active": sum(layer.active for layer in layers),
            "step": kind,
            "steps per repeat": steps,
        }
        rivals[str(point)] = lambda take=take, steps=steps: [take() for _ in range(steps)]
    measured = interleaved(rivals, repeats=repeats)
    for point, cost in costs.items():
        ms = [s / cost["steps per repeat"] * 1e3 for s in measured[str(point)]]
        cost |= {"ms": statistics.median(ms), "lowest": min(ms), "highest": max(ms)}
    return costs


def _in_own_process(threads: int, point: _Point) -> dict[str, Any]:
    """Ask a fresh process for the memory of a point."""
    command = [sys.executable, __file__, "--point", json.dumps(point), "--threads", str(threads)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _memory(point: _Point) -> dict[str, Any]:
    """Build a model and take some steps; say how much memory that took, libraries apart.

    The libraries are those that training a small model loads. The peak that getrusage tells would be that of
    the process which started this one, if it was larger.
    """
    take, _ = _stepping(_model(_Point(16, (16,) * len(point.hidden), point.masks)), 10**9)
    take()
    with contextlib.suppress(OSError):  # from now on; older systems count from the start
        Path("/proc/self/clear_refs").write_text("5")
    before = _mb("VmRSS")
    model = _model(point)
    take, _ = _stepping(model)
    for _ in range(3 if point.masks == 1 else model.n_masks + 1):
        take()
    return {"peak MB": _mb("VmHWM") - before, "libraries MB": before}


def _mb(name: str) -> float:
    """Return the MB of this process: what is resident (VmRSS), the most that ever was (VmHWM)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


def _tell(costs: Mapping[_Point, Mapping[str, Any]]) -> None:
    title = f"One step, batch {_BATCH}, {torch.get_num_threads()} threads"
    print(f"\n{title:40}{'ms':>9}{'lowest':>9}{'highest':>9}{'peak MB':>10}{'active weights':>14}")
    for cost in costs.values():
        print(
            f"{cost['layout']:40}{cost['ms']:>9.2f}{cost['lowest']:>9.2f}{cost['highest']:>9.2f}"
            f"{cost['peak MB']:>10.0f}{cost['active']:>14,}  {cost['step']}"
        )


def _picture(results: Mapping[str, Any], sweeps: list[_Sweep]) -> Any:
    """Draw time above memory, a column for each sweep; dashed, what one might expect."""
    figure = new_figure(14, 7.2)
    panels = figure.subplots(2, len(sweeps))
    reference = results["reference"]
    per_active = reference["ms"] / reference["active"]
    for (upper, lower), sweep in zip(panels.T, sweeps, strict=True):
        curves = results[sweep.axis]
        for (name, curve), (colour, marker) in zip(curves.items(), _STROKES, strict=False):
            x = _places(curve)
            ms = [point["ms"] for point in curve]
            spread = [
                [point["ms"] - point["lowest"] for point in curve],
                [point["highest"] - point["ms"] for point in curve],
            ]
            solid: dict[str, Any] = {"color": colour, "marker": marker, "linewidth": 1.8, "label": name}
            if not _has_line(curve):
                solid["linestyle"] = ""
            upper.errorbar(x, ms, spread, capsize=3, elinewidth=1.2, **solid)
            lower.plot(x, [point["peak MB"] for point in curve], **solid)
            dashed: dict[str, Any] = {"color": colour, "linestyle": "--", "linewidth": 1.2, "zorder": 1}
            upper.plot(x, [point["active"] * per_active for point in curve], **dashed)
            lower.plot(x, [point["weights"] * _BYTES_PER_WEIGHT / 2**20 for point in curve], **dashed)
        for axes, y in ((upper, "ms per step"), (lower, "peak memory, MB")):
            _shape(axes, sweep, next(iter(curves.values())))
            grow_letters(axes, x=sweep.axis, y=y if sweep is sweeps[0] else "")
        if len(curves) > 1:
            upper.legend(fontsize=LETTERS - 2, frameon=False, loc="upper left")
    figure.supxlabel(
        f"dashed, above: if time grew like the number of active weights, from {reference['layout']};   "
        f"below: {_BYTES_PER_WEIGHT} bytes for each weight (itself, its gradient, Adam's two means)",
        fontsize=LETTERS - 1,
    )
    return figure


def _places(curve: list[dict[str, Any]]) -> list[Any]:
    """Return where the points of a curve stand: side by side, if what they are called is no place."""
    return [point["x"] for point in curve] if _has_line(curve) else list(range(len(curve)))


def _has_line(curve: list[dict[str, Any]]) -> bool:
    """Return whether there is anything between the points of a curve: not so with fresh masks among them."""
    return all(isinstance(point["x"], int) for point in curve)


def _shape(axes: Any, sweep: _Sweep, curve: list[dict[str, Any]]) -> None:
    """Give an axis the scale of its sweep, and numbers that do not meet."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

    places, names = _places(curve), [point["x"] for point in curve]
    plain = FuncFormatter(lambda value, _: f"{value:,.10g}")
    if sweep.logarithmic:
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 3)))
        axes.yaxis.set_major_formatter(plain)
        axes.yaxis.set_minor_formatter(NullFormatter())
        step = 2 if len(places) > 5 else 1
        axes.set_xticks(places[::step], [f"{name:,}" for name in names[::step]])
    else:
        axes.set_ylim(bottom=0)
        axes.set_xticks(places, [str(name) for name in names])
    axes.grid(True, which="major", color="0.9")
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


if __name__ == "__main__":
    main()
