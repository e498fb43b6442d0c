"""A plan for one-pass sampling: the weights of one mask, sorted so that the final units are a prefix.

Hidden units of a layer are exchangeable. Sorted by degree, the units that are final once ranks 1..r are known
are the first ones of their layer, so a unit or an output of rank r depends on a prefix of the layer before.
Only that prefix of each row of weights is kept, and the rows are stored in the order in which they are used.
Columns of weights, by which a unit adds to all that depend on it, are kept likewise, cut at whole vectors.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from made.kernels.jit.vector import VECTOR
from made.kernels.one_pass.supported import ACTIVATIONS, KERNEL_KINDS, KernelKind
from made.masks.degrees import Mask
from made.network.network import Network
from made.variables.discrete import Discrete
from made.variables.row_type import RowType

__all__ = ["Plan", "make_plan"]

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


class Plan(NamedTuple):
    """Everything the kernels read; a tuple of arrays, which compiled code takes as it is.

    Layer 0 is the dense input features (all but one-hot ones) in the order of ranks, layer l the units of
    hidden layer l, sorted by degree. Rows of weights are numbered: first those of all hidden units, layer by
    layer; then those of the outputs, in the order of ranks; then, with direct connections, those from the
    dense features to the outputs.

    Attributes
    ----------
    ordering : (D,) int array
        The variable at each place.
    ends : (L + 1, D + 1) int array
        ``ends[layer, r]`` is how many units of a layer are known once ranks 1..r are.
    begins : (L + 2,) int array
        Where each layer begins when all are stored one after the other, and where the last one ends.
    weights, starts : flat float32 array, int array
        The active prefix of every row of weights, and where each begins.
    biases : flat float32 array
        Of all hidden units, then of the outputs.
    partners, residual : flat int array, (L,) bool array
        For a residual layer, the place of the unit of the layer before that each unit adds.
    output_starts : (D + 1,) int array
        Where the outputs of each place begin.
    columns, column_starts : flat float32 array, int array
        For every hidden unit, its column of the next layer's weights from the first unit that depends on it,
        and where each begins.
    first_columns : (n_inputs, at least n_units) float32 array
        Weights of the first hidden layer, a row for each input feature, padded with zeros.
    direct_columns : (n_inputs, at least n_outputs) float32 array
        The same for direct connections; empty without them.
    context_first, context_outputs : (C, n_units), (C, n_outputs) float32 arrays
        What each context feature adds to the first hidden layer and to the outputs.
    kinds, inputs, n_features, tables, table_starts : (D,) ints (three), flat float32, (D,) ints
        By variable: its `KernelKind`, its first input feature and how many it has, the features of its codes.
    n_drawn, n_recorded : (D,) int arrays
        How many of its codes, the first ones, a variable is drawn from: all; all but that of a missing entry.
    activation : int
        An `Activation`.
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
    n_drawn: Ints
    n_recorded: Ints
    activation: int

    @property
    def of_recorded(self) -> Plan:
        """The plan by which no entry that is drawn is missing."""
        return self._replace(n_drawn=self.n_recorded)

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
    def matrices(self) -> list[Floats]:
        """Weights of the hidden layers after the first, then of the outputs, as dense matrices."""
        widths = [*self.widths.tolist(), int(self.output_starts[-1])]
        firsts = np.cumsum(widths)[:-1].tolist()
        return [
            self._matrix(first, width, before)
            for first, (before, width) in zip(firsts, pairwise(widths), strict=True)
        ]

    def _matrix(self, first: int, n_rows: int, n_columns: int) -> Floats:
        """Return rows of weights, by their number, as a dense matrix."""
        starts = np.append(self.starts, len(self.weights))[first : first + n_rows + 1]
        matrix = np.zeros((n_rows, n_columns), np.float32)
        for row, begin, end in zip(matrix, starts, starts[1:], strict=False):
            n = min(end - begin, n_columns)
            row[:n] = self.weights[begin : begin + n]
        return matrix


def make_plan(network: Network, mask: Mask, variables: RowType) -> Plan:
    """Derive the plan of a network under one mask.

    A network without hidden layers gets a layer without units: its one matrix counts as direct connections.
    """
    n_places = len(mask.ranks)
    connectivity = mask.connectivity if network.n_hidden else (np.zeros(0, dtype=np.int64),)
    degrees = [np.sort(d) for d in connectivity]
    orders = [np.argsort(d, kind="stable") for d in connectivity]
    output_starts = np.concatenate([[0], np.cumsum(variables.output_sizes[mask.ordering])])
    sorted_weights = _matrices(network, mask, variables).sorted(orders, _outputs_by_rank(mask, variables))
    layers, direct, context_first, context_outputs, biases = sorted_weights
    for place, variable in enumerate(mask.ordering):
        matrix = variables.block_of(variable).output_map
        if matrix is not None:  # applied to the weights once, instead of to all outputs
            rows = slice(output_starts[place], output_starts[place + 1])
            for array in (layers[-1], biases[-1], direct, context_outputs):
                array[rows] = _array(matrix).T @ array[rows]

    kinds, tables = _codings(variables)
    is_one_hot = kinds == KernelKind.ONE_HOT
    sizes = _input_sizes(variables)
    inputs = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    dense = _dense_features(mask, sizes, is_one_hot, inputs)
    n_dense = np.where(is_one_hot, 0, sizes)[mask.ordering]
    ends = np.stack(
        [
            np.concatenate([[0], np.cumsum(n_dense)]),
            *(np.searchsorted(d, np.arange(n_places + 1), "right") for d in degrees),
        ]
    )
    output_places = np.repeat(np.arange(n_places), np.diff(output_starts))
    prefixes = [(layers[0][:, dense], ends[0, degrees[0]])]
    prefixes += [(layers[i], ends[i, degrees[i]]) for i in range(1, len(degrees))]
    prefixes += [(layers[-1], ends[-1, output_places])]
    if direct.shape[1]:
        prefixes += [(direct[:, dense], ends[0, output_places])]
    lengths = np.concatenate([n for _, n in prefixes])
    # Units of degree >= its own in the next layer depend on a unit, and outputs of higher rank.
    dependents = [np.where(d > 0, above[d - 1], 0) for d, above in zip(degrees[:-1], ends[2:], strict=True)]
    dependents.append(output_starts[degrees[-1]])
    columns = [_suffixes(w.T, first) for w, first in zip(layers[1:], dependents, strict=True)]
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
        first_columns=_aligned(_padded(layers[0].T)),
        direct_columns=_aligned(_padded(direct.T)),
        context_first=np.ascontiguousarray(context_first.T),
        context_outputs=np.ascontiguousarray(context_outputs.T),
        kinds=kinds,
        inputs=inputs,
        n_features=sizes.astype(np.int64),
        tables=_flat(tables),
        table_starts=np.cumsum([0, *(t.size for t in tables)])[:-1],
        n_drawn=variables.n_values.astype(np.int64),
        n_recorded=np.array([block.n_classes for _, block in variables.columns()], dtype=np.int64),
        activation=int(ACTIVATIONS[network.activation]),
    )


class _Matrices(NamedTuple):
    """The masked weights: layer by layer, from the inputs to the outputs, of the context; and the biases."""

    layers: list[Floats]
    direct: Floats
    context_first: Floats
    context_outputs: Floats
    biases: list[Floats]

    def sorted(self, orders: list[Ints], outputs: Ints) -> _Matrices:
        """Return them with hidden units and outputs in these orders."""
        rows = [*orders, outputs]
        layers = [matrix[own] for matrix, own in zip(self.layers, rows, strict=True)]
        for i, order in enumerate(orders):
            layers[i + 1] = layers[i + 1][:, order]
        return _Matrices(
            layers,
            self.direct[outputs],
            self.context_first[orders[0]],
            self.context_outputs[outputs],
            [bias[own] for bias, own in zip(self.biases, rows, strict=True)],
        )


def _matrices(network: Network, mask: Mask, variables: RowType) -> _Matrices:
    """Return the masked weights of a network."""
    n_inputs = variables.n_inputs
    masked = [_array(w) * m[:, : w.shape[1]] for w, m in zip(network.weights, mask.layers, strict=True)]
    biases = [_array(bias) for bias in network.biases]
    n_outputs = len(masked[-1])
    context_outputs = np.zeros((n_outputs, 0), np.float32)
    if network.context is not None:
        context_outputs = _array(network.context)
    context_first = masked[0][:, n_inputs:]
    first = _with_unseen(masked[0][:, :n_inputs], variables)
    direct = np.zeros((n_outputs, 0), np.float32)
    if network.n_hidden == 0:
        direct, context_first = first, np.zeros((0, context_outputs.shape[1]), np.float32)
        layers = [np.zeros((0, first.shape[1]), np.float32), np.zeros((n_outputs, 0), np.float32)]
        biases.insert(0, np.zeros(0, np.float32))
    else:
        layers = [first, *masked[1:]]
    if network.direct is not None:
        of_mask = _array(network.direct) * mask.direct
        linear = network.linear_under(mask.ranks)
        if linear is not None:
            of_mask += _array(linear.weight)
            biases[-1] = biases[-1] + _array(linear.bias)
        own = _with_unseen(of_mask, variables)
        direct = direct + own if direct.shape[1] else own
    return _Matrices(layers, direct, context_first, context_outputs, biases)


def _input_sizes(variables: RowType) -> Ints:
    """Return the features of each variable: a label that is no class has one more, of weight zero."""
    sizes = variables.input_sizes.astype(np.int64)
    for d, block in variables.columns():
        sizes[d] += block.unseen is not None and getattr(block, "kernel_kind", None) == "one-hot"
    return sizes


def _with_unseen(weight: Floats, variables: RowType) -> Floats:
    """Return a weight (n_out, n_inputs) with columns of zeros where `_input_sizes` has a feature more."""
    more = _input_sizes(variables) > variables.input_sizes
    return np.insert(weight, np.cumsum(variables.input_sizes)[more], 0, axis=1) if more.any() else weight


def _array(tensor: Any) -> Floats:
    array: Floats = tensor.detach().cpu().numpy()
    return array


def _outputs_by_rank(mask: Mask, variables: RowType) -> Ints:
    """Return the outputs in the order of ranks, those of one variable in their own order."""
    begins = np.concatenate([[0], np.cumsum(variables.output_sizes)])
    parts = [np.arange(begins[d], begins[d + 1]) for d in mask.ordering]
    return np.concatenate(parts).astype(np.int64)


def _dense_features(mask: Mask, sizes: Ints, is_one_hot: NDArray[np.bool_], inputs: Ints) -> Ints:
    """Return the input features that are not one-hot, in the order of ranks."""
    parts = [np.arange(inputs[d], inputs[d] + sizes[d]) for d in mask.ordering if not is_one_hot[d]]
    return np.concatenate([np.zeros(0, np.int64), *parts])


def _codings(variables: RowType) -> tuple[Ints, list[Floats]]:
    kinds, tables = [], []
    for d in range(variables.n_variables):
        block = variables.block_of(d)
        table = block.feature_table if isinstance(block, Discrete) else None
        kinds.append(KERNEL_KINDS[block.kernel_kind])
        tables.append(np.zeros(0, np.float32) if table is None else _array(table).reshape(-1))
    return np.array(kinds, dtype=np.int64), tables


def _partners(orders: list[Ints], i: int) -> Ints:
    """Return where each sorted unit's own number stands in the layer before, for a residual layer."""
    if i == 0 or len(orders[i]) != len(orders[i - 1]):
        return np.zeros(len(orders[i]), dtype=np.int64)
    places = np.empty(len(orders[i - 1]), dtype=np.int64)
    places[orders[i - 1]] = np.arange(len(orders[i - 1]))
    return places[orders[i]]


def _padded(rows: Floats) -> Floats:
    """Pad each row with zeros to whole vectors."""
    return np.pad(rows, ((0, 0), (0, -rows.shape[1] % VECTOR)))


def _suffixes(rows: Floats, first: Ints) -> tuple[Floats, Ints]:
    """Return each row from the vector that holds its place `first`, concatenated, and their lengths."""
    padded, begins = _padded(rows), first // VECTOR * VECTOR
    return padded[np.arange(padded.shape[1]) >= begins[:, None]], padded.shape[1] - begins


def _aligned(array: Floats) -> Floats:
    """Return a copy that begins at a cache line, so that no vector lies across two lines."""
    memory = np.empty(array.size + VECTOR, np.float32)
    begin = -(memory.ctypes.data // memory.itemsize) % VECTOR
    copy = memory[begin : begin + array.size].reshape(array.shape)
    copy[...] = array
    return copy


def _flat(arrays: list[Floats]) -> Floats:
    return np.concatenate([np.zeros(0, np.float32), *(a.reshape(-1) for a in arrays)]).astype(np.float32)
