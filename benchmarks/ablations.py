"""What helps, by how much: one setting at a time changed, all else and the number of steps left as they are.

Figures are of validation rows: no test row is looked at. `results/ablations.json` and the picture hold the
difference from the base, with the standard error of that difference over the rows, which is smaller than
that of either figure.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import torch

import made
from made.plots.style import LETTERS, grow_letters, new_figure, save
from made.training.trainer import mean_and_error
from measure import machine, write

_HERE = Path(__file__).parent


class _Set(NamedTuple):
    name: str
    hidden: tuple[int, ...]
    batch_size: int
    steps: int


_SETS = (
    _Set("binarized_mnist", (784, 784), 256, 1_960),
    _Set("dna", (512, 512), 100, 5_000),
    _Set("mushrooms", (512, 512), 100, 5_000),
)
_QUICK = (_Set("digits", (16, 16), 100, 20),)
_IMAGES = ("binarized_mnist",)

_BASE: dict[str, Any] = {"connectivity": "even", "residual": True, "direct": True, "dropout": 0.1}
_FIELD: dict[str, Any] = {"field": {"grid": (28, 28), "reach": 6}}


class _Change(NamedTuple):
    """What is different from the base; `wider` and `deeper` multiply its layers."""

    about: str
    model: Mapping[str, Any] = MappingProxyType({})
    training: Mapping[str, Any] = MappingProxyType({})
    wider: int = 1
    deeper: int = 1
    only_images: bool = False


_CHANGES = (
    _Change("base: dropout 0.1"),
    _Change("Adam at 1e-3, constant", training={"optimizer": "adam"}),
    _Change("degrees drawn uniformly", {"connectivity": "uniform"}),
    _Change("no residual layers", {"residual": False}),
    _Change("no direct connections", {"direct": False}),
    _Change("nothing dropped", {"dropout": 0.0}),
    _Change("dropout 0.5", {"dropout": 0.5}),
    _Change("dropout 0.5, inputs 0.3", {"dropout": 0.5, "input_dropout": 0.3}),
    _Change("weight decay 1", training={"weight_decay": 1.0}),
    _Change("weight decay 3", training={"weight_decay": 3.0}),
    _Change("averaged weights (0.998)", training={"ema": 0.998}),
    _Change("layers twice as wide", wider=2),
    _Change("twice as many layers", deeper=2),
    _Change("one random ordering", {"ordering": "random"}),
    _Change("4 orderings", {"orderings": 4}),
    _Change("8 orderings, 8 connectivities", {"orderings": 8, "connectivities": 8}),
    _Change("receptive field of 6 pixels", _FIELD, only_images=True),
    _Change("the same, layers twice as wide", _FIELD, wider=2, only_images=True),
    _Change("the same, images shifted", _FIELD, {"shift": 1}, wider=2, only_images=True),
)


def main() -> None:
    """Fit, print, write, draw."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument(
        "--quick", action="store_true", help="few steps on digits, for a check that it runs"
    )
    arguments.add_argument("--only", help="this data set alone; the others stay as they were measured")
    arguments.add_argument("--change", help="the base and changes that begin so, likewise")
    arguments.add_argument("--threads", type=int, default=1)
    arguments.add_argument("--data-dir", help="where named data sets lie [$MADE_DATA_DIR]")
    arguments.add_argument("-o", "--out", type=Path, default=_HERE / "results" / "ablations.json")
    options = arguments.parse_args()
    torch.set_num_threads(options.threads)
    results: dict[str, Any] = {"machine": machine(), "sets": {}}
    if (options.only or options.change) and options.out.exists():
        results["sets"] = json.loads(options.out.read_text())["sets"]
    for own in _QUICK if options.quick else _SETS:
        if options.only in (None, own.name):
            found = _ablate(own, options.data_dir, options.change)
            before = results["sets"].get(own.name, found)
            results["sets"][own.name] = found | {"changes": before["changes"] | found["changes"]}
    write(options.out, results)
    options.out.with_suffix(".md").write_text(_table(results["sets"]))
    save(_picture(results["sets"]), options.out.with_suffix(".png"))


def _ablate(own: _Set, data_dir: str | None, only: str | None) -> dict[str, Any]:
    """Fit the base and changes of it to one data set."""
    data = made.data.load(own.name, data_dir=data_dir)
    epochs = max(1, round(own.steps * own.batch_size / len(data.train)))
    layers = "-".join(map(str, own.hidden))
    print(f"\n{own.name}: layers {layers}, batches of {own.batch_size}, {epochs} epochs")
    print(f"{'':34}{'valid':>9}{'from base':>12}{'error':>8}{'best epoch':>12}{'seconds':>9}")
    rows: dict[str, Any] = {}
    base: torch.Tensor | None = None
    for change in _CHANGES:
        if change.only_images and own.name not in _IMAGES:
            continue
        if base is not None and not change.about.startswith(only or ""):
            continue
        hidden = tuple(width * change.wider for width in own.hidden) * change.deeper
        model = made.MADE(made.Bernoulli(data.n_variables), **{**_BASE, "hidden": hidden, **change.model})
        began = time.monotonic()
        history = made.fit(
            model, data.train, data.valid, epochs=epochs, batch_size=own.batch_size, **change.training
        )
        seconds = time.monotonic() - began
        losses = -model.log_prob(data.valid)
        base = losses if base is None else base
        valid, _ = mean_and_error(losses)
        from_base, error = mean_and_error(losses - base)
        rows[change.about] = {
            "valid": valid,
            "from base": from_base,
            "error": error,
            "best epoch": history.best_epoch,
            "seconds": round(seconds, 1),
        }
        print(
            f"{change.about:34}{valid:>9.2f}{from_base:>+12.2f}{error:>8.2f}"
            f"{history.best_epoch:>12}{seconds:>9.0f}",
            flush=True,
        )
    return {"layers": layers, "batch size": own.batch_size, "epochs": epochs, "changes": rows}


def _table(sets: Mapping[str, Any]) -> str:
    """Return the differences as a table in Markdown."""
    heads = [
        f"{name} ({own['layers']}, {own['epochs']} epochs, batches of {own['batch size']})"
        for name, own in sets.items()
    ]
    lines = [f"| changed | {' | '.join(heads)} |", "|---|" + "---|" * len(sets)]
    for change in _CHANGES:
        cells = []
        for own in sets.values():
            found = own["changes"].get(change.about)
            if found is None:
                cells.append("")
            elif change is _CHANGES[0]:
                cells.append(f"{found['valid']:.2f} nats")
            else:
                cells.append(f"{found['from base']:+.2f} ± {found['error']:.2f}")
        lines.append(f"| {change.about} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _picture(sets: Mapping[str, Any]) -> Any:
    """Draw the differences, a panel for each data set: to the left is better."""
    figure = new_figure(4.2 * len(sets) + 3, 7)
    panels = figure.subplots(1, len(sets), sharey=True, squeeze=False)[0]
    names = [change.about for change in _CHANGES[1:]]
    for axes, (name, own) in zip(panels, sets.items(), strict=True):
        found = own["changes"]
        reach = max(abs(found[about]["from base"]) for about in names if about in found)
        for place, about in enumerate(names):
            if about not in found:
                words: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": LETTERS - 3}
                axes.text(0, place, "for images", color="0.5", backgroundcolor="white", **words)
                continue
            change, error = found[about]["from base"], found[about]["error"]
            side, colour, anchor = (-1, "#1f4e8c", "right") if change < 0 else (1, "#e58a1f", "left")
            axes.barh(place, change, color=colour, height=0.62, xerr=2 * error, ecolor="0.25", capsize=2)
            axes.text(
                change + side * (0.04 * reach + 2 * error),
                place,
                f"{change:+.2f}",
                va="center",
                ha=anchor,
                fontsize=LETTERS - 3,
            )
        axes.set_xlim(-1.45 * reach, 1.45 * reach)
        axes.axvline(0, color="0.25", linewidth=1)
        axes.set_yticks(range(len(names)), names)
        title = f"{name}\nbase {found[_CHANGES[0].about]['valid']:.2f} nats"
        grow_letters(axes, x="nats per row from the base", title=title)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    panels[0].invert_yaxis()
    figure.supxlabel(
        "to the left is better; bars: two standard errors of the difference", fontsize=LETTERS - 1
    )
    return figure


if __name__ == "__main__":
    main()
