"""Masks as tensors: one matrix for each weight that a mask limits, and a cache of what is made of them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor

from made.masks.degrees import BoolArray, Mask

__all__ = ["DIRECT", "MaskCache", "MaskTensors", "Place", "bool_masks", "float_masks", "matrices_of"]

#: Where a weight stands in a network: the number of its layer, the output's last, or `DIRECT`.
Place = int | str
DIRECT = "direct"

MaskTensors = dict[Place, Tensor]

# Memory for masks beside the latest: 64 masks of 784-500-500-784, 5 of 784-8000-784.
_BYTES_KEPT = 2**28


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


class _Sized(Protocol):
    @property
    def nbytes(self) -> int: ...


T = TypeVar("T", bound=_Sized)


class MaskCache(Generic[T]):
    """Keeps what was made of masks.

    The masks of the density are needed in every epoch and for every score, one after the other: the one used
    longest ago is the next, and must not make room. They are kept in the order in which they come, as long as
    they fit. Of all others, and of fresh masks, the latest is kept: training uses a mask for some steps. So
    is the single mask of a model, always.

    Nothing but speed depends on it: copies and pickles of it are empty.
    """

    def __init__(self) -> None:
        self._forget(None)

    def _forget(self, device: torch.device | None) -> None:
        self._device = device
        self._kept: dict[int | Mask, T] = {}
        self._bytes = 0
        self._latest: tuple[int | Mask, T] | None = None

    def get(
        self, mask: int | Mask, device: torch.device, make: Callable[[int | Mask], T], *, again: bool
    ) -> T:
        """Return what `make` makes of a mask.

        Parameters
        ----------
        mask : int or Mask
            Which mask.
        device : torch.device
            Where it is needed. What was kept for another device is forgotten.
        make : callable
            Called if nothing is kept for this mask.
        again : bool
            Whether this mask will be needed again after others.
        """
        if device != self._device:
            self._forget(device)
        if mask in self._kept:
            return self._kept[mask]
        if self._latest is not None and self._latest[0] == mask:
            return self._latest[1]
        self._latest = None  # so that its memory may serve the next
        made = make(mask)
        if again and self._bytes + made.nbytes <= _BYTES_KEPT:
            self._kept[mask] = made
            self._bytes += made.nbytes
        else:
            self._latest = (mask, made)
        return made

    def __reduce__(self) -> Any:
        """Copy and pickle as an empty cache."""
        return MaskCache, ()
