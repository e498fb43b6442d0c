"""Options and arguments that several commands share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from made.support.errors import InputError

if TYPE_CHECKING:
    from made.model import MADE
    from made.runs.folder import RunFolder

__all__ = ["DataDir", "Device", "Ray", "Run", "Split", "Where", "check_out", "load_run", "with_addresses"]

Run = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, or a model file.")]
Split = Annotated[
    str | None,
    typer.Option(help="train, valid, test or all [test; for a file of one array, all its rows]."),
]
DataDir = Annotated[str | None, typer.Option(help="Where named data sets lie [$MADE_DATA_DIR].")]
Device = Annotated[str, typer.Option(help="cpu or cuda.")]
Ray = Annotated[
    str | None,
    typer.Option(
        metavar="[ADDRESS]",
        help="Do the work on a Ray cluster, into a folder: that of the address (HOST:PORT or "
        "auto), or without one a cluster that is begun on this machine.",
    ),
]
Where = Annotated[
    list[str] | None,
    typer.Option(
        metavar="CONDITION",
        help='What unknown entries must meet: "age >= 30", "30 <= age < 40", "city in {Rome, Paris}", '
        '"income is not missing"; of rows to draw also between columns: "start <= end", "a + b == total"; '
        "may be given several times.",
    ),
]

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")]

# What stands for a cluster behind --ray, and is no file.
_ADDRESS = re.compile(r"auto|local|ray://.+|[^/\\\s]+:\d+")

# What `made sample` and `made complete` write.
_ROWS_OUT = (".csv", ".parquet", ".npy", ".png")


def check_out(out: Path | None, what: str) -> None:
    """Check that rows can be written to a file of this ending.

    Parameters
    ----------
    out : Path, optional
        None is standard output.
    what : str
        What the rows are, for the message.
    """
    if out is not None and out.suffix not in _ROWS_OUT:
        raise InputError(f"{out}: {what} are written as {', '.join(_ROWS_OUT[:-1])} or {_ROWS_OUT[-1]}")


def with_addresses(arguments: Sequence[str]) -> list[str]:
    """Return arguments of the command line with ``local`` behind each --ray that has no address.

    Examples
    --------
    >>> with_addresses(["score", "--ray", "runs/a", "-o", "scores"])
    ['score', '--ray', 'local', 'runs/a', '-o', 'scores']
    >>> with_addresses(["score", "--ray", "10.0.0.1:6379"])
    ['score', '--ray', '10.0.0.1:6379']
    """
    found: list[str] = []
    for own, after in pairwise([*arguments, ""]):
        found.append(own)
        if own == "--ray" and not _ADDRESS.fullmatch(after):
            found.append("local")
    return found


def load_run(run: Path, device: str = "cpu") -> tuple[RunFolder, MADE]:
    """Return the folder of a run, or that of a model file, and the model."""
    from made.runs.folder import RunFolder

    folder = RunFolder(run)
    return folder, folder.load_model(device)
