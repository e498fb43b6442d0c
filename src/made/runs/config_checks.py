"""What ``settings.json`` of a run may hold: checked where a run is gone on with, as people edit files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from made.network.settings import NETWORK_SETTINGS, NetworkSettings
from made.support.errors import InputError
from made.support.json_values import is_number, is_whole
from made.support.settings import check_names
from made.training.settings import TRAINING_SETTINGS, TrainingSettings

__all__ = ["check_plan", "check_settings"]

Check = Callable[[Any], bool]


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _or_none(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _is_hidden(value: Any) -> bool:
    sizes = value if isinstance(value, list) else [value]
    return all(is_whole(size, 1) for size in sizes)


def _list_of(check: Check, least: int = 0) -> Check:
    return lambda value: isinstance(value, list) and len(value) >= least and all(map(check, value))


def _has_layers(model: Any) -> bool:
    """Return whether the hidden layers of a candidate are a list of one at least, as made writes them."""
    return _is_object(model) and _list_of(lambda size: is_whole(size, 1), 1)(model.get("hidden", [1]))


def _is_place(value: Any) -> bool:
    return _is_text(value) or is_whole(value)


_SETTINGS: dict[str, Check] = {
    "data": _is_object,
    "recipe": _is_text,
    "chosen": _or_none(_is_text),
    "partner": _or_none(_is_text),
    "plan": _is_object,
    "model": _is_object,
    "training": _is_object,
    "coding": _or_none(_is_text),
    "for_questions": _is_bool,
    "refit": _is_bool,
    "update": _or_none(_is_text),
    "full": lambda own: _is_object(own) and _is_object(own.get("model")) and _is_object(own.get("training")),
    "begun": _or_none(_is_text),
    "notes": _list_of(_is_text),
}
_DATA: dict[str, Check] = {
    "name": lambda own: _is_text(own) or _list_of(_is_text, 1)(own),
    "data_dir": _or_none(_is_text),
    "seed": is_whole,
    "context": _list_of(_is_place),
    "kinds": lambda own: _is_object(own) and all(map(_is_text, own.values())),
    "drop": _list_of(_is_text),
    "schema": _or_none(_list_of(_is_object, 1)),
    "group": _or_none(_is_place),
    "time": _or_none(_is_place),
    "protect": _is_bool,
}
_PLAN: dict[str, Check] = {
    "candidates": _list_of(_is_object, 1),
    "rungs": _list_of(_is_object),
    "budget": is_number,
    "seconds": is_number,
    "gigabytes": is_number,
    "facts": _or_none(lambda own: _is_object(own) and is_whole(own.get("n_valid"))),
}
_CANDIDATE: dict[str, Check] = {
    "about": _is_text,
    "model": _has_layers,
    "training": lambda own: _is_object(own) and is_whole(own.get("epochs"), 1),
    "is_tree": _is_bool,
    "is_copula": _is_bool,
    "is_sharp": _is_bool,
}
_RUNG: dict[str, Check] = {
    "fraction": lambda own: is_number(own) and 0 < own <= 1,
    "n_kept": lambda own: is_whole(own, 1),
}


def check_settings(settings: Mapping[str, Any]) -> None:
    """Check that what a run was begun with has the types that it should have.

    Raises
    ------
    InputError
        For the first entry that has not; the message is to stand after the name of the file.

    Examples
    --------
    >>> check_settings({"data": {"name": "digits", "data_dir": None, "seed": "7"}})
    Traceback (most recent call last):
        ...
    made.support.errors.InputError: data: seed is not what made writes there
    """
    _check("", settings, _SETTINGS)
    _check_both("", settings)
    _check("data: ", settings["data"], _DATA)


def check_plan(entries: Mapping[str, Any]) -> None:
    """Check that what a comparison was to do has the types that it should have; as `check_settings` does."""
    _check("plan: ", entries, _PLAN)
    _check_there("plan: ", entries, ("candidates", "rungs"))
    for candidate in entries["candidates"]:
        _check_there("a candidate: ", candidate, ("about", "model", "training"))
        _check("a candidate: ", candidate, _CANDIDATE)
        _check_both("a candidate: ", candidate)
    for rung in entries["rungs"]:
        _check_there("a rung: ", rung, _RUNG)
        _check("a rung: ", rung, _RUNG)
    fractions = [rung["fraction"] for rung in entries["rungs"]]
    if fractions != sorted(set(fractions)):
        raise InputError("plan: its rungs are not in order")
    names = [candidate["about"] for candidate in entries["candidates"]]
    if len(set(names)) < len(names):
        raise InputError("plan: a candidate is in it twice")


def _check_there(where: str, entries: Mapping[str, Any], names: Iterable[str]) -> None:
    for name in names:
        if name not in entries:
            raise InputError(f"{where}{name} is not there")


def _check_both(where: str, entries: Mapping[str, Any]) -> None:
    """Check settings of a network and of its training, as far as that is possible without rows."""
    model, training = entries.get("model", {}), entries.get("training", {})
    check_names(model, NETWORK_SETTINGS, f"{where}model")
    check_names(training, TRAINING_SETTINGS, f"{where}training")
    if not _is_hidden(model.get("hidden", 1)):
        raise InputError(f"{where}hidden is not what made writes there")
    try:
        NetworkSettings(**model)
        TrainingSettings(**training)
    except InputError as error:
        raise InputError(f"{where}{error}") from None


def _check(where: str, entries: Mapping[str, Any], checks: Mapping[str, Check]) -> None:
    for name, is_right in checks.items():
        if name in entries and not is_right(entries[name]):
            raise InputError(f"{where}{name} is not what made writes there")
