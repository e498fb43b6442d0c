"""Rows with unknown entries: how a user marks them, and the encoded rows that queries work with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from made.support.errors import InputError
from made.variables.frames import is_missing
from made.variables.row_type import RowType
from made.variables.rows import Rows

__all__ = ["check_variable", "has_unknown", "read_given", "read_incomplete"]

BoolArray = NDArray[np.bool_]


def has_unknown(x: Any) -> bool:
    """Return whether rows mark any entry as unknown.

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
    return bool(_marked(array).any())


def read_incomplete(variables: RowType, x: ArrayLike | Tensor, unknown: ArrayLike | None = None) -> Rows:
    """Encode rows of which some entries may be unknown.

    Parameters
    ----------
    variables : RowType
        What the columns are.
    x : array or tensor
        (n, D) values: labels where a variable has labels, else codes. None, NaN, NaT, ``pd.NA`` and the
        masked entries of a masked array are unknown.
    unknown : (n, D) or (D,) bool array, optional
        True where an entry is unknown, whatever `x` holds there; beside those that `x` marks itself.

    Returns
    -------
    Rows
        Without context.

    Raises
    ------
    InputError
        If the shape is wrong, or a known entry is no value of its variable.

    Examples
    --------
    >>> from made.variables.discrete import Bernoulli
    >>> rows = read_incomplete(RowType(Bernoulli(3)), [[0, float("nan"), 1]])
    >>> rows.codes.tolist(), rows.known.tolist()
    ([[0, 0, 1]], [[True, False, True]])
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
    missing = _marked(array)
    if unknown is not None:
        missing |= _as_mask(unknown, array.shape)
    codes = variables.rows(_filled(variables, np.array(np.ma.getdata(array)), missing))
    known = torch.from_numpy(~missing)
    return Rows(torch.where(known, codes, 0), known)


def read_given(
    variables: RowType,
    given: Mapping[Any, Any] | ArrayLike | Tensor,
    variable_of: Callable[[Any], int] | None = None,
) -> Rows:
    """Encode what is given as incomplete rows.

    Parameters
    ----------
    variables : RowType
        What the columns are.
    given : mapping, or array
        ``{variable: value}``; or a row (D,) or rows (n, D), unknown entries marked as in `read_incomplete`.
    variable_of : callable, optional
        Maps what a mapping calls a variable to its number: names as well. By default numbers alone.

    Examples
    --------
    >>> from made.variables.discrete import Bernoulli
    >>> read_given(RowType(Bernoulli(3)), {2: 1}).known.tolist()
    [[False, False, True]]
    """
    if not isinstance(given, Mapping):
        try:
            is_row = len(np.shape(given)) == 1
        except ValueError:  # rows of different lengths: the reader says so
            is_row = False
        return read_incomplete(variables, _one_row(given) if is_row else given)
    row = np.full((1, variables.n_variables), None, dtype=object)
    for variable, value in given.items():
        place = variable if variable_of is None or not isinstance(variable, str) else variable_of(variable)
        row[0, check_variable(variables, place)] = value
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


def _filled(variables: RowType, array: NDArray[Any], missing: BoolArray) -> NDArray[Any]:
    """Return the array with some value of its variable in place of every missing entry."""
    if not missing.any():
        return array
    if not variables.has_labels and array.dtype.kind in "mM" and not missing.all():
        return array  # the reader says that times are no numbers
    if not variables.has_labels and array.dtype.kind not in "mMUS":
        array[missing] = 0
        return array if array.dtype != object else _as_numbers(array)
    array = array.astype(object)
    for d in np.flatnonzero(missing.any(axis=0)):
        labels = variables.block_of(int(d)).labels
        array[missing[:, d], d] = 0 if labels is None else labels[0]
    return array


def _as_numbers(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array of objects as one of numbers, where they are."""
    if any(isinstance(value, str) for value in array.flat):
        return array
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError):
        raise InputError("rows hold numbers, labels, NaN or None") from None


def _as_array(x: Any) -> NDArray[Any]:
    array: NDArray[Any] = np.asanyarray(x)
    if array.dtype.kind in "US" and not isinstance(x, np.ndarray):
        return np.array(x, dtype=object)  # beside a text, numpy would write NaN as one
    return array


def _marked(array: NDArray[Any]) -> BoolArray:
    """Return which entries of an array are masked or hold a mark."""
    masked = np.array(np.ma.getmaskarray(array)) if isinstance(array, np.ma.MaskedArray) else None
    data = np.ma.getdata(array)
    own: BoolArray
    if data.dtype.kind == "f":
        own = np.isnan(data)
    elif data.dtype.kind in "mM":
        own = np.isnat(data)
    elif data.dtype == object:
        own = np.array([is_missing(value) for value in data.flat], dtype=bool).reshape(data.shape)
    else:
        own = np.zeros(data.shape, dtype=bool)
    return own if masked is None else own | masked


def _as_mask(unknown: ArrayLike, shape: tuple[int, ...]) -> BoolArray:
    mask = np.asarray(unknown.cpu() if isinstance(unknown, Tensor) else unknown)
    if mask.dtype != bool:
        raise InputError(f"unknown is an array of True and False, got one of {mask.dtype}")
    if mask.shape not in (shape, shape[1:]):
        raise InputError(f"unknown has shape {mask.shape}: one entry per entry of the rows, {shape}")
    return np.array(np.broadcast_to(mask, shape), dtype=bool)
