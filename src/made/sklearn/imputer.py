"""Gaps of a table filled in from its joint density."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn import get_config
from sklearn.base import OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from made.sklearn.completions import expected
from made.sklearn.table import Table, TableEstimator, draw_seed, schema_of
from made.support.errors import InputError
from made.variables import frames
from made.variables.column import NUMERIC, Column
from made.variables.date_columns import has_dates, join, known_in_table
from made.variables.rows import Rows

__all__ = ["MADEImputer"]

_STRATEGIES = ("expected", "draw")
_PARTICLES = 200


class MADEImputer(OneToOneFeatureMixin, TransformerMixin, TableEstimator):  # type: ignore[misc]
    """Fill in gaps, given what is known in the row.

    Parameters
    ----------
    strategy : "expected" or "draw"
        ``"expected"``: the mean of a number, ordered classes among them, and the most probable class, each
        alone (of a date, of its week, weekday and time of day); what is filled into a row depends on that
        row only. ``"draw"``: a draw from the joint distribution of all gaps of the row, a function of the
        seed and of the number of the row.
    max_time : float, optional
        Budget of the fit in seconds, as for `MADEDensity`.
    random_state : int, RandomState instance or None
        Of the fit, and of draws.

    Attributes
    ----------
    model_ : made.MADE
        The fitted model.
    n_features_in_ : int
    feature_names_in_ : (n_features_in_,) array of str
        Where the columns have names.

    See Also
    --------
    made.complete : Several completions of a row, and how sure they are.

    Examples
    --------
    >>> import numpy as np
    >>> from made.sklearn import MADEImputer
    >>> x = np.random.default_rng(0).normal(size=(200, 1))
    >>> X = np.hstack([x, 2 * x + 1])
    >>> X[0] = [1.0, np.nan]
    >>> filled = MADEImputer(random_state=0).fit_transform(X)
    >>> bool(abs(filled[0, 1] - 3) < 0.5)
    True
    """

    _seed: int

    def __init__(
        self, strategy: str = "expected", *, max_time: float | None = None, random_state: Any = None
    ) -> None:
        self.strategy = strategy
        self.max_time = max_time
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        """Floats keep their type."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def fit(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> MADEImputer:
        """Fit the density of the rows; they may have gaps.

        Parameters
        ----------
        X : (n, D) array or data frame
            Numbers, text, dates, gaps.
        y : object, optional
            Ignored.
        sample_weight : (n,) array, optional
            A row of weight w counts as w rows.

        Returns
        -------
        self
        """
        self._check_strategy()
        table = self._checked(X, reset=True)
        self._seed = draw_seed(self.random_state)
        schema = schema_of(table, getattr(self, "feature_names_in_", None), seed=self._seed)
        self._fit_table(table, schema, sample_weight, self._seed)
        self._places = np.arange(table.shape[1])
        return self

    def transform(self, X: Any) -> Any:
        """Return the rows with their gaps filled in.

        Parameters
        ----------
        X : (n, D) array or data frame
            With gaps.

        Returns
        -------
        array, or a data frame of the library that came in; see also `set_output`
            Known entries are as they were, and types where they hold what was filled in.
        """
        check_is_fitted(self)
        self._check_strategy()
        table = self._checked(X, reset=False)
        rows = self.model_.rows(table, to_fill=True)
        values = self._completed(rows)
        known = known_in_table(self.model_.schema.modelled, rows.mask.cpu().numpy())
        if frames.is_frame(X):
            filled = frames.fill(X, frames.names_of(X), values, known)
            asked_for = _library_asked_for(self)
            return frames.as_library(filled, asked_for) if asked_for in frames.LIBRARIES else filled
        out = table.copy()
        if out.dtype.kind in "biu" and not known.all():  # the mark of a gap is none of these types
            out = out.astype(np.float64)
        out[~known] = values[~known]
        return out.astype(X.dtype) if isinstance(X, np.ndarray) and X.dtype.kind == "M" else out

    def _completed(self, rows: Rows) -> Table:
        """Return values of the table (n, T) for what is unknown; other entries hold anything."""
        gaps = ~rows.mask.cpu().numpy().all(axis=1)
        columns = self.model_.schema.modelled
        out: Table = np.full((len(rows), len(self._places)), None, dtype=object)
        if not gaps.any():
            return out
        numbers = np.flatnonzero(gaps)
        if self.strategy == "expected":
            found = expected(self.model_, rows[torch.from_numpy(numbers)])
            out[numbers] = join(columns, _whole_parts(columns, found)) if has_dates(columns) else found
            return out
        options: dict[str, Any] = {"seed": self._seed, "particles": _PARTICLES}
        for run in np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1):
            own = rows[int(run[0]) : int(run[-1]) + 1]
            out[run] = self.model_.complete(own, "draw", first=int(run[0]), **options).values
        return out

    def _check_strategy(self) -> None:
        if self.strategy not in _STRATEGIES:
            raise InputError(f"strategy is 'expected' or 'draw', got {self.strategy!r}")


def _whole_parts(columns: Sequence[Column], found: NDArray[Any]) -> NDArray[Any]:
    """Return values (n, D) with the numbers that are parts of dates rounded to whole ones."""
    own = np.array(found, dtype=object)
    for d, column in enumerate(columns):
        if column.part is not None and column.kind == NUMERIC:
            own[:, d] = [None if frames.is_missing(value) else round(value) for value in own[:, d]]
    return own


def _library_asked_for(imputer: Any) -> str:
    """Return which frames scikit-learn is to return: "default", "pandas" or "polars"."""
    chosen = getattr(imputer, "_sklearn_output_config", {}).get("transform")
    return str(chosen or get_config()["transform_output"])
