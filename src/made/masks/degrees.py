"""Degrees and the two rules that turn them into masks: pure functions on integer arrays.

With the ranks of the variables and a degree m(k) for every hidden unit, Germain et al. (2015, eqs. 12-13,
and their deep form in section 4.1) let a weight be active

* between layers where m(k) >= m'(j), the inputs counting with their rank as degree;
* at the output where rank(d) > m(k).

A mask is shaped like its weight, outputs x inputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from made.masks.ordering import IntArray, ordering_of
from made.masks.receptive_field import EVERYWHERE, ReceptiveField
from made.support.errors import InputError
from made.support.uniforms import Stream

__all__ = [
    "BoolArray",
    "Connectivity",
    "Mask",
    "check_connectivity",
    "draw_connectivity",
    "hidden_mask",
    "output_mask",
]

BoolArray = NDArray[np.bool_]

#: The degrees of all hidden units, layer by layer.
Connectivity = tuple[IntArray, ...]

# With a context, one hidden unit in 16 sees nothing else.
_UNITS_PER_CONTEXT_UNIT = 16


def hidden_mask(degrees_in: IntArray, degrees_out: IntArray) -> BoolArray:
    """Return rule (1): the unit with degree m(k) sees what has degree m'(j) <= m(k).

    Parameters
    ----------
    degrees_in : (n_in,) int array
        Degrees of the units before, or ranks of the input features.
    degrees_out : (n_out,) int array
        Degrees of the units whose mask this is.

    Returns
    -------
    (n_out, n_in) bool array

    Examples
    --------
    The seed's worked example, D = 3 and degrees 1 2 1 2. It prints this matrix transposed and with a stray 1
    for the last input, against its own rule; no unit may see x3:

    >>> hidden_mask(np.array([1, 2, 3]), np.array([1, 2, 1, 2])).astype(int)
    array([[1, 0, 0],
           [1, 1, 0],
           [1, 0, 0],
           [1, 1, 0]])
    """
    return degrees_out[:, None] >= degrees_in[None, :]


def output_mask(degrees_in: IntArray, ranks_out: IntArray) -> BoolArray:
    """Return rule (2): the output of rank d sees what has a degree below d.

    The same rule serves direct connections, whose `degrees_in` are the ranks of the input features.

    Parameters
    ----------
    degrees_in : (n_in,) int array
        Degrees of the last hidden layer, or ranks of the input features.
    ranks_out : (n_out,) int array
        Rank of the variable that each output belongs to.

    Returns
    -------
    (n_out, n_in) bool array

    Examples
    --------
    >>> output_mask(np.array([1, 2, 1, 2]), np.array([1, 2, 3])).astype(int)
    array([[0, 0, 0, 0],
           [1, 0, 1, 0],
           [1, 1, 1, 1]])
    """
    return ranks_out[:, None] > degrees_in[None, :]


def draw_connectivity(
    hidden: Sequence[int],
    n_variables: int,
    kind: str | NDArray[np.float64] = "uniform",
    *,
    stream: Stream,
    tied: bool = False,
    shuffle: bool = True,
    context: bool = False,
) -> Connectivity:
    """Draw the degrees of all hidden units.

    Parameters
    ----------
    hidden : sequence of int
        Sizes of the hidden layers.
    n_variables : int
        D; degrees lie in 1..D-1 (with D = 1 there is no valid degree: all are 0, and nothing is active).
    kind : "uniform", "even" or (D - 1,) array
        ``"uniform"``: from [smallest degree of the layer before, D - 1] (the seed's "Fix #1": a unit below
        that would see nothing). ``"even"``: spread evenly over 1..D-1. An array: degree m with a probability
        proportional to ``kind[m - 1]``, not below the layer before where the weights allow it.
    stream : Stream
        Source of uniforms.
    tied : bool
        Give a layer the degrees of the layer before when their sizes agree, as residual layers need.
    shuffle : bool
        False sorts the degrees of every layer, which for one mask changes the numbering of its units alone.
        With several masks on one set of weights it would make all connectivities alike.
    context : bool
        Whether the model has a context. One unit in sixteen of every layer, and at least one where there are
        two, then has degree 0 and sees the context alone: the first variable of the ordering depends on
        context in more than a linear way. With D = 1 all have.

    Returns
    -------
    tuple of int arrays, one per hidden layer

    Examples
    --------
    >>> draw_connectivity((4, 6), 5, "even", stream=Stream(0), shuffle=False)
    (array([1, 2, 3, 4]), array([1, 1, 2, 3, 3, 4]))
    """
    if n_variables < 2:
        return tuple(np.zeros(size, dtype=np.int64) for size in hidden)
    layers: list[IntArray] = []
    for size in hidden:
        if tied and layers and len(layers[-1]) == size:
            layers.append(layers[-1])
            continue
        of_context = np.zeros(
            max(1, size // _UNITS_PER_CONTEXT_UNIT) if context and size > 1 else 0, np.int64
        )
        before = layers[-1][layers[-1] > 0] if layers else np.zeros(0, np.int64)
        lowest = int(before.min()) if len(before) else 1
        uniforms = stream.take(size - len(of_context))
        if not isinstance(kind, str):
            degrees = _draw_weighted(uniforms, kind, lowest)
        elif kind == "even":
            degrees = _spread(len(uniforms), n_variables)[np.argsort(uniforms, kind="stable")]
        else:
            degrees = (uniforms * (n_variables - lowest)).astype(np.int64) + lowest
        degrees = np.concatenate([of_context, degrees])
        layers.append(degrees if shuffle else np.sort(degrees))
    return tuple(layers)


def _spread(size: int, n_variables: int) -> IntArray:
    """Spread `size` degrees evenly over 1..D-1: every degree gets size/(D-1) units, rounded."""
    return np.arange(size, dtype=np.int64) * (n_variables - 1) // size + 1


def _draw_weighted(uniforms: NDArray[np.float64], weights: NDArray[np.float64], lowest: int) -> IntArray:
    allowed = weights.copy()
    allowed[: lowest - 1] = 0
    if allowed.sum() == 0:  # the user's weights lie below the layer before: they win over "Fix #1"
        allowed = weights
    cumulated = np.cumsum(allowed)
    drawn = np.searchsorted(cumulated, uniforms * cumulated[-1], side="right")
    degrees: IntArray = np.minimum(drawn, np.flatnonzero(allowed)[-1]) + 1
    return degrees


def check_connectivity(
    connectivity: object,
    hidden: Sequence[int],
    n_variables: int,
    *,
    residual: Sequence[bool] | None = None,
    context: bool = False,
) -> str | NDArray[np.float64] | Connectivity:
    """Return a user's connectivity: a form that `draw_connectivity` takes, or degrees; or refuse it.

    Parameters
    ----------
    connectivity : str, (D - 1,) weights, or one list of degrees per hidden layer
        As a user gives it.
    hidden, n_variables
        Sizes of the hidden layers, and D.
    residual : sequence of bool, optional
        Whether hidden layer l adds the layer before to its output: then m_l(k) >= m_{l-1}(k) must hold.
    context : bool
        Whether the model has a context: units may then have degree 0.

    Raises
    ------
    InputError
        If the degrees or weights make no sense for this network.

    Examples
    --------
    >>> check_connectivity([[1, 2, 3, 2]], (4,), 3)
    Traceback (most recent call last):
        ...
    made.support.errors.InputError: degrees must lie in 1..2 (D - 1): hidden layer 1 holds 3
    """
    if isinstance(connectivity, str):
        if connectivity not in ("uniform", "even"):
            raise InputError(
                f"connectivity is 'uniform', 'even', D - 1 = {n_variables - 1} weights "
                f"or one list of degrees per hidden layer, got {connectivity!r}"
            )
        return connectivity
    if not isinstance(connectivity, (Sequence, np.ndarray)):
        raise InputError(
            f"connectivity cannot be a {type(connectivity).__name__}: use 'uniform', 'even' or lists"
        )
    if len(connectivity) == 0 or isinstance(connectivity[0], int | float | np.number):
        if len(hidden) == 0 and len(connectivity) == 0:
            return ()
        return _check_weights(connectivity, n_variables)
    least = 0 if context else 1
    layers = tuple(_check_layer(layer, i + 1, n_variables, least) for i, layer in enumerate(connectivity))
    sizes = tuple(len(layer) for layer in layers)
    if sizes != tuple(hidden):
        raise InputError(f"the degrees given are for hidden layers {sizes}, the network has {tuple(hidden)}")
    for i in range(1, len(layers)):
        if residual is not None and residual[i] and (layers[i] < layers[i - 1]).any():
            raise InputError(
                f"a residual layer needs degrees at least those of the layer before, unit by unit: "
                f"hidden layer {i + 1} falls below layer {i}"
            )
    return layers


def _check_layer(layer: Any, number: int, n_variables: int, least: int) -> IntArray:
    try:
        degrees = np.asarray(layer)
    except ValueError:  # ragged
        degrees = np.asarray(layer, dtype=object)
    if degrees.ndim != 1 or degrees.dtype.kind not in "iuf" or not np.array_equal(degrees, np.floor(degrees)):
        raise InputError(f"degrees are one flat list of whole numbers per hidden layer (see layer {number})")
    degrees = degrees.astype(np.int64)
    wrong = degrees[(degrees < least) | (degrees > n_variables - 1)]
    if len(wrong) and n_variables > 1:
        raise InputError(
            f"degrees must lie in {least}..{n_variables - 1} (D - 1): hidden layer {number} holds {wrong[0]}"
        )
    return degrees if n_variables > 1 else np.zeros_like(degrees)


def _check_weights(weights: Any, n_variables: int) -> NDArray[np.float64]:
    try:
        distribution = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError("a distribution over degrees is a flat list of numbers") from None
    if distribution.shape != (n_variables - 1,):
        raise InputError(
            f"a distribution over degrees has D - 1 = {n_variables - 1} weights, got {distribution.size}; "
            "to give the degrees themselves, give one list per hidden layer: [[1, 2, 1, 2]]"
        )
    if not np.isfinite(distribution).all() or (distribution < 0).any() or not distribution.any():
        raise InputError("a distribution over degrees needs weights >= 0 that do not all vanish")
    with np.errstate(over="ignore"):
        is_too_large = not np.isfinite(distribution.sum())
    if is_too_large:
        distribution = distribution / distribution.max()
    # Normalized weights stay the same to the last bit: masks must not change when they are read from a file.
    total = distribution.sum()
    return distribution if abs(total - 1) < 1e-12 else distribution / total


@dataclass(frozen=True, eq=False)
class Mask:
    """One mask of a model: an ordering with a connectivity, and the binary matrices they make.

    Parameters
    ----------
    ranks : (D,) int array
        Rank of every variable.
    connectivity : tuple of int arrays
        Degrees of all hidden units.
    input_ranks, output_ranks : int arrays
        Rank of the variable behind every input feature and every output. The one-hot features of a variable
        have one rank: variables are permuted first and their ranks repeated then (the seed would shuffle the
        repeated list, which lets outputs see their own input).
    n_context : int
        Number of context features after the input features; their rank is 0.
    field : ReceptiveField, optional
        Limits the layers further, but not direct connections.
    """

    ranks: IntArray
    connectivity: Connectivity
    input_ranks: IntArray
    output_ranks: IntArray
    n_context: int = 0
    field: ReceptiveField | None = None

    @cached_property
    def ordering(self) -> IntArray:
        """(D,) int array: the variables in the order in which they are generated."""
        return ordering_of(self.ranks)

    @cached_property
    def feature_ranks(self) -> IntArray:
        """Ranks of the inputs of the first hidden layer: the input features, then those of context."""
        return np.concatenate([self.input_ranks, np.zeros(self.n_context, dtype=np.int64)])

    @cached_property
    def degrees(self) -> Connectivity:
        """The inputs' ranks, the degrees of the hidden layers, the outputs' ranks."""
        # Context goes to the outputs by weights of its own, which no mask limits.
        inputs = self.feature_ranks if self.connectivity else self.input_ranks
        return (inputs, *self.connectivity, self.output_ranks)

    @cached_property
    def layers(self) -> tuple[BoolArray, ...]:
        """One matrix per layer, the output's last, each shaped like its weight (outputs x inputs)."""
        between = [hidden_mask(below, above) for below, above in pairwise(self.degrees[:-1])]
        layers = (*between, output_mask(*self.degrees[-2:]))
        if self.field is None:
            return layers
        near = [self.field.near(above, below) for below, above in pairwise(self.places)]
        return tuple(layer & limit for layer, limit in zip(layers, near, strict=True))

    @cached_property
    def places(self) -> Connectivity:
        """The variable at which each feature, unit and output is; see `ReceptiveField`."""
        inputs = np.where(self.degrees[0] == 0, EVERYWHERE, self.ordering[self.degrees[0] - 1])
        hidden = (self.ordering[degrees] for degrees in self.connectivity)
        return (inputs, *hidden, self.ordering[self.output_ranks - 1])

    @cached_property
    def direct(self) -> BoolArray:
        """The mask of direct connections from the inputs to the outputs."""
        return output_mask(self.input_ranks, self.output_ranks)
