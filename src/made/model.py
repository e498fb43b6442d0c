"""MADE, the mixture of its masks: log-probability, samples, and what follows from incomplete rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from made.kernels.one_pass.sampler import row_uniforms
from made.masked import MaskedModel
from made.queries.questions import Questions, sample_given
from made.support.checks import check_int
from made.support.errors import InputError
from made.torch_distribution import RowDistribution
from made.variables.missing import has_unknown

__all__ = ["MADE"]


class MADE(Questions, MaskedModel):
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
    input_dropout : float
        Share of input features, likewise.
    fresh_masks : int
        With fresh draws: how many masks make up the density, masks 0, 1, ... of the seed.
    seed : int
        Of the masks and of the initial weights.
    context : int, Variable or sequence of Variable
        What the model is conditioned on, p(x | c): a number of features (best standardized), or variables,
        which are coded as those of a row. Every output sees it, the first of the ordering too.

    field : dict, optional
        For images: ``{"grid": (28, 28), "reach": 6}`` limits what a unit sees to a neighbourhood on the grid,
        so many pixels in each direction; see `ReceptiveField`. Direct connections see everything.

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
        masks = self.chosen_masks(mask)
        if per_variable and len(masks) > 1:
            raise InputError(
                f"per_variable needs one mask, and this model is a {self.mask_set.describe()}: pass mask=k"
            )
        if has_unknown(x):
            if per_variable or grad:
                raise InputError(
                    "per_variable and grad need complete rows: fill or drop those with unknown entries"
                )
            answer = self.marginal(x, mask=masks, context=context)
            return torch.from_numpy(answer.log_prob).to(self.device)
        codes = self.rows(x)
        rows = self.context_rows(context, len(codes))
        with torch.set_grad_enabled(grad and torch.is_grad_enabled()):
            if per_variable:
                parts = [self.log_prob_under(masks[0], *batch) for batch in self._batches(codes, rows)]
                return torch.cat(parts) if parts else codes.double()
            by_mask = []
            total = torch.full((len(codes),), -torch.inf, dtype=torch.float64, device=self.device)
            # Made beforehand: small results that outlast a batch would lie in the memory that the next needs.
            under = torch.empty_like(total)
            for k in masks:
                if grad:  # no running sum: the gradient of logaddexp at -inf is not a number
                    parts = [self._rows_under(k, *batch) for batch in self._batches(codes, rows)]
                    by_mask.append(torch.cat(parts) if parts else total)
                    continue
                for own, batch in zip(self.batches(under), self._batches(codes, rows), strict=True):
                    own.copy_(self._rows_under(k, *batch))
                total = torch.logaddexp(total, under)
            total = torch.logsumexp(torch.stack(by_mask), dim=0) if grad else total
            return total - float(np.log(len(masks)))

    def nll(
        self, x: ArrayLike | Tensor, masks: int | None = None, context: ArrayLike | Tensor | None = None
    ) -> Tensor:
        """Return the NLL of each row in nats, (n,): of the mixture of the first `masks` masks, or of all."""
        chosen = None if masks is None else range(min(masks, self.n_masks))
        return -self.log_prob(x, mask=chosen, context=context)

    def sample(
        self,
        n: int,
        seed: int | None = None,
        mask: int | Sequence[int] | None = None,
        *,
        given: Mapping[int, Any] | ArrayLike | Tensor | None = None,
        context: ArrayLike | Tensor | None = None,
        first: int = 0,
        method: str = "one-pass",
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
            None where an entry is unknown, or n such rows (n, D). Exact where the ordering allows it; see
            `made.complete`, which says so.
        context : array or tensor, optional
            (n, C), or (C,) for all rows: for a model of p(x | c).
        first : int
            Number of the first row to draw: ``sample(5, seed, first=10)`` are rows 10 to 14 of that seed.
        method : "one-pass" or "plain"
            ``"plain"`` runs the whole network once per variable; ``"one-pass"`` does the arithmetic of one
            forward pass in all. Both draw the same rows up to rounding.

        Returns
        -------
        (n, D) tensor of codes: uint8, or int64 where a variable has more than 256 classes
        """
        n, first = check_int("n, the number of rows to draw,", n), check_int("first", first)
        key = (
            int(np.random.SeedSequence().generate_state(1, np.uint64)[0])
            if seed is None
            else check_int("seed", seed)
        )
        if method not in ("one-pass", "plain"):
            raise InputError(f"method is 'one-pass' or 'plain', got {method!r}")
        masks = self.chosen_masks(mask)
        if given is not None:
            return sample_given(self, n, given, seed=key, mask=masks, context=context, first=first)
        rows = self.context_rows(context, n)
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
        if len(parts) == 1:
            return parts[0]
        empty = torch.zeros((0, self.n_variables), dtype=self.variables.dtype, device=self.device)
        return torch.cat([empty, *parts])

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

    def _rows_under(self, mask: int, codes: Tensor, context: Tensor | None) -> Tensor:
        outputs = self.outputs(codes, mask, context=context)
        return self.variables.log_prob(outputs, codes).sum(dim=1, dtype=torch.float64)

    def chosen_masks(self, mask: int | Sequence[int] | None) -> list[int]:
        """Return the numbers of the masks that `mask` names, which are checked; all by default."""
        if mask is None:
            return list(range(self.n_masks))
        given = [mask] if isinstance(mask, int | np.integer) else mask
        masks = [self.mask_set.check(int(k)) for k in given]
        if not masks:
            raise InputError("a mixture needs at least one mask, got none")
        return masks

    def _batches(self, codes: Tensor, context: Tensor | None) -> Iterator[tuple[Tensor, Tensor | None]]:
        size = self.rows_per_pass
        for i, rows in enumerate(self.batches(codes)):
            yield rows, None if context is None else context[i * size : (i + 1) * size]

    def _sample(
        self, u: NDArray[np.float64], masks: list[int], context: Tensor | None, method: str
    ) -> Tensor:
        if len(masks) == 1:
            return self.draw_under(masks[0], u[:, :-1], None, context, method=method)
        # The last uniform of a row says which mask of the mixture it is drawn from.
        choice = (u[:, -1] * len(masks)).astype(np.int64)
        codes = torch.empty((len(u), self.n_variables), dtype=self.variables.dtype, device=self.device)
        for i, k in enumerate(masks):
            rows = np.flatnonzero(choice == i)
            if len(rows):
                at = torch.from_numpy(rows).to(self.device)
                own = None if context is None else context[at]
                codes[at] = self.draw_under(k, u[rows, :-1], None, own, method=method)
        return codes
