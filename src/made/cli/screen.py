"""What the commands print: results on standard output, everything else on standard error."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from made.experiments.scores import Score

__all__ = ["command", "counting", "make_folder", "parse_numbers", "score_table", "tell"]


def command() -> str:
    """Return how this program was called: ``made`` where that is on the path, else its file."""
    called = Path(sys.argv[0])
    if called.name != "made" or shutil.which("made") == shutil.which(str(called)):
        return "made"
    return os.path.relpath(called) if called.is_absolute() else str(called)


def tell(text: str) -> None:
    """Write a line for the user on standard error."""
    typer.echo(text, err=True)


def make_folder(path: Path) -> Path:
    """Make a folder for results, or say why that cannot be."""
    from made.errors import InputError

    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {path}: {error.strerror}") from error
    return path


def score_table(scores: Mapping[str, Score], unit: str) -> str:
    """Lay scores out side by side, one line each.

    Parameters
    ----------
    scores : mapping of str to Score
        By what they belong to.
    unit : str
        What a row is: ``"row"`` or ``"image"``.
    """
    width = max(len(name) for name in scores) + 3
    lines = [f"{'':{width}}{f'nats per {unit}':>20}{'bits/dim':>12}"]
    lines += [
        f"{name:{width}}{f'{score.nll:.3f} ± {score.nll_se:.3f}':>20}{score.bits_per_dim:>12.4f}"
        for name, score in scores.items()
    ]
    return "\n".join(lines)


@contextmanager
def counting(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar with the time left for work on so many rows; yields what tells of rows done."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TextColumn("left"), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=total)

        def advance(n: int) -> None:
            bar.advance(task, n)

        yield advance


def parse_numbers(text: str, name: str) -> list[int]:
    """Read ``"512,512"`` as a list of whole numbers.

    Examples
    --------
    >>> parse_numbers("512, 512", "--hidden")
    [512, 512]
    """
    from made.errors import InputError

    try:
        return [int(part) for part in text.split(",")] if text.strip() else []
    except ValueError:
        raise InputError(f"{name} takes whole numbers with commas between, got {text!r}") from None
