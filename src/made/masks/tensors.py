"""Masks as tensors: one matrix for each weight that a mask limits."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from made.masks.degrees import BoolArray, Mask

__all__ = ["DIRECT", "MaskTensors", "Place", "bool_masks", "float_masks", "matrices_of"]

#: Where a weight stands in a network: the number of its layer, the output's last, or `DIRECT`.
Place = int | str
DIRECT = "direct"

MaskTensors = dict[Place, Tensor]


def matrices_of(mask: Mask, *, direct: bool) -> dict[Place, BoolArray]:
    """Return the matrices of a mask by their place, that of direct connections if asked for."""
    matrices: dict[Place, BoolArray] = dict(enumerate(mask.layers))
    return {**matrices, DIRECT: mask.direct} if direct else matrices


def bool_masks(mask: Mask, device: torch.device, *, direct: bool) -> MaskTensors:
    """Return the matrices of a mask as tensors of truth values."""
    # Tensors made in inference mode would be of no use in training.
    with torch.inference_mode(False):
        matrices = matrices_of(mask, direct=direct)
        return {place: torch.from_numpy(matrix).to(device) for place, matrix in matrices.items()}


def float_masks(mask: Mask, device: torch.device, *, direct: bool) -> MaskTensors:
    """Return the matrices of a mask as float32 tensors, to multiply weights with.

    They are compared out of the degrees where they are used, which is faster than to convert `bool_masks`.
    """
    if mask.field is not None:
        return {place: m.float() for place, m in bool_masks(mask, device, direct=direct).items()}
    with torch.inference_mode(False), torch.no_grad():
        # Floats hold whole numbers exactly up to 2**24, more variables than any network can have.
        degrees = [torch.from_numpy(layer).to(device, torch.float32) for layer in mask.degrees]
        degrees[-1] = degrees[-1] - 1  # rank > degree is rank - 1 >= degree
        tensors: MaskTensors = dict(enumerate(_at_least(above, below) for below, above in pairwise(degrees)))
        if direct:
            inputs = torch.from_numpy(mask.input_ranks).to(device, torch.float32)
            tensors[DIRECT] = _at_least(degrees[-1], inputs)
        return tensors


def _at_least(above: Tensor, below: Tensor) -> Tensor:
    out = torch.empty(len(above), len(below), dtype=torch.float32, device=above.device)
    return torch.ge(above[:, None], below, out=out)
