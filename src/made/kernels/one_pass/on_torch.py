"""One-pass sampling on any torch device; on CUDA a batch is a graph, captured once and replayed.

The arithmetic of one forward pass, as in `batch`: the ranks are processed in panels. What earlier panels
contribute to a panel is a matrix product per layer; within a panel the next variable is sampled, its value is
fed to the network, and the units whose degree has been reached are finished. Every step is a torch operation
on slices that are known beforehand, none depends on the sampled values, and none waits for the device: CUDA
can therefore record a whole batch. The plain twin is `sampling.sample_rows`.

All arrays of a batch are stored rows-last, (units, n): a range of units is then contiguous.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from made.kernels.cuda_graph import CudaRecorder, Recorder, Recording
from made.kernels.one_pass.plan import Plan
from made.kernels.one_pass.supported import Activation
from made.masks.ordering import IntArray
from made.network.network import ACTIVATIONS
from made.variables.discrete import Discrete
from made.variables.numeric import Numeric
from made.variables.numeric_columns import NumericColumns
from made.variables.row_type import RowType

__all__ = ["TorchSampler"]

_log = logging.getLogger(__name__)

_RANKS_PER_PANEL = 32
# Each graph keeps the memory of its batch.
_MAX_GRAPHS = 16
# The largest float64 below 1: times this, every positive float64 becomes smaller.
_BELOW_ONE = 1 - 2.0**-53
# Activations that torch computes in place.
_IN_PLACE: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu_,
    "leaky_relu": partial(functional.leaky_relu, inplace=True),
    "elu": partial(functional.elu, inplace=True),
    "silu": partial(functional.silu, inplace=True),
    "tanh": torch.tanh_,
    "sigmoid": torch.sigmoid_,
}


class _Size(NamedTuple):
    """What a graph is captured for: the number of rows, and whether there are known codes and context.

    With `recorded`, no entry that is sampled is missing.
    """

    n: int
    has_known: bool
    has_context: bool
    recorded: bool


class _Place(NamedTuple):
    """The variable at one place of the ordering.

    `inputs` are its columns in the sampler's first and direct weights, `outputs` its outputs by rank. `table`
    (features, classes) holds the features of its codes; Bernoulli, one-hot and numeric variables have none.
    `n_recorded` is how many codes are those of recorded values. `column` is a numeric variable, and `number`
    its number among these.
    """

    is_bernoulli: bool
    inputs: slice
    outputs: slice
    table: Tensor | None
    n_recorded: int
    column: NumericColumns | None
    number: int


class _Batch(NamedTuple):
    """The state of a batch of n rows; places, features, units and outputs in the order of ranks.

    Attributes
    ----------
    uniforms, thresholds : (D, n) float64 tensors
        Of the variables; and the smallest logit at which a Bernoulli code is 1.
    codes, known : (D, n) int64 and bool tensors, or None
        Codes of known entries, and which entries are known.
    layers : tensors (F, n), (width, n), ...
        Input features other than one-hot ones, then the hidden layers: sums until a unit is final.
    outputs : (n_outputs, n) float32 tensor
        Of the network.
    sampled : (D, n) int64 tensor
        Codes; those of Bernoulli variables are kept among the features until the end.
    bodies : (B, n) int64 tensor
        Of the B numeric variables: those of known entries, and of others once they are sampled.
    recorded : bool
        Whether no entry that is sampled is missing.
    """

    uniforms: Tensor
    thresholds: Tensor
    codes: Tensor | None
    known: Tensor | None
    layers: list[Tensor]
    outputs: Tensor
    sampled: Tensor
    bodies: Tensor
    recorded: bool


class TorchSampler:
    """Samples rows in one pass, with torch operations only.

    On CUDA, the second batch of a size is captured in a graph, which is replayed from then on: a capture does
    not pay for a size that occurs once. Not for several threads at once: a graph works on its own memory.

    Parameters
    ----------
    plan : Plan
        Of the network under one mask.
    variables : RowType
        What the columns are.
    device : torch.device or str
        Where rows are sampled; the plan's arrays are copied there once.
    """

    def __init__(self, plan: Plan, variables: RowType, device: torch.device | str) -> None:
        self.device = torch.empty(0, device=device).device  # with its index, also for "cuda"
        self._recorder: Recorder | None = CudaRecorder(self.device) if self.device.type == "cuda" else None
        self._seen: set[_Size] = set()
        self._graphs: dict[_Size, Recording] = {}
        self._places, inputs = _lay_out(plan, variables, self._bring, self.device)
        self._n_numbers = 0 if variables.numbers is None else len(variables.numbers.columns)
        bernoulli = [place for place, own in enumerate(self._places) if own.is_bernoulli]
        features = [self._places[place].inputs.start for place in bernoulli]
        self._bernoulli = self._bring(np.array(bernoulli, dtype=np.int64))
        self._bernoulli_features = self._bring(np.array(features, dtype=np.int64))
        self._ordering = self._bring(plan.ordering)
        self._ranks = self._bring(np.argsort(plan.ordering))
        # `ends[layer][m + 1]` features or units of a layer have degree m or less (a feature's is its rank).
        self._ends = [[0, *known] for known in plan.ends.tolist()]
        self._take_weights(plan, inputs)
        name = Activation(plan.activation).label
        self._activate_in_place = _IN_PLACE.get(name)
        self._activation = ACTIVATIONS[name][0]

    def _take_weights(self, plan: Plan, inputs: IntArray) -> None:
        bring = self._bring
        self._first = bring(plan.first[inputs].T)
        self._direct = bring(plan.direct[inputs].T) if plan.direct.size else None
        *hidden, self._output = map(bring, plan.matrices)
        self._weights = [self._first[:, : self._ends[0][-1]], *hidden]
        ends = np.cumsum(plan.widths)
        *self._biases, self._output_bias = (bring(own)[:, None] for own in np.split(plan.biases, ends))
        self._is_residual = plan.residual.tolist()
        partners = np.split(plan.partners, ends[:-1])
        self._partners = [None if (own == np.arange(len(own))).all() else bring(own) for own in partners]
        self._contexts = [bring(plan.context_first.T), bring(plan.context_outputs.T)]

    @torch.inference_mode(False)
    @torch.no_grad()
    def __call__(
        self,
        u: Tensor,
        codes: Tensor | None = None,
        known: Tensor | None = None,
        context: Tensor | None = None,
        bodies: Tensor | None = None,
        *,
        recorded: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Sample rows from uniforms.

        Parameters
        ----------
        u : (n, D) float64 tensor
            ``u[:, d]`` decides variable d, through the inverse of its CDF.
        codes : (n, D) int64 tensor, optional
            Codes of the known entries; what it holds elsewhere does not matter.
        known : (n, D) bool tensor, optional
            Which entries are known; given together with `codes`. By default none is, and all are sampled.
        context : (n, C) float32 tensor, optional
            Context features of each row, for a plan with context.
        bodies : (n, B) int64 tensor, optional
            Those of known entries, where there are B numeric variables; given together with `codes`.
        recorded : bool
            Whether no entry that is sampled is missing.

        Returns
        -------
        codes : (n, D) int64 tensor, on the sampler's device
        bodies : (n, B) int64 tensor, or None where there are no numeric variables
        """
        both = self._sample_rows(u, (codes, known, context, bodies), recorded)
        n = len(self._places)
        return both[:, :n].contiguous(), both[:, n:].contiguous() if self._n_numbers else None

    def _sample_rows(self, u: Tensor, given: tuple[Tensor | None, ...], recorded: bool) -> Tensor:
        """Return codes and bodies side by side, (n, D + B)."""
        _, known, context, _ = given
        if len(u) == 0:
            shape = (0, len(self._places) + self._n_numbers)
            return torch.empty(shape, dtype=torch.int64, device=self.device)
        size = _Size(_rounded_up(len(u)), known is not None, context is not None, recorded)
        if size in self._seen and size not in self._graphs:
            self._try_to_capture(size, (u, *given))
        self._seen.add(size)
        graph = self._graphs.get(size)
        return self._run(recorded, u, *given) if graph is None else graph(u, *given)[: len(u)].clone()

    def _try_to_capture(self, size: _Size, like: tuple[Tensor | None, ...]) -> None:
        if self._recorder is None or len(self._graphs) == _MAX_GRAPHS:
            return
        inputs: list[Any] = [None if x is None else x.new_zeros((size.n, x.shape[1])) for x in like]
        run = partial(self._run, size.recorded)
        try:
            self._recorder.aside(partial(run, *inputs))
            self._graphs[size] = Recording(self._recorder, run, inputs)
        except RuntimeError as error:
            _log.warning("sampling goes on without CUDA graphs, more slowly: %s", error)
            self._recorder = None

    def _bring(self, array: Any) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device)

    def _run(
        self,
        recorded: bool,
        u: Tensor,
        codes: Tensor | None = None,
        known: Tensor | None = None,
        context: Tensor | None = None,
        bodies: Tensor | None = None,
    ) -> Tensor:
        """Sample the rows: `_sample_rows` without the graphs."""
        batch = self._begin(recorded, u, codes, known, context, bodies)
        self._finish(batch, 0, 0)
        n_places = len(self._places)
        for begin in range(0, n_places, _RANKS_PER_PANEL):
            end = min(begin + _RANKS_PER_PANEL, n_places)
            self._add_earlier_panels(batch, begin, end)
            for place in range(begin, end):
                self._sample(batch, begin, place)
                self._finish(batch, begin + 1, place + 1)
        if len(self._bernoulli):
            ones = batch.layers[0].index_select(0, self._bernoulli_features)
            batch.sampled.index_copy_(0, self._bernoulli, ones.long())
        sampled = batch.sampled.index_select(0, self._ranks).T
        if codes is not None and known is not None:
            sampled = torch.where(known, codes, sampled)
        return torch.cat([sampled, batch.bodies.T], dim=1)

    def _begin(
        self,
        recorded: bool,
        u: Tensor,
        codes: Tensor | None,
        known: Tensor | None,
        context: Tensor | None,
        bodies: Tensor | None,
    ) -> _Batch:
        """Return a batch in which sums hold the biases and what the context contributes."""
        n = len(u)
        uniforms = u.T.index_select(0, self._ordering)
        # u >= 1 / (1 + exp(logit)) holds where logit >= log(1 - u) - log(u).
        thresholds = torch.log1p(-uniforms) - torch.log(uniforms)
        if codes is not None and known is not None:
            codes, known = (x.T.index_select(0, self._ordering) for x in (codes, known))
            # A known bit needs no step of its own: all logits pass minus infinity, none passes NaN.
            thresholds.masked_fill_(known & (codes == 0), torch.nan)
            thresholds.masked_fill_(known & (codes > 0), -torch.inf)
        layers = [torch.empty((self._ends[0][-1], n), dtype=torch.float32, device=self.device)]
        layers += [bias.repeat(1, n) for bias in self._biases]
        outputs = self._output_bias.repeat(1, n)
        if context is not None:
            for target, weight in zip((layers[1], outputs), self._contexts, strict=True):
                target.addmm_(weight, context.T)
        sampled = torch.empty_like(uniforms, dtype=torch.int64)
        shape = (self._n_numbers, n)
        own = sampled.new_zeros(shape) if bodies is None else bodies.T.contiguous()
        return _Batch(uniforms, thresholds, codes, known, layers, outputs, sampled, own, recorded)

    def _add_earlier_panels(self, batch: _Batch, begin: int, end: int) -> None:
        """Add what earlier panels contribute to places begin..end - 1, and to the units finished there."""
        for layer, weight in enumerate(self._weights):
            ends = self._ends[layer + 1]
            units = slice(ends[begin + 1], ends[end + 1])
            known = slice(0, self._ends[layer][begin + 1])
            _add(batch.layers[layer + 1], units, weight, batch.layers[layer], known)
        own = slice(self._places[begin].outputs.start, self._places[end - 1].outputs.stop)
        self._add_to_outputs(batch, own, 0, begin)

    def _add_to_outputs(self, batch: _Batch, own: slice, since: int, degree: int) -> None:
        """Add to some outputs what units and dense features of degrees since..degree contribute."""
        sources = [(-1, self._output)] if self._direct is None else [(-1, self._output), (0, self._direct)]
        for layer, weight in sources:
            known = slice(self._ends[layer][since], self._ends[layer][degree + 1])
            _add(batch.outputs, own, weight, batch.layers[layer], known)

    def _sample(self, batch: _Batch, begin: int, place: int) -> None:
        """Sample the variable at a place of the panel from `begin` on, and feed its value to the network."""
        own = self._places[place]
        self._add_to_outputs(batch, own.outputs, begin + 1, place)
        logits = batch.outputs[own.outputs]
        if own.is_bernoulli:  # its code is its feature
            torch.ge(logits[0], batch.thresholds[place], out=batch.layers[0][own.inputs.start])
            return
        if own.column is not None:
            self._sample_number(batch, place, own.column)
            return
        code = batch.sampled[place]
        logits = logits[: own.n_recorded] if batch.recorded else logits
        torch.sum(_passed(logits, batch.uniforms[place]), dim=0, out=code)
        if batch.known is not None and batch.codes is not None:
            torch.where(batch.known[place], batch.codes[place], code, out=code)
        if own.table is not None:
            torch.index_select(own.table, 1, code, out=batch.layers[0][own.inputs])
        else:
            # A weight times one-hot features is one of its columns, which is added to all later sums.
            later = self._ends[1][place + 1]
            batch.layers[1][later:].add_(self._first[later:, own.inputs].index_select(1, code))
            if self._direct is not None:
                later = own.outputs.stop
                batch.outputs[later:].add_(self._direct[later:, own.inputs].index_select(1, code))

    def _sample_number(self, batch: _Batch, place: int, column: NumericColumns) -> None:
        """Sample a numeric variable, and feed its value to the network."""
        own = self._places[place]
        outputs = batch.outputs[own.outputs].T.contiguous()
        code, body = column.quantile(outputs, batch.uniforms[place], recorded=batch.recorded)
        if batch.known is not None and batch.codes is not None:
            code = torch.where(batch.known[place], batch.codes[place], code)
            body = torch.where(batch.known[place], batch.bodies[own.number], body)
        batch.sampled[place].copy_(code)
        batch.bodies[own.number].copy_(body)
        features = torch.zeros((len(code), own.inputs.stop - own.inputs.start), device=self.device)
        column.add_features(features, code[:, None], column.scores_of(body[:, None]))
        batch.layers[0][own.inputs].copy_(features.T)

    def _finish(self, batch: _Batch, since: int, degree: int) -> None:
        """Finish the units of a degree, layer by layer; units of degrees below `since` are in the sums."""
        for layer, weight in enumerate(self._weights):
            begin, end = self._ends[layer + 1][degree : degree + 2]
            if begin == end:
                continue
            below, own = batch.layers[layer], batch.layers[layer + 1][begin:end]
            known = slice(self._ends[layer][since], self._ends[layer][degree + 1])
            _add(batch.layers[layer + 1], slice(begin, end), weight, below, known)
            if self._activate_in_place is not None:
                self._activate_in_place(own)
            else:
                own.copy_(self._activation(own))
            if self._is_residual[layer]:
                partners = self._partners[layer]  # None where each unit's is the one of its own place
                own.add_(below[begin:end] if partners is None else below.index_select(0, partners[begin:end]))


def _add(target: Tensor, units: slice, weight: Tensor, source: Tensor, known: slice) -> None:
    """Add to some units of `target` (units, n) what the known units of `source` (units, n) contribute."""
    if units.start < units.stop and known.start < known.stop:
        target[units].addmm_(weight[units, known], source[known])


def _passed(logits: Tensor, uniforms: Tensor) -> Tensor:
    """Return 1 for each class that the uniforms (n,) have passed, (K, n), from logits (K, n).

    The code is their number. A uniform is kept below the total, so that the last class with mass absorbs
    rounding. A class without mass is passed together with the one before it, and is never sampled. If logits
    are NaN, the code is 0.
    """
    cumulated = torch.softmax(logits, dim=0, dtype=torch.float64).cumsum(dim=0)
    below = torch.minimum(uniforms, cumulated[-1] * _BELOW_ONE)
    # Written as integers at once: a sum over bools would have to convert them.
    return torch.le(cumulated, below, out=torch.empty_like(cumulated, dtype=torch.int64))


def _lay_out(
    plan: Plan, variables: RowType, bring: Callable[[Any], Tensor], device: torch.device
) -> tuple[list[_Place], IntArray]:
    """Return the places, and the order of the inputs: dense ones by place, then one-hot ones by place."""
    blocks = [variables.block_of(d) for d in plan.ordering.tolist()]
    tables = {
        id(block): bring(block.feature_table.T.numpy())
        for block in blocks
        if isinstance(block, Discrete) and block.feature_table is not None
    }
    sizes = variables.input_sizes[plan.ordering]
    order = np.argsort([block.kernel_kind == "one-hot" for block in blocks], kind="stable")
    stops = np.empty_like(sizes)
    stops[order] = np.cumsum(sizes[order])
    begins = np.cumsum(variables.input_sizes) - variables.input_sizes
    inputs = [begins[plan.ordering[place]] + np.arange(sizes[place]) for place in order]
    starts, numbers = plan.output_starts, variables.numbers
    places = []
    for place, (variable, block) in enumerate(zip(plan.ordering.tolist(), blocks, strict=True)):
        column, number = None, -1
        if numbers is not None and isinstance(block, Numeric):
            number = numbers.number_of(variable)
            column = numbers.alone(number).on(device)
        own_inputs = slice(int(stops[place] - sizes[place]), int(stops[place]))
        own_outputs = slice(int(starts[place]), int(starts[place + 1]))
        is_bernoulli, table = block.kernel_kind == "bernoulli", tables.get(id(block))
        places.append(_Place(is_bernoulli, own_inputs, own_outputs, table, block.n_classes, column, number))
    return places, np.concatenate(inputs)


def _rounded_up(n: int) -> int:
    """Return n, or up to a quarter more, so that batches of similar size share a graph."""
    step = 1 << max(n.bit_length() - 3, 0)
    return -(-n // step) * step
