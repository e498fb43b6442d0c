"""``made sample``: new rows of a trained model."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from made.cli.console import tell
from made.cli.options import Device, Ray, Run, Where, check_out, load_run
from made.cli.units import do_units, file_of, folder_of, goes_into_folder
from made.support.errors import InputError
from made.support.listing import counted
from made.support.progress import counting

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from made.model import MADE
    from made.variables.rows import Rows

__all__ = ["sample"]

# With more rows, each row of a picture would be a few pixels.
_ROWS_PER_PICTURE = 10_000


def sample(
    run: Run,
    n: Annotated[int, typer.Option("--number", "-n", help="How many rows.")] = 100,
    seed: Annotated[int, typer.Option(help="Row i is a function of (seed, i).")] = 0,
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help=".csv, .parquet, .npy or .png [-: CSV on standard output]; a folder, where it ends in /.",
        ),
    ] = None,
    given: Annotated[
        str | None,
        typer.Option(metavar="VALUES", help='What all rows have, as in "x3=1,x7=0"; the rest is drawn.'),
    ] = None,
    where: Where = None,
    context: Annotated[
        str | None,
        typer.Option(metavar="VALUES", help='For a model fitted with --context: "age=3,sex=1".'),
    ] = None,
    device: Device = "cpu",
    ray: Ray = None,
) -> None:
    """Draw new rows from a trained model.

    Into a folder they go as several .parquet files, which hold the same rows; the command, run again, draws
    what is not there yet. --ray draws them on a cluster.
    """
    if goes_into_folder([], out, ray):
        _into_folder(run, n, folder_of(out), device, ray, seed, given, where, context)
        return
    _into_file(run, n, seed, file_of(out), given, where, context, device)


def _into_folder(
    run: Path,
    n: int,
    out: Path,
    device: str,
    ray: str | None,
    seed: int,
    given: str | None,
    where: list[str] | None,
    context: str | None,
) -> None:
    from made.runs.given_text import read_context, read_given_values
    from made.runs.samples import rows_per_portion
    from made.runs.unit_work import DrawUnits, Packed
    from made.runs.units import ROWS, digest_of, drawn_units

    _, model = load_run(run, device)
    _check_number(n)
    known, features = read_given_values(given, model), read_context(context, model)
    packed = Packed.of(model, device)
    about = {"model": packed.digest, "n": n, "seed": seed, "given": given, "where": where, "context": context}
    portion = rows_per_portion(model)
    most = max(ROWS // portion, 1) * portion
    units = drawn_units(n, digest_of({"command": "sample", **about}), most)
    work = DrawUnits(packed, out, seed, given=known, where=where, context=features)
    do_units(work, out, units, "drawing", model.schema, ray)
    tell(f"{counted(n, 'row')} drawn with seed {seed}, {counted(len(units), 'file')}: {out}")
    _tell_conditions(model, given, known, where, features)


def _into_file(
    run: Path,
    n: int,
    seed: int,
    out: Path | None,
    given: str | None,
    where: list[str] | None,
    context: str | None,
    device: str,
) -> None:
    from made.queries.constrained import Acceptance
    from made.runs.given_text import read_context, read_given_values
    from made.runs.samples import csv_text, draw_portions, write_rows

    check_out(out, "samples")
    _, model = load_run(run, device)
    _check_number(n)
    known, features = read_given_values(given, model), read_context(context, model)
    tally = Acceptance()
    # Rows printed on a terminal show the progress themselves, and a bar would mix with them.
    with counting("drawing", n, hidden=out is None and sys.stdout.isatty()) as advance:
        conditions: dict[str, Any] = {"given": known, "where": where, "context": features}
        portions = draw_portions(model, n, seed, advance, **conditions, tally=tally)
        if out is None:
            for text in csv_text(model, portions):
                typer.echo(text, nl=False)
        elif out.suffix == ".png":
            _draw_picture(out, model, n, portions)
        else:
            write_rows(out, model, n, portions)
    if out is not None:
        tell(f"{counted(n, 'row')} drawn with seed {seed}: {out}")
    _tell_conditions(model, given, known, where, features)
    if tally.n_met:
        tell(tally.describe())


def _check_number(n: int) -> None:
    if n < 0:
        raise InputError(f"-n is the number of rows to draw, at least 0; got {n}")


def _tell_conditions(
    model: MADE, given: str | None, known: Rows | None, where: list[str] | None, features: NDArray[Any] | None
) -> None:
    """Say what rows were drawn given, and how."""
    from made.runs.completions import how_given
    from made.variables.constraints import constraints_of

    if known is None and not where:
        return
    alone, _ = constraints_of(model.schema, where)
    how = how_given(model, known, features, alone) if known is not None or alone else "exact"
    how += ": drawn until they meet what is between columns" if how == "exact" else ""
    conditions = _shortened(", ".join(filter(None, [given, *(where or [])])))
    tell(f"drawn given {conditions}; {how}")


def _shortened(text: str, most: int = 60) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _draw_picture(out: Path, model: MADE, n: int, portions: Iterator[NDArray[Any]]) -> None:
    """Draw rows as one picture, which needs all of them in memory."""
    import numpy as np

    from made import plots
    from made.runs.pictures import draw_rows

    if not 1 <= n <= _ROWS_PER_PICTURE:
        raise InputError(
            f"a picture shows at least one row and at most {_ROWS_PER_PICTURE:,}, not {n:,}: "
            "ask for another -n, or write .csv, .parquet or .npy"
        )
    plots.check_place(out)
    draw_rows(out, np.concatenate(list(portions)), model)
