"""The joint density of all columns, which the other estimators can share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import DensityMixin
from sklearn.utils.validation import check_is_fitted

from made.queries.density import Floats
from made.sklearn.classifier import MADEClassifier
from made.sklearn.imputer import MADEImputer
from made.sklearn.outlier_detector import MADEOutlierDetector
from made.sklearn.regressor import MADERegressor
from made.sklearn.table import ScoredEstimator, draw_seed
from made.support.errors import InputError
from made.variables.column import find_column
from made.variables.date_columns import TableColumn

__all__ = ["MADEDensity"]


class MADEDensity(DensityMixin, ScoredEstimator):  # type: ignore[misc]
    """Density of rows of numbers, classes, dates, gaps: scored exactly, drawn from, asked about any column.

    Parameters
    ----------
    max_time : float, optional
        Budget of the fit in seconds. By default it follows from the size of the table: half a second for at
        most 5,000 entries, else that of `made.auto_fit`.
    random_state : int, RandomState instance or None
        Of the fit; and of `sample`, unless that is given its own.

    Attributes
    ----------
    model_ : made.MADE
        The fitted model, which answers more questions.
    held_out_scores_ : (m,) array
        Log-likelihood of rows that were set apart from the fit; of tables below 1,000 rows, of all rows.
    n_features_in_ : int
    feature_names_in_ : (n_features_in_,) array of str
        Where the columns have names.

    See Also
    --------
    made.auto_fit : What fits the model.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from made.sklearn import MADEDensity
    >>> X = load_iris().data
    >>> density = MADEDensity(random_state=0).fit(X)
    >>> density.score_samples(X).shape
    (150,)
    >>> density.sample(3).shape
    (3, 4)
    """

    def fit(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> MADEDensity:
        """Fit the density of the rows.

        Parameters
        ----------
        X : (n, D) array or data frame
            Numbers, text, dates, gaps; see `made.data.columns.infer_schema` for what becomes of a column.
        y : object, optional
            Ignored.
        sample_weight : (n,) array, optional
            A row of weight w counts as w rows. Settings are not compared then.

        Returns
        -------
        self
        """
        table, seed = self._checked(X, reset=True), draw_seed(self.random_state)
        self._fit_scored(table, sample_weight, seed, X)
        return self

    def score_samples(self, X: Any) -> Floats:
        """Return the log-likelihood of each row, (n,), in nats; with gaps, that of what is known.

        A gap is a value like any other in a column that had gaps when it was fitted, and unknown in any
        other. Fitted on floats, all entries are scored as densities, so that models of densities compare;
        fitted on anything else, classes and points of a grid are scored as masses.
        """
        return self._log_likelihood(self._rows(X))

    def score(self, X: Any, y: Any = None) -> float:
        """Return the mean log-likelihood of the rows."""
        return float(self.score_samples(X).mean())

    def sample(self, n_samples: int = 1, random_state: Any = None) -> Any:
        """Draw rows.

        Parameters
        ----------
        n_samples : int
            How many.
        random_state : int, RandomState instance or None
            By default that of the estimator.

        Returns
        -------
        (n_samples, D) array, or a data frame of the library that it was fitted on
        """
        check_is_fitted(self)
        seed = draw_seed(self.random_state if random_state is None else random_state)
        output = "numpy" if self.model_.schema.frame is None else None
        return self.model_.sample(n_samples, seed=seed, output=output)

    def classifier(self, column: int | str) -> MADEClassifier:
        """Return a fitted classifier of one column given all others, on the same model.

        Parameters
        ----------
        column : int or str
            Its number, or its name. It is one of classes, and no date.

        Examples
        --------
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> sex = rng.integers(2, size=200)
        >>> X = np.column_stack([sex, 165 + 15 * sex + rng.normal(size=200)])
        >>> density = MADEDensity(random_state=0).fit(X)
        >>> density.classifier(0).predict([[164.0], [181.0]])
        array([0, 1])
        """
        found = MADEClassifier(max_time=self.max_time, random_state=self.random_state)
        self._give(found, self._column(column))
        return found

    def regressor(self, column: int | str) -> MADERegressor:
        """Return a fitted regressor of one column of numbers given all others, on the same model."""
        found = MADERegressor(max_time=self.max_time, random_state=self.random_state)
        self._give(found, self._column(column))
        return found

    def imputer(self, strategy: str = "expected") -> MADEImputer:
        """Return a fitted imputer on the same model."""
        check_is_fitted(self)
        found = MADEImputer(strategy, max_time=self.max_time, random_state=self.random_state)
        found._adopt(self.model_, self._places, self._names)
        found._seed = draw_seed(self.random_state)
        return found

    def outlier_detector(self, contamination: float = 0.1) -> MADEOutlierDetector:
        """Return a fitted outlier detector on the same model."""
        check_is_fitted(self)
        found = MADEOutlierDetector(contamination, max_time=self.max_time, random_state=self.random_state)
        found._adopt(self.model_, self._places, self._names)
        found._as_density, found.held_out_scores_ = self._as_density, self.held_out_scores_
        found._set_offset()
        return found

    def _give(self, estimator: MADEClassifier | MADERegressor, target: TableColumn) -> None:
        """Have an estimator predict a column by this model."""
        table = self.model_.schema.modelled_table
        places = np.array([place for place, own in enumerate(table) if own != target], dtype=np.int64)
        estimator._adopt(self.model_, places, self._names)
        estimator._set_target(target.places[0])

    @property
    def _names(self) -> Any:
        return getattr(self, "feature_names_in_", None)

    def _column(self, column: int | str) -> TableColumn:
        """Return a column of the table."""
        check_is_fitted(self)
        if self.n_features_in_ < 2:
            raise InputError("a column is predicted from others, and there is only one")
        table = self.model_.schema.modelled_table
        own = table[find_column(column, [own.name for own in table], len(table))]
        if own.form is not None:
            raise InputError(f"column {own.name} holds dates: what is predicted is one number or one class")
        return own
