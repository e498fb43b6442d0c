"""``made report``: one page about a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from made.cli.options import DataDir, Run, load_run
from made.support.progress import counting

__all__ = ["report"]


def report(
    run: Run,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Where to [RUN/report.html].")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Write a page about a run: figures, columns, calibration, odd rows, what it gives away of its rows."""
    from made.report.run_report import STEPS, report_of
    from made.support.writing import writing_aside

    folder, model = load_run(run)
    target = out or folder.path / "report.html"
    dataset = folder.load_data(data_dir)
    # Opened first: what cannot be written is said before the work.
    with writing_aside(target) as file, counting("making the report", STEPS, "parts") as advance:
        file.write(report_of(folder, model, dataset, lambda: advance(1)).html().encode())
    typer.echo(str(target))
