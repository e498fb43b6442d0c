"""``made evaluate``: the exact NLL of held-out rows, also by number of masks averaged and in any ordering."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from made.cli.console import masks_table, orders_table, parse_counts, score_table, tell
from made.cli.options import AsJson, DataDir, Device, Run, Split, load_run
from made.support.errors import InputError
from made.support.progress import counting

if TYPE_CHECKING:
    from made.model import MADE
    from made.runs.folder import RunFolder
    from made.runs.rows import FoundRows

__all__ = ["evaluate"]


def evaluate(
    run: Run,
    data: Annotated[
        str | None, typer.Argument(metavar="[DATA]", help="A name or a path [the run's own].")
    ] = None,
    split: Split = None,
    masks: Annotated[
        str | None,
        typer.Option(
            metavar="COUNTS",
            help="By number of masks averaged, as in 1,2,4 or 1,2,...,16, beside averaged logits.",
        ),
    ] = None,
    orders: Annotated[
        int | None,
        typer.Option(
            metavar="NUMBER",
            help="Under that many random orderings: how far log p of the same rows spreads, and answers "
            "with what is given first are from the model's own.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE", help="Picture of --masks [masks_averaged.png beside the model]."
        ),
    ] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
    device: Device = "cpu",
) -> None:
    """Report the exact NLL of held-out rows, in nats per row and bits/dim."""
    from made.runs.rows import find_rows
    from made.runs.scores import score_model, score_rows

    counts = None if masks is None else parse_counts(masks, "--masks")
    if counts is None and out is not None:
        raise InputError("-o is for the picture that --masks draws: leave it out, or name --masks as well")
    if orders is not None and counts is not None:
        raise InputError("--masks and --orders are two tables: ask for one at a time")
    folder, model = load_run(run, device)
    found = find_rows(folder, model, data, split, data_dir, missing=True)
    if not found.rows.is_complete:
        row, column = (int(i) for i in (~found.rows.mask).nonzero()[0])
        raise InputError(
            f"{found.name}: {found.place(row)}, column {model.schema.modelled[column].name} is unknown: an "
            f"exact NLL is that of complete rows; made score {run} {data} scores what is known"
        )
    if counts is not None:
        _evaluate_masks(model, found, counts, out or _picture_beside(run), as_json)
        return
    if orders is not None:
        _evaluate_orders(model, found, orders, as_json)
        return
    with counting("scoring", len(found.rows)) as advance:
        result = score_rows(score_model(model, found.rows, advance), model.n_variables)
    baselines = _baselines(folder, found, data_dir)
    if as_json:
        about = {"split": found.split, "data": found.name, "masks": model.mask_set.describe()}
        beside = {name: baseline.as_dict() for name, baseline in baselines.items()}
        typer.echo(json.dumps({**result.as_dict(), **about, "baselines": beside}))
        return
    typer.echo(
        f"{found.name}, {found.split}: {result.n:,} rows, exact NLL under the {model.mask_set.describe()}\n"
    )
    typer.echo(score_table({"this model": result, **baselines}, "row"))


def _baselines(folder: RunFolder, found: FoundRows, data_dir: str | None) -> dict[str, Any]:
    """Score baselines fitted on the run's training rows; none where these cannot be loaded."""
    from made.runs.scores import baseline_scores

    try:
        scores = baseline_scores(folder.load_data(data_dir), {"rows": found.rows})
    except InputError:  # the data moved or changed since: only the model is scored
        return {}
    return {name: by_rows["rows"] for name, by_rows in scores.items()}


def _evaluate_masks(model: MADE, found: FoundRows, counts: list[int], out: Path, as_json: bool) -> None:
    """Report what averaging over masks brings: a table, or JSON, and a picture."""
    from made import plots
    from made.runs.masks_averaged import average_masks, check_counts, draw_masks_averaged

    check_counts(model, counts)
    plots.check_place(out)
    with counting("scoring, once per mask", len(found.rows) * max(counts)) as advance:
        result = average_masks(model, found.rows, counts, advance)
    about = f"{found.name}, {found.split}: {len(found.rows):,} rows"
    if as_json:
        where = {"split": found.split, "data": found.name, "model": model.mask_set.describe()}
        typer.echo(json.dumps({**where, **result.as_dict(), "picture": str(out)}))
    else:
        typer.echo(f"{about}, by number of masks averaged; the model: {model.mask_set.describe()}\n")
        typer.echo(masks_table(result))
    draw_masks_averaged(out, result, about)
    tell(f"picture: {out}")


def _evaluate_orders(model: MADE, found: FoundRows, orders: int, as_json: bool) -> None:
    """Report how far answers go with the ordering: two tables and a sentence, or JSON."""
    from made.runs.consistency import consistency

    with counting("scoring, once per ordering", len(found.rows) * (model.n_masks + orders)) as advance:
        result = consistency(model, found.rows, orders, advance=advance)
    if as_json:
        about = {"split": found.split, "data": found.name, "model": model.mask_set.describe()}
        columns = [column.name for column in model.schema.modelled]
        typer.echo(json.dumps({**about, "columns": columns, **result.as_dict()}))
        return
    typer.echo(f"{found.name}, {found.split}: {result.n:,} rows; the model: {model.mask_set.describe()}\n")
    typer.echo(orders_table(result))


def _picture_beside(run: Path) -> Path:
    """Return the path of the picture; for a model file it has the name of the model."""
    return run / "masks_averaged.png" if run.is_dir() else run.with_name(f"{run.stem}_masks_averaged.png")
