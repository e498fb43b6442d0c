"""MADE: one masked network whose outputs are the conditionals of one joint distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial, reduce
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from made.kernels.one_pass.sampler import OnePassSampler
from made.kernels.scores.compiled_scores import CompiledScores
from made.masks.mask_set import MaskSet
from made.masks.receptive_field import ReceptiveField
from made.network.copula import Copula
from made.network.initialization import initialize_masked
from made.network.network import Network
from made.network.product_cache import ProductCache
from made.network.products import Product, zero_masked
from made.queries.questions import Questions
from made.sampling_model import SamplingModel
from made.support.checks import check_bool, check_fraction
from made.support.errors import InputError
from made.support.following import is_followed
from made.torch_distribution import RowDistribution
from made.variables.base import Variable
from made.variables.row_type import LogLikelihood
from made.variables.rows import Rows, RowsLike
from made.variables.schema import Schema

__all__ = ["MADE"]

# Number of masks over which the fan-in of a unit is averaged at initialization.
_MASKS_FOR_FAN_IN = 8


class MADE(Questions, SamplingModel):
    """Masked autoencoder for distribution estimation (Germain et al. 2015, arXiv 1502.03509).

    One pass of one masked network gives the conditional of every variable, and their product is the joint
    probability of a row:

        log p(x | mask) = sum over r of log p(x_ordering[r] | x_ordering[0], ..., x_ordering[r - 1])

    With K masks the model is their mixture: log p(x) = logsumexp_k log p(x | mask k) - log K.

    Parameters
    ----------
    variables : Variable, sequence of Variable, or Schema
        What a row is: ``made.Bernoulli(n)``, ``made.Categorical(classes, n, coding)``, or a list of these; or
        a `made.Schema`, which names the columns and says which of them are context.
    hidden : sequence of int
        Sizes of the hidden layers. An encoder 512-512 and its mirror are ``(512, 512, 512)``.
    ordering : "natural", "random", a permutation of 0..D-1, or a list of permutations
        ``ordering[r]`` is the variable at place r.
    seed : int
        Of the masks and of the initial weights.
    orderings : int or "fresh"
        O orderings, cycled; the first is `ordering`, the others are random. ``"fresh"``: a new random one at
        every draw.
    connectivity : "uniform", "even", (D - 1,) weights or one list of degrees per hidden layer
        Degrees of the hidden units: drawn uniformly from [smallest degree of the layer before, D - 1]; spread
        evenly; drawn from a distribution over the degrees 1..D-1; or given.
    connectivities : int or "fresh"
        C connectivities, cycled; or a fresh one at every draw.
    activation : str
        ``"relu"``, ``"tanh"``, ``"sigmoid"``, ``"softplus"``, ``"elu"``, ``"gelu"``, ``"silu"``,
        ``"leaky_relu"``.
    residual : bool
        A hidden layer of the same size as the one before adds that one to its output.
    direct : bool
        Connect the inputs to the outputs as well (section 4.1 of the paper).
    dropout : float
        Fraction of hidden units dropped in `loss`, and only there.
    input_dropout : float
        Fraction of input features, likewise.
    fresh_masks : int
        With fresh draws: number of masks that make up the density, masks 0, 1, ... of the seed.
    context : int, Variable or sequence of Variable
        What the model is conditioned on, p(x | c): a number of features (best standardized), or variables,
        which are coded as those of a row. Every output sees it, the first of the ordering too.
    field : dict, optional
        For images: ``{"grid": (28, 28), "reach": 6}`` limits what a unit sees to a neighbourhood on the grid,
        6 pixels in each direction; see `ReceptiveField`. Direct connections see everything.
    copula : bool
        Add to the direct connections of a model of several masks what the columns before one say of it
        linearly, under each ordering: see `Copula`. `made.auto_fit` sets it from training rows; of a model
        that is built by hand it says nothing.

    Attributes
    ----------
    mask_set : MaskSet
        The numbered masks.
    n_masks : int
        K, the number of masks whose mixture the model is.
    has_one_mask : bool
        Whether there is a single mask, in training and in evaluation. Masked weights are then zero: at
        initialization, after every step and in files.

    Raises
    ------
    InputError
        If an argument makes no sense; the message names it and the remedy.

    Examples
    --------
    >>> import made
    >>> model = made.MADE(made.Bernoulli(3), hidden=(8,), seed=0)
    >>> model.log_prob([[0, 1, 1]])  # not trained yet: all 8 states are equally probable
    tensor([-2.0794], dtype=torch.float64)
    >>> model.sample(2, seed=0).shape
    torch.Size([2, 3])
    """

    kind = "MADE"

    def __init__(
        self,
        variables: Variable | Sequence[Variable] | Schema,
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
        copula: bool = False,
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
        self.n_masks = self.mask_set.n_masks
        self.has_one_mask = self.n_masks == 1 and not self.mask_set.is_fresh
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
            copula=Copula(self.variables) if check_bool("copula", copula) else None,
        )
        if copula and (self.has_one_mask or not direct or self.context):
            raise InputError(
                "copula takes several masks, direct connections and no context: leave it out, or pass "
                'direct=True and orderings="fresh"'
            )
        self._products = ProductCache()
        self._sampler, self._scores = OnePassSampler(), CompiledScores()
        masks = [self.mask(k).layers[:-1] for k in range(min(self.n_masks, _MASKS_FOR_FAN_IN))]
        initialize_masked(self.network, masks, (self.variables, self.context), self.seed)
        if self.has_one_mask:
            zero_masked(self.network.masked_weights, self._product(0).masks)

    def log_prob(
        self,
        x: RowsLike,
        per_variable: bool = False,
        mask: int | Sequence[int] | None = None,
        *,
        context: ArrayLike | Tensor | None = None,
        grad: bool = False,
        as_density: bool = False,
    ) -> Tensor:
        """Return the log-probability of each row, in nats: exact for complete rows.

        Entry by entry it is that of a mass, for a class, an atom or a point of a grid, and of a density in
        the column's own units for a continuous number.

        Memory is bounded: rows are gone through in batches, masks one after the other.

        Parameters
        ----------
        x : data frame, array, tensor or Rows
            (n, D) values. An entry that is NaN or None is missing where its variable may be. Elsewhere it is
            unknown: the answer is then log p of what is known, the sum over what is not; `marginal` says how
            it was found, and how sure it is.
        per_variable : bool
            Return log p(x_d | the variables before it) instead, (n, D), which sums to the row's. The model
            must have one mask, or `mask` must name one.
        mask : int or sequence of int, optional
            Use this mask alone, or the mixture of these. By default all K: the density of the model.
        context : array or tensor, optional
            (n, C), or (C,) for all rows: for a model of p(x | c).
        grad : bool
            Keep what a gradient with respect to the weights needs. That takes memory in proportion to n.
        as_density : bool
            Divide the mass of each point of a grid by the step, so that it compares with densities.

        Returns
        -------
        (n,) float64 tensor, or (n, D)

        Warns
        -----
        PoorEstimateWarning
            If rows are incomplete, had to be estimated, and few particles carry the estimate.

        Examples
        --------
        >>> import made
        >>> model = made.MADE([made.Bernoulli(1), made.Categorical(3)], hidden=(8,))
        >>> model.log_prob([[0, 2], [1, 1]], per_variable=True)
        tensor([[-0.6931, -1.0986],
                [-0.6931, -1.0986]], dtype=torch.float64)
        >>> model.log_prob([[None, 2]])
        tensor([-1.0986], dtype=torch.float64)
        """
        masks, rows = self.chosen_masks(mask), self.rows(x, context)
        if per_variable and len(masks) > 1:
            raise InputError(
                f"per_variable needs one mask, and this model is a {self.mask_set.describe()}: pass mask=k"
            )
        if not rows.is_complete:
            if per_variable or grad:
                raise InputError(
                    "per_variable and grad need complete rows: fill or drop those with unknown entries"
                )
            scores = torch.from_numpy(self.marginal(rows, mask=masks).log_prob).to(self.device)
        else:
            with torch.set_grad_enabled(grad and torch.is_grad_enabled()):
                each = partial(self._log_prob_under, masks[0])
                scores = (
                    self._by_batch(rows, each, self.n_variables)
                    if per_variable
                    else self._log_prob(masks, rows)
                )
        if not as_density:
            return scores
        steps = self.variables.log_steps(rows)
        return scores - (steps if per_variable else steps.sum(dim=1))

    def forward(
        self,
        x: RowsLike,
        mask: int | Sequence[int] | None = None,
        *,
        context: ArrayLike | Tensor | None = None,
    ) -> Tensor:
        """Return log p of each row, (n,) float64 in nats, differentiable: ``model(x)``.

        That is ``log_prob(x, grad=True)``, for ``torch.func.functional_call``, per-row gradients and
        ``torch.export``. Nothing is dropped, in training mode either.

        Parameters
        ----------
        x : data frame, array, tensor or Rows
            (n, D) values, as for `log_prob`. Inside a transform of ``torch.func`` and in ``torch.export``
            they are a tensor, and cannot be checked: the log-probability of a row with a value that is none
            of its column is -inf, with NaN where nothing may be missing it is NaN, and numbers of a grid are
            rounded. Text is in no tensor: the codes of rows that were encoded before,
            ``model.rows(x).codes``, go in as ``Rows(codes)``.
        mask, context
            As for `log_prob`.

        Raises
        ------
        InputError
            As `log_prob`; and if entries are unknown, unless gradients are off.

        Examples
        --------
        >>> import made, torch
        >>> model = made.MADE(made.Bernoulli(3), hidden=(8,), seed=0)
        >>> rows = torch.tensor([[0, 1, 1], [1, 0, 1]])
        >>> model(rows).detach()
        tensor([-2.0794, -2.0794], dtype=torch.float64)
        >>> def log_prob(parameters, row):
        ...     return torch.func.functional_call(model, parameters, (row[None],))[0]
        >>> per_row = torch.func.vmap(torch.func.grad(log_prob), in_dims=(None, 0))
        >>> per_row({name: own.detach() for name, own in model.named_parameters()}, rows)["network.biases.1"]
        tensor([[-0.5000,  0.5000,  0.5000],
                [ 0.5000, -0.5000,  0.5000]])
        """
        masks = self.chosen_masks(mask)
        if not is_followed():
            return self.log_prob(x, mask=masks, context=context, grad=torch.is_grad_enabled())
        rows, verdict = self._followed_rows(x, context)
        by_mask = [self._log_prob_plainly(k, rows).sum(dim=1) for k in masks]
        return reduce(torch.logaddexp, by_mask) - math.log(len(masks)) + verdict

    def nll(self, x: RowsLike, masks: int | None = None, context: ArrayLike | Tensor | None = None) -> Tensor:
        """Return the NLL of each row in nats, (n,): of the mixture of the first `masks` masks, or of all."""
        chosen = None if masks is None else range(min(masks, self.n_masks))
        return -self.log_prob(x, mask=chosen, context=context)

    def loss(
        self,
        x: RowsLike,
        mask: int = 0,
        *,
        context: ArrayLike | Tensor | None = None,
        weight: Tensor | None = None,
        generator: torch.Generator | None = None,
        multiply: Product | None = None,
        log_likelihood: LogLikelihood | None = None,
    ) -> Tensor:
        """Return what training minimizes: the mean NLL of the rows under one mask, in nats per row.

        Differentiable with respect to the weights. Units are dropped here, and nowhere else.

        Parameters
        ----------
        x : array, tensor or Rows
            (n, D). Rows that are encoded, as `rows` returns them, are not checked again.
        mask : int
            Which mask. Nothing advances by itself: an own training loop passes the number it wants.
        context : array or tensor, optional
            (n, C), for a model of p(x | c).
        weight : Tensor, optional
            (n,): the term of each row is multiplied by its weight before the mean over n rows is taken.
        generator : torch.Generator, optional
            Decides which units are dropped.
        multiply : Product, optional
            How the network multiplies, in place of `mask`.
        log_likelihood : callable, optional
            What finds log p of rows, (n,), from outputs (n, n_outputs) and rows, in place of the variables.

        Examples
        --------
        An own training loop needs this and an optimizer:

        >>> import made, torch
        >>> train = made.data.load("digits").train
        >>> model = made.MADE(made.Bernoulli(64), hidden=(64,))
        >>> model.set_marginals(train)
        >>> optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        >>> before = model.log_prob(train).mean()
        >>> for step in range(20):
        ...     optimizer.zero_grad()
        ...     model.loss(train[step * 64 : (step + 1) * 64]).backward()
        ...     _ = optimizer.step()
        >>> bool(model.log_prob(train).mean() > before)
        True
        """
        return super().loss(
            x,
            context=context,
            weight=weight,
            generator=generator,
            multiply=self._product(mask) if multiply is None else multiply,
            log_likelihood=log_likelihood,
        )

    def distribution(
        self,
        context: ArrayLike | Tensor | None = None,
        mask: int | Sequence[int] | None = None,
        validate_args: bool | None = None,
    ) -> RowDistribution:
        """Return the density as a distribution of torch.

        Parameters
        ----------
        context : array or tensor, optional
            (..., C): one distribution per row of it, for a model of p(x | c).
        mask : int or sequence of int, optional
            This mask alone, or the mixture of these. By default all K.
        validate_args : bool, optional
            As for any distribution of torch.

        Examples
        --------
        >>> import made
        >>> made.MADE(made.Bernoulli(3)).distribution().sample((2,)).shape
        torch.Size([2, 3])
        """
        if mask is not None:
            self.chosen_masks(mask)
        return RowDistribution(self, context, mask, validate_args=validate_args)

    def settings(self) -> dict[str, Any]:
        """Return the JSON-ready arguments that build this model again, weights apart."""
        return {
            "schema": self.schema.as_dict(),
            "hidden": list(self.hidden),
            **self.mask_set.settings(),
            "activation": self.network.activation,
            "direct": self.network.direct is not None,
            "dropout": self.network.dropout,
            "input_dropout": self.network.input_dropout,
            **({} if self.network.copula is None else {"copula": True}),
        }

    # The mathematics, on checked rows

    def _log_prob(self, masks: Sequence[int], rows: Rows) -> Tensor:
        """Return log p of each row under the mixture of the given masks, (n,) float64 in nats."""
        rows, score = self._scoring(rows, len(masks))

        def under(k: int) -> Tensor:
            return self._by_batch(rows, lambda batch: self._log_prob_under(k, score(batch)).sum(dim=1))

        return reduce(torch.logaddexp, map(under, masks)) - float(np.log(len(masks)))
