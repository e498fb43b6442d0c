"""Ancestral sampling, the plain way: each variable is drawn given those before it, one pass for each."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from made.masks.ordering import IntArray
from made.variables.rows import Rows

__all__ = ["sample_rows"]


def sample_rows(
    pick: Callable[[Rows, int, Tensor], Tensor], ordering: IntArray, u: Tensor, rows: Rows
) -> Tensor:
    """Draw the unknown entries of rows, variable by variable.

    Parameters
    ----------
    pick : callable
        Maps rows, a variable and its uniforms (n,) to its codes (n,), given what comes before it in the
        ordering; what comes after it is still to be drawn.
    ordering : (D,) int array
        The variables in the order in which they are drawn.
    u : (n, D) float64 tensor
        ``u[:, d]`` decides variable d: rows are a function of uniforms.
    rows : Rows
        What is known stays.

    Returns
    -------
    (n, D) tensor of codes
    """
    codes, known = rows.codes.clone(), rows.mask
    for variable in ordering.tolist():
        drawn = pick(Rows(codes, context=rows.context), variable, u[:, variable])
        codes[:, variable] = torch.where(known[:, variable], codes[:, variable], drawn.to(codes.dtype))
    return codes
