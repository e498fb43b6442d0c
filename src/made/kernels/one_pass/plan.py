"""A plan for one-pass sampling: the weights of one mask, permuted so that whatever is final is a prefix.

Hidden units of a layer are exchangeable. Sorted by degree, the units that are final once ranks 1..r are known
are the first ones of their layer, so a unit or an output of rank r sees a prefix of the layer before. Of each
row of weights, just that prefix is kept, and the rows lie one after the other in the order in which they are
used. Columns of weights, where a unit adds to all that see it, are kept likewise, and cut at whole vectors.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from made.masks.degrees import Mask
from made.network.network import ACTIVATIONS, Network
from made.variables.row_type import RowType

__all__ = ["KINDS", "VECTOR", "Plan", "make_plan"]

#: What a variable's inputs and outputs are to the kernel.
KINDS = {"bernoulli": 0, "one-hot": 1, "table": 2}

#: Columns of weights begin and end at multiples of so many numbers: a vector of AVX-512.
VECTOR = 16

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


class Plan(NamedTuple):
    """Everything the kernel reads; a tuple of arrays, which compiled code takes as it is.

    Levels are what units see: level 0 are the dense input features (all but one-hot ones) in the order of
    ranks, level l the units of hidden layer l, sorted by degree. Rows of weights are numbered: first those of
    all hidden units, layer by layer; then those of the outputs, in the order of ranks; then, with direct
    connections, those from the dense features to the outputs.

    Attributes
    ----------
    ordering : (D,) int array
        The variable at each place.
    ends : (L + 1, D + 1) int array
        ``ends[level, r]`` is how much of a level is known once ranks 1..r are.
    begins : (L + 2,) int array
        Where each level begins when all lie one after the other, and where the last one ends.
    weights, starts : flat float32 array, int array
        The live prefix of every row of weights, and where each begins.
    biases : flat float32 array
        Of all hidden units, then of the outputs.
    partners, residual : flat int array, (L,) bool array
        For a residual layer, the place of each unit's partner in the layer before.
    output_starts : (D + 1,) int array
        Where the outputs of each place begin.
    columns, column_starts : flat float32 array, int array
        For every hidden unit, the weights of all that see it: its column of the next layer, from `first_seen`
        on, and where each begins.
    first_columns : (n_inputs, at least n_units) float32 array
        Weights of the first layer, a row for each input feature, filled up with zeros.
    direct_columns : (n_inputs, at least n_outputs) float32 array
        The same for direct connections; empty without them.
    context_first, context_outputs : (C, n_units), (C, n_outputs) float32 arrays
        What each context feature adds to the first layer and to the outputs.
    kinds, inputs, n_features, tables, table_starts : (D,) ints (three), flat float32, (D,) ints
        By variable: its kind, its first input feature and how many it has, the features of its codes.
    activation : int
        Its place in `ACTIVATIONS`.
    """

    ordering: Ints
    ends: Ints
    begins: Ints
    weights: Floats
    starts: Ints
    biases: Floats
    partners: Ints
    residual: NDArray[np.bool_]
    output_starts: Ints
    columns: Floats
    column_starts: Ints
    first_columns: Floats
    direct_columns: Floats
    context_first: Floats
    context_outputs: Floats
    kinds: Ints
    inputs: Ints
    n_features: Ints
    tables: Floats
    table_starts: Ints
    activation: int

    @property
    def final(self) -> Ints:
        """(L, D + 1) int array: how many units of each hidden layer have a degree <= r."""
        return self.ends[1:]

    @property
    def widths(self) -> Ints:
        """(L,) int array: sizes of the hidden layers."""
        return np.diff(self.begins)[1:]

    @property
    def first(self) -> Floats:
        """(n_inputs, n_units) array: weights of the first layer, transposed."""
        return self.first_columns[:, : self.widths[0]]

    @property
    def direct(self) -> Floats:
        """(n_inputs, n_outputs) array: weights of the direct connections, transposed; empty without them."""
        return self.direct_columns[:, : self.output_starts[-1]]

    @property
    def bias_starts(self) -> Ints:
        """(L,) int array: the number of the first unit of each hidden layer."""
        starts: Ints = self.begins[1:-1] - self.begins[1]
        return starts

    @property
    def n_units(self) -> int:
        """How many hidden units there are, in all layers."""
        return int(self.begins[-1] - self.begins[1])

    @property
    def hidden_starts(self) -> Ints:
        """(L,) int array: where each layer begins in `hidden`."""
        sizes = self.widths[1:] * self.widths[:-1]
        return np.concatenate([[0, 0], np.cumsum(sizes)[:-1]])[: len(self.widths)]

    @property
    def hidden(self) -> Floats:
        """Weights of the hidden layers after the first, dense, one after the other."""
        begins = self.bias_starts
        layers = [self.matrix(begins[i], self.widths[i], self.widths[i - 1]) for i in range(1, len(begins))]
        return _flat(layers)

    @property
    def output(self) -> Floats:
        """(n_outputs, n_units) array: weights of the outputs, dense."""
        return self.matrix(self.n_units, self.output_starts[-1], self.widths[-1])

    @property
    def output_bias(self) -> Floats:
        """(n_outputs,) array."""
        return self.biases[self.n_units :]

    def matrix(self, first: int, n_rows: int, n_columns: int) -> Floats:
        """Return rows of weights, by their number, as a dense matrix."""
        starts = np.append(self.starts, len(self.weights))[first : first + n_rows + 1]
        matrix = np.zeros((n_rows, n_columns), np.float32)
        for row, begin, end in zip(matrix, starts, starts[1:], strict=False):
            n = min(end - begin, n_columns)
            row[:n] = self.weights[begin : begin + n]
        return matrix


def make_plan(network: Network, mask: Mask, variables: RowType) -> Plan:
    """Derive the plan of a network under one mask.

    A network without hidden layers gets a layer of no units: its one matrix then counts as direct ones.
    """
    n_places = len(mask.ranks)
    layers, across, context_first, context_outputs = _matrices(network, mask, variables.n_inputs)
    biases = [_array(b) for b in network.biases]
    connectivity = mask.connectivity
    if network.n_hidden == 0:
        connectivity = (np.zeros(0, dtype=np.int64),)
        biases.insert(0, np.zeros(0, np.float32))

    # Hidden units by degree, outputs by rank.
    orders = [np.argsort(degrees, kind="stable") for degrees in connectivity]
    outputs = _outputs_by_rank(mask, variables)
    for i, order in enumerate([*orders, outputs]):
        layers[i], biases[i] = layers[i][order], biases[i][order]
        if i > 0:
            layers[i] = layers[i][:, orders[i - 1]]
    across, context_first, context_outputs = (
        across[outputs],
        context_first[orders[0]],
        context_outputs[outputs],
    )
    output_starts = np.concatenate([[0], np.cumsum(variables.output_sizes[mask.ordering])])
    for place, variable in enumerate(mask.ordering):
        matrix = variables.block_of(variable).output_map
        if matrix is not None:  # what is done to the outputs afterwards is done to the weights, once
            rows = slice(output_starts[place], output_starts[place + 1])
            for array in (layers[-1], biases[-1], across, context_outputs):
                array[rows] = _array(matrix).T @ array[rows]

    kinds, tables = _codings(variables)
    inputs = np.concatenate([[0], np.cumsum(variables.input_sizes)[:-1]])
    dense = _dense_features(mask, variables, kinds, inputs)
    degrees = [np.sort(d) for d in connectivity]
    ends = np.stack(
        [
            np.concatenate(
                [[0], np.cumsum(np.where(kinds == KINDS["one-hot"], 0, variables.input_sizes)[mask.ordering])]
            ),
            *(np.searchsorted(d, np.arange(n_places + 1), "right") for d in degrees),
        ]
    )
    output_places = np.repeat(np.arange(n_places), np.diff(output_starts))
    prefixes = [(layers[0][:, dense], ends[0, degrees[0]])]
    prefixes += [(layers[i], ends[i, degrees[i]]) for i in range(1, len(degrees))]
    prefixes += [(layers[-1], ends[-1, output_places])]
    if across.shape[1]:
        prefixes += [(across[:, dense], ends[0, output_places])]
    lengths = np.concatenate([n for _, n in prefixes])
    # A unit adds to the units of degree >= its own in the next layer, or to the outputs of higher rank.
    seen = [np.where(d > 0, above[d - 1], 0) for d, above in zip(degrees[:-1], ends[2:], strict=True)]
    seen.append(output_starts[degrees[-1]])
    columns = [_suffixes(w.T, first) for w, first in zip(layers[1:], seen, strict=True)]
    column_lengths = np.concatenate([n for _, n in columns])
    widths = [len(dense), *(len(d) for d in degrees)]
    return Plan(
        ordering=mask.ordering.astype(np.int64),
        ends=ends.astype(np.int64),
        begins=np.concatenate([[0], np.cumsum(widths)]),
        weights=_flat([w[np.arange(w.shape[1]) < n[:, None]] for w, n in prefixes]),
        starts=np.cumsum(lengths) - lengths,
        biases=_flat(biases),
        partners=np.concatenate([_partners(orders, i) for i in range(len(orders))]),
        residual=np.array(network.residual if network.n_hidden else [False]),
        output_starts=output_starts,
        columns=_aligned(_flat([c for c, _ in columns])),
        column_starts=np.cumsum(column_lengths) - column_lengths,
        first_columns=_aligned(_filled(layers[0].T)),
        direct_columns=_aligned(_filled(across.T)),
        context_first=np.ascontiguousarray(context_first.T),
        context_outputs=np.ascontiguousarray(context_outputs.T),
        kinds=kinds,
        inputs=inputs,
        n_features=variables.input_sizes.astype(np.int64),
        tables=_flat(tables),
        table_starts=np.cumsum([0, *(t.size for t in tables)])[:-1],
        activation=list(ACTIVATIONS).index(network.activation),
    )


def _matrices(network: Network, mask: Mask, n_inputs: int) -> tuple[list[Floats], Floats, Floats, Floats]:
    """Return the masked weights layer by layer, those from inputs to outputs, and those of the context."""
    masked = [_array(w) * m[:, : w.shape[1]] for w, m in zip(network.weights, mask.layers, strict=True)]
    n_outputs = len(masked[-1])
    to_outputs = getattr(network, "context", None)
    context_outputs = np.zeros((n_outputs, 0), np.float32) if to_outputs is None else _array(to_outputs)
    first, context_first = masked[0][:, :n_inputs], masked[0][:, n_inputs:]
    across = np.zeros((n_outputs, 0), np.float32)
    if network.n_hidden == 0:
        across, context_first = first, np.zeros((0, context_outputs.shape[1]), np.float32)
        layers = [np.zeros((0, n_inputs), np.float32), np.zeros((n_outputs, 0), np.float32)]
    else:
        layers = [first, *masked[1:]]
    if network.direct is not None:
        direct = _array(network.direct) * mask.direct
        across = across + direct if across.shape[1] else direct
    return layers, across, context_first, context_outputs


def _array(tensor: Any) -> Floats:
    array: Floats = tensor.detach().cpu().numpy()
    return array


def _outputs_by_rank(mask: Mask, variables: RowType) -> Ints:
    """Return the outputs in the order of ranks, those of one variable in their own order."""
    begins = np.concatenate([[0], np.cumsum(variables.output_sizes)])
    parts = [np.arange(begins[d], begins[d + 1]) for d in mask.ordering]
    return np.concatenate(parts).astype(np.int64)


def _dense_features(mask: Mask, variables: RowType, kinds: Ints, inputs: Ints) -> Ints:
    """Return the input features that are not one-hot, in the order of ranks."""
    parts = [
        np.arange(inputs[d], inputs[d] + variables.input_sizes[d])
        for d in mask.ordering
        if kinds[d] != KINDS["one-hot"]
    ]
    return np.concatenate([np.zeros(0, np.int64), *parts])


def _codings(variables: RowType) -> tuple[Ints, list[Floats]]:
    kinds, tables = [], []
    for d in range(variables.n_variables):
        block = variables.block_of(d)
        table = block.feature_table
        kinds.append(KINDS[block.kernel_kind])
        tables.append(np.zeros(0, np.float32) if table is None else _array(table).reshape(-1))
    return np.array(kinds, dtype=np.int64), tables


def _partners(orders: list[Ints], i: int) -> Ints:
    """Return where each sorted unit's own number stands in the layer before, for a residual layer."""
    if i == 0 or len(orders[i]) != len(orders[i - 1]):
        return np.zeros(len(orders[i]), dtype=np.int64)
    places = np.empty(len(orders[i - 1]), dtype=np.int64)
    places[orders[i - 1]] = np.arange(len(orders[i - 1]))
    return places[orders[i]]


def _filled(rows: Floats) -> Floats:
    """Fill up each row with zeros to whole vectors."""
    return np.pad(rows, ((0, 0), (0, -rows.shape[1] % VECTOR)))


def _suffixes(rows: Floats, first: Ints) -> tuple[Floats, Ints]:
    """Return each row from the vector with its place `first` on, one after the other, and their lengths."""
    filled, begins = _filled(rows), first // VECTOR * VECTOR
    return filled[np.arange(filled.shape[1]) >= begins[:, None]], filled.shape[1] - begins


def _aligned(array: Floats) -> Floats:
    """Return a copy that begins where a line of the cache does: vectors then lie on one line each."""
    room = np.empty(array.size + VECTOR, np.float32)
    begin = -(room.ctypes.data // room.itemsize) % VECTOR
    copy = room[begin : begin + array.size].reshape(array.shape)
    copy[...] = array
    return copy


def _flat(arrays: list[Floats]) -> Floats:
    return np.concatenate([np.zeros(0, np.float32), *(a.reshape(-1) for a in arrays)]).astype(np.float32)
