"""How long drawing rows takes, against one forward pass of as many rows through plain dense layers.

Run with ``python benchmarks/bench_sampling.py``; ``--quick`` takes small networks, few repeats; with
``--device cuda`` a GPU does both, and only the comparisons with one pass and with D passes are made. Weights
are random, with output biases shifted for half of all bits, or about a sixth of them, to be 1.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import nn

import made
from made.kernels.one_pass.batch import sample_one_pass
from made.kernels.one_pass.plan import make_plan
from made.plots.style import LETTERS, grow_letters, new_figure, save
from made.support.uniforms import row_uniforms
from measure import interleaved, machine, report, wait, write
from processors import add_like, take_like
from seed_port import SeedMADE, sample

_HERE = Path(__file__).parent

# Biases of the outputs, and what share of the bits they light.
_LIT = {"half of the bits lit": 0.0, "a sixth of the bits lit": -2.0}
# A call that takes less than this is repeated within one timing.
_SHORTEST = 2e-3


def main() -> None:
    """Measure, print, draw, write."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="small networks, for a check that it runs")
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("-o", "--out", type=Path, default=_HERE / "results" / "sampling.json")
    arguments.add_argument("--large", action="store_true", help="only the large model, in this process")
    arguments.add_argument("--device", default="cpu", help="cpu or cuda")
    add_like(arguments)
    options = arguments.parse_args()
    take_like(options.like)
    torch.set_num_threads(options.threads)
    if options.large:
        print(json.dumps(_large(quick=options.quick)))
        return
    results: dict[str, Any] = {"machine": machine(options.device)}
    results |= _against_forward(options.quick, options.device)
    results["against the seed's loop"] = _against_passes(options.quick, options.device)
    if options.device != "cpu":
        write(options.out, results)
        return
    results["by D"], results["by n"] = _by_width(options.quick), _by_rows(options.quick)
    command = [sys.executable, __file__, "--large", "--threads", str(options.threads)]
    done = subprocess.run(
        [*command, *(["--quick"] if options.quick else [])], check=True, capture_output=True, text=True
    )
    results["large"] = json.loads(done.stdout)
    print(f"\nlarge: {results['large']}")
    write(options.out, results)
    save(_picture(results["by D"], results["by n"]), options.out.with_suffix(".png"))


def _model(n_variables: int, hidden: tuple[int, ...], bias: float = 0.0) -> made.MADE:
    """Make a model with random weights."""
    model = made.MADE(made.Bernoulli(n_variables), hidden)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight, mask in zip(model.network.weights, model.mask(0).layers, strict=True):
            weight.normal_(generator=generator).mul_(1.5 / weight.shape[1] ** 0.5).mul_(
                torch.from_numpy(mask)
            )
        model.network.biases[-1].fill_(bias)
    return model


def _dense(
    n_variables: int, hidden: tuple[int, ...], device: str = "cpu"
) -> Callable[[torch.Tensor], torch.Tensor]:
    """Make plain dense layers of the same sizes."""
    layers: list[nn.Module] = []
    for before, after in pairwise([n_variables, *hidden, n_variables]):
        layers += [nn.Linear(before, after), nn.ReLU()]
    network = nn.Sequential(*layers[:-1], nn.Sigmoid()).to(device)

    def forward(x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            out: torch.Tensor = network(x)
        return out

    return forward


def _often(call: Callable[[], object]) -> Callable[[], object]:
    """Repeat a short call until it can be timed well; its seconds must be divided by `times`."""
    call()
    call()  # on a GPU the second call of a size captures it
    wait()
    began = time.perf_counter()
    call()
    wait()
    times = max(1, round(_SHORTEST / (time.perf_counter() - began)))

    def repeated() -> None:
        for _ in range(times):
            call()

    repeated.times = times  # type: ignore[attr-defined]
    return repeated


def _seconds(rivals: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, list[float]]:
    """Return the seconds per call of every repeat of every rival, measured in turn."""
    often: dict[str, Any] = {name: _often(call) for name, call in rivals.items()}
    measured = interleaved(often, repeats=repeats)
    return {name: [s / often[name].times for s in seconds] for name, seconds in measured.items()}


def _against_forward(quick: bool, device: str) -> dict[str, Any]:
    n_variables, hidden = (64, (64, 64)) if quick else (784, (512, 512, 512))
    layout = "-".join(map(str, (n_variables, *hidden, n_variables)))
    repeats = {1: 5, 100: 5} if quick else {1: 101, 100: 101, 10_000: 15}
    forward = _dense(n_variables, hidden, device)
    results: dict[str, Any] = {"layout": layout}
    for name, bias in _LIT.items():
        model = _model(n_variables, hidden, bias).to(device)
        plan = make_plan(model.network, model.mask(), model.variables)
        share = float(model.sample(1000, seed=0).float().mean())
        results[name] = {"share": share, "rows": {}}
        print(f"\n{layout}, {name} ({share:.0%}): times one forward pass of dense layers")
        print(f"{'rows':>8}{'forward':>12}{'sample':>12}{'ratio':>8}{'lowest':>8}{'highest':>8}{'kernel':>8}")
        for n, times in repeats.items():
            x = (torch.rand(n, n_variables) < share).float().to(device)
            u = row_uniforms(0, 0, n, n_variables)
            rivals: dict[str, Callable[[], object]] = {
                "forward": lambda x=x: forward(x),
                "sample": lambda n=n, model=model: model.sample(n, seed=0),
            }
            if device == "cpu":
                rivals["kernel"] = lambda u=u, plan=plan: sample_one_pass(plan, u)
            measured = _seconds(rivals, times)
            results[name]["rows"][n] = row = _ratios(measured, "forward")
            print(
                f"{n:>8,}{row['forward']['seconds'] * 1e3:>9.3f} ms{row['sample']['seconds'] * 1e3:>9.3f} ms"
                f"{row['sample']['ratio']:>8.2f}{row['sample']['lowest']:>8.2f}"
                f"{row['sample']['highest']:>8.2f}{row.get('kernel', row['sample'])['ratio']:>8.2f}"
            )
    return results


def _ratios(seconds: Mapping[str, list[float]], baseline: str) -> dict[str, Any]:
    """Return median seconds, and ratios to the baseline: the median over repeats, and the outer tenths."""
    rows = {}
    for name, own in seconds.items():
        ratios = sorted(s / base for s, base in zip(own, seconds[baseline], strict=True))
        tenth = len(ratios) // 10
        rows[name] = {
            "seconds": statistics.median(own),
            "ratio": statistics.median(ratios),
            "lowest": ratios[tenth],
            "highest": ratios[-1 - tenth],
        }
    return rows


def _against_passes(quick: bool, device: str) -> dict[str, Any]:
    """100 rows against D passes, those of the seed and our own."""
    n_variables, hidden = (64, (64, 64)) if quick else (784, (512, 512, 512))
    seed_model = SeedMADE(n_variables, hidden).to(device)
    model = _model(n_variables, hidden, -2.0).to(device)
    rivals = {
        "seed": lambda: sample(seed_model, 100, n_variables),
        "plain": lambda: model.sample(100, seed=0, method="plain"),
        "one-pass": lambda: model.sample(100, seed=0),
    }
    return report("Sampling 100 rows", "rows per s", 100, _seconds(rivals, 3 if quick else 5), "seed")


def _curves(sizes: list[tuple[int, int]], most_passes: int, repeats: int) -> dict[str, Any]:
    """Time pairs of (D, n) with two layers of 512; D passes where they take few rows through in all."""
    hidden = (512, 512)
    results: dict[str, Any] = {}
    for n_variables, n in sizes:
        model, forward = _model(n_variables, hidden, -2.0), _dense(n_variables, hidden)
        x = (torch.rand(n, n_variables) < 0.15).float()
        rivals: dict[str, Callable[[], object]] = {
            "one forward pass": lambda x=x, forward=forward: forward(x),
            "one-pass sampling": lambda n=n, model=model: model.sample(n, seed=0),
        }
        measured = _seconds(rivals, repeats if n < 10_000 else 3)
        if n_variables * n_variables * n <= most_passes:  # long enough for one call to tell
            began = time.perf_counter()
            model.sample(n, seed=0, method="plain")
            measured["sampling in D passes"] = [time.perf_counter() - began]
        results[str((n_variables, n))] = {
            "D": n_variables,
            "n": n,
            # The fastest: what else a machine does only adds, and a curve has no baseline to divide it out.
            **{name: min(seconds) for name, seconds in measured.items()},
        }
        print(json.dumps(results[str((n_variables, n))]))
    return results


def _by_width(quick: bool) -> dict[str, Any]:
    widths = [64, 128] if quick else [64, 128, 256, 512, 1024, 2048, 4096, 10_000]
    print("\nby D, two layers of 512, seconds")
    return _curves([(D, 100) for D in widths], 10**6 if quick else 11 * 10**7, 3 if quick else 7)


def _by_rows(quick: bool) -> dict[str, Any]:
    numbers = [1, 10] if quick else [1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 100_000]
    print("\nby n, two layers of 512, seconds")
    D = 64 if quick else 784
    return _curves([(D, n) for n in numbers], 10**6 if quick else 65 * 10**7, 3 if quick else 7)


def _large(quick: bool) -> dict[str, Any]:
    """Draw 100 rows of many variables; say how long it takes, and how much memory beside the model."""
    n_variables, hidden = (100, (50, 50)) if quick else (10_000, (2000, 2000))
    model = _model(n_variables, hidden, -2.0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    model.sample(100, seed=0)
    first = time.perf_counter() - began
    (seconds,) = _seconds({"sample": lambda: model.sample(100, seed=0)}, 5).values()
    return {
        "D": n_variables,
        "hidden": hidden,
        "rows": 100,
        "seconds": statistics.median(seconds),
        "seconds of the first call": first,
        "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "peak MB before sampling": before / 1024,
        "MB of weights": sum(w.nbytes for w in model.parameters()) / 2**20,
    }


def _picture(by_width: Mapping[str, Any], by_rows: Mapping[str, Any]) -> Any:
    """Draw both curves on logarithmic axes."""
    figure = new_figure(10, 4.6)
    left, right = figure.subplots(1, 2, sharey=True)
    for axes, points, by in ((left, by_width.values(), "D"), (right, by_rows.values(), "n")):
        for name, colour, marker in (
            ("sampling in D passes", "#b5483a", "s"),
            ("one-pass sampling", "#2b5c8a", "o"),
            ("one forward pass", "#8c8c8c", "^"),
        ):
            own = [(point[by], point[name]) for point in points if name in point]
            axes.loglog(*zip(*own, strict=True), color=colour, marker=marker, label=name, linewidth=1.8)
        axes.grid(True, which="major", color="0.9")
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    grow_letters(left, x="D, number of variables (100 rows)", y="seconds")
    grow_letters(right, x=f"n, number of rows ({next(iter(by_rows.values()))['D']} variables)")
    left.legend(fontsize=LETTERS - 2, frameon=False, loc="upper left")
    return figure


if __name__ == "__main__":
    main()
