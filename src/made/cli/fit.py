"""``made fit``: train a model and leave a run folder."""

from __future__ import annotations

import glob
import math
import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from made.cli.console import INTERRUPTED, command, parse_numbers, score_table
from made.cli.options import DataDir
from made.cli.settings import with_settings
from made.data.registry import REGISTRY
from made.data.suffixes import STANDARD_INPUT, in_words
from made.network.settings import NETWORK_SETTINGS, NetworkSettings
from made.support.errors import InputError
from made.support.ranks import RANK_SETTINGS, RankSettings, is_launched, quiet_torch, together
from made.training.settings import TRAINING_SETTINGS, TrainingSettings
from made.tuning.defaults import IN_WORDS
from made.variables.quoted import quoted, split_at_commas

if TYPE_CHECKING:
    from made.data import Dataset
    from made.data.choices import Choices
    from made.runs.config import RunConfig
    from made.runs.run import RunResult

__all__ = ["execute", "fit", "show_figures", "show_files", "show_next"]

_DATA = (
    f"A name ({', '.join(REGISTRY)}) or a path: {in_words()}. - is standard input, as CSV. Several files of "
    "the same columns, or a pattern in quotes such as '2024-*.csv', are read as one. Under torchrun also "
    "folders of Parquet files, and addresses of such files."
)


@with_settings(TrainingSettings, NetworkSettings, RankSettings, defaults=IN_WORDS)
def fit(
    data: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="DATA",
            help=_DATA,
            show_default=False,
        ),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="RUN", help="Folder for the run.")] = Path(
        "run"
    ),
    recipe: Annotated[
        str | None, typer.Option(help="Settings with a name; made recipes lists them [default].")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of split, masks, weights and row order [0].")] = None,
    data_dir: DataDir = None,
    *,
    coding: Annotated[
        str | None,
        typer.Option(help="Of categories: one-hot, scaled or raw [one-hot; for a joint table scaled]."),
    ] = None,
    context: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMNS",
            help="Condition on these: names, or numbers from 0, with commas; the others are modelled.",
        ),
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=KIND",
            help="Take a column for numeric, category or date, whatever it holds; repeatable.",
        ),
    ] = None,
    drop: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Leave a column out; repeatable.")
    ] = None,
    schema: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="What the columns are: a JSON file that made schema DATA -o FILE writes, edited. --column "
            "and --drop count before it.",
        ),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Split by a column: rows that it says belong together are in one split."
        ),
    ] = None,
    time: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Split by a column: validate and test on the latest rows."),
    ] = None,
    protect: Annotated[
        bool,
        typer.Option(
            "--protect",
            help="Keep rare labels (under five rows), minima and maxima out of model, run folder and report.",
        ),
    ] = False,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto: cuda where there is one.")] = "auto",
    minutes: Annotated[
        float | None,
        typer.Option(
            help="The budget: as many settings are compared as there is time for, and when it is over the "
            "best model so far is kept [follows from the size of the data]."
        ),
    ] = None,
    refit: Annotated[
        bool,
        typer.Option("--refit", help="In the end, fit anew on training and validation rows together."),
    ] = False,
    purpose: Annotated[
        str | None,
        typer.Option(
            "--for",
            metavar="PURPOSE",
            help="questions: a model that is asked in any ordering, what is known first; it takes longer to "
            "fit, and eight passes to score.",
        ),
    ] = None,
    update: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Go on with the model of this run on DATA, new rows of the same columns; the rows that it "
            "was fitted on are not seen again.",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in RUN; --epochs may extend it.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the run in RUN.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
    **settings: Any,
) -> None:
    """Train a model on DATA and leave everything about it in the folder RUN.

    Reports the exact negative log-likelihood of held-out rows, beside two baselines.
    """
    if is_launched():
        quiet_torch()
    given = {name: _READERS.get(name, _same)(value) for name, value in _given(settings).items()}
    own_ranks = RankSettings(**{name: given.pop(name) for name in RANK_SETTINGS if name in given})
    from made.runs.config import RunConfig

    if resume and force:
        raise InputError("--resume goes on with a run and --force replaces it: leave one of them out")
    if recipe is not None and not recipe.strip():
        raise InputError("--recipe is empty: made recipes lists them")
    if context is not None and not context.strip(" ,"):
        raise InputError("--context names no column: name some, or leave it out")
    if purpose not in (None, "questions"):
        raise InputError(f"--for takes questions, got {purpose!r}")
    if resume:
        others = _given({"seed": seed, "recipe": recipe, "coding": coding, "context": context})
        others |= _given({"update": update, "refit": refit or None, "for": purpose})
        said: dict[str, Any] = {"column": column, "drop": drop, "schema": schema, "protect": protect}
        said |= {"group": group, "time": time}
        others |= {name: own for name, own in said.items() if own}
        job = _resumed(out, data or None, data_dir, device, {**others, **given})
    elif not data:
        raise InputError(f"made fit needs DATA: a name ({', '.join(REGISTRY)}) or a path")
    else:
        job = RunConfig(
            data=data[0] if len(data) == 1 else data,
            folder=out,
            seed=0 if seed is None else seed,
            data_dir=data_dir,
            model={name: value for name, value in given.items() if name in NETWORK_SETTINGS},
            training={name: value for name, value in given.items() if name in TRAINING_SETTINGS},
            coding=coding,
            device=device,
            recipe=recipe or "default",
            context=tuple(split_at_commas(context or "")),
            choices=_choices(column, drop, schema, group=group, time=time, protect=protect),
            for_questions=purpose == "questions",
            refit=refit,
            update=update,
        )
        if update is not None:
            own = {"recipe": recipe, "coding": coding, "context": context, "refit": refit or None}
            own["for"] = purpose
            said = {"column": column or None, "drop": drop or None, "schema": schema}
            _check_update({**own, **said, "protect": protect or None})
    if minutes is not None:
        if not 0 < minutes < math.inf:
            raise InputError(f"--minutes is a number above 0, got {minutes:g}")
        job = replace(job, max_time=60 * minutes)
    if is_launched():
        _fit_together(job, own_ranks, resume=resume, force=force, progress=not quiet)
        return
    outcome = execute(job, resume=resume, force=force, progress=not quiet)
    show_figures(job, outcome)
    show_files(outcome)
    show_next(job, outcome)


def execute(job: RunConfig, *, resume: bool = False, force: bool = False, progress: bool = True) -> RunResult:
    """Run a job; if it is interrupted, say how to go on and stop."""
    import logging

    from made.runs.run import run

    if not progress:
        logging.getLogger("made").setLevel(logging.WARNING)
    outcome = run(job, resume=resume, force=force, progress=progress)
    _check_not_interrupted(job, outcome)
    return outcome


def _check_not_interrupted(job: RunConfig, outcome: RunResult) -> None:
    """Say how to go on with a run that was interrupted, and end."""
    if outcome.history.ended == "interrupted":
        _describe(job, outcome)
        best = outcome.history.best_epoch
        typer.echo(
            f"Interrupted. {job.folder}/model.safetensors is usable: it has the weights of epoch {best}.\n"
            f"Go on with:  {_command()} fit -o {job.folder} --resume"
        )
        raise typer.Exit(INTERRUPTED)


def _fit_together(
    job: RunConfig, settings: RankSettings, *, resume: bool, force: bool, progress: bool
) -> None:
    """Run a job as one of several ranks; the first one reports."""
    import logging

    from made.runs.together import run_together
    from made.training.history import History

    if not progress:
        logging.getLogger("made").setLevel(logging.WARNING)
    with together(settings) as ranks:
        outcome = run_together(job, ranks, settings, resume=resume, force=force, progress=progress)
        if isinstance(outcome, History):
            raise SystemExit(INTERRUPTED if outcome.ended == "interrupted" else 0)  # the first one says so
        _check_not_interrupted(job, outcome)
    show_figures(job, outcome)
    show_files(outcome)
    show_next(job, outcome)


def _command() -> str:
    return "torchrun ... -m made" if is_launched() else command()


def _unit(dataset: Dataset) -> str:
    return "row" if dataset.image_shape is None else "image"


def _describe(job: RunConfig, outcome: RunResult) -> None:
    """Show what the data are, what was decided about them, and what was fitted."""
    dataset = outcome.dataset
    unit = _unit(dataset)
    rows = ", ".join(f"{len(part):,} {split}" for split, part in dataset.splits.items())
    typer.echo(f"{dataset.name}: {dataset.n_variables:,} variables; {rows} {unit}s")
    for note in (*dataset.notes, *outcome.history.notes):
        typer.echo(f"  {note}")
    if dataset.context is not None:
        names = ", ".join(column.name for column in dataset.schema.context_columns)
        typer.echo(f"  conditional on {names}, which the baselines do not see")
    typer.echo(f"model: {outcome.model.mask_set.describe()}; {outcome.history}")
    if job.refit and not outcome.history.is_stopped:
        typer.echo(f"  fitted anew on training and validation rows together: look at {unit}s of test alone")
    if job.update is not None:
        typer.echo(
            f"  gone on from {job.update}: the rows it was fitted on were not seen again. For a model of all "
            f"rows, fit them together"
        )


def show_figures(job: RunConfig, outcome: RunResult) -> None:
    """Show what was fitted, and its exact NLL on the test rows beside that of the baselines."""
    dataset = outcome.dataset
    unit = _unit(dataset)
    _describe(job, outcome)
    if outcome.history.ended == "out of time":
        typer.echo(f"The time is over; go on with:  {_command()} fit -o {job.folder} --resume")
    typer.echo(f"\nExact NLL of the {len(dataset.test):,} test {unit}s:\n")
    scores = {"this model": outcome.scores["test"]}
    scores |= {name: by_split["test"] for name, by_split in outcome.baselines.items()}
    typer.echo(score_table(scores, unit))


def show_files(outcome: RunResult, *others: Path) -> None:
    """Name the files that a run has left."""
    typer.echo("\nLook at:\n" + "\n".join(f"  {file}" for file in (*outcome.files, *others)))


def show_next(job: RunConfig, outcome: RunResult) -> None:
    """Show commands to try on a run."""
    folder, dataset = job.folder, outcome.dataset
    made, ending = command(), "png" if dataset.image_shape else "csv"
    unknown = "--half top" if dataset.image_shape else "ROWS_WITH_GAPS.csv"
    typer.echo(
        "Try next:\n"
        f"  {made} sample {folder} -n 100 --seed 1{_context_example(dataset)} -o {folder}/more.{ending}\n"
        f"  {made} complete {folder} {unknown} -o {folder}/completed.{ending}\n"
        f"  {made} score {folder} {_to_score(job.data)} -o {folder}/scores.csv\n"
        f"  {made} report {folder}\n"
        f"  {made} show {folder}\n"
        f"  {made} summary {folder}"
    )


def _to_score(data: str | Sequence[str]) -> str:
    """Return what of the data of a run can be scored: rows that came from standard input are gone."""
    first = data if isinstance(data, str) else data[0]
    return "ROWS.csv" if first == STANDARD_INPUT or glob.has_magic(first) else first


def _context_example(dataset: Dataset) -> str:
    """Return the option that gives a conditional model its context: that of the first test row."""
    if dataset.context is None:
        return ""
    names = [column.name for column in dataset.schema.context_columns]
    values = dataset.context["test"][0].tolist()
    words = [f"{own:.12g}" if isinstance(own, float) else quoted(str(own)) for own in values]
    given = ",".join(f"{quoted(name, ',=')}={word}" for name, word in zip(names, words, strict=True))
    return f" --context {shlex.quote(given)}"


def _choices(column: list[str] | None, drop: list[str] | None, schema: Path | None, **others: Any) -> Choices:
    from made.data.choices import Choices
    from made.variables.schema import Schema

    said = None if schema is None else Schema.read(schema)
    return Choices.parse(column or (), drop or (), schema=said, **others)


def _resumed(
    out: Path, data: list[str] | None, data_dir: str | None, device: str, given: dict[str, Any]
) -> RunConfig:
    from made.data.loading import origin_of
    from made.runs.config import RunConfig

    job = RunConfig.of(out, device)
    if job.partner is not None and given:
        raise InputError(f"the run in {out} ended with a mixture of two models, which is not trained on")
    if data is not None and origin_of(data) != job.data:
        raise InputError(
            f"the run in {out} is on {_in_words(job.data)}, not on {_in_words(data)}: leave DATA out, or "
            "choose another RUN"
        )
    if data is None and job.data == STANDARD_INPUT:
        raise InputError(
            f"the rows of {out} came from standard input: give them again, as made fit - --resume"
        )
    fixed = sorted(set(given) - {"epochs", "patience"})
    if fixed:
        option = fixed[0].replace("_", "-")
        raise InputError(f"--resume takes the settings of the run: leave --{option} out, or begin a new run")
    _check_epochs(out, given.get("epochs"))
    training = {**job.training, **given}
    return replace(job, training=training, data_dir=data_dir or job.data_dir)


def _check_epochs(out: Path, epochs: int | None) -> None:
    """Raise an `InputError` if a run has trained for longer already."""
    from made.runs.folder import RunFolder
    from made.training.checkpoint import history_of

    file = RunFolder(out).checkpoint_file
    if epochs is None or not file.exists():
        return
    done = history_of(file).epochs[-1].epoch
    if epochs < done:
        raise InputError(f"the run in {out} has {done} epochs already: --epochs may be {done} or more")


def _in_words(data: str | Sequence[str]) -> str:
    return data if isinstance(data, str) else ", ".join(data)


def _check_update(others: dict[str, Any]) -> None:
    for name in _given(others):
        raise InputError(f"a model that goes on keeps its columns and its network: leave --{name} out")


def _given(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if value is not None}


def _same(value: Any) -> Any:
    return value


def _count(text: str, option: str) -> int | str:
    if text == "fresh":
        return text
    try:
        return int(text)
    except ValueError:
        raise InputError(f"{option} is a number of at least 1, or fresh; got {text!r}") from None


def _ordering(text: str) -> str | list[int]:
    return parse_numbers(text, "--ordering") if text[:1].isdigit() or "," in text else text


# How the text of an option is read, where it is not the value itself.
_READERS: dict[str, Callable[[Any], Any]] = {
    "hidden": partial(parse_numbers, name="--hidden"),
    "ordering": _ordering,
    "orderings": partial(_count, option="--orderings"),
    "connectivities": partial(_count, option="--connectivities"),
}
