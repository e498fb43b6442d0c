"""What a model is made of and what its masks cost: layers, active weights, inputs and units left out."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from made.masks.degrees import BoolArray, Mask
from made.support.listing import listed

__all__ = ["LayerSummary", "Summary", "summarize"]

# Ways to the outputs beside the last layer, which has the biases.
_WITHOUT_BIASES = ("direct", "context")


@dataclass(frozen=True)
class LayerSummary:
    """One weight matrix: its name, its shape and how many of its weights are active under the mask."""

    name: str
    n_inputs: int
    n_units: int
    active: int

    @property
    def weights(self) -> int:
        """Number of weights, masked ones included."""
        return self.n_inputs * self.n_units

    @property
    def fraction(self) -> float:
        """Fraction of active weights; 1 where there are no weights at all."""
        return self.active / self.weights if self.weights else 1.0


@dataclass(frozen=True)
class Summary:
    """The layer table of a network under one mask, and what the mask costs.

    Attributes
    ----------
    title : str
        What the network is.
    layers : tuple of LayerSummary
        In the order of the forward pass; direct connections last.
    unseen_inputs : tuple of int
        Variables that no unit and no output ever sees, the last of the ordering apart: nothing may see that.
    unreached_units : tuple of int
        Per hidden layer, how many units see no input: constants.
    unused_units : tuple of int
        Per hidden layer, how many units lead to no output.
    """

    title: str
    layers: tuple[LayerSummary, ...]
    unseen_inputs: tuple[int, ...]
    unreached_units: tuple[int, ...]
    unused_units: tuple[int, ...]

    @property
    def parameters(self) -> int:
        """Number of weights and biases, masked ones included."""
        biases = sum(layer.n_units for layer in self.layers if layer.name not in _WITHOUT_BIASES)
        return biases + sum(layer.weights for layer in self.layers)

    @property
    def active_fraction(self) -> float:
        """Fraction of active weights over all layers."""
        weights = sum(layer.weights for layer in self.layers)
        return sum(layer.active for layer in self.layers) / weights if weights else 1.0

    def __str__(self) -> str:
        """Lay it out as a table."""
        lines = [
            self.title,
            "",
            f"{'layer':<10}{'inputs':>8}{'units':>8}{'weights':>12}{'active':>12}{'of all':>8}",
        ]
        lines += [
            f"{layer.name:<10}{layer.n_inputs:>8,}{layer.n_units:>8,}"
            f"{layer.weights:>12,}{layer.active:>12,}{layer.fraction:>8.1%}"
            for layer in self.layers
        ]
        weights = sum(layer.weights for layer in self.layers)
        active = sum(layer.active for layer in self.layers)
        lines += [f"{'total':<26}{weights:>12,}{active:>12,}{self.active_fraction:>8.1%}", ""]
        lines += [f"{self.parameters:,} parameters with the biases", *self._costs()]
        return "\n".join(lines)

    def _costs(self) -> list[str]:
        lines = []
        if self.unseen_inputs:
            which = listed([f"x{i}" for i in self.unseen_inputs])
            lines.append(
                f"{len(self.unseen_inputs):,} variables that no unit ever sees: {which} "
                "(wider layers, evenly spaced degrees or direct connections let them in)"
            )
        else:
            lines.append("every variable is seen, but the last of the ordering, which nothing may see")
        for number, (unreached, unused) in enumerate(
            zip(self.unreached_units, self.unused_units, strict=True), 1
        ):
            if unreached:
                lines.append(f"hidden layer {number}: {unreached:,} units that no input reaches (constants)")
            if unused:
                lines.append(f"hidden layer {number}: {unused:,} units that lead to no output")
        return lines


def summarize(
    title: str,
    widths: tuple[int, ...],
    mask: Mask | None,
    input_sizes: NDArray[np.int64],
    *,
    residual: tuple[bool, ...] = (),
    direct: bool = False,
) -> Summary:
    """Summarize a network.

    Parameters
    ----------
    title : str
        First line of the summary.
    widths : tuple of int
        Inputs, hidden layers, outputs.
    mask : Mask or None
        None for an ordinary network: every weight is active.
    input_sizes : (D,) int array
        Input features of each variable.
    residual : tuple of bool
        Which hidden layers add the layer before.
    direct : bool
        Whether inputs are connected to outputs as well.
    """
    if mask is None:
        matrices = [np.ones((after, before), bool) for before, after in pairwise(widths)]
        across = np.ones((widths[-1] if direct else 0, widths[0]), bool)
    else:
        # The mask of direct connections may be the largest of all: it is made only if it is needed.
        matrices = list(mask.layers)
        across = mask.direct if direct else np.ones((0, len(mask.input_ranks)), bool)
    names = [f"hidden {i}" for i in range(1, len(matrices))] + ["output"]
    layers = [_layer(name, matrix) for name, matrix in zip(names, matrices, strict=True)]
    if direct:
        layers.append(_layer("direct", across))
    n_context = 0 if mask is None else mask.n_context
    if n_context:
        layers.append(_layer("context", np.ones((widths[-1], n_context), bool)))

    last = None if mask is None else int(mask.ordering[-1])
    owners = np.repeat(np.arange(len(input_sizes)), input_sizes)
    # The first layer's last columns are context, which belongs to no variable.
    seen_by_any = matrices[0][:, : len(owners)].any(axis=0) | (across.any(axis=0) if direct else False)
    seen = set(owners[seen_by_any].tolist())
    unseen = tuple(d for d in range(len(input_sizes)) if d not in seen and d != last)
    reached, used = _reached(matrices, residual), _used(matrices, residual)
    return Summary(
        title=title,
        layers=tuple(layers),
        unseen_inputs=unseen,
        unreached_units=tuple(int((~units).sum()) for units in reached),
        unused_units=tuple(int((~units).sum()) for units in used),
    )


def _layer(name: str, matrix: BoolArray) -> LayerSummary:
    return LayerSummary(name, matrix.shape[1], matrix.shape[0], int(matrix.sum()))


def _reached(matrices: list[BoolArray], residual: tuple[bool, ...]) -> list[BoolArray]:
    """Per hidden layer, the units that some input reaches."""
    units: BoolArray = np.ones(matrices[0].shape[1], bool)
    layers: list[BoolArray] = []
    for i, matrix in enumerate(matrices[:-1]):
        out: BoolArray = np.asarray((matrix & units).any(axis=1))
        units = np.logical_or(out, units) if residual and residual[i] else out
        layers.append(units)
    return layers


def _used(matrices: list[BoolArray], residual: tuple[bool, ...]) -> list[BoolArray]:
    """Per hidden layer, the units that lead to some output."""
    layers: list[BoolArray] = []
    units: BoolArray = np.asarray(matrices[-1].any(axis=0))
    for i in range(len(matrices) - 2, -1, -1):
        layers.insert(0, units)
        below: BoolArray = np.asarray((matrices[i] & units[:, None]).any(axis=0))
        units = np.logical_or(below, units) if residual and residual[i] else below
    return layers
