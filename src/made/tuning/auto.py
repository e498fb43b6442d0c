"""From rows to a fitted model in one call."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from made.data.choices import Choices
from made.data.columns import infer_schema
from made.data.protect import protected_rows
from made.data.splits import apart_by_column, column_of
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
from made.variables import frames
from made.variables.base import Variable
from made.variables.row_type import RowType
from made.variables.rows import Rows
from made.variables.schema import Schema
from made.variables.schema_parts import check_columns

__all__ = ["auto_fit"]

_log = logging.getLogger(__name__)


def auto_fit(
    train: ArrayLike,
    valid: ArrayLike | None = None,
    *,
    schema: Schema | Variable | Sequence[Variable] | None = None,
    columns: Mapping[str, str] | None = None,
    drop: Sequence[str] = (),
    group: str | int | None = None,
    time: str | int | None = None,
    protect: bool = False,
    seed: int = 0,
    recipe: str = DEFAULT.name,
    network: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
    max_time: float | None = None,
    refit: bool = False,
    update: MADE | None = None,
    for_questions: bool = False,
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
        What the columns are; by default inferred from the values. `made.infer_schema` returns one to be
        edited, `Schema.read` one from a file; what it does not say follows from the values. With context
        columns, `train` and `valid` hold all columns.
    columns : mapping of str to str, optional
        Kinds of columns, ``"numeric"`` or ``"category"``, that are not to follow from their values.
    drop : sequence of str
        Columns to leave out.
    group, time : str or int, optional
        A column that says which rows belong together, where no validation rows are given: those of one group
        are all trained on, or all validated on; or the latest rows are validated on. A column of groups is
        not modelled, unless it has a kind or stands in the schema.
    protect : bool
        Keep rare labels, minima and maxima out of the model, see `made.data.protect.protected`.
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
    for_questions : bool
        Fit a model for questions in any ordering: it learns new orderings all along (of images those with
        regions first), for longer. Answers with the observed columns first are then nearly as good as those
        of a model that had learned that ordering alone; log p itself is a little worse, and takes eight
        passes. See docs/queries.md for figures.
    device : str
        ``"cpu"``, ``"cuda"`` or ``"auto"``: CUDA where there is one.
    progress : bool
        Show a progress bar, and what was decided, on standard error.

    Returns
    -------
    MADE
        Its `schema` describes the columns. Of few rows it may be a `Mixture` of two. Fitted on a data frame,
        it draws frames of that library with the types of its columns.

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
    if valid is not None and (group is not None or time is not None):
        raise InputError("validation rows are given, and nothing is left to split: leave group and time out")
    others = said or protect or network or refit or for_questions or recipe != DEFAULT.name
    if update is not None and (schema is not None or others):
        raise InputError(
            "a model that goes on keeps its columns and network: leave schema, columns, drop, protect, "
            "network, recipe, refit and for_questions out"
        )
    if schema is not None and said:
        raise InputError("a schema says what the columns are: leave columns and drop out")
    with log_on_stderr() if progress else nullcontext():
        pipeline = _pipeline(
            train,
            valid,
            schema if update is None else update.schema,
            Choices(columns or {}, tuple(drop), group=group, time=time, protect=protect),
            keeps_fitted=update is not None,
            seed=seed,
            recipe=recipe,
            network=network,
            training=training,
            device=device,
            for_questions=for_questions,
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
    keeps_fitted: bool,
    seed: int,
    **settings: Any,
) -> Pipeline:
    """Encode the rows, set some apart where no validation rows are given, and return their pipeline."""
    apart = None if valid is not None else _apart(train, choices, seed)
    if not (schema is None or isinstance(schema, Schema)):
        schema = Schema.of_variables(RowType(schema))
    if schema is None or schema.is_open or choices.protect:
        schema, notes = infer_schema(
            {"train": train, **({} if valid is None else {"valid": valid})},
            choices=replace(choices, schema=schema),
            train=None if valid is not None else lambda n: (apart or numbers_apart(n, seed))[0],
        )
        for note in notes:
            _log.info(note)
    elif not keeps_fitted:
        schema = schema.unfitted()  # these rows set it, whatever others have set
    if frames.is_frame(train) and schema.frame is None:
        schema = schema.of_frame(train, only_classes=choices.protect)
    if choices.protect:
        train, valid = _protected(schema, train), None if valid is None else _protected(schema, valid)
    for part in (train, valid):
        if frames.is_frame(part):
            check_columns(schema, part)
    rows = schema.encode(train)
    rows.check_complete()
    held_out = None if valid is None else schema.encode(valid)
    if apart is not None:
        kept, own, note = apart
        rows, held_out = rows[torch.from_numpy(kept)], rows[torch.from_numpy(own)]
        _log.info(note)
    elif held_out is None:
        # Set apart once, so that all fits are compared on the same rows.
        parts = set_apart(rows, seed=seed)
        rows, held_out = cast("Rows", parts.train), cast("Rows | None", parts.valid)
        _log.info(parts.note)
    return Pipeline(schema, rows, held_out, seed=seed, **settings)


def _protected(schema: Schema, rows: Any) -> NDArray[Any]:
    """Return rows of a table as the columns of a protected schema have them."""
    plain = replace(schema, context_places=())
    if frames.is_frame(rows):
        names = [own.name for own in schema.table] if schema.is_named else frames.names_of(rows)
        rows = frames.values_of(rows, names)
    parts = plain.table_of(rows if isinstance(rows, np.ndarray) else np.array(rows, dtype=object))[0]
    return protected_rows(plain, parts)


def _apart(
    train: ArrayLike, choices: Choices, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], str] | None:
    """Return which rows are trained on, which are set apart, and how, where a column says so."""
    if choices.split_by is None:
        return None
    table, names = column_of(train, choices.split_by)
    n_valid = len(numbers_apart(len(table), seed)[1])
    if n_valid == 0:  # all are trained on
        return None
    by = Choices(group=names[0]) if choices.time is None else Choices(time=names[0])
    return apart_by_column(table, names, by, seed, n_valid / len(table))
