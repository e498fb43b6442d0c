"""What a service says of the columns of a model, for whoever draws or fills in a form of them."""

from __future__ import annotations

from typing import Any

from made.service.context_row import context_names
from made.service.models import Served
from made.service.tables import plain
from made.variables.column import NUMERIC, Column
from made.variables.date_columns import TableColumn
from made.variables.schema import Schema

__all__ = ["schema_of"]

# Masks whose orderings are said.
_MOST_MASKS = 8


def schema_of(served: Served) -> dict[str, Any]:
    """Return what the columns of a model are, and the variables that the model has of them.

    A column of dates is several variables (its week, its weekday); any other is one.
    """
    schema = served.model.schema
    return {
        "name": served.name,
        "model": repr(served.model),
        "columns": [_column(schema, own) for own in schema.table],
        "variables": [_variable(column) for column in schema.modelled],
        "orderings": _orderings(served),
        "n_masks": served.model.n_masks,
        "context": context_names(served.model),
        "image_shape": schema.image_shape,
        "left_out": [{"name": name, "why": why} for name, why in schema.left_out],
    }


def _column(schema: Schema, own: TableColumn) -> dict[str, Any]:
    """Return what one column of the table is: a date, a class among some values, or a number."""
    first = schema.columns[own.places[0]]
    missing = any(schema.columns[d].arguments.get("missing") for d in own.places)
    about: dict[str, Any] = {"name": own.name, "kind": first.kind, "missing": missing, "range": ""}
    if first.part is not None:
        low, high = first.part.span if len(first.part.span) == 2 else (None, None)
        return about | {"kind": "date", "form": first.part.form.kind, "low": low, "high": high}
    if first.labels is not None:
        about["values"] = plain(first.labels)
    elif first.n_values is not None and own.places[0] in schema.context_places:
        about["values"] = list(range(first.n_values - missing))
    if first.kind == NUMERIC:
        about["step"] = first.arguments.get("step")
    if first.found is not None:
        about |= {"range": first.found.range, "low": first.found.low, "high": first.found.high}
    return about


def _variable(column: Column) -> dict[str, Any]:
    """Return what one variable is: a class among some values, or a number."""
    about: dict[str, Any] = {"name": column.name, "kind": column.kind}
    if column.part is not None:
        about |= {"column": column.part.column, "part": column.part.part}
    about["missing"] = bool(column.arguments.get("missing"))
    if column.kind == NUMERIC:
        found = column.found
        about |= {
            "step": column.arguments.get("step"),
            "low": None if found is None else found.low,
            "high": None if found is None else found.high,
        }
        return about
    n_classes = (column.n_values or 0) - about["missing"]
    values = plain(column.labels) if column.labels is not None else list(range(n_classes))
    are_numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    # Codes without labels are names, unless their order was said to count.
    ordered = are_numbers and (column.labels is not None or bool(column.arguments.get("ordered")))
    return about | {"values": values, "ordered": ordered and len(values) > 2}


def _orderings(served: Served) -> list[list[int]]:
    """Return the orders in which variables are drawn, by number, those of the first masks."""
    masks = served.model.mask_set
    found = {tuple(masks.mask(k).ordering.tolist()): None for k in range(min(masks.n_masks, _MOST_MASKS))}
    return [list(own) for own in found]
