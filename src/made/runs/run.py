"""One run: fit a model on a data set, and leave settings, metrics, model and pictures in a folder."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from made import data
from made.model import MADE
from made.runs.folder import RunFolder
from made.runs.pictures import draw_loss, draw_samples
from made.runs.scores import Score, baseline_scores, score_model, score_rows
from made.support.devices import find_device
from made.support.files import write_aside
from made.support.versions import environment
from made.training.divergence import TrainingDivergedError
from made.training.history import History
from made.training.interrupt import deadline_in, time_left
from made.tuning.auto import Pipeline
from made.tuning.candidates import Candidate
from made.tuning.plan import Plan
from made.tuning.recipes import DEFAULT, find_recipe

__all__ = ["RunConfig", "RunResult", "run"]


@dataclass(frozen=True)
class RunConfig:
    """The data, the folder and the settings of a run.

    Parameters
    ----------
    data : str
        Name or path of the data set.
    folder : Path
        Where the run goes.
    seed : int
        Of the split, the masks, the weights and the order of the rows.
    data_dir : str or None
        Where named data sets are looked for first.
    model, training : mapping
        What replaces the recipe's settings.
    coding : str, optional
        Of categorical variables.
    device : str
        ``"cpu"``, ``"cuda"`` or ``"auto"``: CUDA where there is one.
    context : tuple of str or int
        Columns that the others are conditioned on, by name or by number counted from 0.
    recipe : str
        Which recipe's settings; see `made.tuning.recipes.RECIPES`.
    chosen : str, optional
        Which candidate of the default recipe; None until one is chosen.
    plan : Plan, optional
        How candidates are compared, where they are.
    max_time : float, optional
        Stop after so many seconds.
    """

    data: str
    folder: Path
    seed: int
    data_dir: str | None
    model: Mapping[str, Any]
    training: Mapping[str, Any]
    coding: str | None = None
    device: str = "auto"
    context: tuple[str | int, ...] = ()
    recipe: str = DEFAULT.name
    chosen: str | None = None
    plan: Plan | None = None
    max_time: float | None = None

    @property
    def candidate(self) -> Candidate | str | None:
        """The candidate that was chosen, out of the plan; of runs of version 0.1 what distinguishes it."""
        tried = () if self.plan is None else self.plan.candidates
        return next((own for own in tried if own.about == self.chosen), self.chosen)

    def settings(self) -> dict[str, Any]:
        """Return what a resumed run needs, JSON-ready; paths are absolute."""
        return {
            "data": {
                "name": data.known(self.data) or str(Path(self.data).resolve()),
                "data_dir": None if self.data_dir is None else str(Path(self.data_dir).resolve()),
                "seed": self.seed,
                **({"context": list(self.context)} if self.context else {}),
            },
            "recipe": self.recipe,
            "chosen": self.chosen,
            **({} if self.plan is None else {"plan": self.plan.as_dict()}),
            "model": dict(self.model),
            "coding": self.coding,
            "training": dict(self.training),
        }

    @classmethod
    def of(cls, folder: Path, device: str = "auto") -> RunConfig:
        """Read the config of the run in a folder."""
        settings, own = RunFolder(folder).read_json("settings.json"), RunFolder(folder).origin
        return cls(
            data=own["name"],
            folder=folder,
            seed=own["seed"],
            data_dir=own["data_dir"],
            context=tuple(own.get("context", ())),
            model=settings.get("model", {}),
            coding=settings.get("coding"),
            training=settings.get("training", {}),
            recipe=settings.get("recipe", DEFAULT.name),
            chosen=settings.get("chosen"),
            plan=Plan.from_dict(settings["plan"]) if "plan" in settings else None,
            device=device,
        )


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
    find_recipe(config.recipe)
    if not resume:
        folder.check_free(force=force)  # before time is spent on the data
    dataset = data.load(config.data, data_dir=config.data_dir, seed=config.seed, progress=progress)
    dataset = dataset.with_context(config.context)
    # By number from here on: rows read later may have no header.
    config = replace(config, context=dataset.schema.context_places)
    pipeline = _pipeline(config, dataset)
    if not resume and pipeline.is_open:
        config = replace(config, plan=pipeline.plan())
    plan = config.plan if config.chosen is None else None  # None: there is nothing to compare any more
    # Checked before anything is written.
    find_device(config.device)
    deadline = deadline_in(config.max_time)
    if plan is None:
        model, training = pipeline.prepare(config.candidate)
    if not resume:
        folder.claim(force=force)
    if plan is not None:
        folder.write_json("settings.json", _described(config, dataset))
        outcome = pipeline.compare(
            plan,
            folder.comparison,
            deadline=deadline,
            on_best=lambda best: best.save(folder.model_file),
            progress=progress,
        )
        if outcome.model is not None:  # stopped, with the best model so far
            described = _described(config, dataset, outcome.model, outcome.candidate.training)
            return _finish(folder, dataset, pipeline, outcome.model, outcome.history, described)
        if outcome.checkpoint is not None:
            write_aside(folder.checkpoint_file, outcome.checkpoint.read_bytes())
        config = replace(config, chosen=outcome.candidate.about)
        model, training = pipeline.prepare(outcome.candidate)
    described = _described(config, dataset, model, training)
    if not resume or plan is not None:
        folder.write_json("settings.json", described)
        folder.forget_comparison()
    goes_on = resume if plan is None else folder.checkpoint_file.exists()
    try:
        history = pipeline.fit(
            model,
            training,
            progress=progress,
            checkpoint=folder.checkpoint_file,
            resume=goes_on,
            max_time=time_left(deadline),
        )
    except TrainingDivergedError as diverged:
        _save(folder, model, diverged.history, described)
        raise
    return _finish(folder, dataset, pipeline, model, history, described)


def _finish(
    folder: RunFolder,
    dataset: data.Dataset,
    pipeline: Pipeline,
    model: MADE,
    history: History,
    described: dict[str, Any],
) -> RunResult:
    """Save the model, and score it unless the user wants to stop."""
    _save(folder, model, history, described)
    baselines = baseline_scores(dataset, tree=lambda: pipeline.tree)
    lines = {name: by_split["valid"].nll for name, by_split in baselines.items()}
    files = [
        folder.model_file,
        draw_loss(folder.path / "loss.png", history, lines, f"Training on {dataset.name}"),
    ]
    if history.ended == "interrupted":
        return RunResult(dataset, model, history, {}, baselines, files)
    scores = {
        split: score_rows(
            score_model(model, model.rows(dataset.splits[split], dataset.context_of(split))),
            dataset.n_variables,
        )
        for split in ("valid", "test")
    }
    folder.write_json("results.json", _results(scores, baselines, history, model))
    files.append(draw_samples(folder.path / "samples.png", model, dataset, pipeline.seed))
    return RunResult(dataset, model, history, scores, baselines, files)


def _pipeline(config: RunConfig, dataset: data.Dataset) -> Pipeline:
    """Return the pipeline for the rows of a data set."""
    coding = config.coding or ("one-hot" if dataset.table is None else "scaled")
    schema = dataset.schema.with_coding(coding)
    return Pipeline(
        schema,
        schema.encode(dataset.train, dataset.context_of("train")),
        schema.encode(dataset.valid, dataset.context_of("valid")),
        seed=config.seed,
        recipe=config.recipe,
        network=config.model,
        training=config.training,
        device=config.device,
    )


def _save(folder: RunFolder, model: MADE, history: History, described: dict[str, Any]) -> None:
    folder.forget_results()
    model.save(folder.model_file)
    history.save_csv(folder.path)
    folder.write_json("settings.json", described)  # a resumed run may have been extended
    folder.forget_replaced()


def _described(
    config: RunConfig,
    dataset: data.Dataset,
    model: MADE | None = None,
    training: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what settings.json holds; the full settings once there is a model."""
    full = {} if model is None else {"full": {"model": model.settings(), "training": dict(training or {})}}
    return {
        **config.settings(),
        "notes": list(dataset.notes),
        **full,
        "versions": environment(),
        "begun": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
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
        "epochs": history.epochs[-1].epoch,
        "seconds": round(history.epochs[-1].seconds, 1),
    }
