"""Going on with a fitted model on new rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from made.base import BaseModel
from made.mixture import Mixture
from made.model import MADE
from made.training.fit import fit
from made.training.history import History
from made.training.interrupt import time_left
from made.tuning.candidates import when_updated
from made.variables.rows import Rows

__all__ = ["update"]


def update(
    model: MADE,
    train: Rows,
    valid: Rows | None,
    *,
    seed: int = 0,
    training: Mapping[str, Any] | None = None,
    checkpoint: Path | None = None,
    deadline: float | None = None,
    on_best: Callable[[BaseModel, float], None] | None = None,
    progress: bool = False,
) -> tuple[MADE, History]:
    """Return a model that goes on from another on new rows; as it was, where validation rows gain nothing.

    The rows that the model was fitted on are not seen again: what they alone said is forgotten little by
    little. Columns, classes and network stay as they are.

    Parameters
    ----------
    model : MADE
        Is not changed. Of a mixture each member goes on.
    train, valid : Rows
        New rows; valid is None where all are trained on.
    seed : int
        Of the order of the rows.
    training : mapping, optional
        Settings that replace those of `when_updated`.
    checkpoint : Path, optional
        Where the fit is kept, and goes on from if it is there; members have one each.
    deadline : float, optional
        When to stop, as `time.monotonic` counts. Members whose turn has not come are as they were.
    on_best : callable, optional
        Called with a better model and its validation NLL, first with the model as it was.
    progress : bool
        Show progress bars.

    Returns
    -------
    model : MADE
    history : History
        Of the latest fit.
    """
    settings = {**when_updated(len(train)), **(training or {}), "seed": seed}
    members = list(model.members) if isinstance(model, Mixture) else [model]
    if on_best is not None and valid is not None:
        on_best(model, float(model.nll(valid).mean()))
    for number, member in enumerate(members):
        own = members[number] = _copy(member)
        file = (
            checkpoint if checkpoint is None or number == 0 else checkpoint.with_stem(f"checkpoint-{number}")
        )
        history = fit(
            own,
            train,
            False if valid is None else valid,
            **settings,
            checkpoint=file,
            resume=file is not None and file.exists(),
            max_time=time_left(deadline),
            on_best=on_best if len(members) == 1 else None,
            progress=progress,
        )
        if on_best is not None and valid is not None:
            whole = _joined(members)
            on_best(whole, float(whole.nll(valid).mean()))
        if history.is_stopped:
            break
    return _joined(members), history


def _copy(model: MADE) -> MADE:
    own = type(model).from_settings(model.settings())
    own.load_state_dict(model.state_dict())
    return own.to(model.device)


def _joined(members: Sequence[MADE]) -> MADE:
    return members[0] if len(members) == 1 else Mixture(members)
