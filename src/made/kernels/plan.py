"""A plan for one-pass sampling: the weights of one mask, permuted so that whatever is final is a prefix.

Hidden units of a layer are exchangeable. Sorted by degree, the units that are final once ranks 1..r are known
are the first ones of their layer, and all sums run over prefixes of contiguous rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from made.masks import Mask
from made.network import ACTIVATIONS, Network
from made.rows import Variables

__all__ = ["KINDS", "Plan", "make_plan"]

#: What a variable's inputs and outputs are to the kernel.
KINDS = {"bernoulli": 0, "one-hot": 1, "table": 2}

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Plan:
    """Everything the kernel reads. Layers lie one after the other in flat arrays.

    Attributes
    ----------
    ordering : (D,) int array
        The variable at each place.
    final : (L, D + 1) int array
        ``final[l, r]`` is the number of units of hidden layer l with degree <= r.
    widths : (L,) int array
        Sizes of the hidden layers.
    first : (n_inputs, widths[0]) float32 array
        Weights of the first layer, transposed: a known input adds a row of it.
    hidden, hidden_starts : flat float32 array, (L,) int array
        Weights of the layers after the first, row by row, and where each layer's begin.
    biases, bias_starts : flat float32 array, (L,) int array
        Of all hidden layers.
    partners, residual : flat int array, (L,) bool array
        For a residual layer, the place of each unit's partner in the layer before.
    output, output_bias, output_starts : (n_outputs, width) float32, (n_outputs,) float32, (D + 1,) int arrays
        Outputs in the order of ranks, and where those of each rank begin.
    direct : (n_inputs, n_outputs) float32 array
        Transposed, outputs in the order of ranks; empty without direct connections.
    kinds, inputs, tables, table_starts : (D,) ints, (D,) ints, flat float32, (D,) ints
        By variable: its kind, its first input feature, and the features of its codes.
    n_features : (D,) int array
        Input features of each variable.
    activation : int
        Its place in `ACTIVATIONS`.
    """

    ordering: Ints
    final: Ints
    widths: Ints
    first: Floats
    hidden: Floats
    hidden_starts: Ints
    biases: Floats
    bias_starts: Ints
    partners: Ints
    residual: NDArray[np.bool_]
    output: Floats
    output_bias: Floats
    output_starts: Ints
    direct: Floats
    kinds: Ints
    inputs: Ints
    n_features: Ints
    tables: Floats
    table_starts: Ints
    activation: int

    def arrays(self) -> tuple[Any, ...]:
        """Return the fields in order, as the kernel takes them."""
        return tuple(getattr(self, name) for name in self.__dataclass_fields__)


def make_plan(network: Network, mask: Mask, variables: Variables) -> Plan:
    """Derive the plan of a network under one mask.

    The network needs at least one hidden layer; without one, a layer of no units is put in.
    """
    n_variables, n_hidden = len(mask.ranks), network.n_hidden
    weights = [_masked(w, m) for w, m in zip(network.weights, mask.layers, strict=True)]
    biases = [_array(b) for b in network.biases]
    if n_hidden == 0:
        # The only matrix then goes from inputs to outputs: direct connections by another name.
        connectivity: tuple[Ints, ...] = (np.zeros(0, dtype=np.int64),)
        across = weights[0]
        weights = [np.zeros((0, across.shape[1]), np.float32), np.zeros((across.shape[0], 0), np.float32)]
        biases = [np.zeros(0, np.float32), biases[-1]]
    else:
        connectivity = mask.connectivity
        across = np.zeros((weights[-1].shape[0], 0), np.float32)
    if network.direct is not None:
        direct = _masked(network.direct, mask.direct)
        across = direct if n_hidden else across + direct

    orders = [np.argsort(degrees, kind="stable") for degrees in connectivity]
    outputs = _outputs_by_rank(mask, variables)
    maps = [_output_map(variables, d) for d in mask.ordering]
    for i, order in enumerate(orders):
        weights[i] = weights[i][order]
        biases[i] = biases[i][order]
        weights[i + 1] = weights[i + 1][:, order]
    starts = np.concatenate([[0], np.cumsum(variables.output_sizes[mask.ordering])])
    output, output_bias, across = weights[-1][outputs], biases[-1][outputs], across[outputs]
    for rank, matrix in enumerate(maps):
        if matrix is not None:  # what is done to the outputs afterwards is done to the weights, once
            rows = slice(starts[rank], starts[rank + 1])
            output[rows], output_bias[rows] = matrix @ output[rows], matrix @ output_bias[rows]
            if across.size:
                across[rows] = matrix @ across[rows]
    kinds, tables = _codings(variables)
    residual = np.array([*network.residual] if n_hidden else [False])
    return Plan(
        ordering=mask.ordering.astype(np.int64),
        final=np.stack(
            [np.searchsorted(np.sort(d), np.arange(n_variables + 1), "right") for d in connectivity]
        ),
        widths=np.array([len(d) for d in connectivity]),
        first=np.ascontiguousarray(weights[0].T),
        hidden=_flat(weights[1:-1]),
        hidden_starts=_starts([np.zeros(0, np.float32), *weights[1:-1]]),
        biases=_flat(biases[:-1]),
        bias_starts=_starts(biases[:-1]),
        partners=np.concatenate([_partners(orders, i) for i in range(len(orders))]),
        residual=residual,
        output=np.ascontiguousarray(output),
        output_bias=np.ascontiguousarray(output_bias),
        output_starts=starts,
        direct=np.ascontiguousarray(across.T),
        kinds=kinds,
        inputs=np.concatenate([[0], np.cumsum(variables.input_sizes)[:-1]]),
        n_features=variables.input_sizes.astype(np.int64),
        tables=_flat(tables),
        table_starts=_starts(tables),
        activation=list(ACTIVATIONS).index(network.activation),
    )


def _array(tensor: Any) -> Floats:
    array: Floats = tensor.detach().cpu().numpy()
    return array


def _masked(weight: Any, mask: NDArray[np.bool_]) -> Floats:
    masked: Floats = _array(weight) * mask
    return masked


def _outputs_by_rank(mask: Mask, variables: Variables) -> Ints:
    """Return the outputs in the order of ranks, those of one variable in their own order."""
    begins = np.concatenate([[0], np.cumsum(variables.output_sizes)])
    parts = [np.arange(begins[d], begins[d + 1]) for d in mask.ordering]
    return np.concatenate(parts).astype(np.int64)


def _output_map(variables: Variables, variable: int) -> Floats | None:
    matrix = variables.block_of(variable).output_map
    return None if matrix is None else _array(matrix).T


def _codings(variables: Variables) -> tuple[Ints, list[Floats]]:
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


def _flat(arrays: list[Floats]) -> Floats:
    return np.concatenate([np.zeros(0, np.float32), *(a.reshape(-1) for a in arrays)]).astype(np.float32)


def _starts(arrays: list[Floats]) -> Ints:
    return np.concatenate([[0], np.cumsum([a.size for a in arrays])[:-1]]).astype(np.int64)
