"""One column of numbers given the others: its mean, quantiles and intervals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_array, check_consistent_length

from made.data.columns import infer_schema
from made.queries.density import Floats
from made.queries.reach import in_reach
from made.sklearn.completions import class_probabilities, number_samples
from made.sklearn.table import TargetEstimator
from made.support.errors import InputError
from made.variables.discrete import Discrete
from made.variables.numeric import Numeric
from made.variables.rows import Rows

__all__ = ["MADERegressor"]


class MADERegressor(RegressorMixin, TargetEstimator):  # type: ignore[misc]
    """Predict a number by the joint density of features and target: the distribution of y given x.

    Features may have gaps, as for `MADEClassifier`.

    Parameters
    ----------
    max_time : float, optional
        Budget of the fit in seconds, as for `MADEDensity`.
    random_state : int, RandomState instance or None
        Of the fit.

    Attributes
    ----------
    model_ : made.MADE
        The fitted model of features and target, which is its last column.
    n_features_in_ : int
    feature_names_in_ : (n_features_in_,) array of str
        Where the features have names.

    Examples
    --------
    >>> import numpy as np
    >>> from made.sklearn import MADERegressor
    >>> x = np.random.default_rng(0).uniform(-1, 1, size=(300, 1))
    >>> regressor = MADERegressor(random_state=0).fit(x, 3 * x[:, 0])
    >>> bool(abs(regressor.predict([[0.5]])[0] - 1.5) < 0.3)
    True
    >>> low, high = regressor.predict_interval([[0.5]], level=0.8)[0]
    >>> bool(low < high)
    True
    """

    def fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> MADERegressor:
        """Fit the joint density of features and target.

        Parameters
        ----------
        X : (n, D) array or data frame
            Numbers, text, dates, gaps.
        y : (n,) array
            Finite numbers.
        sample_weight : (n,) array, optional
            A row of weight w counts as w rows.

        Returns
        -------
        self
        """
        table = self._checked(X, reset=True)
        y = check_array(self._required(y), ensure_2d=False, dtype="numeric", input_name="y").astype(
            np.float64
        )
        check_consistent_length(table, y)
        (target,) = infer_schema({"y": y[:, None]}, "y", ["y"])[0].columns
        self._fit_target(table, y, target, sample_weight)
        return self

    def predict(self, X: Any) -> Floats:
        """Return the mean of the target given each row, (n,)."""
        rows = self._rows(X)
        out = np.zeros(len(rows))
        target = self._target
        is_number = isinstance(self.model_.variables.block_of(target), Numeric)
        for places, values, weights in self._distributions(rows):
            counted = in_reach(self.model_, target, values) if is_number else values
            out[places] = (counted * weights).sum(axis=1)
        return out

    def predict_quantiles(self, X: Any, q: ArrayLike) -> Floats:
        """Return quantiles of the target given each row.

        Parameters
        ----------
        X : (n, D) array or data frame
            Features.
        q : float or (L,) array
            Which, in (0, 1).

        Returns
        -------
        (n, L) array, or (n,) for a single q
        """
        levels = np.atleast_1d(np.asarray(q, dtype=np.float64))
        if levels.ndim != 1 or not ((levels > 0) & (levels < 1)).all():
            raise InputError(f"quantiles are between 0 and 1, got {q!r}")
        rows = self._rows(X)
        out = np.zeros((len(rows), len(levels)))
        for places, values, weights in self._distributions(rows):
            out[places] = _quantiles(values, weights, levels)
        return out if np.ndim(q) else out[:, 0]

    def predict_interval(self, X: Any, level: float = 0.9) -> Floats:
        """Return the ends between which the middle `level` of the target's distribution lies, (n, 2)."""
        if not 0 < level < 1:
            raise InputError(f"level is the probability of an interval, between 0 and 1; got {level}")
        return self.predict_quantiles(X, [(1 - level) / 2, (1 + level) / 2])

    def _distributions(self, rows: Rows) -> Iterator[tuple[NDArray[np.int64], Floats, Floats]]:
        """Go through the distributions of the target as weighted values; see `number_samples`."""
        block = self.model_.variables.block_of(self._target)
        if not isinstance(block, Discrete):
            yield from number_samples(self.model_, rows, self._target)
            return
        values = np.array([value for value in block.values if value is not None], dtype=np.float64)
        weights = class_probabilities(self.model_, rows, self._target)
        yield np.arange(len(rows)), np.broadcast_to(values, weights.shape), weights

    def _set_target(self, target: int) -> None:
        """Take a column of the model for the target."""
        block = self.model_.variables.block_of(target)
        if isinstance(block, Discrete) and any(isinstance(value, str) for value in block.values):
            name = self.model_.schema.modelled[target].name
            raise InputError(f"column {name} holds text, not numbers: ask for its classifier")
        self._target = target


def _quantiles(values: Floats, weights: Floats, levels: Floats) -> Floats:
    """Return quantiles (n, L) of weighted values (n, S), each of which stands for the middle of its mass."""
    order = np.argsort(values, axis=1, kind="stable")
    values, weights = np.take_along_axis(values, order, 1), np.take_along_axis(weights, order, 1)
    middles = weights.cumsum(axis=1) - weights / 2
    rows = zip(middles, values, strict=True)
    return np.array([np.interp(levels, middle, own) for middle, own in rows]).reshape(-1, len(levels))
