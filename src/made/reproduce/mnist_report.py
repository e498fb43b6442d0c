"""The report of the seed's first experiment: an HTML page, and the figures as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from made import plots
from made.data import Dataset
from made.report.page import Report
from made.reproduce.mnist import MnistPlan, VariantResult
from made.runs.scores import Score
from made.support.figures import with_error
from made.support.versions import environment
from made.support.writing import write_aside

__all__ = ["write_mnist"]

# Number of images in a grid during training.
_GRID = 40

# Germain et al. 2015, table 6: test NLL on binarized MNIST in nats.
_PAPER = (
    ("MADE, 1 hidden layer of 8000, 1 mask", "88.40"),
    ("MADE, 2 hidden layers of 8000, 1 mask", "89.59"),
    ("MADE, 1 hidden layer of 8000, 32 masks", "88.04"),
    ("MADE, 2 hidden layers of 8000, 32 masks", "86.64"),
)


def write_mnist(
    folder: Path,
    dataset: Dataset,
    plan: MnistPlan,
    notices: list[str],
    results: list[VariantResult],
    baselines: Mapping[str, Mapping[str, Score]],
) -> dict[str, Any]:
    """Write ``results.json`` and ``report.html`` into a folder, and return what is in the first.

    Parameters
    ----------
    folder : Path
        It must exist.
    dataset, plan
        The data and the size of the experiment.
    notices : list of str
        What was decided for the user.
    results : list of VariantResult
        At least one.
    baselines : mapping
        Scores by name and split.
    """
    figures = {
        "baselines": {
            name: {split: score.as_dict() for split, score in by_split.items()}
            for name, by_split in baselines.items()
        },
        "recipes": {result.variant.name: _figures(result) for result in results},
    }
    content = {
        "experiment": "mnist",
        "data": dataset.name,
        "notices": notices,
        "settings": {**asdict(plan), "training": plan.training()},
        "versions": environment(),
        "figures": figures,
        "seconds": {result.variant.name: round(result.seconds, 1) for result in results},
    }
    write_aside(folder / "results.json", (json.dumps(content, indent=2) + "\n").encode())
    _page(content, dataset, plan, results, baselines).save(folder / "report.html")
    return content


def _figures(result: VariantResult) -> dict[str, Any]:
    return {
        "title": result.variant.title,
        "model": dict(result.variant.model),
        "masks": result.model.mask_set.describe(),
        "best epoch": result.history.best_epoch,
        "epochs": result.history.epochs[-1].epoch,
        "valid": result.valid.as_dict(),
        "test": result.test.as_dict(),
        "test of single masks": result.single.as_dict(),
        "valid nll by epoch": result.history.valid_nll,
        "train loss by epoch": [record.train_loss for record in result.history.epochs],
        "pixels to the nearest training image": {
            "samples": float(result.distances.mean()),
            "test images": float(result.usual.mean()),
        },
    }


def _page(
    content: Mapping[str, Any],
    dataset: Dataset,
    plan: MnistPlan,
    results: list[VariantResult],
    baselines: Mapping[str, Mapping[str, Score]],
) -> Report:
    first = results[0]
    report = Report(
        f"Images of digits: the seed's first experiment on {dataset.name}",
        f"A masked autoencoder with the seed's settings, {plan.epochs} epochs of Adam at 1e-3 in batches of 128, "
        "judged on images that neither training nor the choice of the epoch has seen. "
        f"{first.variant.title[0].upper()}{first.variant.title[1:]}: "
        f"{with_error(first.test.nll, first.test.nll_se)} nats per test image.",
    )
    for notice in content["notices"]:
        report.note(notice)
    report.section("What came out")
    _main_table(report, dataset, results, baselines)
    report.section("How training went (the seed's Figure 5)")
    _training(report, results, baselines)
    report.section("Samples")
    _samples(report, dataset, first)
    report.section("Do several orderings confuse the network?")
    _orderings(report, results)
    report.section("Settings")
    report.details(
        "Settings and versions of this run",
        json.dumps({key: content[key] for key in ("settings", "versions", "seconds")}, indent=2),
    )
    return report


def _main_table(
    report: Report,
    dataset: Dataset,
    results: list[VariantResult],
    baselines: Mapping[str, Mapping[str, Score]],
) -> None:
    def number(score: Score) -> str:
        return with_error(score.nll, score.nll_se)

    rows = [
        [
            f"`{result.variant.name}` {result.variant.title}",
            str(result.model.n_masks),
            str(result.history.best_epoch),
            number(result.valid),
            number(result.test),
            f"{result.test.bits_per_dim:.4f}",
        ]
        for result in results
    ]
    best = int(np.argmin([result.valid.nll for result in results]))
    for name, by_split in baselines.items():
        scores = by_split["valid"], by_split["test"]
        rows.append([name, "", "", *map(number, scores), f"{scores[1].bits_per_dim:.4f}"])
    report.table(
        ["recipe", "masks", "best epoch", "valid NLL, nats", "test NLL, nats", "test bits/dim"],
        rows,
        caption=f"NLL in nats per image, exact, on {len(dataset.test):,} test images. "
        "Validation images choose the epoch.",
        emphasize=best,
    )
    if dataset.name == "binarized_mnist":
        report.table(
            ["as published by Germain et al. (2015)", "test NLL, nats"],
            [list(row) for row in _PAPER],
            caption="For comparison: the paper's own figures on the same data, with networks 16 times as wide.",
        )
    report.note(
        "The seed reports “around 88”. That is the loss on training batches, summed over pixels; its code minimizes the "
        "mean over pixels, and its `test` is the validation split. Above, valid chooses and test is reported."
    )


def _training(
    report: Report, results: list[VariantResult], baselines: Mapping[str, Mapping[str, Score]]
) -> None:
    first = results[0]
    history = first.history
    report.figure(
        plots.loss_curve(
            np.arange(1, len(history.batch_losses) + 1),
            history.batch_losses,
            history.epoch_steps,
            history.valid_nll,
            baselines={name: by_split["valid"].nll for name, by_split in baselines.items()},
            best_step=None if history.best is None else history.best.step,
            title=first.variant.title,
        ),
        "Training loss of every mini-batch and validation NLL of every epoch, each where it belongs: the validation "
        "point of epoch e stands at the number of steps that e epochs take. (The seed places its points at multiples of "
        "one step less, so that they drift to the left.)",
    )
    if len(results) > 1:
        series = {
            result.variant.name: (
                [record.epoch for record in result.history.epochs][1:],
                result.history.valid_nll[1:],
            )
            for result in results
        }
        report.figure(
            plots.lines(None, series, x_label="epochs", y_label="validation NLL, nats per image"),
            "Validation NLL by epoch for every recipe (during training, of at most 8 masks of a mixture).",
        )


def _samples(report: Report, dataset: Dataset, result: VariantResult) -> None:
    shape = dataset.image_shape
    assert shape is not None
    picked = np.random.default_rng(0).permutation(len(dataset.test))[: len(result.samples) * 5]
    epochs = sorted(result.grids)
    for epoch in epochs[:-1]:
        report.figure(
            plots.image_grid(
                result.grids[epoch][:_GRID], shape, columns=_GRID // 4, title=f"after {epoch} epochs"
            ),
            f"Images drawn after {epoch} epochs. The uniforms are the same in every grid.",
        )
    final = result.grids[epochs[-1]]
    report.figure(
        plots.samples_beside(final, dataset.test[picked][: len(final)], shape),
        f"Drawn with the weights of the best epoch ({result.history.best_epoch}), beside test images.",
    )
    report.figure(
        plots.image_pairs(
            result.samples,
            result.neighbours,
            shape,
            captions=[f"{d} px" for d in result.distances],
        ),
        "Each sample above its nearest training image, with the number of pixels in which they differ.",
    )
    drawn, usual = float(result.distances.mean()), float(result.usual.mean())
    verdict = (
        "Samples are no nearer to the training images than real test images are: it does not memorize."
        if drawn >= usual
        else "Samples are nearer to the training images than real test images are."
    )
    report.text(
        f"Does it memorize? Samples differ from their nearest training image in {drawn:.1f} pixels on average, "
        f"test images in {usual:.1f}. {verdict}"
    )
    report.figure(
        plots.image_pairs(
            result.probabilities,
            result.samples,
            shape,
            names=("probability of a 1, given the pixels before", "what was drawn"),
        ),
        "The seed's remark made visible: the conditional probabilities are blurry, the Bernoulli samples are not.",
    )


def _orderings(report: Report, results: list[VariantResult]) -> None:
    by_name = {result.variant.name: result for result in results}
    several = [by_name[name] for name in ("orderings", "fresh") if name in by_name]
    one = by_name.get("shuffled")
    if not several or one is None:
        report.text(
            "The seed wonders whether training on several orderings would only confuse the network. This run does not "
            "say: it needs the recipes `shuffled`, `orderings` and `fresh` (`made reproduce mnist --recipe all`)."
        )
        return
    rows = [
        [
            result.variant.title,
            with_error(result.single.nll, result.single.nll_se),
            with_error(result.test.nll, result.test.nll_se),
        ]
        for result in [one, *several]
    ]
    report.table(
        ["recipe", "one mask alone, test nats", "the mixture, test nats"],
        rows,
        caption="What a network that serves many orderings knows about one of them, and what the mixture makes of it.",
    )
    for result in several:
        cost = result.single.nll - one.single.nll
        gain = result.single.nll - result.test.nll
        net = result.test.nll - one.test.nll
        report.text(
            f"**{result.variant.title}**: under one ordering it is {abs(cost):.2f} nats "
            f"{'worse' if cost > 0 else 'better'} than a network that was trained on one shuffled ordering alone; "
            f"averaging the densities of its {result.model.n_masks} masks wins {gain:.2f} nats. In all it is "
            f"{abs(net):.2f} nats {'worse' if net > 0 else 'better'} after the same {len(result.history.batch_losses):,} steps."
        )
