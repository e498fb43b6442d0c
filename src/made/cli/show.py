"""``made show`` and ``made summary``: pictures of a run, and the layers of its model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from made.cli.console import make_folder
from made.cli.options import DataDir, Run, load_run
from made.support.errors import InputError

__all__ = ["show", "summary"]


def show(
    run: Annotated[
        Path | None, typer.Argument(metavar="[RUN]", help="Folder of a run.", show_default=False)
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="DIR", help="Where to [RUN].")] = None,
    worked_example: Annotated[
        bool,
        typer.Option("--worked-example", help="Draw the seed's Figures 2, 3, 4 and 6 instead; needs no run."),
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Draw pictures of a run: masks, network, samples, what a pixel may see, what surprises the model."""
    from made.runs.pictures import draw_model, draw_samples, draw_surprise, draw_worked_example

    if worked_example:
        target = make_folder(out or Path("figures"))
        drawn = draw_worked_example(target)
    elif run is None:
        raise InputError("made show needs RUN, the folder of a run; or --worked-example")
    else:
        folder, model = load_run(run)
        target = make_folder(out or run)
        dataset = folder.load_data(data_dir)
        drawn = draw_model(target, model, dataset)
        drawn.append(draw_samples(target / "samples.png", model, dataset, seed=0))
        surprise = draw_surprise(target / "surprise.png", model, dataset)
        drawn += [] if surprise is None else [surprise]
    typer.echo("\n".join(str(path) for path in drawn))


def summary(
    run: Run,
    mask: Annotated[int, typer.Option(help="Which mask of a mixture.")] = 0,
) -> None:
    """Print the layers of a model, and what its masks cost."""
    typer.echo(str(load_run(run)[1].summary(mask)))
