"""Ancestral sampling, the plain way: one full pass of the network per variable."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from made.masks.ordering import IntArray
from made.variables.row_type import RowType

__all__ = ["sample_rows"]


def sample_rows(
    outputs_of: Callable[[Tensor], Tensor],
    variables: RowType,
    ordering: IntArray,
    u: Tensor,
    codes: Tensor | None = None,
) -> Tensor:
    """Draw rows variable by variable, each from its conditional given those before it.

    Parameters
    ----------
    outputs_of : callable
        Maps codes (n, D) to the network's outputs (n, n_outputs) under one mask.
    variables : RowType
        What the columns are.
    ordering : (D,) int array
        Of that mask.
    u : (n, D) float64 tensor
        ``u[:, d]`` decides variable d, through the inverse of its CDF: rows are a function of uniforms.
    codes : (n, D) integer tensor, optional
        Codes that are given, and -1 where one is to be drawn. By default all are drawn.

    Returns
    -------
    (n, D) tensor of codes
    """
    given = torch.full(u.shape, -1, device=u.device) if codes is None else codes
    rows = given.clamp(min=0).to(variables.dtype)
    for variable in ordering.tolist():
        unknown = given[:, variable] == -1
        drawn = variables.quantile(outputs_of(rows), variable, u[:, variable])
        rows[:, variable] = torch.where(unknown, drawn.to(rows.dtype), rows[:, variable])
    return rows
