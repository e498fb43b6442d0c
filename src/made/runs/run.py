"""The main job: fit a model on a data set, and leave settings, metrics, model and pictures in a folder."""

from __future__ import annotations

import datetime
import logging
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
from made.support.versions import environment
from made.training.divergence import TrainingDivergedError
from made.training.fit import fit
from made.training.history import History
from made.training.settings import TrainingSettings
from made.tuning.candidates import Candidate, candidates
from made.tuning.chow_liu_init import can_be_tree
from made.tuning.recipes import DEFAULT, build_model, find_recipe, recipe_for
from made.tuning.successive_halving import choose

__all__ = ["RunConfig", "RunResult", "run"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunConfig:
    """What is to be run.

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
        Which recipe's settings; see `recipe.RECIPES`.
    chosen : str, optional
        Which candidate of the default recipe; None until short fits have chosen.
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

    def settings(self) -> dict[str, Any]:
        """Return what a resumed run needs to know, JSON-ready; paths are absolute."""
        return {
            "data": {
                "name": data.known(self.data) or str(Path(self.data).resolve()),
                "data_dir": None if self.data_dir is None else str(Path(self.data_dir).resolve()),
                "seed": self.seed,
                **({"context": list(self.context)} if self.context else {}),
            },
            "recipe": self.recipe,
            "chosen": self.chosen,
            "model": dict(self.model),
            "coding": self.coding,
            "training": dict(self.training),
        }

    @classmethod
    def of(cls, folder: Path, device: str = "auto") -> RunConfig:
        """Read the job of a run folder."""
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
            device=device,
        )


@dataclass(frozen=True)
class RunResult:
    """What came of a job.

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


def run(job: RunConfig, *, resume: bool = False, force: bool = False, progress: bool = False) -> RunResult:
    """Run a job, or go on with one.

    Parameters
    ----------
    job : RunConfig
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
    folder = RunFolder(job.folder)
    find_recipe(job.recipe)
    if not resume:
        folder.check_free(force=force)  # before time is spent on the data
    dataset = data.load(job.data, data_dir=job.data_dir, seed=job.seed, progress=progress)
    if job.context:
        places = [data.find_column(name, dataset.columns, dataset.n_variables) for name in job.context]
        # By number from here on: rows to come may be without a header.
        job, dataset = replace(job, context=tuple(places)), dataset.with_context(places)
    model, training = _prepare(job, dataset)  # checked before anything is written
    if not resume:
        folder.claim(force=force)
        folder.write_json("settings.json", _described(job, dataset, model, training))
    by_hand = job.recipe != DEFAULT.name or bool(job.model or job.training)
    # Also where a run is resumed that was interrupted before anything was chosen.
    is_open = not by_hand and job.chosen is None and not folder.checkpoint_file.exists()
    if is_open:
        job = replace(job, chosen=_choose(job, dataset, trees=can_be_tree(model), progress=progress))
        model, training = _prepare(job, dataset)
    described = _described(job, dataset, model, training)
    if is_open:
        folder.write_json("settings.json", described)
    baselines = baseline_scores(dataset)
    try:
        history = fit(
            model,
            dataset.train,
            dataset.valid,
            progress=progress,
            checkpoint=folder.checkpoint_file,
            resume=resume and not is_open,
            context=dataset.context_of("train"),
            valid_context=dataset.context_of("valid"),
            **training,
        )
    except TrainingDivergedError as diverged:
        _save(folder, model, diverged.history, described)
        raise
    _save(folder, model, history, described)
    lines = {name: by_split["valid"].nll for name, by_split in baselines.items()}
    files = [
        folder.model_file,
        draw_loss(folder.path / "loss.png", history, lines, f"Training on {dataset.name}"),
    ]
    if history.ended == "interrupted":
        return RunResult(dataset, model, history, {}, baselines, files)
    scores = {
        split: score_rows(
            score_model(model, dataset.splits[split], context=dataset.context_of(split)), dataset.n_variables
        )
        for split in ("valid", "test")
    }
    folder.write_json("results.json", _results(scores, baselines, history, model))
    files.append(draw_samples(folder.path / "samples.png", model, dataset, job.seed))
    return RunResult(dataset, model, history, scores, baselines, files)


def _prepare(job: RunConfig, dataset: data.Dataset) -> tuple[MADE, dict[str, Any]]:
    """Build the model, and say how it is trained: the recipe's settings, but for what the user has set."""
    recipe = recipe_for(job.recipe, len(dataset.train), job.chosen, _image(dataset))
    training = {**recipe.training, **job.training, "seed": job.seed}
    TrainingSettings(**training)
    model = build_model(dataset, job.seed, job.model, job.coding, recipe)
    return model.to(find_device(job.device)), training


def _image(dataset: data.Dataset) -> tuple[int, int] | None:
    """Return the shape of images whose pixels have as many values each: what is moved among them fits."""
    return dataset.image_shape if len(set(dataset.classes)) == 1 else None


def _choose(job: RunConfig, dataset: data.Dataset, *, trees: bool, progress: bool) -> str:
    """Say which candidate of the default recipe suits the data, where the user has set nothing."""

    def build(candidate: Candidate) -> MADE:
        return _prepare(replace(job, chosen=candidate.about), dataset)[0]

    try:
        chosen = choose(
            candidates(len(dataset.train), len(dataset.valid), trees=trees, image=_image(dataset)),
            build,
            dataset.train,
            dataset.valid,
            _log.info if progress else _log.debug,
            seed=job.seed,
            progress=progress,
            context=dataset.context_of("train"),
            valid_context=dataset.context_of("valid"),
        )
    except KeyboardInterrupt:
        _log.warning(
            "interrupted while settings were compared: made fit -o %s --resume begins again", job.folder
        )
        raise
    return chosen.about


def _save(folder: RunFolder, model: MADE, history: History, described: dict[str, Any]) -> None:
    folder.forget_results()
    model.save(folder.model_file)
    history.save_csv(folder.path)
    folder.write_json("settings.json", described)  # a resumed run may have been extended
    folder.forget_replaced()


def _described(
    job: RunConfig, dataset: data.Dataset, model: MADE, training: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        **job.settings(),
        "image_shape": dataset.image_shape,
        "columns": dataset.columns,
        **({} if dataset.context is None else {"context_columns": dataset.context.columns}),
        "notes": list(dataset.notes),
        "full": {"model": model.settings(), "training": dict(training)},
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
