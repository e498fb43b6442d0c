"""The layout of a text file: what divides its fields, and whether its first line names the columns."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from made.data.content import read_content
from made.data.suffixes import kind_of
from made.data.words import as_number, is_gap
from made.support.errors import InputError

__all__ = ["Text", "open_text", "parse_lines", "unified"]

_WITH_HEADER = (".csv", ".tsv", "")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

# How many lines the separator and the header are found from.
_SAMPLE = 50
# A field that a decimal comma leaves whole.
_WITH_COMMA = re.compile(r"\s*[+-]?\d*,\d+\s*")


class Text(NamedTuple):
    """The content of a text file, in one layout whatever its kind.

    Attributes
    ----------
    path : Path
    body : bytes
        What is below the header; lines end in a line feed.
    separator : str
        What divides fields.
    columns : tuple of str, or None
        The header.
    first : int
        The number of the first line of the body, counted from 1.
    width : int
        How many columns there are, where that does not follow from the body: it is a portion of a file.
    commas : tuple of bool, optional
        Which columns have numbers with a decimal comma, where that does not follow from the body, likewise.
    """

    path: Path
    body: bytes
    separator: str
    columns: tuple[str, ...] | None
    first: int
    width: int = 0
    commas: tuple[bool, ...] | None = None

    @property
    def may_have_commas(self) -> bool:
        """Whether numbers may be written with a decimal comma: where commas divide no fields."""
        return self.separator in ";\t|"

    def decimal_comma(self, column: int) -> bool | None:
        """Return whether the numbers of a column have a decimal comma; None where its words say so."""
        if not self.may_have_commas:
            return False
        return None if self.commas is None else self.commas[column]


def open_text(path: Path, missing: bool = False, content: bytes | None = None) -> Text:
    r"""Read a file and find its layout.

    Parameters
    ----------
    path : Path
        Its ending says what may divide its fields: blanks in an ``.amat`` file, commas in a ``.data`` file,
        in others whatever of comma, semicolon, tab and bar fits.
    missing : bool
        Whether values may be missing: a line of nothing but their marks is then no header.
    content : bytes, optional
        What the file holds, where that is at hand.

    Raises
    ------
    InputError
        If the file is empty.
    UnicodeDecodeError
        If it is not text in UTF-8.

    Examples
    --------
    >>> text = open_text(Path("-"), content=b"age;size\n30;1,5\n")
    >>> text.separator, text.columns, text.first
    (';', ('age', 'size'), 2)
    """
    data = unified(path, (read_content(path) if content is None else content).removeprefix(_BYTE_ORDER_MARK))
    suffix, _ = kind_of(path)
    if suffix == ".amat":
        data = _single_blanks(data)
    skip, start = _first_line(data)
    if start == len(data):
        raise InputError(f"{path}: empty; it should hold one row a line")
    lines = _lines_from(data, start)
    separator = _separator(suffix, lines)
    if suffix in _WITH_HEADER:
        records = list(parse_lines(lines, separator))
        height, names = records[0][1], tuple(name.strip() for name in records[0][2] or ())
        if _is_header(names, [fields for _, _, fields in records[1:] if fields], missing):
            below = start
            for _ in range(height):
                below = data.find(b"\n", below) + 1 or len(data)
            return Text(path, data[below:], separator, names, skip + height + 1)
    return Text(path, data[start:], separator, None, skip + 1)


def unified(path: Path, data: bytes) -> bytes:
    """Return what a text file holds with lines that end in a line feed.

    Raises
    ------
    InputError
        If it is no text.
    """
    if b"\0" in data:
        raise InputError(f"{path}: not text in UTF-8 (it holds zero bytes); save it in that encoding")
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in data else data


def parse_lines(lines: Sequence[str], separator: str) -> Iterator[tuple[int, int, list[str] | None]]:
    r"""Part lines into rows, of which a field between quotation marks may hold separators and further lines.

    Yields
    ------
    first, height, fields
        The place of the first line of a row, how many lines it has, and its fields. They are None for a line
        that has a quotation mark without its partner.

    Examples
    --------
    >>> list(parse_lines(['1,"a', 'b"', '2,c', '"3'], ","))
    [(0, 2, ['1', 'a\nb']), (2, 1, ['2', 'c']), (3, 1, None)]
    """
    start = 0
    while start < len(lines):
        # strict: the end of the file between quotation marks is an error
        rest = (f"{lines[place]}\n" for place in range(start, len(lines)))
        reader = csv.reader(rest, delimiter=separator, strict=True)
        before = 0
        try:
            for fields in reader:
                yield start + before, reader.line_num - before, fields
                before = reader.line_num
            return
        except csv.Error:
            yield start + before, 1, None
            start += before + 1


def _first_line(data: bytes) -> tuple[int, int]:
    """Return how many blank lines come first, and where the first other line starts."""
    start = 0
    for above, line in enumerate(io.BytesIO(data)):
        if line.strip():
            return above, start
        start += len(line)
    return 0, len(data)


def _lines_from(data: bytes, start: int) -> list[str]:
    """Return the first lines, as many as tell the layout."""
    file = io.BytesIO(data)
    file.seek(start)
    return [line.decode().removesuffix("\n") for _, line in zip(range(_SAMPLE), file, strict=False)]


def _single_blanks(data: bytes) -> bytes:
    """Leave one blank between neighbours and none at the ends of lines, so that a blank divides fields."""
    data = b"\n" + data.replace(b"\t", b" ") + b"\n"
    while b"  " in data:
        data = data.replace(b"  ", b" ")
    return data.replace(b" \n", b"\n").replace(b"\n ", b"\n")[1:-1]


def _separator(suffix: str, lines: Sequence[str]) -> str:
    """Return what divides the fields of these lines, of which the first is not blank."""
    if suffix == ".amat":
        return " "
    if suffix == ".data":
        return ","
    bare = [line for line in (re.sub('"[^"]*"', "", line) for line in lines) if line.strip()]
    first = bare[0] if bare else ""
    for mark in ";\t|":
        if mark in first and all(line.count(mark) == first.count(mark) for line in bare):
            commas = [field for line in bare for field in line.split(mark) if "," in field]
            if all(map(_WITH_COMMA.fullmatch, commas)):
                return mark
    # a tie goes to the mark that is rare inside numbers and names
    return max(";\t|,", key=first.count) if any(mark in first for mark in ";\t|,") else ","


def _is_header(names: Sequence[str], rows: Sequence[Sequence[str]], missing: bool) -> bool:
    """Return whether the first line names columns: words alone, or words above numbers."""
    words = [name for name in names if not (missing and is_gap(name))]
    if not any(words):
        return False
    if all(as_number(word) is None for word in words):
        return True
    if len(set(names)) < len(names) or any(map(is_gap, names)):
        return False
    rows = [fields for fields in rows if len(fields) == len(names)]
    if not rows:
        return False
    has_word_above = False
    for name, column in zip(names, zip(*rows, strict=True), strict=True):
        known = [field for field in column if not is_gap(field)]
        if not known:
            continue
        are_numbers = all(as_number(field) is not None for field in known)
        if as_number(name) is not None and not are_numbers:
            return False
        has_word_above |= as_number(name) is None and are_numbers
    return has_word_above
