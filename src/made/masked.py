"""A network under one mask at a time: what a model is built of, and what one of its masks can say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from made.base import BaseModel
from made.kernels.one_pass.sampler import OnePassSampler
from made.masks.degrees import Mask
from made.masks.mask_set import MaskSet
from made.masks.ordering import IntArray
from made.masks.receptive_field import ReceptiveField
from made.network.network import MaskTensors, Network
from made.network.summary import Summary, summarize
from made.queries.inference import Density
from made.sampling import sample_rows
from made.support.checks import check_bool, check_fraction
from made.variables.base import Variable

__all__ = ["MaskedModel"]

# Over how many masks the fan-in of a unit is averaged at initialization.
_MASKS_FOR_FAN_IN = 8
# So many bytes of masks are kept beside the latest: 64 masks of 784-500-500-784, 5 of 784-8000-784.
_BYTES_KEPT = 2**28


class MaskedModel(BaseModel):
    """RowType, masks and a network that belong together; `MADE` says what the arguments are.

    Attributes
    ----------
    mixture : MaskSet
        The numbered masks.
    """

    def __init__(
        self,
        variables: Variable | Sequence[Variable],
        hidden: int | Sequence[int] = (500,),
        ordering: str | Sequence[int] | Sequence[Sequence[int]] | NDArray[Any] = "natural",
        seed: int = 0,
        *,
        orderings: int | str = 1,
        connectivity: Any = "uniform",
        connectivities: int | str = 1,
        activation: str = "relu",
        residual: bool = False,
        direct: bool = False,
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        fresh_masks: int = 16,
        context: int | Variable | Sequence[Variable] = 0,
        field: ReceptiveField | dict[str, Any] | None = None,
    ) -> None:
        super().__init__(variables, hidden, seed, context)
        self.mask_set = MaskSet(
            n_variables=self.variables.n_variables,
            hidden=self.hidden,
            input_sizes=self.variables.input_sizes,
            output_sizes=self.variables.output_sizes,
            ordering=ordering,
            orderings=orderings,
            connectivity=connectivity,
            connectivities=connectivities,
            seed=self.seed,
            residual=check_bool("residual", residual),
            fresh_masks=fresh_masks,
            n_context=self.context.n_features,
            field=ReceptiveField.for_variables(field, self.variables.n_variables),
        )
        self.network = Network(
            self.variables.n_inputs,
            self.hidden,
            self.variables.n_outputs,
            activation=activation,
            residual=self.mask_set.residual_layers,
            direct=check_bool("direct", direct),
            dropout=check_fraction("dropout", dropout),
            input_dropout=check_fraction("input_dropout", input_dropout),
            n_context=self.context.n_features,
        )
        self._initialize()
        if self.has_one_mask:
            self.network.store_mask(self.mask(0))
        self._kept_masks = _KeptMasks()
        self._sampler = OnePassSampler()

    @property
    def n_masks(self) -> int:
        """K, the number of masks whose mixture the model is."""
        return self.mask_set.n_masks

    @property
    def has_one_mask(self) -> bool:
        """Whether there is one mask for good, in training and in evaluation."""
        return self.n_masks == 1 and not self.mask_set.is_fresh

    def mask(self, k: int = 0) -> Mask:
        """Return mask k: its ordering, its degrees and its matrices, made anew from (seed, k)."""
        return self.mask_set.mask(k)

    def training_mask(self, draw: int) -> int:
        """Return the number of the mask for the given draw of training; see `MaskSet.training_mask`."""
        return self.mask_set.training_mask(draw)

    def outputs(
        self,
        codes: Tensor,
        mask: int | Mask = 0,
        *,
        context: Tensor | None = None,
        drop: bool = False,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the network's outputs (n, n_outputs) under one mask: a forward pass.

        Parameters
        ----------
        codes : (n, D) tensor
            Checked rows.
        mask : int or Mask
            Which mask; or, in a model of several, one of its own making.
        context : (n, C) tensor, optional
            Checked rows of context.
        drop, generator
            See `Network.forward`.
        """
        tensors = None if self.has_one_mask else self._mask_tensors(mask)
        if not isinstance(mask, Mask):
            self.mask_set.check(mask)
        dtype = self.network.biases[-1].dtype
        outputs: Tensor = self.network(
            self.variables.inputs(codes, dtype),
            tensors,
            context=None if context is None else self.context.features(context).to(dtype),
            drop=drop,
            generator=generator,
        )
        return outputs

    def log_prob_under(self, mask: int | Mask, codes: Tensor, context: Tensor | None = None) -> Tensor:
        """Return log p of each variable given those before it, (n, D) float64, under one mask."""
        outputs = self.outputs(codes, mask, context=context)
        return self.variables.log_prob(outputs, codes).double()

    def draw_under(
        self,
        mask: int | Mask,
        u: NDArray[np.float64],
        codes: IntArray | None = None,
        context: Tensor | None = None,
        *,
        method: str = "one-pass",
    ) -> Tensor:
        """Draw rows from uniforms under one mask.

        Parameters
        ----------
        mask : int or Mask
            Which mask.
        u : (n, D) float64 array
            ``u[:, d]`` decides variable d.
        codes : (n, D) int array, optional
            Codes that are given, and -1 where one is to be drawn. By default all are drawn.
        context : (n, C) tensor, optional
            Checked rows of context.
        method : "one-pass" or "plain"
            The fast way, for models that it supports, or its plain twin.
        """
        if method == "one-pass" and self._sampler.supports(self.network, self.variables):
            features = None if context is None else self.context.features(context)
            own, known = None, None
            if codes is not None:  # codes of unknown entries are ignored
                own, known = torch.from_numpy(codes), torch.from_numpy(codes >= 0)
            return self._sampler.sample(
                self.network, self.variables, mask, self._mask_of, u, own, known, features
            )
        with torch.no_grad():
            return sample_rows(
                lambda rows: self.outputs(rows, mask, context=context),
                self.variables,
                self._mask_of(mask).ordering,
                torch.from_numpy(u).to(self.device),
                None if codes is None else torch.from_numpy(codes).to(self.device),
            )

    def density(self, k: int, mask: Mask | None = None) -> Density:
        """Return mask k as inference sees it; or another mask, which takes over the number k."""
        chosen: int | Mask = k if mask is None else mask

        @torch.no_grad()
        def log_prob(codes: IntArray, context: Tensor | None) -> NDArray[np.float64]:
            rows = torch.from_numpy(codes).to(self.device, self.variables.dtype)
            scores: NDArray[np.float64] = self.log_prob_under(chosen, rows, context).cpu().numpy()
            return scores

        @torch.no_grad()
        def draw(u: NDArray[np.float64], codes: IntArray, context: Tensor | None) -> IntArray:
            return self.draw_under(chosen, u, codes, context).cpu().numpy().astype(np.int64)

        return Density(k, self._mask_of(chosen).ranks, log_prob, draw)

    def summary(self, mask: int = 0) -> Summary:
        """Return the layer table under one mask, and what that mask costs. Print it.

        Examples
        --------
        >>> import made
        >>> print(made.MADE(made.Bernoulli(3), hidden=(4,), connectivity=[[1, 2, 1, 2]]).summary())
        MADE of 3 variables: one mask (natural ordering, given connectivity)
        <BLANKLINE>
        layer       inputs   units     weights        live   share
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

    def settings(self) -> dict[str, Any]:
        """Return the JSON-ready arguments that build this model again, weights apart."""
        mask_set = self.mask_set
        ordering, connectivity = mask_set.ordering, mask_set.connectivity
        if isinstance(connectivity, tuple):
            connectivity = [layer.tolist() for layer in connectivity]
        return {
            "variables": self.variables.settings(),
            "hidden": list(self.hidden),
            "ordering": ordering if isinstance(ordering, str) else _plain(np.asarray(ordering).tolist()),
            "seed": self.seed,
            "orderings": mask_set.orderings,
            "connectivity": connectivity.tolist() if isinstance(connectivity, np.ndarray) else connectivity,
            "connectivities": mask_set.connectivities,
            "activation": self.network.activation,
            "residual": mask_set.residual,
            "direct": self.network.direct is not None,
            "dropout": self.network.dropout,
            "input_dropout": self.network.input_dropout,
            "fresh_masks": mask_set.fresh_masks,
            **({"context": self.context.settings()} if self.context else {}),
            **({"field": mask_set.field.settings()} if mask_set.field else {}),
        }

    def _initialize(self) -> None:
        masks = [self.mask(k) for k in range(min(self.n_masks, _MASKS_FOR_FAN_IN))]
        if self.hidden:
            self.network.initialize(
                [
                    _mean(masks, i, self._worths("feature_shares") if i == 0 else None)
                    for i in range(len(self.hidden))
                ],
                _mean(masks, 0, self._worths("feature_powers")),
                torch.Generator().manual_seed(self.seed % 2**63),
            )

    def _worths(self, name: str) -> NDArray[np.float64]:
        return np.concatenate([getattr(self.variables, name), getattr(self.context, name)])

    def _mask_of(self, mask: int | Mask) -> Mask:
        return mask if isinstance(mask, Mask) else self.mask(mask)

    def _mask_tensors(self, mask: int | Mask) -> MaskTensors:
        again = not isinstance(mask, Mask) and 0 <= mask < self.n_masks
        return self._kept_masks.get(
            mask, self._mask_of, self.device, direct=self.network.direct is not None, again=again
        )


class _KeptMasks:
    """Makes masks into tensors, and keeps those that will be asked for again.

    Those that make up the density will be, in every epoch and at every score, and where they are cycled, in
    training. They come in turn: the one used longest ago is the next, and must not make room. So they stay in
    the order in which they come, as long as they fit. Of all others, of fresh draws, the latest is kept:
    training stays on a mask for some steps.

    It is nothing but memory: copies and pickles of it are empty.
    """

    def __init__(self) -> None:
        self._forget(None)

    def _forget(self, device: torch.device | None) -> None:
        self._device = device
        self._kept: dict[int | Mask, MaskTensors] = {}
        self._bytes = 0
        self._latest: tuple[int | Mask, MaskTensors] | None = None

    def get(
        self,
        mask: int | Mask,
        make: Callable[[int | Mask], Mask],
        device: torch.device,
        *,
        direct: bool,
        again: bool,
    ) -> MaskTensors:
        """Return the tensors of a mask.

        Parameters
        ----------
        mask : int or Mask
            Which mask it is.
        make : callable
            Takes `mask` and returns the mask; called if its tensors are not at hand.
        device : torch.device
            Where they are to be.
        direct : bool
            Whether direct connections have a mask; always the same.
        again : bool
            Whether this mask will be asked for again when others were.
        """
        if device != self._device:
            self._forget(device)
        tensors = self._kept.get(mask)
        if tensors is not None:
            return tensors
        latest = self._latest
        if latest is not None and latest[0] == mask:
            return latest[1]
        self._latest = latest = None  # so that its memory may serve the next
        tensors = _tensors_of(make(mask), device, direct=direct)
        size = sum(each.nbytes for each in (*tensors.layers, tensors.direct) if each is not None)
        if again and self._bytes + size <= _BYTES_KEPT:
            self._kept[mask] = tensors
            self._bytes += size
        else:
            self._latest = (mask, tensors)
        return tensors

    def __reduce__(self) -> Any:
        """Copy and pickle as one that keeps nothing."""
        return _KeptMasks, ()


def _tensors_of(mask: Mask, device: torch.device, *, direct: bool) -> MaskTensors:
    """Make the tensors of a mask where they are used, out of its degrees: `MaskTensors.of`, but quick.

    That one compares whole numbers of eight bytes into matrices of truth values, and makes floats of these.
    """
    # Outside of inference mode, where they may be made: tensors from there are of no use in training.
    with torch.inference_mode(False), torch.no_grad():
        if mask.field is not None:
            return MaskTensors.of(mask, device, direct=direct)
        # Floats hold whole numbers exactly up to 2**24, more variables than any network can have.
        degrees = [torch.from_numpy(layer).to(device, torch.float32) for layer in mask.degrees]
        degrees[-1] = degrees[-1] - 1  # a rank above a degree is at least the degree when it is one less
        layers = tuple(_at_least(above, below) for below, above in pairwise(degrees))
        if not direct:
            return MaskTensors(layers, None)
        inputs = torch.from_numpy(mask.input_ranks).to(device, torch.float32)
        return MaskTensors(layers, _at_least(degrees[-1], inputs))


def _at_least(above: Tensor, below: Tensor) -> Tensor:
    """Return 1 where what is above is at least what is below, and 0 elsewhere, (above, below)."""
    out = torch.empty(len(above), len(below), dtype=torch.float32, device=above.device)
    return torch.ge(above[:, None], below, out=out)


def _plain(orderings: list[Any]) -> list[Any]:
    """Return a list of one ordering as that ordering."""
    return orderings[0] if len(orderings) == 1 else orderings


def _mean(masks: list[Mask], layer: int, worth: NDArray[np.float64] | None) -> Tensor:
    """Return what each unit of a layer sees, averaged over masks; an input feature counts by its worth."""
    seen = [m.layers[layer].sum(axis=1) if worth is None else m.layers[layer] @ worth for m in masks]
    return torch.from_numpy(np.mean(seen, axis=0)).float()
