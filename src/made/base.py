"""What MADE and an autoencoder share: rows in, a network, the loss, marginals, a file out."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from made.network.network import Network
from made.network.products import PreMasked, Product, dense
from made.support.checks import check_int, row_weights
from made.support.errors import InputError
from made.support.files import write_tensors
from made.variables.base import Variable
from made.variables.context import Context
from made.variables.fitting import counts_of, is_fitted, marginals_of
from made.variables.marginal_fit import RowSample
from made.variables.missing_together import MissingTogether
from made.variables.row_type import LogLikelihood, RowType
from made.variables.rows import Rows, RowsLike
from made.variables.schema import Schema
from made.variables.unseen_entries import unseen_note

__all__ = ["BaseModel"]

_log = logging.getLogger(__name__)

# Numbers held at once by work that goes through rows in batches (16 MiB of float32).
_NUMBERS_PER_BATCH = 2**22
_ROWS_PER_PASS = 1024
# A GPU is fastest with all rows at once: by its memory.
_NUMBERS_PER_PASS_OF_GPU, _ROWS_PER_PASS_OF_GPU = 2**27, 16_384

Self = TypeVar("Self", bound="BaseModel")


class BaseModel(nn.Module):
    """A network on rows of variables; `MADE` and `Autoencoder` differ in what they make of its outputs.

    Attributes
    ----------
    variables : RowType
        The variables of a row: the modelled columns of the schema.
    context : Context
        What the model is conditioned on, if anything.
    hidden : tuple of int
        Sizes of the hidden layers.
    widths : tuple of int
        Sizes of all layers, from the input features to the outputs.
    seed : int
    network : Network
    """

    kind: ClassVar[str]
    network: Network

    def __init__(
        self,
        variables: Variable | Sequence[Variable] | Schema,
        hidden: int | Sequence[int],
        seed: int,
        context: int | Variable | Sequence[Variable] = 0,
    ) -> None:
        super().__init__()
        if isinstance(variables, Schema):
            if not isinstance(context, int) or context != 0:
                raise InputError("a schema says itself which columns are context: leave context out")
            self._schema = variables
            self.variables, self.context = variables.row_type, variables.context
        else:
            self.variables, self.context = RowType(variables), Context(context)
            self._schema = Schema.of_variables(self.variables, self.context)
        self.hidden = _check_hidden(hidden)
        self.widths = (self.variables.n_inputs, *self.hidden, self.variables.n_outputs)
        self.seed = check_int("seed", seed)

    @property
    def n_variables(self) -> int:
        """D."""
        return self.variables.n_variables

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        device: torch.device = self.network.biases[-1].device
        return device

    @cached_property
    def missing_together(self) -> MissingTogether:
        """Which variables are missing together: parts of dates."""
        return MissingTogether.of(self._schema.modelled)

    @property
    def schema(self) -> Schema:
        """What the columns are: names, kinds, labels, context, image shape. Saved with the model."""
        return self._schema

    @schema.setter
    def schema(self, schema: Schema) -> None:
        if not schema.same_columns(self._schema):
            raise InputError(
                "only names, notes and the image shape of a model's schema may change: for other columns fit "
                "a new model, made.auto_fit(rows, schema=...)"
            )
        self._schema = schema

    def rows(
        self,
        x: RowsLike,
        context: ArrayLike | Tensor | None = None,
        *,
        unknown: ArrayLike | None = None,
        to_fill: bool = False,
    ) -> Rows:
        """Return rows as the model computes with them: checked, encoded, on its device.

        Every method that takes rows takes these as well, and does not check them again.

        Parameters
        ----------
        x : data frame, array, tensor or Rows
            (n, D) values. An entry marked None or NaN is missing where its variable may be, else unknown. The
            columns of a frame are found by name; one that it lacks is unknown, which is said.
        context : array or tensor, optional
            (n, C), or (C,) for all rows: for a model of p(x | c).
        unknown : (n, D) or (D,) bool array, optional
            True where an entry is unknown, whatever `x` holds there.
        to_fill : bool
            All marked entries are unknown: to be filled in.

        Raises
        ------
        InputError
            If a value is none of its column's, or a shape is wrong.

        Examples
        --------
        >>> import made
        >>> rows = made.MADE(made.Bernoulli(3)).rows([[0, None, 1]])
        >>> rows.codes.tolist(), rows.known.tolist()
        ([[0, 0, 1]], [[True, False, True]])
        """
        if not isinstance(x, Rows):
            rows = self._schema.encode(x, context, unknown=unknown, to_fill=to_fill)
            if rows.labels is not None:
                names = [column.name for column in self._schema.modelled]
                _log.info("%s", unseen_note(self.variables, names, rows))
            return rows.to(self.device)
        if unknown is not None:
            x = self._schema.without(x, unknown)
        if context is not None or (x.context is None and self.context):
            x = replace(x, context=self.context.rows(context, len(x)))
        return x.to(self.device)

    def loss(
        self,
        x: RowsLike,
        *,
        context: ArrayLike | Tensor | None = None,
        weight: Tensor | None = None,
        generator: torch.Generator | None = None,
        multiply: Product | None = None,
        log_likelihood: LogLikelihood | None = None,
    ) -> Tensor:
        """Return what training minimizes: the mean cross entropy of the rows, in nats per row.

        Differentiable with respect to the weights. The arguments are those of `MADE.loss`.
        """
        rows = x if isinstance(x, Rows) and context is None else self.rows(x, context)
        rows.check_complete()
        if len(rows) == 0:
            raise InputError("the loss of no rows is undefined: give at least one row")
        if weight is not None and weight.shape != (len(rows),):
            raise InputError(
                f"weight must hold one number per row, ({len(rows)},), got {tuple(weight.shape)}"
            )
        product = self.training_product(0) if multiply is None else multiply
        total = self.variables.log_likelihood if log_likelihood is None else log_likelihood
        rows = self.variables.scored(rows)
        log_prob = total(self._outputs(rows, product, drop=True, generator=generator), rows)
        return -(log_prob if weight is None else log_prob * weight).mean()

    def training_product(self, draw: int) -> Product | PreMasked:
        """Return how the network multiplies for the given draw of training (draws are counted from 0)."""
        return dense

    @abstractmethod
    def nll(self, x: RowsLike, masks: int | None = None, context: ArrayLike | Tensor | None = None) -> Tensor:
        """Return what validation compares, (n,) float64 in nats; `masks` limits the masks of a mixture."""

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Return the JSON-ready arguments that build this model again, weights apart."""

    def _outputs(
        self,
        rows: Rows,
        multiply: Product = dense,
        *,
        drop: bool = False,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the network's outputs, (n, n_outputs)."""
        dtype = self.network.biases[-1].dtype
        context = None if rows.context is None else self.context.features(rows.context).to(dtype)
        rows = self.variables.scored(rows)
        x = self.variables.inputs(rows.codes, dtype, rows.scores)
        outputs: Tensor = self.network(x, multiply, context=context, drop=drop, generator=generator)
        return outputs

    def scored(self, rows: Rows) -> Rows:
        """Return rows with what follows from their numbers, and from those of their context."""
        if rows.context is not None:
            rows = replace(rows, context=self.context.features(rows.context))
        return self.variables.scored(rows)

    def _values(self, rows: Rows | Tensor) -> Any:
        """Return what rows, or codes, stand for: a tensor, or an object array where labels are text."""
        rows = rows if isinstance(rows, Rows) else Rows(rows)
        own = self.variables
        if not (own.has_labels or own.has_missing or own.has_unseen or own.numbers):
            return rows.codes
        values = self._schema.decode(rows.to(torch.device("cpu")))
        return values if values.dtype == object else torch.from_numpy(values).to(self.device)

    def _by_batch(self, rows: Rows, compute: Callable[[Rows], Tensor], *shape: int) -> Tensor:
        """Compute something of rows in batches: (n, *shape) float64."""
        # Made first: small results that outlive a batch would fragment the memory that the next one needs.
        n, size = len(rows), self.rows_per_pass
        out = torch.empty((n, *shape), dtype=torch.float64, device=self.device)
        for first, batch in zip(range(0, n, size), rows.batches(size), strict=True):
            out[first : first + size] = compute(batch)
        return out

    @property
    def rows_per_batch(self) -> int:
        """Number of rows in a batch, which bounds memory."""
        return self._rows_of(_NUMBERS_PER_BATCH, 4096)

    @property
    def rows_per_pass(self) -> int:
        """Number of rows in a forward pass: few enough for what it makes to stay near a CPU."""
        if self.device.type == "cpu":
            return min(self.rows_per_batch, _ROWS_PER_PASS)
        return self._rows_of(_NUMBERS_PER_PASS_OF_GPU, _ROWS_PER_PASS_OF_GPU)

    def _rows_of(self, numbers: int, most: int) -> int:
        """Return how many rows have at most this many numbers in any layer."""
        return min(max(numbers // max(self.widths), 1), most)

    @torch.no_grad()
    def set_marginals(self, train: RowsLike, sample_weight: ArrayLike | None = None) -> None:
        """Set the output biases to the smoothed marginals of the training rows.

        A model that has not been trained then scores exactly as the product of marginals. `made.fit` does
        this for a model at initialization.

        Parameters
        ----------
        train : array, tensor or Rows
            (n, D).
        sample_weight : array, optional
            (n,): a row of weight w counts as w rows.
        """
        codes = train if isinstance(train, Rows) else self._schema.encode_complete(train).to(self.device)
        if len(codes) == 0:
            raise InputError("no training rows were given: at least one is needed")
        ones = np.ones(len(codes)) if sample_weight is None else row_weights(sample_weight, len(codes))
        # In batches, for the codes become doubles on the way.
        size = max(1, _NUMBERS_PER_BATCH // self.n_variables)
        batches = zip(codes.batches(size), torch.split(torch.from_numpy(ones), size), strict=True)
        self.set_marginals_in_slices(batches)

    @torch.no_grad()
    def set_marginals_in_slices(self, slices: Iterable[tuple[Rows, Tensor]]) -> None:
        """Set them from slices (rows as `rows` returns them, weight (rows,) float64)."""
        to_fit, sample = not (is_fitted(self.variables) and self.context.is_fitted), RowSample()
        of_context = self.context.variables
        has_numbers = bool(self.variables.numbers or (of_context and of_context.numbers))

        def counted() -> Iterator[tuple[Tensor, Tensor]]:
            for rows, weight in slices:
                own = rows.to(torch.device("cpu"))
                if to_fit and has_numbers:
                    sample.add(own, weight.numpy())
                yield own.codes, weight

        counts = counts_of(self.variables, counted())
        if to_fit:
            some, weights = sample.rows if has_numbers else (None, None)
            self._schema = self._schema.fitted(some, weights, counts)
            self.variables, self.context = self._schema.row_type, self._schema.context
        outputs = marginals_of(self.variables, counts)
        self.network.biases[-1].copy_(outputs)

    @property
    def at_initialization(self) -> bool:
        """Whether everything that leads to the outputs is still zero."""
        return not any(bool(parameter.any()) for parameter in self.network.output_parameters)

    def save(self, path: str | Path) -> None:
        """Write the model to a safetensors file; `made.load` reads it.

        Raises
        ------
        InputError
            If the file cannot be written; one that was there before survives.
        """
        write_tensors(path, self.kind, self.settings(), self.state_dict())

    def __repr__(self) -> str:
        """Return what the model is, in one line."""
        n_parameters = sum(parameter.numel() for parameter in self.parameters())
        context = [f"{self.context.n_columns} of context"] if self.context else []
        parts = [f"{self.n_variables:,} variables", *context, *self._described()]
        return f"{type(self).__name__}({', '.join(parts)}, {n_parameters:,} parameters)"

    def _described(self) -> list[str]:
        """Return what `repr` says of the network."""
        return [f"hidden {self.hidden}"]

    def _repr_html_(self) -> str:
        """Show the model and its columns in a notebook."""
        return self.schema.as_html(repr(self))

    @classmethod
    def from_settings(cls: type[Self], settings: dict[str, Any]) -> Self:
        """Build the model that `settings` describes."""
        arguments = dict(settings)
        if "schema" in arguments:
            return cls(Schema.from_dict(arguments.pop("schema")), **arguments)
        # Files of version 0.1 have variables and context in place of a schema.
        variables = list(RowType.from_settings(arguments.pop("variables")).blocks)
        if isinstance(arguments.get("context"), list):
            arguments["context"] = list(RowType.from_settings(arguments["context"]).blocks)
        return cls(variables, **arguments)


def _check_hidden(hidden: int | Sequence[int]) -> tuple[int, ...]:
    sizes = [hidden] if isinstance(hidden, int | float | np.number) else hidden
    if not isinstance(sizes, Sequence | np.ndarray) or isinstance(sizes, str):
        raise InputError(f"hidden sizes are a list of whole numbers, got {hidden!r}")
    return tuple(check_int("each of the hidden sizes", size, least=1) for size in sizes)
