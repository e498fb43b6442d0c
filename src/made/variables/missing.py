"""Rows with unknown entries: how a user marks them, and what queries work with: codes, -1 where unknown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from made.masks.ordering import IntArray
from made.support.errors import InputError
from made.variables.row_type import RowType

__all__ = ["UNKNOWN", "has_unknown", "read_given", "read_incomplete"]

#: Stands for an unknown code.
UNKNOWN = -1


def has_unknown(x: Any) -> bool:
    """Return whether rows mark any entry as unknown, with NaN or None.

    Examples
    --------
    >>> has_unknown([[0, None]]), has_unknown([[0, 1]])
    (True, False)
    """
    if isinstance(x, Tensor):
        return x.is_floating_point() and bool(x.isnan().any())
    try:
        array = _as_array(x)
    except ValueError:  # ragged: whoever reads the rows says so
        return False
    return bool(_unknown(array).any())


def read_incomplete(variables: RowType, x: ArrayLike | Tensor, unknown: ArrayLike | None = None) -> IntArray:
    """Return rows as codes, with -1 where an entry is unknown.

    Parameters
    ----------
    variables : RowType
        What the columns are.
    x : array or tensor
        (n, D): codes, or labels where it holds strings. NaN, None and the masked entries of a masked array
        are unknown.
    unknown : (n, D) or (D,) bool array, optional
        True where an entry is unknown, whatever `x` holds there; beside those that `x` marks itself.

    Returns
    -------
    (n, D) int64 array

    Raises
    ------
    InputError
        If the shape is wrong, or a known entry is no value of its variable.

    Examples
    --------
    >>> from made.variables.discrete import Bernoulli
    >>> read_incomplete(RowType(Bernoulli(3)), [[0, float("nan"), 1]])
    array([[ 0, -1,  1]])
    """
    if isinstance(x, Tensor):
        x = (x.double() if x.is_floating_point() else x).detach().cpu().numpy()
    try:
        array = _as_array(x)
    except ValueError:
        raise InputError(
            "rows differ in their number of columns: each needs one entry per variable"
        ) from None
    if array.ndim != 2 or array.shape[1] != variables.n_variables:
        variables.rows(array)  # says what is wrong with the shape
    missing = _unknown(array)
    if unknown is not None:
        missing |= _as_mask(unknown, array.shape)
    filled = np.array(np.ma.getdata(array))
    if filled.dtype == object and not any(isinstance(value, str) for value in filled[~missing]):
        filled[missing] = 0
        try:
            filled = filled.astype(np.float64)
        except (TypeError, ValueError):
            raise InputError("rows hold numbers, labels, NaN or None") from None
    elif missing.any() and filled.dtype.kind in "OUS":
        for d in np.flatnonzero(missing.any(axis=0)):
            labels = variables.block_of(int(d)).labels
            filled[missing[:, d], d] = 0 if labels is None else labels[0]
    else:
        filled[missing] = 0
    codes: IntArray = variables.rows(filled).numpy().astype(np.int64)
    codes[missing] = UNKNOWN
    return codes


def read_given(variables: RowType, given: Mapping[int, Any] | ArrayLike | Tensor) -> IntArray:
    """Return what is given as incomplete rows.

    Parameters
    ----------
    variables : RowType
        What the columns are.
    given : mapping, or array
        ``{variable: value}``; or a row (D,) or rows (n, D), unknown entries marked as in `read_incomplete`.

    Examples
    --------
    >>> from made.variables.discrete import Bernoulli
    >>> read_given(RowType(Bernoulli(3)), {2: 1})
    array([[-1, -1,  1]])
    """
    if not isinstance(given, Mapping):
        try:
            is_row = len(np.shape(given)) == 1
        except ValueError:  # rows of different lengths: the reader says so
            is_row = False
        return read_incomplete(variables, _one_row(given) if is_row else given)
    row = np.full((1, variables.n_variables), None, dtype=object)
    for variable, value in given.items():
        row[0, check_variable(variables, variable)] = value
    return read_incomplete(variables, row)


def _one_row(given: Any) -> Any:
    return given[None] if isinstance(given, Tensor | np.ndarray) else [given]


def check_variable(variables: RowType, variable: Any) -> int:
    """Return the number of a variable, or say that there is none of that number."""
    whole = isinstance(variable, int | np.integer) and not isinstance(variable, bool)
    if not whole or not 0 <= variable < variables.n_variables:
        raise InputError(
            f"there is no variable {variable!r}: this model has variables 0..{variables.n_variables - 1}"
        )
    return int(variable)


def _as_array(x: Any) -> NDArray[Any]:
    array: NDArray[Any] = np.asanyarray(x)
    if array.dtype.kind in "US" and not isinstance(x, np.ndarray):
        return np.array(x, dtype=object)  # beside a text, numpy would write NaN as one
    return array


def _unknown(array: NDArray[Any]) -> NDArray[np.bool_]:
    missing = np.array(np.ma.getmaskarray(array)) if isinstance(array, np.ma.MaskedArray) else None
    data = np.ma.getdata(array)
    own: NDArray[np.bool_]
    if data.dtype.kind == "f":
        own = np.isnan(data)
    elif data.dtype == object:  # None, and NaN of any type, which alone differs from itself
        own = np.array([value is None or value != value for value in data.flat], dtype=bool).reshape(
            data.shape
        )
    else:
        own = np.zeros(data.shape, dtype=bool)
    return own if missing is None else own | missing


def _as_mask(unknown: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    mask = np.asarray(unknown.cpu() if isinstance(unknown, Tensor) else unknown)
    if mask.dtype != bool:
        raise InputError(f"unknown is an array of True and False, got one of {mask.dtype}")
    if mask.shape not in (shape, shape[1:]):
        raise InputError(f"unknown has shape {mask.shape}: one entry per entry of the rows, {shape}")
    return np.array(np.broadcast_to(mask, shape), dtype=bool)
