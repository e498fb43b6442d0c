"""``made data``: list and describe data sets."""

from __future__ import annotations

from typing import Annotated

import typer

from made.cli.options import DataDir

__all__ = ["data"]


def data(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[DATA]", help="A name or a path to describe [all names].", show_default=False
        ),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """List the named data sets, or describe one, or a file of yours."""
    from made import data as sets

    if name is None:
        typer.echo(f"{'name':<18}{'variables':>10}{'train':>9}{'valid':>8}{'test':>8}  at hand")
        for known in sets.names():
            entry = sets.describe(known, data_dir)
            counts = "".join(
                f"{entry.rows.get(s, 0):>{w},}" for s, w in (("train", 9), ("valid", 8), ("test", 8))
            )
            where = entry.at_hand or "no: is downloaded when first used"
            typer.echo(f"{known:<18}{entry.n_variables:>10,}{counts}  {where}")
        typer.echo(
            "\nDescribe one with made data NAME; train on it with made fit NAME -o RUN. Files work by path."
        )
        return
    own_name = sets.known(name)
    if own_name is not None:
        entry = sets.describe(own_name, data_dir)
        typer.echo(f"{name}: {entry.title}\nfrom {entry.source}")
    dataset = sets.load(name, data_dir=data_dir, progress=True)
    kinds = sorted(set(dataset.classes) - {0})  # a number has no classes
    n_numbers = dataset.classes.count(0)
    classes = f"{kinds[0]}" if len(kinds) == 1 else f"{kinds[0]} to {kinds[-1]}" if kinds else ""
    what = f"{dataset.n_variables:,} variables"
    what += f", {n_numbers:,} of them numbers" if n_numbers else ""
    what += f"; the others of {classes} classes" if n_numbers and classes else ""
    typer.echo(what if n_numbers else f"{what} of {classes} classes each")
    typer.echo(", ".join(f"{len(rows):,} {split}" for split, rows in dataset.splits.items()) + " rows")
    if dataset.image_shape is not None:
        typer.echo(f"images of {dataset.image_shape[0]} x {dataset.image_shape[1]} pixels")
    for note in dataset.notes:
        typer.echo(note)
