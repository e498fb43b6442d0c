"""What a model is conditioned on: the features c of p(x | c), which every unit and every output may see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from made.support.checks import check_int
from made.support.errors import InputError
from made.variables.base import Variable
from made.variables.row_type import RowType

__all__ = ["Context"]


class Context:
    """The context of a model: numbers as they are, or variables that are coded as those of a row.

    Parameters
    ----------
    context : int, Variable or sequence of Variable
        How many numbers; or what they are: ``[made.Categorical(3), made.Bernoulli(1)]``. 0: no context.

    Attributes
    ----------
    variables : RowType or None
        None where context is numbers.
    n_columns : int
        Width of a table of context.
    n_features : int
        How many features enter the network.

    Examples
    --------
    >>> Context(2).rows([[0.5, -1.0]], n=1)
    tensor([[ 0.5000, -1.0000]])
    >>> Context(2).rows([0.5], n=1)
    Traceback (most recent call last):
        ...
    made.support.errors.InputError: context has 1 columns, the model takes 2
    """

    def __init__(self, context: int | Variable | Sequence[Variable] = 0) -> None:
        if isinstance(context, int | np.integer | bool):
            self.variables = None
            self.n_columns = self.n_features = check_int("context, the number of its features,", context)
        else:
            self.variables = RowType(context)
            self.n_columns = self.variables.n_variables
            self.n_features = self.variables.n_inputs

    def __bool__(self) -> bool:
        """Whether there is any."""
        return self.n_columns > 0

    @property
    def feature_shares(self) -> NDArray[np.float64]:
        """(n_features,): the share of its column that each feature is."""
        return np.ones(self.n_features) if self.variables is None else self.variables.feature_shares

    @property
    def feature_powers(self) -> NDArray[np.float64]:
        """(n_features,): the mean square of each feature; numbers are taken to be standardized."""
        return np.ones(self.n_features) if self.variables is None else self.variables.feature_powers

    def rows(self, context: ArrayLike | Tensor | None, n: int) -> Tensor | None:
        """Return context as a checked table with one row per row of the data; None where there is none.

        Parameters
        ----------
        context : array or tensor
            (n, n_columns); or one row, (n_columns,) or (1, n_columns), which then holds for all.
        n : int
            How many rows of data there are.

        Raises
        ------
        InputError
            If context is missing, has the wrong width or number of rows, or holds what it must not.
        """
        if not self:
            if context is None:
                return None
            raise InputError(
                "this model takes no context: build it with context=C to condition on C features"
            )
        if context is None:
            raise InputError(f"this model is conditional: give it context, ({n}, {self.n_columns})")
        table = (
            context if isinstance(context, Tensor) else torch.as_tensor(_numbers(context, self.variables, n))
        )
        if table.ndim == 1:
            table = table[:, None] if self.n_columns == 1 and len(table) == n else table[None, :]
        if table.ndim != 2:
            raise InputError(f"context is a table ({n}, {self.n_columns}), got shape {tuple(table.shape)}")
        if table.shape[1] != self.n_columns:
            raise InputError(f"context has {table.shape[1]} columns, the model takes {self.n_columns}")
        if len(table) not in (1, n):
            raise InputError(f"context has {len(table)} rows for {n} rows of data: one each, or one for all")
        try:
            checked = table.float() if self.variables is None else self.variables.rows(table)
        except InputError as error:
            raise InputError(f"context: {error}") from None
        if self.variables is None and not bool(torch.isfinite(checked).all()):
            row, column = (int(i) for i in (~torch.isfinite(checked)).nonzero()[0])
            raise InputError(f"context: row {row}, column {column} (counted from 0) is not a finite number")
        return checked.expand(n, -1)

    def features(self, rows: Tensor) -> Tensor:
        """Turn rows of context (n, n_columns) into the network's features (n, n_features), float32."""
        return rows if self.variables is None else self.variables.features(rows)

    def settings(self) -> int | list[dict[str, Any]]:
        """Return the JSON-ready description that model files hold."""
        return self.n_columns if self.variables is None else self.variables.settings()


def _numbers(context: ArrayLike, variables: RowType | None, n: int) -> NDArray[Any]:
    try:
        table = np.asarray(context)
        if table.dtype.kind in "OUS" and variables is None:
            table = table.astype(np.float64)
    except (TypeError, ValueError):
        raise InputError("context is a table of numbers, one row per row of the data") from None
    if variables is not None and table.dtype.kind in "OUS":
        # A flat list of labels is one row; or, of a single column, one entry per row.
        if table.ndim < 2:
            is_column = variables.n_variables == 1 and table.shape == (n,)
            table = table.reshape((-1, 1) if is_column else (1, -1))
        return _codes(table, variables)
    if table.dtype.kind not in "biuf":
        raise InputError(f"context holds numbers, got an array of {table.dtype}")
    return table.astype(np.int64 if variables is not None and table.dtype.kind != "f" else np.float64)


def _codes(table: NDArray[Any], variables: RowType) -> NDArray[np.int64]:
    try:
        return variables.codes(table)
    except InputError as error:
        if table.shape[-1] != variables.n_variables:
            raise InputError(
                f"context has {table.shape[-1]} columns, the model takes {variables.n_variables}"
            ) from None
        raise InputError(f"context: {error}") from None
