"""A schema as a table for people: one line per column."""

from __future__ import annotations

from typing import TYPE_CHECKING

from made.variables.column import Column

if TYPE_CHECKING:
    from made.variables.schema import Schema

__all__ = ["schema_table"]


def schema_table(schema: Schema) -> str:
    """Return name, kind, values and measure of every column; runs of unnamed ones alike take one line.

    Examples
    --------
    >>> from made.variables.schema import Schema
    >>> print(schema_table(Schema.of_classes([2, 2, 3])))
    column  kind         values  measure
    x0..x1  bernoulli    0..1    mass
    x2      categorical  0..2    mass
    """
    lines = [("column", "kind", "values", "measure")]
    for own, is_context in _groups(schema):
        first, last = own[0], own[-1]
        name = first.name if len(own) == 1 else f"{first.name}..{last.name}"
        measure = ("context" if is_context else "mass") + (f"  {first.note}" if first.note else "")
        lines.append((name, first.kind, first.describe(), measure))
    widths = [max(len(line[i]) for line in lines) for i in range(3)]
    text = [
        f"{name:<{widths[0]}}  {kind:<{widths[1]}}  {values:<{widths[2]}}  {measure}"
        for name, kind, values, measure in lines
    ]
    if schema.image_shape is not None:
        text.append(f"rows are images of {schema.image_shape[0]} x {schema.image_shape[1]}")
    return "\n".join(text)


def _groups(schema: Schema) -> list[tuple[list[Column], bool]]:
    """Return neighbouring columns that print as one line, and whether they are context."""
    groups: list[tuple[list[Column], bool]] = []
    for place, column in enumerate(schema.columns):
        is_context = place in schema.context_places
        if not schema.is_named and groups and groups[-1][1] == is_context:
            last = groups[-1][0][-1]
            if (last.kind, last.arguments, last.note) == (column.kind, column.arguments, column.note):
                groups[-1][0].append(column)
                continue
        groups.append(([column], is_context))
    return groups
