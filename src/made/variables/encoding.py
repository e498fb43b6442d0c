"""Values to codes and back: labels, numbers and marks of unknown entries, read once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from made.support.errors import EntryError, InputError
from made.variables.base import Label
from made.variables.discrete import Bernoulli, Discrete
from made.variables.missing import as_mask, marks_of
from made.variables.rows import Rows

if TYPE_CHECKING:
    from made.variables.row_type import RowType

__all__ = ["check_variable", "decode", "encode", "encode_complete", "encode_given"]

# Types that torch cannot compare, and what they are read as.
_ODD_TYPES = {
    torch.bool: torch.uint8,
    torch.uint16: torch.int64,
    torch.uint32: torch.int64,
    torch.uint64: torch.int64,
}


def encode(
    variables: RowType, x: ArrayLike | Tensor, unknown: ArrayLike | None = None, first: int = 0
) -> Rows:
    """Turn values into codes.

    Parameters
    ----------
    variables : RowType
        What the columns are.
    x : array or tensor
        (n, D) values: labels where a variable has labels, else codes 0..K-1. None, NaN, NaT, ``pd.NA`` and
        the masked entries of a masked array are unknown.
    unknown : (n, D) or (D,) bool array, optional
        True where an entry is unknown, whatever `x` holds there; beside those that `x` marks itself.
    first : int
        What messages call the first of these rows: its number in a file, where `x` is a slice of one.

    Returns
    -------
    Rows
        Without context. Codes are uint8, or int64 where a variable has more than 256 classes; ``known`` is
        None where nothing is unknown.

    Raises
    ------
    InputError
        If the shape is wrong; an `EntryError` if a known entry is no value of its variable, for the first.

    Examples
    --------
    >>> from made.variables.discrete import Categorical
    >>> from made.variables.row_type import RowType
    >>> rows = encode(RowType([Categorical(["no", "yes"]), Categorical(3)]), [["yes", 2], [None, 0]])
    >>> rows.codes.tolist(), rows.known.tolist()
    ([[1, 2], [0, 0]], [[True, True], [False, True]])
    """
    if isinstance(x, Tensor):
        x = x.detach()
        has_marks = x.is_floating_point() and bool(x.isnan().any())
        if unknown is None and not has_marks and not variables.has_labels:
            _check_shape(variables, tuple(x.shape))
            return Rows(_checked(variables, x, first).to(variables.dtype))
        x = (x.double() if x.is_floating_point() else x).cpu().numpy()
    array = _as_array(x)
    _check_shape(variables, array.shape)
    marks = marks_of(array)
    if unknown is not None:
        asked = as_mask(unknown, array.shape)
        marks = asked if marks is None else marks | asked
    codes = _codes(variables, np.ma.getdata(array), marks, first)
    return Rows(codes, None if marks is None else torch.from_numpy(~marks))


def encode_complete(variables: RowType, x: ArrayLike | Tensor, first: int = 0) -> Tensor:
    """Turn values of which none may be unknown into codes, (n, D); see `encode`.

    Examples
    --------
    >>> from made.variables.discrete import Categorical
    >>> from made.variables.row_type import RowType
    >>> encode_complete(RowType([Categorical(["no", "yes"]), Categorical([10, 20])]), [["yes", 10]])
    tensor([[1, 0]], dtype=torch.uint8)
    """
    rows = encode(variables, x, first=first)
    rows.check_complete(first)
    return rows.codes


def encode_given(
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
        ``{variable: value}``; or a row (D,) or rows (n, D), unknown entries marked as in `encode`.
    variable_of : callable, optional
        Maps what a mapping calls a variable to its number: names as well. By default numbers alone.

    Examples
    --------
    >>> from made.variables.row_type import RowType
    >>> encode_given(RowType(Bernoulli(3)), {2: 1}).known.tolist()
    [[False, False, True]]
    """
    if not isinstance(given, Mapping):
        table = given if isinstance(given, Tensor) else _as_array(given)
        return encode(variables, table[None] if table.ndim == 1 else table)
    row = np.full((1, variables.n_variables), None, dtype=object)
    for variable, value in given.items():
        place = variable if variable_of is None or not isinstance(variable, str) else variable_of(variable)
        row[0, check_variable(variables, place)] = value
    return encode(variables, row)


def decode(variables: RowType, codes: ArrayLike | Tensor) -> NDArray[Any]:
    """Turn codes (n, D) into values: the inverse of `encode`, an object array where labels are text.

    Examples
    --------
    >>> from made.variables.discrete import Categorical
    >>> from made.variables.row_type import RowType
    >>> decode(RowType(Categorical([10, 20, 30])), [[2], [0]])
    array([[30],
           [10]])
    """
    table = codes if isinstance(codes, Tensor) else torch.as_tensor(np.asarray(codes))
    _check_shape(variables, tuple(table.shape))
    array = _checked(variables, table, 0).cpu().numpy()
    columns = [
        array[:, d] if block.labels is None else _as_labels(block.labels)[array[:, d]]
        for d, block in variables.columns()
    ]
    if any(column.dtype == object for column in columns):
        columns = [column.astype(object) for column in columns]
    return np.stack(columns, axis=1)


def check_variable(variables: RowType, variable: Any) -> int:
    """Return the number of a variable, or say that there is none of that number."""
    whole = isinstance(variable, int | np.integer) and not isinstance(variable, bool)
    if not whole or not 0 <= variable < variables.n_variables:
        raise InputError(
            f"there is no variable {variable!r}: this model has variables 0..{variables.n_variables - 1}"
        )
    return int(variable)


def _as_array(x: ArrayLike) -> NDArray[Any]:
    try:
        array: NDArray[Any] = np.asanyarray(x)
        if array.dtype.kind in "US" and not isinstance(x, np.ndarray):
            return np.array(x, dtype=object)  # beside a text, numpy would write NaN and numbers as text
    except ValueError:
        raise InputError(
            "rows differ in their number of columns: each needs one entry per variable"
        ) from None
    return array


def _check_shape(variables: RowType, shape: tuple[int, ...]) -> None:
    D = variables.n_variables
    if len(shape) == 2 and shape[1] == D:
        return
    if len(shape) == 2:
        raise InputError(f"rows have {shape[1]} columns, the model has {D} variables")
    raise InputError(f"rows are a table (n, {D}), got shape {tuple(shape)}; one row is x[None, :]")


def _codes(variables: RowType, array: NDArray[Any], marks: NDArray[np.bool_] | None, first: int) -> Tensor:
    if marks is not None and marks.all():
        return torch.zeros(array.shape, dtype=variables.dtype)
    if variables.has_labels or array.dtype.kind in "OUS":
        return torch.from_numpy(_translated(variables, array, marks, first)).to(variables.dtype)
    if array.dtype.kind not in "biuf":
        raise InputError(f"rows hold numbers, got an array of {array.dtype}")
    if marks is not None:
        array = np.where(marks, array.dtype.type(0), array)
    if array.dtype.kind == "u" and array.dtype.itemsize > 1:
        array = array.astype(np.int64)
    # torch takes neither foreign byte orders nor, without a warning, arrays that may not be written to
    array = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("="), copy=False))
    codes = torch.from_numpy(array if array.flags.writeable else array.copy())
    return _checked(variables, codes, first).to(variables.dtype)


def _checked(variables: RowType, codes: Tensor, first: int) -> Tensor:
    """Return codes as a type that can be compared, or name the first that is none of its variable."""
    if codes.dtype in _ODD_TYPES:
        codes = codes.to(_ODD_TYPES[codes.dtype])
    bad: tuple[int, int, Discrete] | None = None
    for begin, block in variables.spans:
        place = _first_bad(codes[:, begin : begin + block.n], block.n_values)
        if place is not None and (bad is None or place[0] < bad[0]):
            bad = (place[0], begin + place[1], block)
    if bad is not None:
        row, column, block = bad
        _refuse(codes[row, column].item(), first + row, column, block)
    return codes


def _first_bad(codes: Tensor, n_values: int) -> tuple[int, int] | None:
    """Return row and column of the first entry that is none of the codes 0..n_values - 1."""
    if not codes.is_floating_point() and codes.numel():  # one look at all of them, as they mostly are right
        low, high = torch.aminmax(codes)
        if low >= 0 and high < n_values:
            return None
    bad = codes < 0
    if codes.is_floating_point():
        bad |= ~torch.isfinite(codes) | (codes != torch.floor(codes)) | (codes >= n_values)
    elif n_values <= torch.iinfo(codes.dtype).max:  # a bound beyond the type would wrap around
        bad |= codes >= n_values
    if not bool(bad.any()):
        return None
    row, column = (int(i) for i in bad.nonzero()[0])
    return row, column


def _refuse(value: float, row: int, column: int, block: Discrete) -> None:
    allowed = "0 or 1" if isinstance(block, Bernoulli) else f"a whole number 0..{block.n_values - 1}"
    raise EntryError(row, column, f"holds {value:g}: a {block.kind} variable takes {allowed}")


def _translated(
    variables: RowType, array: NDArray[Any], marks: NDArray[np.bool_] | None, first: int
) -> NDArray[np.int64]:
    """Return the codes of labels and of numbers in an array of objects or text, column by column."""
    codes = np.zeros(array.shape, dtype=np.int64)
    for column, block in variables.columns():
        known = slice(None) if marks is None else np.flatnonzero(~marks[:, column])
        values = array[known, column]
        if block.labels is None:
            own, bad = _codes_of_numbers(values, block.n_values)
        else:
            own, bad = _codes_of_labels(values, block.labels)
        if bad is not None:
            row = first + (bad if isinstance(known, slice) else int(known[bad]))
            _refuse_value(values[bad], row, column, block)
        codes[known, column] = own
    return codes


def _codes_of_numbers(values: NDArray[Any], n_values: int) -> tuple[NDArray[np.int64], int | None]:
    """Return the codes that objects or text hold, and the place of the first that is none."""
    try:
        numbers = values.astype(np.float64)
    except (TypeError, ValueError):
        numbers = np.array([_number(value) for value in values.tolist()])
    bad = ~((numbers >= 0) & (numbers < n_values) & (numbers == np.floor(numbers)))
    place = int(bad.argmax()) if bad.any() else None
    return np.where(bad, 0, numbers).astype(np.int64), place


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def _codes_of_labels(values: NDArray[Any], labels: Sequence[Label]) -> tuple[NDArray[np.int64], int | None]:
    """Return the code of each value, and the place of the first that is no label."""
    if values.dtype.kind in "biu" and all(isinstance(label, int) for label in labels):
        known = np.asarray(labels)
        order = np.argsort(known, kind="stable")
        places = np.minimum(np.searchsorted(known[order], values), len(known) - 1)
        found: NDArray[np.int64] = np.where(known[order][places] == values, order[places], -1)
    else:
        # Text and a number may stand for the same label ("3" and 3); a label itself comes first.
        codes: dict[Any, int] = {str(label): i for i, label in enumerate(labels)}
        codes |= {label: i for i, label in enumerate(labels)}
        found = np.array([_code_of_label(value, codes) for value in values.tolist()], dtype=np.int64)
    bad = found < 0
    return found, int(bad.argmax()) if bad.any() else None


def _code_of_label(value: Any, codes: Mapping[Any, int]) -> int:
    try:
        code = codes.get(value)
    except TypeError:  # a list, say, which is no label
        return -1
    if code is None and isinstance(value, int | float) and not isinstance(value, bool):
        code = codes.get(f"{value:.17g}")
    return -1 if code is None else code


def _refuse_value(value: Any, row: int, column: int, block: Discrete) -> None:
    if block.labels is None:
        number = _number(value)
        if number == number:
            _refuse(number, row, column, block)
        raise EntryError(
            row, column, f"holds {str(value)!r}, but its variable has no labels: it takes numbers"
        )
    plain = value.item() if isinstance(value, np.generic) else value
    shown = f"{plain:g}" if isinstance(plain, float) else repr(plain)
    some = ", ".join(map(repr, block.labels[:6])) + (", ..." if len(block.labels) > 6 else "")
    raise EntryError(row, column, f"holds {shown}, which is none of its {len(block.labels)} labels ({some})")


def _as_labels(labels: Sequence[Label]) -> NDArray[Any]:
    """Return labels as an array that keeps each as it is: of numbers of one type, else of objects."""
    of_numbers = {type(label) for label in labels} in ({int}, {float})
    return np.array(labels, dtype=None if of_numbers else object)
