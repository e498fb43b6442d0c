"""``made sample``: new rows of a trained model."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from made.cli.console import tell
from made.cli.options import Device, Run, Where, check_out, load_run
from made.support.errors import InputError
from made.support.progress import counting

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from made.model import MADE

__all__ = ["sample"]

# With more rows, each row of a picture would be a few pixels.
_ROWS_PER_PICTURE = 10_000


def sample(
    run: Run,
    n: Annotated[int, typer.Option("--number", "-n", help="How many rows.")] = 100,
    seed: Annotated[int, typer.Option(help="Row i is a function of (seed, i).")] = 0,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help=".csv, .parquet, .npy or .png [CSV on the screen]."),
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
) -> None:
    """Draw new rows from a trained model."""
    from made.runs.completions import how_given
    from made.runs.given_text import read_context, read_given_values
    from made.runs.samples import csv_text, draw_portions, write_rows

    check_out(out, "samples")
    _, model = load_run(run, device)
    if n < 0:
        raise InputError(f"-n is the number of rows to draw, at least 0; got {n}")
    known, features = read_given_values(given, model), read_context(context, model)
    # Rows printed on a terminal show the progress themselves, and a bar would mix with them.
    with counting("drawing", n, hidden=out is None and sys.stdout.isatty()) as advance:
        portions = draw_portions(model, n, seed, advance, given=known, where=where, context=features)
        if out is None:
            for text in csv_text(model, portions):
                typer.echo(text, nl=False)
        elif out.suffix == ".png":
            _draw_picture(out, model, n, portions)
        else:
            write_rows(out, model, n, portions)
    if out is not None:
        tell(f"{n:,} rows drawn with seed {seed}: {out}")
    if known is not None or where:
        conditions = _shortened(", ".join(filter(None, [given, *(where or [])])))
        tell(f"drawn given {conditions}; {how_given(model, known, features, where)}")


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
