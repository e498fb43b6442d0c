"""The columns of a schema as the settings that files hold: those that are alike are written once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from made.variables.column import Column

__all__ = ["columns_of", "settings_of"]


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
