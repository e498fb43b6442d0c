"""A feed-forward network with masked weights: its Jacobian obeys the masks.

In the paper's symbols, with M for the masks (Germain et al. 2015, eqs. 8-11 and section 4.1):

    h_0 = x,   h_l = g(b_l + (W_l * M_l) h_{l-1}),   out = c + (V * M_V) h_L + (A * M_A) x

A residual layer adds h_{l-1} to its h_l. The direct connections A are optional. A network with context c
has h_0 = (x, c) and adds B c to the outputs; no mask limits what context reaches.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from made.masks.degrees import Mask
from made.network import sparse_linear
from made.network.block_linear import Block, linear, live_blocks
from made.support.errors import InputError
from made.variables.sparse_one_hot import SparseOneHot

__all__ = ["ACTIVATIONS", "MaskTensors", "Network", "Product"]

#: The activations by name, each with the gain that keeps the variance of a layer (He et al. 2015).
ACTIVATIONS: dict[str, tuple[Callable[[Tensor], Tensor], float]] = {
    "relu": (functional.relu, math.sqrt(2.0)),
    "leaky_relu": (functional.leaky_relu, math.sqrt(2.0)),
    "elu": (functional.elu, math.sqrt(2.0)),
    "gelu": (functional.gelu, math.sqrt(2.0)),
    "silu": (functional.silu, math.sqrt(2.0)),
    "softplus": (functional.softplus, 1.0),
    "tanh": (torch.tanh, 5.0 / 3.0),
    "sigmoid": (torch.sigmoid, 1.0),
}


#: Multiplies with the weight of a stored mask, by the mask's name: features and bias in, outputs out.
Product = Callable[[str, Tensor, Tensor | None], Tensor]


class MaskTensors(NamedTuple):
    """The matrices of one mask as float tensors, ready to multiply weights with."""

    layers: tuple[Tensor, ...]
    direct: Tensor | None

    @classmethod
    def of(cls, mask: Mask, device: torch.device, *, direct: bool = True) -> MaskTensors:
        """Bring a mask to a device; that of direct connections, the largest perhaps, only if asked for."""

        def tensor(matrix: Any) -> Tensor:
            return torch.from_numpy(matrix).to(device, torch.float32)

        return cls(tuple(tensor(matrix) for matrix in mask.layers), tensor(mask.direct) if direct else None)


class _StoredMasked(torch.autograd.Function):
    """A linear map whose weight is zero already where its mask is: only the gradient needs masking.

    The forward pass is then a plain linear map. A hook on the weight would do the same, but is lost when a
    model is copied.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, mask: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight, mask)
        return functional.linear(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        x, weight, mask = ctx.saved_tensors
        to_x = gradient @ weight if ctx.needs_input_grad[0] else None
        to_weight = (gradient.T @ x).mul_(mask) if ctx.needs_input_grad[1] else None
        to_bias = gradient.sum(0) if ctx.needs_input_grad[3] else None
        return to_x, to_weight, None, to_bias


def _stored_masked(x: Tensor, weight: Tensor, mask: Tensor, bias: Tensor | None) -> Tensor:
    out: Tensor = _StoredMasked.apply(x, weight, mask, bias)  # type: ignore[no-untyped-call]
    return out


def _product_of(x: Tensor | SparseOneHot, weight: Tensor, bias: Tensor | None) -> Tensor:
    if isinstance(x, SparseOneHot):
        return sparse_linear.linear(x, weight, None, bias)
    return functional.linear(x, weight, bias)


def _drop(x: Tensor, share: float, generator: torch.Generator | None) -> Tensor:
    """Set a share of some numbers to zero, and enlarge the others so that their mean stays."""
    # Row by row, however they lie in memory: what is dropped follows from the generator alone.
    kept = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    kept.bernoulli_(1 - share, generator=generator)
    return x * kept / (1 - share)


class Network(nn.Module):
    """Masked weights, their biases, and the way from inputs to outputs.

    With one mask, its matrices are stored (`store_mask`) and dead weights are zero for good: at the start,
    after every step and in files. With several masks every weight lives in some mask; the weights are then
    dense and `forward` is told which mask to apply. Without any mask it is an ordinary network.

    Parameters
    ----------
    n_inputs : int
    hidden : sequence of int
        Sizes of the hidden layers; may be empty.
    n_outputs : int
    activation : str
        One of `ACTIVATIONS`.
    residual : sequence of bool, optional
        Which hidden layers add the layer before to their output.
    direct : bool
        Connect the inputs to the outputs as well.
    dropout : float
        Share of hidden units set to zero where `forward` is told to drop.
    input_dropout : float
        Share of input features, likewise.
    n_context : int
        How many features of context there are beside the inputs.
    """

    def __init__(
        self,
        n_inputs: int,
        hidden: Sequence[int],
        n_outputs: int,
        *,
        activation: str = "relu",
        residual: Sequence[bool] | None = None,
        direct: bool = False,
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        n_context: int = 0,
    ) -> None:
        super().__init__()
        if activation not in ACTIVATIONS:
            raise InputError(f"activation is one of {', '.join(ACTIVATIONS)}; got {activation!r}")
        self.activation = activation
        self.residual = tuple(residual) if residual is not None else (False,) * len(hidden)
        self.dropout, self.input_dropout = dropout, input_dropout
        # Without hidden layers, context has its own weights to the outputs and needs no others.
        widths = [n_inputs + (n_context if hidden else 0), *hidden, n_outputs]
        self.weights = nn.ParameterList(torch.zeros(after, before) for before, after in pairwise(widths))
        self.biases = nn.ParameterList(torch.zeros(width) for width in widths[1:])
        self.direct = nn.Parameter(torch.zeros(n_outputs, n_inputs)) if direct else None
        self.context = nn.Parameter(torch.zeros(n_outputs, n_context)) if n_context else None
        self.has_stored_mask = False
        #: Whether products leave dead blocks out, on the CPU; if not, everything is multiplied as a whole.
        self.leaves_dead_out = True
        self._blocks: dict[str, tuple[Block, ...] | None] = {}
        self._product: Product | None = None
        self._adds_gradients = False

    @property
    def n_hidden(self) -> int:
        """Number of hidden layers."""
        return len(self.weights) - 1

    def store_mask(self, mask: Mask) -> None:
        """Keep this one mask beside the weights, and set the dead weights to zero."""
        device = self.weights[0].device
        # Of truth values: as floats they would take as much memory as the weights.
        for i, matrix in enumerate(mask.layers):
            self.register_buffer(f"mask_{i}", torch.from_numpy(matrix).to(device), persistent=False)
        if self.direct is not None:
            self.register_buffer("mask_direct", torch.from_numpy(mask.direct).to(device), persistent=False)
        self.has_stored_mask = True
        # With context, its columns come last and live everywhere: no staircase, and multiplied as a whole.
        self._blocks = {f"mask_{i}": live_blocks(matrix) for i, matrix in enumerate(mask.layers)}
        if self.direct is not None:
            self._blocks["mask_direct"] = live_blocks(mask.direct)
        with torch.no_grad():
            for name, weight in self.masked_weights().items():
                weight.mul_(self.get_buffer(name))

    def masked_weights(self) -> dict[str, nn.Parameter]:
        """Return every weight that a stored mask limits, by the name of its mask."""
        weights = {f"mask_{i}": weight for i, weight in enumerate(self.weights)}
        return weights if self.direct is None else {**weights, "mask_direct": self.direct}

    @contextmanager
    def multiplied_by(self, product: Product) -> Iterator[None]:
        """Leave products with stored masks to somebody else for a while."""
        self._product = product
        try:
            yield
        finally:
            self._product = None

    @contextmanager
    def adding_gradients(self) -> Iterator[None]:
        """Let backward passes add the gradients of masked weights where they are, with no copies beside them.

        For batches that come in portions, on the CPU. It is `Tensor.backward` that this is for:
        `torch.autograd.grad` would find no gradients.
        """
        for weight in self.masked_weights().values() if self.has_stored_mask else ():
            if weight.grad is None:
                weight.grad = torch.zeros_like(weight)
        self._adds_gradients = True
        try:
            yield
        finally:
            self._adds_gradients = False

    def count_violations(self) -> int:
        """Count weights that the stored mask rules out and that are not zero: none, unless tampered with."""
        if not self.has_stored_mask:
            return 0
        return sum(
            int(((weight != 0) & (self.get_buffer(name) == 0)).sum())
            for name, weight in self.masked_weights().items()
        )

    @torch.no_grad()
    def initialize(
        self,
        live: Sequence[Tensor],
        power: Tensor,
        generator: torch.Generator,
    ) -> None:
        """Draw the hidden weights, each unit's scaled by its own live fan-in; outputs start at zero.

        Parameters
        ----------
        live : sequence of Tensor
            Per hidden layer, (n_units,): how many live connections each unit has; in the first layer, how
            many variables it sees.
        power : Tensor
            (n_units,) of the first layer: the mean square of what each unit's live inputs bring in all.
        generator : torch.Generator
            On the CPU, so that a seed gives the same weights for every device.
        """
        gain = ACTIVATIONS[self.activation][1]
        for i, count in enumerate(live):
            scale = (power if i == 0 else count).clamp(min=1e-6).float().rsqrt()[:, None]
            self.weights[i].normal_(generator=generator).mul_(gain * scale)
            # Kinks away from zero: with a single scaled input, biases of zero would make a layer linear.
            self.biases[i].uniform_(-1, 1, generator=generator).mul_(count.clamp(min=1.0).rsqrt())
        self.weights[-1].zero_()
        self.biases[-1].zero_()
        if self.direct is not None:
            self.direct.zero_()
        if self.context is not None:
            self.context.zero_()

    def forward(
        self,
        x: Tensor | SparseOneHot,
        mask: MaskTensors | None = None,
        *,
        context: Tensor | None = None,
        drop: bool = False,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Run the network.

        Parameters
        ----------
        x : Tensor or SparseOneHot
            Input features, (n, n_inputs); one-hot ones may be codes, see `RowType.inputs`.
        mask : MaskTensors, optional
            The mask to apply, where none is stored.
        context : Tensor, optional
            Features of context, (n, n_context), where the network has some.
        drop : bool
            Drop units and features: for training, and for nothing else.
        generator : torch.Generator, optional
            Which are dropped; without one, torch's own decides.

        Returns
        -------
        (n, n_outputs) tensor
        """
        if drop and self.input_dropout > 0:
            x = _drop(x.dense() if isinstance(x, SparseOneHot) else x, self.input_dropout, generator)
        h = x
        if context is not None and self.n_hidden > 0:
            h = x.beside(context) if isinstance(x, SparseOneHot) else torch.cat([x, context], dim=1)
        for i in range(self.n_hidden):
            h = self.hidden_layer(i, h, mask, drop=drop, generator=generator)
        out = self.output_layer(h, x, mask)
        return (
            out if context is None or self.context is None else out + functional.linear(context, self.context)
        )

    def hidden_layer(
        self,
        i: int,
        h: Tensor | SparseOneHot,
        mask: MaskTensors | None = None,
        *,
        drop: bool = False,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Run hidden layer i on what came before it."""
        out = ACTIVATIONS[self.activation][0](self._linear(h, i, mask))
        if drop and self.dropout > 0:
            out = _drop(out, self.dropout, generator)
        if not self.residual[i]:
            return out
        assert isinstance(h, Tensor)  # codes enter the first layer alone, which adds nothing to its output
        return h + out

    def output_layer(
        self, h: Tensor | SparseOneHot, x: Tensor | SparseOneHot, mask: MaskTensors | None = None
    ) -> Tensor:
        """Run the last layer on the last hidden layer h and, for direct connections, the inputs x."""
        out = self._linear(h, self.n_hidden, mask)
        if self.direct is None:
            return out
        if self.has_stored_mask:
            direct = self._stored("mask_direct", x, self.direct, None)
        else:
            own = self.direct if mask is None or mask.direct is None else self.direct * mask.direct
            direct = _product_of(x, own, None)
        return out + direct

    def _linear(self, h: Tensor | SparseOneHot, i: int, mask: MaskTensors | None) -> Tensor:
        weight, bias = self.weights[i], self.biases[i]
        if self.has_stored_mask:
            return self._stored(f"mask_{i}", h, weight, bias)
        return _product_of(h, weight if mask is None else weight * mask.layers[i], bias)

    def _stored(self, name: str, h: Tensor | SparseOneHot, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Multiply with a weight that is zero where the mask of that name is."""
        if self._product is not None:
            return self._product(name, h.dense() if isinstance(h, SparseOneHot) else h, bias)
        mask, blocks = self.get_buffer(name), self._blocks[name]
        into = weight.grad if self._adds_gradients else None
        if isinstance(h, SparseOneHot):
            return sparse_linear.linear(h, weight, mask, bias, into)
        if blocks is None or not self.leaves_dead_out or h.device.type != "cpu":
            return _stored_masked(h, weight, mask, bias)
        return linear(h, weight, mask, bias, blocks, into)
