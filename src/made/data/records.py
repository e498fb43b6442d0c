"""The rows of a text file as fields, with the lines that they stand in and the lines that are no row."""

from __future__ import annotations

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

    lines = text.body.decode().split("\n")
    parts = [
        (place, height, fields)
        for place, height, fields in parse_lines(lines, text.separator)
        if fields is None or len(fields) > 1 or "".join(fields).strip()
    ]
    width = _width(text, next((len(fields) for _, _, fields in parts if fields is not None), 0))
    good: list[list[str]] = []
    faults: list[Fault] = []
    for row, (place, height, fields) in enumerate(parts):
        if fields is not None and len(fields) == width:
            good.append(fields)
        else:
            reason = UNPAIRED if fields is None else _ragged(text, len(fields), width)
            faults.append(Fault(row, None, "\n".join(lines[place : place + height]), reason))
    are_rows = np.ones(len(parts), dtype=bool)
    are_rows[[fault.row for fault in faults]] = False
    columns = list(zip(*good, strict=True)) if good else [()] * width
    frame = polars.DataFrame(
        [polars.Series(f"column_{d + 1}", own, dtype=polars.String) for d, own in enumerate(columns)]
    )
    numbers = np.array([text.first + place for place, _, _ in parts], dtype=np.int64)
    return Records(numbers, are_rows, frame, faults)


def _width(text: Text, found: int) -> int:
    return found if text.columns is None else len(text.columns)


def _ragged(text: Text, n: int, width: int) -> str:
    first = "the first" if text.columns is None else "the header"
    return f"has {'1 column' if n == 1 else f'{n} columns'} where {first} has {width}"
