"""Rows that are improbable under their joint density."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import OutlierMixin

from made.queries.density import Floats
from made.sklearn.table import ScoredEstimator, draw_seed
from made.support.errors import InputError

__all__ = ["MADEOutlierDetector"]


class MADEOutlierDetector(OutlierMixin, ScoredEstimator):  # type: ignore[misc]
    """Find rows that are less probable than most.

    A row is an outlier where its log-likelihood is below that of the given share of rows that the model was
    not fitted on: of a tenth of the rows, which are set apart; with fewer than 1,000 rows, of all rows.

    Parameters
    ----------
    contamination : float
        The share of outliers, in (0, 0.5].
    max_time : float, optional
        Budget of the fit in seconds, as for `MADEDensity`.
    random_state : int, RandomState instance or None
        Of the fit.

    Attributes
    ----------
    offset_ : float
        The log-likelihood below which a row is an outlier.
    held_out_scores_ : (m,) array
        Log-likelihoods that `offset_` is a percentile of.
    model_ : made.MADE
        The fitted model.
    n_features_in_ : int
    feature_names_in_ : (n_features_in_,) array of str
        Where the columns have names.

    Examples
    --------
    >>> import numpy as np
    >>> from made.sklearn import MADEOutlierDetector
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> detector = MADEOutlierDetector(contamination=0.05, random_state=0).fit(X)
    >>> detector.predict([[0.0, 0.0], [9.0, -9.0]])
    array([ 1, -1])
    """

    offset_: float

    def __init__(
        self, contamination: float = 0.1, *, max_time: float | None = None, random_state: Any = None
    ) -> None:
        self.contamination = contamination
        self.max_time = max_time
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> MADEOutlierDetector:
        """Fit the density of the rows.

        Parameters
        ----------
        X : (n, D) array or data frame
            Numbers, text, dates, gaps.
        y : object, optional
            Ignored.
        sample_weight : (n,) array, optional
            A row of weight w counts as w rows in the fit.

        Returns
        -------
        self
        """
        self._check_contamination()
        table = self._checked(X, reset=True)
        self._fit_scored(table, sample_weight, draw_seed(self.random_state))
        self._set_offset()
        return self

    def score_samples(self, X: Any) -> Floats:
        """Return the log-likelihood of each row, (n,), in nats: low where it is odd."""
        return self._log_likelihood(self._rows(X))

    def decision_function(self, X: Any) -> Floats:
        """Return `score_samples` minus `offset_`, (n,): below 0 for outliers."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> NDArray[np.int64]:
        """Return -1 for outliers and 1 for other rows, (n,)."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def _set_offset(self) -> None:
        self._check_contamination()
        self.offset_ = float(np.quantile(self.held_out_scores_, self.contamination))

    def _check_contamination(self) -> None:
        if not 0 < self.contamination <= 0.5:
            raise InputError(
                f"contamination is a share of rows, above 0 and up to 0.5; got {self.contamination}"
            )
