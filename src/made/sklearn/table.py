"""What all estimators share: a table in as scikit-learn checks it, a fitted model, encoded rows out."""

from __future__ import annotations

import datetime
from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, column_or_1d, validate_data

from made.data.columns import infer_schema
from made.model import MADE
from made.queries.density import Floats
from made.sklearn.completions import log_likelihood
from made.support.errors import InputError
from made.training.held_out import numbers_apart
from made.tuning.auto import auto_fit
from made.tuning.single import fit_single
from made.variables import frames
from made.variables.column import Column
from made.variables.rows import Rows
from made.variables.schema import Schema
from made.variables.unseen import unseen_mass

__all__ = [
    "ScoredEstimator",
    "Table",
    "TableEstimator",
    "TargetEstimator",
    "draw_seed",
    "schema_of",
    "to_numpy",
    "with_target",
]

Table = NDArray[Any]
"""(n, D) values: numbers, or objects where a column is text or dates."""

# Tables of fewer rows than this, and at most so many entries, get a fit of so many steps: half a second.
_FEW_ROWS, _FEW_ENTRIES, _FEW_STEPS = 1_000, 5_000, 30
_LARGEST_SEED = 2**31 - 1


class TableEstimator(BaseEstimator):  # type: ignore[misc]
    """An estimator that holds a fitted model of the rows of a table.

    Attributes
    ----------
    model_ : made.MADE
        Of all columns.
    n_features_in_ : int
    feature_names_in_ : (n_features_in_,) array of str
        Where the columns have names.
    """

    model_: MADE
    # The columns of the model's table that are features, in the order of the features.
    _places: NDArray[np.int64]

    def __init__(self, max_time: float | None = None, random_state: Any = None) -> None:
        self.max_time = max_time
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        """Gaps and text are welcome."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.non_deterministic = False
        return tags

    def _checked(self, X: Any, *, reset: bool) -> Table:
        """Return a table as an array, checked by scikit-learn's rules."""
        checks = {"dtype": None, "ensure_all_finite": "allow-nan", "ensure_min_samples": 2 if reset else 1}
        if _has_dates(X):  # scikit-learn finds no type that holds them beside numbers
            validate_data(self, X, reset=reset, skip_check_array=True)
            X = frames.values_of(X, frames.names_of(X))
            return _plain_objects(check_array(X, input_name="X", estimator=self, **checks))
        table: Table = validate_data(self, _with_objects(X), reset=reset, **checks)
        return _plain_objects(table)

    def _fit_table(
        self, table: Table, schema: Schema, sample_weight: ArrayLike | None, seed: int
    ) -> NDArray[np.int64]:
        """Fit the model to a table; return the numbers of the rows that were held out, all if none were."""
        weight = None
        if sample_weight is not None:
            weight = _check_sample_weight(sample_weight, table, dtype=np.float64, ensure_non_negative=True)
            if not weight.any():
                raise InputError("sample_weight is 0 for every row: at least one row has to count")
            if (weight == weight[0]).all():
                weight = None
        everything = np.arange(len(table))
        kept = everything if weight is None else np.flatnonzero(weight)
        if weight is not None:
            weight = weight[kept] / weight[kept].mean()
        own = table[kept]
        is_small = len(own) < _FEW_ROWS and own.size <= _FEW_ENTRIES and self.max_time is None
        if is_small or weight is not None:
            steps = _FEW_STEPS if is_small else None
            self.model_ = fit_single(
                schema,
                schema.encode(own),
                sample_weight=weight,
                seed=seed,
                steps=steps,
                max_time=self.max_time,
            )
        else:
            self.model_ = auto_fit(own, schema=schema, seed=seed, max_time=self.max_time)
        # A percentile needs a hundred rows.
        return kept[numbers_apart(len(own), seed)[1]] if len(own) >= _FEW_ROWS else kept

    def _rows(self, X: Any) -> Rows:
        """Return rows of features as the model computes with them; what is no feature is unknown."""
        check_is_fitted(self)
        table = self._checked(X, reset=False)
        n_columns = len(self.model_.schema.modelled_table)
        if len(self._places) == n_columns:
            return self.model_.rows(_placed(table, self._places, n_columns))
        unknown = np.ones((len(table), n_columns), dtype=bool)
        unknown[:, self._places] = False
        return self.model_.rows(_placed(table, self._places, n_columns), unknown=unknown)

    def _adopt(self, model: MADE, places: NDArray[np.int64], names: Any) -> None:
        """Take over a model that is fitted already, with some of its columns as features."""
        self.model_, self._places = model, places
        self.n_features_in_ = len(places)
        if names is not None:
            self.feature_names_in_ = np.asarray(names, dtype=object)[places]


class ScoredEstimator(TableEstimator):
    """An estimator that knows how probable rows are, and how probable those were that it was not fitted on.

    Attributes
    ----------
    held_out_scores_ : (m,) array
        Log-likelihood of rows that were set apart from the fit; of tables below 1,000 rows, of all rows.
    """

    held_out_scores_: Floats
    _as_density: bool

    def _fit_scored(
        self, table: Table, sample_weight: ArrayLike | None, seed: int, frame: Any = None
    ) -> None:
        """Fit the model to all columns; those of a data frame, where it came in, keep their types."""
        names = getattr(self, "feature_names_in_", None)
        self._as_density = table.dtype.kind == "f"
        schema = schema_of(table, names, seed=seed)
        schema = schema.of_frame(frame) if frames.is_frame(frame) else schema
        held_out = self._fit_table(table, schema, sample_weight, seed)
        self._places = np.arange(table.shape[1])
        self.held_out_scores_ = self._log_likelihood(self.model_.rows(table[held_out]))

    def _log_likelihood(self, rows: Rows) -> Floats:
        return log_likelihood(self.model_, rows, as_density=self._as_density)


class TargetEstimator(TableEstimator):
    """An estimator of one column given the others: the last one of the table that it is fitted to."""

    _target: int

    def _fit_target(
        self, table: Table, values: Table, column: Column, sample_weight: ArrayLike | None
    ) -> None:
        """Fit the model to features (n, F), and the values (n,) of the target, which is this column."""
        seed = draw_seed(self.random_state)
        schema = schema_of(table, getattr(self, "feature_names_in_", None), column, seed=seed)
        self._fit_table(with_target(table, values), schema, sample_weight, seed)
        self._places, self._target = np.arange(table.shape[1]), self.model_.n_variables - 1

    def _required(self, y: Any) -> Table:
        """Return y as a column; the error where it is None is scikit-learn's."""
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but the target y is None."
            )
        column: Table = column_or_1d(y, warn=True)
        return column


def draw_seed(random_state: Any) -> int:
    """Return a seed, as scikit-learn's random states give them."""
    return int(check_random_state(random_state).randint(_LARGEST_SEED))


def schema_of(table: Table, names: Any, target: Column | None = None, *, seed: int = 0) -> Schema:
    """Return the schema of features, and of a target as the last column.

    Parameters
    ----------
    table : (n, F) array
        Of the features.
    names : sequence of F str or None
        Of the features.
    target : Column, optional
        Its name is made unlike those of the features.
    seed : int
        Of the fit, which says what rows are set apart.
    """
    schema, _ = infer_schema(
        {"train": table},
        "X",
        None if names is None else [str(name) for name in names],
        keeps_all=True,  # every feature is one of the model
        train=lambda n: numbers_apart(n, seed)[0],
    )
    columns = list(schema.columns)
    for d, own in enumerate(schema.table):
        if own.form is None:
            (place,) = own.places
            columns[place] = _with_unseen(columns[place], table[:, d])
    if target is None:
        return replace(schema, columns=tuple(columns))
    name = target.name
    taken = {*schema.names, *(own.name for own in schema.table)}
    while name in taken:
        name += "_"
    column = Column(name, target.kind, target.arguments)
    return Schema((*columns, column), is_named=schema.is_named)


def _with_unseen(column: Column, values: NDArray[Any]) -> Column:
    """Return a column of classes with a probability for other values: a fold may hold values of its own."""
    if column.kind != "categorical" or "unseen" in column.arguments:
        return column
    classes = column.arguments["classes"]
    classes = list(range(classes)) if isinstance(classes, int) else classes
    seen = [str(value) for value in values.tolist() if not frames.is_missing(value)]
    return replace(column, arguments={**column.arguments, "classes": classes, "unseen": unseen_mass(seen)})


def with_target(table: Table, target: NDArray[Any]) -> Table:
    """Return a table with one more column, the last."""
    if table.dtype.kind == "O":
        return np.column_stack([table, target.astype(object)])
    return np.column_stack([table, target])


def _with_objects(X: Any) -> Any:
    """Return lists with text among their numbers as objects: NumPy would turn all into text."""
    if isinstance(X, list | tuple) and len(X) and np.ndim(X[0]) == 1:
        kinds = {np.asarray(value).dtype.kind for row in X for value in row}
        if kinds & set("USO"):
            return np.array(X, dtype=object)
    return X


def _has_dates(X: Any) -> bool:
    """Return whether a data frame has columns of dates, times or durations by their type."""
    return frames.is_frame(X) and any(
        own.is_temporal() if hasattr(own, "is_temporal") else getattr(own, "kind", "") in ("m", "M")
        for own in X.dtypes
    )


def _plain_objects(table: Table) -> Table:
    """Return a table whose objects are numbers, text, dates or gaps; other objects become their text."""
    if table.dtype.kind in "US":
        return table.astype(object)
    if table.dtype.kind == "M":  # as objects they keep their type
        return np.array([list(row) for row in table], dtype=object).reshape(table.shape)
    if table.dtype.kind != "O":
        return table
    return cast("Table", np.frompyfunc(_plain, 1, 1)(table))


def _plain(value: Any) -> Any:
    kinds = str | bool | int | float | np.generic | datetime.date | datetime.time | datetime.timedelta
    return value if isinstance(value, kinds) or frames.is_missing(value) else str(value)


def _placed(table: Table, places: NDArray[np.int64], n_columns: int) -> Table:
    """Return the table with its columns at these places among those of the model."""
    if len(places) == n_columns and (places == np.arange(n_columns)).all():
        return table
    is_object = table.dtype.kind == "O"
    out: Table = np.full((len(table), n_columns), None if is_object else np.nan, dtype=object)
    out[:, places] = table
    return out if is_object else out.astype(np.result_type(table.dtype, np.float64))


def to_numpy(values: Any) -> Table:
    """Return values that a model answers with as an array."""
    return values.cpu().numpy() if isinstance(values, torch.Tensor) else np.asarray(values)
