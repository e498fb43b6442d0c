"""``made demo``: images of digits and a table of people, each fitted, scored, completed and drawn anew."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from made.cli.console import command, tell
from made.cli.fit import execute, show_figures, show_files, show_next

if TYPE_CHECKING:
    from made.runs.config import RunConfig

__all__ = ["OUT", "demo", "demo_runs", "fit_both"]

#: Where the runs of the demo lie unless said otherwise.
OUT = Path("runs/demo")

# Columns that are taken away from a row: the first nearly follows from the others, the second does not.
_TAKEN_AWAY = ("progression",)
_SAMPLES = 5


def demo(
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", metavar="RUN", help="Folder for the run on images; that on a table is RUN-table."
        ),
    ] = OUT,
) -> None:
    """Show what made does: on images of digits, and on a table of people.

    Both are fitted and scored on rows that the fit has not seen. Of the table, the oddest row, a row with
    gaps filled in, new rows and a report are shown as well.
    """
    images, table = _jobs(out)
    again = [_is_again(job) for job in (images, table)]
    tell("A masked autoencoder learns the distribution of 8x8 images of digits, pixel by pixel.")
    outcome = execute(images, force=again[0])
    show_figures(images, outcome)
    show_files(outcome)
    show_next(images, outcome)
    _table(table, force=again[1])
    runs = "" if out == OUT else f" {images.folder} {table.folder}"
    typer.echo(
        f"\nBoth in a browser, to paint digits and to hold columns of the table:\n  {command()} serve{runs}"
    )


def demo_runs() -> list[Path]:
    """Return the folders of the runs that the demo has left here: both, or none."""
    from made.runs.folder import RunFolder

    folders = [job.folder for job in _jobs(OUT)]
    return folders if all(RunFolder(folder).model_file.exists() for folder in folders) else []


def fit_both(out: Path) -> list[Path]:
    """Fit the images and the table of the demo, with progress alone, and return the folders of the runs."""
    from made.data.example_table import write_example

    jobs = _jobs(out)
    for job in jobs:
        if job.data != "digits":
            job.folder.mkdir(parents=True, exist_ok=True)
            write_example(Path(str(job.data)))
        execute(job)
    return [job.folder for job in jobs]


def _jobs(out: Path) -> tuple[RunConfig, RunConfig]:
    """Return the jobs of both halves: on images, with settings that take seconds; on a table, with none."""
    from made.runs.config import RunConfig

    images = RunConfig(
        data="digits",
        folder=out,
        seed=0,
        data_dir=None,
        model={"dropout": 0.1},
        training={"epochs": 40, "batch_size": 64, "patience": 20, "ema": 0.0},
    )
    folder = out.with_name(f"{out.name}-table")
    table = RunConfig(
        data=str(folder / "diabetes.csv"), folder=folder, seed=0, data_dir=None, model={}, training={}
    )
    return images, table


def _is_again(job: RunConfig) -> bool:
    """Return whether the folder of a job has a run of this demo, which is replaced; refuse any other run."""
    from made.runs.folder import RunFolder

    folder = RunFolder(job.folder)
    own = job.settings()
    again = folder.holds_run and all(
        folder.read_json("settings.json").get(name) == own[name] for name in ("data", "recipe", "training")
    )
    folder.check_free(force=again)
    return again


def _table(job: RunConfig, *, force: bool) -> None:
    """Fit the table, and show what its model knows."""
    from made.data.example_table import write_example
    from made.report.highlights import draw_rows, fill_in, oddest_row
    from made.report.run_report import report_of
    from made.runs.folder import RunFolder
    from made.support.writing import write_aside

    path = Path(str(job.data))
    path.parent.mkdir(parents=True, exist_ok=True)
    n = write_example(path)
    tell(f"\nNow a table: {n} people with diabetes, of scikit-learn, as CSV. The same by hand:")
    tell(f"  {command()} fit {path} -o {job.folder}\n")
    outcome = execute(job, force=force)
    model, dataset = outcome.model, outcome.dataset
    typer.echo(f"\n{model.schema}\n")
    show_figures(job, outcome)
    names = [column.name for column in model.schema.modelled]

    row = oddest_row(model, dataset)
    odd = "; ".join(f"{name} is {own.value}, expected {own.expected}" for name, own in row.odd.items())
    typer.echo(
        f"\nThe oddest test row, of log p {row.log_prob:.1f} (less likely than {100 - row.percentile:.0f} % "
        f"of them): "
        f"{odd or 'no entry stands out'}"
    )
    typer.echo(_lines([names, row.values]))

    first = dataset.test[0]
    typer.echo(f"\nThe first test row without {' and '.join(_TAKEN_AWAY)}, filled in from the rest:\n")
    filled = fill_in(model, first, _TAKEN_AWAY)
    header = ["", "was", "middle 80%", "completions"]
    typer.echo(
        _lines([header, *([own.name, own.truth, own.expected, "  ".join(own.drawn)] for own in filled)])
    )

    typer.echo(f"\n{_SAMPLES} new people:\n")
    typer.echo(_lines([names, *draw_rows(model, _SAMPLES)]))

    report = job.folder / "report.html"
    write_aside(report, report_of(RunFolder(job.folder), model, dataset).html().encode())
    show_files(outcome, report)
    show_next(job, outcome)


def _lines(rows: Sequence[Sequence[str]]) -> str:
    """Lay cells out in columns: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
