"""One column of a table: its name, its kind and what its values are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from made.support.errors import InputError

if TYPE_CHECKING:
    from made.variables.dates import DatePart

__all__ = ["NUMBER", "NUMERIC", "Column", "find_column"]

#: The kind of a context column that is a plain number, fed to the network as it is.
NUMBER = "number"
#: The kind of a column whose numbers are modelled.
NUMERIC = "numeric"


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes
    ----------
    name : str
    kind : str
        ``"bernoulli"``, ``"categorical"``, ``"numeric"``; or ``"number"``, for context that enters as it is.
    arguments : mapping
        What else makes the variable: classes, coding, smooth (see `made.Categorical`); step, missing, spikes
        and the marginal (see `made.Numeric`).
    note : str
        Anything worth knowing about it.
    part : DatePart, optional
        Which part of which column of the table it is, where that column holds dates.
    """

    name: str
    kind: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    part: DatePart | None = None

    @property
    def labels(self) -> tuple[Any, ...] | None:
        """The values that the codes 0, 1, ... stand for; None where values are codes already."""
        classes = self.arguments.get("classes")
        return tuple(classes) if isinstance(classes, Sequence) else None

    @property
    def n_values(self) -> int | None:
        """Number of values; None for a number."""
        if self.kind in (NUMBER, NUMERIC):
            return None
        classes = self.arguments.get("classes", 2)
        n_classes = len(classes) if isinstance(classes, Sequence) else int(classes)
        return n_classes + bool(self.arguments.get("missing"))

    @property
    def measure(self) -> str:
        """What a log-probability of the column is one of: a mass, or a density in its own units."""
        if self.kind == NUMERIC and self.arguments.get("step") is None:
            return (
                "mass and density"
                if self.arguments.get("spikes") or self.arguments.get("missing")
                else "density"
            )
        return "mass"

    def describe(self) -> str:
        """Return its values in a few words.

        Examples
        --------
        >>> Column("colour", "categorical", {"classes": ["red", "green"]}).describe()
        "'red', 'green'"
        """
        if self.n_values is None:
            spikes = "".join(f", often {value:g}" for value in self.arguments.get("spikes", ())[:2])
            missing = ", or missing" if self.arguments.get("missing") else ""
            step = self.arguments.get("step")
            grid = (
                "any number" if step is None else "whole numbers" if step == 1 else f"multiples of {step:g}"
            )
            return f"{grid}{spikes}{missing}"
        n_classes = self.n_values - bool(self.arguments.get("missing"))
        missing = ", or missing" if self.arguments.get("missing") else ""
        if "unseen" in self.arguments:
            missing += f", others {100 * self.arguments['unseen']:.2g} %"
        if self.labels is None:
            return f"0..{n_classes - 1}{missing}"
        some = ", ".join(map(repr, self.labels[:4]))
        return some + (f", ... {n_classes:,} in all" if n_classes > 4 else "") + missing


def find_column(name: str | int, columns: Sequence[str] | None, n_columns: int) -> int:
    """Return the place of a column, counted from 0.

    Parameters
    ----------
    name : str or int
        As the header has it; or its number, alone or after an x where there is no header.
    columns : sequence of str, or None
        The header.
    n_columns : int
        How many there are.

    Raises
    ------
    InputError
        If there is none.

    Examples
    --------
    >>> find_column("age", ["sex", "age"], 2), find_column("x1", None, 2), find_column("0", None, 2)
    (1, 1, 0)
    """
    if columns is not None and name in columns:
        return list(columns).index(str(name))
    digits = str(name).removeprefix("x") if columns is None else str(name)
    if digits.isdecimal() and int(digits) < n_columns:
        return int(digits)
    known = f"0..{n_columns - 1}"
    if columns is not None:
        close = get_close_matches(str(name), columns, n=3, cutoff=0.5) or list(columns[:5])
        known = f"{', '.join(close)}{', ...' if len(columns) > len(close) else ''}, or a number {known}"
    else:
        known = f"x0..x{n_columns - 1}"
    raise InputError(f"there is no variable {str(name)!r}; there are {known}")
