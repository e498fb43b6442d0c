"""A model that starts as the Chow-Liu tree of its training rows: what pairs of variables say is there.

Every variable of the tree depends on one other, its parent. In an ordering in which parents come first that
is a bias and some direct connections, so that the untrained model has the tree's conditionals exactly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from made.baselines import ChowLiuTree
from made.model import MADE
from made.variables.base import Variable
from made.variables.discrete import Bernoulli, Categorical
from made.variables.row_type import RowType

__all__ = ["build_as_tree", "can_be_tree", "tree_ordering"]


def can_be_tree(model: MADE) -> bool:
    """Say whether direct connections can hold what one variable says about another, class by class."""
    return model.context.n_features == 0 and all(
        isinstance(block, Bernoulli)
        or (isinstance(block, Categorical) and block.coding == "one-hot" and block.smooth == 0)
        for block in model.variables.blocks
    )


def tree_ordering(parents: NDArray[np.intp]) -> list[int]:
    """Return the variables of a tree from its roots downward, a branch to its end before the next.

    Examples
    --------
    >>> tree_ordering(np.array([2, 0, -1, 2]))
    [2, 0, 1, 3]
    """
    children: dict[int, list[int]] = {}
    for child, parent in enumerate(parents.tolist()):
        children.setdefault(parent, []).append(child)
    ordering: list[int] = []
    waiting = children[-1][::-1]
    while waiting:
        ordering.append(waiting.pop())
        waiting += children.get(ordering[-1], [])[::-1]
    return ordering


def build_as_tree(
    variables: Variable | Sequence[Variable], settings: Mapping[str, Any], rows: ArrayLike, seed: int = 0
) -> MADE:
    """Build a model in the ordering of the Chow-Liu tree of some rows, with the tree's conditionals.

    Parameters
    ----------
    variables : Variable or sequence of Variable
        Of the model.
    settings : mapping
        The other arguments of `MADE`, with direct connections and without an ordering.
    rows : (n, D) array
        Codes of training rows.
    seed : int
        Of the initial weights.
    """
    tree = ChowLiuTree(rows, RowType(variables).n_values.tolist())
    model = MADE(variables, seed=seed, **{**settings, "ordering": tree_ordering(tree.parents)})
    network, input_sizes, output_sizes = (
        model.network,
        model.variables.input_sizes,
        model.variables.output_sizes,
    )
    assert network.direct is not None
    inputs, outputs = np.cumsum(input_sizes) - input_sizes, np.cumsum(output_sizes) - output_sizes
    with torch.no_grad():
        for child, parent in enumerate(tree.parents.tolist()):
            logits = np.log(tree.tables[child])  # (classes of the parent, classes of the child)
            if output_sizes[child] == 1:
                logits = logits[:, 1:] - logits[:, :1]
            out = slice(outputs[child], outputs[child] + output_sizes[child])
            if parent < 0:
                network.biases[-1][out] = torch.from_numpy(logits[0])
                continue
            if input_sizes[parent] == 1:
                network.biases[-1][out] = torch.from_numpy(logits[0])
                logits = logits[1:] - logits[:1]
            into = slice(inputs[parent], inputs[parent] + input_sizes[parent])
            network.direct[out, into] = torch.from_numpy(logits.T.copy()).float()
    return model
