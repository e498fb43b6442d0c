"""``made compare``: whether one table is distributed as another, by what the model of a run says of both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from made.cli.console import drift_table, tell, tell_rejected
from made.cli.options import AsJson, DataDir, Device, Run, load_run
from made.support.errors import InputError
from made.support.progress import counting

if TYPE_CHECKING:
    from collections.abc import Iterable

    from made.model import MADE
    from made.runs.folder import RunFolder
    from made.runs.row_source import RowSource
    from made.variables.rows import Rows

__all__ = ["compare"]


def compare(
    run: Run,
    data: Annotated[
        list[str],
        typer.Argument(
            metavar="[A] B",
            help="Names or paths of two tables; of one, it is compared with the held-out rows of the run.",
        ),
    ],
    rows: Annotated[
        int, typer.Option(help="How many rows of each table are compared; of more, a fixed sample.")
    ] = 50_000,
    rest: Annotated[
        int,
        typer.Option(
            help="Of how many of these each column is looked at given all others, which is slow; 0: of none."
        ),
    ] = 256,
    worst: Annotated[int, typer.Option(help="How many of the least likely rows of B are named.")] = 10,
    seed: Annotated[int, typer.Option(help="Of the samples.")] = 0,
    as_json: AsJson = False,
    data_dir: DataDir = None,
    device: Device = "cpu",
) -> None:
    """Say whether table B is distributed as table A, which columns have changed, and which rows are odd.

    By one test of log p of whole rows and three of every column: its values, log p of its entry given those
    before it, and given all others. P-values are corrected for their number. A should hold no row that the
    model was fitted on: such rows are more likely than new ones.
    """
    from made.runs.compare import compare_portions
    from made.runs.row_source import find_portions

    if len(data) > 2:
        raise InputError(f"two tables are compared, got {len(data)}: {', '.join(data)}")
    folder, model = load_run(run, device)
    second = find_portions(folder, model, data[-1], None, data_dir)
    if len(data) == 2:
        source = find_portions(folder, model, data[0], None, data_dir)
        first, name, n_first = _rows_of(source), source.name, source.n_rows
    else:
        source, (held_out, name) = None, _held_out(folder, model, data_dir)
        first, n_first = held_out, len(held_out[0])
    for own in data:
        if _is_own(folder, own):
            tell(
                f"{own} is what the run was fitted on, and rows of a fit are more likely than new ones: name "
                "one table to compare it with held-out rows"
            )
    with counting("reading", n_first + second.n_rows) as advance:
        settings = {"seed": seed, "rows": rows, "rest": rest, "named": worst}
        found = compare_portions(model, first, _rows_of(second), **settings, advance=advance)
    for table in (source, second):
        if table is not None:
            tell_rejected(table.rejected, None, "left out")
    if as_json:
        typer.echo(json.dumps({"first": name, "second": second.name, **found.as_dict()}))
        return
    typer.echo(drift_table(found, name, second.name))


def _rows_of(source: RowSource) -> Iterable[Rows]:
    return (found.rows for found in source)


def _is_own(folder: RunFolder, name: str) -> bool:
    """Return whether a table is a file that the run was fitted on."""
    if not (folder.path / "settings.json").exists() or not Path(name).exists():
        return False
    return bool(folder.origin["name"] == str(Path(name).resolve()))


def _held_out(folder: RunFolder, model: MADE, data_dir: str | None) -> tuple[list[Rows], str]:
    """Return the held-out rows of the run, as one portion, and what they are called."""
    from made.runs.held_out import held_out_rows

    if not (folder.path / "settings.json").exists():
        raise InputError(
            f"{folder.path} is a model file, to which no held-out rows belong: name two tables, A and B"
        )
    return [held_out_rows(folder, model, data_dir)], "held-out rows of the run"
