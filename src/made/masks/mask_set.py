"""The K masks of a model: pairs of an ordering and a connectivity, each made anew from (seed, k)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from made.masks.degrees import Connectivity, Mask, check_connectivity, draw_connectivity
from made.masks.ordering import IntArray, check_ordering, natural, random, ranks_of
from made.masks.receptive_field import ReceptiveField
from made.masks.regions import N_SCANS, check_grid, of_regions, scan
from made.support.checks import check_int
from made.support.errors import InputError
from made.support.listing import counted
from made.support.uniforms import CONNECTIVITIES, ORDERINGS, Stream

__all__ = ["FRESH", "MaskSet"]

#: In place of a number of orderings or connectivities: a new one at every draw.
FRESH = "fresh"
# Largest number of masks of a mixture.
_MOST_MASKS = 2**16


@dataclass(frozen=True, eq=False)
class MaskSet:
    """The numbered masks of a model: mask k is a function of the seed and k.

    Mask k pairs ordering k mod O with connectivity k mod C, so there are K = lcm(O, C) of them. Number 0 of
    each is the one named by `ordering` and `connectivity`; the others are drawn. With ``"fresh"`` in place of
    O or C, every k draws anew without end: the density is then that of the first `fresh_masks` masks, and
    training draws the ones after them.

    Parameters
    ----------
    n_variables : int
        D.
    hidden : tuple of int
        Sizes of the hidden layers.
    input_sizes, output_sizes : (D,) int arrays
        Input features and outputs of each variable.
    ordering : "natural", "random", "regions HxW", a permutation of 0..D-1, or a list of such
        Of a list, all are used first, and `orderings` is their number if it is 1. By regions, for images of H
        rows of W pixels: the first 8 (where they are fresh, those of the density) go line by line, along the
        8 directions in turn; others are drawn as questions come, see `made.masks.regions`.
    orderings : int or "fresh"
        O.
    connectivity : "uniform", "even", (D - 1,) weights or the degrees themselves
    connectivities : int or "fresh"
        C.
    seed : int
    residual : bool
        Neighbouring layers of equal size have the same degrees.
    fresh_masks : int
        Number of masks of the density where draws are fresh.
    n_context : int
        Number of context features.
    field : ReceptiveField, optional
        Limits the layers of every mask further.
    """

    n_variables: int
    hidden: tuple[int, ...]
    input_sizes: IntArray
    output_sizes: IntArray
    ordering: str | Sequence[int] | Sequence[Sequence[int]] | NDArray[Any] = "natural"
    orderings: int | str = 1
    connectivity: Any = "uniform"
    connectivities: int | str = 1
    seed: int = 0
    residual: bool = False
    fresh_masks: int = 16
    n_context: int = 0
    field: ReceptiveField | None = None

    def __post_init__(self) -> None:
        """Check everything here; what follows trusts it."""
        if isinstance(self.ordering, str):
            if self._grid is None and self.ordering not in ("natural", "random"):
                raise InputError(
                    "ordering is 'natural', 'random', for images 'regions HxW', or a permutation of "
                    f"0..{self.n_variables - 1}, got {self.ordering!r}"
                )
        else:
            given = _check_orderings(self.ordering, self.n_variables)
            object.__setattr__(self, "ordering", given)
            if self.orderings == 1:
                object.__setattr__(self, "orderings", len(given))
        checked = check_connectivity(
            self.connectivity,
            self.hidden,
            self.n_variables,
            residual=self.residual_layers,
            context=self.n_context > 0,
        )
        object.__setattr__(self, "connectivity", checked)
        for name in ("orderings", "connectivities"):
            object.__setattr__(self, name, _check_number(name, getattr(self, name)))
        object.__setattr__(self, "fresh_masks", check_int("fresh_masks", self.fresh_masks, least=1))
        if self.n_masks > _MOST_MASKS:
            raise InputError(
                f"{self.n_masks:,} masks: a mixture is scored in one pass for each, and has {_MOST_MASKS:,} "
                "at most; lower orderings or connectivities, or say 'fresh' to train with a new one each time"
            )

    @cached_property
    def residual_layers(self) -> tuple[bool, ...]:
        """Whether each hidden layer adds the layer before to its output: where asked, and sizes agree."""
        return tuple(
            self.residual and i > 0 and self.hidden[i] == self.hidden[i - 1] for i in range(len(self.hidden))
        )

    @cached_property
    def is_fresh(self) -> bool:
        """Whether there is a new mask for every k, without end."""
        return FRESH in (self.orderings, self.connectivities)

    @cached_property
    def n_masks(self) -> int:
        """K, the number of masks whose mean is the density of the model."""
        if self.is_fresh:
            return self.fresh_masks
        return math.lcm(int(self.orderings), int(self.connectivities))

    def mask(self, k: int) -> Mask:
        """Make mask k.

        Raises
        ------
        InputError
            If there is no mask k.

        Examples
        --------
        >>> ones = np.ones(3, dtype=int)
        >>> two = MaskSet(3, (4,), ones, ones, orderings=2, connectivity="even")
        >>> [two.mask(k).ordering.tolist() for k in range(two.n_masks)]
        [[0, 1, 2], [1, 2, 0]]
        """
        self.check(k)
        return self._mask(self._ordering(k if self.orderings == FRESH else k % int(self.orderings)), k)

    def given_first(self, groups: IntArray, k: int = 0) -> Mask:
        """Make a mask outside the set: that of number k, but with the variables ordered group by group.

        Only a model of several orderings has learned to use such a mask; others refuse.

        Parameters
        ----------
        groups : (D,) int array
            The group of each variable: those of the lowest number come first.
        k : int
            Its ordering is kept within a group, and its connectivity is used.
        """
        self.check(k)
        if self.orderings == 1:
            raise InputError(
                "an ordering with the given variables first needs a model trained with several orderings: "
                "fit with for_questions=True (--for questions), or use another method"
            )
        return self.reordered(groups, k)

    def reordered(self, groups: IntArray, k: int = 0) -> Mask:
        """Make the same mask whatever the model was trained for: with one ordering, it has learned no other.

        Parameters
        ----------
        groups, k
            As for `given_first`; the ranks of an ordering make that ordering.
        """
        self.check(k)
        ordering = self._ordering(k if self.orderings == FRESH else k % int(self.orderings))
        return self._mask(ordering[np.argsort(groups[ordering], kind="stable")], k)

    def _mask(self, ordering: IntArray, k: int) -> Mask:
        ranks = ranks_of(ordering)
        return Mask(
            ranks=ranks,
            connectivity=self._connectivity(
                k if self.connectivities == FRESH else k % int(self.connectivities)
            ),
            input_ranks=np.repeat(ranks, self.input_sizes),
            output_ranks=np.repeat(ranks, self.output_sizes),
            n_context=self.n_context,
            field=self.field,
        )

    def check(self, k: int) -> int:
        """Return k, or raise an `InputError` if there is no mask of that number."""
        if k < 0 or (not self.is_fresh and k >= self.n_masks):
            raise InputError(f"there is no mask {k}: this model has masks 0..{self.n_masks - 1}")
        return k

    def training_mask(self, draw: int) -> int:
        """Return the number of the mask for the given draw of training (draws are counted from 0).

        Masks of a cycle follow each other. Fresh ones come after those of the density, which is thus scored
        under masks that training has not seen.
        """
        return self.n_masks + draw if self.is_fresh else draw % self.n_masks

    def describe(self) -> str:
        """Say in words which masks make up the density.

        Examples
        --------
        >>> ones = np.ones(3, dtype=int)
        >>> MaskSet(3, (4,), ones, ones).describe()
        'one mask (natural ordering, uniform connectivity)'
        """
        ordering = self.ordering if isinstance(self.ordering, str) else "given"
        connectivity = self.connectivity if isinstance(self.connectivity, str) else "given"
        if self.n_masks == 1 and not self.is_fresh:
            return f"one mask ({ordering} ordering, {connectivity} connectivity)"
        if self.is_fresh:
            return f"mixture of {self.n_masks} masks drawn with seed {self.seed} (training draws fresh ones)"
        orderings = counted(int(self.orderings), "ordering")
        connectivities = counted(int(self.connectivities), "connectivity", "connectivities")
        return f"mixture of {self.n_masks} masks ({orderings}, {connectivities})"

    def settings(self) -> dict[str, Any]:
        """Return the JSON-ready arguments of a model that make these masks again."""
        ordering, connectivity = self.ordering, self.connectivity
        if isinstance(ordering, np.ndarray):
            ordering = ordering.tolist() if len(ordering) > 1 else ordering[0].tolist()
        if isinstance(connectivity, tuple):
            connectivity = [layer.tolist() for layer in connectivity]
        return {
            "ordering": ordering,
            "seed": self.seed,
            "orderings": self.orderings,
            "connectivity": connectivity.tolist() if isinstance(connectivity, np.ndarray) else connectivity,
            "connectivities": self.connectivities,
            "residual": self.residual,
            "fresh_masks": self.fresh_masks,
            **({"field": self.field.settings()} if self.field else {}),
        }

    @cached_property
    def _grid(self) -> tuple[int, int] | None:
        """The shape of the images whose regions are ordered; None elsewhere."""
        is_by_region = isinstance(self.ordering, str) and self.ordering.startswith("regions")
        return check_grid(str(self.ordering), self.n_variables) if is_by_region else None

    def _ordering(self, number: int) -> IntArray:
        stream = Stream(self.seed, ORDERINGS, number)
        if self._grid is not None:
            is_scan = number < (self.fresh_masks if self.orderings == FRESH else N_SCANS)
            return scan(self._grid, number % N_SCANS) if is_scan else of_regions(self._grid, stream)
        if self.orderings != FRESH:
            if isinstance(self.ordering, np.ndarray) and number < len(self.ordering):
                return np.asarray(self.ordering[number], dtype=np.int64)
            if number == 0 and isinstance(self.ordering, str) and self.ordering == "natural":
                return natural(self.n_variables)
        return random(self.n_variables, stream)

    def _connectivity(self, number: int) -> Connectivity:
        given = isinstance(self.connectivity, tuple)
        if given and number == 0 and self.connectivities != FRESH:
            layers: Connectivity = self.connectivity
            return layers
        return draw_connectivity(
            self.hidden,
            self.n_variables,
            "uniform" if given else self.connectivity,
            stream=Stream(self.seed, CONNECTIVITIES, number),
            tied=self.residual,
            shuffle=self.n_masks > 1 or self.is_fresh,
            context=self.n_context > 0,
        )


def _check_number(name: str, number: int | str) -> int | str:
    if number == FRESH:
        return FRESH
    try:
        return check_int(name, number, least=1)
    except InputError as error:
        raise InputError(f"{error}; 'fresh' draws a new one each time") from None


def _check_orderings(ordering: Any, n_variables: int) -> IntArray:
    """Return one permutation, or a list of them, as an (O, D) array."""
    several = len(ordering) > 0 and isinstance(ordering[0], Sequence | np.ndarray)
    given = ordering if several else [ordering]
    return np.stack([check_ordering(one, n_variables) for one in given])
