"""``made evaluate``, ``sample``, ``score``, ``show`` and ``summary``: use a trained model."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from made.cli.console import counting, make_folder, masks_table, parse_counts, score_table, tell
from made.support.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from made.model import MADE
    from made.runs.completions import IncompleteRows
    from made.runs.folder import RunFolder
    from made.runs.rows import FoundRows

__all__ = ["DataDir", "Device", "Run", "evaluate", "load_run", "sample", "score", "show", "summary"]

# With more of them, each row of a picture is a few pixels.
_ROWS_PER_PICTURE = 10_000

Run = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, or a model file.")]
Split = Annotated[
    str | None,
    typer.Option(help="train, valid, test or all [test; for a file of one array, all its rows]."),
]
DataDir = Annotated[str | None, typer.Option(help="Where named data sets lie [$MADE_DATA_DIR].")]
Device = Annotated[str, typer.Option(help="cpu or cuda.")]


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
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE", help="Picture of --masks [masks_averaged.png beside the model]."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object instead of a table.")
    ] = False,
    data_dir: DataDir = None,
    device: Device = "cpu",
) -> None:
    """Report the exact NLL of held-out rows, in nats per row and bits/dim."""
    from made.runs.rows import find_rows
    from made.runs.scores import score_model, score_rows

    counts = None if masks is None else parse_counts(masks, "--masks")
    if counts is None and out is not None:
        raise InputError("-o is for the picture that --masks draws: leave it out, or name --masks as well")
    folder, model = load_run(run, device)
    rows = find_rows(folder, model, data, split, data_dir)
    if counts is not None:
        _evaluate_masks(model, rows, counts, out or _picture_beside(run), as_json)
        return
    with counting("scoring", len(rows.codes)) as advance:
        result = score_rows(score_model(model, rows.codes, advance, rows.context), model.n_variables)
    baselines = _baselines(folder, rows, data_dir)
    if as_json:
        about = {"split": rows.split, "data": rows.name, "masks": model.mask_set.describe()}
        beside = {name: baseline.as_dict() for name, baseline in baselines.items()}
        typer.echo(json.dumps({**result.as_dict(), **about, "baselines": beside}))
        return
    typer.echo(
        f"{rows.name}, {rows.split}: {result.n:,} rows, exact NLL under the {model.mask_set.describe()}\n"
    )
    typer.echo(score_table({"this model": result, **baselines}, "row"))


def sample(
    run: Run,
    n: Annotated[int, typer.Option("--number", "-n", help="How many rows.")] = 100,
    seed: Annotated[int, typer.Option(help="Row i is a function of (seed, i).")] = 0,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help=".npy, .csv or .png [CSV on the screen]."),
    ] = None,
    given: Annotated[
        str | None,
        typer.Option(metavar="VALUES", help='What all rows have, as in "x3=1,x7=0"; the rest is drawn.'),
    ] = None,
    context: Annotated[
        str | None,
        typer.Option(metavar="VALUES", help='For a model fitted with --context: "age=3,sex=1".'),
    ] = None,
    device: Device = "cpu",
) -> None:
    """Draw new rows from a trained model."""
    from made.runs.completions import how_given
    from made.runs.given_text import read_context, read_given_values
    from made.runs.samples import csv_text, draw_portions, write_rows

    if out is not None and out.suffix not in (".npy", ".csv", ".png"):
        raise InputError(f"{out}: samples are written as .npy, .csv or .png")
    folder, model = load_run(run, device)
    if n < 0:
        raise InputError(f"-n is the number of rows to draw, at least 0; got {n}")
    known, features = read_given_values(given, folder, model), read_context(context, folder, model)
    # Rows that run over a terminal are progress enough, and a bar would run into them.
    with counting("drawing", n, hidden=out is None and sys.stdout.isatty()) as advance:
        portions = draw_portions(model, n, seed, advance, given=known, context=features)
        if out is None:
            for text in csv_text(model, portions, folder.columns):
                typer.echo(text, nl=False)
        elif out.suffix == ".png":
            _draw_picture(out, folder, model, n, portions)
        else:
            write_rows(out, model, n, portions, folder.columns)
    if out is not None:
        tell(f"{n:,} rows drawn with seed {seed}: {out}")
    if known is not None:
        tell(f"drawn given {_shortened(given or '')}; {how_given(model, known, features)}")


def score(
    run: Run,
    data: Annotated[str, typer.Argument(metavar="DATA", help="A name or a path of rows.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="A .csv file [the screen].")
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

    Of rows with unknown entries (empty, ?, NA or NaN in a file) it is that of what is known, with its
    standard error, which is 0 where the answer is exact.
    """
    import numpy as np

    from made.runs.completions import find_incomplete_rows, has_unknown_entries
    from made.runs.rows import find_rows
    from made.runs.scores import score_model
    from made.support.files import write_aside

    folder, model = load_run(run, device)
    if has_unknown_entries(data):
        if per_variable:
            raise InputError(f"--per-variable needs complete rows, and {data} has unknown entries")
        _score_incomplete(model, find_incomplete_rows(folder, model, data), particles, out)
        return
    rows = find_rows(folder, model, data, split, data_dir, whole_file=True)
    with counting("scoring", len(rows.codes)) as advance:
        table = score_model(model, rows.codes, advance, rows.context).numpy()[:, None]
    names = ["log_prob"]
    if per_variable:
        # In a mixture there is one for each mask; the first has the ordering that was asked for.
        parts = model.log_prob(rows.codes, per_variable=True, mask=0, context=rows.context)
        table = np.hstack([table, parts.cpu().numpy()])
        names += folder.columns or [f"x{i}" for i in range(model.n_variables)]
        if model.n_masks > 1:
            tell(
                f"log_prob is that of the mixture of {model.n_masks} masks; the columns of variables are "
                "under mask 0, each given those before it in its ordering, and add up to its log p"
            )
    text = io.StringIO()
    np.savetxt(text, table, fmt="%.9g", delimiter=",", header=",".join(names), comments="")
    if out is None:
        typer.echo(text.getvalue(), nl=False)
        return
    write_aside(out, text.getvalue().encode())
    tell(
        f"log p of {len(table):,} rows ({rows.name}, {rows.split}), mean {table[:, 0].mean():.3f} nats: {out}"
    )


def _score_incomplete(model: MADE, rows: IncompleteRows, particles: int, out: Path | None) -> None:
    """Write log p of what is known in each row, and its standard error."""
    import numpy as np

    from made.runs.completions import poor_estimates, score_known
    from made.support.files import write_aside

    with counting("scoring", len(rows)) as advance:
        found = score_known(model, rows, particles, advance)
    text = io.StringIO()
    table = np.stack([found.log_prob, found.error], axis=1)
    np.savetxt(text, table, fmt="%.9g", delimiter=",", header="log_prob,standard_error", comments="")
    if out is None:
        typer.echo(text.getvalue(), nl=False)
    else:
        write_aside(out, text.getvalue().encode())
    estimated = np.isfinite(found.ess).sum()
    place = "" if out is None else f": {out}"
    tell(
        f"log p of what is known in {len(table):,} rows ({rows.name}), {estimated:,} of them estimated{place}"
    )
    if poor := poor_estimates(found.ess):
        tell(f"  {poor}")


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


def load_run(run: Path, device: str = "cpu") -> tuple[RunFolder, MADE]:
    """Return the folder of a run, or that of a model file, and the model."""
    from made.runs.folder import RunFolder

    folder = RunFolder(run)
    return folder, folder.load_model(device)


def _baselines(folder: RunFolder, rows: FoundRows, data_dir: str | None) -> dict[str, Any]:
    """Score the baselines of the run's training rows on the rows at hand; without those there are none."""
    from made.runs.scores import baseline_scores

    try:
        scores = baseline_scores(folder.load_data(data_dir), {"rows": rows.codes.cpu().numpy()})
    except InputError:  # the data have moved or changed since: the model's own figure stands without them
        return {}
    return {name: by_rows["rows"] for name, by_rows in scores.items()}


def _evaluate_masks(model: MADE, rows: FoundRows, counts: list[int], out: Path, as_json: bool) -> None:
    """Report what averaging over masks brings: a table, or JSON, and a picture."""
    from made import plots
    from made.runs.masks_averaged import average_masks, check_counts, draw_masks_averaged

    check_counts(model, counts)
    plots.check_place(out)
    with counting("scoring, once per mask", len(rows.codes) * max(counts)) as advance:
        result = average_masks(model, rows.codes, counts, advance, context=rows.context)
    about = f"{rows.name}, {rows.split}: {len(rows.codes):,} rows"
    if as_json:
        where = {"split": rows.split, "data": rows.name, "model": model.mask_set.describe()}
        typer.echo(json.dumps({**where, **result.as_dict(), "picture": str(out)}))
    else:
        typer.echo(f"{about}, by number of masks averaged; the model: {model.mask_set.describe()}\n")
        typer.echo(masks_table(result))
    draw_masks_averaged(out, result, about)
    tell(f"picture: {out}")


def _shortened(text: str, most: int = 60) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _picture_beside(run: Path) -> Path:
    """Return where the picture of a run goes, or of a model file, whose folder may hold other models."""
    return run / "masks_averaged.png" if run.is_dir() else run.with_name(f"{run.stem}_masks_averaged.png")


def _draw_picture(
    out: Path, folder: RunFolder, model: MADE, n: int, portions: Iterator[NDArray[Any]]
) -> None:
    """Draw rows as one picture, for which all of them are needed at once."""
    import numpy as np

    from made import plots
    from made.runs.pictures import draw_rows

    if not 1 <= n <= _ROWS_PER_PICTURE:
        raise InputError(
            f"a picture shows at least one row and at most {_ROWS_PER_PICTURE:,}, not {n:,}: "
            "ask for another -n, or write .npy or .csv"
        )
    plots.check_place(out)
    draw_rows(out, np.concatenate(list(portions)), model, folder.image_shape, folder.columns)
