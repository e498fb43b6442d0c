"""What is said of values that cannot be encoded: which entry it is, and what its variable takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from made.support.errors import EntryError, InputError
from made.variables.base import Variable
from made.variables.discrete import Bernoulli
from made.variables.numeric import Numeric, as_number

if TYPE_CHECKING:
    from made.variables.row_type import RowType

__all__ = ["check_shape", "refuse_code", "refuse_number", "refuse_value"]


def check_shape(variables: RowType, shape: tuple[int, ...]) -> None:
    """Raise an `InputError` where rows have another shape than (n, D)."""
    D = variables.n_variables
    if len(shape) == 2 and shape[1] == D:
        return
    if len(shape) == 2:
        raise InputError(f"rows have {shape[1]} columns, the model has {D} variables")
    raise InputError(f"rows are a table (n, {D}), got shape {tuple(shape)}; one row is x[None, :]")


def refuse_code(value: float, row: int, column: int, block: Variable) -> NoReturn:
    """Say which codes a variable takes."""
    allowed = "0 or 1" if isinstance(block, Bernoulli) else f"a whole number 0..{block.n_classes - 1}"
    raise EntryError(row, column, f"holds {value:g}: a {block.kind} variable takes {allowed}")


def refuse_number(value: Any, row: int, column: int, block: Numeric) -> NoReturn:
    """Say which numbers a numeric variable takes."""
    plain = value.item() if isinstance(value, np.generic) else value
    number = as_number(plain)
    if not np.isfinite(number):
        what = ": a numeric variable takes finite numbers"
        if isinstance(plain, str) and number != number:
            what = f", which is not a number{what}"
        raise EntryError(row, column, f"holds {plain!r}{what}")
    if abs(number) >= 2.0**63 * (block.step or 1.0):
        raise EntryError(
            row, column, f"holds {plain!r}: with step {block.step:g}, numbers are below 2^63 steps"
        )
    raise EntryError(row, column, f"holds {plain!r}, which is not a multiple of its step {block.step:g}")


def refuse_value(value: Any, row: int, column: int, block: Variable) -> NoReturn:
    """Say which values a discrete variable takes: its labels, or codes."""
    if block.labels is None:
        number = as_number(value)
        if number == number:
            refuse_code(number, row, column, block)
        raise EntryError(
            row, column, f"holds {str(value)!r}, but its variable has no labels: it takes numbers"
        )
    plain = value.item() if isinstance(value, np.generic) else value
    shown = f"{plain:g}" if isinstance(plain, float) else repr(plain)
    some = ", ".join(map(repr, block.labels[:6])) + (", ..." if len(block.labels) > 6 else "")
    raise EntryError(row, column, f"holds {shown}, which is none of its {len(block.labels)} labels ({some})")
