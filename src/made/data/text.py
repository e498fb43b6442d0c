"""Rows written as text, read by polars: a line each, fields divided by commas, semicolons, tabs or blanks.

Lines and columns of a file are counted from 1 in messages, as editors and spreadsheets do.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from numpy.typing import NDArray

from made.data.tables import as_array
from made.support.errors import InputError

if TYPE_CHECKING:
    import polars

__all__ = ["TextFile", "read_text"]

_WITH_HEADER = (".csv", ".tsv")

# What files write where a value is missing, in small letters.
_MISSING = ("", "?", "na", "n/a", "nan", "none", "null")

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class _Text(NamedTuple):
    """The content of a file, in one layout whatever its kind."""

    path: Path
    body: bytes  # below the header; lines end in \n
    separator: str
    columns: tuple[str, ...] | None
    first: int  # the number of the first line of the body


def read_text(path: Path, *, missing: bool = False) -> tuple[NDArray[Any], tuple[str, ...] | None]:
    """Read the numbers of a text file.

    Parameters
    ----------
    path : Path
        A ``.csv`` or ``.tsv`` file (comma, semicolon or tab; with or without one header line), a ``.data``
        file (comma) or an ``.amat`` file (blanks).
    missing : bool
        Read an empty field, ``?``, ``NA``, ``NaN``, ``None`` and ``null`` as NaN instead of refusing them.

    Returns
    -------
    rows : ndarray of shape (n, D)
        One row a line; blank lines are passed over. int64 where every value is a whole number written as one,
        else float64.
    columns : tuple of D str, or None
        The header, where the first line has a word and no number in it.

    Raises
    ------
    InputError
        If the file is empty, ragged or holds anything but numbers: with line and column counted from 1.
    """
    import polars

    try:
        text = _open(path, missing)
        frame = _quick(text)
        if frame is None:
            frame = _careful(text, missing)
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not text in UTF-8; save it in that encoding") from error
    except polars.exceptions.PolarsError as error:
        raise InputError(f"{path}: not a table of text ({str(error).splitlines()[0]})") from error
    return as_array(frame), text.columns


class TextFile(NamedTuple):
    r"""A text file that was read, to find lines in it.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "rows.csv"
    >>> _ = path.write_text("age,job\n\n1,0\n0,2\n")
    >>> TextFile(path).line_of(1)
    4
    """

    path: Path
    missing: bool = False

    def line_of(self, row: int) -> int:
        """Return the number, counted from 1, of the line that holds a row, counted from 0."""
        return int(_lines(_open(self.path, self.missing))["number"][row])


def _open(path: Path, missing: bool) -> _Text:
    """Read a file and find its layout."""
    data = path.read_bytes().removeprefix(_BYTE_ORDER_MARK)
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    suffix = path.suffix.lower()
    if suffix == ".amat":
        data = _single_blanks(data)
    skip, start, first = _first_line(data)
    if not first:
        raise InputError(f"{path}: empty; it should hold one row a line")
    separator = _separator(suffix, first)
    if suffix in _WITH_HEADER:
        names = tuple((name or "").strip() for name in _fields(first, separator).row(0))
        words = [name for name in names if not (missing and name.lower() in _MISSING)]
        if any(words) and all(_number(word) is None for word in words):
            below = start + len(first.encode()) + 1
            return _Text(path, data[below:], separator, names, skip + 2)
    return _Text(path, data[start:], separator, None, skip + 1)


def _first_line(data: bytes) -> tuple[int, int, str]:
    """Return the first line that is not blank, the number of those above it, and where it starts."""
    start = 0
    for above, line in enumerate(io.BytesIO(data)):
        if line.strip():
            return above, start, line.decode().removesuffix("\n")
        start += len(line)
    return 0, 0, ""


def _single_blanks(data: bytes) -> bytes:
    """Leave one blank between neighbours and none at the ends of lines, so that a blank divides fields."""
    data = b"\n" + data.replace(b"\t", b" ") + b"\n"
    while b"  " in data:
        data = data.replace(b"  ", b" ")
    return data.replace(b" \n", b"\n").replace(b"\n ", b"\n")[1:-1]


def _separator(suffix: str, line: str) -> str:
    if suffix == ".amat":
        return " "
    if suffix == ".data":
        return ","
    # a tie goes to the mark that is rare inside numbers and names
    return max((";", "\t", ","), key=line.count) if any(mark in line for mark in ";\t,") else ","


def _quick(text: _Text) -> polars.DataFrame | None:
    """Read a file of nothing but numbers; return None for any other, which `_careful` then reads."""
    import polars

    body = text.body.rstrip(b"\n")
    try:
        frame = polars.read_csv(body, has_header=False, separator=text.separator)
    except polars.exceptions.PolarsError:
        return None
    if text.columns is not None and len(text.columns) != frame.width:
        return None
    for column in frame:
        if column.dtype not in (polars.Int64, polars.Float64) or column.null_count():
            return None
        if column.dtype == polars.Float64 and not column.is_finite().all():
            return None
    return frame


def _careful(text: _Text, missing: bool) -> polars.DataFrame:
    """Read numbers among gaps, blank lines and blanks, or name the first line that is wrong."""
    import polars

    lines = _lines(text)
    if lines.is_empty():
        raise InputError(f"{text.path}: a header and no rows; add at least 3 rows of numbers")
    width = lines["fields"][0] if text.columns is None else len(text.columns)
    wrong = lines.with_row_index("row").filter((polars.col("fields") != width) | polars.col("is_open"))
    if wrong.is_empty():
        return _numbers(text, lines, missing)
    row, number, _, fields, is_open = wrong.row(0)
    if row > 0:
        _numbers(text, lines.head(row), missing)  # what is wrong above is named first
    if is_open:
        raise InputError(f"{text.path}: line {number} has a quotation mark without its partner")
    first = "the first" if text.columns is None else "the header"
    columns = "1 column" if fields == 1 else f"{fields} columns"
    raise InputError(f"{text.path}: line {number} has {columns} where {first} has {width}")


def _lines(text: _Text) -> polars.DataFrame:
    """Return the lines that are not blank.

    Columns: `number` in the file, the `line` itself, how many `fields` it has, and whether it `is_open`, that
    is, has a quotation mark without its partner.
    """
    import polars

    line = polars.col("line")
    lines = polars.DataFrame({"line": text.body.decode().split("\n")})
    lines = lines.with_row_index("number", offset=text.first).with_columns(
        # a separator between quotation marks divides nothing
        fields=line.str.replace_all('"[^"]*"', "").str.count_matches(text.separator, literal=True) + 1,
        is_open=line.str.count_matches('"', literal=True) % 2 == 1,
    )
    return lines.filter((polars.col("fields") > 1) | (line.str.strip_chars() != ""))


def _numbers(text: _Text, lines: polars.DataFrame, missing: bool) -> polars.DataFrame:
    """Return the numbers of lines of equal width, null where missing, or name the first that is none."""
    import polars

    fields = _fields("\n".join(lines["line"]), text.separator)
    numbers, faults = [], []
    for place, column in enumerate(fields):
        words = column.fill_null("").str.strip_chars()
        gaps = words.str.to_lowercase().is_in(_MISSING) & missing
        values = words.cast(polars.Int64, strict=False)
        if (values.is_null() & ~gaps).any():
            values = words.cast(polars.Float64, strict=False)
        faulty = (~gaps & ~(values.is_finite().fill_null(value=False))).arg_true()
        if len(faulty):
            faults.append((faulty[0], place, words[faulty[0]]))
        numbers.append(values.set(gaps, None))
    if faults:
        row, place, word = min(faults)
        raise InputError(f"{text.path}: {_complaint(lines['number'][row], place, word, text.columns)}")
    return polars.DataFrame(numbers)


def _fields(lines: str, separator: str) -> polars.DataFrame:
    """Return the fields of lines as strings, null where empty."""
    import polars

    return polars.read_csv(lines.encode(), has_header=False, separator=separator, infer_schema=False)


def _complaint(line: int, place: int, field: str, columns: tuple[str, ...] | None) -> str:
    name = f" ({columns[place]})" if columns is not None else ""
    if not field:
        return f"line {line}, column {place + 1}{name} is empty; fill it or drop the row"
    shown = field if len(field) <= 40 else field[:37] + "..."
    return (
        f"line {line}, column {place + 1}{name} holds {shown!r}, which is not a number; "
        "write categories as whole numbers 0 to K-1, and fill or drop what is missing"
    )


def _number(field: str) -> float | None:
    if "_" in field:  # Python reads 1_000 as a number, files do not mean it
        return None
    try:
        return float(field)
    except ValueError:
        return None
