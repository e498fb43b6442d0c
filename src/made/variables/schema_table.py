"""A schema as a table for people: one line per column."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from made.variables.column import Column

__all__ = ["groups_of", "name_of", "schema_table"]


def schema_table(
    columns: Sequence[Column],
    context_places: Collection[int] = (),
    image_shape: tuple[int, int] | None = None,
    *,
    joins_runs: bool = False,
) -> str:
    """Return name, kind, values and measure of every column.

    Parameters
    ----------
    columns, context_places, image_shape
        Of the schema.
    joins_runs : bool
        Whether neighbouring columns that are alike but for their names take one line.

    Examples
    --------
    >>> print(schema_table([Column("x0", "bernoulli"), Column("x1", "bernoulli")], joins_runs=True))
    column  kind       values  measure
    x0..x1  bernoulli  0..1    mass
    """
    lines = [("column", "kind", "values", "measure")]
    for own, is_context in groups_of(columns, context_places, joins_runs=joins_runs):
        first, name = own[0], name_of(own)
        measure = ("context" if is_context else first.measure) + (f"  {first.note}" if first.note else "")
        lines.append((name, first.kind, first.describe(), measure))
    widths = [max(len(line[i]) for line in lines) for i in range(3)]
    text = [
        f"{name:<{widths[0]}}  {kind:<{widths[1]}}  {values:<{widths[2]}}  {measure}"
        for name, kind, values, measure in lines
    ]
    if image_shape is not None:
        text.append(f"rows are images of {image_shape[0]} x {image_shape[1]}")
    return "\n".join(text)


def name_of(group: Sequence[Column]) -> str:
    """Return what a group of neighbours is called."""
    return group[0].name if len(group) == 1 else f"{group[0].name}..{group[-1].name}"


def groups_of(
    columns: Sequence[Column], context_places: Collection[int], *, joins_runs: bool
) -> list[tuple[list[Column], bool]]:
    """Return neighbouring columns that print as one line, and whether they are context."""
    groups: list[tuple[list[Column], bool]] = []
    for place, column in enumerate(columns):
        is_context = place in context_places
        if joins_runs and groups and groups[-1][1] == is_context:
            last = groups[-1][0][-1]
            if (last.kind, last.arguments, last.note) == (column.kind, column.arguments, column.note):
                groups[-1][0].append(column)
                continue
        groups.append(([column], is_context))
    return groups
