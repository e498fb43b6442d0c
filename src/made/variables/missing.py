"""Unknown entries: how values and masks mark them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from made.support.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["MISSING", "are_missing", "as_mask", "has_gaps", "is_missing", "marks_of"]

BoolArray = NDArray[np.bool_]
# Types no value of which is missing; and those of which one is where it is None or differs from itself.
_RECORDED = frozenset({str, int, bool, bytes})
_PLAIN = _RECORDED | {float, type(None), np.float64}
_NONE = np.array(None, dtype=object)


class _Missing:
    """The type of `MISSING`, of which there is one value."""

    def __repr__(self) -> str:
        """Show its name."""
        return "MISSING"

    def __reduce__(self) -> str:
        """Copy and pickle as the one value."""
        return "MISSING"

    def __float__(self) -> float:
        """Return NaN, as arrays of numbers mark it."""
        return float("nan")


#: The value of an entry that was not recorded, where None or NaN would say that it is unknown.
MISSING = _Missing()


def is_missing(value: Any) -> bool:
    """Return whether a single value marks an entry as unknown: None, NaN, NaT or ``pd.NA``.

    Examples
    --------
    >>> [is_missing(value) for value in (None, float("nan"), 0, "")]
    [True, True, False, False]
    """
    if value is None:
        return True
    differs = value != value
    if isinstance(differs, bool | np.bool_):
        return bool(differs)  # only NaN and NaT differ from themselves
    return differs is value  # a comparison with pd.NA is pd.NA, which has no truth value


def has_gaps(values: Sequence[Any]) -> bool:
    """Return whether any of the values is missing.

    Examples
    --------
    >>> has_gaps(["a", "b"]), has_gaps(["a", None])
    (False, True)
    """
    return not set(map(type, values)) <= _RECORDED and any(is_missing(value) for value in values)


def marks_of(array: NDArray[Any]) -> BoolArray | None:
    """Return which entries of an array are masked or hold NaN, NaT, None or ``pd.NA``; None if none does.

    Examples
    --------
    >>> marks_of(np.array([[0, np.nan]]))
    array([[False,  True]])
    >>> marks_of(np.array([[0, 1]])) is None
    True
    """
    data = np.ma.getdata(array)
    marks: BoolArray | None = None
    if data.dtype.kind == "f":
        marks = np.isnan(data)
    elif data.dtype.kind in "mM":
        marks = np.isnat(data)
    elif data.dtype == object:
        marks = _marks_of_objects(data)
    if isinstance(array, np.ma.MaskedArray):
        masked = np.array(np.ma.getmaskarray(array))
        marks = masked if marks is None else marks | masked
    return marks if marks is not None and marks.any() else None


def _marks_of_objects(data: NDArray[Any]) -> BoolArray:
    kinds = set(map(type, data.flat))
    if kinds <= _RECORDED:
        return np.zeros(data.shape, dtype=bool)
    if kinds <= _PLAIN:  # compared all at once, which takes a tenth of the time
        return np.asarray((data == _NONE) | (data != data), dtype=bool)
    marks = [value is MISSING or is_missing(value) for value in data.flat]
    return np.array(marks, dtype=bool).reshape(data.shape)


def are_missing(array: NDArray[Any]) -> BoolArray:
    """Return which entries of an array are `MISSING`."""
    data = np.ma.getdata(array)
    if data.dtype != object or _Missing not in set(map(type, data.flat)):
        return np.zeros(data.shape, dtype=bool)
    return np.array([value is MISSING for value in data.flat], dtype=bool).reshape(data.shape)


def as_mask(unknown: ArrayLike | Tensor, shape: tuple[int, ...]) -> BoolArray:
    """Return a user's mask of unknown entries as an array of this shape, (n, D); one of (D,) holds for all.

    Raises
    ------
    InputError
        If it has another shape, or another type than bool.
    """
    mask = np.asarray(unknown.cpu() if hasattr(unknown, "cpu") else unknown)
    if mask.dtype != bool:
        raise InputError(f"unknown is an array of True and False, got one of {mask.dtype}")
    if mask.shape not in (shape, shape[1:]):
        raise InputError(f"unknown has shape {mask.shape}: one entry per entry of the rows, {shape}")
    return np.array(np.broadcast_to(mask, shape), dtype=bool)
