"""A Bayesian network of pgmpy for `synthetic_driver.py`: columns in bins, uniform within a bin.

A number has bins between quantiles of the training rows, and one of its own for each value that more rows
have than a bin should. The structure is pgmpy's hill climbing by BIC, the tables its BDeu estimate, both as
they are by default. It runs where pgmpy is installed, and imports nothing of made.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["Network", "best_number_of_bins"]

Floats = NDArray[np.float64]
# How many bins are tried, on a tenth of the training rows.
_NUMBERS_OF_BINS = (5, 10, 20, 40, 80, 160)
# What no training row has: a label, or a gap.
_OTHER, _MISSING = "other", "missing"
_PREFIX = "="  # of labels and bins, so that none is one of these words


class Bins(NamedTuple):
    """The bins of a number: half-open between edges, the last one ends a cell beyond the greatest value.

    Attributes
    ----------
    edges : (K + 1,)
        In order.
    cell : float
        The width of what a value stands for.
    """

    edges: Floats
    cell: float

    def number_of(self, values: Floats) -> NDArray[np.intp]:
        """Return the bin of each value; the outermost one beyond all, as TabularARGN has it."""
        middles = values + self.cell / 2  # of cells: edges are rounded
        return np.clip(np.searchsorted(self.edges, middles) - 1, 0, len(self.edges) - 2)

    def log_share(self, values: Floats) -> Floats:
        """Return the log of the share of its bin that the cell of each value is."""
        return np.log(np.minimum(1.0, self.cell / np.diff(self.edges)[self.number_of(values)]))

    def draw(self, numbers: NDArray[np.intp], generator: np.random.Generator) -> Floats:
        """Return a value of each bin, a whole number of cells from its lower edge."""
        n_cells = np.maximum(np.round(np.diff(self.edges) / self.cell), 1)[numbers]
        return self.edges[numbers] + np.floor(generator.random(len(numbers)) * n_cells) * self.cell


def bins_of(values: Floats, cell: float, n_bins: int) -> Bins:
    """Return bins of about equal numbers of values."""
    own, counts = np.unique(values, return_counts=True)
    frequent = own[counts > len(values) / n_bins]
    quantiles = np.quantile(values, np.linspace(0, 1, n_bins + 1)[:-1], method="inverted_cdf")
    edges = np.unique(np.concatenate([quantiles, frequent, frequent + cell, own[:1], own[-1:] + cell]))
    # Edges nearer than a cell are one, but for rounding.
    return Bins(edges[np.concatenate([[True], np.diff(edges) > 0.5 * cell])], cell)


class Network:
    """A Bayesian network fitted to rows.

    Parameters
    ----------
    train : DataFrame
        Classes are text.
    cells : mapping of str to float
        Of the numbers, by name.
    n_bins : int
        Of a number, about.
    """

    def __init__(self, train: pd.DataFrame, cells: dict[str, float], n_bins: int) -> None:
        from pgmpy.causal_discovery import HillClimbSearch
        from pgmpy.models import DiscreteBayesianNetwork
        from pgmpy.parameter_estimator import DiscreteBayesianEstimator

        self.names = list(train)
        numbers = {name: train[name].dropna().to_numpy(np.float64) for name in cells}
        self.bins = {name: bins_of(own, cells[name], n_bins) for name, own in numbers.items() if len(own)}
        self.states = {name: [*self._states(train, name), _OTHER] for name in self.names}
        coded = self._coded(train)
        search = HillClimbSearch(scoring_method="bic-d", return_type="dag", show_progress=False)
        self.model = DiscreteBayesianNetwork()
        self.model.add_nodes_from(self.names)
        self.model.add_edges_from(search.fit(coded).causal_graph_.edges())
        self.model.fit(coded, estimator=DiscreteBayesianEstimator(state_names=self.states))

    def _states(self, train: pd.DataFrame, name: str) -> list[str]:
        gaps = [_MISSING] if train[name].isna().any() else []
        if name in self.bins:
            return [*(f"{_PREFIX}{k}" for k in range(len(self.bins[name].edges) - 1)), *gaps]
        return [*(f"{_PREFIX}{label}" for label in sorted(train[name].dropna().unique())), *gaps]

    def _coded(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return rows with the state of each entry."""
        columns = {}
        for name in self.names:
            is_missing = rows[name].isna().to_numpy()
            if name in self.bins:
                codes = self.bins[name].number_of(rows[name].fillna(0).to_numpy(np.float64))
                own = np.array([f"{_PREFIX}{code}" for code in codes], dtype=object)
            else:
                own = np.array([f"{_PREFIX}{label}" for label in rows[name]], dtype=object)
            own[is_missing] = _MISSING
            known = set(self.states[name])
            columns[name] = pd.Categorical(
                [state if state in known else _OTHER for state in own], categories=self.states[name]
            )
        return pd.DataFrame(columns)

    def log_mass(self, rows: pd.DataFrame) -> Floats:
        """Return the log-mass of the cells that rows stand for, (n,)."""
        coded = self._coded(rows)
        codes = {name: coded[name].cat.codes.to_numpy() for name in self.names}
        total = np.zeros(len(rows))
        for name in self.names:
            table = self.model.get_cpds(name)
            assert table.state_names == {own: self.states[own] for own in table.variables}
            total += np.log(table.values[tuple(codes[own] for own in table.variables)])
            if name in self.bins:
                values = rows[name].to_numpy(np.float64)
                total += np.where(np.isnan(values), 0.0, self.bins[name].log_share(np.nan_to_num(values)))
        return total

    def sample(self, n: int, seed: int) -> pd.DataFrame:
        """Return n rows."""
        states = self.model.simulate(n, seed=seed, show_progress=False)
        generator = np.random.default_rng(seed)
        columns: dict[str, Any] = {}
        for name in self.names:
            own = states[name].astype(str).to_numpy(dtype=object)
            has_value = (own != _MISSING) & (own != _OTHER)
            values = np.full(n, np.nan, dtype=np.float64 if name in self.bins else object)
            known = [state.removeprefix(_PREFIX) for state in own[has_value]]
            if name in self.bins:
                values[has_value] = self.bins[name].draw(np.array(known, dtype=np.intp), generator)
            else:
                values[has_value] = known
            columns[name] = values
        return pd.DataFrame(columns)


def best_number_of_bins(train: pd.DataFrame, cells: dict[str, float], seed: int) -> int:
    """Return how many bins give the most to a tenth of the rows when fitted to the others."""
    order = np.random.default_rng(seed).permutation(len(train))
    valid, rest = (train.iloc[own].reset_index(drop=True) for own in np.split(order, [len(train) // 10]))
    scores = [Network(rest, cells, n).log_mass(valid).mean() for n in _NUMBERS_OF_BINS]
    return _NUMBERS_OF_BINS[int(np.argmax(scores))]
