"""A feed-forward network; which product it multiplies with makes it a masked one.

In the paper's symbols, with M for the masks (Germain et al. 2015, eqs. 8-11 and section 4.1):

    h_0 = x,   h_l = g(b_l + (W_l * M_l) h_{l-1}),   out = c + (V * M_V) h_L + (A * M_A) x

A residual layer adds h_{l-1} to its h_l. The direct connections A are optional. A network with context c
has h_0 = (x, c) and adds B c to the outputs; no mask limits what sees context.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from made.masks.ordering import IntArray
from made.masks.tensors import DIRECT, Place
from made.network.copula import Copula, Linear
from made.network.products import Product, dense
from made.support.errors import InputError
from made.support.resources import check_memory
from made.variables.sparse_one_hot import SparseOneHot

__all__ = ["ACTIVATIONS", "Network", "n_weights_of"]

# A weight, what it is initialized from, and its mask.
_BYTES_PER_WEIGHT = 9

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


class Network(nn.Module):
    """Weights, biases, and the way from inputs to outputs.

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
    dropout, input_dropout : float
        Fraction of hidden units, and of input features, that are set to zero in training.
    n_context : int
        How many features of context there are beside the inputs.
    copula : Copula, optional
        What products add to the direct connections under each ordering.
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
        copula: Copula | None = None,
    ) -> None:
        super().__init__()
        if activation not in ACTIVATIONS:
            raise InputError(f"activation is one of {', '.join(ACTIVATIONS)}; got {activation!r}")
        self.activation = activation
        self.residual = tuple(residual) if residual is not None else (False,) * len(hidden)
        self.dropout, self.input_dropout = dropout, input_dropout
        self.n_hidden = len(hidden)
        # Without hidden layers, context has its own weights to the outputs and needs no others.
        widths = [n_inputs + (n_context if hidden else 0), *hidden, n_outputs]
        n_weights = n_weights_of(widths) + (n_inputs * n_outputs if direct else 0)
        check_memory(
            _BYTES_PER_WEIGHT * n_weights,
            f"a network of layers {'-'.join(map(str, widths))}",
            "take smaller hidden layers",
        )
        self.weights = nn.ParameterList(torch.zeros(after, before) for before, after in pairwise(widths))
        self.biases = nn.ParameterList(torch.zeros(width) for width in widths[1:])
        self.direct = nn.Parameter(torch.zeros(n_outputs, n_inputs)) if direct else None
        self.context = nn.Parameter(torch.zeros(n_outputs, n_context)) if n_context else None
        self.copula = copula

    def forward(
        self,
        x: Tensor | SparseOneHot,
        multiply: Product = dense,
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
        multiply : Product
            How to multiply with a weight: `dense`, or with a mask.
        context : Tensor, optional
            Features of context, (n, n_context), where the network has some.
        drop : bool
            Drop units and features: for training, and for nothing else.
        generator : torch.Generator, optional
            Which are dropped; by default torch's own decides.

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
            h = self.hidden_layer(i, h, multiply, drop=drop, generator=generator)
        out = self.output_layer(h, x, multiply)
        if context is None or self.context is None:
            return out
        return out + functional.linear(context, self.context)

    def hidden_layer(
        self,
        i: int,
        h: Tensor | SparseOneHot,
        multiply: Product = dense,
        *,
        drop: bool = False,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Run hidden layer i, counted from 0, on the layer before it."""
        activate, _ = ACTIVATIONS[self.activation]
        out = activate(multiply(i, h, self.weights[i], self.biases[i]))
        if drop and self.dropout > 0:
            out = _drop(out, self.dropout, generator)
        if not self.residual[i]:
            return out
        assert isinstance(h, Tensor)  # codes enter the first layer alone, which adds nothing to its output
        return h + out

    def output_layer(
        self, h: Tensor | SparseOneHot, x: Tensor | SparseOneHot, multiply: Product = dense
    ) -> Tensor:
        """Run the last layer on the last hidden layer h and, for direct connections, the inputs x."""
        out = multiply(self.n_hidden, h, self.weights[-1], self.biases[-1])
        return out if self.direct is None else out + multiply(DIRECT, x, self.direct, None)

    def linear_under(self, ranks: IntArray) -> Linear | None:
        """Return what the copula, where there is one, adds to direct connections under an ordering."""
        return None if self.copula is None else self.copula.under(ranks)

    @property
    def masked_weights(self) -> dict[Place, nn.Parameter]:
        """Every weight that a mask limits, by its place."""
        weights: dict[Place, nn.Parameter] = dict(enumerate(self.weights))
        return weights if self.direct is None else {**weights, DIRECT: self.direct}

    @property
    def output_parameters(self) -> list[nn.Parameter]:
        """Every parameter that leads to the outputs: all zero at initialization."""
        parameters = [self.weights[-1], self.biases[-1], self.direct, self.context]
        return [parameter for parameter in parameters if parameter is not None]


def n_weights_of(widths: Sequence[int]) -> int:
    """Return the number of weights between layers of these widths, those of direct connections apart."""
    return sum(before * after for before, after in pairwise(widths))


def _drop(x: Tensor, fraction: float, generator: torch.Generator | None) -> Tensor:
    """Set a fraction of some numbers to zero, and enlarge the others so that their mean stays."""
    # Row by row, however they lie in memory: what is dropped follows from the generator alone.
    kept = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    if x.is_cuda:
        kept.bernoulli_(1 - fraction, generator=generator)
    else:  # four words of 16 bits out of a draw: about four times as fast as bernoulli_
        draws = torch.empty((x.numel() + 3) // 4, dtype=torch.int64).random_(
            -(2**63), None, generator=generator
        )
        words = draws.view(torch.int16)[: x.numel()].view(x.shape)
        torch.ge(words, round(fraction * 2**16) - 2**15, out=kept)
    return x * kept.div_(1 - fraction)
