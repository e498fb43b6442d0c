"""Rows written as text, read by polars: a line each, fields divided by commas and the like.

Lines and columns of a file are counted from 1 in messages, as editors and spreadsheets do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from made.data.faults import Fault, shortened
from made.data.layout import Text, open_text
from made.data.records import Records, read_records
from made.data.tables import as_array, dtypes_of
from made.data.words import are_gaps, as_number, as_numbers, rounded_whole, vanished
from made.support.checks import LARGEST_EXACT
from made.support.errors import InputError, reason_of
from made.variables.column_types import ColumnType

if TYPE_CHECKING:
    import polars

__all__ = ["TextFile", "TextTable", "read_portion", "read_text", "refusing"]


# What may be a number too small for a float64.
_TINY = re.compile(rb"[eE]-[0-9]{3}|0{300}")


class TextTable(NamedTuple):
    """What a text file holds.

    Attributes
    ----------
    rows : ndarray of shape (n, D)
        One row a line; blank lines are passed over. int64 where every value is a whole number written as one,
        else float64; an object array where a column is text.
    columns : tuple of D str, or None
        The header, where the first line has words, and no numbers or numbers below them.
    file : TextFile
        To find lines and words in it.
    faults : tuple of Fault
        Rows that could not be read, and are not in `rows`.
    notes : tuple of str
        What was decided in reading.
    dtypes : tuple of D str
        The type of each column, see `made.variables.column_types`.
    """

    rows: NDArray[Any]
    columns: tuple[str, ...] | None
    file: TextFile
    faults: tuple[Fault, ...] = ()
    notes: tuple[str, ...] = ()
    dtypes: tuple[ColumnType, ...] = ()

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self.dtypes)


class TextFile(NamedTuple):
    r"""A text file that was read, to find lines and words in it.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "rows.csv"
    >>> _ = path.write_text("age,job\n\n1,0\n0,02\n")
    >>> file = TextFile(path)
    >>> file.line_of(1), file.words(1)
    (4, ['0', '02'])
    """

    path: Path
    missing: bool = False
    content: bytes | None = None  # of standard input, which is not read twice
    text: Text | None = None  # a portion of the file, which stands for all of it
    layout: Text | None = None  # without its body

    def line_of(self, row: int) -> int:
        """Return the number, counted from 1, of the line that a row, counted from 0, begins in."""
        return int(self._records().lines[row])

    def lines(self) -> NDArray[np.int64]:
        """Return the line that each row begins in, unreadable rows included."""
        return self._records().lines

    def words(self, column: int) -> list[str]:
        """Return the fields of a column as they are written, blanks around them apart; of readable rows."""
        fields = self._records().fields
        return [(word or "").strip() for word in fields.to_series(column).to_list()]

    def decimal_comma(self, column: int) -> bool | None:
        """Return whether the numbers of a column have a decimal comma; None where its words say so."""
        return (self.text or self.layout or self._open()).decimal_comma(column)

    def _open(self) -> Text:
        return self.text or open_text(self.path, self.missing, self.content)

    def _records(self) -> Records:
        return read_records(self._open())


def read_text(
    path: Path, *, missing: bool = False, lenient: bool = False, content: bytes | None = None
) -> TextTable:
    """Read a text file.

    A column is one of numbers where every word in it is a number, else one of text. Beside semicolons, tabs
    and bars numbers may have a decimal comma.

    Parameters
    ----------
    path : Path
        A ``.csv`` or ``.tsv`` file (comma, semicolon, tab or bar; with or without one header line), a
        ``.data`` file (comma) or an ``.amat`` file (blanks); also compressed.
    missing : bool
        Read an empty field, ``?``, ``NA``, ``N/A``, ``NaN``, ``None`` and ``null`` as missing, NaN among
        numbers and None beside text, instead of refusing them.
    lenient : bool
        Leave out lines that are no row, and keep infinite numbers, where they would be refused.
    content : bytes, optional
        What the file holds, where it is at hand: of standard input.

    Raises
    ------
    InputError
        If the file is empty or ragged, or a number is infinite: with line and column counted from 1.
    """
    with refusing(path):
        text = open_text(path, missing, content)
    # The file is read anew where lines or words are asked for, and not kept.
    return read_portion(text, missing=missing, lenient=lenient)._replace(
        file=TextFile(path, missing, content, layout=text._replace(body=b""))
    )


def read_portion(text: Text, *, missing: bool = False, lenient: bool = False) -> TextTable:
    """Read a text file whose layout is known, or a portion of one; lines are counted in the file.

    Parameters
    ----------
    text : Text
        Of a portion, lines below the header.
    missing, lenient
        As for `read_text`.
    """
    with refusing(text.path):
        frame = _quick(text)
        faults: tuple[Fault, ...] = ()
        notes: tuple[str, ...] = ()
        if frame is None:
            frame, faults, notes = _careful(text, missing, lenient)
    file = TextFile(text.path, missing, text=text)
    return TextTable(as_array(frame), text.columns, file, faults, notes, dtypes_of(frame))


@contextmanager
def refusing(path: Path) -> Iterator[None]:
    """Turn errors about the content of a file into an `InputError`."""
    import polars

    try:
        yield
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not text in UTF-8; save it in that encoding") from error
    except (polars.exceptions.PolarsError, polars.exceptions.PanicException) as error:
        raise InputError(f"{path}: not a table of text ({reason_of(error)})") from error


def _quick(text: Text) -> polars.DataFrame | None:
    """Read a file of nothing but numbers; return None for any other, which `_careful` then reads."""
    import polars

    body = text.body.rstrip(b"\n")
    try:
        frame = polars.read_csv(body, has_header=False, separator=text.separator)
    except polars.exceptions.PolarsError:
        return None
    if frame.width != (text.width or frame.width if text.columns is None else len(text.columns)):
        return None
    for column in frame:
        if column.dtype not in (polars.Int64, polars.Float64) or column.null_count():
            return None
        if column.dtype == polars.Float64:
            if not column.is_finite().all() or column.abs().max() >= float(LARGEST_EXACT):  # type: ignore[operator]
                return None
            if (column == 0).any() and _TINY.search(body):
                return None
    return frame


def _careful(
    text: Text, missing: bool, lenient: bool = False
) -> tuple[polars.DataFrame, tuple[Fault, ...], tuple[str, ...]]:
    """Read numbers and text among gaps, blank lines and blanks, or name the first line that is wrong."""
    records = read_records(text)
    if len(records.lines) == 0:
        raise InputError(f"{text.path}: a header and no rows; add at least 3 rows")
    if records.faults and not lenient:
        first = records.faults[0]
        above = Records(records.lines, records.are_rows, records.fields.head(first.row), [])
        _columns_of(text, above, missing, lenient)  # what is wrong above is named first
        raise InputError(f"{text.path}: line {records.lines[first.row]} {first.reason}")
    frame, notes = _columns_of(text, records, missing, lenient)
    return frame, tuple(records.faults), notes


def _columns_of(
    text: Text, records: Records, missing: bool, lenient: bool
) -> tuple[polars.DataFrame, tuple[str, ...]]:
    """Return numbers and text, null where missing; or name the first entry that is wrong."""
    import polars

    lines = records.lines[records.are_rows]
    columns, faults, notes = [], [], []
    for place, fields in enumerate(records.fields):
        words = fields.fill_null("").str.strip_chars()
        gaps = are_gaps(words)
        known = words.set(gaps, None)
        values = as_numbers(known, decimal_comma=text.decimal_comma(place))
        is_text = values.null_count() > known.null_count()
        if is_text:
            notes += _mixed(known, values, lines, f"column {place + 1}{_named(text, place)}")
            values = known
        wrong = gaps if not missing else gaps & ~gaps
        if not is_text and values.dtype == polars.Float64:
            tiny = vanished(known, values)
            values = values.set(tiny, float("inf"))  # no more a number than what is too large
            row = rounded_whole(known, values)
            if row is not None:
                where = f"column {place + 1}{_named(text, place)}"
                notes.append(
                    f"{where} holds whole numbers that would be rounded, first {shortened(known[row])!r} "
                    f"in line {lines[row]}: it is read as text"
                )
                is_text, values = True, known
        if not is_text:
            wrong = wrong | ~(values.cast(polars.Float64).is_finite().fill_null(value=True))
        faulty = wrong.arg_true()
        if len(faulty) and not lenient:
            faults.append((faulty[0], place, words[faulty[0]]))
        columns.append(values)
    if faults:
        row, place, word = min(faults)
        raise InputError(f"{text.path}: line {lines[row]}, {_complaint(text, place, word)}")
    return polars.DataFrame(columns), tuple(notes)


def _mixed(known: polars.Series, values: polars.Series, lines: NDArray[np.int64], name: str) -> list[str]:
    """Say that a column mostly of numbers is read as text, and why."""
    n_words = values.null_count() - known.null_count()
    if n_words > len(values) - values.null_count():
        return []
    row = int((values.is_null() & known.is_not_null()).arg_true()[0])
    return [
        f"{name} holds text among numbers, first {shortened(known[row])!r} in line {lines[row]}: "
        "it is read as text"
    ]


def _complaint(text: Text, place: int, field: str) -> str:
    where = f"column {place + 1}{_named(text, place)}"
    if not field:
        return f"{where} is empty; fill it or drop the row"
    if as_number(field.replace(",", ".")) == 0:
        return (
            f"{where} holds {shortened(field)!r}, which is too small for a number; write 0, or drop the row"
        )
    return f"{where} holds {shortened(field)!r}, which is not a number; fill or drop what is missing"


def _named(text: Text, place: int) -> str:
    return f" ({text.columns[place]})" if text.columns is not None else ""
