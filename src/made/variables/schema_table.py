"""A schema as a table for people: one line per column, as text and as HTML."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from html import escape

from made.variables.column import Column

__all__ = ["schema_html", "schema_lines", "schema_table"]

_HEADER: tuple[str, ...] = ("column", "kind", "values", "missing", "measure", "why")
# What kinds of dates are called.
_DATES = {"date": "date", "datetime": "datetime", "time": "time of day"}


def schema_table(
    columns: Sequence[Column],
    context_places: Collection[int] = (),
    image_shape: tuple[int, int] | None = None,
    left_out: Sequence[tuple[str, str]] = (),
    *,
    joins_runs: bool = False,
) -> str:
    """Return name, kind, values, missing share, measure of every column, and why it is of its kind.

    What no column has is not shown.

    Parameters
    ----------
    columns, context_places, image_shape, left_out
        Of the schema.
    joins_runs : bool
        Whether neighbouring columns that are alike but for their names take one line.

    Examples
    --------
    >>> print(schema_table([Column("x0", "bernoulli"), Column("x1", "bernoulli")], joins_runs=True))
    column  kind       values  measure
    x0..x1  bernoulli  0..1    mass
    """
    lines = schema_lines(columns, context_places, joins_runs, left_out)
    widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
    text = [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    if image_shape is not None:
        text.append(_about_images(image_shape))
    return "\n".join(text)


def schema_html(
    columns: Sequence[Column],
    context_places: Collection[int] = (),
    image_shape: tuple[int, int] | None = None,
    left_out: Sequence[tuple[str, str]] = (),
    *,
    joins_runs: bool = False,
    caption: str = "",
) -> str:
    """Return the same as an HTML table, for notebooks; names and labels are escaped.

    Parameters
    ----------
    columns, context_places, image_shape, left_out, joins_runs
        As for `schema_table`.
    caption : str
        Over the table.

    Examples
    --------
    >>> print(schema_html([Column("a<b", "bernoulli")], caption="one column"))
    <table>
    <caption>one column</caption>
    <thead><tr><th>column</th><th>kind</th><th>values</th><th>measure</th></tr></thead>
    <tbody>
    <tr><td>a&lt;b</td><td>bernoulli</td><td>0..1</td><td>mass</td></tr>
    </tbody>
    </table>
    """
    about = [caption] if caption else []
    about += [] if image_shape is None else [_about_images(image_shape)]
    header, *lines = schema_lines(columns, context_places, joins_runs, left_out)
    return "\n".join(
        [
            "<table>",
            *([f"<caption>{escape('; '.join(about))}</caption>"] if about else []),
            f"<thead>{_html_row(header, 'th')}</thead>",
            "<tbody>",
            *(_html_row(line, "td") for line in lines),
            "</tbody>",
            "</table>",
        ]
    )


def _html_row(cells: Sequence[str], tag: str) -> str:
    return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"


def _about_images(shape: tuple[int, int]) -> str:
    return f"rows are images of {shape[0]} x {shape[1]}"


def schema_lines(
    columns: Sequence[Column],
    context_places: Collection[int],
    joins_runs: bool,
    left_out: Sequence[tuple[str, str]] = (),
) -> list[tuple[str, ...]]:
    """Return the cells of the header and of every line, without those that are empty in every line."""
    lines = [_HEADER]
    for own, is_context in _groups_of(columns, context_places, joins_runs=joins_runs):
        lines.append(_cells_of(own, is_context=is_context))
    lines += [(name, "left out", "", "", "", why) for name, why in left_out]
    filled = [i for i, cells in enumerate(zip(*lines, strict=True)) if any(cells[1:])]
    return [tuple(line[i] for i in filled) for line in lines]


def _cells_of(group: Sequence[Column], *, is_context: bool) -> tuple[str, ...]:
    """Return what a group of neighbours that are alike has under each word of the header."""
    first = group[0]
    if first.part is None and any(own.found != first.found for own in group):
        first = replace(first, found=None)
    share = "" if first.found is None else first.found.share
    measure = "context" if is_context else first.measure
    return (_name_of(group), _kind_of(group), _values_of([first]), share, measure, first.about)


def _kind_of(group: Sequence[Column]) -> str:
    """Return of what kind the columns of a group are: that of a date is that of the whole."""
    part = group[0].part
    return group[0].kind if part is None else _DATES[part.form.kind]


def _values_of(group: Sequence[Column]) -> str:
    """Return the values of a group in a few words.

    Examples
    --------
    >>> from made.variables.dates import DateForm, DatePart
    >>> part = DatePart("when", "week", DateForm("datetime", "m"), ("2024-01-31 12:30", "2024-02-29 08:15"))
    >>> _values_of([Column(part.name, "numeric", {"missing": True}, part=part)])
    '2024-01-31 12:30..2024-02-29 08:15, in minutes, or missing'
    """
    first = group[0]
    if first.part is None:
        return first.describe()
    missing = "or missing" if first.arguments.get("missing") else ""
    return ", ".join(filter(None, ["..".join(first.part.span), first.part.form.describe(), missing])) or "any"


def _name_of(group: Sequence[Column]) -> str:
    """Return what a group of neighbours is called."""
    if group[0].part is not None:
        return group[0].part.column
    return group[0].name if len(group) == 1 else f"{group[0].name}..{group[-1].name}"


def _groups_of(
    columns: Sequence[Column], context_places: Collection[int], *, joins_runs: bool
) -> list[tuple[list[Column], bool]]:
    """Return neighbouring columns that print as one line, and whether they are context.

    These are the parts of a date and, with `joins_runs`, columns that are alike but for their names.
    """
    groups: list[tuple[list[Column], bool]] = []
    for place, column in enumerate(columns):
        is_context = place in context_places
        before = groups[-1][0][-1].part if groups else None
        if column.part is not None and before is not None and before.column == column.part.column:
            groups[-1][0].append(column)
            continue
        if joins_runs and groups and groups[-1][1] == is_context:
            last = groups[-1][0][-1]
            own = (column.kind, column.arguments, column.note, column.part)
            if (last.kind, last.arguments, last.note, last.part) == own:
                groups[-1][0].append(column)
                continue
        groups.append(([column], is_context))
    return groups
