"""A file of rows read in portions, with the memory of one of them."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from made.data import suffixes
from made.data.content import check_file, opened, read_content
from made.data.json_lines import JsonColumns, JsonTable, numbered_lines, objects_of
from made.data.layout import Text, open_text, unified
from made.data.raw import Raw
from made.data.readers import of_frame, of_json, of_text
from made.data.records import read_records
from made.data.tables import damage_errors, scan_arrow, scan_parquet, state_of
from made.data.text import read_portion, refusing
from made.data.words import are_gaps, has_decimal_comma
from made.support.errors import InputError, reason_of

if TYPE_CHECKING:
    import polars

__all__ = ["ROWS", "Portions", "open_portions", "rows_of_portion"]

#: Rows of a portion: a multiple of the batches of a model, so that these are cut as those of a whole file.
ROWS = 3 * 2**14
# The most entries of a portion, the bytes that a text file is read by, and those of a portion of text beyond
# which a quotation mark is taken to have no partner.
_ENTRIES, _BYTES, _MOST_BYTES = 2**21, 2**22, 2**26


class Portions(ABC):
    """The rows of a file, portion by portion; `open_portions` makes one.

    Attributes
    ----------
    n_rows : int
        About how many rows there are, for progress: of text, its lines.
    """

    n_rows: int

    @abstractmethod
    def __iter__(self) -> Iterator[Raw]:
        """Read the file from its beginning; the first row of each portion says its number."""


def open_portions(path: Path, *, missing: bool = False, lenient: bool = False) -> Portions | None:
    r"""Open a file to be read in portions: Parquet, Arrow, text and JSON lines; return None for any other.

    Where all of a file decides what its columns are, it is gone through twice: JSON lines, and text in which
    numbers may have a decimal comma.

    Parameters
    ----------
    path : Path
        As for `made.data.read`.
    missing, lenient : bool
        As for `made.data.read`.

    Raises
    ------
    InputError
        If there is no such file; while it is read, as `made.data.read`.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "rows.csv"
    >>> _ = path.write_text("age,job\n30,a\n40,b\n")
    >>> [raw.rows.tolist() for raw in open_portions(path)]
    [[[30, 'a'], [40, 'b']]]
    """
    check_file(path)
    suffix, compression = suffixes.kind_of(path)
    if suffix in (".parquet", ".arrow", ".feather", ".ipc") and not compression:
        scanned = scan_parquet(path) if suffix == ".parquet" else scan_arrow(path)
        if scanned is not None:
            table, schema, n_rows = scanned
            return _OfTable(path, table, len(schema), n_rows)
    elif suffix in (".csv", ".tsv", ".data"):
        return _OfText(path, missing, lenient)
    elif suffix in suffixes.JSON_LINES:
        return _OfJsonLines(path, lenient)
    return None


class _OfTable(Portions):
    """A Parquet or Arrow file."""

    def __init__(self, path: Path, table: polars.LazyFrame, width: int, n_rows: int) -> None:
        self.path, self.n_rows = path, n_rows
        self._table, self._state = table, state_of(path)
        self._size = rows_of_portion(width)

    def __iter__(self) -> Iterator[Raw]:
        for first in range(0, max(self.n_rows, 1), self._size):
            try:
                if state_of(self.path) != self._state:
                    raise InputError(f"{self.path}: was written to while it was read; read it again")
                frame = self._table.slice(first, self._size).collect()
            except InputError:
                raise
            except damage_errors() as error:
                reason = reason_of(error)
                raise InputError(f"{self.path}: a damaged file ({reason}); write it again") from error
            yield replace(of_frame(self.path, frame), first=first)


class _OfText(Portions):
    """A text file, or standard input, of which lines are read as they are needed."""

    def __init__(self, path: Path, missing: bool, lenient: bool) -> None:
        self.path, self._missing, self._lenient = path, missing, lenient
        self._content = read_content(path) if str(path) == suffixes.STANDARD_INPUT else None
        if self._content is not None:
            self.path = Path("standard input")
        with self._opened() as file:
            start = file.read(_BYTES)
            last, n_lines = start, start.count(b"\n")
            self._has_commas = b"," in start
            while more := file.read(_BYTES):
                last, n_lines = more, n_lines + more.count(b"\n")
                self._has_commas = self._has_commas or b"," in more
        with refusing(self.path):
            above = open_text(self.path, missing, start).first - 1
        self.n_rows = max(n_lines + (not last.endswith(b"\n")) - above, 1)

    def __iter__(self) -> Iterator[Raw]:
        settings: dict[str, Any] = {"missing": self._missing, "lenient": self._lenient}
        n_rows = 0
        with self._opened() as file, refusing(self.path):
            chunks = _unified_chunks(self.path, file)
            text = open_text(self.path, self._missing, next(chunks, b""))
            if text.may_have_commas and self._has_commas:
                text = text._replace(commas=self._columns_with_commas())
            for body in _blocks(chain([text.body], chunks), rows_of_portion(_width_of(text))):
                if n_rows and not body.strip():
                    continue
                table = read_portion(text._replace(body=body), **settings)
                raw = replace(of_text(self.path, table), first=n_rows)
                yield raw
                n_rows += raw.n_rows
                text = text._replace(first=text.first + body.count(b"\n"), width=table.width)

    def _opened(self) -> AbstractContextManager[BinaryIO]:
        """Open the file, decompressed."""
        return opened(self.path) if self._content is None else nullcontext(io.BytesIO(self._content))

    def _columns_with_commas(self) -> tuple[bool, ...]:
        """Return which columns have numbers with a decimal comma; all of the file decides that."""
        found: list[NDArray[np.bool_]] = []
        with self._opened() as file:
            chunks = _unified_chunks(self.path, file)
            text = open_text(self.path, self._missing, next(chunks, b""))
            for body in _blocks(chain([text.body], chunks), rows_of_portion(_width_of(text))):
                fields = read_records(text._replace(body=body)).fields
                text = text._replace(width=text.width or fields.width)
                if fields.width:
                    words = [own.fill_null("").str.strip_chars() for own in fields]
                    found.append(np.array([has_decimal_comma(own.set(are_gaps(own), None)) for own in words]))
        has_comma, has_point = np.any(found, axis=0).T
        return tuple((has_comma & ~has_point).tolist())


class _OfJsonLines(Portions):
    """A file of JSON lines. All of it is looked through first: any line may have a column of its own."""

    def __init__(self, path: Path, lenient: bool) -> None:
        self.path, self._lenient = path, lenient
        self._columns, self.n_rows = JsonColumns(), 0
        for lines in self._blocks(ROWS):
            self._columns.add(objects_of(path, lines, lenient=lenient)[0])
            self.n_rows += len(lines)
        if not self.n_rows:
            raise InputError(f"{path}: empty; it should hold one object a line")

    def __iter__(self) -> Iterator[Raw]:
        first = 0
        for lines in self._blocks(rows_of_portion(len(self._columns.kinds))):
            objects, faults = objects_of(self.path, lines, lenient=self._lenient)
            numbers = np.array([number for number, _ in lines], dtype=np.int64)
            table = JsonTable(self._columns.frame(objects), numbers, faults)
            yield replace(of_json(self.path, table), first=first)
            first += len(lines)

    def _blocks(self, n_rows: int) -> Iterator[list[tuple[int, str]]]:
        """Yield blocks of `n_rows` lines that are not blank, with their numbers; the last may be shorter."""
        with opened(self.path) as file:
            lines = numbered_lines(self.path, file)
            while block := list(islice(lines, n_rows)):
                yield block


def _width_of(text: Text) -> int:
    """Return about how many columns there are."""
    first, *_ = text.body.split(b"\n", 1)
    return first.count(text.separator.encode()) + 1 if text.columns is None else len(text.columns)


def rows_of_portion(width: int) -> int:
    """Return how many rows of this many columns are a portion."""
    return min(ROWS, max(_ENTRIES // max(width, 1), 1024))


def _unified_chunks(path: Path, file: BinaryIO) -> Iterator[bytes]:
    """Yield what a text file holds, with lines that end in a line feed."""
    held = b""
    while more := file.read(_BYTES):
        more = held + more
        held = b"\r" if more.endswith(b"\r") else b""  # a line feed may follow
        yield unified(path, more[: len(more) - len(held)])
    if held:
        yield b"\n"


def _blocks(chunks: Iterable[bytes], n_rows: int) -> Iterator[bytes]:
    """Yield text in blocks of so many rows, and what is left; at least one.

    Where a quotation mark has no partner, and no end of a row comes, lines are rows.
    """
    rest, n_blocks = b"", 0
    for chunk in chunks:
        rest += chunk
        first = 0
        ends = _ends_of_rows(rest)
        if len(ends) < n_rows and len(rest) > _MOST_BYTES:
            ends = _ends_of_lines(rest)
        for end in ends[n_rows - 1 :: n_rows].tolist():
            yield rest[first : end + 1]
            first = end + 1
            n_blocks += 1
        rest = rest[first:]
    if rest or n_blocks == 0:
        yield rest


def _ends_of_rows(data: bytes) -> NDArray[np.int64]:
    r"""Return where rows end: at line feeds that are not between quotation marks.

    Examples
    --------
    >>> _ends_of_rows(b'1,a\n2,"b\nc"\n')
    array([ 3, 11])
    """
    ends = _ends_of_lines(data)
    if b'"' not in data:
        return ends
    marks = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == ord('"'))
    before = np.searchsorted(marks, ends)
    outside: NDArray[np.int64] = ends[before % 2 == 0]
    return outside


def _ends_of_lines(data: bytes) -> NDArray[np.int64]:
    ends: NDArray[np.int64] = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == ord("\n"))
    return ends
