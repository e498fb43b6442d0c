"""The columns of a schema as the settings that files hold: those that are alike are written once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from made.support.errors import InputError
from made.support.json_values import is_number, is_whole
from made.variables.column import Column

__all__ = ["check_entries", "columns_of", "settings_of"]

_KEYS = {
    *("columns", "context_places", "names", "is_named", "image_shape", "notes", "parts", "found", "left_out"),
    *("frame", "dtypes"),
}
_LIBRARIES = ("pandas", "polars")


def check_entries(entries: Mapping[str, Any], n: int) -> None:
    """Check that what a file says beside the variables of n columns has the types that it should have.

    Raises
    ------
    InputError
        For the first that has not; it names the key.

    Examples
    --------
    >>> check_entries({"names": ["age", 7], "is_named": True}, 2)
    Traceback (most recent call last):
        ...
    made.support.errors.InputError: its schema is damaged: names
    """
    names, shape, frame = (entries.get(key) for key in ("names", "image_shape", "frame"))
    places, runs = entries.get("context_places", []), entries.get("dtypes", [[None, n]])
    notes, parts, found = (entries.get(key, {}) for key in ("notes", "parts", "found"))
    left_out = entries.get("left_out", [])
    known = {*map(str, names)} if isinstance(names, list) else {f"x{d}" for d in range(n)}
    checks = {
        "names": names is None or (_are_texts(names) and len(names) == n),
        "is_named": isinstance(entries["is_named"], bool),
        "context_places": isinstance(places, list)
        and all(is_whole(place, 0) and place < n for place in places)
        and len(set(places)) == len(places),
        "image_shape": shape is None or (_is_list(shape, 2) and all(is_whole(side, 1) for side in shape)),
        "notes": isinstance(notes, dict) and notes.keys() <= known and _are_texts(list(notes.values())),
        "parts": isinstance(parts, dict) and parts.keys() <= known and all(map(_is_part, parts.values())),
        "found": isinstance(found, dict) and found.keys() <= known and all(map(_is_found, found.values())),
        "left_out": isinstance(left_out, list)
        and all(_is_list(own, 2) and _are_texts(own) for own in left_out),
        "frame": frame is None
        or (
            isinstance(frame, dict)
            and frame.keys() <= {"library", "is_numbered"}
            and frame.get("library") in _LIBRARIES
            and isinstance(frame.get("is_numbered", False), bool)
        ),
        "dtypes": isinstance(runs, list)
        and all(_is_list(run, 2) and is_whole(run[1], 1) and _is_dtype(run[0]) for run in runs)
        and sum(run[1] for run in runs) == n,
    }
    wrong = [key for key, is_right in checks.items() if not is_right] + sorted(entries.keys() - _KEYS)
    if wrong:
        raise InputError(f"its schema is damaged: {wrong[0]}")


def _is_list(value: Any, size: int) -> bool:
    return isinstance(value, list) and len(value) == size


def _are_texts(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(own, str) for own in values)


def _is_dtype(value: Any) -> bool:
    return value is None or isinstance(value, str) or (isinstance(value, dict) and "name" in value)


def _is_found(value: Any) -> bool:
    if not isinstance(value, dict) or value.keys() - {"why", "missing", "low", "high"}:
        return False
    numbers = [own for key, own in value.items() if key != "why" and own is not None]
    return isinstance(value.get("why", ""), str) and all(map(is_number, numbers))


def _is_part(value: Any) -> bool:
    form = value.get("form") if isinstance(value, dict) else None
    return (
        isinstance(form, dict)
        and _are_texts([*form.values(), value.get("column"), value.get("part")])
        and _are_texts(value.get("span", []))
    )


def columns_of(settings: Sequence[Mapping[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """Return kind and arguments of every variable that `RowType.settings` describes."""
    columns: list[tuple[str, dict[str, Any]]] = []
    for entry in settings:
        arguments = dict(entry)
        kind, n = arguments.pop("kind"), arguments.pop("n")
        columns += [(kind, arguments)] * n
    return columns


def _runs(columns: Sequence[Column]) -> list[tuple[tuple[str, Mapping[str, Any]], int]]:
    """Return kind and arguments that neighbouring columns share, and how many there are of each."""
    runs: list[tuple[tuple[str, Mapping[str, Any]], int]] = []
    for column in columns:
        own = (column.kind, column.arguments)
        if runs and runs[-1][0] == own:
            runs[-1] = (own, runs[-1][1] + 1)
        else:
            runs.append((own, 1))
    return runs


def settings_of(columns: Sequence[Column]) -> list[dict[str, Any]]:
    """Return what `RowType.from_settings` reads, an entry for each run of neighbours that are alike."""
    return [{"kind": kind, **dict(arguments), "n": n} for (kind, arguments), n in _runs(columns)]
