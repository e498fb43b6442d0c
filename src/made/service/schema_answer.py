"""What a service says of the columns of a model, for whoever draws or fills in a form of them."""

from __future__ import annotations

from typing import Any

from made.service.models import Served
from made.service.tables import plain
from made.variables.column import NUMERIC, Column

__all__ = ["schema_of"]

# Masks whose orderings are said.
_MOST_MASKS = 8


def schema_of(served: Served) -> dict[str, Any]:
    """Return what the columns of a model are, and the variables that the model has of them.

    A column of dates is several variables (its week, its weekday); any other is one.
    """
    schema = served.model.schema
    columns = []
    for own in schema.table:
        first = schema.columns[own.places[0]]
        is_date = own.form is not None
        about: dict[str, Any] = {"name": own.name, "kind": "date" if is_date else first.kind}
        if not is_date and first.labels is not None:
            about["values"] = plain(first.labels)
        missing = any(schema.columns[d].arguments.get("missing") for d in own.places)
        columns.append(
            about
            | {"missing": missing, "range": first.found.range if not is_date and first.found else ""}
            | ({"form": own.form.kind} if own.form is not None else {})
        )
    return {
        "name": served.name,
        "model": repr(served.model),
        "columns": columns,
        "variables": [_variable(column) for column in schema.modelled],
        "orderings": _orderings(served),
        "n_masks": served.model.n_masks,
        "context": [schema.names[place] for place in schema.context_places],
        "image_shape": schema.image_shape,
        "left_out": [{"name": name, "why": why} for name, why in schema.left_out],
    }


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
