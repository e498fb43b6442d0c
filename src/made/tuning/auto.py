"""From rows to a fitted model in one call."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from numpy.typing import ArrayLike

from made.data.choices import Choices
from made.data.columns import infer_schema
from made.mixture import Mixture
from made.model import MADE
from made.support.devices import find_device
from made.support.errors import InputError
from made.support.log import log_on_stderr
from made.training.checkpoint import history_of
from made.training.held_out import numbers_apart, set_apart
from made.training.interrupt import deadline_in, time_left
from made.tuning.pipeline import Pipeline
from made.tuning.recipes import DEFAULT
from made.tuning.refit import Fit
from made.tuning.refit import refit as refit_on_all
from made.tuning.update import update as go_on
from made.variables.base import Variable
from made.variables.row_type import RowType
from made.variables.rows import Rows
from made.variables.schema import Schema

__all__ = ["auto_fit"]

_log = logging.getLogger(__name__)


def auto_fit(
    train: ArrayLike,
    valid: ArrayLike | None = None,
    *,
    schema: Schema | Variable | Sequence[Variable] | None = None,
    columns: Mapping[str, str] | None = None,
    drop: Sequence[str] = (),
    seed: int = 0,
    recipe: str = DEFAULT.name,
    network: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
    max_time: float | None = None,
    refit: bool = False,
    update: MADE | None = None,
    device: str = "cpu",
    progress: bool = False,
) -> MADE:
    """Build a model for these rows and fit it, as `made fit` does.

    Size, regularization and the length of the fit follow from the rows; where that leaves a choice, several
    fits begin, and validation rows tell which go on. What was decided is logged, or shown with `progress`.

    Parameters
    ----------
    train : (n, D) array or data frame
        Training rows: numbers, text, gaps; see `made.data.columns.infer_schema` for what becomes of a column.
    valid : (m, D) array or data frame, optional
        Validation rows. Without them a tenth of the training rows is set apart; of fewer than 100 rows none
        are, and all rows are trained on with strong weight decay.
    schema : Schema, Variable or sequence of Variable, optional
        What the columns are; by default inferred from the values. With context columns, `train` and `valid`
        hold all columns.
    columns : mapping of str to str, optional
        Kinds of columns, ``"numeric"`` or ``"category"``, that are not to follow from their values.
    drop : sequence of str
        Columns to leave out.
    seed : int
        Of everything that is drawn.
    recipe : str
        Which recipe's settings; see `made recipes`.
    network, training : mapping, optional
        Arguments of `MADE` and of `made.fit` that replace the recipe's; nothing is compared then.
    max_time : float, optional
        The budget, in seconds: what is compared, and for how long, is chosen to fit it. What is not done by
        then is left out: the best model so far is returned, as after Ctrl-C. By default the budget follows
        from the size of the data.
    refit : bool
        Once settings and length of the fit are chosen, fit anew on training and validation rows together.
    update : MADE, optional
        A fitted model that goes on with these rows, which have its columns: nothing is compared, its network
        stays as it is, and it is not changed itself. The rows that it was fitted on are not seen again, and
        what they alone said is forgotten little by little: a model of all rows together is better, and takes
        longer.
    device : str
        ``"cpu"``, ``"cuda"`` or ``"auto"``: CUDA where there is one.
    progress : bool
        Show a progress bar, and what was decided, on standard error.

    Returns
    -------
    MADE
        Its `schema` describes the columns. Of few rows it may be a `Mixture` of two.

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
    said = bool(columns or drop)
    if update is not None and (schema is not None or said or network or refit or recipe != DEFAULT.name):
        raise InputError(
            "a model that goes on keeps its columns and network: leave schema, columns, drop, network, "
            "recipe and refit out"
        )
    if schema is not None and said:
        raise InputError("a schema says what the columns are: leave columns and drop out")
    with log_on_stderr() if progress else nullcontext():
        pipeline = _pipeline(
            train,
            valid,
            schema if update is None else update.schema,
            Choices(columns or {}, tuple(drop)),
            seed=seed,
            recipe=recipe,
            network=network,
            training=training,
            device=device,
        )
        if update is not None:
            own: dict[str, Any] = {"seed": seed, "training": training, "deadline": deadline}
            start = update.to(find_device(device))
            return go_on(start, pipeline.train, pipeline.valid, **own, progress=progress)[0]
        if not pipeline.is_open:
            model, settings = pipeline.prepare()
            history = pipeline.fit(model, settings, progress=progress, max_time=time_left(deadline))
            fits = [Fit(None, settings, history)]
        else:
            with TemporaryDirectory() as folder:
                plan = pipeline.plan(max_time, refit=refit)
                _log.info("%s", plan)
                outcome = pipeline.compare(plan, Path(folder), deadline=deadline, progress=progress)
                if outcome.model is not None:
                    _log.info("%s; taken: %s", outcome.ended, outcome.candidate.about)
                    return outcome.model
                model, settings = pipeline.prepare(outcome.candidate)
                state = {"checkpoint": outcome.checkpoint, "resume": outcome.checkpoint is not None}
                left = time_left(deadline)
                history = pipeline.fit(model, settings, progress=progress, max_time=left, **state)
                fits = [Fit(outcome.candidate, settings, history)]
                if outcome.partner is not None:
                    partner, file = outcome.partner
                    model = Mixture([model, pipeline.trained(partner, file)])
                    fits.append(Fit(partner, pipeline.prepare(partner)[1], history_of(file)))
        if refit and not history.is_stopped:
            again, _ = refit_on_all(pipeline, fits, deadline=deadline, progress=progress)
            return model if again is None else again
    return model


def _pipeline(
    train: ArrayLike,
    valid: ArrayLike | None,
    schema: Schema | Variable | Sequence[Variable] | None,
    choices: Choices,
    *,
    seed: int,
    **settings: Any,
) -> Pipeline:
    """Encode the rows, set some apart where no validation rows are given, and return their pipeline."""
    if schema is None:
        schema, notes = infer_schema(
            {"train": train, **({} if valid is None else {"valid": valid})},
            choices=choices,
            train=None if valid is not None else lambda n: numbers_apart(n, seed)[0],
        )
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
