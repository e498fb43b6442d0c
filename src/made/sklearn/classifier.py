"""One column of classes given the others."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length

from made.queries.density import Floats
from made.sklearn.completions import class_probabilities
from made.sklearn.table import TargetEstimator
from made.support.errors import InputError
from made.variables.class_groups import default_coding
from made.variables.column import Column
from made.variables.discrete import Discrete

__all__ = ["MADEClassifier"]


class MADEClassifier(ClassifierMixin, TargetEstimator):  # type: ignore[misc]
    """Predict a class by the joint density of features and class: p(y | x) = p(x, y) / p(x).

    Features may have gaps. Where a feature had gaps in training, a gap is a value like any other, and may
    tell something; elsewhere it is summed out.

    Parameters
    ----------
    max_time : float, optional
        Budget of the fit in seconds, as for `MADEDensity`.
    random_state : int, RandomState instance or None
        Of the fit.

    Attributes
    ----------
    classes_ : (K,) array
    model_ : made.MADE
        The fitted model of features and class, which is its last column.
    n_features_in_ : int
    feature_names_in_ : (n_features_in_,) array of str
        Where the features have names.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from made.sklearn import MADEClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = MADEClassifier(random_state=0).fit(X, y)
    >>> bool(classifier.score(X, y) > 0.9)
    True
    >>> classifier.predict_proba([[5.1, None, 1.4, 0.2]]).shape  # a gap
    (1, 3)
    """

    classes_: NDArray[Any]

    def fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> MADEClassifier:
        """Fit the joint density of features and class.

        Parameters
        ----------
        X : (n, D) array or data frame
            Numbers, text, dates, gaps.
        y : (n,) array
            Class labels.
        sample_weight : (n,) array, optional
            A row of weight w counts as w rows.

        Returns
        -------
        self
        """
        table = self._checked(X, reset=True)
        y = self._required(y)
        check_consistent_length(table, y)
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        n_classes = max(2, len(self.classes_))
        arguments = {"classes": n_classes, "coding": default_coding(n_classes)}
        self._fit_target(table, codes, Column("y", "categorical", arguments), sample_weight)
        return self

    def predict_proba(self, X: Any) -> Floats:
        """Return the probability of each class, (n, K)."""
        rows = self._rows(X)
        found = class_probabilities(self.model_, rows, self._target)[:, : len(self.classes_)]
        total: Floats = found / found.sum(axis=1, keepdims=True)
        return total

    def predict_log_proba(self, X: Any) -> Floats:
        """Return the logarithm of `predict_proba`, (n, K)."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most probable class of each row, (n,)."""
        most_probable = self.predict_proba(X).argmax(axis=1)
        found: NDArray[Any] = self.classes_[most_probable]
        return found

    def _set_target(self, target: int) -> None:
        """Take a column of the model for the class."""
        block = self.model_.variables.block_of(target)
        if not isinstance(block, Discrete):
            name = self.model_.schema.modelled[target].name
            raise InputError(f"column {name} holds numbers, not classes: ask for its regressor")
        self._target = target
        self.classes_ = np.array([value for value in block.values if value is not None])
