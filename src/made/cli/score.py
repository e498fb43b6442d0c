"""``made score``: the log-probability of every row."""

from __future__ import annotations

import shlex
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from made.cli.console import command, tell, tell_rejected
from made.cli.options import DataDir, Device, Ray, Run, Split, load_run
from made.cli.units import do_units, file_of, folder_of, goes_into_folder, name_of_files, tell_rejected_units
from made.support.errors import InputError
from made.support.listing import counted
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
        list[str],
        typer.Argument(
            metavar="DATA...",
            help="A name or a path of rows; - is standard input. Or several .parquet files, or their folder.",
        ),
    ],
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help=".csv or .parquet [-: CSV on standard output]; a folder for several files, or where it ends "
            "in /.",
        ),
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
    ray: Ray = None,
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

    Several .parquet files are scored unit by unit, a run of row groups each, and a unit is one file of the
    folder: its rows have `file`, `row` (its number there, from 0) and the columns above; rows with unknown
    entries have no percentile. The command, run again, does what is not there yet. --ray does the units on a
    cluster.
    """
    if goes_into_folder(data, out, ray):
        scorer_settings = {"per_column": per_column, "per_variable": per_variable, "particles": particles}
        _into_folder(
            run, data, folder_of(out), split, data_dir, device, ray, {**scorer_settings, "parts": parts}
        )
        return
    _into_file(
        run,
        data[0],
        file_of(out),
        split,
        per_column=per_column,
        per_variable=per_variable,
        parts=parts,
        data_dir=data_dir,
        particles=particles,
        device=device,
    )


def _into_folder(
    run: Path,
    names: list[str],
    out: Path,
    split: str | None,
    data_dir: str | None,
    device: str,
    ray: str | None,
    settings: dict[str, Any],
) -> None:
    from made.runs.held_out import HeldOut
    from made.runs.unit_work import Packed, ScoreUnits, mean_score
    from made.runs.units import ROWS, ROWS_OF_SLOW, digest_of, find_units, parquet_files

    if split is not None:
        raise InputError("--split is for one file: of several files all rows are scored")
    paths = parquet_files(names)
    folder, model = load_run(run, device)
    held_out, why = HeldOut.find(folder, model, data_dir)
    if held_out is None:
        tell(f"no percentiles: {why}")
    packed = Packed.of(model, device)
    about = {"model": packed.digest, "held_out": None if held_out is None else held_out.log_prob.tolist()}
    job = digest_of({"command": "score", **about, **settings})
    is_slow = settings["per_column"] or settings["parts"]
    units = find_units(paths, job, ROWS_OF_SLOW if is_slow else ROWS)
    work = ScoreUnits(packed, out, held_out, **settings)
    done = do_units(work, out, units, "scoring", model.schema, ray)
    if note := done.unseen:
        tell(note)
    tell_rejected_units(done, out, "without a score")
    n_rows, mean = mean_score([out / unit.name for unit in units])
    what = f"log p of {counted(n_rows, 'row')} ({name_of_files(paths)}, {counted(len(units), 'unit')})"
    tell(f"{what}, mean {mean:.3f} nats: {out}" if n_rows else f"{what}: {out}")
    if done.n_gaps:
        tell(f"  {done.n_gaps:,} rows have unknown entries, {done.n_estimated:,} of them were estimated")
    if poor := done.poor:
        tell(f"  {poor}")


def _into_file(
    run: Path,
    data: str,
    out: Path | None,
    split: str | None,
    *,
    per_column: bool,
    per_variable: bool,
    parts: bool,
    data_dir: str | None,
    particles: int,
    device: str,
) -> None:
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
            f"log p of what is known in {counted(tally.n_rows, 'row')} ({source.name}), "
            f"{tally.n_estimated:,} of them estimated{place}"
        )
        if poor := tally.poor:
            tell(f"  {poor}")
    elif out is not None:
        tell(
            f"log p of {counted(tally.n_rows, 'row')} ({source.name}, {source.split}), "
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
