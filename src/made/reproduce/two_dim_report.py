"""The report of the seed's second experiment: an HTML page, and the figures as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from made import plots
from made.report.page import Report
from made.reproduce.two_dim import TwoDimPlan, TwoDimResult, kl_divergence
from made.reproduce.two_dim_pictures import joint_tables, log_ratios, slices
from made.runs.pictures import draw_figure_6
from made.runs.scores import Score, score_rows
from made.support.figures import with_error
from made.support.versions import environment
from made.support.writing import write_aside

__all__ = ["write_two_dim"]

Floats = NDArray[np.float64]
# Of curves, see `made.plots.lines`.
_SOLID, _DASHED = 0, 1


def write_two_dim(
    folder: Path,
    source: str,
    plan: TwoDimPlan,
    truth: Floats,
    rows: NDArray[Any],
    test: NDArray[Any],
    results: list[TwoDimResult],
) -> dict[str, Any]:
    """Write ``results.json`` and ``report.html`` into a folder, and return the figures.

    Parameters
    ----------
    folder : Path
        It must exist.
    source, plan
        The data and the size of the experiment.
    truth : (K1, K2) array
        The true table.
    rows, test : (n, 2) arrays
        All points, and the held-out ones.
    results : list of TwoDimResult
        Of the five models.
    """
    lit = truth[truth > 0]
    entropy = float(-(lit * np.log(lit)).sum())
    product = truth.sum(axis=1, keepdims=True) * truth.sum(axis=0)
    floor = _score_table(truth, test)
    baseline = _score_table(product, test)
    figures = {
        "entropy of the truth": entropy,
        "held-out NLL of the truth": floor.as_dict(),
        "product of the true marginals": {"kl": kl_divergence(truth, _log(product)), **baseline.as_dict()},
        "models": {
            result.name: {
                "title": result.title,
                "kl": result.kl,
                "lowest kl on the way": min(result.kl_by_epoch),
                "epoch of the lowest kl": int(np.argmin(result.kl_by_epoch)),
                "held-out": result.score.as_dict(),
                "leaking test nll": result.leaking[-1],
                "kl by epoch": result.kl_by_epoch,
                "held-out nll by epoch": result.nll_by_epoch,
                "leaking test nll by epoch": result.leaking,
                **result.notes,
            }
            for result in results
        },
    }
    times = {result.name: round(result.seconds, 1) for result in results}
    content = {
        "experiment": "two-dim",
        "settings": {"table": source, **asdict(plan)},
        "versions": environment(),
        "figures": figures,
        "seconds": times,
    }
    write_aside(folder / "results.json", (json.dumps(content, indent=2) + "\n").encode())
    _page(content, truth, product, rows, results).save(folder / "report.html")
    return content


def _page(
    content: Mapping[str, Any],
    truth: Floats,
    product: Floats,
    rows: NDArray[Any],
    results: list[TwoDimResult],
) -> Report:
    figures = content["figures"]
    by_name = {result.name: result for result in results}
    best = min(results, key=lambda result: result.kl)
    report = Report(
        "Two dimensions: five models of one table",
        "The second experiment of the seed, run again with the true table as the judge. The seed feeds points of a "
        f"{truth.shape[0]} x {truth.shape[1]} joint table to a MADE and compares three ways of putting numbers into it. "
        f"Held to the table, the closest of the five models here is ({best.name}) {best.title}, "
        f"with KL(true || model) = {best.kl:.4f} nats.",
    )
    report.section("What came out")
    _main_table(report, figures, results)
    report.text(
        f"**The floor** is the entropy of the truth, {figures['entropy of the truth']:.4f} nats: no model can have a "
        "lower NLL than that, but by luck with the points that were held out. **The baseline** is the product of the "
        f"true marginals, KL {figures['product of the true marginals']['kl']:.4f} nats: what is left when x1 and x2 "
        "are taken for independent. KL is summed over all cells of the exact tables; it needs no held-out points and "
        "has no sampling error."
    )
    report.section("The seed's protocol leaks")
    _leak(report, figures, results)
    report.section("How a one-hot input is masked (the seed's Figure 6)")
    report.figure(
        draw_figure_6(),
        "All features of a variable have its rank, and so have all its outputs; nothing uses the last variable's features.",
    )
    report.section("Points drawn from each model (the seed's Figures 7 to 10)")
    shown = {"original": _histogram(rows, truth.shape)}
    shown |= {f"({r.name}) {r.title}": _histogram(r.samples, truth.shape) for r in results}
    report.figure(
        joint_tables(shown, columns=3),
        f"Histograms of {len(rows):,} points: the data, and as many drawn from each model.",
    )
    report.text(
        "Histograms of samples hide what matters: most of what the eye sees is the noise of drawing, which is the "
        "same for all. The exact tables below have none of it."
    )
    report.section("The exact tables")
    tables = {f"({r.name}) {r.title}": r.table for r in results}
    report.figure(
        joint_tables({"truth": truth, **tables}, columns=3),
        "The joint table of each model, every cell computed, beside the true one.",
    )
    report.figure(
        log_ratios(truth, tables, limit=1.0), "Where each model is too low (dark) or too high (light)."
    )
    at = [truth.shape[0] * i // 4 for i in (1, 2, 3)]
    # A model has one colour on the whole page: that of its place.
    chosen = [f"({own.name}) {own.title}" for own in (by_name["c"], best)]
    colours = {own: place for place, own in enumerate(tables) if own in chosen}
    report.figure(
        slices(truth, {own: tables[own] for own in chosen}, at, colours=colours),
        "The conditional p(x2 | x1) at three values of x1: the truth, the seed's choice, and the closest model.",
    )
    report.section("How training went")
    curves = {f"({r.name}) {r.title}": (np.arange(len(r.kl_by_epoch)), r.kl_by_epoch) for r in results}
    report.figure(
        plots.lines(
            None,
            curves,
            x_label="epochs",
            y_label="KL(true || model), nats",
            horizontal={"product of marginals": figures["product of the true marginals"]["kl"]},
            logarithmic=True,
        ),
        "KL by epoch. A curve that turns up is a model that over-fits its training points.",
    )
    held_out = {f"({r.name}) {r.title}": (np.arange(len(r.nll_by_epoch)), r.nll_by_epoch) for r in results}
    report.figure(
        plots.lines(
            None,
            held_out,
            x_label="epochs",
            y_label="held-out NLL, nats per row",
            horizontal={"entropy of the truth": figures["entropy of the truth"]},
        ),
        "NLL of the held-out points by epoch, with a split that stays.",
    )
    _ours(report, by_name["e"])
    report.section("Settings")
    report.details(
        "Settings and versions of this run",
        json.dumps({key: content[key] for key in ("settings", "versions", "seconds")}, indent=2),
    )
    return report


def _main_table(report: Report, figures: Mapping[str, Any], results: list[TwoDimResult]) -> None:
    def row(name: str, kl: str, lowest: str, score: Mapping[str, Any], leaking: str) -> list[str]:
        return [name, kl, lowest, with_error(score["nll"], score["nll_se"], 4), leaking]

    rows = [row("truth itself (floor)", "0", "", figures["held-out NLL of the truth"], "")]
    product = figures["product of the true marginals"]
    rows.append(row("product of true marginals", f"{product['kl']:.4f}", "", product, ""))
    for result in results:
        own = figures["models"][result.name]
        lowest = f"{own['lowest kl on the way']:.4f} at {own['epoch of the lowest kl']}"
        title = f"({result.name}) {result.title}"
        rows.append(row(title, f"{result.kl:.4f}", lowest, own["held-out"], f"{own['leaking test nll']:.4f}"))
    best = 2 + int(np.argmin([result.kl for result in results]))
    report.table(
        ["model", "KL, nats", "lowest KL, at epoch", "held-out NLL, nats", "the seed's leaking “test” NLL"],
        rows,
        caption="After the last epoch. The last column is not comparable with the others: see below.",
        emphasize=best,
    )
    order = sorted((r for r in results if r.name in "abc"), key=lambda r: r.kl)
    naming = ", then ".join(f"({r.name}) {r.title} at {r.kl:.4f}" for r in order)
    report.text(f"Of the three codings that the seed compares, the order by KL is: {naming}.")
    lucky = min(figures["models"][r.name]["lowest kl on the way"] for r in results if r.name == "c")
    report.note(
        "The seed calls one-hot (c) the best and says that the scaled input (b) totally fails; it judged by a leaking "
        f"loss and by histograms. Here one-hot ends at {_kl_of(results, 'c'):.4f} nats, scaled at "
        f"{_kl_of(results, 'b'):.4f}. Stopped at its lowest point, which only the true table shows, one-hot "
        f"would be at {lucky:.4f}."
    )


def _leak(report: Report, figures: Mapping[str, Any], results: list[TwoDimResult]) -> None:
    entropy = figures["entropy of the truth"]
    below = [r for r in results if r.leaking[-1] < entropy]
    names = ", ".join(f"({r.name})" for r in below) or "none of the models in this run"
    report.text(
        "The seed makes a new train/test split every epoch, so that every point is trained on sooner or later, "
        "and the “test” points of an epoch have mostly been trained on before. The table's last column is that loss. Below the "
        f"entropy of the truth ({entropy:.4f} nats), where no honest figure can be, end: {names}."
    )
    series: dict[str, Any] = {}
    strokes: dict[str, tuple[int, int]] = {}
    for place, result in enumerate(results):
        if result.name in "ce":
            epochs = np.arange(1, len(result.leaking) + 1)
            leaking, held_out = f"({result.name}) leaking", f"({result.name}) held out for good"
            series |= {leaking: (epochs, result.leaking), held_out: (epochs, result.nll_by_epoch[1:])}
            strokes |= {leaking: (place, _DASHED), held_out: (place, _SOLID)}
    report.figure(
        plots.lines(
            None,
            series,
            x_label="epochs",
            y_label="NLL, nats per row",
            horizontal={"entropy of the truth": entropy},
            strokes=strokes,
        ),
        "The same models under both protocols.",
    )
    for result in results:
        fall, rise = result.leaking[0] - result.leaking[-1], result.nll_by_epoch[-1] - result.nll_by_epoch[1]
        if fall > 0 and rise > 0:
            report.text(
                f"Between the first epoch and the last, the leaking loss of ({result.name}) fell by {fall:.3f} nats, and its "
                f"loss on points that were held out for good rose by {rise:.3f}."
            )


def _ours(report: Report, ours: TwoDimResult) -> None:
    tried = ours.notes["validation NLL by width"]
    widths = ", ".join(f"{width}: {nll:.4f}" for width, nll in tried.items())
    report.text(
        "**(e) is a MADE** whose variables know that their classes are in an order: a value enters as radial "
        "basis features along the axis, logits are averaged over neighbouring classes, and the density is the mixture of both "
        "orderings. How far to average was chosen on an eighth of the training points that was cut off for it "
        f"(validation NLL in nats by width in classes: {widths}); then the model was trained on all of them. The table "
        "and the held-out points had no say."
    )


def _kl_of(results: list[TwoDimResult], name: str) -> float:
    return next(result.kl for result in results if result.name == name)


def _score_table(table: Floats, rows: NDArray[Any]) -> Score:
    return score_rows(_log(table)[rows[:, 0].astype(int), rows[:, 1].astype(int)], 2)


def _log(table: Floats) -> Floats:
    with np.errstate(divide="ignore"):  # log 0 of empty cells is not used
        return np.log(table)


def _histogram(rows: NDArray[Any], shape: tuple[int, ...]) -> Floats:
    cells = rows[:, 0].astype(np.int64) * shape[1] + rows[:, 1]
    counts = np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape)
    return counts / len(rows)
