"""``made score``: the log-probability of every row."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from made.cli.console import command, tell, tell_rejected
from made.cli.options import DataDir, Device, Run, Split, load_run
from made.support.errors import InputError
from made.support.progress import counting

if TYPE_CHECKING:
    from made.model import MADE
    from made.runs.folder import RunFolder
    from made.runs.held_out import Comparison

__all__ = ["score"]

# The most columns of a run for which the next step is to look at each.
_MOST_TO_ASK = 64


def score(
    run: Run,
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="A name or a path of rows; - is standard input.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help=".csv or .parquet [CSV on the screen].")
    ] = None,
    split: Split = None,
    per_column: Annotated[
        bool,
        typer.Option(
            "--per-column",
            help="Which entry of a row is odd, what was expected, and log p of each given all others.",
        ),
    ] = False,
    per_variable: Annotated[
        bool,
        typer.Option("--per-variable", help="log p of each entry given those before it in the ordering."),
    ] = False,
    parts: Annotated[
        bool,
        typer.Option(
            "--parts",
            help="log p in two parts, each with its error: which entries are missing, and the values.",
        ),
    ] = False,
    data_dir: DataDir = None,
    particles: Annotated[
        int, typer.Option(help="Per row and mask, where log p of an incomplete row is estimated.")
    ] = 1000,
    device: Device = "cpu",
) -> None:
    """Write the log-probability of every row in nats, and its percentile among held-out rows of the run.

    The lower, the more surprising: the percentile says how many in 100 validation and test rows are less
    likely. --per-column names the oddest entry of each row: odd_column, odd_value, what was expected given
    all others, log p of the entry (odd_log_prob), and by how many nats it is below that of a usual value
    (odd_surprise; from about 2 on it is odd); then COLUMN_log_prob for every column.

    Labels that no training row had are scored as one event; a column `unseen` says how many a row has, where
    the model has such columns.

    Of rows with unknown entries (empty, ?, NA or NaN in a file) it is that of what is known, with its
    standard error, which is 0 where the answer is exact; the percentile is that among the same entries.

    Columns are found by their names, in any order. Others are passed over, and one that is not there is
    unknown. Rows that cannot be read have no score; FILE.rejected.csv, beside FILE, says why.
    """
    import numpy as np

    from made.runs.completions import poor_estimates
    from made.runs.rows import find_rows
    from made.runs.scoring import Scorer
    from made.runs.table_out import columns_text, write_columns
    from made.variables.unseen_entries import unseen_note

    folder, model = load_run(run, device)
    found = find_rows(folder, model, data, split, data_dir, whole_file=True, missing=True, lenient=True)
    names = [column.name for column in model.schema.modelled]
    if note := unseen_note(model.variables, names, found.rows, found.place):
        tell(note)
    has_gaps = not found.rows.is_complete
    if has_gaps and per_variable:
        raise InputError(
            f"--per-variable needs complete rows, and {data} has unknown entries: --per-column does without"
        )
    comparison = _comparison(folder, model, data_dir)
    scorer = Scorer(model, has_gaps, comparison, per_column, per_variable, particles, parts)
    with counting("scoring", len(found.rows)) as advance:
        scores = scorer.score(found.rows, advance=advance)
    if per_variable and model.n_masks > 1:
        tell(
            f"log_prob is that of the {model.mask_set.describe()}; the columns of variables are "
            "under mask 0, each given those before it in its ordering, and add up to its log p"
        )
    columns = scores.columns
    if found.rejected is not None:
        columns = [(name, found.rejected.in_place(values)) for name, values in columns]
    if out is None:
        typer.echo(columns_text(columns), nl=False)
    else:
        write_columns(out, columns)
    tell_rejected(found.rejected, out, "without a score")
    place = "" if out is None else f": {out}"
    if has_gaps:
        estimated = np.isfinite(scores.ess).sum()
        tell(
            f"log p of what is known in {len(found.rows):,} rows ({found.name}), "
            f"{estimated:,} of them estimated{place}"
        )
        if poor := poor_estimates(scores.ess):
            tell(f"  {poor}")
    elif out is not None:
        tell(
            f"log p of {len(found.rows):,} rows ({found.name}, {found.split}), "
            f"mean {scores.log_prob.mean():.3f} nats{place}"
        )
    if comparison is not None and comparison.n_left_out:
        tell(
            f"  {comparison.n_left_out:,} rows have no percentile: held-out rows are scored for the first "
            "16 patterns of unknown entries alone"
        )
    if out is not None and not per_column and model.n_variables <= _MOST_TO_ASK:
        tell(
            f"Try next: {command()} score {shlex.quote(str(run))} {shlex.quote(data)} --per-column"
            "  # which entry of a row is odd, and what was expected"
        )


def _comparison(folder: RunFolder, model: MADE, data_dir: str | None) -> Comparison | None:
    """Return what compares rows with the held-out rows of the run, or say why there is none."""
    from made.runs.held_out import Comparison, HeldOut, held_out_rows

    held_out, why = HeldOut.find(folder, model, data_dir)
    if held_out is None:
        tell(f"no percentiles: {why}")
        return None
    return Comparison(model, held_out, lambda: held_out_rows(folder, model, data_dir))
