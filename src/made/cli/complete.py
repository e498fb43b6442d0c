"""``made complete``: fill the holes in rows, and say how the answers were found."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from made.cli.screen import counting, tell
from made.cli.use import DataDir, Device, Run, load_run
from made.errors import InputError

if TYPE_CHECKING:
    from made.answers import Completion
    from made.experiments.completions import IncompleteRows
    from made.model import MADE

__all__ = ["complete"]

# Rows are answered in portions, for the progress to be seen.
_ROWS_PER_PORTION = 64


def complete(
    run: Run,
    rows: Annotated[
        str | None,
        typer.Argument(
            metavar="[ROWS]",
            help="A file of rows whose unknown entries are empty, ?, NA or NaN.",
            show_default=False,
        ),
    ] = None,
    half: Annotated[
        str | None,
        typer.Option(help="Instead of ROWS: test images of the run, their top, bottom, left or right given."),
    ] = None,
    kind: Annotated[
        str,
        typer.Option(
            help="draw (from the conditional joint distribution), variable (the most probable value of each) "
            "or joint (the most probable completion as a whole)."
        ),
    ] = "draw",
    number: Annotated[
        int | None, typer.Option("--number", "-n", help="Completions per row [1; of a picture 6].")
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            help="auto (exact where it can be), exact (or refuse), estimate, or given-first (under an "
            "ordering with the known variables first, for models of several orderings)."
        ),
    ] = "auto",
    draws: Annotated[int, typer.Option(help="Per row and mask, where an answer is estimated.")] = 1000,
    max_states: Annotated[int, typer.Option(help="Sum exactly over at most so many states.")] = 4096,
    seed: Annotated[int, typer.Option(help="Of the draws.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help=".csv, .npy or .png [CSV on the screen]."),
    ] = None,
    data_dir: DataDir = None,
    device: Device = "cpu",
) -> None:
    """Fill in the unknown entries of rows, and say how: exactly, or estimated."""
    from made.experiments.completions import draw_completions, find_incomplete_rows, half_images
    from made.experiments.samples import csv_text, write_rows

    if (rows is None) == (half is None):
        raise InputError(
            "made complete needs ROWS, a file of rows with holes; or --half for images of the run"
        )
    if out is not None and out.suffix not in (".npy", ".csv", ".png"):
        raise InputError(f"{out}: completions are written as .npy, .csv or .png")
    folder, model = load_run(run, device)
    is_picture = out is not None and out.suffix == ".png"
    if is_picture and number is None and kind == "draw":
        number = 6
    if rows is not None:
        found = find_incomplete_rows(folder, model, rows)
    else:
        found = half_images(folder, model, half or "", 8, seed, data_dir)
    answer = _answer(model, found, kind, number, method, draws, max_states, seed)
    if is_picture and out is not None:
        draw_completions(out, found, answer, model, folder.image_shape)
    else:
        flat = answer.rows.reshape(-1, model.n_variables)
        if out is None:
            typer.echo("".join(csv_text(model, [flat], folder.columns)), nl=False)
        else:
            write_rows(out, model, len(flat), [flat], folder.columns)
    _tell_how(found, answer, out)


def _answer(
    model: MADE,
    found: IncompleteRows,
    kind: str,
    number: int | None,
    method: str,
    draws: int,
    max_states: int,
    seed: int,
) -> Completion:
    """Complete rows portion by portion; one warning stands for all."""
    import warnings

    import numpy as np

    from made import complete as complete_rows
    from made.answers import Completion
    from made.errors import PoorEstimateWarning

    parts: list[Completion] = []
    n = len(found.codes)
    with counting("completing", n) as advance, warnings.catch_warnings():
        warnings.simplefilter("ignore", PoorEstimateWarning)
        for first in range(0, max(n, 1), _ROWS_PER_PORTION):
            portion = slice(first, first + _ROWS_PER_PORTION)
            codes = found.codes[portion]
            parts.append(
                complete_rows(
                    model,
                    np.maximum(codes, 0),
                    kind,
                    number,
                    unknown=codes < 0,
                    context=None if found.context is None else found.context[portion],
                    method=method,
                    draws=draws,
                    max_states=max_states,
                    seed=seed,
                    first=first,
                )
            )
            advance(len(codes))
    return Completion(
        rows=np.concatenate([part.rows for part in parts]),
        kind=kind,
        how=tuple(how for part in parts for how in part.how),
        log_prob=np.concatenate([part.log_prob for part in parts]),
        error=np.concatenate([part.error for part in parts]),
        ess=np.concatenate([part.ess for part in parts]),
    )


def _tell_how(found: IncompleteRows, answer: Completion, out: Path | None) -> None:
    """Say what the completions are and how they were found; warn of poor estimates."""
    from made.inference import POOR
    from made.queries import KINDS

    unknown = int((found.codes < 0).sum())
    place = "" if out is None else f": {out}"
    tell(f"{found.name}: {len(answer):,} rows, {unknown:,} unknown entries; {KINDS[answer.kind]}{place}")
    for how, count in Counter(answer.how).most_common():
        tell(f"  {count:,} rows {how}")
    weak = answer.ess[answer.ess < POOR]
    if len(weak):
        tell(
            f"  {len(weak):,} of them rest on few effective draws, {weak.min():.1f} at the worst: raise "
            "--draws, or use --method given-first with a model of several orderings"
        )
