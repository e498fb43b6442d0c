"""The scores of the numbers of rows by the compiled loop, where there are enough of them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from made.kernels.scores.plan import Plan, make_plan, with_listed
from made.support.following import is_followed
from made.variables.numeric_columns import NumericColumns
from made.variables.row_type import RowType
from made.variables.rows import Rows

__all__ = ["CompiledScores"]

# Fewer numbers than this are scored plainly: that takes less time than to load compiled code.
_FEWEST = 2**16


class CompiledScores:
    """The scores of rows, as `RowType.scored` adds them; copies are empty.

    What the compiled loop has no part for goes that way: few numbers, other devices, what torch follows.
    """

    def __init__(self) -> None:
        self._latest: tuple[RowType, Plan] | None = None

    def scoring(self, variables: RowType, rows: Rows) -> Callable[[Rows], Rows]:
        """Return what adds the scores to these rows, or to parts of them.

        Which way that goes depends on all of the rows together, and on nothing else.
        """
        if variables.numbers is None or rows.bodies is None or rows.scores is not None:
            return variables.scored
        is_many = rows.bodies.numel() >= _FEWEST and rows.bodies.device.type == "cpu"
        find = _loop() if is_many and not is_followed() else None
        if find is None:
            return variables.scored
        if self._latest is None or self._latest[0] is not variables:
            plan = with_listed(make_plan(variables.numbers), variables.numbers, find)
            self._latest = (variables, plan)
        return functools.partial(_scored, find, self._latest[1], variables.numbers)

    def __reduce__(self) -> Any:
        """Copy and pickle as an empty one."""
        return CompiledScores, ()


def _scored(find: Callable[..., None], plan: Plan, numbers: NumericColumns, rows: Rows) -> Rows:
    if rows.scores is not None or rows.bodies is None:
        return rows
    scores = torch.empty((*rows.bodies.shape, 3), dtype=torch.float64)
    find(plan, rows.bodies.contiguous().numpy(), scores.numpy())
    return replace(rows, scores=numbers.with_values(scores, rows.bodies))


@functools.cache
def _loop() -> Callable[..., None] | None:
    """Return the compiled loop, imported at the first call; None if numba is missing."""
    try:
        from made.kernels.jit.stale import compiled_functions, forget_stale_code, say_if_compiling
        from made.kernels.jit.threads import as_many_threads_as_torch
        from made.kernels.scores import loop
    except ImportError:
        return None
    forget_stale_code(*compiled_functions(loop))
    say_if_compiling(loop.find_scores, "the scores of numbers: once on this machine, a few seconds")

    def find(plan: Plan, bodies: NDArray[np.int64], scores: NDArray[np.float64]) -> None:
        with as_many_threads_as_torch():
            loop.find_scores(plan, bodies, scores)

    return find
