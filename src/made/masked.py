"""A network under numbered masks: which there are, how it multiplies under one, what each costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from made.base import BaseModel
from made.kernels.likelihood.compiled_log_prob import compiled_log_prob
from made.kernels.scores.compiled_scores import CompiledScores
from made.kernels.weight_versions import versions
from made.masks.degrees import Mask
from made.masks.mask_set import MaskSet
from made.masks.tensors import bool_masks, float_masks
from made.network.product_cache import MaskedProduct, ProductCache
from made.network.products import Masked, PreMasked, count_violations
from made.network.summary import Summary, summarize
from made.support.errors import InputError
from made.variables.regions import with_masses
from made.variables.rows import Rows, RowsLike
from made.variables.tensor_values import rows_of_values

__all__ = ["MaskedModel"]

# Numbers whose scores are kept for several masks (24 MiB).
_MOST_SCORED = 2**20


class MaskedModel(BaseModel):
    """A network whose masks make the product of its outputs a density; `MADE` is what is built.

    Attributes
    ----------
    mask_set : MaskSet
        The numbered masks.
    n_masks : int
        K, the number of masks whose mixture the model is.
    has_one_mask : bool
        Whether there is a single mask, in training and in evaluation.
    """

    mask_set: MaskSet
    n_masks: int
    has_one_mask: bool
    _products: ProductCache
    _scores: CompiledScores

    def mask(self, k: int = 0) -> Mask:
        """Return mask k: its ordering, its degrees and its matrices, made anew from (seed, k)."""
        return self.mask_set.mask(k)

    def training_mask(self, draw: int) -> int:
        """Return the number of the mask for the given draw of training; see `MaskSet.training_mask`."""
        return self.mask_set.training_mask(draw)

    def training_product(self, draw: int) -> MaskedProduct:
        """Return how the network multiplies under the mask of that draw."""
        return self._product(self.mask_set.training_mask(draw))

    def chosen_masks(self, mask: int | Sequence[int] | None) -> list[int]:
        """Return the numbers of the masks that `mask` names, checked; all by default."""
        if mask is None:
            return list(range(self.n_masks))
        given = [mask] if isinstance(mask, int | np.integer) else mask
        masks = [self.mask_set.check(int(k)) for k in given]
        if not masks:
            raise InputError("a mixture needs at least one mask, got none")
        return masks

    def mask_counts(self) -> Mapping[int, int]:
        """Return the masks of the mixture that differ, one number of each, and how many numbers it has."""
        return dict.fromkeys(range(self.n_masks), 1)

    def outputs(self, x: RowsLike, mask: int | Mask = 0, *, context: ArrayLike | None = None) -> Tensor:
        """Return the network's outputs (n, n_outputs) under one mask, in one forward pass.

        Parameters
        ----------
        x : array, tensor or Rows
            (n, D).
        mask : int or Mask
            Which mask, or one of another ordering. A model of one mask has learned no other: what is left of
            its weights is what both masks let live.
        context : array, optional
            (n, C), for a model of p(x | c).
        """
        return self._outputs(self.rows(x, context), self._product(mask))

    def summary(self, mask: int = 0) -> Summary:
        """Return the layer table under one mask, and what that mask costs. Print it.

        Examples
        --------
        >>> import made
        >>> print(made.MADE(made.Bernoulli(3), hidden=(4,), connectivity=[[1, 2, 1, 2]]).summary())
        MADE of 3 variables: one mask (natural ordering, given connectivity)
        <BLANKLINE>
        layer       inputs   units     weights      active  of all
        hidden 1         3       4          12           6   50.0%
        output           4       3          12           6   50.0%
        total                               24          12   50.0%
        <BLANKLINE>
        31 parameters with the biases
        every variable is seen, but the last of the ordering, which nothing may see
        """
        which = "" if self.has_one_mask else f", of which this is mask {mask}"
        return summarize(
            f"MADE of {self.n_variables:,} variables: {self.mask_set.describe()}{which}",
            self.widths,
            self.mask(mask),
            self.variables.input_sizes,
            residual=self.network.residual,
            direct=self.network.direct is not None,
        )

    def count_violations(self) -> int:
        """Count weights that the one mask masks and that are not zero: none, unless tampered with."""
        if not self.has_one_mask:
            return 0
        return count_violations(self.network.masked_weights, self._product(0).masks)

    def _described(self) -> list[str]:
        masks = "one mask" if self.n_masks == 1 else f"{self.n_masks} masks"
        return [*super()._described(), f"fresh masks, {masks}" if self.mask_set.is_fresh else masks]

    # The mathematics, on checked rows

    def _scoring(self, rows: Rows, n_masks: int = 1) -> tuple[Rows, Callable[[Rows], Rows]]:
        """Return rows, and what adds scores to parts of them.

        Where several masks need the scores, and there are not too many, the rows have them already.
        """
        score = self._scores.scoring(self.variables, rows)
        again = n_masks > 1 and rows.bodies is not None and rows.bodies.numel() <= _MOST_SCORED
        return (score(rows) if again else rows), score

    def _log_prob_under(self, mask: int | Mask, rows: Rows) -> Tensor:
        """Return log p of each variable given those before it under one mask, (n, D) float64."""
        rows = self.variables.scored(rows)
        outputs = self._outputs(rows, self._product(mask))
        log_prob = compiled_log_prob(self.variables, outputs, rows)
        if log_prob is None:
            log_prob = self.variables.log_prob(outputs, rows.codes, rows.scores).double()
        if rows.regions:
            log_prob = with_masses(self.variables, outputs, log_prob, rows)
        return self._together(mask, outputs, log_prob, rows)

    def _together(self, mask: int | Mask, outputs: Tensor, log_prob: Tensor, rows: Rows) -> Tensor:
        """Return log p of each variable, (n, D), with the parts of a date missing together or not at all."""
        if not self.missing_together:
            return log_prob
        ordering = self._mask_of(mask).ordering
        return self.missing_together.adjusted(self.variables, outputs, log_prob, rows, ordering)

    def _followed_rows(self, x: RowsLike, context: ArrayLike | Tensor | None) -> tuple[Rows, Tensor | float]:
        """Return rows that torch follows the way of, and what is to be added to log p of each."""
        verdict: Tensor | float = 0.0
        if isinstance(x, Tensor):
            if isinstance(context, Tensor):
                context = context.expand(x.shape[0], -1)
                if self.context.variables is not None:
                    own, verdict = rows_of_values(self.context.variables, context)
                    context = self.context.features_of(own)
            elif context is not None or self.context:
                context = self.context.rows(context, x.shape[0])
            encoded, of_values = rows_of_values(self.variables, x)
            rows, verdict = replace(encoded, context=context), verdict + of_values
        else:
            rows = self.rows(x, context)
        if rows.known is not None:
            raise InputError("torch.func and torch.export take complete rows: fill or drop the others")
        return rows, verdict

    def _log_prob_plainly(self, mask: int, rows: Rows) -> Tensor:
        """Return the same of complete rows by operations of torch alone, which its transforms follow."""
        rows = self.variables.scored(rows)
        dtype = self.network.biases[-1].dtype
        context = None if rows.context is None else self.context.features(rows.context).to(dtype)
        features = self.variables.features(rows.codes, rows.scores).to(dtype)
        outputs = self.network(features, self._plain_product(mask), context=context)
        log_prob = self.variables.log_prob(outputs, rows.codes, rows.scores, plainly=True).double()
        return self._together(mask, outputs, log_prob, rows)

    def _plain_product(self, mask: int) -> Masked:
        if not torch.compiler.is_compiling():
            product = self._product(mask)
            return product if isinstance(product, Masked) else Masked(product.masks)
        # Not kept: tensors that are made while torch exports are none that hold numbers.
        own = self.mask(0 if self.has_one_mask else self.mask_set.check(mask))
        masks = bool_masks(own, self.device, direct=self.network.direct is not None)
        return Masked(masks, self.network.linear_under(own.ranks))

    def _product(self, mask: int | Mask) -> MaskedProduct:
        """Return how the network multiplies under one mask."""
        if not isinstance(mask, Mask):
            self.mask_set.check(mask)
            mask = 0 if self.has_one_mask else mask
        again = not isinstance(mask, Mask) and mask < self.n_masks
        copula = self.network.copula
        state = self.device, None if copula is None else versions(list(copula.buffers()))
        return self._products.get(mask, state, self._make_product, again=again)

    def _make_product(self, mask: int | Mask) -> MaskedProduct:
        own, device, direct = self._mask_of(mask), self.device, self.network.direct is not None
        if self.has_one_mask and not isinstance(mask, Mask):
            return PreMasked.by_blocks(bool_masks(own, device, direct=direct))
        return Masked(float_masks(own, device, direct=direct), self.network.linear_under(own.ranks))

    def _mask_of(self, mask: int | Mask) -> Mask:
        return mask if isinstance(mask, Mask) else self.mask(mask)
