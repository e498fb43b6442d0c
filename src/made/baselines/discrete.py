"""The baselines of rows of codes: the product of the marginals, and the Chow-Liu tree."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from made.support.checks import row_weights
from made.support.errors import InputError
from made.variables.class_groups import added_count

__all__ = ["ChowLiuTree", "ProductOfMarginals"]

_Ints = NDArray[np.integer]
_Floats = NDArray[np.float64]

# Up to this many one-hot features all pair counts fit one matrix (128 MiB) and come from one matrix product.
_MATMUL_FEATURES = 4096
_EVALUATION_ROWS = 4096


class _OfCodes:
    """What both baselines know of the variables."""

    def __init__(self, classes: Sequence[int], unseen: Sequence[float | None] | None) -> None:
        self.classes = _checked_classes(classes)
        self.unseen = tuple(unseen) if unseen is not None else (None,) * len(self.classes)

    @property
    def _codes(self) -> tuple[int, ...]:
        """The number of codes of each variable, that of a label that is no class among them."""
        return tuple(k + (own is not None) for k, own in zip(self.classes, self.unseen, strict=True))


class ProductOfMarginals(_OfCodes):
    r"""Every variable on its own: :math:`p(x) = \prod_d p(x_d)`.

    The probability of a class is its count by Laplace's rule, (count + 1) / (n + K_d), so that a class
    which the training rows never show is still possible. Of very many classes less than 1 is added, see
    `made.variables.class_groups.added_count`.

    Parameters
    ----------
    rows : array_like of int, shape (n, D)
        Training rows; the entry of variable d is one of the codes 0..K_d - 1.
    classes : sequence of int, length D
        K_d, the number of classes of each variable.
    sample_weight : array_like of float, shape (n,), optional
        How many times each row counts; 1 for each by default.
    unseen : sequence of float or None, length D, optional
        The probability of a label of each variable that is no class, whose code is K_d; None where there is
        none.

    Attributes
    ----------
    probabilities : list of ndarray, shapes (K_d,)
        p(x_d) for each variable.

    Raises
    ------
    InputError
        If the rows, the classes or the weights do not fit each other.

    Examples
    --------
    >>> model = ProductOfMarginals([[0, 1], [0, 2]], classes=[2, 3])
    >>> [p.tolist() for p in model.probabilities]
    [[0.75, 0.25], [0.2, 0.4, 0.4]]
    """

    def __init__(
        self,
        rows: ArrayLike,
        classes: Sequence[int],
        *,
        sample_weight: ArrayLike | None = None,
        unseen: Sequence[float | None] | None = None,
    ) -> None:
        super().__init__(classes, unseen)
        columns, weights = _training_columns(rows, self.classes, sample_weight, self._codes)
        self.probabilities: list[_Floats] = _smoothed_marginals(columns, self.classes, weights)

    def log_prob(self, rows: ArrayLike) -> _Floats:
        """Log-probability of each row.

        Parameters
        ----------
        rows : array_like of int, shape (n, D)
            Rows of class codes.

        Returns
        -------
        ndarray of float64, shape (n,)
            In nats, summed over the variables.

        Examples
        --------
        >>> ProductOfMarginals([[0], [0]], classes=[2]).log_prob([[0], [1]]).round(4).tolist()
        [-0.2877, -1.3863]
        """
        log_tables = [
            _with_unseen(np.log(p), own) for p, own in zip(self.probabilities, self.unseen, strict=True)
        ]

        def of_block(block: _Ints) -> _Floats:
            total = np.zeros(block.shape[1])
            for table, codes in zip(log_tables, block, strict=True):
                total += table[codes]
            return total

        return _by_blocks(of_block, rows, self._codes)


class ChowLiuTree(_OfCodes):
    r"""The best tree of pairwise dependences: :math:`p(x) = p(x_r) \prod_{d \ne r} p(x_d \mid x_{\pi(d)})`.

    Of all trees, the one with the largest sum of mutual informations along its edges has the largest
    likelihood (Chow and Liu, 1968). Conditionals are smoothed by one added row per parent class, spread like
    the child's smoothed marginal: (count + p(x_d)) / (count of the parent's class + 1). A parent class
    without rows thus leaves the child at its marginal, which keeps variables of a thousand classes usable.

    Parameters
    ----------
    rows : array_like of int, shape (n, D)
        Training rows; the entry of variable d is one of the codes 0..K_d - 1.
    classes : sequence of int, length D
        K_d, the number of classes of each variable.
    sample_weight : array_like of float, shape (n,), optional
        How many times each row counts; 1 for each by default.
    unseen : sequence of float or None, length D, optional
        As for `ProductOfMarginals`. Given such a label of its parent, a variable has its marginal.

    Attributes
    ----------
    parents : ndarray of int, shape (D,)
        The parent of each variable, -1 at the root, which is variable 0.
    marginals : list of ndarray, shapes (K_d,)
        p(x_d) for each variable.
    tables : list of ndarray
        p(x_d | parent), shape (K_parent, K_d), for each variable; shape (1, K_d) at the root.

    Raises
    ------
    InputError
        If the rows, the classes or the weights do not fit each other.

    References
    ----------
    C. K. Chow and C. N. Liu, "Approximating discrete probability distributions with dependence trees", IEEE
    Transactions on Information Theory 14(3), 1968, doi 10.1109/TIT.1968.1054142.

    Examples
    --------
    >>> tree = ChowLiuTree([[0, 0, 1], [1, 1, 0], [0, 0, 0], [1, 1, 1]], classes=[2, 2, 2])
    >>> tree.parents.tolist()
    [-1, 0, 0]
    >>> tree.tables[1].round(3).tolist()  # variable 1 repeats variable 0
    [[0.833, 0.167], [0.167, 0.833]]
    """

    def __init__(
        self,
        rows: ArrayLike,
        classes: Sequence[int],
        *,
        sample_weight: ArrayLike | None = None,
        unseen: Sequence[float | None] | None = None,
    ) -> None:
        super().__init__(classes, unseen)
        columns, weights = _training_columns(rows, self.classes, sample_weight, self._codes)
        if sum(k - 1 for k in self.classes) <= _MATMUL_FEATURES:
            information = _information_by_matmul(columns, self.classes, weights)
        else:
            information = _information_by_pairs(columns, self.classes, weights)
        self.parents: NDArray[np.intp] = _heaviest_tree(information)
        marginals = self.marginals = _smoothed_marginals(columns, self.classes, weights)
        self.tables: list[_Floats] = []
        for child, parent in enumerate(self.parents.tolist()):
            if parent < 0:
                self.tables.append(marginals[child][np.newaxis])
                continue
            counts = _pair_counts(columns, parent, child, self.classes, weights)
            self.tables.append((counts + marginals[child]) / (counts.sum(axis=1, keepdims=True) + 1.0))

    def log_prob(self, rows: ArrayLike) -> _Floats:
        """Log-probability of each row.

        Parameters
        ----------
        rows : array_like of int, shape (n, D)
            Rows of class codes.

        Returns
        -------
        ndarray of float64, shape (n,)
            In nats, summed over the variables.

        Examples
        --------
        >>> tree = ChowLiuTree([[0, 0], [1, 1]], classes=[2, 2])
        >>> tree.log_prob([[0, 0], [0, 1]]).round(4).tolist()
        [-0.9808, -2.0794]
        """
        parents = self.parents.tolist()
        log_tables = [
            _with_unseen(np.log(table), own) for table, own in zip(self.tables, self.unseen, strict=True)
        ]
        for child, parent in enumerate(parents):
            if parent >= 0 and self.unseen[parent] is not None:
                marginal = _with_unseen(np.log(self.marginals[child]), self.unseen[child])
                log_tables[child] = np.vstack([log_tables[child], marginal])

        def of_block(block: _Ints) -> _Floats:
            total = np.zeros(block.shape[1])
            for child, (parent, table) in enumerate(zip(parents, log_tables, strict=True)):
                total += table[0, block[child]] if parent < 0 else table[block[parent], block[child]]
            return total

        return _by_blocks(of_block, rows, self._codes)


# --- what comes in -------------------------------------------------------------------------------------


def _checked_classes(classes: Sequence[int]) -> tuple[int, ...]:
    numbers = np.asarray(classes)
    if numbers.ndim != 1 or numbers.size == 0 or not np.issubdtype(numbers.dtype, np.integer):
        raise InputError("classes must be a list of whole numbers, one K_d per variable")
    if numbers.min() < 1:
        raise InputError(f"variable {int(numbers.argmin())} has {numbers.min()} classes, give at least 1")
    return tuple(numbers.tolist())


def _checked_rows(rows: ArrayLike, classes: tuple[int, ...]) -> _Ints:
    """Rows as (n, D) codes in the smallest unsigned type that holds them."""
    given = np.asarray(rows)
    if given.ndim != 2 or given.shape[1] != len(classes):
        raise InputError(
            f"rows must have shape (n, {len(classes)}), one column per class count; got {given.shape}"
        )
    if given.dtype.kind not in "biuf":
        raise InputError(f"rows must hold class codes 0..K-1, got an array of {given.dtype}")
    # Written so that NaN, which compares false with everything, counts as outside too.
    outside = ~((given >= 0) & (given < np.asarray(classes)))
    if given.dtype.kind == "f":
        outside |= given % 1 != 0
    if outside.any():
        row, variable = (int(place) for place in np.argwhere(outside)[0])
        raise InputError(
            f"row {row} holds {given[row, variable]} for variable {variable}, "
            f"whose codes are 0..{classes[variable] - 1}"
        )
    return given.astype(np.min_scalar_type(max(classes) - 1), copy=False)


def _training_columns(
    rows: ArrayLike, classes: tuple[int, ...], sample_weight: ArrayLike | None, codes: tuple[int, ...]
) -> tuple[_Ints, _Floats | None]:
    """The checked rows turned to (D, n), so that a variable lies in one piece of memory, and their weights.

    Rows with a label that is no class say nothing about classes, and are left out.
    """
    checked = _checked_rows(rows, codes)
    weights = None if sample_weight is None else row_weights(sample_weight, len(checked))
    if codes != classes:
        kept = (checked < np.asarray(classes)).all(axis=1)
        checked, weights = checked[kept], None if weights is None else weights[kept]
    if len(checked) == 0:
        raise InputError("a baseline needs at least one training row, got none")
    return np.ascontiguousarray(checked.T), weights


def _with_unseen(log_table: _Floats, unseen: float | None) -> _Floats:
    """Log-probabilities of classes, in the last axis, with that of a label that is none after them."""
    if unseen is None:
        return log_table
    last = np.full((*log_table.shape[:-1], 1), np.log(unseen))
    return np.concatenate([log_table + np.log1p(-unseen), last], axis=-1)


def _by_blocks(function: Callable[[_Ints], _Floats], rows: ArrayLike, classes: tuple[int, ...]) -> _Floats:
    """``function`` of (D, block) columns, block after block of rows: memory does not grow with n."""
    checked = _checked_rows(rows, classes)
    result = np.empty(len(checked))
    for block in _blocks(len(checked), _EVALUATION_ROWS):
        result[block] = function(np.ascontiguousarray(checked[block].T).astype(np.intp))
    return result


def _blocks(n: int, size: int) -> Iterator[slice]:
    return (slice(start, start + size) for start in range(0, n, size))


# --- counts --------------------------------------------------------------------------------------------


def _counts(codes: _Ints, classes: int, weights: _Floats | None) -> _Floats:
    return np.bincount(codes, weights=weights, minlength=classes).astype(np.float64)


def _smoothed_marginals(columns: _Ints, classes: tuple[int, ...], weights: _Floats | None) -> list[_Floats]:
    counts = [_counts(codes, k, weights) for codes, k in zip(columns, classes, strict=True)]
    counts = [own + added_count(own) for own in counts]
    return [count / count.sum() for count in counts]


def _pair_counts(
    columns: _Ints, a: int, b: int, classes: tuple[int, ...], weights: _Floats | None
) -> _Floats:
    """How often each pair of classes of variables a and b occurs, shape (K_a, K_b)."""
    cells = columns[a].astype(np.intp) * classes[b] + columns[b]
    return _counts(cells, classes[a] * classes[b], weights).reshape(classes[a], classes[b])


# --- mutual information, in two ways -------------------------------------------------------------------


def _information_by_pairs(columns: _Ints, classes: tuple[int, ...], weights: _Floats | None) -> _Floats:
    """Mutual information of every pair in nats, shape (D, D), one table of counts after another."""
    D = len(classes)
    information = np.zeros((D, D))
    for a in range(D):
        for b in range(a + 1, D):
            joint = _pair_counts(columns, a, b, classes, weights)
            joint /= joint.sum()
            at = joint.nonzero()  # 20 variables of 1,000 classes: few of the million cells are ever taken
            p = joint[at]
            independent = joint.sum(axis=1)[at[0]] * joint.sum(axis=0)[at[1]]
            information[a, b] = information[b, a] = max(0.0, float(p @ np.log(p / independent)))
    return information


def _information_by_matmul(columns: _Ints, classes: tuple[int, ...], weights: _Floats | None) -> _Floats:
    """The same matrix from one product of one-hot features: much faster while the features are few.

    The first class of each variable carries no feature. What it shares with others follows from the
    totals, which makes a binary variable cost one column instead of two.
    """
    sizes = np.asarray(classes)
    starts = np.cumsum(sizes) - sizes  # where each variable begins among all classes
    marginals = [_counts(codes, k, weights) for codes, k in zip(columns, classes, strict=True)]
    everything = np.concatenate(marginals)
    n = marginals[0].sum()
    later = np.ones(len(everything), dtype=bool)
    later[starts] = False
    shared = _one_hot_products(columns, sizes, weights)
    information = np.zeros((len(classes), len(classes)))
    feature = 0
    for d, marginal in enumerate(marginals):
        # The classes of d against all classes of all variables.
        joint = np.zeros((classes[d], len(everything)))
        joint[1:, later] = shared[feature : feature + classes[d] - 1]
        joint[1:, starts] = marginal[1:, np.newaxis] - np.add.reduceat(joint[1:], starts, axis=1)
        joint[0] = everything - joint[1:].sum(axis=0)
        feature += classes[d] - 1
        # With fractional weights a difference of equal sums can end a hair below 0.
        np.maximum(joint, 0.0, out=joint)
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = joint / n * np.log(joint * n / (marginal[:, np.newaxis] * everything))
        terms[joint == 0] = 0.0
        information[d] = np.add.reduceat(terms.sum(axis=0), starts)
    np.fill_diagonal(information, 0.0)
    symmetric: _Floats = np.maximum((information + information.T) / 2, 0.0)
    return symmetric


def _one_hot_products(columns: _Ints, sizes: NDArray[np.int_], weights: _Floats | None) -> _Floats:
    """Weighted number of rows that have both of two features, shape (F, F) with F = sum(K_d - 1)."""
    owner = np.repeat(np.arange(len(sizes)), sizes - 1)
    value = np.concatenate([np.arange(1, k) for k in sizes]).astype(columns.dtype)
    products = np.zeros((len(owner), len(owner)))
    # Counts below 2**24 are exact in float32; weights are not whole numbers, so they ask for float64.
    dtype = np.float32 if weights is None else np.float64
    for block in _blocks(columns.shape[1], max(256, 2**23 // max(1, len(owner)))):
        features = (columns[owner, block] == value[:, np.newaxis]).astype(dtype)
        products += features @ (features if weights is None else features * weights[block]).T
    return products


# --- the tree ------------------------------------------------------------------------------------------


def _heaviest_tree(information: _Floats) -> NDArray[np.intp]:
    """Parents in the tree of largest total weight, hung up at variable 0; shape (D,), -1 at the root."""
    from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree

    # scipy takes 0 for "no edge", and independent variables must still be joined: every cost is at least 1.
    cost = information.max() - information + 1.0
    np.fill_diagonal(cost, 0.0)
    tree = minimum_spanning_tree(cost)
    _, predecessors = breadth_first_order(tree, 0, directed=False)
    parents = np.asarray(predecessors, dtype=np.intp)
    parents[0] = -1
    return parents
