"""Tables of JSON lines: an object a line, whose names are those of the columns."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from made.data.content import read_content
from made.data.faults import Fault
from made.data.words import LARGEST_EXACT
from made.support.errors import InputError

if TYPE_CHECKING:
    import polars

__all__ = ["JsonTable", "read_json_lines"]


class JsonTable(NamedTuple):
    """What a file of JSON lines holds.

    Attributes
    ----------
    frame : DataFrame
        A row for each line that is an object.
    lines : (n,) int array
        The number of each line that is not blank, counted from 1.
    faults : tuple of Fault
        Lines that are no object of plain values.
    """

    frame: polars.DataFrame
    lines: NDArray[np.int64]
    faults: tuple[Fault, ...]


def read_json_lines(path: Path, *, lenient: bool = False) -> JsonTable:
    r"""Read a file of JSON lines. What an object lacks is missing.

    Parameters
    ----------
    path : Path
        May be compressed.
    lenient : bool
        Leave out lines that are no object, where they would be refused.

    Raises
    ------
    InputError
        If the file is empty, or a line is no object of numbers, text, truth values and nulls.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.jsonl"
    >>> _ = path.write_text('{"age": 30}\n{"age": null, "job": "clerk"}\n')
    >>> read_json_lines(path).frame.rows()
    [(30, None), (None, 'clerk')]
    """
    import polars

    try:
        lines = read_content(path).decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not text in UTF-8; save it in that encoding") from error
    numbers = [number for number, line in enumerate(lines, 1) if line.strip()]
    if not numbers:
        raise InputError(f"{path}: empty; it should hold one object a line")
    objects: list[dict[str, Any]] = []
    faults: list[Fault] = []
    for row, number in enumerate(numbers):
        found, reason = _object_of(lines[number - 1])
        if not reason:
            objects.append(found)
        elif lenient:
            faults.append(Fault(row, None, lines[number - 1].strip(), reason))
        else:
            raise InputError(f"{path}: line {number} {reason}")
    names = list(dict.fromkeys(name for own in objects for name in own))
    columns = [_column(name, [own.get(name) for own in objects]) for name in names]
    return JsonTable(polars.DataFrame(columns), np.array(numbers, dtype=np.int64), tuple(faults))


def _object_of(line: str) -> tuple[dict[str, Any], str]:
    """Return the object that a line is, and why it is none."""
    try:
        found = json.loads(line, parse_float=_as_written)
    except _TooSmallError as error:
        return {}, f"holds {error}, which is too small for a number; write 0"
    except ValueError as error:
        return {}, f"is not JSON ({getattr(error, 'msg', error)})"
    except RecursionError:
        return {}, "is not JSON of plain values (it is nested too deep)"
    if not isinstance(found, dict):
        return {}, "is no object; each line names its columns"
    nested = [name for name, value in found.items() if isinstance(value, dict | list)]
    if nested:
        return {}, f"has a list or an object as {nested[0]!r}; a column holds numbers or text"
    return found, ""


def _column(name: str, values: list[Any]) -> polars.Series:
    """Return values as a column of one type: numbers beside text are text."""
    import polars

    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int} or kinds == {bool} or kinds == {str}:
        kind = polars.Boolean if kinds == {bool} else polars.String if kinds == {str} else polars.Int64
        try:
            return polars.Series(name, values, dtype=kind)
        except (OverflowError, TypeError, polars.exceptions.PolarsError):
            kinds = {float}  # beyond 64 bits
    if kinds <= {int, float} and not any(map(_is_rounded, values)):
        floats = [None if value is None else _as_float(value) for value in values]
        return polars.Series(name, floats, dtype=polars.Float64)
    words = [
        None if value is None else value if isinstance(value, str) else json.dumps(value) for value in values
    ]
    return polars.Series(name, words, dtype=polars.String)


def _is_rounded(value: Any) -> bool:
    """Return whether a value is a whole number that a float64 would round."""
    return isinstance(value, int) and abs(value) > LARGEST_EXACT and _as_float(value) != value


class _TooSmallError(Exception):
    """A number that is not 0 would become 0."""


def _as_written(word: str) -> float | str:
    """Return a number with a point or an exponent; as it is written where whole and rounded."""
    value = float(word)
    if value == 0 and re.match(r"-?[0.]*[1-9]", word):
        raise _TooSmallError(word[:40])
    if abs(value) >= LARGEST_EXACT and re.fullmatch(r"-?\d+\.0*", word) and int(word.split(".")[0]) != value:
        return word
    return value


def _as_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf")
