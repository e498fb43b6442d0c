"""Values to codes and back: labels, numbers and marks of unknown entries, read once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from made.support.checks import LARGEST_EXACT, is_large
from made.support.errors import InputError
from made.variables.base import Variable
from made.variables.frames import check_is_table
from made.variables.labels import as_labels, codes_of_values
from made.variables.missing import are_missing, as_mask, marks_of
from made.variables.numeric import Numeric
from made.variables.refusals import check_shape, refuse_code, refuse_number, refuse_value
from made.variables.rows import Rows
from made.variables.unseen import UNSEEN
from made.variables.unseen_entries import are_unseen

if TYPE_CHECKING:
    from made.variables.row_type import RowType

__all__ = [
    "check_variable",
    "code_of",
    "decode",
    "decode_columns",
    "encode",
    "encode_complete",
    "encode_given",
]

# Types that torch cannot compare, and what they are read as.
_ODD_TYPES = {
    torch.bool: torch.uint8,
    torch.uint16: torch.int64,
    torch.uint32: torch.int64,
    torch.uint64: torch.int64,
}


def encode(
    variables: RowType,
    x: ArrayLike | Tensor,
    unknown: ArrayLike | None = None,
    first: int = 0,
    *,
    to_fill: bool = False,
    rounded: Counter[int] | None = None,
) -> Rows:
    """Turn values into codes.

    Parameters
    ----------
    variables : RowType
        What the columns are.
    x : array or tensor
        (n, D) values: numbers of numeric variables, labels where a variable has labels, else codes 0..K-1. An
        entry marked None, NaN, NaT or ``pd.NA`` is missing where its variable may be, else it is unknown, as
        the masked entries of a masked array are. A label that is no class gets the code beyond all others,
        where its variable has `unseen`.
    unknown : (n, D) or (D,) bool array, optional
        True where an entry is unknown, whatever `x` holds there; beside those that `x` marks itself.
    first : int
        What messages call the first of these rows: its number in a file, where `x` is a slice of one.
    to_fill : bool
        Marked entries are to be filled in: unknown, whether their variable may be missing or not, and with
        values that were recorded. `MISSING` still means missing.
    rounded : Counter, optional
        To which is added how many values of each column are not on its grid, and are rounded.

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
        is_plain = not (variables.has_labels or variables.has_unseen) and variables.numbers is None
        if unknown is None and not has_marks and is_plain:
            check_shape(variables, tuple(x.shape))
            return Rows(_checked(variables, x, first).to(variables.dtype))
        x = (x.double() if x.is_floating_point() else x).cpu().numpy()
    array = _as_array(x)
    check_shape(variables, array.shape)
    marks = marks_of(array)
    asked = None if unknown is None else as_mask(unknown, array.shape)
    if variables.numbers is not None or (variables.has_missing and (marks is not None or to_fill)):
        if to_fill and marks is not None:
            fill = marks & ~are_missing(array)
            asked = fill if asked is None else fill | asked
        counts: Counter[int] = Counter() if rounded is None else rounded
        rows = _encoded_by_column(variables, array, marks, asked, first, counts, to_fill=to_fill)
    else:
        if asked is not None:
            marks = asked if marks is None else marks | asked
        codes = _codes(variables, np.ma.getdata(array), marks, first)
        rows = Rows(codes, None if marks is None else torch.from_numpy(~marks))
    if variables.has_unseen and are_unseen(variables, rows).any():
        rows = replace(rows, labels=_as_given(np.ma.getdata(array)))
    return rows


def _as_given(array: NDArray[Any]) -> NDArray[Any]:
    """Return values as objects; whole numbers that gaps made floats are whole again."""
    given = array.astype(object)
    if array.dtype.kind == "f":
        whole = np.isfinite(array) & (array == np.floor(array))
        given[whole] = [int(value) for value in array[whole]]
    return given


def encode_complete(
    variables: RowType, x: ArrayLike | Tensor, first: int = 0, *, rounded: Counter[int] | None = None
) -> Rows:
    """Turn values of which none may be unknown into rows; see `encode`.

    Examples
    --------
    >>> from made.variables.discrete import Categorical
    >>> from made.variables.row_type import RowType
    >>> encode_complete(RowType([Categorical(["no", "yes"]), Categorical([10, 20])]), [["yes", 10]]).codes
    tensor([[1, 0]], dtype=torch.uint8)
    """
    rows = encode(variables, x, first=first, rounded=rounded)
    rows.check_complete(first)
    return rows


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
    >>> import made
    >>> from made.variables.row_type import RowType
    >>> encode_given(RowType(made.Bernoulli(3)), {2: 1}).known.tolist()
    [[False, False, True]]
    """
    if not isinstance(given, Mapping):
        table = given if isinstance(given, Tensor) else _as_array(given)
        return encode(variables, table[None] if table.ndim == 1 else table, to_fill=True)
    row = np.full((1, variables.n_variables), None, dtype=object)
    unknown = np.ones(row.shape, dtype=bool)
    for variable, value in given.items():
        name = variable if variable_of is None or not isinstance(variable, str) else variable_of(variable)
        place = check_variable(variables, name)
        row[0, place], unknown[0, place] = value, False
    return encode(variables, row, unknown)


def code_of(block: Variable, value: Any, name: str) -> int:
    """Return the code of one value of a discrete variable."""
    entry = np.empty(1, dtype=object)
    entry[0] = value
    codes, bad = codes_of_values(entry, block)
    if bad is not None or codes[0] == block.unseen_code:
        some = ", ".join(map(repr, block.values[:6])) + (", ..." if block.n_classes > 6 else "")
        raise InputError(f"{name} cannot be {value!r}: it takes {some}")
    return int(codes[0])


def decode(
    variables: RowType, codes: ArrayLike | Tensor, bodies: ArrayLike | Tensor | None = None
) -> NDArray[Any]:
    """Turn codes (n, D) and bodies (n, B) into values: the inverse of `encode`.

    Integers where all are, else float64 with NaN for what is missing; an object array, with None for what is
    missing, where labels are text. A label that is no class, of which the code alone is known, is `UNSEEN`.

    Examples
    --------
    >>> from made.variables.discrete import Categorical
    >>> from made.variables.row_type import RowType
    >>> decode(RowType(Categorical([10, 20, 30])), [[2], [0]])
    array([[30],
           [10]])
    """
    columns = decode_columns(variables, codes, bodies)
    is_float = any(column.dtype.kind == "f" for column in columns)
    if any(column.dtype == object or (is_float and is_large(column)) for column in columns):
        columns = [column.astype(object) for column in columns]
    return np.stack(columns, axis=1)


def decode_columns(
    variables: RowType, codes: ArrayLike | Tensor, bodies: ArrayLike | Tensor | None = None
) -> list[NDArray[Any]]:
    """Return what `decode` does column by column, (n,) each, of the type that its values have."""
    table = codes if isinstance(codes, Tensor) else torch.as_tensor(np.array(codes))
    check_shape(variables, tuple(table.shape))
    if bodies is None and variables.numbers is not None:
        raise InputError("codes do not say what the numbers are: decode the rows that `encode` returns")
    array = _checked(variables, table, 0, any_code=True).cpu().numpy()
    return [_decoded(variables, d, block, array[:, d], bodies) for d, block in variables.columns()]


def _decoded(
    variables: RowType, d: int, block: Variable, codes: NDArray[Any], bodies: ArrayLike | Tensor | None
) -> NDArray[Any]:
    """Return the values of one column."""
    values: NDArray[Any]
    if not isinstance(block, Numeric):
        there = np.where(codes >= block.n_classes, 0, codes)
        values = there if block.labels is None else as_labels(block.labels)[there]
        is_unseen = codes == block.unseen_code if block.unseen is not None else np.zeros(codes.shape, bool)
        if is_unseen.any():
            values = values.astype(object)
            values[is_unseen] = UNSEEN
        if block.missing_code is None:
            return values
        return _with_gaps(values, codes == block.missing_code)
    assert variables.numbers is not None
    table = np.asarray(bodies.cpu() if isinstance(bodies, Tensor) else bodies)
    own = np.ascontiguousarray(table[:, variables.numbers.number_of(d)])
    values = block.values_of(own)
    return values if block.missing_code is None else _with_gaps(values, codes == block.missing_code)


def _with_gaps(values: NDArray[Any], is_gap: NDArray[np.bool_]) -> NDArray[Any]:
    """Return values with NaN for gaps; objects with None where a float would round whole numbers."""
    if is_large(values):
        values = values.astype(object)
    gap: Any = None if values.dtype == object else np.nan
    return np.where(is_gap, gap, values)


def check_variable(variables: RowType, variable: Any) -> int:
    """Return the number of a variable, or say that there is none of that number."""
    whole = isinstance(variable, int | np.integer) and not isinstance(variable, bool)
    if not whole or not 0 <= variable < variables.n_variables:
        raise InputError(
            f"there is no variable {variable!r}: this model has variables 0..{variables.n_variables - 1}"
        )
    return int(variable)


def _as_array(x: ArrayLike) -> NDArray[Any]:
    check_is_table(x)
    try:
        array: NDArray[Any] = np.asanyarray(x)
        if array.dtype.kind in "US" and not isinstance(x, np.ndarray):
            return np.array(x, dtype=object)  # beside a text, numpy would write NaN and numbers as text
        is_list = isinstance(x, list | tuple)
        if is_list and array.dtype == np.float64 and (np.abs(array) >= LARGEST_EXACT).any():
            return np.array(x, dtype=object)  # whole numbers among them may not be floats
    except ValueError:
        raise InputError(
            "rows differ in their number of columns: each needs one entry per variable"
        ) from None
    return array


def _codes(variables: RowType, array: NDArray[Any], marks: NDArray[np.bool_] | None, first: int) -> Tensor:
    if marks is not None and marks.all():
        return torch.zeros(array.shape, dtype=variables.dtype)
    if variables.has_labels or variables.has_unseen or array.dtype.kind in "OUS":
        return torch.from_numpy(_translated(variables, array, marks, first)).to(variables.dtype)
    if array.dtype.kind not in "biuf":
        raise InputError(f"rows hold numbers, got an array of {array.dtype}")
    if marks is not None:
        array = np.where(marks, array.dtype.type(0), array)
    if array.dtype.kind == "u" and array.dtype.itemsize > 1:
        array = array.astype(np.int64)
    # torch takes neither foreign byte orders nor arrays in reverse, as a contiguous single row may be,
    # nor, without a warning, arrays that may not be written to
    array = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("="), copy=False))
    is_taken = array.flags.writeable and min(array.strides) >= 0
    codes = torch.from_numpy(array if is_taken else array.copy())
    return _checked(variables, codes, first).to(variables.dtype)


def _checked(variables: RowType, codes: Tensor, first: int, *, any_code: bool = False) -> Tensor:
    """Return codes as a type that can be compared, or name the first that is none of its variable.

    Codes to decode may be `any_code`; values are not those of a missing entry or of a label that is no class.
    """
    if codes.dtype in _ODD_TYPES:
        codes = codes.to(_ODD_TYPES[codes.dtype])
    bad: tuple[int, int, Variable] | None = None
    for begin, block in variables.spans:
        n_values = block.n_codes if any_code else block.n_classes
        place = _first_bad(codes[:, begin : begin + block.n], n_values)
        if place is not None and (bad is None or place[0] < bad[0]):
            bad = (place[0], begin + place[1], block)
    if bad is not None:
        row, column, block = bad
        refuse_code(codes[row, column].item(), first + row, column, block)
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


def _translated(
    variables: RowType, array: NDArray[Any], marks: NDArray[np.bool_] | None, first: int
) -> NDArray[np.int64]:
    """Return the codes of labels and of numbers in an array of objects or text, column by column."""
    codes = np.zeros(array.shape, dtype=np.int64)
    for column, block in variables.columns():
        known = slice(None) if marks is None else np.flatnonzero(~marks[:, column])
        values = array[known, column]
        own, bad = codes_of_values(values, block)
        if bad is not None:
            row = first + (bad if isinstance(known, slice) else int(known[bad]))
            refuse_value(values[bad], row, column, block)
        codes[known, column] = own
    return codes


def _encoded_by_column(
    variables: RowType,
    array: NDArray[Any],
    marks: NDArray[np.bool_] | None,
    asked: NDArray[np.bool_] | None,
    first: int,
    rounded: Counter[int],
    *,
    to_fill: bool,
) -> Rows:
    """Return rows of any kinds of variables; a marked entry is missing where its variable may be."""
    data, columns = np.ma.getdata(array), variables.numbers
    masked = np.ma.getmaskarray(array) if isinstance(array, np.ma.MaskedArray) else np.zeros(data.shape, bool)
    unknown = masked if asked is None else masked | asked
    gaps = np.zeros(data.shape, dtype=bool) if marks is None else marks & ~unknown
    codes = np.zeros(data.shape, dtype=np.int64)
    bodies = np.zeros((len(data), 0 if columns is None else len(columns.columns)), dtype=np.int64)
    for column, block in variables.columns():
        there = np.flatnonzero(~(unknown[:, column] | gaps[:, column]))
        values = data[there, column]
        if isinstance(block, Numeric) and columns is not None:
            found = block.encode(values)
            bad = int(found.wrong.argmax()) if found.wrong.any() else None
            if bad is not None:
                refuse_number(values[bad], first + int(there[bad]), column, block)
            own = found.codes
            bodies[there, columns.number_of(column)] = found.bodies
            if found.n_rounded:
                rounded[column] += found.n_rounded
        else:
            own, bad = codes_of_values(values, block)
            if bad is not None:
                refuse_value(values[bad], first + int(there[bad]), column, block)
        codes[there, column] = own
        if block.missing_code is not None:
            codes[gaps[:, column], column] = block.missing_code
            gaps[:, column] = False
    known = ~(unknown | gaps)
    return Rows(
        torch.from_numpy(codes).to(variables.dtype),
        None if known.all() else torch.from_numpy(known),
        bodies=None if columns is None else torch.from_numpy(bodies),
    )
