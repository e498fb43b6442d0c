"""The same network without masks: encode, decode, reconstruct."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from made.base import BaseModel
from made.network.initialization import initialize
from made.network.network import Network
from made.network.summary import Summary, summarize
from made.support.checks import check_bool, check_fraction, check_int
from made.support.errors import InputError
from made.variables.base import Variable
from made.variables.rows import Rows, RowsLike
from made.variables.schema import Schema

__all__ = ["Autoencoder"]


class Autoencoder(BaseModel):
    """An ordinary autoencoder (the seed's "0: vanilla autoencoder"): every output sees every input.

    It has no ``log_prob``. In the seed's Figure 3 (no masks) the output for x_d sees x_d itself, so what
    leaves the network are not the conditionals of one joint distribution: their product does not sum to 1
    over the rows, and a network that copies its input would score every row as certain. With the masks of
    Figure 4 the output for x_d sees only what comes before x_d; the product is then p(x): that is `MADE`.

    Parameters
    ----------
    variables : Variable, sequence of Variable, or Schema
        What a row is, as for `MADE`.
    hidden : sequence of int
        Sizes of the hidden layers, at least one. An encoder 512-512 and its mirror are ``(512, 512, 512)``.
    seed : int
        Of the initial weights.
    code_layer : int, optional
        Which hidden layer, counted from 0, holds the code. By default the middle one.
    activation, residual, dropout
        As for `MADE`.

    Examples
    --------
    >>> import made
    >>> model = made.Autoencoder(made.Bernoulli(64), hidden=(32, 8, 32))
    >>> rows = made.data.load("digits").test[:5]
    >>> model.encode(rows).shape, model.reconstruct(rows).shape
    (torch.Size([5, 8]), torch.Size([5, 64]))
    """

    kind = "Autoencoder"

    def __init__(
        self,
        variables: Variable | Sequence[Variable] | Schema,
        hidden: int | Sequence[int] = (500,),
        seed: int = 0,
        *,
        code_layer: int | None = None,
        activation: str = "relu",
        residual: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(variables, hidden, seed)
        if not self.hidden:
            raise InputError("an autoencoder needs at least one hidden layer, for its code")
        middle = (len(self.hidden) - 1) // 2
        self.code_layer = middle if code_layer is None else check_int("code_layer", code_layer)
        if self.code_layer >= len(self.hidden):
            raise InputError(f"code_layer is a hidden layer 0..{len(self.hidden) - 1}, got {code_layer}")
        self.residual = check_bool("residual", residual)
        self.network = Network(
            self.variables.n_inputs,
            self.hidden,
            self.variables.n_outputs,
            activation=activation,
            residual=[
                residual and i > 0 and size == self.hidden[i - 1] for i, size in enumerate(self.hidden)
            ],
            dropout=check_fraction("dropout", dropout),
        )
        below = [self.variables.n_variables, *self.hidden[:-1]]
        fan_in = [torch.full((size,), float(n)) for n, size in zip(below, self.hidden, strict=True)]
        power = torch.full((self.hidden[0],), float(self.variables.feature_powers.sum()))
        initialize(self.network, fan_in, power, self.seed)

    def forward(self, x: RowsLike) -> Tensor:
        """Return the network's outputs (n, n_outputs) for rows (n, D), differentiable: ``model(x)``."""
        rows = self.rows(x)
        rows.check_complete()
        return self._outputs(rows)

    def outputs(self, codes: Tensor) -> Tensor:
        """Return the network's outputs (n, n_outputs) for codes (n, D), as `rows` returns them."""
        return self._outputs(Rows(codes))

    @torch.no_grad()
    def nll(self, x: RowsLike, masks: int | None = None, context: ArrayLike | Tensor | None = None) -> Tensor:
        """Return the cross entropy of each row's reconstruction in nats, (n,) float64: no likelihood.

        There are neither masks nor context.
        """
        rows = self.rows(x, context)
        rows.check_complete()
        return self._by_batch(rows, self._nll)

    def _nll(self, rows: Rows) -> Tensor:
        rows = self.variables.scored(rows)
        return -self.variables.log_prob(self._outputs(rows), rows.codes, rows.scores).double().sum(dim=1)

    @torch.no_grad()
    def encode(self, x: RowsLike) -> Tensor:
        """Return the code of each row: (n, size of the code layer)."""
        rows = self.rows(x)
        rows.check_complete()
        rows = self.variables.scored(rows)
        h = self.variables.features(rows.codes, rows.scores)
        for i in range(self.code_layer + 1):
            h = self.network.hidden_layer(i, h)
        return h

    @torch.no_grad()
    def decode(self, code: Tensor) -> Tensor:
        """Return the probabilities that codes (n, size of the code layer) decode to.

        Returns
        -------
        (n, n_outputs) tensor
            One number per Bernoulli variable (of a 1), K per categorical one, in the order of the columns.
        """
        h = code
        for i in range(self.code_layer + 1, len(self.hidden)):
            h = self.network.hidden_layer(i, h)
        return self.variables.probabilities(self.network.output_layer(h, h))

    @torch.no_grad()
    def reconstruct(self, x: RowsLike) -> Any:
        """Return the reconstruction of each row, (n, D): the most probable value of every variable."""
        return self._values(self.variables.most_probable(self.decode(self.encode(x))))

    def summary(self) -> Summary:
        """Return the layer table. Print it."""
        return summarize(
            f"autoencoder of {self.n_variables:,} variables, without masks",
            self.widths,
            None,
            self.variables.input_sizes,
            residual=self.network.residual,
        )

    def settings(self) -> dict[str, Any]:
        """Return the JSON-ready arguments that build this model again, weights apart."""
        return {
            "schema": self.schema.as_dict(),
            "hidden": list(self.hidden),
            "seed": self.seed,
            "code_layer": self.code_layer,
            "activation": self.network.activation,
            "residual": self.residual,
            "dropout": self.network.dropout,
        }
