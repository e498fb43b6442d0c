"""Ancestral sampling, the plain way: each variable is drawn given those before it, one pass for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from made.masks.ordering import IntArray
from made.variables.rows import Rows

__all__ = ["sample_rows"]


def sample_rows(
    pick: Callable[[Rows, int, Tensor], tuple[Tensor, Tensor | None]],
    ordering: IntArray,
    u: Tensor,
    rows: Rows,
    numeric: Sequence[int] = (),
) -> Rows:
    """Draw the unknown entries of rows, variable by variable.

    Parameters
    ----------
    pick : callable
        Maps rows, a variable and its uniforms (n,) to its codes (n,) and, if it is numeric, its bodies (n,),
        given what comes before it in the ordering; what comes after it is still to be drawn.
    ordering : (D,) int array
        The variables in the order in which they are drawn.
    u : (n, D) float64 tensor
        ``u[:, d]`` decides variable d: rows are a function of uniforms.
    rows : Rows
        What is known stays.
    numeric : sequence of int
        The numeric variables, in the order of their bodies.

    Returns
    -------
    Rows
        All of whose entries are known; without context.
    """
    known, codes = rows.mask, rows.codes.clone()
    bodies = None if rows.bodies is None else rows.bodies.clone()
    begun = Rows(codes, context=rows.context, bodies=bodies)
    for variable in ordering.tolist():
        own, drawn, body = known[:, variable], *pick(begun, variable, u[:, variable])
        codes[:, variable] = torch.where(own, codes[:, variable], drawn.to(codes.dtype))
        if bodies is not None and body is not None:
            place = numeric.index(variable)
            bodies[:, place] = torch.where(own, bodies[:, place], body)
    return replace(begun, context=None)
