"""``made score``: the log-probability of every row."""

from __future__ import annotations

import shlex
from functools import partial
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
    from made.runs.row_source import find_portions
    from made.runs.scoring import Scorer, ScoreTally
    from made.runs.table_out import ColumnsOut

    folder, model = load_run(run, device)
    source = find_portions(folder, model, data, split, data_dir)
    comparison = _comparison(folder, model, data_dir)
    # Whether any row has gaps is known at the end.
    scorer = Scorer(model, True, comparison, per_column, per_variable, particles, parts)
    tally = ScoreTally(model)
    with ColumnsOut(out) as table:
        with counting("scoring", source.n_rows) as advance:
            for found in source:
                if per_variable and not found.rows.is_complete:
                    raise InputError(
                        f"--per-variable needs complete rows, and {data} has unknown entries: --per-column "
                        "does without"
                    )
                scores = scorer.score(found.rows, found.first, advance)
                tally.add(found, scores)
                columns = scores.columns
                if found.rejected is not None:
                    columns = [(name, found.rejected.in_place(values)) for name, values in columns]
                table.add(columns)
        if note := tally.unseen:
            tell(note)
        if per_variable and model.n_masks > 1:
            tell(
                f"log_prob is that of the {model.mask_set.describe()}; the columns of variables are "
                "under mask 0, each given those before it in its ordering, and add up to its log p"
            )
        # The standard error, beside log p, is shown where any row has gaps.
        table.finish(() if tally.has_gaps else (1,), partial(typer.echo, nl=False))
    tell_rejected(source.rejected, out, "without a score")
    place = "" if out is None else f": {out}"
    if tally.has_gaps:
        tell(
            f"log p of what is known in {tally.n_rows:,} rows ({source.name}), "
            f"{tally.n_estimated:,} of them estimated{place}"
        )
        if poor := tally.poor:
            tell(f"  {poor}")
    elif out is not None:
        tell(
            f"log p of {tally.n_rows:,} rows ({source.name}, {source.split}), "
            f"mean {tally.mean:.3f} nats{place}"
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
