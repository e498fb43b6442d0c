"""One column of a table: its name, its kind and what its values are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import Field, dataclass, field, fields
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from made.support.errors import InputError
from made.variables.column_types import ColumnType
from made.variables.quoted import unquoted

if TYPE_CHECKING:
    from made.variables.dates import DatePart

__all__ = ["NUMBER", "NUMERIC", "Column", "Found", "find_column"]

#: The kind of a context column that is a plain number, fed to the network as it is.
NUMBER = "number"
#: The kind of a column whose numbers are modelled.
NUMERIC = "numeric"


@dataclass(frozen=True)
class Found:
    """What the rows say about a column, from which its kind follows.

    Attributes
    ----------
    why : str
        Why it is taken for its kind.
    missing : float
        Share of the rows whose entry is missing.
    low, high : float or None
        Least and greatest of its numbers.
    """

    why: str = ""
    missing: float = 0.0
    low: float | None = None
    high: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return what is said, JSON-ready."""
        return {own.name: getattr(self, own.name) for own in fields(self) if self._says(own)}

    def _says(self, own: Field[Any]) -> bool:
        return bool(getattr(self, own.name) != own.default)

    @property
    def range(self) -> str:
        """The range in words; empty where there is none.

        Examples
        --------
        >>> Found(low=17.0, high=90.0).range, Found(low=-0.5, high=12345.25).range
        ('17..90', '-0.5..12345.25')
        """
        if self.low is None or self.high is None:
            return ""
        return "..".join(f"{end:.10g}" for end in (self.low, self.high))

    @property
    def share(self) -> str:
        """How much is missing, in words; empty where nothing is.

        Examples
        --------
        >>> Found(missing=0.25).share, Found(missing=0.0004).share
        ('25%', 'under 0.1%')
        """
        if self.missing == 0:
            return ""
        percent = 100 * self.missing
        return "under 0.1%" if percent < 0.1 else f"{percent:.0f}%" if percent >= 10 else f"{percent:.1f}%"


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes
    ----------
    name : str
    kind : str
        ``"bernoulli"``, ``"categorical"``, ``"numeric"``; or ``"number"``, for context that enters as it is.
    arguments : mapping
        What else makes the variable: classes, coding, smooth (see `made.Categorical`); step, missing, spikes,
        periods and the marginal (see `made.Numeric`).
    note : str
        Anything worth knowing about it.
    part : DatePart, optional
        Which part of which column of the table it is, where that column holds dates.
    found : Found, optional
        What the rows said about it.
    is_open : bool
        Whether what the arguments leave out is to follow from the rows of a fit: no model has such a column.
    dtype : str, mapping or None
        Its type in the table that the model was fitted on, see `made.variables.column_types`.
    """

    name: str
    kind: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    part: DatePart | None = None
    found: Found | None = None
    is_open: bool = False
    dtype: ColumnType = None

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
    def about(self) -> str:
        """Why it is of its kind, and its note."""
        return "; ".join(own for own in ("" if self.found is None else self.found.why, self.note) if own)

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
        if self.is_open and not {"classes", "step"} & set(self.arguments):
            return "follow from the rows"
        if self.n_values is None:
            span = "" if self.found is None or not self.found.range else f"{self.found.range}, "
            often = self.arguments.get("spikes", ())
            spikes = f", often {', '.join(f'{value:g}' for value in often[:2])}" if often else ""
            spikes += f" or {len(often) - 2} more" if len(often) > 2 else ""
            missing = ", or missing" if self.arguments.get("missing") else ""
            step = self.arguments.get("step")
            grid = (
                "any number" if step is None else "whole numbers" if step == 1 else f"multiples of {step:g}"
            )
            return f"{span}{grid}{spikes}{missing}"
        n_classes = self.n_values - bool(self.arguments.get("missing"))
        missing = ", or missing" if self.arguments.get("missing") else ""
        unseen = self.arguments.get("unseen")
        if isinstance(unseen, float):
            missing += f", others {100 * unseen:.2g} %"
        if self.labels is None:
            return f"0..{n_classes - 1}{missing}"
        if self.labels == tuple(range(n_classes)):
            return f"0..{n_classes - 1}{missing}"
        some = ", ".join(map(repr, self.labels[:4]))
        return some + (f", ... {n_classes:,} in all" if n_classes > 4 else "") + missing


def find_column(name: str | int, columns: Sequence[str] | None, n_columns: int) -> int:
    """Return the place of a column, counted from 0.

    Parameters
    ----------
    name : str or int
        As the header has it, or in quotation marks; or its number, alone or after an x where there is no
        header.
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
    if columns is not None and isinstance(name, str):
        for word in (name, unquoted(name)):
            if word in columns:
                return list(columns).index(word)
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
