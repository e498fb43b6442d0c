"""What a checkpoint may hold: checked before anything of it is used, as it may be damaged or forged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor, nn

from made.support.errors import InputError
from made.support.json_values import is_number, is_whole
from made.training.history import EpochRecord, History

__all__ = [
    "check_header",
    "check_optimizer",
    "check_weights",
    "history_from",
]

_OPTIMIZER = ("exp_avg", "exp_avg_sq", "step")


def check_header(header: Mapping[str, Any]) -> None:
    """Check that the header of a checkpoint says all that it should, in the types that it should.

    Raises
    ------
    InputError
        For the first entry that does not; the message is to stand after the name of the file.

    Examples
    --------
    >>> check_header({"step": -1})
    Traceback (most recent call last):
        ...
    made.support.errors.InputError: its header is no checkpoint's: model
    """
    checks: dict[str, Callable[[Any], bool]] = {
        "model": lambda own: (
            isinstance(own, dict)
            and isinstance(own.get("kind"), str)
            and isinstance(own.get("settings"), dict)
        ),
        "training": lambda own: isinstance(own, dict),
        "step": is_whole,
        "history": lambda own: isinstance(own, dict),
        "data": lambda own: isinstance(own, str),
        "seconds": lambda own: is_number(own) and own >= 0,
    }
    for name, is_right in checks.items():
        if name not in header or not is_right(header[name]):
            raise InputError(f"its header is no checkpoint's: {name}")
    others = sorted(header.keys() - checks.keys())
    if others:
        raise InputError(f"its header is no checkpoint's: {others[0]}")


def history_from(entries: Mapping[str, Any], step: int) -> History:
    """Return the history in a checkpoint that was written after so many steps.

    Raises
    ------
    InputError
        If it is none, or not of so many steps; the message is to stand after the name of the file.
    """
    known = {own.name for own in fields(History)}
    records, losses = entries.get("epochs"), entries.get("batch_losses")
    if not {"epochs", "batch_losses", "best_epoch", "ended"} <= entries.keys() <= known:
        raise InputError("its history is incomplete, or says more than made does")
    if not isinstance(records, list) or not records or not all(map(_is_record, records)):
        raise InputError("the epochs of its history are damaged")
    if [own["epoch"] for own in records] != list(range(len(records))):
        raise InputError("the epochs of its history are not in order")
    steps = [own["step"] for own in records]
    if steps != sorted(steps) or steps[0] != 0 or steps[-1] > step:
        raise InputError("the steps of its history are not in order")
    if len({own["valid_nll"] is None for own in records}) > 1:
        raise InputError("some epochs of its history are validated, and some are not")
    if not isinstance(losses, list) or len(losses) != step or not all(map(is_number, losses)):
        raise InputError(f"its history has no loss of each of its {step:,} steps")
    best = entries["best_epoch"]
    if not (best is None or (is_whole(best) and best < len(records))):
        raise InputError("the best epoch of its history is none of its epochs")
    words = [entries["ended"], entries.get("steps", ""), *_listed(entries.get("notes", []))]
    if not all(isinstance(own, str) for own in words):
        raise InputError("the words of its history are no text")
    if not all(is_number(own) and 0 <= own <= 1 for own in _listed(entries.get("shares", []))):
        raise InputError("the shares of its history are none between 0 and 1")
    return History.from_dict(dict(entries))


def _is_record(record: Any) -> bool:
    if not isinstance(record, dict) or record.keys() != {own.name for own in fields(EpochRecord)}:
        return False
    optional = ("train_loss", "valid_nll", "valid_se")
    return (
        all(is_whole(record[name]) for name in ("epoch", "step"))
        and all(record[name] is None or is_number(record[name]) for name in optional)
        and all(is_number(record[name]) for name in ("learning_rate", "seconds"))
    )


def _listed(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list) else [None]


def check_weights(what: str, weights: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """Check that tensors are finite numbers of the names, shapes and types of others.

    Raises
    ------
    InputError
        For the first that is not; the message is to stand after the name of the file.

    Examples
    --------
    >>> check_weights("weights", {"a": torch.zeros(2)}, {"a": torch.zeros(3)})
    Traceback (most recent call last):
        ...
    made.support.errors.InputError: its weights do not fit the model: a
    """
    for name in sorted(weights.keys() | expected.keys()):
        own, wanted = weights.get(name), expected.get(name)
        if own is None or wanted is None or own.shape != wanted.shape or own.dtype != wanted.dtype:
            raise InputError(f"its {what} do not fit the model: {name}")
        if own.is_floating_point() and not bool(torch.isfinite(own).all()):
            raise InputError(f"its {what} are not finite: {name}")


def check_optimizer(tensors: Mapping[str, Tensor], parameters: Iterable[nn.Parameter | Tensor]) -> None:
    """Check that tensors are the state of an optimizer of some parameters; each has all of it, or nothing.

    Raises
    ------
    InputError
        If they are not; the message is to stand after the name of the file.
    """
    found: dict[str, Tensor] = {}
    for number, parameter in enumerate(parameters):
        wanted = {f"{number}.{name}": parameter for name in _OPTIMIZER[:2]}
        wanted[f"{number}.step"] = torch.zeros(())
        if not wanted.keys() & tensors.keys():
            continue
        own = {name: tensors[name] for name in wanted if name in tensors}
        check_weights("optimizer's numbers", own, wanted)
        steps, squares = own[f"{number}.step"], own[f"{number}.exp_avg_sq"]
        if float(steps) != round(float(steps)) or float(steps) < 0 or bool((squares < 0).any()):
            raise InputError(f"its optimizer's numbers are damaged: {number}")
        found |= own
    others = sorted(tensors.keys() - found.keys())
    if others:
        raise InputError(f"its optimizer's numbers do not fit the model: {others[0]}")
