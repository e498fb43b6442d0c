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
from made.variables.encoding import encode_complete
from made.variables.fitting import is_fitted
from made.variables.row_type import RowType
from made.variables.rows import Rows

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
        table = _table(context, self.variables)
        if table.ndim == 1:  # of a single column one entry per row, else one row
            is_column = self.n_columns == 1 and len(table) == n
            table = table[:, None] if is_column else table[None, :]
        if table.ndim != 2:
            raise InputError(f"context is a table ({n}, {self.n_columns}), got shape {tuple(table.shape)}")
        if table.shape[1] != self.n_columns:
            raise InputError(f"context has {table.shape[1]} columns, the model takes {self.n_columns}")
        if len(table) not in (1, n):
            raise InputError(f"context has {len(table)} rows for {n} rows of data: one each, or one for all")
        return self._checked(table).expand(n, -1)

    def _checked(self, table: Tensor | NDArray[Any]) -> Tensor:
        if self.variables is not None:
            try:
                return self.encoded(encode_complete(self.variables, table))
            except InputError as error:
                raise InputError(f"context: {error}") from None
        with np.errstate(over="ignore"):  # what overflows is refused below
            plain = table if isinstance(table, Tensor) else np.array(table, dtype=np.float32)
        numbers = torch.as_tensor(plain).float()
        wrong = ~torch.isfinite(numbers)
        if bool(wrong.any()):
            row, column = (int(i) for i in wrong.nonzero()[0])
            raise InputError(f"context: row {row}, column {column} (counted from 0) is not a finite number")
        return numbers

    @property
    def is_fitted(self) -> bool:
        """Whether training rows have set all that is set once: the marginals of numeric columns."""
        return self.variables is None or is_fitted(self.variables)

    def encoded(self, rows: Rows) -> Tensor:
        """Return encoded context as rows keep it: codes and, of numeric columns, the bodies beside them."""
        return rows.codes if rows.bodies is None else torch.cat([rows.codes.long(), rows.bodies], dim=1)

    def decoded(self, context: Tensor) -> Rows | None:
        """Return what `encoded` was given; None where context is numbers, or features already."""
        if self.variables is None or context.is_floating_point():
            return None
        if self.variables.numbers is None:
            return Rows(context)
        codes, bodies = context[:, : self.n_columns], context[:, self.n_columns :]
        return Rows(codes, bodies=bodies)

    def features(self, context: Tensor) -> Tensor:
        """Turn context as rows keep it into the network's features (n, n_features), float32.

        Features are left as they are.
        """
        rows = self.decoded(context)
        return context if rows is None else self.features_of(rows)

    def features_of(self, rows: Rows) -> Tensor:
        """Turn encoded rows of context into the network's features (n, n_features), float32."""
        assert self.variables is not None
        return self.variables.features(rows.codes, self.variables.scored(rows).scores)

    def settings(self) -> int | list[dict[str, Any]]:
        """Return the JSON-ready description that model files hold."""
        return self.n_columns if self.variables is None else self.variables.settings()


def _table(context: ArrayLike | Tensor, variables: RowType | None) -> Tensor | NDArray[Any]:
    """Return context as a tensor or an array: of numbers, where it is numbers."""
    if isinstance(context, Tensor):
        return context
    try:
        table = np.asarray(context)
        if variables is None and table.dtype.kind in "OUS":
            table = table.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        raise InputError("context is a table of numbers, one row per row of the data") from None
    if table.dtype.kind not in ("biufOUS" if variables is not None else "biuf"):
        raise InputError(f"context holds numbers, got an array of {table.dtype}")
    return table
