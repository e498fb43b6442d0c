"""What queries answer: numbers or rows, how sure they are, and how they were found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, IntEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from made.masks.ordering import IntArray
from made.queries.density import Floats
from made.variables import frames
from made.variables.column import Column
from made.variables.date_columns import join, known_in_table
from made.variables.encoding import decode
from made.variables.outputs import as_output
from made.variables.row_type import RowType
from made.variables.rows import Rows
from made.variables.schema import Schema
from made.variables.unseen import join_labels
from made.variables.unseen_entries import restored

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Answer", "Conditional", "Method", "Route"]


class Method(str, Enum):
    """Whether an answer is exact.

    Examples
    --------
    >>> Method.EXACT == "exact"
    True
    """

    #: The error is 0.
    EXACT = "exact"
    #: A numerical integral: the error is a bound.
    QUADRATURE = "quadrature"
    #: The error is a standard error.
    ESTIMATED = "estimated"

    def __str__(self) -> str:
        """Return the word."""
        return self.value


class Route(IntEnum):
    """How an answer was found. Of the first four, the later is the less certain."""

    ORDERED = 0
    SUMMED = 1
    QUADRATURE = 2
    PARTICLES = 3
    GIVEN_FIRST = 4
    COUNTED = 5
    SEARCHED = 6
    WEIGHTED = 7
    REDRAWN = 8

    @property
    def method(self) -> Method:
        """Whether that is exact."""
        if self is Route.QUADRATURE:
            return Method.QUADRATURE
        exact = self in (Route.ORDERED, Route.SUMMED, Route.GIVEN_FIRST)
        return Method.EXACT if exact else Method.ESTIMATED

    @property
    def sentence(self) -> str:
        """The same for people."""
        return _SENTENCES[self]


_SENTENCES = {
    Route.ORDERED: "exact: what is given comes first in the ordering",
    Route.SUMMED: "exact: summed over all states of what is unknown",
    Route.QUADRATURE: "integrated numerically over unknown numbers",
    Route.PARTICLES: "estimated: importance-weighted particles",
    Route.GIVEN_FIRST: "exact under orderings with the given variables first, "
    "which are not the model's own mixture",
    Route.COUNTED: "estimated: counted among drawn completions",
    Route.SEARCHED: "found by search: none better was met",
    Route.WEIGHTED: "estimated: the mean over weighted completions",
    Route.REDRAWN: "estimated: weighted completions, of which each entry was redrawn given all others",
}


@dataclass(frozen=True, eq=False)
class Answer:
    """What is known of the rows that a question was about. Arrays have one entry per row.

    A marginal is used like the array `log_prob`, a completion like the array `values`.

    Attributes
    ----------
    log_prob : (n,) float64 array
        log p(known entries), in nats.
    error : (n,) float64 array
        Standard error of `log_prob`; 0 where it is exact.
    ess : (n,) float64 array
        Effective number of particles behind `log_prob`; infinite where it is exact.
    routes : tuple of n Route
        How what was asked for was found: `log_prob` of a marginal, the rows of a completion.
    kind : "marginal", "draw", "variable", "joint" or "mean"
        What was asked for: the marginal alone, or which kind of completion.
    codes : (n, D) int64 array, or (n, number, D) where several were asked for, or None
        The completed rows as codes; None for a marginal.
    variables : RowType, optional
        What the columns are: gives `values` their labels.
    in_own_orderings : bool
        False if the orderings were changed so that the given variables come first.
    table : data frame or tensor, optional
        The completed rows as a frame, where a frame was asked about, or one was asked for.
    bodies : int64 array, optional
        Of numeric variables, (n * number, B), see `made.variables.rows.Rows`.
    labels : (n, D) object array, optional
        Of rows with labels that are no class, likewise: `values` holds these as they were given.
    columns : tuple of Column
        Of the variables, where some are parts of dates: `values` then has a column for each of the table.
    means : (n, D) float64 array, optional
        Of means: the mean itself of each number that was filled in, where `values` hold the nearest value
        that there is; NaN elsewhere. Columns are those of the variables, as those of `codes`.
    low, high : (n, D) float64 array, optional
        Of means, likewise: the ends of the interval.
    """

    log_prob: Floats
    error: Floats
    ess: Floats
    routes: tuple[Route, ...]
    kind: str = "marginal"
    codes: IntArray | None = None
    variables: RowType | None = None
    in_own_orderings: bool = True
    table: Any = None
    bodies: IntArray | None = None
    labels: NDArray[Any] | None = None
    columns: tuple[Column, ...] = ()
    means: Floats | None = None
    low: Floats | None = None
    high: Floats | None = None

    @property
    def rows(self) -> Any:
        """The completed rows as they came: a data frame where a frame came in, else the array `values`.

        Or as they were asked for, with `output`.

        Of a frame, every column is there, those that are not modelled too. Where several completions were
        asked for, those of a row follow one another, n * number rows in all; see `made.variables.frames.fill`
        for the types of columns.
        """
        return self.values if self.table is None else self.table

    @cached_property
    def values(self) -> NDArray[Any] | None:
        """The completed rows of the variables: numbers, labels where a variable has labels, else codes.

        The shape is that of `codes`; but where there are dates, which are a column each.
        """
        own = self.variables
        if self.codes is None or own is None:
            return self.codes
        if not (own.has_labels or own.has_missing or own.has_unseen or own.numbers):
            return self.codes
        codes = self.codes.reshape(-1, self.codes.shape[-1])
        values = restored(own, decode(own, codes, self.bodies), codes, self.labels)
        if self.columns:
            values = join(self.columns, values)
        return values.reshape(*self.codes.shape[:-1], values.shape[1])

    def in_frame(self, frame: Any, schema: Schema, known: Rows) -> Answer:
        """Return the same completions with `rows` as a copy of the frame that was asked about, filled in.

        Parameters
        ----------
        frame : data frame
            n rows.
        schema : Schema
            Of the model.
        known : Rows
            The frame as codes: says which entries are known.
        """
        assert self.values is not None  # it is a completion
        names = schema.modelled_in(frame)
        values = self.values.reshape(-1, len(names))
        mask = known_in_table(schema.modelled, known.mask.cpu().numpy())
        return replace(self, table=frames.fill(frame, names, values, mask))

    def as_output(self, output: str, schema: Schema) -> Answer:
        """Return the same completions with `rows` as what was asked for, see `made.variables.outputs`.

        Parameters
        ----------
        output : str
            ``"numpy"``, ``"torch"``, ``"pandas"`` or ``"polars"``.
        schema : Schema
            Of the model.
        """
        assert self.codes is not None  # it is a completion
        if output == "numpy":
            return replace(self, table=None)
        if output in frames.LIBRARIES and self.table is not None:
            return replace(self, table=frames.as_library(self.table, output))
        codes = torch.from_numpy(self.codes.reshape(-1, self.codes.shape[-1]))
        bodies = None if self.bodies is None else torch.from_numpy(self.bodies)
        each = len(codes) // max(len(self), 1)
        labels = None if self.labels is None else np.repeat(self.labels, each, axis=0)
        table = as_output(schema, Rows(codes, bodies=bodies, labels=labels), output)
        return replace(self, table=table.reshape(self.codes.shape) if output == "torch" else table)

    @property
    def method(self) -> tuple[Method, ...]:
        """Whether each row's answer is exact or estimated."""
        return tuple(route.method for route in self.routes)

    @property
    def how(self) -> tuple[str, ...]:
        """How each row's answer was found, for people."""
        sentences = {route: self._sentence(route) for route in set(self.routes)}
        return tuple(sentences[route] for route in self.routes)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array that this is used like."""
        return self._array.shape if self.columns or self.codes is None else self.codes.shape

    @staticmethod
    def cat(parts: Sequence[Answer]) -> Answer:
        """Join answers to the same question about successive rows; at least one."""
        first = parts[0]
        codes = [part.codes for part in parts if part.codes is not None]
        tables = [part.table for part in parts if part.table is not None]
        return Answer(
            log_prob=np.concatenate([part.log_prob for part in parts]),
            error=np.concatenate([part.error for part in parts]),
            ess=np.concatenate([part.ess for part in parts]),
            routes=tuple(route for part in parts for route in part.routes),
            kind=first.kind,
            codes=np.concatenate(codes) if codes else None,
            bodies=None if first.bodies is None else np.concatenate([part.bodies for part in parts]),
            variables=first.variables,
            in_own_orderings=first.in_own_orderings,
            table=frames.join(tables) if len(tables) == len(parts) else None,
            labels=join_labels([(part.labels, len(part)) for part in parts]),
            columns=first.columns,
            means=_joined([part.means for part in parts]),
            low=_joined([part.low for part in parts]),
            high=_joined([part.high for part in parts]),
        )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return the completed values; of a marginal, the log-probabilities."""
        return np.array(self._array, dtype=dtype)

    def __len__(self) -> int:
        """Return n."""
        return len(self.log_prob)

    def __getitem__(self, key: Any) -> Any:
        """Return some of the completed values; of a marginal, some of the log-probabilities."""
        return self._array[key]

    @property
    def _array(self) -> NDArray[Any]:
        return self.log_prob if self.values is None else self.values

    def _sentence(self, route: Route) -> str:
        is_own = self.in_own_orderings or route is Route.GIVEN_FIRST
        return route.sentence if is_own else f"{route.sentence}; {Route.GIVEN_FIRST.sentence}"


def _joined(parts: Sequence[Floats | None]) -> Floats | None:
    there = [part for part in parts if part is not None]
    return np.concatenate(there) if there else None


@dataclass(frozen=True, eq=False)
class Conditional:
    """The distribution of one variable given others. It is used like the array `probabilities`.

    Attributes
    ----------
    probabilities : (K,) float64 array
        Of the values; sums to 1.
    error : (K,) float64 array
        Standard errors of the probabilities; 0 where they are exact.
    ess : float
        Effective number of particles behind the worst of them; infinite where they are exact.
    route : Route
        How they were found.
    values : tuple
        The values of the variable: labels, or the codes 0..K-1.
    """

    probabilities: Floats
    error: Floats
    ess: float
    route: Route
    values: tuple[Any, ...]

    def pmf(self, value: Any) -> float:
        """Return the probability of one value."""
        return sum(float(p) for own, p in zip(self.values, self.probabilities, strict=True) if own == value)

    @property
    def p_missing(self) -> float:
        """The probability that the entry is missing; 0 where none may be."""
        return self.pmf(None)

    @property
    def method(self) -> Method:
        """Whether the probabilities are exact or estimated."""
        return self.route.method

    @property
    def how(self) -> str:
        """How they were found, for people."""
        return self.route.sentence

    def plot(self, ax: Axes | None = None, name: str = "") -> Figure:
        """Draw the probabilities as bars, with their standard errors where they are estimated.

        Parameters
        ----------
        ax : Axes, optional
            Where to draw; by default on a figure of its own.
        name : str
            Of the variable, to write beside them.
        """
        from made.plots.conditionals import class_probabilities

        is_estimated = self.method is Method.ESTIMATED
        about = "estimated, with standard errors" if is_estimated else ""
        return class_probabilities(
            self.values, self.probabilities, self.error, name=name, about=about, axes=ax
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """(K,)."""
        return self.probabilities.shape

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return the probabilities."""
        return np.array(self.probabilities, dtype=dtype)

    def __len__(self) -> int:
        """Return K."""
        return len(self.probabilities)

    def __getitem__(self, key: Any) -> Any:
        """Return some of the probabilities."""
        return self.probabilities[key]
