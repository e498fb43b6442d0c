"""One run: fit a model on a data set, and leave settings, metrics, model and pictures in a folder."""

from __future__ import annotations

import datetime
import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from made import data
from made.model import MADE
from made.runs.best_model import BestModel
from made.runs.config import RunConfig
from made.runs.fits import Fits, Fitted
from made.runs.folder import RunFolder
from made.runs.held_out import HeldOut, held_out_splits
from made.runs.pictures import draw_loss, draw_samples
from made.runs.scores import Score, baseline_scores, score_model, score_rows
from made.support.devices import find_device
from made.support.errors import CannotWriteError, InputError, reason_of
from made.support.locks import locked
from made.support.versions import environment
from made.support.writing import make_folder
from made.training.checkpoint import history_of
from made.training.history import History
from made.training.interrupt import deadline_in
from made.training.settings import TrainingSettings
from made.tuning.candidates import when_updated
from made.tuning.pipeline import Pipeline
from made.tuning.recipes import as_recipe, find_recipe

__all__ = ["RunResult", "described", "finish", "pipeline_of", "run"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunResult:
    """The results of a run.

    Attributes
    ----------
    dataset : Dataset
    model : MADE
        With the weights of its best epoch.
    history : History
    scores : dict of Score
        By split, of the model; empty if the fit was interrupted.
    baselines : dict
        By name, then by split.
    files : list of Path
        What was written, for the user to look at.
    """

    dataset: data.Dataset
    model: MADE
    history: History
    scores: dict[str, Score]
    baselines: dict[str, dict[str, Score]]
    files: list[Path]


def run(config: RunConfig, *, resume: bool = False, force: bool = False, progress: bool = False) -> RunResult:
    """Begin a run, or go on with one.

    Parameters
    ----------
    config : RunConfig
        What to run.
    resume : bool
        Go on from the checkpoint in the folder.
    force : bool
        Replace a run that is in the folder.
    progress : bool
        Show the progress of the fit.

    Raises
    ------
    InputError
        If anything given makes no sense. Nothing is written before data and settings are checked.
    """
    folder = RunFolder(config.folder)
    if resume and config.together is not None:
        raise InputError(f"several ranks fitted {folder.path}: go on with torchrun -m made fit, as it began")
    find_recipe(config.recipe)
    if not resume:
        folder.check_free(force=force)  # before time is spent on the data
    if not resume and config.update is not None and Path(config.update).resolve() == folder.path.resolve():
        raise InputError(f"a model that goes on needs another folder than {folder.path}, where it is")
    start = None if config.update is None else RunFolder(Path(config.update)).load_model()
    dataset = _load(config, start, progress=progress)
    if resume and (own := folder.schema_of_version_0_1()) is not None:
        dataset = replace(dataset, schema=own)  # columns as they were taken for then
    # By number from here on: rows read later may have no header.
    config = replace(config, context=dataset.schema.context_places)
    if config.choices.protect and config.choices.schema is not None:  # a file may name rare labels
        config = replace(config, choices=replace(config.choices, schema=dataset.schema))
    deadline = deadline_in(config.max_time)
    # Checked before anything is written.
    find_device(config.device)
    pipeline = pipeline_of(config, dataset)
    if not resume and start is None and pipeline.is_open:
        config = replace(config, plan=pipeline.plan(config.max_time, refit=config.refit))
    is_compared = config.plan is not None and config.chosen is None
    with _sound_settings(folder) if resume else nullcontext():
        if resume and config.plan is not None:
            for candidate in config.plan.candidates:
                MADE(pipeline.schema, **as_recipe(candidate).model_settings({}))
        model, training = (None, {}) if is_compared else _prepared(config, pipeline, start)
    with locked(folder.path):
        if not resume:
            folder.claim(force=force)
            folder.write_json("settings.json", described(config, dataset, model, training))
            if is_compared:
                _log.info("%s", config.plan)
        else:
            folder.check_writable()
            for file in folder.checkpoints:  # before anything is written anew
                history_of(file)

        def write(config: RunConfig, model: MADE, training: Mapping[str, Any]) -> None:
            folder.write_json("settings.json", described(config, dataset, model, training))

        fits = Fits(folder, pipeline, write, BestModel(folder), deadline, progress)
        with _saying_what_is_left(folder):
            if model is None:
                fitted = fits.compare(config)
            elif config.partner is not None:  # the run is at its end: a mixture is not trained on
                fitted = Fitted(
                    folder.load_model(config.device), history_of(folder.checkpoint_file), config, training
                )
            elif start is not None:
                fitted = fits.update(config, model, training)
            else:
                fitted = fits.fit(config, model, training, resume=resume)
            if fitted.history.is_stopped and fits.best.nll < fitted.nll:
                fitted = replace(fitted, model=folder.load_model(config.device))
            return finish(folder, dataset, pipeline, fitted)


@contextmanager
def _saying_what_is_left(folder: RunFolder) -> Iterator[None]:
    """Where a file cannot be written, say what there is of the run and how to go on."""
    try:
        yield
    except CannotWriteError as error:
        left = f"; {folder.model_file} is usable" if folder.model_file.exists() else ""
        goes_on = (folder.path / "settings.json").exists()
        remedy = (
            f"made fit -o {folder.path} --resume" if goes_on else "begin the run anew: its folder is gone"
        )
        raise CannotWriteError(f"{error}{left}. Once that is mended: {remedy}") from error


def finish(folder: RunFolder, dataset: data.Dataset, pipeline: Pipeline, fitted: Fitted) -> RunResult:
    """Save the model, and score it unless the user wants to stop."""
    model, history = fitted.model, fitted.history
    _save(model, folder)
    history.save_csv(folder.path)
    folder.write_json("settings.json", described(fitted.config, dataset, model, fitted.training))
    folder.forget_replaced()
    if not history.is_stopped:
        folder.best_file.unlink(missing_ok=True)
    if fitted.config.chosen is not None:
        folder.forget_comparison()
    baselines = baseline_scores(dataset, tree=lambda: pipeline.tree)
    lines = {name: by_split["valid"].nll for name, by_split in baselines.items()}
    files = [
        folder.model_file,
        *_drawn(draw_loss, folder.path / "loss.png", history, lines, f"Training on {dataset.name}"),
    ]
    if history.ended == "interrupted":
        return RunResult(dataset, model, history, {}, baselines, files)
    log_prob = {
        split: score_model(model, model.rows(dataset.splits[split], dataset.context_of(split)))
        for split in ("valid", "test")
    }
    scores = {split: score_rows(own, dataset.n_variables) for split, own in log_prob.items()}
    splits = held_out_splits(refit=fitted.config.refit)
    if held_out := HeldOut.of(np.concatenate([log_prob[own].numpy() for own in splits])):
        held_out.write(folder)
    folder.write_json("results.json", _results(scores, baselines, history, model))
    files += _drawn(draw_samples, folder.path / "samples.png", model, dataset, pipeline.seed)
    return RunResult(dataset, model, history, scores, baselines, files)


def _save(model: MADE, folder: RunFolder) -> None:
    """Save a model; where that fails, among the temporary files of the system, which the error says."""
    try:
        make_folder(folder.path)  # it may have been moved away meanwhile
        folder.forget_results()
        model.save(folder.model_file)
    except CannotWriteError as error:
        try:
            other = Path(tempfile.mkdtemp(prefix="made-"), folder.model_file.name)
            model.save(other)
        except (InputError, OSError):
            raise error from None
        raise CannotWriteError(f"{error}; the model is in {other}") from error


def _drawn(draw: Callable[..., Path], path: Path, *arguments: Any) -> list[Path]:
    """Draw a picture, and return its file; where it cannot be written say so: the figures matter more."""
    try:
        return [draw(path, *arguments)]
    except InputError as error:
        _log.warning("%s", error)
        return []


def _load(config: RunConfig, start: MADE | None, *, progress: bool) -> data.Dataset:
    """Load the data set of a run; for a model that goes on, with its columns."""
    dataset = data.load(
        config.data, data_dir=config.data_dir, seed=config.seed, choices=config.choices, progress=progress
    )
    if start is None:
        return dataset.with_context(config.context)
    schema = start.schema
    names, own = ([column.name for column in each.columns] for each in (dataset.schema, schema))
    is_named = dataset.schema.is_named and schema.is_named
    if len(names) != len(own) or (is_named and set(names) != set(own)):
        raise InputError(
            f"{dataset.name} has other columns than the model that is to go on: {len(names)} "
            f"({', '.join(names[:3])}, ...) instead of {len(own)} ({', '.join(own[:3])}, ...)"
        )
    if is_named:
        dataset = dataset.reordered(own)
    dataset = replace(dataset.with_context(schema.context_places), schema=schema)
    schema.encode(dataset.test, dataset.context_of("test"))  # refused now, not after the fit
    return dataset


def _prepared(config: RunConfig, pipeline: Pipeline, start: MADE | None) -> tuple[MADE, dict[str, Any]]:
    """Return the model to train, and the settings of its training."""
    if start is not None:
        if config.model:
            raise InputError(f"a model that goes on keeps its network: leave {', '.join(config.model)} out")
        training = {**when_updated(len(pipeline.train)), **config.training, "seed": config.seed}
        TrainingSettings(**training)
        return start.to(find_device(config.device)), training
    if config.full is not None:  # a run of version 0.1
        model = MADE.from_settings(config.full["model"])
        return model.to(find_device(config.device)), {**config.full["training"], **config.training}
    return pipeline.prepare(config.candidate)


@contextmanager
def _sound_settings(folder: RunFolder) -> Iterator[None]:
    """Say that it is the file of settings which is wrong, whatever an edited one makes fail."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        reason = reason_of(error)
        file = folder.path / "settings.json"
        raise InputError(f"{file} is damaged: no model can be built ({reason}); begin a new run") from error


def pipeline_of(config: RunConfig, dataset: data.Dataset) -> Pipeline:
    """Return the pipeline for the rows of a data set."""
    schema = dataset.schema
    if config.update is None and (config.coding is not None or dataset.table is not None):
        schema = schema.with_coding(config.coding or "scaled")
    train = schema.encode(dataset.train, dataset.context_of("train"))
    return Pipeline(
        schema,
        train,
        schema.encode(dataset.valid, dataset.context_of("valid")),
        seed=config.seed,
        recipe=config.recipe,
        network=config.model,
        training=config.training,
        device=config.device,
        for_questions=config.for_questions,
    )


def described(
    config: RunConfig,
    dataset: data.Dataset,
    model: MADE | None = None,
    training: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what settings.json holds; the full settings once there is a model."""
    begun = RunFolder(config.folder).begun
    full = {} if model is None else {"full": {"model": model.settings(), "training": dict(training or {})}}
    return {
        **config.settings(),
        "notes": list(dataset.notes),
        **full,
        "versions": environment(),
        "begun": begun or datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    }


def _results(
    scores: Mapping[str, Score],
    baselines: Mapping[str, Mapping[str, Score]],
    history: History,
    model: MADE,
) -> dict[str, Any]:
    return {
        "model": {split: score.as_dict() for split, score in scores.items()},
        "baselines": {
            name: {split: score.as_dict() for split, score in by_split.items()}
            for name, by_split in baselines.items()
        },
        "masks": model.mask_set.describe(),
        "best_epoch": history.best_epoch,
        "ended": history.ended,
        "steps": history.steps,
        "epochs": history.epochs[-1].epoch,
        "seconds": round(history.epochs[-1].seconds, 1),
    }
