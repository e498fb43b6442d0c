"""Ancestral sampling, the plain way: one full pass of the network per variable."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from made.ordering import IntArray
from made.rows import Variables

__all__ = ["sample_rows"]


def sample_rows(
    outputs_of: Callable[[Tensor], Tensor], variables: Variables, ordering: IntArray, u: Tensor
) -> Tensor:
    """Draw rows variable by variable, each from its conditional given those before it.

    Parameters
    ----------
    outputs_of : callable
        Maps codes (n, D) to the network's outputs (n, n_outputs) under one mask.
    variables : Variables
        What the columns are.
    ordering : (D,) int array
        Of that mask.
    u : (n, D) float64 tensor
        ``u[:, d]`` decides variable d, through the inverse of its CDF: rows are a function of uniforms.

    Returns
    -------
    (n, D) tensor of codes
    """
    codes = torch.zeros(u.shape, dtype=variables.dtype, device=u.device)
    for variable in ordering.tolist():
        outputs = outputs_of(codes)
        codes[:, variable] = variables.quantile(outputs, variable, u[:, variable]).to(codes.dtype)
    return codes
