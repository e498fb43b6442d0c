"""From rows to a fitted model in one call; `made fit` and `made.auto_fit` both go this way."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from numpy.typing import ArrayLike

from made.baselines import ChowLiuTree
from made.data.columns import infer_schema
from made.model import MADE
from made.support.devices import find_device
from made.support.log import log_on_stderr
from made.training.fit import fit
from made.training.held_out import set_apart
from made.training.history import History
from made.training.interrupt import deadline_in, time_left
from made.training.settings import TrainingSettings
from made.tuning.candidates import Candidate, candidates
from made.tuning.chow_liu_init import can_be_tree
from made.tuning.comparison import Comparison, Outcome
from made.tuning.plan import Plan, plan_for
from made.tuning.recipes import DEFAULT, Recipe, as_recipe, build_model, recipe_for
from made.variables.base import Variable
from made.variables.row_type import RowType
from made.variables.rows import Rows
from made.variables.schema import Schema

__all__ = ["Pipeline", "auto_fit"]

_log = logging.getLogger(__name__)


def auto_fit(
    train: ArrayLike,
    valid: ArrayLike | None = None,
    *,
    schema: Schema | Variable | Sequence[Variable] | None = None,
    seed: int = 0,
    recipe: str = DEFAULT.name,
    network: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
    max_time: float | None = None,
    device: str = "cpu",
    progress: bool = False,
) -> MADE:
    """Build a model for these rows and fit it, as `made fit` does.

    Size, regularization and the length of the fit follow from the number of rows; where that leaves a choice,
    shorter fits are compared on the validation rows. What was decided is logged, or shown with `progress`.

    Parameters
    ----------
    train : (n, D) array or data frame
        Training rows: whole numbers or text, of which each column is a category.
    valid : (m, D) array or data frame, optional
        Validation rows. Without them a tenth of the training rows is set apart; of fewer than 100 rows none
        are, and all rows are trained on with strong weight decay.
    schema : Schema, Variable or sequence of Variable, optional
        What the columns are; by default inferred from the values. With context columns, `train` and `valid`
        hold all columns.
    seed : int
        Of everything that is drawn.
    recipe : str
        Which recipe's settings; see `made recipes`.
    network, training : mapping, optional
        Arguments of `MADE` and of `made.fit` that replace the recipe's; nothing is compared then.
    max_time : float, optional
        Stop after so many seconds, with the best model so far. Ctrl-C does the same.
    device : str
        ``"cpu"``, ``"cuda"`` or ``"auto"``: CUDA where there is one.
    progress : bool
        Show a progress bar, and what was decided, on standard error.

    Returns
    -------
    MADE
        Its `schema` describes the columns.

    Raises
    ------
    InputError
        If the rows make no sense.
    TrainingDivergedError
        If the fit diverged; its `model` is the best so far.

    Examples
    --------
    >>> import made
    >>> import numpy as np
    >>> rows = np.repeat(np.eye(4, dtype=int), 30, axis=0)
    >>> model = made.auto_fit(rows)
    >>> bool((model.log_prob(np.eye(4)) > -1.8).all())
    True
    """
    deadline = deadline_in(max_time)
    with log_on_stderr() if progress else nullcontext():
        pipeline = _pipeline(
            train, valid, schema, seed=seed, recipe=recipe, network=network, training=training, device=device
        )
        if not pipeline.is_open:
            model, settings = pipeline.prepare()
            pipeline.fit(model, settings, progress=progress, max_time=time_left(deadline))
            return model
        with TemporaryDirectory() as folder:
            outcome = pipeline.compare(pipeline.plan(), Path(folder), deadline=deadline, progress=progress)
            if outcome.model is not None:
                _log.info(
                    "%s while settings were compared; taken: %s", outcome.ended, outcome.candidate.about
                )
                return outcome.model
            model, settings = pipeline.prepare(outcome.candidate)
            state = {"checkpoint": outcome.checkpoint, "resume": outcome.checkpoint is not None}
            pipeline.fit(model, settings, progress=progress, max_time=time_left(deadline), **state)
    return model


def _pipeline(
    train: ArrayLike,
    valid: ArrayLike | None,
    schema: Schema | Variable | Sequence[Variable] | None,
    *,
    seed: int,
    **settings: Any,
) -> Pipeline:
    """Encode the rows, set some apart where no validation rows are given, and return their pipeline."""
    if schema is None:
        schema, notes = infer_schema({"train": train, **({} if valid is None else {"valid": valid})})
        for note in notes:
            _log.info(note)
    if not isinstance(schema, Schema):
        schema = Schema.of_variables(RowType(schema))
    rows = schema.encode(train)
    rows.check_complete()
    held_out = None if valid is None else schema.encode(valid)
    if held_out is None:
        # Set apart once, so that all fits are compared on the same rows.
        parts = set_apart(rows, seed=seed)
        rows, held_out = cast("Rows", parts.train), cast("Rows | None", parts.valid)
        _log.info(parts.note)
    return Pipeline(schema, rows, held_out, seed=seed, **settings)


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
    ) -> None:
        self.schema, self.train, self.valid = schema, train, valid
        self.seed, self.recipe, self.device = seed, recipe, device
        self.network, self.training = dict(network or {}), dict(training or {})

    @property
    def is_open(self) -> bool:
        """Whether settings are to be compared: the default recipe, and nothing set by hand."""
        return self.recipe == DEFAULT.name and not (self.network or self.training)

    @cached_property
    def tree(self) -> ChowLiuTree:
        """The Chow-Liu tree of the training rows: a baseline, and the start of some candidates."""
        return ChowLiuTree(self.train.codes.numpy(), self.schema.classes)

    @property
    def image(self) -> tuple[int, int] | None:
        """The shape of images that can be shifted: all their pixels have the same number of classes."""
        return self.schema.image_shape if len(set(self.schema.classes)) == 1 else None

    def candidates(self) -> list[Candidate]:
        """Return the candidates for these rows."""
        return candidates(
            len(self.train),
            0 if self.valid is None else len(self.valid),
            n_features=self.schema.row_type.n_inputs,
            trees=can_be_tree(self.schema),
            image=self.image,
        )

    def plan(self) -> Plan:
        """Return what a comparison of the candidates will do."""
        return plan_for(self.candidates())

    def compare(
        self,
        plan: Plan,
        folder: Path,
        *,
        deadline: float | None = None,
        on_best: Callable[[MADE], None] | None = None,
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

    def prepare(self, chosen: Candidate | str | None = None) -> tuple[MADE, dict[str, Any]]:
        """Build the model, and return it with the settings of its training.

        Parameters
        ----------
        chosen : Candidate or str, optional
            Which candidate of the default recipe, or its `about`; by default what is taken without a
            comparison.

        Raises
        ------
        InputError
            If a setting makes no sense.
        """
        if isinstance(chosen, Candidate):
            recipe = as_recipe(chosen)
        else:
            recipe = recipe_for(self.recipe, len(self.train), chosen, self.image)
        training = {**recipe.training, **self.training, "seed": self.seed}
        TrainingSettings(**training)
        return self._build(recipe).to(find_device(self.device)), training

    def _build(self, recipe: Recipe) -> MADE:
        return build_model(self.schema, self.seed, self.network, recipe, tree=lambda: self.tree)

    def fit(self, model: MADE, training: Mapping[str, Any], **others: Any) -> History:
        """Fit the model; `others` are what `made.fit` takes besides settings."""
        return fit(model, self.train, False if self.valid is None else self.valid, **training, **others)
