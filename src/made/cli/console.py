"""What the commands print: results on standard output, everything else on standard error."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from made.support.errors import InputError
from made.support.figures import with_error

if TYPE_CHECKING:
    from made.runs.consistency import Consistency
    from made.runs.drift import ColumnDrift, Drift
    from made.runs.masks_averaged import MasksAveraged
    from made.runs.rejected import Rejected
    from made.runs.scores import Score

__all__ = [
    "INTERRUPTED",
    "command",
    "drift_table",
    "make_folder",
    "masks_table",
    "orders_table",
    "parse_counts",
    "parse_numbers",
    "score_table",
    "tell",
    "tell_rejected",
]

#: The exit code after Ctrl-C.
INTERRUPTED = 130


def command() -> str:
    """Return the command that started this program: ``made`` where that is on the path, else its file."""
    called = Path(sys.argv[0])
    if called.name != "made" or shutil.which("made") == shutil.which(str(called)):
        return "made"
    return os.path.relpath(called) if called.is_absolute() else str(called)


def tell(text: str) -> None:
    """Write a line for the user on standard error."""
    typer.echo(text, err=True)


def tell_rejected(rejected: Rejected | None, out: Path | None, what: str) -> None:
    """Say how many rows of a file could not be read, and name them in a file beside the output.

    Parameters
    ----------
    rejected : Rejected or None
        None: all were read.
    out : Path or None
        The output; None is standard output, which has no file beside it.
    what : str
        What became of them.
    """
    from made.runs.rejected import forget_side_file, side_file

    if rejected is None:
        if out is not None:
            forget_side_file(out)
        return
    beside = "" if out is None else f", see {side_file(out)}"
    tell(f"{rejected.describe()}; {what}{beside}")
    if out is not None:
        rejected.write(side_file(out))


def make_folder(path: Path) -> Path:
    """Make a folder for results, or raise an `InputError`."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {path}: {error.strerror}") from error
    return path


def score_table(scores: Mapping[str, Score], unit: str) -> str:
    """Lay scores out side by side, one line each.

    Parameters
    ----------
    scores : mapping of str to Score
        By what they belong to.
    unit : str
        What a row is: ``"row"`` or ``"image"``.
    """
    width = max(len(name) for name in scores) + 3
    lines = [f"{'':{width}}{f'nats per {unit}':>20}{'bits/dim':>12}"]
    lines += [
        f"{name:{width}}{with_error(score.nll, score.nll_se, 3):>20}{score.bits_per_dim:>12.4f}"
        for name, score in scores.items()
    ]
    return "\n".join(lines)


def masks_table(result: MasksAveraged) -> str:
    """Lay out figures by number of masks, the mixture beside averaged logits, and what the latter are."""
    logits = f"logits averaged: {result.logits_are}"
    lines = [
        f"{'masks':>8}   {'mixture of the masks':<30}   {logits}",
        f"{'':8}   {'nats per row':>18}{'bits/dim':>12}   {'nats per row':>18}{'bits/dim':>12}",
    ]
    lines += [
        f"{count:>8,}   {_figures(mixture)}   {_figures(averaged)}"
        for count, mixture, averaged in zip(result.counts, result.mixture, result.logits, strict=True)
    ]
    if not result.one_ordering:
        lines += [
            "",
            "The scores on the right are no log-probabilities: under different orderings the logits of a",
            "variable have seen different inputs, and exp of the scores does not sum to 1 over all rows.",
        ]
    return "\n".join(lines)


def orders_table(result: Consistency) -> str:
    """Lay out how log p goes with the ordering, how given-first answers differ, and what that means."""
    n = len(result.by_order)
    figures = [
        (f"the model, {result.n_masks:,} mask{'s' * (result.n_masks > 1)}", result.nll, ""),
        ("one of its masks, on average", result.alone, "+"),
        (f"one of {n:,} random orderings, on average", result.orders, "+"),
        (f"the mixture of these {n:,}", result.together, "+"),
    ]
    if result.n_masks == 1:
        del figures[1]
    lines = [f"{'':42}{'nats per row':>18}"]
    lines += [f"{name:42}{figure.text(3, sign):>18}" for name, figure, sign in figures]
    above = sorted(result.by_order, key=lambda own: own.above.value)
    best, worst = (own.above.text(3, "+") for own in (above[0], above[-1]))
    spread = result.spread.text(3)
    lines += [
        "",
        f"log p of one row varies by {spread} nats between these orderings (standard deviation);",
        f"of all rows, the best of them is {best} above the model, the worst {worst}.",
        "",
        f"log p of what is given in {result.n_evidence:,} rows, with it first, less the model's own:",
        f"{'columns given':>15}{'mean, nats':>18}{'root mean square':>20}   the model's own",
    ]
    lines += [
        f"{len(own.columns):>15,}{own.difference.text(3, '+'):>18}"
        f"{own.root_mean_square:>20.3f}   {'exact' if own.is_exact else 'estimated'}"
        for own in result.given_first
    ]
    return "\n".join([*lines, "", f"{result.meaning}."])


def drift_table(found: Drift, first: str, second: str) -> str:
    """Lay out how a second table differs from a first: the verdict, its columns, its least likely rows."""
    width = max(len("column"), *(len(own.name) for own in found.columns)) + 2
    lines = [
        *_verdict(found, (first, second)),
        "",
        f"{'column':{width}}{'p: values':>10}{'given before':>14}{'given the rest':>16}"
        f"{'nats: before':>16}{'the rest':>16}   what has changed",
        *(_drift_of_column(own, width) for own in found.columns),
    ]
    if found.rows:
        lines += ["", "The least likely rows of B (counted from 0), with how many of A are less likely:"]
    for row in found.rows:
        odd = "; ".join(f"{name} {own.value}, expected {own.expected}" for name, own in row.odd.items())
        lines.append(f"{row.number:>10,}{row.log_prob:>10.2f} nats{row.percentile:>7.1f} %   {odd}".rstrip())
    return "\n".join(lines)


def _verdict(found: Drift, titles: tuple[str, str]) -> list[str]:
    from made.runs.drift import LEVEL

    lines = []
    for name, title, n, compared in zip("AB", titles, found.n_rows, found.n_compared, strict=True):
        sample = f", of which {compared:,} are compared" if compared < n else ""
        lines.append(f"{name}: {title}, {n:,} rows{sample}")
    changed = "B is not distributed as A" if found.p < LEVEL else "no difference between A and B was found"
    low, high = (own.text(3) for own in found.log_prob)
    lines += [
        "",
        f"{changed}: p = {found.p:.2g}, corrected for {found.n_tests:,} tests",
        f"log p of a row: {low} nats in A, {high} in B; p = {found.p_rows:.2g} of this test alone",
        f"{found.low_share:.1%} of the rows of B are less likely than 1 % of those of A",
    ]
    for name, n in zip("AB", found.n_incomplete, strict=True):
        if n:
            lines.append(
                f"{n:,} rows of {name} have unknown entries: their values are compared, their log p is not"
            )
    return lines


def _drift_of_column(own: ColumnDrift, width: int) -> str:
    from made.runs.drift import VIEWS

    values, before = (f"{own.p_values[view]:.2g}" for view in VIEWS[:2])
    nats = [own.difference[view].text(2, "+") if view in own.difference else "" for view in VIEWS[1:]]
    rest = f"{own.p_values['given_rest']:.2g}" if "given_rest" in own.p_values else ""
    new = ", ".join(f"{name} ({n:,})" for name, n in list(own.new_labels.items())[:3])
    what = "; ".join(filter(None, [own.what, f"new labels: {new}" if new else ""]))
    return f"{own.name:{width}}{values:>10}{before:>14}{rest:>16}{nats[0]:>16}{nats[1]:>16}   {what}".rstrip()


def _figures(score: Score) -> str:
    return f"{with_error(score.nll, score.nll_se, 3):>18}{score.bits_per_dim:>12.4f}"


def parse_numbers(text: str, name: str) -> list[int]:
    """Read ``"512,512"`` as a list of whole numbers.

    Examples
    --------
    >>> parse_numbers("512, 512", "--hidden")
    [512, 512]
    """
    try:
        return [int(part) for part in text.split(",")] if text.strip() else []
    except ValueError:
        raise InputError(f"{name} takes whole numbers with commas between, got {text!r}") from None


def parse_counts(text: str, name: str) -> list[int]:
    """Read ``"1,2,4"`` as a list of numbers; ``...`` goes on doubling up to the number after it.

    Raises
    ------
    InputError
        If it is no such list, or empty.

    Examples
    --------
    >>> parse_counts("1,2,...,20", "--masks")
    [1, 2, 4, 8, 16, 20]
    """
    if not text.strip():
        raise InputError(f"{name} is empty: it takes numbers of masks, as in 1,2,4,8")
    before, dots, after = text.replace("…", "...").partition("...")
    if not dots:
        return parse_numbers(text, name)
    first = parse_numbers(before.rstrip().removesuffix(","), name)
    last = parse_numbers(after.lstrip().removeprefix(","), name)
    doubling = len(first) == 1 or (len(first) > 1 and first[-1] == 2 * first[-2])
    if not (doubling and first[-1] >= 1 and len(last) == 1 and last[0] > first[-1]):
        raise InputError(f"{name}: '...' goes on doubling, as in 1,2,4,...,16; got {text!r}")
    while first[-1] * 2 < last[0]:
        first.append(first[-1] * 2)
    return [*first, *last]
