"""The region of a variable that conditions allow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from made.support.errors import InputError
from made.variables.base import Variable
from made.variables.conditions import Condition, OneOf, Range
from made.variables.encoding import code_of
from made.variables.missing import MISSING
from made.variables.normal_score import NormalScores
from made.variables.numeric import Numeric, as_number, exact_number
from made.variables.region import Region

__all__ = ["region_of"]

# A bound this close to a point of a grid, in units of its rounding, is that point.
_ULPS = 4
_MOST = 2**62


def region_of(block: Variable, conditions: Sequence[Condition], name: str) -> Region:
    """Return what several conditions on one variable allow together.

    Raises
    ------
    InputError
        If that is nothing, or a condition does not fit the variable.
    """
    dates = [str(own) for own in conditions if isinstance(own, Range) and not own.has_numbers]
    if dates:
        raise InputError(f"{name} {dates[0]} compares with no number, and {name} holds no dates")
    if isinstance(block, Numeric):
        region = _of_number(block, conditions, name)
    else:
        codes = np.ones(block.n_values, dtype=bool)
        for condition in conditions:
            codes &= _codes(block, condition, name)
        none = np.zeros(0)
        region = Region(codes, none, none, none, none, _is_recorded(conditions))
    if region.is_empty:
        raise InputError(f"no value of {name} meets {' and '.join(map(str, conditions))}")
    return region


def _codes(block: Variable, condition: Condition, name: str) -> NDArray[np.bool_]:
    """Return which codes of a discrete variable, or which atoms of a numeric one, a condition allows."""
    there = np.arange(block.n_values) < block.n_classes
    values = [None, *block.spikes] if isinstance(block, Numeric) else list(block.values)
    if isinstance(condition, Range):
        numbers = np.array([as_number(value) for value in values[: block.n_classes]])
        if not isinstance(block, Numeric) and np.isnan(numbers).any():
            raise InputError(f"{name} has no order to be {condition}: name its values with in {{...}}")
        found = np.zeros(block.n_values, dtype=bool)
        found[: block.n_classes] = [value in condition for value in values[: block.n_classes]]
        return found
    if not isinstance(condition, OneOf):
        return there
    found = np.zeros(block.n_values, dtype=bool)
    for value in condition.values:
        if value is MISSING:
            if block.missing_code is None:
                raise InputError(f"{name} is never missing in this model")
            found[block.missing_code] = True
        elif isinstance(block, Numeric):
            number = _number(value, name)
            found[1 : block.n_classes] |= np.array([spike == number for spike in block.spikes], dtype=bool)
        else:
            found[code_of(block, value, name)] = True
    return ~found & there if condition.is_excluded else found


def _of_number(block: Numeric, conditions: Sequence[Condition], name: str) -> Region:
    codes = np.ones(block.n_values, dtype=bool)
    # Of the body the points of a grid, first and last of each run; elsewhere the ends of intervals.
    runs: list[tuple[Any, Any]] = [(-_MOST, _MOST) if block.step is not None else (-math.inf, math.inf)]
    for condition in conditions:
        codes &= _codes(block, condition, name)
        runs = [
            (max(a, c), min(b, d))
            for a, b in runs
            for c, d in _runs(block, condition, name)
            if max(a, c) <= min(b, d)
        ]
    codes[0] = bool(runs)
    if block.step is None:
        if all(a == b for a, b in runs):
            codes[0], runs = False, []
        least, most = np.array(runs, dtype=np.float64).reshape(-1, 2).T
        low, high = _scores(block, least), _scores(block, most)
        return Region(codes, low, high, least, most, _is_recorded(conditions))
    first, last = np.array(runs, dtype=np.int64).reshape(-1, 2).T
    below, above = block.floats_of(first) - block.step / 2, block.floats_of(last) + block.step / 2
    low = np.where(first <= -_MOST, -math.inf, _scores(block, below))
    high = np.where(last >= _MOST, math.inf, _scores(block, above))
    return Region(codes, low, high, first, last, _is_recorded(conditions))


def _is_recorded(conditions: Sequence[Condition]) -> bool:
    return all(not isinstance(own, Range | OneOf) for own in conditions)


def _runs(block: Numeric, condition: Condition, name: str) -> list[tuple[Any, Any]]:
    """Return the parts of a body that a condition allows, ascending."""
    everything = (-_MOST, _MOST) if block.step is not None else (-math.inf, math.inf)
    if isinstance(condition, Range):
        if block.step is None:
            low = -math.inf if condition.low is None else float(condition.low)
            return [(low, math.inf if condition.high is None else float(condition.high))]
        first = -_MOST if condition.low is None else _point(block, condition.low, 1, condition.open_low)
        last = _MOST if condition.high is None else _point(block, condition.high, -1, condition.open_high)
        return [(first, last)] if first <= last else []
    if not isinstance(condition, OneOf):
        return [everything]
    numbers = sorted({_number(value, name) for value in condition.values if value is not MISSING})
    if block.step is None:
        strange = [value for value in numbers if value not in block.spikes]
        if strange and not condition.is_excluded:
            raise InputError(
                f"{name} is continuous: it is exactly {strange[0]:g} with probability 0; give a range"
            )
        return [everything] if condition.is_excluded else []
    found = block.encode(np.array(numbers, dtype=object)) if numbers else None
    if found is not None and found.wrong.any() and not condition.is_excluded:
        value = numbers[int(found.wrong.argmax())]
        raise InputError(f"{name} is never {value:g}, which is not a multiple of its step {block.step:g}")
    points = [] if found is None else found.bodies[~found.wrong].tolist()
    if not condition.is_excluded:
        return _joined([(point, point) for point in points])
    begins, ends = [-_MOST, *(p + 1 for p in points)], [*(p - 1 for p in points), _MOST]
    return [(a, b) for a, b in zip(begins, ends, strict=True) if a <= b]


def _joined(runs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join runs of points that follow each other."""
    joined: list[tuple[int, int]] = []
    for first, last in runs:
        if joined and joined[-1][1] + 1 >= first:
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    return joined


def _point(block: Numeric, bound: float, side: int, is_open: bool) -> int:
    """Return the number of the first point of the grid at a bound or on that side of it."""
    assert block.step is not None
    if isinstance(bound, int) and block.inverse:  # beyond 2^53, exactly
        point = min(max(bound * block.inverse, -_MOST), _MOST)
        return point + side if is_open and abs(point) < _MOST else point
    scaled = float(bound) / block.step
    if abs(scaled) >= _MOST:
        return _MOST if scaled > 0 else -_MOST
    near = round(scaled)
    if abs(scaled - near) <= _ULPS * math.ulp(scaled):
        return near + side if is_open else near
    return math.ceil(scaled) if side > 0 else math.floor(scaled)


def _scores(block: Numeric, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the normal scores of values, infinite ones too."""
    finite = np.isfinite(values)
    inner = torch.from_numpy(np.where(finite, values, 0.0))[None]
    z = NormalScores([block.spline], [block.step or 0.0]).point(inner)[0][0].numpy()
    scores: NDArray[np.float64] = np.where(finite, z, values)
    return scores


def _number(value: Any, name: str) -> float:
    number = exact_number(value)
    if math.isnan(number):
        raise InputError(f"{name} cannot be {value!r}: it takes numbers")
    return number
