"""MADE = variables + masks + network: loss, log-probability, samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from made.base import BaseModel
from made.checks import share, switch, whole
from made.errors import InputError
from made.incomplete import has_unknown, read_given, read_incomplete
from made.inference import Density, Inference
from made.masks import Mask
from made.mixture import Mixture
from made.network import MaskTensors, Network
from made.ordering import IntArray
from made.sampling import sample_rows
from made.summary import Summary, summarize
from made.torch_distribution import RowDistribution
from made.uniforms import row_uniforms
from made.variables import Variable

if TYPE_CHECKING:
    from made.kernels.plan import Plan

__all__ = ["MADE"]

# Where rows drawn given the same values have to be picked among weighted draws: how many there are.
_DRAWS_FOR_MANY = 10_000
# Over how many masks the fan-in of a unit is averaged at initialization.
_MASKS_FOR_FAN_IN = 8


class MADE(BaseModel):
    """Masked autoencoder for distribution estimation (Germain et al. 2015, arXiv 1502.03509).

    The joint probability of a row is the product of one conditional per variable, all computed by one pass of
    one masked network:

        log p(x | mask) = sum over r of log p(x_ordering[r] | x_ordering[0], ..., x_ordering[r - 1])

    With K masks the model is their mixture: log p(x) = logsumexp_k log p(x | mask k) - log K.

    Parameters
    ----------
    variables : Variable or sequence of Variable
        What a row is: ``made.Bernoulli(n)``, ``made.Categorical(classes, n, coding)``, or a list of these.
    hidden : sequence of int
        Sizes of the hidden layers. An encoder 512-512 and its mirror are ``(512, 512, 512)``.
    ordering : "natural", "random", a permutation of 0..D-1, or a list of permutations
        ``ordering[r]`` is the variable at place r.
    orderings : int or "fresh"
        O orderings, cycled; the first is `ordering`, the others are random. ``"fresh"``: a new random one at
        every draw.
    connectivity : "uniform", "even", (D - 1,) weights or one list of degrees per hidden layer
        How the degrees of the hidden units come about: drawn uniformly from [smallest degree of the layer
        before, D - 1]; spread evenly; drawn after a distribution over the degrees 1..D-1; or given.
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
        Share of hidden units dropped in `loss`, and only there.
    fresh_masks : int
        With fresh draws: how many masks make up the density, masks 0, 1, ... of the seed.
    seed : int
        Of the masks and of the initial weights.
    context : int, Variable or sequence of Variable
        What the model is conditioned on, p(x | c): a number of features (best standardized), or variables,
        which are coded as those of a row. Every output sees it, the first of the ordering too.

    Raises
    ------
    InputError
        If something given makes no sense; the message names it and the remedy.

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
        fresh_masks: int = 16,
        context: int | Variable | Sequence[Variable] = 0,
    ) -> None:
        super().__init__(variables, hidden, seed, context)
        self.mixture = Mixture(
            n_variables=self.variables.n_variables,
            hidden=self.hidden,
            input_sizes=self.variables.input_sizes,
            output_sizes=self.variables.output_sizes,
            ordering=ordering,
            orderings=orderings,
            connectivity=connectivity,
            connectivities=connectivities,
            seed=self.seed,
            residual=switch("residual", residual),
            fresh_masks=fresh_masks,
            n_context=self.context.n_features,
        )
        self.network = Network(
            self.variables.n_inputs,
            self.hidden,
            self.variables.n_outputs,
            activation=activation,
            residual=self.mixture.residual_layers,
            direct=switch("direct", direct),
            dropout=share("dropout", dropout),
            n_context=self.context.n_features,
        )
        self._initialize()
        if self.has_one_mask:
            self.network.store_mask(self.mask(0))
        self._latest: tuple[int | Mask, torch.device, MaskTensors] | None = None
        self._latest_plan: tuple[Any, Plan] | None = None

    @property
    def n_masks(self) -> int:
        """K, the number of masks whose mixture the model is."""
        return self.mixture.n_masks

    @property
    def has_one_mask(self) -> bool:
        """Whether there is one mask for good, in training and in evaluation."""
        return self.n_masks == 1 and not self.mixture.is_fresh

    def mask(self, k: int = 0) -> Mask:
        """Return mask k: its ordering, its degrees and its matrices, made anew from (seed, k)."""
        return self.mixture.mask(k)

    def log_prob(
        self,
        x: ArrayLike | Tensor,
        per_variable: bool = False,
        mask: int | Sequence[int] | None = None,
        *,
        context: ArrayLike | Tensor | None = None,
        grad: bool = False,
    ) -> Tensor:
        """Return the log-probability of each row, in nats: exact for complete rows.

        Memory is bounded: rows are gone through in batches, masks one after the other.

        Parameters
        ----------
        x : array or tensor
            Rows, (n, D). Entries may be unknown (NaN or None): the answer is then log p of what is known, the
            sum over what is not; `made.marginal` says how it was found, and how sure it is.
        per_variable : bool
            Return log p(x_d | the variables before it) instead, (n, D), which sums to the row's. The model
            must have one mask, or `mask` must name one.
        mask : int or sequence of int, optional
            Use this mask alone, or the mixture of these. By default all K: the density of the model.
        context : array or tensor, optional
            (n, C), or (C,) for all rows: for a model of p(x | c).
        grad : bool
            Keep what a gradient with respect to the weights needs. That takes memory in proportion to n.

        Returns
        -------
        (n,) float64 tensor, or (n, D)

        Warns
        -----
        PoorEstimateWarning
            If rows are incomplete, had to be estimated, and few draws carry the estimate.

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
        masks = self._chosen(mask)
        if per_variable and len(masks) > 1:
            raise InputError(
                f"per_variable needs one mask, and this model is a {self.mixture.describe()}: pass mask=k"
            )
        if has_unknown(x):
            if per_variable or grad:
                raise InputError(
                    "per_variable and grad need complete rows: fill or drop those with unknown entries"
                )
            return self._marginal(x, masks, context)
        codes = self.rows(x)
        rows = self.context_rows(context, len(codes))
        with torch.set_grad_enabled(grad and torch.is_grad_enabled()):
            if per_variable:
                parts = [self._log_prob(*batch, masks[0]) for batch in self._batches(codes, rows)]
                return torch.cat(parts) if parts else codes.double()
            by_mask = []
            total = torch.full((len(codes),), -torch.inf, dtype=torch.float64, device=self.device)
            for k in masks:
                parts = [self._log_prob(*batch, k).sum(dim=1) for batch in self._batches(codes, rows)]
                if grad:  # no running sum: the gradient of logaddexp at -inf is not a number
                    by_mask.append(torch.cat(parts) if parts else total)
                else:
                    total = torch.logaddexp(total, torch.cat(parts)) if parts else total
            total = torch.logsumexp(torch.stack(by_mask), dim=0) if grad else total
            return total - float(np.log(len(masks)))

    def _marginal(
        self, x: ArrayLike | Tensor, masks: list[int], context: ArrayLike | Tensor | None
    ) -> Tensor:
        rows = read_incomplete(self.variables, x)
        evidence = self.inference(masks).evidence(rows, self.context_rows(context, len(rows)))
        evidence.warn_if_poor()
        return torch.from_numpy(evidence.log_prob).to(self.device)

    def row_losses(
        self, x: ArrayLike | Tensor, masks: int | None = None, context: ArrayLike | Tensor | None = None
    ) -> Tensor:
        """Return the NLL of each row in nats, (n,): of the mixture of the first `masks` masks, or of all."""
        chosen = None if masks is None else range(min(masks, self.n_masks))
        return -self.log_prob(x, mask=chosen, context=context)

    def training_mask(self, draw: int) -> int:
        """Return the number of the mask for the given draw of training; see `Mixture.training_mask`."""
        return self.mixture.training_mask(draw)

    @torch.no_grad()
    def sample(
        self,
        n: int,
        seed: int | None = None,
        mask: int | Sequence[int] | None = None,
        *,
        given: Mapping[int, Any] | ArrayLike | Tensor | None = None,
        context: ArrayLike | Tensor | None = None,
        first: int = 0,
        method: str = "auto",
    ) -> Tensor:
        """Draw n rows.

        Row i is a function of (seed, i): drawing more rows, or in other portions, changes none of them.

        Parameters
        ----------
        n : int
            How many; 0 gives an empty table.
        seed : int, optional
            Without one, rows differ at every call.
        mask : int or sequence of int, optional
            Draw from this mask alone, or from the mixture of these. By default from all K.
        given : mapping or array, optional
            Values to draw the rest from the conditional of: ``{variable: value}``, or a row (D,) with NaN or
            None where an entry is unknown, or n such rows. Exact where the ordering allows it; see
            `made.complete`, which says so.
        context : array or tensor, optional
            (n, C), or (C,) for all rows: for a model of p(x | c).
        first : int
            Number of the first row to draw: ``sample(5, seed, first=10)`` are rows 10 to 14 of that seed.
        method : "auto", "one-pass" or "plain"
            ``"plain"`` runs the whole network once per variable; ``"one-pass"`` does the arithmetic of one
            forward pass in all, in compiled code on the CPU. Both draw the same rows up to rounding.
            ``"auto"`` takes one-pass on the CPU, where numba is installed.

        Returns
        -------
        (n, D) tensor of codes: uint8, or int64 where a variable has more than 256 classes
        """
        n, first = whole("n, the number of rows to draw,", n), whole("first", first)
        key = (
            int(np.random.SeedSequence().generate_state(1, np.uint64)[0])
            if seed is None
            else whole("seed", seed)
        )
        if method not in ("auto", "one-pass", "plain"):
            raise InputError(f"method is 'auto', 'one-pass' or 'plain', got {method!r}")
        masks = self._chosen(mask)
        rows = self.context_rows(context, n)
        if given is not None:
            return self._sample_given(n, key, masks, read_given(self.variables, given), rows, first)
        batch = self.rows_per_batch
        parts = [
            self._sample(
                row_uniforms(key, first + i, min(batch, n - i), self.n_variables + 1),
                masks,
                None if rows is None else rows[i : i + batch],
                method,
            )
            for i in range(0, n, batch)
        ]
        empty = torch.zeros((0, self.n_variables), dtype=self.variables.dtype, device=self.device)
        return torch.cat([empty, *parts])

    def inference(
        self,
        mask: int | Sequence[int] | None = None,
        groups: IntArray | None = None,
        **settings: Any,
    ) -> Inference:
        """Return what answers questions about incomplete rows; `made.marginal` and the like are its faces.

        Parameters
        ----------
        mask : int or sequence of int, optional
            Which masks.
        groups : (D,) int array, optional
            Go through the variables group by group, see `Mixture.given_first`: under masks not its own.
        **settings
            Of `made.inference.Inference`.
        """
        return Inference(
            self.variables,
            lambda k: self._density(k, None if groups is None else self.mixture.given_first(groups, k)),
            self._chosen(mask),
            rows_per_batch=self.rows_per_batch,
            **settings,
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
            self._chosen(mask)
        return RowDistribution(self, context, mask, validate_args=validate_args)

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
            self.mixture.check(mask)
        outputs: Tensor = self.network(
            self.variables.encode(codes),
            tensors,
            context=None if context is None else self.context.encode(context),
            drop=drop,
            generator=generator,
        )
        return outputs

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
            f"MADE of {self.n_variables:,} variables: {self.mixture.describe()}{which}",
            self.widths,
            self.mask(mask),
            self.variables.input_sizes,
            residual=self.network.residual,
            direct=self.network.direct is not None,
        )

    def settings(self) -> dict[str, Any]:
        """Return the JSON-ready arguments that build this model again, weights apart."""
        mixture = self.mixture
        ordering, connectivity = mixture.ordering, mixture.connectivity
        if isinstance(connectivity, tuple):
            connectivity = [layer.tolist() for layer in connectivity]
        return {
            "variables": self.variables.settings(),
            "hidden": list(self.hidden),
            "ordering": ordering if isinstance(ordering, str) else _plain(np.asarray(ordering).tolist()),
            "seed": self.seed,
            "orderings": mixture.orderings,
            "connectivity": connectivity.tolist() if isinstance(connectivity, np.ndarray) else connectivity,
            "connectivities": mixture.connectivities,
            "activation": self.network.activation,
            "residual": mixture.residual,
            "direct": self.network.direct is not None,
            "dropout": self.network.dropout,
            "fresh_masks": mixture.fresh_masks,
            **({"context": self.context.settings()} if self.context else {}),
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

    def _chosen(self, mask: int | Sequence[int] | None) -> list[int]:
        if mask is None:
            return list(range(self.n_masks))
        given = [mask] if isinstance(mask, int | np.integer) else mask
        masks = [self.mixture.check(int(k)) for k in given]
        if not masks:
            raise InputError("a mixture needs at least one mask, got none")
        return masks

    def _mask_tensors(self, mask: int | Mask) -> MaskTensors:
        """Make mask k, or take the latest one if that is it: training stays on a mask for some steps."""
        if self._latest is None or self._latest[:2] != (mask, self.device):
            own = mask if isinstance(mask, Mask) else self.mask(mask)
            self._latest = (mask, self.device, MaskTensors.of(own, self.device))
        return self._latest[2]

    def _batches(self, codes: Tensor, context: Tensor | None) -> Iterator[tuple[Tensor, Tensor | None]]:
        size = self.rows_per_batch
        for i, rows in enumerate(self.batches(codes)):
            yield rows, None if context is None else context[i * size : (i + 1) * size]

    def _log_prob(self, codes: Tensor, context: Tensor | None, mask: int | Mask) -> Tensor:
        outputs = self.outputs(codes, mask, context=context)
        return self.variables.log_prob(outputs, codes).double()

    def _density(self, k: int, mask: Mask | None = None) -> Density:
        """Return mask k, or one of its own making, as inference sees it."""
        chosen: int | Mask = k if mask is None else mask

        @torch.no_grad()
        def log_prob(codes: IntArray, context: Tensor | None) -> NDArray[np.float64]:
            rows = torch.from_numpy(codes).to(self.device, self.variables.dtype)
            return self._log_prob(rows, context, chosen).cpu().numpy()

        @torch.no_grad()
        def draw(u: NDArray[np.float64], codes: IntArray, context: Tensor | None) -> IntArray:
            return self._draw(chosen, u, codes, context).cpu().numpy().astype(np.int64)

        own = self.mask(k) if mask is None else mask
        return Density(k, own.ranks, log_prob, draw)

    def _sample(
        self, u: NDArray[np.float64], masks: list[int], context: Tensor | None, method: str
    ) -> Tensor:
        # The last uniform of a row says which mask of the mixture it is drawn from.
        choice = (u[:, -1] * len(masks)).astype(np.int64)
        codes = torch.empty((len(u), self.n_variables), dtype=self.variables.dtype, device=self.device)
        for i, k in enumerate(masks):
            rows = np.flatnonzero(choice == i)
            if len(rows):
                at = torch.from_numpy(rows).to(self.device)
                own = None if context is None else context[at]
                codes[at] = self._draw(k, u[rows, :-1], None, own, method)
        return codes

    def _sample_given(
        self, n: int, seed: int, masks: list[int], given: IntArray, context: Tensor | None, first: int
    ) -> Tensor:
        if len(given) not in (1, n):
            raise InputError(f"given holds {len(given)} rows: one for all {n} rows to draw, or one each")
        alike = len(given) == 1 and (context is None or bool((context == context[:1]).all()))
        if not alike:
            given = np.broadcast_to(given, (n, self.n_variables))
        inference = self.inference(masks, seed=seed, draws=_DRAWS_FOR_MANY if alike else 1000)
        numbers = np.zeros(1, dtype=np.int64) if alike else np.arange(first, first + n)
        rows = context[:1] if context is not None and alike else context
        if n == 0:
            codes = np.zeros((0, self.n_variables), dtype=np.int64)
        else:
            evidence = inference.evidence(given, rows, numbers)
            evidence.warn_if_poor()
            each, offset = (n, first) if alike else (1, 0)
            codes = inference.complete(given, rows, evidence, numbers, each, offset)
        return torch.from_numpy(codes.reshape(n, self.n_variables)).to(self.device, self.variables.dtype)

    def _draw(
        self,
        mask: int | Mask,
        u: NDArray[np.float64],
        codes: IntArray | None,
        context: Tensor | None,
        method: str = "auto",
    ) -> Tensor:
        """Draw rows from uniforms (n, D) under one mask, where `codes` gives none."""
        ready = codes is None and context is None  # TODO
        if ready and (method == "one-pass" or (method == "auto" and self._can_sample_in_one_pass())):
            from made.kernels.one_pass import sample_one_pass

            features = None if context is None else self.context.encode(context).cpu().numpy()
            drawn = sample_one_pass(self._plan(mask), u)
            return torch.from_numpy(drawn).to(self.device, self.variables.dtype)
        own = mask if isinstance(mask, Mask) else self.mask(mask)
        return sample_rows(
            lambda rows: self.outputs(rows, mask, context=context),
            self.variables,
            own.ordering,
            torch.from_numpy(u).to(self.device),
            None if codes is None else torch.from_numpy(codes).to(self.device),
        )

    def _can_sample_in_one_pass(self) -> bool:
        if self.device.type != "cpu":
            return False
        try:
            import numba  # noqa: F401
        except ImportError:
            return False
        return True

    def _plan(self, mask: int | Mask) -> Plan:
        """Make the plan of a mask, or take the latest one if the weights are what they were."""
        from made.kernels.plan import make_plan

        weights = list(self.parameters())
        key = (mask, *((w.data_ptr(), w._version, float(w.sum())) for w in weights))
        if self._latest_plan is None or self._latest_plan[0] != key:
            own = mask if isinstance(mask, Mask) else self.mask(mask)
            self._latest_plan = (key, make_plan(self.network, own, self.variables))
        return self._latest_plan[1]


def _plain(orderings: list[Any]) -> list[Any]:
    """Return a list of one ordering as that ordering."""
    return orderings[0] if len(orderings) == 1 else orderings


def _mean(masks: list[Mask], layer: int, worth: NDArray[np.float64] | None) -> Tensor:
    """Return what each unit of a layer sees, averaged over masks; an input feature counts by its worth."""
    seen = [m.layers[layer].sum(axis=1) if worth is None else m.layers[layer] @ worth for m in masks]
    return torch.from_numpy(np.mean(seen, axis=0)).float()
