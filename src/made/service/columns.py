"""How all columns are distributed given some: estimated together, from one set of weighted rows.

A conditional of one column, asked alone, is as exact as can be, and may take seconds for each. Columns that
are to follow while someone holds values are answered from a few thousand completions of what is held.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from made.model import MADE
from made.queries.density import Floats
from made.queries.numbers import floats_of, weighted_quantiles
from made.queries.query import Query, encoded_given
from made.queries.reach import in_reach
from made.queries.weighted import completions
from made.service.answers import SHARES, quantiles_of
from made.service.models import Served
from made.service.tables import plain
from made.support.errors import InputError
from made.variables.conditions import Where
from made.variables.numeric import Numeric
from made.variables.rows import Rows

__all__ = ["Weighted", "columns_given", "edges_of"]

# Bars of a number, and the share of its marginal that lies beyond them at either end.
_BARS, _BEYOND = 40, 0.002
# Rows that stand for the marginals, and the most entries that these have.
_FOR_MARGINALS, _MOST_ENTRIES = 16_384, 2**22
# Contexts whose marginals are kept.
_MOST_CONTEXTS = 4
Values = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Weighted:
    """Complete rows with weights that stand for the distribution given something.

    Attributes
    ----------
    model : MADE
    rows : Rows
        P of them.
    weights : (P,) array
        Sum to 1.
    log_prob : float
        An estimate of log p of what is given.
    """

    model: MADE
    rows: Rows
    weights: Floats
    log_prob: float

    @staticmethod
    def given(
        model: MADE, given: Mapping[str, Any], where: Where | None, number: int, context: Values | None = None
    ) -> Weighted:
        """Complete what is given `number` times, under a row of context (C,)."""
        question = Query.of(model, "auto", None, 0, 2, 1, where)
        row = question.under_conditions(encoded_given(model, given))
        row = replace(row, context=model.context.rows(context, 1))
        (found,) = completions(model, row, recorded=False, number=number)
        if not np.isfinite(found.log_prob[0]):
            raise InputError("the model gives what is held probability 0, as far as draws tell: release some")
        return Weighted(model, found.rows, found.weights[0], float(found.log_prob[0]))

    @cached_property
    def codes(self) -> NDArray[np.int64]:
        """The codes of all rows."""
        codes: NDArray[np.int64] = self.rows.codes.cpu().numpy().astype(np.int64)
        return codes

    @property
    def ess(self) -> float:
        """Effective number of rows."""
        return float(1 / (self.weights**2).sum())

    def share(self, inside: NDArray[np.bool_]) -> tuple[float, float]:
        """Return the share of rows that are inside, and its standard error."""
        share = float(self.weights @ inside)
        return share, float(np.sqrt((self.weights**2) @ (inside - share) ** 2))

    def shares(self, places: NDArray[np.int64], n: int) -> tuple[Floats, Floats]:
        """Return the share of rows at each of n places, and their standard errors; -1 is nowhere."""
        there = places >= 0
        own, weights = places[there], self.weights[there]
        shares: Floats = np.bincount(own, weights, minlength=n)[:n].astype(np.float64)
        squares = np.bincount(own, weights**2, minlength=n)[:n]
        total = float((self.weights**2).sum())
        return shares, np.sqrt((squares * (1 - 2 * shares) + total * shares**2).clip(min=0))


def columns_given(
    served: Served,
    variables: Sequence[str],
    given: Mapping[str, Any],
    where: Where | None,
    number: int,
    context: Values | None = None,
) -> dict[str, Any]:
    """Return how columns are distributed given others.

    Parameters
    ----------
    served : Served
        Asked; how its columns are distributed given nothing is kept with it.
    variables : sequence of str
        Which are asked about; none: all.
    given, where
        What is given.
    number : int
        Of rows that stand for it.
    context : (C,) array, optional
        Of a model of p(x | c).
    """
    model = served.model
    places = [model.schema.variable(name) for name in variables] or range(model.variables.n_variables)
    marginal = _Marginal.of(served, context)
    number = _bounded(number, model)
    held = given or where
    found = Weighted.given(model, given, where, number, context) if held else marginal.rows
    names = [column.name for column in model.schema.modelled]
    return {
        "method": "estimated",
        "how": f"estimated: {len(found.weights):,} weighted rows",
        "ess": found.ess,
        "log_prob": found.log_prob,
        "columns": {names[d]: _column(found, marginal, d) for d in places},
    }


def _bounded(number: int, model: MADE) -> int:
    """Return how many rows are drawn of the number asked for: of very wide ones fewer."""
    return max(min(number, _MOST_ENTRIES // model.n_variables), 64)


@dataclass(frozen=True, eq=False)
class _Marginal:
    """Rows given nothing, and by them the ends of the bars of each number."""

    rows: Weighted
    edges: dict[int, Floats] = field(default_factory=dict)

    @staticmethod
    def of(served: Served, context: Values | None = None) -> _Marginal:
        """Return those of a model, which are found once; those of the contexts last asked for are kept."""
        key = ("columns", *(() if context is None else context.tolist()))
        own: _Marginal | None = served.derived.pop(key, None)
        if own is None:
            number = _bounded(_FOR_MARGINALS, served.model)
            own = _Marginal(Weighted.given(served.model, {}, None, number, context))
            kept = [other for other in served.derived if other[0] == "columns"]
            for oldest in kept[: 1 - _MOST_CONTEXTS]:
                del served.derived[oldest]
        served.derived[key] = own
        return own

    def edges_of(self, block: Numeric, d: int) -> Floats:
        """Return the ends of the bars of a number."""
        if d not in self.edges:
            self.edges[d] = edges_of(block, self.rows, d)
        return self.edges[d]


def _column(found: Weighted, marginal: _Marginal, d: int) -> dict[str, Any]:
    model = found.model
    block = model.variables.block_of(d)
    if not isinstance(block, Numeric):
        values = model.variables.discrete(d).values
        shares, errors = found.shares(found.codes[:, d], len(values))
        return {
            "kind": "classes",
            "values": plain(values),
            "probabilities": plain(shares),
            "error": plain(errors),
        }
    return {"kind": "number", **_number(block, found, d, marginal.edges_of(block, d))}


def edges_of(block: Numeric, marginal: Weighted, d: int) -> Floats:
    """Return the ends of the bars of a number: on a grid each holds as many points, but for the last."""
    is_body = marginal.codes[:, d] == 0
    values = floats_of(marginal.model.variables, marginal.rows, d)[is_body]
    if not len(values):
        return np.array([0.0, 1.0])
    low, high = np.quantile(values, [_BEYOND, 1 - _BEYOND])
    if block.step is None:
        if low == high:
            low, high = low - 0.5, high + 0.5
        return np.linspace(low, high, _BARS + 1)
    step = float(block.step)
    first, last = np.round(low / step), np.round(high / step)
    each = max(1, int(np.ceil((last - first + 1) / _BARS)))
    n = int(np.ceil((last - first + 1) / each))
    ends = first - 0.5 + each * np.arange(n + 1)
    return np.asarray(np.minimum(ends, last + 0.5) * step, dtype=np.float64)


def _number(block: Numeric, found: Weighted, d: int, edges: Floats) -> dict[str, Any]:
    codes, values = found.codes[:, d], floats_of(found.model.variables, found.rows, d)
    is_missing = codes == block.missing_code if block.missing_code is not None else np.zeros(len(codes), bool)
    place = np.searchsorted(edges, values, side="right") - 1
    place[(codes != 0) | (place < 0) | (place >= len(edges) - 1)] = -1
    masses, errors = found.shares(place, len(edges) - 1)
    there = ~is_missing
    quantiles: list[Any] = [None] * len(SHARES)
    mean = None
    if found.weights[there].sum() > 0:
        own, weights = values[there], found.weights[there] / found.weights[there].sum()
        quantiles = plain(
            weighted_quantiles(own[None], weights[None], np.array(SHARES), interpolated=block.step is None)[0]
        )
        mean = plain([in_reach(found.model, d, own) @ weights])[0]
    return {
        "edges": plain(edges),
        "masses": plain(masses),
        "atoms": [
            {"value": value, "probability": found.share(codes == code)[0]}
            for code, value in enumerate(block.spikes, start=1)
        ],
        "p_missing": found.share(is_missing)[0],
        "mean": mean,
        "quantiles": quantiles_of(quantiles),
        "error": plain(errors),
    }
