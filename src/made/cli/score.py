"""``made score``: the log-probability of every row."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from made.cli.console import tell, tell_rejected
from made.cli.options import DataDir, Device, Run, Split, load_run
from made.support.errors import InputError
from made.support.progress import counting

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from made.model import MADE
    from made.runs.rejected import Rejected
    from made.runs.rows import FoundRows
    from made.variables.rows import Rows

__all__ = ["score"]


def score(
    run: Run,
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="A name or a path of rows; - is standard input.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help=".csv or .parquet [CSV on the screen].")
    ] = None,
    split: Split = None,
    per_variable: Annotated[
        bool, typer.Option("--per-variable", help="A column per variable as well: which entries surprise.")
    ] = False,
    data_dir: DataDir = None,
    particles: Annotated[
        int, typer.Option(help="Per row and mask, where log p of an incomplete row is estimated.")
    ] = 1000,
    device: Device = "cpu",
) -> None:
    """Write the log-probability of every row in nats: the lower, the more surprising.

    Labels that no training row had are scored as one event; a column `unseen` says how many a row has, where
    the model has such columns.

    Of rows with unknown entries (empty, ?, NA or NaN in a file) it is that of what is known, with its
    standard error, which is 0 where the answer is exact.

    Columns are found by their names, in any order. Others are passed over, and one that is not there is
    unknown. Rows that cannot be read have no score; FILE.rejected.csv, beside FILE, says why.
    """
    import numpy as np

    from made.runs.rows import find_rows
    from made.runs.scores import score_model
    from made.variables.unseen_entries import unseen_note

    folder, model = load_run(run, device)
    found = find_rows(folder, model, data, split, data_dir, whole_file=True, missing=True, lenient=True)
    names = [column.name for column in model.schema.modelled]
    if note := unseen_note(model.variables, names, found.rows, found.place):
        tell(note)
    if not found.rows.is_complete:
        if per_variable:
            raise InputError(f"--per-variable needs complete rows, and {data} has unknown entries")
        _score_incomplete(model, found, particles, out)
        return
    with counting("scoring", len(found.rows)) as advance:
        table = score_model(model, found.rows, advance).numpy()[:, None]
    names, unseen = _with_unseen(model, found.rows, ["log_prob"])
    table = np.hstack([table, unseen])
    if per_variable:
        # In a mixture there is one for each mask; the first has the ordering that was asked for.
        parts = model.log_prob(found.rows, per_variable=True, mask=0)
        table = np.hstack([table, parts.cpu().numpy()])
        names += [column.name for column in model.schema.modelled]
        if model.n_masks > 1:
            tell(
                f"log_prob is that of the {model.mask_set.describe()}; the columns of variables are "
                "under mask 0, each given those before it in its ordering, and add up to its log p"
            )
    _write(names, table, out, found.rejected)
    if out is not None:
        tell(
            f"log p of {len(table):,} rows ({found.name}, {found.split}), "
            f"mean {table[:, 0].mean():.3f} nats: {out}"
        )


def _score_incomplete(model: MADE, found: FoundRows, particles: int, out: Path | None) -> None:
    """Write log p of what is known in each row, and its standard error."""
    import numpy as np

    from made.runs.completions import poor_estimates, score_partly_known

    rows = found.rows
    with counting("scoring", len(rows)) as advance:
        log_prob, error, ess = score_partly_known(model, rows, found.name, particles, advance)
    names, unseen = _with_unseen(model, rows, ["log_prob", "standard_error"])
    table = np.hstack([log_prob[:, None], error[:, None], unseen])
    _write(names, table, out, found.rejected)
    estimated = np.isfinite(ess).sum()
    place = "" if out is None else f": {out}"
    tell(
        f"log p of what is known in {len(table):,} rows ({found.name}), "
        f"{estimated:,} of them estimated{place}"
    )
    if poor := poor_estimates(ess):
        tell(f"  {poor}")


def _with_unseen(model: MADE, rows: Rows, names: list[str]) -> tuple[list[str], NDArray[np.float64]]:
    """Return names with that of the numbers of labels that are no class, and these numbers, (n, 0 or 1)."""
    import numpy as np

    from made.variables.unseen_entries import are_unseen

    numbers = are_unseen(model.variables, rows).sum(axis=1, keepdims=True).astype(np.float64)
    return ([*names, "unseen"], numbers) if model.variables.has_unseen else (names, numbers[:, :0])


def _write(names: list[str], table: NDArray[np.float64], out: Path | None, rejected: Rejected | None) -> None:
    """Write columns of numbers to a file, or show them; nothing where a row could not be read."""
    from made.runs.samples import numbers_text, write_numbers

    full = table if rejected is None else rejected.in_place(table)
    if out is None:
        typer.echo(numbers_text(names, full), nl=False)
    else:
        write_numbers(out, names, full)
    tell_rejected(rejected, out, "without a score")
