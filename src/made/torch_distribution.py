"""A model as a distribution of torch, to be slotted into code that takes one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from made.support.errors import InputError
from made.variables.context import Context
from made.variables.outputs import as_output
from made.variables.row_type import RowType
from made.variables.rows import Rows
from made.variables.schema import Schema

__all__ = ["RowDistribution"]


class _Model(Protocol):
    """What a distribution asks of a model."""

    variables: RowType
    context: Context

    @property
    def schema(self) -> Schema: ...

    @property
    def device(self) -> torch.device: ...

    def log_prob(
        self, x: Any, per_variable: bool = ..., mask: Any = ..., *, context: Any = ..., grad: bool = ...
    ) -> Tensor: ...

    def draw(
        self, n: int, seed: int | None = ..., mask: Any = ..., *, context: Any = ..., tails: bool = ...
    ) -> Rows: ...


class RowDistribution(Distribution):
    """The density of a model over rows: ``event_shape`` is (D,), values are codes.

    Parameters
    ----------
    model : MADE
        Its weights are used as they are at each call; `log_prob` is differentiable with respect to them.
    context : array or tensor, optional
        (..., C) for a model of p(x | c): one distribution per row of context, so ``batch_shape`` is ``...``.
    mask : int or sequence of int, optional
        This mask alone, or the mixture of these. By default all K.
    batch_shape : sequence of int, optional
        Shape of a batch of equal distributions; without context.
    validate_args : bool, optional
        As for any distribution of torch.

    Examples
    --------
    >>> import made, torch
    >>> model = made.MADE(made.Bernoulli(3), hidden=(8,))
    >>> rows = model.distribution()
    >>> rows.event_shape, rows.sample((5,)).shape
    (torch.Size([3]), torch.Size([5, 3]))
    >>> loss = -rows.log_prob(torch.tensor([[0, 1, 1], [1, 1, 1]])).mean()
    >>> loss.backward()
    """

    has_rsample = False

    def __init__(
        self,
        model: _Model,
        context: Any = None,
        mask: int | Sequence[int] | None = None,
        batch_shape: Sequence[int] = (),
        validate_args: bool | None = None,
    ) -> None:
        self.model, self.mask = model, mask
        shape = torch.Size(batch_shape)
        if context is not None:
            table = torch.as_tensor(context)
            if table.ndim == 0:
                raise InputError("context is (..., C): one row for one distribution, or a batch of rows")
            shape, flat = table.shape[:-1], table.reshape(-1, table.shape[-1])
            rows = model.context.rows(flat, len(flat))
            assert rows is not None  # a superfluous context has been refused
            context = rows.reshape(*shape, -1)
        else:
            model.context.rows(None, 1)  # says so where one is needed
        self._context: Tensor | None = context
        if model.variables.numbers is not None and model.variables.has_labels:
            raise InputError(
                "a distribution is over numbers: labels beside numeric variables have no place in it"
            )
        super().__init__(shape, torch.Size([model.variables.n_variables]), validate_args=validate_args)

    @property
    def arg_constraints(self) -> dict[str, constraints.Constraint]:
        """Nothing: the parameters are the weights of a network."""
        return {}

    @property
    def support(self) -> constraints.Constraint:
        """Rows of codes 0..K-1, each with the K of its variable; where some are numeric, of numbers."""
        if self.model.variables.numbers is not None:
            return constraints.independent(constraints.real, 1)  # type: ignore[no-untyped-call]
        largest = torch.from_numpy(self.model.variables.n_values - 1).to(self.model.device)
        codes = constraints.integer_interval(0, largest)  # type: ignore[no-untyped-call]
        return constraints.independent(codes, 1)  # type: ignore[no-untyped-call]

    def log_prob(self, value: Tensor) -> Tensor:
        """Return log p in nats, float64: (..., D) to (...), broadcast with the batch shape."""
        if self._validate_args:
            self._validate_sample(value)
        shape = torch.broadcast_shapes(value.shape[:-1], self.batch_shape)  # type: ignore[no-untyped-call]
        rows = value.expand(*shape, value.shape[-1]).reshape(-1, value.shape[-1])
        has_codes = self.model.variables.has_labels and self.model.variables.numbers is None
        values = self.model.schema.decode(rows) if has_codes else rows
        log_prob = self.model.log_prob(
            values, mask=self.mask, context=self._rows_of_context(shape), grad=torch.is_grad_enabled()
        )
        return log_prob.reshape(shape)

    @torch.no_grad()
    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Draw rows of codes, int64, (*sample_shape, *batch_shape, D); torch's generator decides.

        Where some variables are numeric, rows are values, float64, NaN where an entry is missing; their tails
        are those of `log_prob`, however far out.
        """
        shape = torch.Size(sample_shape) + self.batch_shape
        seed = int(torch.randint(2**63 - 1, ()).item())
        context = self._rows_of_context(shape)
        rows = self.model.draw(math.prod(shape), seed, self.mask, context=context, tails=True)
        if self.model.variables.numbers is not None:
            numbers: Tensor = as_output(self.model.schema, rows, "torch").to(self.model.device).double()
            return numbers.reshape(*shape, *self.event_shape)
        return rows.codes.to(self.model.device).long().reshape(*shape, *self.event_shape)

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> RowDistribution:
        """Return the same distribution with another batch shape."""
        shape = torch.Size(batch_shape)
        if self._context is None:
            return RowDistribution(self.model, None, self.mask, shape, self._validate_args)
        context = self._context.expand(*shape, self._context.shape[-1])
        return RowDistribution(self.model, context, self.mask, validate_args=self._validate_args)

    def _rows_of_context(self, shape: torch.Size) -> Tensor | None:
        if self._context is None:
            return None
        return self._context.expand(*shape, self._context.shape[-1]).reshape(-1, self._context.shape[-1])
