"""The report of a run: one page that says what the model is, how good it is, and where it is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from made import plots
from made.data import Dataset
from made.mixture import Mixture
from made.model import MADE
from made.report import calibration
from made.report.association import MOST_CLASSES, associations, binned, edges_of
from made.report.memorization import audit
from made.report.odd_rows import OddRow, odd_rows
from made.report.page import Report
from made.runs.folder import RunFolder
from made.runs.scores import fit_baselines, score_rows
from made.support.figures import with_error
from made.support.listing import listed
from made.training.trainer import mean_and_error
from made.variables.numeric import Numeric
from made.variables.rows import Rows
from made.variables.schema_table import schema_lines

__all__ = ["STEPS", "report_of"]

Floats = NDArray[np.float64]

#: Parts of a report, for progress.
STEPS = 7
# Rows that are looked at, at most: of a picture, of the audit, and the most and the least likely ones.
_ROWS, _AUDITED, _LIKELIEST, _LEAST_LIKELY = 5_000, 2_000, 3, 8
# Columns of a figure of marginals, all of them, those of a matrix of associations, of coverage, and of rows.
_COLUMNS_AT_ONCE, _COLUMNS, _PAIRED, _COVERED, _COLUMNS_OF_ROWS = 12, 48, 30, 40, 60
_IMAGES = 49
# Standard errors beyond which a coverage is said to be off.
_ERRORS = 3.0


@dataclass(frozen=True, eq=False)
class _Subject:
    """What the sections are about: a model, its data, and what is computed of them once."""

    folder: RunFolder
    model: MADE
    data: Dataset
    seed: int = 0

    @cached_property
    def names(self) -> list[str]:
        return [column.name for column in self.model.schema.modelled]

    @cached_property
    def test(self) -> Rows:
        return self.rows("test")

    def rows(self, split: str, most: int | None = None) -> Rows:
        """Return rows of a split, encoded: all, or some at random."""
        return self._encoded(*self._picked(self.data.splits[split], self.data.context_of(split), most))

    @cached_property
    def some(self) -> Rows:
        """Rows of all splits, at random."""
        return self._encoded(*self._of_all)

    @cached_property
    def samples(self) -> Rows:
        """As many samples as `some`, under the same context."""
        context = self._of_all[1]
        values = self.model.sample(len(self.some), seed=self.seed, context=context, output="numpy")
        return self._encoded(values, context)

    @cached_property
    def _of_all(self) -> tuple[NDArray[Any], NDArray[Any] | None]:
        splits, context = self.data.splits, self.data.context
        values = np.concatenate(list(splits.values()))
        own = None if context is None else np.concatenate([context[split] for split in splits])
        return self._picked(values, own, _ROWS)

    def _picked(
        self, values: NDArray[Any], context: NDArray[Any] | None, most: int | None
    ) -> tuple[NDArray[Any], NDArray[Any] | None]:
        if most is None or len(values) <= most:
            return values, context
        picked = self.picked(len(values), most)
        return values[picked], None if context is None else context[picked]

    def picked(self, n: int, most: int) -> NDArray[np.int64]:
        """Return the numbers of at most so many of n rows, at random, ascending."""
        return np.sort(np.random.default_rng(self.seed).permutation(n)[:most])

    def _encoded(self, values: Any, context: NDArray[Any] | None) -> Rows:
        return self.model.rows(values, context).to(torch.device("cpu"))

    @cached_property
    def log_prob(self) -> Floats:
        """Of the test rows, in nats."""
        found: Floats = self.model.log_prob(self.test).cpu().numpy()
        return found

    def values(self, rows: Rows) -> NDArray[Any]:
        """Return rows as people have them, (n, D); dates in their parts."""
        return np.asarray(self.model.schema.decode_parts(rows))

    def numbers(self, rows: Rows) -> Floats:
        """Return rows as numbers, (n, D): codes of classes; NaN where missing."""
        table = np.empty(rows.codes.shape)
        codes = rows.codes.numpy()
        numeric = self.model.variables.numbers
        floats = None if numeric is None or rows.bodies is None else numeric.floats_of(rows.bodies).numpy()
        for d, block in self.model.variables.columns():
            own = codes[:, d].astype(np.float64)
            if isinstance(block, Numeric) and numeric is not None and floats is not None:
                own = floats[:, numeric.number_of(d)].copy()
            if block.missing_code is not None:
                own[codes[:, d] == block.missing_code] = np.nan
            table[:, d] = own
        return table

    @cached_property
    def is_class(self) -> list[bool]:
        return [not isinstance(block, Numeric) for _, block in self.model.variables.columns()]


def report_of(
    folder: RunFolder,
    model: MADE,
    dataset: Dataset,
    advance: Callable[[], None] = lambda: None,
) -> Report:
    """Make the report of a run.

    Parameters
    ----------
    folder, model, dataset
        The run, its model and its data.
    advance : callable
        Called after each of the `STEPS` parts.
    """
    subject = _Subject(folder, model, dataset)
    page = Report(
        f"Report on {folder.path.name}",
        f"A masked autoencoder of {dataset.name}: {model.n_variables:,} columns, {len(dataset.train):,} "
        f"training rows. What it is, how probable it finds rows that it has not seen, and where it is wrong.",
    )
    for section in _SECTIONS:
        section(page, subject)
        advance()
    return page


def _held_out(page: Report, subject: _Subject) -> None:
    page.section("How good it is")
    model, data = subject.model, subject.data
    test = subject.test
    plain = Rows(test.codes, bodies=test.bodies)
    baselines = fit_baselines(data)
    has_numbers = data.schema.row_type.numbers is not None
    # A Chow-Liu tree of codes takes arrays.
    found = {
        name: own.log_prob(plain if has_numbers else plain.codes.numpy()) for name, own in baselines.items()
    }
    own = score_rows(subject.log_prob, model.n_variables)
    rows = [["**this model**", with_error(own.nll, own.nll_se), ""]]
    behind = []
    for name, log_prob in found.items():
        score = score_rows(log_prob, model.n_variables)
        ahead = subject.log_prob - np.asarray(log_prob)
        gain, error = mean_and_error(torch.from_numpy(ahead))
        rows.append([name, with_error(score.nll, score.nll_se), with_error(gain, error, sign="+")])
        if gain < -2 * error:
            behind.append(f"{name} by {with_error(-gain, error)} nats a row")
    page.table(
        ["", "NLL, nats a row", "this model is ahead by"],
        rows,
        caption=f"Exact negative log-likelihood of {len(test):,} test rows (less is better), with standard "
        "errors; differences are paired, row by row.",
        emphasize=0,
    )
    if behind:
        page.note(
            f"The model is **behind** {' and '.join(behind)}. More rows, or `made fit --minutes`, may help."
        )
    else:
        page.text("No baseline is ahead of the model by more than two standard errors.")


def _schema(page: Report, subject: _Subject) -> None:
    page.section("What the columns are")
    schema = subject.model.schema
    words, *rows = schema_lines(schema.columns, schema.context_places, joins_runs=not schema.is_named)
    header = ["why, and notes" if word == "why" else word for word in words]
    page.table(header, rows[:_COLUMNS], caption=_some(len(rows), _COLUMNS))
    page.text(
        "A **mass** is a probability; a **density** is per unit of the column, so that its logarithm depends "
        "on the unit."
    )


def _marginals(page: Report, subject: _Subject) -> None:
    page.section("Data and samples")
    image = subject.model.schema.image_shape
    if image is not None and subject.data.is_protected:
        page.text(_PROTECTED)
        return
    if image is not None:
        codes = [rows.codes[:_IMAGES].numpy() for rows in (subject.samples, subject.test)]
        n_values = int(subject.model.variables.n_values.max())
        figure = plots.samples_beside(codes[0], codes[1], image, n_values=n_values)
        page.figure(figure, "Samples beside test images.")
        return
    data, samples = (subject.values(rows) for rows in (subject.some, subject.samples))
    shown = min(len(subject.names), _COLUMNS)
    for first in range(0, shown, _COLUMNS_AT_ONCE):
        some = slice(first, min(first + _COLUMNS_AT_ONCE, shown))
        figure = plots.columns_of({"data": data[:, some], "samples": samples[:, some]}, subject.names[some])
        page.figure(
            figure,
            f"{len(data):,} rows of the data and as many samples. {_some(len(subject.names), shown)}",
        )
    if len(subject.names) < 2:
        return
    pairs = list(range(min(len(subject.names), _PAIRED)))
    real, drawn = (subject.numbers(rows) for rows in (subject.some, subject.samples))
    binned_columns = [_codes(real[:, d], drawn[:, d], is_class=subject.is_class[d]) for d in pairs]
    before, after = (associations([own[i] for own in binned_columns]) for i in (0, 1))
    off = np.abs(after - before)[np.triu_indices(len(pairs), 1)]
    page.figure(
        plots.associations_beside(before, after, [subject.names[d] for d in pairs]),
        "How strongly pairs of columns hang together (Cramér's V of numbers in eight bins: 0 where "
        f"independent). Samples are off by {off.mean():.3f} on average, by {off.max():.3f} at most. "
        f"{_some(len(subject.names), _PAIRED)}",
    )


def _calibration(page: Report, subject: _Subject) -> None:
    page.section("Calibration")
    places = calibration.places(subject.model, subject.test[:_ROWS], subject.seed)
    shown = list(range(min(len(subject.names), _COVERED)))
    by_column = {subject.names[d]: calibration.coverage(places[:, d]) for d in shown}
    whole = calibration.coverage(places)
    page.figure(
        plots.coverage_of(by_column),
        "Each held-out value beside the model's distribution of it given the columns before it in the "
        "ordering: how often it lies in the middle 50, 80 and 95 % of that distribution. Dots right of their "
        f"line: intervals are too wide; left of it: too narrow. {_some(len(subject.names), _COVERED)}",
    )
    overall = ", ".join(f"{share:.1%} in the {level:.0%} interval" for level, (share, _) in whole.items())
    page.text(f"Of all held-out values {overall}.")
    off = [
        f"{name} ({found[level][0]:.0%} in the {level:.0%} interval)"
        for name, found in by_column.items()
        for level in calibration.LEVELS[1:2]
        if abs(found[level][0] - level) > _ERRORS * found[level][1]
    ]
    if off:
        page.note(f"Off by more than three standard errors: {listed(off)}.")


def _rows(page: Report, subject: _Subject) -> None:
    page.section("Likely and unlikely rows")
    if subject.data.is_protected:
        page.text(_PROTECTED)
        return
    order = np.argsort(subject.log_prob, kind="stable")
    chosen = [*order[:_LEAST_LIKELY].tolist(), *order[::-1][:_LIKELIEST].tolist()]
    chosen = list(dict.fromkeys(chosen))
    if len(subject.names) > _COLUMNS_OF_ROWS:
        page.text(f"Rows of {len(subject.names):,} columns are not shown.")
        return
    found = odd_rows(subject.model, subject.test, subject.log_prob, chosen)
    least, most = found[: min(_LEAST_LIKELY, len(found))], found[_LEAST_LIKELY:]
    for rows, what in ((least, "The least likely"), (most, "The most likely")):
        if rows:
            page.table(
                ["test row", "log p", "percentile", "odd entries", "all entries"],
                [_described(row, subject.names) for row in rows],
                caption=f"{what} of {len(subject.test):,} test rows; percentile: how many in 100 of them are "
                "less likely. An entry is odd where it is much less likely, given all other entries of the "
                "row, than what was expected in its place.",
            )


def _memorization(page: Report, subject: _Subject) -> None:
    page.section("Does it give training rows away?")
    train, picked = subject.rows("train", _AUDITED), subject.picked(len(subject.test), _AUDITED)
    held_out = subject.test[torch.from_numpy(picked)]
    if min(len(train), len(held_out)) < 2:
        page.text("There are too few rows to tell.")
        return
    whole = subject.rows("train", 10 * _AUDITED)
    found = audit(
        (subject.model.log_prob(train).cpu().numpy(), subject.log_prob[picked]),
        subject.numbers(whole),
        subject.numbers(held_out),
        subject.numbers(subject.samples[:_AUDITED]),
        subject.is_class,
    )
    page.table(
        ["attack", "found", "chance"],
        [
            [
                "log p of training rows beside held-out rows (AUC)",
                with_error(found.auc, found.auc_error, 3),
                "0.5",
            ],
            ["mean log p of training rows is higher by, nats", with_error(found.gap, found.gap_error), "0"],
            ["samples that equal a training row", f"{found.copies:.2%}", f"{found.held_out_copies:.2%}"],
            ["samples closer than 95% of held-out rows", _percent(found.close, found.close_error), "5%"],
            [
                "median distance to the closest training row",
                f"{found.closest:.4f}",
                f"{found.held_out_closest:.4f}",
            ],
        ],
        caption="An audit of three attacks. Chance is what held-out rows show, which the model has not seen.",
    )
    page.note(found.verdict)


def _card(page: Report, subject: _Subject) -> None:
    page.section("Model card")
    model, data = subject.model, subject.data
    members = model.members if isinstance(model, Mixture) else [model]
    n_weights = sum(parameter.numel() for parameter in model.parameters())
    page.table(
        ["", ""],
        [
            ["kind", f"masked autoencoder: {model.mask_set.describe()}"],
            ["layers", "; ".join(dict.fromkeys(map(_layers, members)))],
            ["parameters", f"{n_weights:,}"],
            ["rows", f"{len(data.train):,} train, {len(data.valid):,} valid, {len(data.test):,} test"],
            ["made for", "rows like those it was trained on: scoring, sampling, completing, predicting them"],
            [
                "not made for",
                "other populations, causes, or decisions about people without a check of its errors",
            ],
        ],
        caption="What the model is.",
    )
    settings = subject.folder.read_json("settings.json")
    kept = {
        name: settings[name]
        for name in ("data", "recipe", "chosen", "training", "versions")
        if name in settings
    }
    page.details("Settings and versions", json.dumps(kept, indent=2, default=str))
    if data.notes:
        page.details("What was decided about the data", "\n".join(data.notes))


_PROTECTED = (
    "The model was fitted with `--protect`: no single row is shown. Rare labels count as one event, and "
    "numbers are within ranges that at least five training rows are at or beyond."
)
_SECTIONS = (_held_out, _schema, _marginals, _calibration, _rows, _memorization, _card)


def _codes(first: Floats, second: Floats, *, is_class: bool) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return a column of two tables as codes: classes as they are, the rare ones as one; numbers in bins."""
    if not is_class:
        edges = edges_of(first)
        return binned(first, edges), binned(second, edges)
    own, other = (np.where(np.isnan(values), -1, values).astype(np.int64) for values in (first, second))
    kinds, counts = np.unique(own, return_counts=True)
    kept = np.sort(kinds[np.argsort(-counts, kind="stable")][:MOST_CLASSES])
    found = [
        np.where(np.isin(codes, kept), np.searchsorted(kept, codes).clip(max=len(kept) - 1), len(kept))
        for codes in (own, other)
    ]
    return found[0], found[1]


def _described(row: OddRow, names: list[str]) -> list[str]:
    odd = "; ".join(f"**{name}** = {own.value}, expected {own.expected}" for name, own in row.odd.items())
    values = ", ".join(f"{name} {value}" for name, value in zip(names, row.values, strict=True))
    return [f"{row.number:,}", f"{row.log_prob:.2f}", f"{row.percentile:.1f}", odd or "none", values]


def _layers(model: MADE) -> str:
    return ", ".join(f"{width:,}" for width in model.hidden) or "none"


def _percent(value: float, error: float) -> str:
    return f"{value:.1%} ± {error:.1%}"


def _some(n: int, shown: int) -> str:
    return f"The first {shown} of {n:,} columns." if n > shown else ""
