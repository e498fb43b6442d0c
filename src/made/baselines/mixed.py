"""The baselines of rows with numbers: a number becomes a code, and its marginal says the rest.

The body of a numeric variable is cut into bins of equal mass under its marginal CDF G, whole cells of a grid
to each, and an atom is a code of its own. With c the codes of a row x,

    log p(x) = log p(c) + sum_d log g(x_d | c_d)

where p(c) is a product of marginals or a Chow-Liu tree, and g(x | bin) is the marginal of the body within the
bin: a density in the column's own units, or the mass of a cell. A value has one code, so p sums to 1. A spike
on a grid is an atom and never of the body, whose bin leaves its cell out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from made.baselines.discrete import ChowLiuTree, ProductOfMarginals
from made.support.checks import check_int, row_weights
from made.variables.normal_score import NormalScores, log_cell
from made.variables.numeric import Numeric
from made.variables.row_type import RowType
from made.variables.rows import Rows, RowsLike
from made.variables.schema import Schema

__all__ = ["MixedMarginals", "MixedTree", "n_codes_of"]

_Floats = NDArray[np.float64]

#: The most bins of a column. Held-out rows choose among these.
MOST_BINS = 32
_BINS = (2, 3, 5, 8, 12, 20, MOST_BINS)
# Rows that the choice is made with, in two halves of which each scores the other.
_ROWS_FOR_CHOICE = 10_000
_ROWS_AT_ONCE = 4_096


class _Mixed:
    """Rows as codes, and how probable they are given their codes."""

    def __init__(self, schema: Schema, n_bins: int) -> None:
        row_type = schema.row_type
        self.schema = schema
        self.bins = {} if row_type.numbers is None else _bins_of(row_type, n_bins)
        sizes = row_type.n_values.tolist()
        for d, own in self.bins.items():
            sizes[d] = own.n_codes
        #: The number of codes of each variable.
        self.classes: tuple[int, ...] = tuple(sizes)
        self._dtype = np.min_scalar_type(max(sizes) - 1)

    def encode(self, rows: Rows) -> tuple[NDArray[np.integer], _Floats]:
        """Return the codes of rows (n, D), and the log-probability of each row given its codes (n,)."""
        codes = np.empty(rows.codes.shape, dtype=self._dtype)
        rest = np.zeros(len(rows))
        for first in range(0, len(rows), _ROWS_AT_ONCE):
            some = slice(first, first + _ROWS_AT_ONCE)
            codes[some] = rows.codes[some].numpy()
            if self.bins:
                self._encode_numbers(rows[some], codes[some], rest[some])
        return codes, rest

    def _encode_numbers(self, rows: Rows, codes: NDArray[np.integer], rest: _Floats) -> None:
        numbers = self.schema.row_type.numbers
        assert numbers is not None
        assert rows.bodies is not None
        scores, bodies = numbers.scores_of(rows.bodies).numpy(), rows.bodies.numpy()
        for i, (d, own) in enumerate(self.bins.items()):
            atoms = rows.codes[:, d].numpy().astype(np.int64)
            found = own.bin_of(bodies[:, i], scores[:, i, 0])
            inner = scores[:, i, 2] - own.log_mass[found]
            codes[:, d] = np.where(atoms == 0, found, own.n_bins - 1 + atoms)
            rest += np.where(atoms == 0, inner, 0.0)


class _MixedBaseline:
    """What both baselines share: the codes of rows, and a baseline of these."""

    def __init__(self, coded: _Mixed, of_codes: ChowLiuTree | ProductOfMarginals) -> None:
        self._coded = coded
        self._of_codes = of_codes

    def log_prob(self, rows: RowsLike) -> _Floats:
        """Log-probability of each row.

        Parameters
        ----------
        rows : Rows, or (n, D) array or data frame
            Encoded, or values as the user has them; every entry is known or missing.

        Returns
        -------
        ndarray of float64, shape (n,)
            In nats: masses and densities in the same measure as those of a `MADE` of this schema.
        """
        codes, rest = self._coded.encode(_checked(self._coded.schema, rows))
        log_prob: _Floats = self._of_codes.log_prob(codes) + rest
        return log_prob


class MixedMarginals(_MixedBaseline):
    r"""Every variable on its own: :math:`p(x) = \prod_d p(x_d)`, numbers among them.

    Parameters
    ----------
    schema : Schema
        What the columns are; where numeric ones have no marginal yet, it is fitted to the rows.
    rows : Rows, or (n, D) array or data frame
        Training rows, encoded or values; every entry is known or missing.
    sample_weight : array_like of float, shape (n,), optional
        How many times each row counts; 1 for each by default.

    Examples
    --------
    >>> from made.variables.row_type import RowType
    >>> rows = np.random.default_rng(0).normal(size=(1000, 2))
    >>> model = MixedMarginals(Schema.of_variables(RowType(Numeric(2))), rows)
    >>> round(float(-model.log_prob(rows).mean() / 2), 1)  # half of log(2 pi e) is 1.42
    1.4
    """

    def __init__(self, schema: Schema, rows: RowsLike, *, sample_weight: ArrayLike | None = None) -> None:
        train = _checked(schema, rows)
        coded = _Mixed(schema.fitted(train, sample_weight), 1)
        codes, _ = coded.encode(train)
        super().__init__(coded, ProductOfMarginals(codes, coded.classes, sample_weight=sample_weight))


class MixedTree(_MixedBaseline):
    """The Chow-Liu tree of rows with numbers, whose bodies are cut into bins; see `ChowLiuTree`.

    Parameters
    ----------
    schema, rows, sample_weight
        As for `MixedMarginals`.
    n_bins : int, optional
        Bins of a column, at most. By default held-out rows choose among 2, 3, 5, 8, 12, 20 and 32: half of
        the rows, of 10,000 at most, score the tree of the other half, both ways.

    Attributes
    ----------
    tree : ChowLiuTree
        Of the codes.
    n_bins : int
        As given or chosen.

    Examples
    --------
    >>> from made.variables.row_type import RowType
    >>> draw = np.random.default_rng(0)
    >>> x = draw.normal(size=(2000, 1))
    >>> rows = np.hstack([x, x + draw.normal(size=(2000, 1))])
    >>> schema = Schema.of_variables(RowType(Numeric(2)))
    >>> gain = MixedTree(schema, rows).log_prob(rows) - MixedMarginals(schema, rows).log_prob(rows)
    >>> bool(0.2 < gain.mean() < 0.5)  # the mutual information is 0.35 nats
    True
    """

    def __init__(
        self,
        schema: Schema,
        rows: RowsLike,
        *,
        n_bins: int | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> None:
        train = _checked(schema, rows)
        fitted = schema.fitted(train, sample_weight)
        weights = None if sample_weight is None else row_weights(sample_weight, len(train))
        if n_bins is None:
            n_bins = _chosen_bins(fitted, train, weights)
        self.n_bins = check_int("n_bins", n_bins, least=1)
        coded = _Mixed(fitted, self.n_bins)
        codes, _ = coded.encode(train)
        self.tree = ChowLiuTree(codes, coded.classes, sample_weight=weights)
        super().__init__(coded, self.tree)


def n_codes_of(row_type: RowType) -> list[int]:
    """Return the largest number of codes that each variable may have in a `MixedTree`."""
    sizes: list[int] = row_type.n_values.tolist()
    for d, block in row_type.columns():
        if isinstance(block, Numeric):
            sizes[d] += MOST_BINS - 1
    return sizes


def _checked(schema: Schema, rows: RowsLike) -> Rows:
    """Return encoded rows, complete, without context and in memory of the CPU."""
    encoded = rows if isinstance(rows, Rows) else schema.encode_complete(rows)
    encoded.check_complete()
    return Rows(encoded.codes, bodies=encoded.bodies).to(torch.device("cpu"))


def _chosen_bins(schema: Schema, rows: Rows, weights: _Floats | None) -> int:
    """Return the number of bins that gives held-out rows the most."""
    if schema.row_type.numbers is None or len(rows) < 4:
        return _BINS[0]
    order = np.random.Generator(np.random.Philox(len(rows))).permutation(len(rows))[:_ROWS_FOR_CHOICE]
    halves = [np.sort(order[half::2]) for half in (0, 1)]
    if weights is not None and any(weights[half].sum() == 0 for half in halves):
        return _BINS[0]
    parts = [rows[torch.from_numpy(half)] for half in halves]
    score = []
    for n_bins in _BINS:
        coded, total = _Mixed(schema, n_bins), 0.0
        encoded = [coded.encode(part) for part in parts]
        for own, other in ((0, 1), (1, 0)):
            of_own = None if weights is None else weights[halves[own]]
            tree = ChowLiuTree(encoded[own][0], coded.classes, sample_weight=of_own)
            codes, rest = encoded[other]
            log_prob = tree.log_prob(codes) + rest
            total += float(log_prob.sum() if weights is None else log_prob @ weights[halves[other]])
        score.append(total)
    return _BINS[int(np.argmax(score))]


# --- the bins of a column --------------------------------------------------------------------------------


class _Bins:
    """The bins of one numeric variable.

    Attributes
    ----------
    n_bins, n_codes : int
        Of the body, and with the atoms.
    log_mass : (n_bins,) float64 array
        Of each under G; without those cells of a grid that are spikes.
    """

    def __init__(self, column: Numeric, scores: NormalScores, n_bins: int) -> None:
        self._is_grid = column.step is not None
        self._edges: NDArray[np.float64 | np.int64]
        shares = torch.arange(1, n_bins, dtype=torch.float64) / n_bins
        edges = torch.special.ndtri(shares)
        if not self._is_grid:
            self._edges = edges.numpy()
            self.log_mass: _Floats = np.full(n_bins, -np.log(n_bins))
        else:
            values = scores.values(edges[None])[0].numpy()
            self._edges, self.log_mass = _whole_cells(column, scores, column.bodies_near(values))
        self.n_bins = len(self.log_mass)
        self.n_codes = self.n_bins - 1 + column.n_values

    def bin_of(self, bodies: NDArray[np.int64], z: _Floats) -> NDArray[np.intp]:
        """Return the bin of each body (n,), of which the normal scores are given as well."""
        at = bodies if self._is_grid else z
        found: NDArray[np.intp] = np.searchsorted(self._edges, at, side="right")
        return found


def _bins_of(row_type: RowType, n_bins: int) -> dict[int, _Bins]:
    """Return the bins of every numeric variable, by the number of the variable."""
    numbers = row_type.numbers
    assert numbers is not None
    places = numbers.places.tolist()
    return {d: _Bins(numbers.columns[i], numbers.alone(i).scores, n_bins) for i, d in enumerate(places)}


def _whole_cells(
    column: Numeric, scores: NormalScores, edges: NDArray[np.int64]
) -> tuple[NDArray[np.int64], _Floats]:
    """Return the first cell of every bin but the lowest, and the log mass of each bin without spikes."""
    spikes = sorted(column.encode(np.array(column.spikes)).bodies.tolist())
    firsts, log_masses = [], []
    low: int | None = None
    for high in [*np.unique(edges).tolist(), None]:
        log_mass = _log_mass(column, scores, _runs(low, high, spikes))
        if log_mass == -np.inf:  # nothing but spikes: joined to the next bin
            continue
        log_masses.append(log_mass)
        firsts += [] if high is None else [high]
        low = high
    return np.array(firsts, dtype=np.int64), np.array(log_masses)


def _runs(low: int | None, high: int | None, spikes: Sequence[int]) -> list[tuple[int | None, int | None]]:
    """Return the runs of cells in low, ..., high - 1 between spikes, the ends of each; None has no end.

    Examples
    --------
    >>> _runs(0, 9, [2, 3, 8]), _runs(None, 3, [5])
    ([(0, 2), (4, 8)], [(None, 3)])
    """
    inside = [own for own in spikes if (low is None or own >= low) and (high is None or own < high)]
    ends = zip([low, *(own + 1 for own in inside)], [*inside, high], strict=True)
    return [(first, last) for first, last in ends if first is None or last is None or first < last]


def _log_mass(column: Numeric, scores: NormalScores, runs: Sequence[tuple[int | None, int | None]]) -> float:
    """Return the logarithm of the mass of runs of cells under G."""
    if not runs:
        return -np.inf
    assert column.step is not None
    bodies = np.array([0 if end is None else end for run in runs for end in run], dtype=np.int64)
    z = scores.point(torch.from_numpy(column.floats_of(bodies) - column.step / 2)[None])[0].view(-1, 2)
    low, high = z.unbind(1)
    low = torch.where(torch.tensor([first is None for first, _ in runs]), -torch.inf, low)
    high = torch.where(torch.tensor([last is None for _, last in runs]), torch.inf, high)
    return float(_log_between(low, high).logsumexp(0))


def _log_between(low: Tensor, high: Tensor) -> Tensor:
    """Return the log mass of the standard normal between two points, which may be infinite."""
    is_upper = low > 0
    near, far = torch.where(is_upper, -low, high), torch.where(is_upper, -high, low)
    tail = torch.special.log_ndtr(near)
    wide = tail + torch.log(-torch.expm1(torch.special.log_ndtr(far) - tail))
    width = torch.where(torch.isfinite(high - low), high - low, 1.0)
    middle = torch.where(torch.isfinite(high - low), (low + high) / 2, 0.0)
    narrow = log_cell(middle, width) + width.log()
    return torch.where(torch.isfinite(high - low), narrow, wide)
