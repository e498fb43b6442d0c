"""The rows of a text file as fields, with the lines that they stand in and the lines that are no row."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from made.data.faults import Fault
from made.data.layout import Text, parse_lines

if TYPE_CHECKING:
    import polars

__all__ = ["Records", "read_records"]

UNPAIRED = "has a quotation mark without its partner"


class Records(NamedTuple):
    """The lines of a file that are not blank.

    Attributes
    ----------
    lines : (n,) int array
        The line that each begins in, counted from 1.
    are_rows : (n,) bool array
        Which have as many fields as there are columns; the others are `faults`.
    fields : DataFrame
        A column of strings per column of the file, a row for each row: null or empty where nothing stands.
    faults : list of Fault
        Whole rows that cannot be read, in their order.
    """

    lines: NDArray[np.int64]
    are_rows: NDArray[np.bool_]
    fields: polars.DataFrame
    faults: list[Fault]


def read_records(text: Text) -> Records:
    r"""Part the body of a text file into rows.

    Examples
    --------
    >>> from pathlib import Path
    >>> records = read_records(Text(Path("a.csv"), b'1,a\n\n2,"b, c"\n3\n', ",", None, 1))
    >>> records.lines.tolist(), records.fields.rows()
    ([1, 3, 4], [('1', 'a'), ('2', 'b, c')])
    >>> records.faults
    [Fault(row=2, column=None, value='3', reason='has 1 column where the first has 2')]
    """
    return _quoted(text) if b'"' in text.body else _plain(text)


def _plain(text: Text) -> Records:
    """Part a body without quotation marks, where every line is a row."""
    import polars

    line = polars.col("line")
    lines = polars.DataFrame({"line": text.body.decode().split("\n")})
    lines = lines.with_row_index("number", offset=text.first).with_columns(
        fields=line.str.count_matches(text.separator, literal=True) + 1
    )
    lines = lines.filter((polars.col("fields") > 1) | (line.str.strip_chars() != ""))
    counts = lines["fields"].to_numpy()
    width = _width(text, int(counts[0]) if len(counts) else 0)
    are_rows = counts == width
    faults = [
        Fault(row, None, lines["line"][row], _ragged(text, int(counts[row]), width))
        for row in np.flatnonzero(~are_rows).tolist()
    ]
    rows = "\n".join(lines["line"].filter(polars.Series(are_rows)))
    names = [f"column_{place + 1}" for place in range(width)]
    fields = polars.DataFrame(schema=dict.fromkeys(names, polars.String))
    if rows:
        fields = polars.read_csv(
            rows.encode(), has_header=False, separator=text.separator, infer_schema=False, quote_char=None
        )
    return Records(lines["number"].to_numpy().astype(np.int64), are_rows, fields, faults)


def _quoted(text: Text) -> Records:
    """Part a body with quotation marks, between which separators and ends of lines divide nothing."""
    import polars

    lines = text.body.rstrip(b"\n").decode().split("\n")
    places: list[int] = []
    widths: list[int] = []
    n_blank = 0
    for place, _, fields in parse_lines(lines, text.separator):
        if _is_blank(fields):
            n_blank += 1
        else:
            places.append(place)
            widths.append(-1 if fields is None else len(fields))
    width = _width(text, next((own for own in widths if own >= 0), 0))
    are_rows = np.array(widths, dtype=np.int64) == width
    frame = _at_once(text, width, len(places)) if n_blank == 0 and are_rows.all() else None
    faults: list[Fault] = []
    if frame is None:
        good: list[list[str]] = []
        parts = (part for part in parse_lines(lines, text.separator) if not _is_blank(part[2]))
        for row, (place, height, fields) in enumerate(parts):
            if fields is not None and len(fields) == width:
                good.append(fields)
            else:
                reason = UNPAIRED if fields is None else _ragged(text, len(fields), width)
                faults.append(Fault(row, None, "\n".join(lines[place : place + height]), reason))
        columns = list(zip(*good, strict=True)) if good else [()] * width
        frame = polars.DataFrame(
            [polars.Series(f"column_{d + 1}", own, dtype=polars.String) for d, own in enumerate(columns)]
        )
    return Records(text.first + np.array(places, dtype=np.int64), are_rows, frame, faults)


def _is_blank(fields: list[str] | None) -> bool:
    return fields is not None and len(fields) < 2 and not "".join(fields).strip()


def _at_once(text: Text, width: int, n: int) -> polars.DataFrame | None:
    """Read a body of n rows whose quotation marks all stand around fields; None where that is not sure."""
    import polars

    edge = re.escape(text.separator.encode())
    if re.search(rb'[^\n"%b]"[^\n"%b]' % (edge, edge), text.body):
        return None
    try:
        frame = polars.read_csv(
            text.body.rstrip(b"\n"), has_header=False, separator=text.separator, infer_schema=False
        )
    except polars.exceptions.PolarsError:
        return None
    return frame if frame.shape == (n, width) else None


def _width(text: Text, found: int) -> int:
    return (text.width or found) if text.columns is None else len(text.columns)


def _ragged(text: Text, n: int, width: int) -> str:
    first = "the first" if text.columns is None else "the header"
    return f"has {'1 column' if n == 1 else f'{n} columns'} where {first} has {width}"
