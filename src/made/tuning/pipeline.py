"""Everything between encoded rows and a fitted model: what `made fit` and `made.auto_fit` have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from functools import cached_property
from pathlib import Path
from typing import Any

from made.baselines import ChowLiuTree
from made.model import MADE
from made.support.devices import find_device
from made.support.errors import InputError
from made.support.resources import check_memory
from made.training.fit import fit
from made.training.history import History
from made.training.memory import check_fit
from made.training.settings import TrainingSettings
from made.tuning.candidates import Candidate
from made.tuning.comparison import Comparison, Outcome
from made.tuning.entrant import with_best_weights
from made.tuning.facts import FEW_ROWS, Facts
from made.tuning.plan import Plan, plan_for
from made.tuning.recipes import DEFAULT, Recipe, as_recipe, build_model, recipe_for
from made.variables.rows import Rows
from made.variables.schema import Schema

__all__ = ["Pipeline"]


class Pipeline:
    """Everything between encoded rows and a fitted model: candidates, their comparison, the final fit.

    Parameters
    ----------
    schema : Schema
        Of the rows.
    train, valid : Rows
        Training and validation rows, with their context; valid is None where too few can be spared.
    seed : int
        Of masks, weights and the order of rows.
    recipe : str
        Name of the recipe.
    network, training : mapping, optional
        What replaces the recipe's settings.
    device : str
        Where to train.
    for_questions : bool
        Whether a model is wanted that answers in any ordering.

    Raises
    ------
    InputError
        If another recipe than the default one is named for such a model.
    """

    def __init__(
        self,
        schema: Schema,
        train: Rows,
        valid: Rows | None,
        *,
        seed: int = 0,
        recipe: str = DEFAULT.name,
        network: Mapping[str, Any] | None = None,
        training: Mapping[str, Any] | None = None,
        device: str = "cpu",
        for_questions: bool = False,
    ) -> None:
        if for_questions and len(train) > FEW_ROWS and schema.image_shape is None:
            schema = schema.with_bits_as_classes()
        # Fitted once, so that all models of the pipeline have the same columns.
        self._unfitted, self.schema = schema, schema.fitted(train)
        self.train, self.valid = train, valid
        self.seed, self.recipe, self.device = seed, recipe, device
        self.network, self.training = dict(network or {}), dict(training or {})
        self.for_questions = for_questions
        if for_questions and recipe != DEFAULT.name:
            raise InputError(
                f"recipe {recipe!r} says which orderings are learned, and so does a model for questions: "
                "leave one of them out"
            )

    def on(self, rows: Rows) -> Pipeline:
        """Return the same on other rows, all of which are trained on."""
        other = copy(self)
        other.train, other.valid = rows, None
        other.schema = self._unfitted.fitted(rows)
        # Settings that follow from the rows stay as they were validated; the tree is of the new ones.
        other.facts = self.facts
        other.__dict__.pop("tree", None)
        return other

    @property
    def is_open(self) -> bool:
        """Whether settings are to be compared: the default recipe, and nothing set by hand."""
        return self.recipe == DEFAULT.name and not (self.network or self.training)

    @cached_property
    def tree(self) -> ChowLiuTree:
        """The Chow-Liu tree of the training rows: a baseline, and the start of some candidates."""
        return ChowLiuTree(self.train.codes.numpy(), self.schema.classes, unseen=self.schema.unseen_masses)

    @property
    def image(self) -> tuple[int, int] | None:
        """The shape of images that can be shifted: all their pixels have the same number of classes."""
        return self.schema.image_shape if len(set(self.schema.classes)) == 1 else None

    @cached_property
    def facts(self) -> Facts:
        """What the choice of settings depends on."""
        tree = (lambda: self.tree) if self.is_open else None
        own = self.schema, self.train, self.valid, tree, self.image
        return Facts.of(*own, for_questions=self.for_questions)

    def plan(self, max_time: float | None = None, *, refit: bool = False) -> Plan:
        """Return which settings are compared and how, for a budget in seconds.

        Raises
        ------
        InputError
            If that takes more memory than there is.
        """
        plan = plan_for(self.facts, max_time, refit=refit)
        if find_device(self.device).type == "cpu":
            check_memory(
                plan.gigabytes * 1e9,
                f"fitting networks to {self.facts.n_features:,} features of these columns",
                "leave columns out (--drop, drop=), or take smaller layers (--hidden, network=)",
            )
        return plan

    def compare(
        self,
        plan: Plan,
        folder: Path,
        *,
        deadline: float | None = None,
        on_best: Callable[[MADE, float], None] | None = None,
        n_workers: int | None = None,
        progress: bool = False,
    ) -> Outcome:
        """Compare the candidates of a plan; see `Comparison`."""
        comparison = Comparison(
            plan,
            self.build,
            self.schema,
            self.train,
            self.valid,
            folder,
            seed=self.seed,
            n_workers=n_workers if find_device(self.device).type == "cpu" else 0,
            deadline=deadline,
            on_best=on_best,
            progress=progress,
        )
        return comparison.run()

    def build(self, candidate: Candidate) -> MADE:
        """Build the model of a candidate, on the device."""
        return self._build(as_recipe(candidate)).to(find_device(self.device))

    def trained(self, candidate: Candidate, checkpoint: Path) -> MADE:
        """Return the model of a candidate with the best weights of its fit."""
        return with_best_weights(self.build(candidate), checkpoint)

    def prepare(self, chosen: Candidate | None = None) -> tuple[MADE, dict[str, Any]]:
        """Build the model, and return it with the settings of its training.

        Parameters
        ----------
        chosen : Candidate, optional
            Of the default recipe; by default what is taken without a comparison.

        Raises
        ------
        InputError
            If a setting makes no sense.
        """
        recipe = recipe_for(self.recipe, self.facts) if chosen is None else as_recipe(chosen)
        training = {**recipe.training, **self.training, "seed": self.seed}
        settings = TrainingSettings(**training)
        model = self._build(recipe).to(find_device(self.device))
        check_fit(model, settings.batch_size, len(self.train))
        return model, training

    def _build(self, recipe: Recipe) -> MADE:
        return build_model(self.schema, self.seed, self.network, recipe, lambda: self.tree, self.train)

    def fit(self, model: MADE, training: Mapping[str, Any], **others: Any) -> History:
        """Fit the model; `others` are what `made.fit` takes besides settings."""
        return fit(model, self.train, False if self.valid is None else self.valid, **training, **others)
