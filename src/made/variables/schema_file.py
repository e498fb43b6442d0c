"""Schemas as files that people edit: one entry for each column, with what may be said of it and no more."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from made.support.errors import InputError
from made.support.writing import write_aside
from made.variables.column import NUMBER, Column
from made.variables.column_settings import KINDS, OPEN_KINDS, check_settings, kind_of, settings_said
from made.variables.schema_edits import EditableColumns

__all__ = ["entries_of", "parts_said", "read_entries", "write_schema"]

_DROP = "drop"
# What any entry may hold beside the settings of its kind; why is for people, and not read.
_COMMON = ("name", "kind", "note", "context", "why")


def entries_of(schema: EditableColumns) -> list[dict[str, Any]]:
    """Return what a file holds of a schema, an entry for each column; those left out are dropped.

    Examples
    --------
    >>> from made.variables.schema import Schema
    >>> columns = (Column("age", "numeric", {"step": 1.0, "rounds": True}),)
    >>> entries_of(Schema(columns, left_out=(("id", "counts the rows"),)))  # doctest: +NORMALIZE_WHITESPACE
    [{'name': 'age', 'kind': 'numeric', 'step': 1.0, 'rounds': True, 'spikes': []},
     {'name': 'id', 'kind': 'drop', 'why': 'counts the rows'}]
    """
    entries = []
    for own in schema.table:
        column = schema.columns[own.places[0]]
        if column.kind == NUMBER:
            raise InputError(
                f"column {column.name!r} is a number of context: its schema goes through no file"
            )
        entry: dict[str, Any] = {"name": own.name, "kind": kind_of(column), **settings_said(column)}
        entry |= {"context": True} if own.places[0] in schema.context_places else {}
        entry |= {"note": column.note} if column.note else {}
        why = "" if column.found is None else column.found.why
        entries.append({**entry, **({"why": why} if why else {})})
    return [*entries, *({"name": name, "kind": _DROP, "why": why} for name, why in schema.left_out)]


def parts_said(
    entries: Sequence[Mapping[str, Any]], source: str
) -> tuple[tuple[Column, ...], tuple[int, ...], tuple[tuple[str, str], ...]]:
    """Return columns, places of context and columns left out, as entries say; see `Schema.of_entries`.

    Raises
    ------
    InputError
        For what is not known or makes no sense; it names the column and the key.
    """
    columns: list[Column] = []
    left_out: list[tuple[str, str]] = []
    context: list[int] = []
    for number, entry in enumerate(entries):
        if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
            raise InputError(
                f'{source}: entry {number} (counted from 0) needs a "name", the text of a header'
            )
        name, kind = entry["name"], entry.get("kind")
        if kind not in (*KINDS, _DROP):
            said = 'has no "kind"' if kind is None else f"has the kind {json.dumps(kind)}"
            raise InputError(f"{source}: column {name!r} {said}: it is {', '.join(KINDS)} or {_DROP}")
        if kind == _DROP:
            left_out.append((name, str(entry.get("why", "dropped"))))
            continue
        settings = {key: value for key, value in entry.items() if key not in _COMMON}
        try:
            check_settings(name, kind, settings)
        except InputError as error:
            raise InputError(f"{source}: {error}") from None
        if entry.get("context"):
            context.append(len(columns))
        columns.append(Column(name, OPEN_KINDS[kind], settings, str(entry.get("note", "")), is_open=True))
    return tuple(columns), tuple(context), tuple(left_out)


def read_entries(path: str | Path) -> list[Any]:
    """Return the entries of a schema file; see `Schema.read`."""
    try:
        if Path(path).exists() and not (Path(path).is_file() or Path(path).is_dir()):
            raise InputError(f"{path}: a pipe, device or terminal; a schema is a file")
        content = json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as error:
        raise InputError(
            f"{path}: not JSON, from line {error.lineno}, column {error.colno} on: {error.msg}"
        ) from None
    except InputError:
        raise
    except RecursionError:
        raise InputError(f"{path}: not a schema, it is nested too deep") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise InputError(f"{path}: cannot be read: {reason}; made schema DATA -o FILE writes one") from None
    entries = content.get("columns") if isinstance(content, dict) else None
    if not isinstance(entries, list) or not entries:
        raise InputError(f'{path}: a schema is {{"columns": [...]}}, see made schema DATA -o FILE')
    others = [key for key in content if key != "columns"]
    if others:
        raise InputError(f'{path}: {others[0]!r} is not known beside "columns": leave it out')
    return entries


def write_schema(schema: EditableColumns, path: str | Path) -> None:
    """Write a schema file, a line for each column; see `Schema.write`."""
    lines = ",\n".join("  " + _written(entry) for entry in entries_of(schema))
    write_aside(path, f'{{"columns": [\n{lines}\n]}}\n'.encode())


def _written(entry: Mapping[str, Any]) -> str:
    """Return an entry as JSON: escaped where it holds halves of characters, which UTF-8 has not."""
    text = json.dumps(entry, ensure_ascii=False)
    return json.dumps(entry) if re.search("[\ud800-\udfff]", text) else text
