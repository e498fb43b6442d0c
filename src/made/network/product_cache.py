"""A cache of what is made of masks: the products that a network multiplies with."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from made.masks.degrees import Mask
from made.network.products import Masked, PreMasked

__all__ = ["MaskedProduct", "ProductCache"]

MaskedProduct = Masked | PreMasked

# Memory for masks beside the latest: 64 masks of 784-500-500-784, 5 of 784-8000-784.
_BYTES_KEPT = 2**28


class ProductCache:
    """Keeps the products under the masks of a model.

    The masks of the density are needed in every epoch and for every score, one after the other: the one used
    longest ago is the next, and must not make room. They are kept in the order in which they come, as long as
    they fit. Of all others, and of fresh masks, the latest is kept: training uses a mask for some steps. So
    is the single mask of a model, always.

    Nothing but speed depends on it: copies and pickles of it are empty.
    """

    def __init__(self) -> None:
        self._forget(None)

    def _forget(self, state: Hashable) -> None:
        self._state = state
        self._kept: dict[int | Mask, MaskedProduct] = {}
        self._bytes = 0
        self._latest: tuple[int | Mask, MaskedProduct] | None = None

    def get(
        self,
        mask: int | Mask,
        state: Hashable,
        make: Callable[[int | Mask], MaskedProduct],
        *,
        again: bool,
    ) -> MaskedProduct:
        """Return what `make` makes of a mask.

        Parameters
        ----------
        mask : int or Mask
            Which mask.
        state : hashable
            What products depend on beside masks: the device, and what a copula is. What was kept for another
            is forgotten.
        make : callable
            Called if nothing is kept for this mask.
        again : bool
            Whether this mask will be needed again after others.
        """
        if state != self._state:
            self._forget(state)
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
        return ProductCache, ()
