"""Rows of requests as rows of a model, and back: JSON objects, CSV, and streams of Arrow."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from made import data
from made.data.readers import of_frame, of_text
from made.data.text import read_text
from made.model import MADE
from made.runs.encoded_files import encode_file
from made.support.errors import InputError, reason_of
from made.variables.rows import Rows

__all__ = [
    "ARROW",
    "CSV",
    "JSON",
    "as_arrow",
    "as_csv",
    "as_objects",
    "encode_body",
    "encode_objects",
    "encode_together",
    "plain",
]

Objects = Sequence[Mapping[str, Any]]
JSON, CSV, ARROW = "application/json", "text/csv", "application/vnd.apache.arrow.stream"
# What stands for the name of a file in messages.
_SOURCE = "rows"


def encode_objects(model: MADE, objects: Objects, *, to_fill: bool = False) -> Rows:
    """Return objects as rows of a model: columns by name, what an object lacks is unknown.

    Parameters
    ----------
    model : MADE
        Says what the columns are.
    objects : sequence of mappings
        By name of the column; None is a missing value where the column may be missing, else unknown.
    to_fill : bool
        None is unknown everywhere: to be filled in.

    Raises
    ------
    InputError
        If there is no object, a name is unknown to the model in all of them, or a value cannot be.
    """
    if not objects:
        raise InputError(f"{_SOURCE} is empty: give at least one row")
    names = list(dict.fromkeys(name for own in objects for name in own))
    own_names = [column.name for column in model.schema.table]
    # Columns without a header are found by their place: all of them have to be there.
    if not names or (not model.schema.is_named and set(names) <= set(own_names)):
        names = own_names
    table = np.empty((len(objects), len(names)), dtype=object)
    for row, own in enumerate(objects):
        table[row] = [own.get(name) for name in names]
    rows = encode_file(model, data.Raw(_SOURCE, {"all": table}, columns=tuple(names)), to_fill=to_fill)
    absent = _absent(model, objects)
    return rows if absent is None else _without(rows, absent)


def encode_together(model: MADE, asked: Sequence[Objects]) -> list[Rows | InputError]:
    """Return the rows of several requests, each as `encode_objects` does; or what is wrong with them.

    Requests with the same columns, of the same types, are encoded as one table, at a fraction of the cost.
    Numbers that are written as text are read with what stands beside them: these stay apart.
    """
    found: list[Rows | InputError | None] = [None] * len(asked)
    alike: dict[Any, list[int]] = {}
    for place, objects in enumerate(asked):
        key = _kinds(model, objects)
        alike.setdefault(place if key is None else key, []).append(place)
    for places in alike.values():
        try:
            rows = encode_objects(model, [own for place in places for own in asked[place]])
        except InputError as error:
            for place in places:
                found[place] = error if len(places) == 1 else _encoded(model, asked[place])
            continue
        first = 0
        for place in places:
            found[place] = rows[first : first + len(asked[place])]
            first += len(asked[place])
    return [own for own in found if own is not None]


def _encoded(model: MADE, objects: Objects) -> Rows | InputError:
    try:
        return encode_objects(model, objects)
    except InputError as error:
        return error


def _kinds(model: MADE, objects: Objects) -> Any:
    """Return the columns of objects and the types of their values; None where they have to stay apart."""
    kinds = {tuple((name, type(value)) for name, value in own.items()) for own in objects}
    if len(kinds) != 1:
        return None
    (key,) = kinds
    of_text = {own.name for own in model.schema.columns if isinstance((own.labels or (0,))[-1], str)}
    return None if any(kind is str and name not in of_text for name, kind in key) else key


def _absent(model: MADE, objects: Objects) -> NDArray[np.bool_] | None:
    """Return which variables an object lacks, (n, D); None where none lacks any."""
    columns = model.schema.modelled
    names = [own.name if own.part is None else own.part.column for own in columns]
    absent = np.array([[name not in own for name in names] for own in objects])
    return absent if absent.any() else None


def _without(rows: Rows, absent: NDArray[np.bool_]) -> Rows:
    """Return rows some entries of which are unknown, whatever they hold."""
    from dataclasses import replace

    import torch

    known = rows.mask & ~torch.from_numpy(absent).to(rows.codes.device)
    return replace(rows, known=known, scores=None)


def encode_body(model: MADE, body: bytes, kind: str, *, to_fill: bool = False) -> Rows:
    """Return the rows of a body in CSV or Arrow.

    Raises
    ------
    InputError
        If it is not what it is said to be, or does not fit the model.
    """
    if kind == CSV:
        raw = of_text(Path(_SOURCE), read_text(Path(_SOURCE), missing=True, content=body))
    else:
        import polars

        try:
            frame = polars.read_ipc_stream(io.BytesIO(body))
        except Exception as error:  # of damaged bytes polars raises what it likes
            raise InputError(f"the body is no stream of Arrow: {reason_of(error)}") from error
        raw = of_frame(Path(_SOURCE), frame)
    return encode_file(model, raw, to_fill=to_fill)


def as_objects(names: Sequence[str], table: NDArray[Any]) -> list[dict[str, Any]]:
    """Return a table (n, D) as objects, JSON-ready: a gap is None.

    Examples
    --------
    >>> as_objects(["age", "job"], np.array([[30, "clerk"], [float("nan"), None]], dtype=object))
    [{'age': 30, 'job': 'clerk'}, {'age': None, 'job': None}]
    """
    columns = [plain(table[:, d]) for d in range(len(names))]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def plain(values: Any) -> list[Any]:
    """Return values as those of JSON; what is no finite number is None.

    Examples
    --------
    >>> plain(np.array([1.5, float("inf")])), plain([np.int64(3), "a", None])
    ([1.5, None], [3, 'a', None])
    """
    found = values.tolist() if isinstance(values, np.ndarray) else list(values)
    return [_plain(value) for value in found]


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def as_csv(columns: Mapping[str, Sequence[Any]], *, header: bool = True) -> bytes:
    """Return columns as CSV."""
    out = io.BytesIO()
    _frame(columns).write_csv(out, include_header=header)
    return out.getvalue()


def as_arrow(columns: Mapping[str, Sequence[Any]]) -> bytes:
    """Return columns as a stream of Arrow."""
    out = io.BytesIO()
    _frame(columns).write_ipc_stream(out)
    return out.getvalue()


def _frame(columns: Mapping[str, Sequence[Any]]) -> Any:
    import polars

    found = []
    for name, values in columns.items():
        kinds = {type(value) for value in values if value is not None}
        mixed = len(kinds - {int, float}) > (0 if kinds & {int, float} else 1)
        own = [None if v is None else v if isinstance(v, str) else json.dumps(v) for v in values]
        found.append(polars.Series(name, own if mixed else list(values), strict=False))
    return polars.DataFrame(found)
