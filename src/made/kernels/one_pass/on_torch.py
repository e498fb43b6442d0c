"""One-pass sampling on any torch device; on CUDA a batch is a graph, captured once and replayed.

The arithmetic of one forward pass, as in `one_pass`: the ranks are gone through in panels. What earlier
panels contribute to a panel is a matrix product per layer; within a panel the next variable is drawn, its
value is fed to the network, and the units whose degree has been reached are finished. Every step is a torch
operation on slices that are known beforehand, none depends on what was drawn, and none waits for the device:
that is what lets CUDA record a whole batch. The plain twin is `sampling.sample_rows`.

All arrays of a batch lie rows-last, (units, n): a range of units is then one piece of memory.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from made.kernels.one_pass.plan import Plan
from made.masks.ordering import IntArray
from made.network.network import ACTIVATIONS
from made.variables.row_type import RowType

__all__ = ["TorchSampler"]

_log = logging.getLogger(__name__)

_RANKS_PER_PANEL = 32
# A graph keeps the memory of its batch.
_MOST_GRAPHS = 16
# Times this, every positive float64 is smaller: the largest float64 below 1.
_BELOW_ONE = 1 - 2.0**-53
# Units become what they are in the memory of their sums, where torch can do that in one step.
_IN_PLACE: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu_,
    "leaky_relu": partial(functional.leaky_relu, inplace=True),
    "elu": partial(functional.elu, inplace=True),
    "silu": partial(functional.silu, inplace=True),
    "tanh": torch.tanh_,
    "sigmoid": torch.sigmoid_,
}

#: Takes a function without arguments; returns what runs it again, and the tensor that then holds its result.
Capture = Callable[[Callable[[], Tensor]], tuple[Callable[[], object], Tensor]]


class _Size(NamedTuple):
    """What a graph is captured for: so many rows, with given codes or not, with context or not."""

    n: int
    has_codes: bool
    has_context: bool


class _Place(NamedTuple):
    """The variable at one place of the ordering.

    `inputs` are its columns in the sampler's first and direct weights, `outputs` its outputs by rank. `table`
    (features, classes) holds the features of its codes; Bernoulli and one-hot variables have none.
    """

    is_bernoulli: bool
    inputs: slice
    outputs: slice
    table: Tensor | None


class _Batch(NamedTuple):
    """What a batch of n rows is made in; places, features, units and outputs in the order of ranks.

    Attributes
    ----------
    uniforms, thresholds : (D, n) float64 tensors
        Of the variables; and the logit from which on a Bernoulli code is 1.
    given, known : (D, n) int64 and bool tensors, or None
        Given codes, and where there is one.
    levels : tensors (F, n), (width, n), ...
        Input features other than one-hot ones, then the hidden layers: sums until a unit is final.
    outputs : (n_outputs, n) float32 tensor
        Of the network.
    codes : (D, n) int64 tensor
        Drawn; those of Bernoulli variables stand among the features.
    """

    uniforms: Tensor
    thresholds: Tensor
    given: Tensor | None
    known: Tensor | None
    levels: list[Tensor]
    outputs: Tensor
    codes: Tensor


class TorchSampler:
    """Draws rows in one pass, with torch operations alone.

    On CUDA, the second batch of a size is captured in a graph that is replayed from then on; what comes once
    is not worth it. Not for several threads at once: a graph works on memory of its own.

    Parameters
    ----------
    plan : Plan
        Of the network under one mask.
    variables : RowType
        What the columns are.
    device : torch.device or str
        Where rows are drawn; the plan's arrays are brought there once.
    """

    def __init__(self, plan: Plan, variables: RowType, device: torch.device | str) -> None:
        self.device = torch.empty(0, device=device).device  # with its number, should "cuda" be all it says
        self._capture: Capture | None = None
        if self.device.type == "cuda":
            self._capture = partial(_capture_in_cuda, self.device)
        self._seen: set[_Size] = set()
        self._graphs: dict[_Size, _Graph] = {}
        self._places, inputs = _lay_out(plan, variables, self._bring)
        bernoulli = [place for place, own in enumerate(self._places) if own.is_bernoulli]
        features = [self._places[place].inputs.start for place in bernoulli]
        self._bernoulli = self._bring(np.array(bernoulli, dtype=np.int64))
        self._bernoulli_features = self._bring(np.array(features, dtype=np.int64))
        self._ordering = self._bring(plan.ordering)
        self._ranks = self._bring(np.argsort(plan.ordering))
        # `ends[level][m + 1]` features or units of a level have degree m or less (a feature's is its rank).
        self._ends = [[0, *known] for known in plan.ends.tolist()]
        self._take_weights(plan, inputs)
        name = list(ACTIVATIONS)[plan.activation]
        self._activate_in_place = _IN_PLACE.get(name)
        self._activation = ACTIVATIONS[name][0]

    def _take_weights(self, plan: Plan, inputs: IntArray) -> None:
        bring = self._bring
        self._first = bring(plan.first[inputs].T)
        self._direct = bring(plan.direct[inputs].T) if plan.direct.size else None
        # Rows of weights, and biases, are numbered layer by layer, the outputs last.
        widths = [*plan.widths.tolist(), int(plan.output_starts[-1])]
        rows = [0, *np.cumsum(widths).tolist()]
        *hidden, self._output = (
            bring(plan.matrix(row, width, before))
            for row, (before, width) in zip(rows[1:-1], pairwise(widths), strict=True)
        )
        self._weights = [self._first[:, : self._ends[0][-1]], *hidden]
        *self._biases, self._output_bias = (bring(own)[:, None] for own in np.split(plan.biases, rows[1:-1]))
        self._is_residual = plan.residual.tolist()
        partners = np.split(plan.partners, rows[1:-2])
        self._partners = [None if (own == np.arange(len(own))).all() else bring(own) for own in partners]
        self._contexts = [bring(plan.context_first.T), bring(plan.context_outputs.T)]

    @torch.inference_mode(False)
    @torch.no_grad()
    def __call__(self, u: Tensor, codes: Tensor | None = None, context: Tensor | None = None) -> Tensor:
        """Draw rows from uniforms.

        Parameters
        ----------
        u : (n, D) float64 tensor
            ``u[:, d]`` decides variable d, through the inverse of its CDF.
        codes : (n, D) int64 tensor, optional
            Values that are given, and -1 where one is to be drawn.
        context : (n, C) float32 tensor, optional
            Context features of each row, for a plan with context.

        Returns
        -------
        (n, D) int64 tensor of codes, on the sampler's device
        """
        if len(u) == 0:
            return torch.empty(u.shape, dtype=torch.int64, device=self.device)
        size = _Size(_rounded_up(len(u)), codes is not None, context is not None)
        if size in self._seen and size not in self._graphs:
            self._try_to_capture(size, u, codes, context)
        self._seen.add(size)
        run = self._graphs.get(size, self._run)
        return run(u, codes, context)

    def _try_to_capture(self, size: _Size, *like: Tensor | None) -> None:
        if self._capture is None or len(self._graphs) == _MOST_GRAPHS:
            return
        try:
            self._graphs[size] = _Graph(self._run, self._capture, size.n, *like)
        except RuntimeError as error:
            _log.warning("sampling goes on without CUDA graphs, more slowly: %s", error)
            self._capture = None

    def _bring(self, array: Any) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device)

    def _run(self, u: Tensor, codes: Tensor | None, context: Tensor | None) -> Tensor:
        """Draw the rows: `__call__` without the graphs."""
        batch = self._begin(u, codes, context)
        self._finish(batch, 0, 0)
        n_places = len(self._places)
        for begin in range(0, n_places, _RANKS_PER_PANEL):
            end = min(begin + _RANKS_PER_PANEL, n_places)
            self._add_earlier_panels(batch, begin, end)
            for place in range(begin, end):
                self._draw(batch, begin, place)
                self._finish(batch, begin + 1, place + 1)
        if len(self._bernoulli):
            ones = batch.levels[0].index_select(0, self._bernoulli_features)
            batch.codes.index_copy_(0, self._bernoulli, ones.long())
        drawn = batch.codes.index_select(0, self._ranks).T
        return drawn.contiguous() if codes is None else torch.where(codes >= 0, codes, drawn)

    def _begin(self, u: Tensor, codes: Tensor | None, context: Tensor | None) -> _Batch:
        """Return a batch in which sums hold the biases and what the context contributes."""
        n = len(u)
        uniforms = u.T.index_select(0, self._ordering)
        # u >= 1 / (1 + exp(logit)) holds where logit >= log(1 - u) - log(u).
        thresholds = torch.log1p(-uniforms) - torch.log(uniforms)
        given = known = None
        if codes is not None:
            given = codes.T.index_select(0, self._ordering)
            known = given >= 0
            # A given bit needs no step of its own: nothing lies below minus infinity, all is false of NaN.
            thresholds.masked_fill_(given == 0, torch.nan).masked_fill_(given > 0, -torch.inf)
        levels = [torch.empty((self._ends[0][-1], n), dtype=torch.float32, device=self.device)]
        levels += [bias.repeat(1, n) for bias in self._biases]
        outputs = self._output_bias.repeat(1, n)
        if context is not None:
            for target, weight in zip((levels[1], outputs), self._contexts, strict=True):
                target.addmm_(weight, context.T)
        drawn = torch.empty_like(uniforms, dtype=torch.int64)
        return _Batch(uniforms, thresholds, given, known, levels, outputs, drawn)

    def _add_earlier_panels(self, batch: _Batch, begin: int, end: int) -> None:
        """Add what earlier panels contribute to places begin..end - 1, and to the units finished there."""
        for level, weight in enumerate(self._weights):
            ends = self._ends[level + 1]
            units = slice(ends[begin + 1], ends[end + 1])
            known = slice(0, self._ends[level][begin + 1])
            _add(batch.levels[level + 1], units, weight, batch.levels[level], known)
        own = slice(self._places[begin].outputs.start, self._places[end - 1].outputs.stop)
        self._add_to_outputs(batch, own, 0, begin)

    def _add_to_outputs(self, batch: _Batch, own: slice, since: int, degree: int) -> None:
        """Add to some outputs what units and dense features of degrees since..degree contribute."""
        sources = [(-1, self._output)] if self._direct is None else [(-1, self._output), (0, self._direct)]
        for level, weight in sources:
            known = slice(self._ends[level][since], self._ends[level][degree + 1])
            _add(batch.outputs, own, weight, batch.levels[level], known)

    def _draw(self, batch: _Batch, begin: int, place: int) -> None:
        """Draw the variable at a place of the panel from `begin` on, and feed its value to the network."""
        own = self._places[place]
        self._add_to_outputs(batch, own.outputs, begin + 1, place)
        logits = batch.outputs[own.outputs]
        if own.is_bernoulli:  # its code is its feature
            torch.ge(logits[0], batch.thresholds[place], out=batch.levels[0][own.inputs.start])
            return
        code = batch.codes[place]
        torch.sum(_passed(logits, batch.uniforms[place]), dim=0, out=code)
        if batch.known is not None and batch.given is not None:
            torch.where(batch.known[place], batch.given[place], code, out=code)
        if own.table is not None:
            torch.index_select(own.table, 1, code, out=batch.levels[0][own.inputs])
        else:
            # A weight times one-hot features is one of its columns: all later sums get theirs now.
            later = self._ends[1][place + 1]
            batch.levels[1][later:].add_(self._first[later:, own.inputs].index_select(1, code))
            if self._direct is not None:
                later = own.outputs.stop
                batch.outputs[later:].add_(self._direct[later:, own.inputs].index_select(1, code))

    def _finish(self, batch: _Batch, since: int, degree: int) -> None:
        """Finish the units of a degree, layer by layer; units of degrees below `since` are in the sums."""
        for level, weight in enumerate(self._weights):
            begin, end = self._ends[level + 1][degree : degree + 2]
            if begin == end:
                continue
            below, own = batch.levels[level], batch.levels[level + 1][begin:end]
            known = slice(self._ends[level][since], self._ends[level][degree + 1])
            _add(batch.levels[level + 1], slice(begin, end), weight, below, known)
            if self._activate_in_place is not None:
                self._activate_in_place(own)
            else:
                own.copy_(self._activation(own))
            if self._is_residual[level]:
                partners = self._partners[level]  # None where each unit's is the one of its own place
                own.add_(below[begin:end] if partners is None else below.index_select(0, partners[begin:end]))


def _add(target: Tensor, units: slice, weight: Tensor, source: Tensor, known: slice) -> None:
    """Add to some units of `target` (units, n) what the known units of `source` (units, n) contribute."""
    if units.start < units.stop and known.start < known.stop:
        target[units].addmm_(weight[units, known], source[known])


def _passed(logits: Tensor, uniforms: Tensor) -> Tensor:
    """Return 1 for each class that the uniforms (n,) have passed, (K, n), from logits (K, n).

    The code is their number. A uniform is kept below the total, so that the last class with mass absorbs
    rounding. A class without mass is passed together with the one before it, and so never drawn. Where logits
    are no numbers, the code is 0.
    """
    cumulated = torch.softmax(logits, dim=0, dtype=torch.float64).cumsum(dim=0)
    below = torch.minimum(uniforms, cumulated[-1] * _BELOW_ONE)
    # As whole numbers at once: a sum over bools would have to convert them.
    return torch.le(cumulated, below, out=torch.empty_like(cumulated, dtype=torch.int64))


def _lay_out(plan: Plan, variables: RowType, bring: Callable[[Any], Tensor]) -> tuple[list[_Place], IntArray]:
    """Return the places, and the inputs in their order: dense ones by place, then one-hot ones by place."""
    blocks = [variables.block_of(d) for d in plan.ordering.tolist()]
    tables = {
        id(block): None if block.feature_table is None else bring(block.feature_table.T.numpy())
        for block in blocks
    }
    sizes = variables.input_sizes[plan.ordering]
    order = np.argsort([block.kernel_kind == "one-hot" for block in blocks], kind="stable")
    stops = np.empty_like(sizes)
    stops[order] = np.cumsum(sizes[order])
    begins = np.cumsum(variables.input_sizes) - variables.input_sizes
    inputs = [begins[plan.ordering[place]] + np.arange(sizes[place]) for place in order]
    starts = plan.output_starts
    places = [
        _Place(
            block.kernel_kind == "bernoulli",
            slice(int(stops[place] - sizes[place]), int(stops[place])),
            slice(int(starts[place]), int(starts[place + 1])),
            tables[id(block)],
        )
        for place, block in enumerate(blocks)
    ]
    return places, np.concatenate(inputs)


class _Graph:
    """A function of tensors, captured for one number of rows, then replayed.

    A graph works on fixed memory: inputs are copied into it, the result is copied out of it.
    """

    def __init__(self, run: Callable[..., Tensor], capture: Capture, n: int, *like: Tensor | None) -> None:
        fixed = [x if x is None else x.new_zeros((n, x.shape[1])) for x in like]
        self._inputs = fixed
        self._replay, self._output = capture(lambda: run(*fixed))

    def __call__(self, u: Tensor, *others: Tensor | None) -> Tensor:
        """Return the function's result for inputs (n', ...), or None, with n' <= n rows."""
        for fixed, given in zip(self._inputs, (u, *others), strict=True):
            if fixed is not None and given is not None:
                fixed[: len(given)].copy_(given)
        self._replay()
        return self._output[: len(u)].clone()


def _rounded_up(n: int) -> int:
    """Return n or somewhat more, by a quarter at most, so that batches of about a size share a graph."""
    step = 1 << max(n.bit_length() - 3, 0)
    return -(-n // step) * step


def _capture_in_cuda(device: torch.device, run: Callable[[], Tensor]) -> tuple[Callable[[], object], Tensor]:
    """Capture a function in a CUDA graph; see `Capture`.

    Warm-up and capture share a side stream, as torch's documentation has it. The outer stream context brings
    the caller's stream back where ending a capture fails.
    """
    with torch.cuda.device(device), torch.cuda.stream(torch.cuda.current_stream(device)):
        stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(stream):
            run()
        torch.cuda.current_stream(device).wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=stream):
            output = run()
    return graph.replay, output
