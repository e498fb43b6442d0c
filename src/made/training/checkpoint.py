"""Checkpoints: everything from which a fit goes on as if it had not stopped.

The order of the rows, the mask and the dropped units of a step are functions of (seed, step). So a checkpoint
needs no state of any random generator: weights, optimizer, step and history are all there is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from made.base import BaseModel
from made.support.errors import InputError, fault_of
from made.support.files import read_tensors, write_tensors
from made.training.checkpoint_checks import check_header, check_optimizer, check_weights, history_from
from made.training.history import History
from made.training.optimizer import Adam, make_optimizer
from made.training.settings import TrainingSettings

__all__ = ["Checkpoint", "best_weights", "fingerprint", "history_of"]

Weights = dict[str, Tensor]
_PARTS = ("weights", "best", "optimizer", "average", "start")


@dataclass
class Checkpoint:
    """The state of a fit between two steps.

    Attributes
    ----------
    step : int
        Steps done.
    weights, best : dict of tensors
        The model's parameters now, and those of its best epoch.
    optimizer : dict of tensors
        By ``parameter.name``.
    history : History
    data : str
        `fingerprint` of training rows, weights and validation rows.
    seconds : float
        Spent so far.
    average : dict of tensors
        The average of the weights, where one is kept.
    start : dict of tensors
        The weights of the outputs at the start, where the fit is shrunk towards them.
    """

    step: int
    weights: Weights
    best: Weights
    optimizer: Weights
    history: History
    data: str
    seconds: float
    average: Weights = field(default_factory=dict)
    start: Weights = field(default_factory=dict)

    def save(self, path: str | Path, model: BaseModel, settings: TrainingSettings) -> None:
        """Write it to a file of the same kind as models."""
        tensors = {
            f"{part}/{name}": tensor for part in _PARTS for name, tensor in getattr(self, part).items()
        }
        header = {
            "model": {"kind": model.kind, "settings": model.settings()},
            "training": settings.as_dict(),
            "step": self.step,
            "history": self.history.as_dict(),
            "data": self.data,
            "seconds": self.seconds,
        }
        write_tensors(path, "checkpoint", header, tensors)

    @classmethod
    def read(cls, path: str | Path, model: BaseModel, settings: TrainingSettings, data: str) -> Checkpoint:
        """Read it for a fit of this model, with these settings, on these data.

        Raises
        ------
        InputError
            If the checkpoint belongs to another fit, or is damaged: the message says what differs.
        """
        own = _read(path)
        header = own.header
        with _damaged(path):
            is_same = _describes(header["model"], model)
        if not is_same:
            raise InputError(f"{path} belongs to a model with other settings: resume with those of the run")
        with _damaged(path):
            differences = settings.differences(TrainingSettings(**header["training"]))
        if differences:
            raise InputError(
                f"{path} was written with another {', '.join(differences)}: resume with the same"
            )
        if header["data"] != data:
            raise InputError(
                f"{path} was written with other rows to train or validate on: resume with the same data"
            )
        state, parts = model.state_dict(), own.parts
        with _damaged(path):
            check_weights("weights", parts["weights"], state)
            if parts["best"] or own.history.best_epoch is not None:
                check_weights("best weights", parts["best"], state)
            averaged = dict(model.named_parameters()) if settings.ema else {}
            check_weights("averages of weights", parts["average"], averaged)
            outputs = enumerate(model.network.output_parameters if settings.shrink else [])
            start = {str(number): weight for number, weight in outputs}
            check_weights("weights at the start", parts["start"], start)
            check_optimizer(parts["optimizer"], make_optimizer(model, settings).parameters)
        return cls(
            step=header["step"],
            history=own.history,
            data=data,
            seconds=header["seconds"],
            **parts,
        )


def best_weights(path: str | Path, model: BaseModel) -> Weights:
    """Return the weights of the best epoch in a checkpoint of a model."""
    own = _read(path).parts["best"]
    with _damaged(path):
        check_weights("best weights", own, model.state_dict())
    return own


def history_of(path: str | Path) -> History:
    """Return the history of the fit in a checkpoint."""
    return _read(path).history


class _Content(NamedTuple):
    """What a checkpoint holds: its header, its history, and tensors by part and name."""

    header: dict[str, Any]
    history: History
    parts: dict[str, Weights]


def _read(path: str | Path) -> _Content:
    """Read a checkpoint of which nothing is known; whether it fits a model is left to be checked."""
    if not Path(path).is_file():
        raise InputError(f"there is no checkpoint {path}")
    kind, header, tensors = read_tensors(path)
    if kind != "checkpoint":
        raise InputError(f"{path} holds a {kind}, not a checkpoint")
    with _damaged(path):
        check_header(header)
        parts: dict[str, Weights] = {part: {} for part in _PARTS}
        for name, tensor in tensors.items():
            part, _, rest = name.partition("/")
            if part not in parts:
                raise InputError(f"{name} is no tensor of a checkpoint")
            parts[part][rest] = tensor
        return _Content(header, history_from(header["history"], header["step"]), parts)


@contextmanager
def _damaged(path: str | Path) -> Iterator[None]:
    """Say of which file it is that something is wrong, whatever a stranger's settings make fail."""
    try:
        yield
    except Exception as error:
        raise InputError(f"{path} is damaged: {fault_of(error)}; delete it to begin its fit again") from error


def optimizer_tensors(optimizer: Adam) -> Weights:
    """Return the state of an optimizer as named tensors."""
    return {
        f"{index}.{name}": tensor
        for index, parameter in enumerate(optimizer.parameters)
        for name, tensor in optimizer.state.get(parameter, {}).items()
    }


def restore_optimizer(optimizer: Adam, tensors: Weights) -> None:
    """Put the state back that `optimizer_tensors` returned."""
    parameters = optimizer.parameters
    optimizer.state.clear()
    for key, tensor in tensors.items():
        index, _, name = key.partition(".")
        parameter = parameters[int(index)]
        optimizer.state[parameter][name] = tensor.to(parameter.device, copy=True)


def fingerprint(*data: Tensor | str | None) -> str:
    """Return a SHA-256 of the rows and weights that a fit sees; a file is represented by its identity."""
    digest = hashlib.sha256()
    for tensor in data:
        if isinstance(tensor, str):
            digest.update(tensor.encode())
            continue
        digest.update(b"none" if tensor is None else f"{tuple(tensor.shape)} {tensor.dtype}".encode())
        if tensor is not None:
            digest.update(tensor.contiguous().cpu().numpy().data)
    return digest.hexdigest()


def _describes(header: dict[str, Any], model: BaseModel) -> bool:
    """Return whether a header describes a model like this one; names of columns are of no matter."""
    if header == {"kind": model.kind, "settings": model.settings()}:
        return True
    if header["kind"] != model.kind:
        return False
    other = type(model).from_settings(header["settings"])  # checkpoints of 0.1 have no schema
    settings, others = model.settings(), other.settings()
    del settings["schema"], others["schema"]
    return (
        settings == others
        and model.variables.settings() == other.variables.settings()
        and model.context.settings() == other.context.settings()
    )
