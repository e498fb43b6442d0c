"""What a run is to do: data, folder and settings, and how they are written into the folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from made.data.choices import Choices
from made.data.loading import origin_of
from made.runs.config_checks import check_plan, check_settings
from made.runs.folder import RunFolder
from made.support.errors import InputError
from made.tuning.candidates import Candidate
from made.tuning.plan import Plan
from made.tuning.recipes import DEFAULT

__all__ = ["RunConfig"]


@dataclass(frozen=True)
class RunConfig:
    """The data, the folder and the settings of a run.

    Parameters
    ----------
    data : str or sequence of str
        Name or path of the data set, or several paths.
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
    choices : Choices
        What is said about columns.
    recipe : str
        Which recipe's settings; see `made.tuning.recipes.RECIPES`.
    chosen : str, optional
        Which candidate of the default recipe; None until one is chosen.
    plan : Plan, optional
        How candidates are compared, where they are.
    max_time : float, optional
        The budget in seconds; the run stops when it is over.
    for_questions : bool
        Whether a model is wanted that answers in any ordering.
    refit : bool
        Fit anew on training and validation rows together, once the length of the fit is known.
    together : mapping, optional
        Of a fit by several ranks: how many, and what tells their launch from others.
    update : str, optional
        Run folder or model file of a model that goes on with these rows.
    partner : str, optional
        Which candidate the chosen one is mixed with, at the end.
    full : mapping, optional
        All settings of model and training, of a run of version 0.1 whose settings were compared: it has no
        plan.
    """

    data: str | Sequence[str]
    folder: Path
    seed: int
    data_dir: str | None
    model: Mapping[str, Any]
    training: Mapping[str, Any]
    coding: str | None = None
    device: str = "auto"
    context: tuple[str | int, ...] = ()
    choices: Choices = field(default_factory=Choices)
    recipe: str = DEFAULT.name
    chosen: str | None = None
    plan: Plan | None = None
    max_time: float | None = None
    for_questions: bool = False
    refit: bool = False
    update: str | None = None
    partner: str | None = None
    full: Mapping[str, Any] | None = None
    together: Mapping[str, Any] | None = None

    @property
    def candidate(self) -> Candidate | None:
        """The candidate that was chosen, out of the plan."""
        tried = () if self.plan is None else self.plan.candidates
        return next((own for own in tried if own.about == self.chosen), None)

    def settings(self) -> dict[str, Any]:
        """Return what a resumed run needs, JSON-ready; paths are absolute."""
        return {
            "data": {
                "name": origin_of(self.data),
                "data_dir": None if self.data_dir is None else str(Path(self.data_dir).resolve()),
                "seed": self.seed,
                **({"context": list(self.context)} if self.context else {}),
                **self.choices.as_dict(),
            },
            "recipe": self.recipe,
            "chosen": self.chosen,
            **({} if self.partner is None else {"partner": self.partner}),
            **({} if self.plan is None else {"plan": self.plan.as_dict()}),
            "model": dict(self.model),
            "coding": self.coding,
            "training": dict(self.training),
            **({"for_questions": True} if self.for_questions else {}),
            **({"refit": True} if self.refit else {}),
            **({} if self.together is None else {"together": dict(self.together)}),
            **({} if self.update is None else {"update": str(Path(self.update).resolve())}),
        }

    @classmethod
    def of(cls, folder: Path, device: str = "auto") -> RunConfig:
        """Read the config of the run in a folder.

        Raises
        ------
        InputError
            If there is none, or it is damaged.
        """
        settings, own = RunFolder(folder).read_json("settings.json"), RunFolder(folder).origin
        try:
            check_settings(settings)
            if "plan" in settings:
                check_plan(settings["plan"])
            choices = Choices.from_dict(own)
            plan = Plan.from_dict(settings["plan"]) if "plan" in settings else None
        except InputError as error:
            raise InputError(f"{folder / 'settings.json'} is damaged: {error}; begin a new run") from None
        return cls(
            data=own["name"],
            folder=folder,
            seed=own["seed"],
            data_dir=own["data_dir"],
            context=tuple(own.get("context", ())),
            choices=choices,
            model=settings.get("model", {}),
            coding=settings.get("coding"),
            training=settings.get("training", {}),
            recipe=settings.get("recipe", DEFAULT.name),
            chosen=settings.get("chosen"),
            plan=plan,
            partner=settings.get("partner"),
            for_questions=settings.get("for_questions", False),
            refit=settings.get("refit", False),
            update=settings.get("update"),
            together=settings.get("together"),
            full=None if "plan" in settings or settings.get("chosen") is None else settings.get("full"),
            device=device,
        )
