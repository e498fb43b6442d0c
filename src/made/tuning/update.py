"""Going on with a fitted model on new rows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from made.mixture import Mixture
from made.model import MADE
from made.training.fit import fit
from made.training.history import History
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
    **others: Any,
) -> tuple[MADE, History]:
    """Return a model that goes on from another on new rows; where these do not help it, it is as it was.

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
    **others
        What `made.fit` takes besides settings.

    Returns
    -------
    model : MADE
    history : History
        Of the first member's fit.
    """
    settings = {**when_updated(len(train)), **(training or {}), "seed": seed}
    members = list(model.members) if isinstance(model, Mixture) else [model]
    done = []
    for number, member in enumerate(members):
        own = type(member).from_settings(member.settings())
        own.load_state_dict(member.state_dict())
        own.to(model.device)
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
            **others,
        )
        done.append((own, history))
    models = [own for own, _ in done]
    return (Mixture(models) if len(models) > 1 else models[0]), done[0][1]
