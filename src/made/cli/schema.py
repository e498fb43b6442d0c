"""``made schema``: what the columns of a file are taken for, or those of a run; and the file to edit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from made.cli.console import command, tell
from made.cli.options import DataDir

__all__ = ["schema"]


def schema(
    data: Annotated[
        str, typer.Argument(metavar="DATA|RUN", help="A name or a path; the folder of a run, or a model.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE", help="Write it as JSON too, to be edited for made fit --schema."
        ),
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=KIND", help="As of made fit; repeatable."),
    ] = None,
    drop: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="As of made fit; repeatable.")
    ] = None,
    protect: Annotated[
        bool, typer.Option("--protect", help="What made fit --protect takes them for.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of the split: classes of text come from training rows.")] = 0,
    data_dir: DataDir = None,
) -> None:
    """Print what the columns of DATA are taken for, a line each; with -o FILE, write what may be edited.

    Then: made fit DATA --schema FILE. An entry of the file has a name, a kind (numeric, category or drop) and
    what else is said of the column; what is taken out of it follows from the values.
    """
    from made import data as sets
    from made.data.choices import Choices
    from made.runs.folder import RunFolder
    from made.support.errors import InputError

    place = Path(data)
    is_run = sets.known(data) is None and (RunFolder(place).holds_run or place.suffix == ".safetensors")
    if is_run and (column or drop or protect):
        raise InputError(
            f"the columns of {data} are those of its model: leave --column, --drop and --protect out"
        )
    if is_run:
        found = RunFolder(place).load_model().schema
    else:
        choices = replace(Choices.parse(column or (), drop or ()), protect=protect)
        dataset = sets.load(data, data_dir=data_dir, seed=seed, choices=choices, progress=True)
        found = dataset.schema
    if out is not None:
        found.write(out)  # first: what cannot be written is said before all else
    typer.echo(str(found))
    for note in () if is_run else dataset.notes:
        tell(note)
    if out is not None:
        fitted = "DATA" if is_run else data
        tell(f"{out} holds it: edit it, then {command()} fit {fitted} --schema {out}{' --protect' * protect}")
