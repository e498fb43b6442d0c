"""A model that starts as the Chow-Liu tree of its training rows.

Every variable of the tree depends on one other, its parent. In an ordering with parents first, biases and
direct connections can represent that, so that the untrained model has the tree's conditionals exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from made.baselines import ChowLiuTree
from made.model import MADE
from made.variables.discrete import Bernoulli, Categorical
from made.variables.schema import Schema

__all__ = ["build_as_tree", "can_be_tree", "tree_ordering"]


def can_be_tree(schema: Schema) -> bool:
    """Return whether direct connections can represent any dependence of one variable on another."""
    return not schema.context and all(
        isinstance(block, Bernoulli)
        or (isinstance(block, Categorical) and block.coding == "one-hot" and block.smooth == 0)
        for block in schema.row_type.blocks
    )


def tree_ordering(parents: NDArray[np.intp]) -> list[int]:
    """Return the variables of a tree depth first, parents before children.

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


def build_as_tree(schema: Schema, settings: Mapping[str, Any], tree: ChowLiuTree, seed: int = 0) -> MADE:
    """Build a model in the ordering of a Chow-Liu tree, with the tree's conditionals.

    Parameters
    ----------
    schema : Schema
        Of the rows that the tree was fitted on.
    settings : mapping
        The other arguments of `MADE`, with direct connections and without an ordering.
    tree : ChowLiuTree
        Of the training rows.
    seed : int
        Of the initial weights.
    """
    model = MADE(schema, seed=seed, **{**settings, "ordering": tree_ordering(tree.parents)})
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
            if output_sizes[child] < logits.shape[1]:  # one logit of two classes
                logits = logits[:, 1:] - logits[:, :1]
            out = slice(outputs[child], outputs[child] + output_sizes[child])
            if parent < 0:
                network.biases[-1][out] = torch.from_numpy(logits[0])
                continue
            if input_sizes[parent] < logits.shape[0]:
                network.biases[-1][out] = torch.from_numpy(logits[0])
                logits = logits[1:] - logits[:1]
            into = slice(inputs[parent], inputs[parent] + input_sizes[parent])
            network.direct[out, into] = torch.from_numpy(logits.T.copy()).float()
    return model
