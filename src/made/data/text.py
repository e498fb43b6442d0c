"""Rows written as text: one line a row, fields divided by commas, semicolons, tabs or blanks."""

from __future__ import annotations

import csv
import math
import warnings
from array import array as packed
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from made.support.errors import InputError

__all__ = ["TEXT_SUFFIXES", "read_text"]

TEXT_SUFFIXES = (".csv", ".tsv", ".data", ".amat")

_WITH_HEADER = (".csv", ".tsv")

# What files write where a value is missing, in small letters.
_HOLES = ("", "?", "na", "n/a", "nan", "none", "null")


class _Layout(NamedTuple):
    delimiter: str | None  # None: any run of blanks
    columns: tuple[str, ...] | None
    skip: int  # lines above the first row


def read_text(path: Path, *, holes: bool = False) -> tuple[np.ndarray[Any, Any], tuple[str, ...] | None]:
    """Read the numbers of a text file.

    Parameters
    ----------
    path : Path
        A ``.csv`` or ``.tsv`` file (comma, semicolon or tab; with or without one header line), a ``.data``
        file (comma) or an ``.amat`` file (blanks).
    holes : bool
        Read an empty field, ``?``, ``NA``, ``NaN``, ``None`` and ``null`` as NaN instead of refusing them.

    Returns
    -------
    rows : ndarray of shape (n, D), float64
        One row a line; blank lines are passed over.
    columns : tuple of D str, or None
        The header, where the first line has a word and no number in it.

    Raises
    ------
    InputError
        If the file is empty, ragged or holds anything but numbers: with line and column counted from 1.
    """
    try:
        layout = _layout(path, holes)
        return _fast(path, layout, holes), layout.columns
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not text in UTF-8; save it in that encoding") from error
    except csv.Error as error:
        raise InputError(f"{path}: not a table of text ({error})") from error


def _layout(path: Path, holes: bool = False) -> _Layout:
    with path.open(encoding="utf-8-sig", newline="") as file:
        skip, first = next(((i, line) for i, line in enumerate(file) if line.strip()), (0, ""))
    if not first:
        raise InputError(f"{path}: empty; it should hold one row a line")
    delimiter = _delimiter(path.suffix.lower(), first)
    if path.suffix.lower() in _WITH_HEADER:
        names = [field.strip() for field in next(csv.reader([first], delimiter=delimiter or ","))]
        words = [name for name in names if not (holes and _is_hole(name))]
        if any(words) and all(_number(word) is None for word in words):
            return _Layout(delimiter, tuple(names), skip + 1)
    return _Layout(delimiter, None, skip)


def _delimiter(suffix: str, line: str) -> str | None:
    if suffix == ".amat":
        return None
    if suffix == ".data":
        return ","
    # a tie goes to the mark that is rare inside numbers and names
    return max((";", "\t", ","), key=line.count) if any(mark in line for mark in ";\t,") else ","


def _fast(path: Path, layout: _Layout, holes: bool) -> np.ndarray[Any, Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # "contained no data" is told below
            rows = np.loadtxt(
                str(path.absolute()),
                delimiter=layout.delimiter,
                skiprows=layout.skip,
                comments=None,
                quotechar='"',
                ndmin=2,
                encoding="utf-8-sig",
            )
    except UnicodeDecodeError:
        raise
    except (ValueError, OverflowError):
        return _careful(path, layout, holes)
    if len(rows) == 0:
        raise InputError(f"{path}: a header and no rows; add at least 3 rows of numbers")
    if layout.columns is not None and len(layout.columns) != rows.shape[1]:
        return _careful(path, layout, holes)
    # numpy takes "nan" and "inf" for numbers; the careful pass knows the line
    return rows if np.isfinite(rows).all() else _careful(path, layout, holes)


def _careful(path: Path, layout: _Layout, holes: bool = False) -> np.ndarray[Any, Any]:
    """Read line by line, slowly, to name the first line that is wrong; return the rows if none is."""
    width = None if layout.columns is None else len(layout.columns)
    values = packed("d")
    for line, fields in _lines(path, layout):
        if width is None:
            width = len(fields)
        if len(fields) != width:
            first = "the header" if layout.columns is not None else "the first"
            columns = "1 column" if len(fields) == 1 else f"{len(fields)} columns"
            raise InputError(f"{path}: line {line} has {columns} where {first} has {width}")
        for place, field in enumerate(fields, start=1):
            number = math.nan if holes and _is_hole(field) else _number(field)
            if holes and number is not None and math.isnan(number):
                values.append(math.nan)
                continue
            if number is None or not math.isfinite(number):
                raise InputError(f"{path}: {_complaint(line, place, field.strip(), layout.columns)}")
            values.append(number)
    if not values:
        raise InputError(f"{path}: a header and no rows; add at least 3 rows of numbers")
    return np.array(values, dtype=np.float64).reshape(-1, width or 1)


def _lines(path: Path, layout: _Layout) -> Iterator[tuple[int, list[str]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        for _ in range(layout.skip):
            next(file)
        if layout.delimiter is None:
            pairs = ((i, line.split()) for i, line in enumerate(file, start=1))
        else:
            reader = csv.reader(file, delimiter=layout.delimiter)
            pairs = ((reader.line_num, fields) for fields in reader)
        for line, fields in pairs:
            if len(fields) > 1 or (fields and fields[0].strip()):
                yield line + layout.skip, fields


def _complaint(line: int, place: int, field: str, columns: tuple[str, ...] | None) -> str:
    name = f" ({columns[place - 1]})" if columns is not None else ""
    if not field:
        return f"line {line}, column {place}{name} is empty; fill it or drop the row"
    shown = field if len(field) <= 40 else field[:37] + "..."
    return (
        f"line {line}, column {place}{name} holds {shown!r}, which is not a number; "
        "write categories as whole numbers 0 to K-1, and fill or drop what is missing"
    )


def _is_hole(field: str) -> bool:
    return field.strip().lower() in _HOLES


def _number(field: str) -> float | None:
    if "_" in field:  # Python reads 1_000 as a number, files do not mean it
        return None
    try:
        return float(field)
    except ValueError:
        return None
