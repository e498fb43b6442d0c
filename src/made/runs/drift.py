"""Two tables compared by one model: is the second distributed as the first, and what has changed.

Where the rows of both are exchangeable, any number that a fitted model says of a row has one distribution in
both. Tests compare such numbers: log p of the row, and of each column its value, log p of its entry given
those before it, and log p of it given all others.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from made.model import MADE
from made.queries.density import Floats
from made.queries.odd_entries import ODD, OddEntry, odd_entries
from made.runs.held_out import percentiles
from made.runs.table_features import Features, features_of
from made.runs.table_sample import TableSample
from made.support.errors import InputError
from made.support.figures import Figure
from made.support.two_samples import holm, label_scores, log_p_value, rank_scores

__all__ = ["LEAST", "LEVEL", "VIEWS", "ColumnDrift", "Drift", "LowRow", "drift_between", "drift_of"]

#: What is compared of a column.
VIEWS = ("values", "given_before", "given_rest")

#: From below this on a corrected p-value is called a change.
LEVEL = 0.05

#: Complete rows that a table needs for its tests.
LEAST = 20


@dataclass(frozen=True)
class ColumnDrift:
    """What has changed of one column.

    Attributes
    ----------
    name : str
    p : float
        The smallest of its corrected p-values.
    p_values : mapping of str to float
        Corrected with those of all columns, by view: ``"values"`` (how the column is distributed by itself),
        ``"given_before"`` (log p of its entry given those before it in the ordering, the mean over masks) and
        ``"given_rest"`` (the same given all other entries).
    difference : mapping of str to Figure
        Of the last two: the mean in the second table less that in the first, in nats.
    new_labels : mapping of str to int
        Labels of the second table that no row of the first has, and how often, the most common first.
    """

    name: str
    p: float
    p_values: Mapping[str, float]
    difference: Mapping[str, Figure]
    new_labels: Mapping[str, int]

    @property
    def what(self) -> str:
        """What has changed, in words."""
        own = self.p_values["values"] < LEVEL
        related = min(self.p_values.get(view, 1.0) for view in VIEWS[1:]) < LEVEL
        if own:
            return "its values, and how they go with others" if related else "its values"
        return "how it goes with others" if related else ""


@dataclass(frozen=True)
class LowRow:
    """One of the least likely rows of the second table.

    Attributes
    ----------
    number : int
        Which, counted from 0.
    log_prob : float
        In nats.
    percentile : float
        How many in 100 rows of the first table are less likely.
    odd : mapping of str to OddEntry
        Its odd entries by column, the oddest first; see `made.odd_entries`.
    """

    number: int
    log_prob: float
    percentile: float
    odd: Mapping[str, OddEntry]


@dataclass(frozen=True)
class Drift:
    """How a second table differs from a first, by what a model says of their rows.

    Attributes
    ----------
    n_rows, n_compared, n_incomplete : pairs of int
        Of the first and the second table: how many rows there were, how many are in the sample that is
        compared, and how many have unknown entries, which log p is not compared of.
    n_rest : pair of int
        How many of these every column is looked at given all others.
    p : float
        The smallest of all corrected p-values: that the tables have one distribution.
    p_rows : float
        That of log p of whole rows alone, not corrected.
    log_prob : pair of Figure
        The mean of log p of a row in each table, in nats.
    difference : Figure
        The second less the first.
    low_share : float
        The share of the second table's rows less likely than the lowest 1 % of the first.
    n_tests : int
        How many p-values are corrected together.
    columns : tuple of ColumnDrift
        Those that have changed the most first.
    rows : tuple of LowRow
        The least likely rows of the second table, the least likely first.
    """

    n_rows: tuple[int, int]
    n_compared: tuple[int, int]
    n_incomplete: tuple[int, int]
    n_rest: tuple[int, int]
    p: float
    p_rows: float
    log_prob: tuple[Figure, Figure]
    difference: Figure
    low_share: float
    n_tests: int
    columns: tuple[ColumnDrift, ...]
    rows: tuple[LowRow, ...] = ()

    @property
    def changed(self) -> tuple[ColumnDrift, ...]:
        """The columns that have changed, at a level of 5 % for all together."""
        return tuple(own for own in self.columns if own.p < LEVEL)

    def as_dict(self) -> dict[str, Any]:
        """Return all of it, JSON-ready."""
        plain = ("n_rows", "n_compared", "n_incomplete", "n_rest", "p", "p_rows", "low_share", "n_tests")
        return {
            **{name: getattr(self, name) for name in plain},
            "log_prob": [own.as_dict() for own in self.log_prob],
            "difference": self.difference.as_dict(),
            "columns": [
                {
                    "name": own.name,
                    "p": own.p,
                    "p_values": dict(own.p_values),
                    "difference": {view: figure.as_dict() for view, figure in own.difference.items()},
                    "new_labels": dict(own.new_labels),
                    "what": own.what,
                }
                for own in self.columns
            ],
            "rows": [
                {
                    "number": own.number,
                    "log_prob": own.log_prob,
                    "percentile": own.percentile,
                    "odd": {name: entry._asdict() for name, entry in own.odd.items()},
                }
                for own in self.rows
            ],
        }


def drift_of(tables: tuple[TableSample, TableSample], rest: int) -> Drift:
    """Return how the second of two tables differs, after all their rows were added.

    Parameters
    ----------
    tables : pair of TableSample
        The first and the second.
    rest : int
        Of how many rows of each every column is looked at given all others.

    Raises
    ------
    InputError
        If a table has too few complete rows.
    """
    model = tables[0].model
    first, second = (features_of(model, table.sample, rest) for table in tables)
    for features, name in ((first, "first"), (second, "second")):
        if len(features.log_prob) < LEAST:
            raise InputError(
                f"the {name} table has {len(features.log_prob)} complete rows: a comparison needs {LEAST} at "
                "least"
            )
    found = drift_between(model, first, second, tables[1].new_labels(tables[0]))
    return replace(
        found,
        n_rows=(tables[0].n_rows, tables[1].n_rows),
        n_incomplete=(tables[0].n_incomplete, tables[1].n_incomplete),
        rows=_low_rows(model, tables[1], np.sort(first.log_prob)),
    )


def drift_between(
    model: MADE, first: Features, second: Features, new_labels: Sequence[Mapping[str, int]]
) -> Drift:
    """Return what tests find between two tables, by what a model says of their rows."""
    names = [column.name for column in model.schema.modelled]
    log_p = {("", "rows"): _ranked(first.log_prob, second.log_prob)}
    for d, name in enumerate(names):
        log_p[name, "values"] = _of_values(first, second, d)
        log_p[name, "given_before"] = _ranked(first.given_before[:, d], second.given_before[:, d])
        if len(first.given_rest) and len(second.given_rest):
            log_p[name, "given_rest"] = _ranked(first.given_rest[:, d], second.given_rest[:, d])
    corrected = dict(zip(log_p, holm(list(log_p.values())), strict=True))
    columns = []
    for d, name in enumerate(names):
        p_values = {view: corrected[name, view] for view in VIEWS if (name, view) in corrected}
        parts = (
            (view, getattr(first, view), getattr(second, view)) for view in VIEWS[1:] if view in p_values
        )
        difference = {view: Figure.mean(new[:, d]) - Figure.mean(old[:, d]) for view, old, new in parts}
        columns.append(ColumnDrift(name, min(p_values.values()), p_values, difference, new_labels[d]))

    def evidence(place: int) -> float:
        # Columns that depend on a changed one look odd as well; its own values tell it from them.
        name = names[place]
        last = "given_rest" if (name, "given_rest") in log_p else "given_before"
        return log_p[name, "values"] + log_p[name, last]

    order = sorted(range(len(names)), key=lambda place: (columns[place].p >= LEVEL, evidence(place)))
    means = Figure.mean(first.log_prob), Figure.mean(second.log_prob)
    sizes = (len(first.labels[0]), len(second.labels[0]))
    return Drift(
        n_rows=sizes,
        n_compared=sizes,
        n_incomplete=(sizes[0] - len(first.log_prob), sizes[1] - len(second.log_prob)),
        n_rest=(len(first.given_rest), len(second.given_rest)),
        p=min(corrected.values()),
        p_rows=math.exp(log_p["", "rows"]),
        log_prob=means,
        difference=means[1] - means[0],
        low_share=float((second.log_prob < np.quantile(first.log_prob, 0.01)).mean()),
        n_tests=len(log_p),
        columns=tuple(columns[place] for place in order),
    )


def _ranked(first: Floats, second: Floats) -> float:
    """Return log of the p-value that two samples of numbers have one distribution."""
    scores = rank_scores(np.concatenate([first, second]))
    return log_p_value(scores[: len(first)], scores[len(first) :])


def _of_values(first: Features, second: Features, d: int) -> float:
    """Return the same of the values of a column: numbers by their ranks, and labels, gaps among them."""
    n = len(first.labels[d])
    scores = label_scores(np.concatenate([first.labels[d], second.labels[d]]))
    own, other = first.numbers[d], second.numbers[d]
    if own is not None and other is not None:
        values = np.concatenate([own, other])
        there = ~np.isnan(values)
        ranked = np.zeros((len(values), 4))
        ranked[there] = rank_scores(values[there])
        ranked[there] -= ranked[there].mean(axis=0)
        scores = np.hstack([scores, ranked])
    return log_p_value(scores[:n], scores[n:])


def _low_rows(model: MADE, table: TableSample, log_prob: Floats) -> tuple[LowRow, ...]:
    if table.worst is None:
        return ()
    found = odd_entries(model, table.worst)
    among = percentiles(table.worst_log_prob, log_prob)
    rows = []
    for place, odd in enumerate(found.odd):
        named = {found.names[d]: own for d, own in odd.items() if found.surprise[place, d] >= ODD}
        number, own_log_prob = int(table.worst_numbers[place]), float(table.worst_log_prob[place])
        rows.append(LowRow(number, own_log_prob, float(among[place]), named))
    return tuple(rows)
