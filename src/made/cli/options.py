"""Options and arguments that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from made.model import MADE
    from made.runs.folder import RunFolder

__all__ = ["DataDir", "Device", "Run", "Split", "load_run"]

Run = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, or a model file.")]
Split = Annotated[
    str | None,
    typer.Option(help="train, valid, test or all [test; for a file of one array, all its rows]."),
]
DataDir = Annotated[str | None, typer.Option(help="Where named data sets lie [$MADE_DATA_DIR].")]
Device = Annotated[str, typer.Option(help="cpu or cuda.")]


def load_run(run: Path, device: str = "cpu") -> tuple[RunFolder, MADE]:
    """Return the folder of a run, or that of a model file, and the model."""
    from made.runs.folder import RunFolder

    folder = RunFolder(run)
    return folder, folder.load_model(device)
