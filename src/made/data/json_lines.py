"""Tables of JSON lines: an object a line, whose names are those of the columns."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from made.data.content import read_content
from made.data.faults import Fault
from made.support.checks import LARGEST_EXACT
from made.support.errors import InputError

if TYPE_CHECKING:
    import polars

__all__ = ["JsonColumns", "JsonTable", "numbered_lines", "objects_of", "read_json_lines"]


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
    lines = list(numbered_lines(path, io.BytesIO(read_content(path))))
    if not lines:
        raise InputError(f"{path}: empty; it should hold one object a line")
    objects, faults = objects_of(path, lines, lenient=lenient)
    columns = JsonColumns()
    columns.add(objects)
    return JsonTable(columns.frame(objects), np.array([number for number, _ in lines], np.int64), faults)


def numbered_lines(path: Path, file: BinaryIO) -> Iterator[tuple[int, str]]:
    r"""Yield the lines of a file that are not blank, with their numbers, counted from 1.

    Examples
    --------
    >>> list(numbered_lines(Path("a.jsonl"), io.BytesIO(b"{}\n\n[]")))
    [(1, '{}\n'), (3, '[]')]
    """
    try:
        for number, line in enumerate(file, 1):
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
            if text.strip():
                yield number, text
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not text in UTF-8; save it in that encoding") from error


def objects_of(
    path: Path, lines: Sequence[tuple[int, str]], *, lenient: bool
) -> tuple[list[dict[str, Any]], tuple[Fault, ...]]:
    """Return the objects that numbered lines are, and the lines that are none."""
    objects: list[dict[str, Any]] = []
    faults: list[Fault] = []
    for row, (number, line) in enumerate(lines):
        found, reason = _object_of(line)
        if not reason:
            objects.append(found)
        elif lenient:
            faults.append(Fault(row, None, line.strip(), reason))
        else:
            raise InputError(f"{path}: line {number} {reason}")
    return objects, tuple(faults)


class JsonColumns:
    """The columns of objects, which all of them decide: their names and of which types their values are.

    Attributes
    ----------
    kinds : dict of str to set of types
        Of each column, in the order in which they come up; that of a whole number beyond 64 bits is float.

    Examples
    --------
    >>> columns = JsonColumns()
    >>> columns.add([{"age": 30}, {"age": 1.5, "job": "clerk"}])
    >>> columns.frame([{"age": 40}]).rows()
    [(40.0, None)]
    """

    def __init__(self) -> None:
        self.kinds: dict[str, set[type]] = {}
        self._rounded: set[str] = set()  # columns with a whole number that a float64 would round

    def add(self, objects: Iterable[Mapping[str, Any]]) -> None:
        """Look at further objects."""
        for own in objects:
            for name, value in own.items():
                kinds = self.kinds.setdefault(name, set())
                if value is not None:
                    is_large = type(value) is int and not -(2**63) <= value < 2**63
                    kinds.add(float if is_large else type(value))
                    if _is_rounded(value):
                        self._rounded.add(name)

    def frame(self, objects: Sequence[Mapping[str, Any]]) -> polars.DataFrame:
        """Return objects that were looked at as a table, of the types that all have together."""
        import polars

        columns = {name: [own.get(name) for own in objects] for name in self.kinds}
        return polars.DataFrame([self._column(name, values) for name, values in columns.items()])

    def _column(self, name: str, values: list[Any]) -> polars.Series:
        """Return values as a column of one type: numbers beside text or truth values are text."""
        import polars

        kinds = self.kinds[name]
        if kinds <= {int}:
            return polars.Series(name, values, dtype=polars.Int64)
        if kinds == {bool} or kinds == {str}:
            return polars.Series(name, values, dtype=polars.Boolean if kinds == {bool} else polars.String)
        if kinds <= {int, float} and name not in self._rounded:
            floats = [None if value is None else _as_float(value) for value in values]
            return polars.Series(name, floats, dtype=polars.Float64)
        words = [
            None if value is None else value if isinstance(value, str) else json.dumps(value)
            for value in values
        ]
        return polars.Series(name, words, dtype=polars.String)


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
